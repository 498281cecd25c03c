//! The accepted forms of values. A value that X-Force cannot hold would cost up to three records of the month only
//! to be answered "nothing known", so it is not looked up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use relay_core::observable::{Observable, ObservableType, domain, hash_type, ip_address};

/// How X-Force groups what it reports on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Addresses.
    Ip,
    /// Domains and URLs.
    Url,
    /// File hashes.
    Hash,
}

impl Family {
    /// The family of an observable of a supported type.
    pub fn of(about: &Observable) -> Self {
        match about.kind() {
            ObservableType::Ip | ObservableType::Ipv6 => Self::Ip,
            ObservableType::Md5 | ObservableType::Sha1 | ObservableType::Sha256 => Self::Hash,
            _ => Self::Url,
        }
    }

    /// What portal and API call it in paths.
    pub(crate) fn path_word(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Url => "url",
            Self::Hash => "malware",
        }
    }
}

/// What is asked about an observable: the same for all spellings of one value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// What X-Force groups it with.
    pub family: Family,
    /// Whether there are DNS resolutions of it.
    pub resolvable: bool,
    /// The value as it is sent.
    pub value: String,
}

impl Subject {
    /// None where the value does not have the form of its type.
    pub fn of(about: &Observable) -> Option<Self> {
        let text = about.value().trim();
        let value = match about.kind() {
            ObservableType::Domain => name(text)?,
            ObservableType::Url => is_url(text).then(|| text.to_owned())?,
            ObservableType::Ip => address(text)?,
            ObservableType::Ipv6 => address(text).filter(|_| text.contains(':'))?,
            kind => {
                let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
                (hash_type(digits) == Some(kind)).then(|| digits.to_owned())?
            }
        };
        let resolvable =
            matches!(about.kind(), ObservableType::Domain | ObservableType::Ip | ObservableType::Ipv6);
        Some(Self { family: Family::of(about), resolvable, value })
    }

    /// Whether it is an address of a local network, of which a provider knows nothing.
    pub fn is_local(&self) -> bool {
        self.family == Family::Ip && ip_address(&self.value).is_some_and(is_local)
    }
}

/// A domain with at least two labels, in lower case, its international labels in ASCII, without a dot at the end.
pub(crate) fn name(text: &str) -> Option<String> {
    domain(text).filter(|name| name.contains('.') && ip_address(name).is_none())
}

/// An address as it came; an IPv4 address written as IPv6 as what it is.
fn address(text: &str) -> Option<String> {
    Some(match ip_address(text)? {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(|| text.to_owned(), |v4| v4.to_string()),
        IpAddr::V4(_) => text.to_owned(),
    })
}

/// Whether a text is a URL that names a host, with a scheme of the web or none. The rest is not looked at.
fn is_url(text: &str) -> bool {
    match text.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?', '#']) => is_web_scheme(scheme) && has_host(rest),
        _ => has_host(text),
    }
}

/// Whether a text is an absolute URL of the web.
pub(crate) fn is_absolute_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| is_web_scheme(scheme) && has_host(rest))
}

fn is_web_scheme(scheme: &str) -> bool {
    ["http", "https", "ftp"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

/// Whether what follows the scheme begins with an authority of a name or an address.
fn has_host(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((host, "")) => return ip_address(host).is_some_and(|address| address.is_ipv6()),
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => match host.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (host, Some("")),
        },
    };
    let is_port = port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    // `domain` would trim white space, which no host has.
    is_port && host.trim() == host && (name(host).is_some() || ip_address(host).is_some())
}

/// Networks that are not routed in the Internet (RFC 6890 and its successors).
fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4 == Ipv4Addr::BROADCAST
                || a == 0
                || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            v6 == Ipv6Addr::UNSPECIFIED
                || v6 == Ipv6Addr::LOCALHOST
                || first & 0xfe00 == 0xfc00
                || first & 0xffc0 == 0xfe80
        }
    }
}

#[cfg(test)]
mod tests {
    use ObservableType::{Domain, Ip, Ipv6, Md5, Sha1, Url};

    use super::*;

    fn sent(kind: ObservableType, value: &str) -> Option<String> {
        Some(Subject::of(&Observable::new(kind, value)?)?.value)
    }

