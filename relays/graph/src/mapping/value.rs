//! Addresses, names and URLs in one form, so that they can be compared, asked for and shown whatever they are
//! written like.

use std::net::{IpAddr, Ipv4Addr};

use relay_core::ctim::{Observable, ObservableType};
use relay_core::observable::{domain, ip_address};

/// An address; one of IPv4 that is written as one of IPv6 is the one of IPv4.
pub fn address(text: &str) -> Option<IpAddr> {
    ip_address(text).map(|address| address.to_canonical())
}

/// The address as an observable. Nothing for the unspecified one, which no host has.
pub fn address_observable<'a>(text: impl Into<Option<&'a str>>) -> Option<Observable> {
    let address = address(text.into()?).filter(|address| !address.is_unspecified())?;
    let kind = if address.is_ipv4() { ObservableType::Ip } else { ObservableType::Ipv6 };
    Observable::new(kind, address.to_string().as_str())
}

/// Whether an address is the same for everybody who sees it.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            // 100.64.0.0/10 is shared by the customers of a carrier.
            let is_shared = u32::from(address) & 0xffc0_0000 == u32::from(Ipv4Addr::new(100, 64, 0, 0));
            !(address.is_private()
                || is_shared
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_multicast())
        }
        IpAddr::V6(address) => {
            !(address.is_loopback()
                || address.is_unicast_link_local()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_unique_local())
        }
    }
}

/// Whether an address can identify a machine.
pub fn identifies(text: &str) -> bool {
    address(text).is_some_and(|address| match address {
        IpAddr::V4(address) => {
            !address.is_loopback() && !address.is_link_local() && !address.is_unspecified()
        }
        IpAddr::V6(address) => {
            !address.is_loopback() && !address.is_unicast_link_local() && !address.is_unspecified()
        }
    })
}

/// A name in the form in which names are compared: ASCII, lower case, without the dot at the end.
pub fn compared_name(text: &str) -> String {
    domain(text).unwrap_or_else(|| bare(text.trim()).to_lowercase())
}

/// Whether a name is this one, which has the form in which names are compared.
pub fn is_name(wanted: &str, text: &str) -> bool {
    if text.is_ascii() {
        bare(text.trim()).eq_ignore_ascii_case(wanted)
    } else {
        compared_name(text) == wanted
    }
}

/// The dot at the end of a name says nothing.
fn bare(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// A name as an observable: in ASCII where it has other letters, else as it is.
pub fn name_observable<'a>(kind: ObservableType, text: impl Into<Option<&'a str>>) -> Option<Observable> {
    let text = text.into()?;
    if text.is_ascii() {
        return Observable::new(kind, text);
    }
    Observable::new(kind, domain(text).as_deref().unwrap_or(text))
}

/// The parts of a URL, or of a text that stands in the place of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlParts<'a> {
    /// Its scheme with what separates it from the rest.
    pub scheme: Option<&'a str>,
    /// Name and password with the `@`.
    pub user: &'a str,
    /// The host; an address of IPv6 in its brackets.
    pub host: &'a str,
    /// The port with its colon.
    pub port: &'a str,
    /// Path, query and fragment.
    pub rest: &'a str,
}

impl<'a> UrlParts<'a> {
    /// Takes a text apart.
    pub fn of(text: &'a str) -> Self {
        let is_scheme = |scheme: &str| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-'))
        };
        let at = text.find("://").filter(|at| is_scheme(&text[..*at]));
        let (scheme, text) = at.map_or((None, text), |at| {
            let (scheme, rest) = text.split_at(at + 3);
            (Some(scheme), rest)
        });
        let (authority, rest) = text.split_at(text.find(['/', '?', '#']).unwrap_or(text.len()));
        let (user, host) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
        let end = if host.starts_with('[') { host.find(']').map(|at| at + 1) } else { host.find(':') };
        let (host, port) = host.split_at(end.unwrap_or(host.len()));
        Self { scheme, user, host, port, rest }
    }

    /// The host without brackets.
    pub fn bare_host(self) -> &'a str {
        self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(self.host)
    }

    /// The form in which URLs are compared: scheme and host know no case, and a lone `/` says nothing.
    pub fn compared(self) -> String {
        let scheme = self.scheme.unwrap_or_default().to_ascii_lowercase();
        let host =
            if self.host.is_ascii() { self.host.to_ascii_lowercase() } else { compared_name(self.host) };
        let rest = if self.rest == "/" { "" } else { self.rest };
        format!("{scheme}{}{host}{}{rest}", self.user, self.port)
    }

    /// Whether there is nothing but scheme and host.
    pub fn is_host_alone(self) -> bool {
        self.user.is_empty() && self.port.is_empty() && matches!(self.rest, "" | "/")
    }
}

