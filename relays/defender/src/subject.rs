//! What an observable is to the provider: its value checked and in the form in which the provider knows it.
//! A value that does not fit is never sent anywhere.

use std::net::IpAddr;

use relay_core::observable::{self, Observable, ObservableType};
use url::Url;

/// A value that calls can be made about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// SHA-1, 40 digits in lower case.
    Sha1(String),
    /// SHA-256, 64 digits in lower case.
    Sha256(String),
    /// MD5, 32 digits in lower case.
    Md5(String),
    /// An address. The observable's type may be the other family's.
    Address(IpAddr),
    /// A host name in ASCII and lower case.
    Domain(String),
    /// An absolute `http` or `https` URL, as it came.
    Url(String),
    /// A device.
    Machine(MachineId),
}

impl Subject {
    /// What an observable is about; nothing where its value is not one of its type.
    pub fn of(about: &Observable) -> Option<Self> {
        let value = about.value();
        let hash =
            || (observable::hash_type(value) == Some(about.kind())).then(|| value.to_ascii_lowercase());
        match about.kind() {
            ObservableType::Sha1 => hash().map(Self::Sha1),
            ObservableType::Sha256 => hash().map(Self::Sha256),
            ObservableType::Md5 => hash().map(Self::Md5),
            ObservableType::Ip | ObservableType::Ipv6 => observable::ip_address(value).map(Self::Address),
            ObservableType::Domain => observable::domain(value).map(Self::Domain),
            ObservableType::Url => is_web_address(value).then(|| Self::Url(value.to_owned())),
            ObservableType::MsMachineId => MachineId::parse(value).map(Self::Machine),
            _ => None,
        }
    }
}

fn is_web_address(text: &str) -> bool {
    let plain = !text.chars().any(|c| c.is_control() || c.is_whitespace());
    plain
        && Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
}

/// A device's id: at most 64 letters, digits and hyphens, so that it is safe in a path and in a query.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MachineId(String);

impl MachineId {
    /// The id in a text; nothing where it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        ((1..=64).contains(&text.len()) && text.bytes().all(fits)).then(|| Self(text.to_owned()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
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
        use ObservableType::{Domain, Ip, Ipv6, Sha1, Url};
        let sha1 = "1F00000000000000000000000000000000000A01";
        assert_eq!(subject(Sha1, sha1), Some(Subject::Sha1(sha1.to_lowercase())));
        let six: IpAddr = "2001:db8::1".parse().unwrap();
        assert_eq!(subject(Ip, "2001:DB8:0::1"), Some(Subject::Address(six)));
        assert_eq!(subject(Ipv6, "192.0.2.1"), Some(Subject::Address("192.0.2.1".parse().unwrap())));
        assert_eq!(subject(Domain, "C2.bad.example."), Some(Subject::Domain("c2.bad.example".to_owned())));
        let url = "https://a'b.example/?q=1";
        assert_eq!(subject(Url, url), Some(Subject::Url(url.to_owned())));
    }

    #[test]
    fn unfit_values_are_nothing() {
        use ObservableType::{Domain, Ip, Md5, MsMachineId, Sha1, Url};
        let digits = "0".repeat(39);
        let table = [
            (Ip, "@#$%^&"),
            (Ip, "192.0.2.1/24"),
            (Sha1, digits.as_str()),
            (Md5, "1f00000000000000000000000000000000000a01"),
            (Domain, "a'b"),
            (Domain, "x.example/../.."),
            (Domain, ".."),
            (MsMachineId, "../x"),
            (MsMachineId, "a b"),
            (Url, "ftp://a.example/"),
            (Url, "c2.bad.example"),
            (Url, "http://a.example/\nx"),
        ];
        for (kind, value) in table {
            assert_eq!(subject(kind, value), None, "{kind} {value:?}");
        }
        assert_eq!(MachineId::parse(&"a".repeat(65)), None);
    }
}