    #[test]
    fn a_value_has_one_form_on_the_wire() {
        let sha1 = "5C11EE95649AAC7A4DE06BC83CE45C15448F44E0";
        for (kind, value, form) in [
            (Domain, " LOGIN-Verify.Example. ", "login-verify.example"),
            (Domain, "bücher.example", "xn--bcher-kva.example"),
            (Domain, "_dmarc.a.example", "_dmarc.a.example"),
            (Ip, " 203.0.113.9", "203.0.113.9"),
            (Ip, "::ffff:203.0.113.9", "203.0.113.9"),
            (Ip, "2001:DB8::7", "2001:DB8::7"),
            (Ipv6, "2001:0db8:85a3:0000:0000:8a2e:0370:7334", "2001:0db8:85a3:0000:0000:8a2e:0370:7334"),
            (Ipv6, "::ffff:203.0.113.9", "203.0.113.9"),
            (Url, "http://a.example/x?y=1#z \"ü", "http://a.example/x?y=1#z \"ü"),
            (Url, "HTTPS://user:pw@A.example:8443", "HTTPS://user:pw@A.example:8443"),
            (Url, "a.example/x", "a.example/x"),
            (Url, "a.example:80?u=http://b", "a.example:80?u=http://b"),
            (Url, "ftp://[2001:db8::7]:21/x", "ftp://[2001:db8::7]:21/x"),
            (Url, "http://203.0.113.9", "http://203.0.113.9"),
            (Sha1, &format!("0x{sha1}"), sha1),
            (Sha1, &format!("0X{sha1}"), sha1),
            (Md5, "34d5ea586a61b0aba512c0cb1d3d8b15", "34d5ea586a61b0aba512c0cb1d3d8b15"),
        ] {
            assert_eq!(sent(kind, value).as_deref(), Some(form), "{kind} {value:?}");
        }
    }

    #[test]
    fn a_value_of_another_form_is_not_sent() {
        for (kind, value) in [
            (Domain, "login-verify[.]example"),
            (Domain, "*.a.example"),
            (Domain, "localhost"),
            (Domain, "203.0.113.9"),
            (Domain, "../all-subscriptions/usage"),
            (Domain, ".."),
            (Ip, "203.0.113.9:80"),
            (Ip, "999.1.1.1"),
            (Ip, "10.0.0.0/8"),
            (Ip, "fe80::1%eth0"),
            (Ip, "[2001:db8::7]"),
            (Ipv6, "203.0.113.9"),
            (Url, "hxxps://a.example"),
            (Url, "//a.example/x"),
            (Url, "ftp:odd"),
            (Url, "http://"),
            (Url, "http:///x"),
            (Url, "http://localhost/x"),
            (Url, "http:// a.example/"),
            (Url, "http://a.example:port/"),
            (Url, "http://[203.0.113.9]/"),
            (Url, "javascript:alert(1)"),
            (Md5, "34d5ea586a61b0aba512c0cb1d3d8b1"),
            (Md5, "0x0x34d5ea586a61b0aba512c0cb1d3d"),
            (Sha1, "34d5ea586a61b0aba512c0cb1d3d8b15"),
        ] {
            assert_eq!(sent(kind, value), None, "{kind} {value:?}");
        }
    }

    #[test]
    fn addresses_of_local_networks_are_recognised() {
        let local = |value: &str| Subject::of(&Observable::new(Ip, value).unwrap()).unwrap().is_local();
        for value in [
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "0.1.2.3",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "::ffff:10.1.2.3",
        ] {
            assert!(local(value), "{value}");
        }
        for value in
            ["172.32.0.1", "100.128.0.1", "100.63.0.1", "203.0.113.9", "2001:db8::1", "fec0::1", "1.0.0.0"]
        {
            assert!(!local(value), "{value}");
        }
    }

    #[test]
    fn an_absolute_url_has_a_scheme_of_the_web_and_a_host() {
        for (text, is_absolute) in [
            ("https://a.example/x", true),
            ("FTP://203.0.113.9", true),
            ("a.example/x", false),
            ("javascript://a.example", false),
            ("https:///x", false),
            ("https://", false),
        ] {
            assert_eq!(is_absolute_url(text), is_absolute, "{text}");
        }
    }
}
