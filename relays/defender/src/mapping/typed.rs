//! Observables whose type follows from their value.

use std::net::{IpAddr, Ipv6Addr};

use relay_core::ctim::{Observable, ObservableType};
use relay_core::observable;
use url::{Host, Url};

/// An address; an IPv4 address written as IPv6 (`::ffff:192.0.2.1`) as what it is.
pub(super) fn address(text: Option<&str>) -> Option<Observable> {
    match mapped(text?) {
        Some(plain) => Observable::address(plain.as_str()),
        None => Observable::address(text),
    }
}

fn mapped(text: &str) -> Option<String> {
    match observable::ip_address(text)? {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => Ipv6Addr::to_ipv4_mapped(&address).map(|plain| plain.to_string()),
    }
}

/// What stands in a field for URLs: a URL, an address, a host name with or without a port.
pub(super) fn web(text: Option<&str>) -> Option<Observable> {
    let text = text?.trim();
    if url(text).is_some() {
        return Observable::new(ObservableType::Url, text);
    }
    if let Some(address) = address(Some(text)) {
        return Some(address);
    }
    match name(text) {
        Some(name) => Observable::new(ObservableType::Domain, name),
        None => Observable::new(ObservableType::Url, text),
    }
}

/// The host of what [`web`] reads, where it is a name and no address.
pub(super) fn host(text: Option<&str>) -> Option<Observable> {
    let text = text?.trim();
    let name = match url(text) {
        Some(url) => match url.host()? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(_) | Host::Ipv6(_) => return None,
        },
        None if observable::ip_address(text).is_some() => return None,
        None => name(text)?.to_owned(),
    };
    Observable::new(ObservableType::Domain, name.as_str())
}

fn url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(Url::has_host)
}

/// A host name as it was written, a port at its end cut off.
fn name(text: &str) -> Option<&str> {
    let name = match text.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => text,
    };
    observable::domain(name).is_some().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(observable: Option<Observable>) -> String {
        observable.map_or_else(|| "-".to_owned(), |found| format!("{} {}", found.kind(), found.value()))
    }

    #[test]
    fn the_type_follows_from_the_value() {
        let table = [
            ("https://C2.bad.example/p", "url https://C2.bad.example/p", "domain c2.bad.example"),
            ("c2.bad.example", "domain c2.bad.example", "domain c2.bad.example"),
            ("c2.bad.example:8443", "domain c2.bad.example", "domain c2.bad.example"),
            ("c2.bad.example/path", "url c2.bad.example/path", "-"),
            ("203.0.113.9", "ip 203.0.113.9", "-"),
            ("http://203.0.113.9/", "url http://203.0.113.9/", "-"),
            ("2001:db8::1", "ipv6 2001:db8::1", "-"),
            ("::ffff:203.0.113.9", "ip 203.0.113.9", "-"),
            ("", "-", "-"),
        ];
        for (text, as_web, as_host) in table {
            assert_eq!(
                (shown(web(Some(text))).as_str(), shown(host(Some(text))).as_str()),
                (as_web, as_host),
                "{text}"
            );
        }
        assert_eq!(shown(address(Some("not an address"))), "-");
        assert_eq!((shown(web(None)), shown(host(None))), ("-".to_owned(), "-".to_owned()));
    }
}
