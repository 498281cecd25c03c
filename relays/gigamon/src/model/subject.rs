//! What is looked up: a value that has the form that its type asks for.
//!
//! The event search takes a query language that publishes no escape for quotes. None is attempted: only values
//! that passed the check here are placed in a query, and none of those can hold a quote, backslash, space or `%`.

use std::net::IpAddr;

use relay_core::observable::{Observable, ObservableType, domain, hash_type, ip_address};

/// A value as the provider takes it. Observables of one value share every call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An address.
    Address(IpAddr),
    /// A name, in lower case, without a dot at the end.
    Domain(String),
    /// A hash of a file by its type, in lower case.
    Hash(ObservableType, String),
}

impl Subject {
    /// None if the value does not have the form of its type: the provider cannot hold it.
    pub fn of(about: &Observable) -> Option<Self> {
        let text = about.value();
        Some(match about.kind() {
            ObservableType::Ip => Self::Address(ip_address(text)?),
            ObservableType::Ipv6 => Self::Address(ip_address(text).filter(IpAddr::is_ipv6)?),
            ObservableType::Domain => Self::Domain(domain(text)?),
            kind if hash_type(text) == Some(kind) => Self::Hash(kind, text.to_ascii_lowercase()),
            _ => return None,
        })
    }

    /// The value as the provider takes it.
    pub fn value(&self) -> String {
        match self {
            Self::Address(address) => address.to_string(),
            Self::Domain(value) | Self::Hash(_, value) => value.clone(),
        }
    }

    /// The field of the query language that holds such values
    /// (<https://docs.fortinet.com/document/fortindr-cloud/latest/user-guide/676549/iql-quick-reference>).
    pub fn field(&self) -> &'static str {
        match self {
            Self::Address(_) => "ip",
            Self::Domain(_) => "domain",
            Self::Hash(kind, _) => kind.as_str(),
        }
    }

    /// What the entity summary calls it; none for files, which have a call of their own.
    pub fn entity_type(&self) -> Option<&'static str> {
        match self {
            Self::Hash(..) => None,
            _ => Some(self.field()),
        }
    }

    /// Whether it is an address.
    pub fn is_address(&self) -> bool {
        matches!(self, Self::Address(_))
    }

    /// Whether it is an address of a local network.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Address(IpAddr::V4(address)) => {
                let [first, second, ..] = address.octets();
                let shared = first == 100 && second & 0xc0 == 64;
                address.is_private() || address.is_link_local() || shared
            }
            Self::Address(IpAddr::V6(address)) => {
                address.is_unique_local() || address.is_unicast_link_local()
            }
            _ => false,
        }
    }

    /// Whether it is a domain.
    pub fn is_domain(&self) -> bool {
        matches!(self, Self::Domain(_))
    }

    /// Whether a text of the provider is the same value, however it is spelled.
    pub fn is(&self, text: &str) -> bool {
        match self {
            Self::Address(address) => ip_address(text) == Some(*address),
            Self::Domain(name) => text.strip_suffix('.').unwrap_or(text).eq_ignore_ascii_case(name),
            Self::Hash(_, hash) => text.eq_ignore_ascii_case(hash),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(kind: ObservableType, value: &str) -> Option<Subject> {
        Subject::of(&Observable::new(kind, value)?)
    }

    #[test]
    fn values_are_brought_to_the_providers_form() {
        for (kind, value, field, normalised) in [
            (ObservableType::Ip, "8.8.8.8", "ip", "8.8.8.8"),
            (ObservableType::Ip, "2001:0DB8::0001", "ip", "2001:db8::1"),
            (ObservableType::Ipv6, "2001:db8:0:0::1", "ip", "2001:db8::1"),
            (ObservableType::Domain, "CDN-Update.Example.", "domain", "cdn-update.example"),
            (ObservableType::Domain, "münchen.example", "domain", "xn--mnchen-3ya.example"),
        ] {
            let subject = subject(kind, value).unwrap();
            assert_eq!((subject.field(), subject.value().as_str()), (field, normalised));
        }
        let upper = subject(ObservableType::Md5, &"AB".repeat(16)).unwrap();
        assert_eq!((upper.field(), upper.value()), ("md5", "ab".repeat(16)));
    }

    #[test]
    fn a_value_of_another_form_is_not_looked_up() {
        for (kind, value) in [
            (ObservableType::Ip, "10.0.0.0/8"),
            (ObservableType::Ip, "10.0.0.1:80"),
            (ObservableType::Ip, "fe80::1%eth0"),
            (ObservableType::Ipv6, "8.8.8.8"),
            (ObservableType::Domain, "a' OR ip = '1.1.1.1"),
            (ObservableType::Domain, ".."),
            (ObservableType::Domain, "a%2eb"),
            (ObservableType::Md5, "474b9ccf5ab9d72ca8a333889bbb34f"),
            (ObservableType::Sha1, "474b9ccf5ab9d72ca8a333889bbb34f0"),
            (ObservableType::Sha256, "' OR '1' = '1"),
        ] {
            assert!(subject(kind, value).is_none(), "{value:?}");
        }
    }

    #[test]
    fn spellings_are_the_same_value() {
        let domain = subject(ObservableType::Domain, "Example.COM").unwrap();
        assert!(domain.is("eXample.com") && domain.is("example.com.") && !domain.is("www.example.com"));
        let address = subject(ObservableType::Ip, "2001:db8::1").unwrap();
        assert!(address.is("2001:0db8:0::1") && !address.is("2001:db8::2") && !address.is("x"));
        assert_eq!(Some(&address), subject(ObservableType::Ipv6, "2001:0db8::1").as_ref());
    }

    #[test]
    fn addresses_of_local_networks_are_known() {
        for (address, local) in [
            ("10.1.2.3", true),
            ("172.31.255.1", true),
            ("172.32.0.1", false),
            ("192.168.0.1", true),
            ("100.64.0.1", true),
            ("100.127.255.254", true),
            ("100.128.0.1", false),
            ("169.254.1.1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("febf::1", true),
            ("fec0::1", false),
            ("2001:db8::1", false),
            ("8.8.8.8", false),
        ] {
            assert_eq!(subject(ObservableType::Ip, address).unwrap().is_local(), local, "{address}");
        }
        assert!(!subject(ObservableType::Domain, "10.example").unwrap().is_local());
    }
}
