//! Addresses, host names and URLs as the provider writes them, compared and typed by what they are.

use std::net::{IpAddr, Ipv6Addr};

use relay_core::observable;
use url::{Host, Url};

/// An address; an IPv4 address in IPv6 form (`::ffff:192.0.2.1`) as what it is.
pub fn address(text: &str) -> Option<IpAddr> {
    Some(match observable::ip_address(text)? {
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4),
        plain @ IpAddr::V4(_) => plain,
    })
}

/// Whether an address is of one place in the world: neither private nor local nor multicast. Addresses that are kept
/// for documentation count as global.
pub fn is_global(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            !(matches!(a, 0 | 10 | 127 | 224..)
                || (a == 100 && (64..128).contains(&b))
                || (a == 169 && b == 254)
                || (a == 172 && (16..32).contains(&b))
                || (a == 192 && b == 168))
        }
        IpAddr::V6(address) => {
            let [first, ..] = address.segments();
            !(*address == Ipv6Addr::UNSPECIFIED
                || *address == Ipv6Addr::LOCALHOST
                || first & 0xfe00 == 0xfc00
                || first & 0xffc0 == 0xfe80
                || first & 0xff00 == 0xff00)
        }
    }
}

/// The host of a URL, or of a bare name with or without a port, in lower case; nothing where it is an address.
pub fn host(text: &str) -> Option<String> {
    let text = text.trim();
    match url(text) {
        Some(url) => match url.host()? {
            Host::Domain(name) => observable::domain(name),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        },
        None if observable::ip_address(text).is_some() => None,
        None => observable::domain(without_port(text)),
    }
}

/// The address that a URL leads to, where it leads to one.
pub fn url_address(text: &str) -> Option<IpAddr> {
    match url(text.trim())?.host()? {
        Host::Ipv4(address) => Some(IpAddr::V4(address)),
        Host::Ipv6(address) => self::address(&address.to_string()),
        Host::Domain(_) => None,
    }
}

/// A URL with a scheme and a host.
pub fn url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(Url::has_host)
}

/// A name without a port at its end.
pub fn without_port(text: &str) -> &str {
    match text.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => text,
    }
}

/// The forms in which the provider may write a URL, in lower case: without its fragment, and with and without a `/`
/// at its end where it has no path.
pub fn url_forms(text: &str) -> Vec<String> {
    let plain = text.split('#').next().unwrap_or(text).to_lowercase();
    let bare = Url::parse(&plain).is_ok_and(|url| url.path() == "/" && url.query().is_none());
    if !bare {
        return vec![plain];
    }
    match plain.strip_suffix('/') {
        Some(short) => vec![plain.clone(), short.to_owned()],
        None => vec![plain.clone(), format!("{plain}/")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_and_local_addresses_are_not_global() {
        for text in [
            "0.1.2.3",
            "10.0.0.8",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.1.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "::ffff:10.0.0.8",
        ] {
            assert!(!is_global(&address(text).unwrap()), "{text}");
        }
        for text in
            ["203.0.113.9", "100.128.0.1", "172.32.0.1", "2001:db8::1", "::ffff:8.8.8.8", "193.168.1.1"]
        {
            assert!(is_global(&address(text).unwrap()), "{text}");
        }
    }

    #[test]
    fn a_host_is_found_however_it_is_written() {
        let table = [
            ("https://C2.bad.example/p", Some("c2.bad.example")),
            ("c2.bad.example", Some("c2.bad.example")),
            ("C2.BAD.example:8443", Some("c2.bad.example")),
            ("c2.bad.example.", Some("c2.bad.example")),
            ("203.0.113.9", None),
            ("http://203.0.113.9/", None),
            ("2001:db8::1", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(host(text).as_deref(), expected, "{text}");
        }
        assert_eq!(url_address("http://[2001:db8::1]:80/x"), Some("2001:db8::1".parse().unwrap()));
        assert_eq!(url_address("http://203.0.113.9"), Some("203.0.113.9".parse().unwrap()));
        assert_eq!(url_address("http://a.example"), None);
    }

    #[test]
    fn a_url_is_compared_without_fragment_and_idle_slash() {
        assert_eq!(url_forms("http://A.example"), ["http://a.example", "http://a.example/"]);
        assert_eq!(url_forms("http://a.example/#x"), ["http://a.example/", "http://a.example"]);
        assert_eq!(url_forms("http://a.example/p/?q#x"), ["http://a.example/p/?q"]);
        assert_eq!(url_forms("http://a.example/?q"), ["http://a.example/?q"]);
    }
}