/// What a text in the place of a URL is: a URL, or the address or name that some products write there.
pub fn url_observable<'a>(text: impl Into<Option<&'a str>>) -> Option<Observable> {
    let text = text.into()?;
    let parts = UrlParts::of(text);
    if parts.scheme.is_some() && !parts.host.is_empty() {
        return Observable::new(ObservableType::Url, text);
    }
    if address(text).is_some() {
        return address_observable(text);
    }
    let is_port = parts
        .port
        .strip_prefix(':')
        .is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    if parts.user.is_empty() && parts.rest.is_empty() && is_port {
        if address(parts.bare_host()).is_some() {
            return address_observable(parts.bare_host());
        }
        if bare(parts.host).contains('.') && domain(parts.host).is_some() {
            return name_observable(ObservableType::Domain, parts.host);
        }
    }
    Observable::new(ObservableType::Url, text)
}

/// `T1071`, or `T1071.001` for a part of a technique.
pub fn is_technique(text: &str) -> bool {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(number) = text.strip_prefix('T') else { return false };
    match number.split_once('.') {
        None => digits(number, 4),
        Some((technique, part)) => digits(technique, 4) && digits(part, 3),
    }
}

/// The hosts that Threat Intelligence and the relay's own opinions are about: of the whole internet.
pub fn public_host(about: &Observable) -> Option<String> {
    const PRIVATE: [&str; 4] = ["local", "internal", "localhost", "arpa"];
    match about.kind() {
        ObservableType::Ip | ObservableType::Ipv6 => {
            address(about.value()).filter(|address| is_public(*address)).map(|address| address.to_string())
        }
        ObservableType::Domain => {
            let name = domain(about.value())?;
            let (_, top) = name.rsplit_once('.')?;
            (!PRIVATE.contains(&top)).then_some(name)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(observable: Option<Observable>) -> Option<String> {
        observable.map(|one| format!("{} {}", one.kind(), one.value()))
    }

    #[test]
    fn addresses_have_one_form() {
        for (text, expected) in [
            ("::ffff:203.0.113.9", Some("ip 203.0.113.9")),
            ("::FFFF:cb00:7109", Some("ip 203.0.113.9")),
            ("2001:DB8:0::7", Some("ipv6 2001:db8::7")),
            ("0.0.0.0", None),
            ("::", None),
            ("10.0.0.1/24", None),
        ] {
            assert_eq!(shown(address_observable(text)).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_text_in_the_place_of_a_url_is_what_it_is() {
        for (text, expected) in [
            ("https://c2.bad.example/p", "url https://c2.bad.example/p"),
            ("c2.bad.example", "domain c2.bad.example"),
            ("c2.bad.example:8443", "domain c2.bad.example"),
            ("b\u{fc}cher.example", "domain xn--bcher-kva.example"),
            ("203.0.113.9", "ip 203.0.113.9"),
            ("203.0.113.9:8080", "ip 203.0.113.9"),
            ("2001:db8::1", "ipv6 2001:db8::1"),
            ("[2001:db8::1]", "ipv6 2001:db8::1"),
            ("[2001:db8::1]:443", "ipv6 2001:db8::1"),
            ("c2.bad.example/p", "url c2.bad.example/p"),
            ("localhost", "url localhost"),
            ("user@c2.bad.example", "url user@c2.bad.example"),
        ] {
            assert_eq!(shown(url_observable(text)).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn names_are_compared_in_ascii() {
        for (one, other) in [
            ("B\u{fc}cher.Example.", "xn--bcher-kva.example"),
            ("XN--bcher-kva.example", "b\u{fc}cher.example"),
        ] {
            assert!(is_name(&compared_name(one), other), "{one} {other}");
        }
        assert!(!is_name("a.example", "b.example"));
    }

    #[test]
    fn what_only_a_network_of_its_own_knows_is_not_public() {
        for text in ["10.0.0.1", "100.64.1.1", "127.0.0.1", "169.254.1.1", "224.0.0.1", "fd00::1", "fe80::1"]
        {
            assert!(!is_public(address(text).expect("an address")), "{text}");
        }
        for text in ["203.0.113.9", "100.128.0.1", "2001:db8::1"] {
            assert!(is_public(address(text).expect("an address")), "{text}");
        }
    }

    #[test]
    fn loopback_and_link_local_addresses_identify_nothing() {
        for good in ["10.20.30.42", "2001:db8::1", "fd00::1"] {
            assert!(identifies(good), "{good}");
        }
        for bad in ["127.0.0.1", "::1", "fe80::1", "169.254.1.1", "0.0.0.0", "", "ws-042", "10.0.0.1/24"] {
            assert!(!identifies(bad), "{bad}");
        }
    }

    #[test]
    fn techniques_are_numbers_with_a_letter() {
        for good in ["T1071", "T1071.001"] {
            assert!(is_technique(good), "{good}");
        }
        for bad in
            ["", "T", "1071", "T107", "T10711", "T1071.", "T1071.1", "T1071.0011", "t1071", "T1071/001"]
        {
            assert!(!is_technique(bad), "{bad}");
        }
    }
}
