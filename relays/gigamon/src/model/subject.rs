//! What is looked up: an observable whose value has the form that its type asks for.
//!
//! The event search takes a query language that publishes no escape for quotes. None is attempted: only values
//! that passed the check here are placed in a query, and none of those can hold a quote, backslash, space or `%`.

use std::net::IpAddr;

use relay_core::observable::{Observable, ObservableType, domain, hash_type, ip_address};

/// A value as the provider takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Address(IpAddr),
    /// Lower case, without a dot at the end.
    Domain(String),
    /// Lower case.
    Hash(String),
}

/// An observable that the provider may know.
#[derive(Clone, Debug)]
pub struct Subject {
    about: Observable,
    value: Value,
}

impl Subject {
    /// None for a value that is not of its type's form: the provider cannot hold it.
    pub fn of(about: &Observable) -> Option<Self> {
        let text = about.value();
        let value = match about.kind() {
            ObservableType::Ip => Value::Address(ip_address(text)?),
            ObservableType::Ipv6 => Value::Address(ip_address(text).filter(IpAddr::is_ipv6)?),
            ObservableType::Domain => Value::Domain(domain(text)?),
            kind if hash_type(text) == Some(kind) => Value::Hash(text.to_ascii_lowercase()),
            _ => return None,
        };
        Some(Self { about: about.clone(), value })
    }

    /// The observable as it was received.
    pub fn about(&self) -> &Observable {
        &self.about
    }

    /// The value as the provider takes it.
    pub fn value(&self) -> String {
        match &self.value {
            Value::Address(address) => address.to_string(),
            Value::Domain(value) | Value::Hash(value) => value.clone(),
        }
    }

    /// The query that finds the events in which it occurs
    /// (<https://docs.fortinet.com/document/fortindr-cloud/latest/user-guide/676549/iql-quick-reference>).
    pub fn query(&self) -> String {
        let field = self.entity_type().unwrap_or(self.about.kind().as_str());
        format!("{field} = '{}'", self.value())
    }

    /// What the entity summary calls it; none for files, which have a call of their own.
    pub fn entity_type(&self) -> Option<&'static str> {
        match self.value {
            Value::Address(_) => Some("ip"),
            Value::Domain(_) => Some("domain"),
            Value::Hash(_) => None,
        }
    }

    /// Whether it is an address.
    pub fn is_address(&self) -> bool {
        matches!(self.value, Value::Address(_))
    }

    /// Whether it is a domain.
    pub fn is_domain(&self) -> bool {
        matches!(self.value, Value::Domain(_))
    }

    /// Whether a text of the provider is the same value, however it is spelled.
    pub fn is(&self, text: &str) -> bool {
        match &self.value {
            Value::Address(address) => ip_address(text) == Some(*address),
            Value::Domain(name) => text.strip_suffix('.').unwrap_or(text).eq_ignore_ascii_case(name),
            Value::Hash(hash) => text.eq_ignore_ascii_case(hash),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subject(kind: ObservableType, value: &str) -> Option<Subject> {
        Subject::of(&Observable::new(kind, value)?)
    }

    #[test]
    fn values_are_brought_to_the_providers_form() {
        for (kind, value, query) in [
            (ObservableType::Ip, "8.8.8.8", "ip = '8.8.8.8'"),
            (ObservableType::Ip, "2001:0DB8::0001", "ip = '2001:db8::1'"),
            (ObservableType::Ipv6, "2001:db8:0:0::1", "ip = '2001:db8::1'"),
            (ObservableType::Domain, "CDN-Update.Example.", "domain = 'cdn-update.example'"),
            (ObservableType::Domain, "münchen.example", "domain = 'xn--mnchen-3ya.example'"),
        ] {
            let subject = subject(kind, value).unwrap();
            assert_eq!(subject.query(), query);
            assert_eq!(subject.about().value(), value, "as it was received");
        }
        let upper = subject(ObservableType::Md5, &"AB".repeat(16)).unwrap();
        assert_eq!(upper.query(), format!("md5 = '{}'", "ab".repeat(16)));
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
    }

    proptest! {
        #[test]
        fn no_value_leaves_its_literal(
            value in "\\PC{0,40}|[a-z0-9.'\"\\\\ %:=-]{0,70}|[0-9a-fA-F]{32}|[a-z']{1,9}\\.example",
            kind in prop::sample::select(vec![
                ObservableType::Ip, ObservableType::Ipv6, ObservableType::Domain,
                ObservableType::Md5, ObservableType::Sha1, ObservableType::Sha256,
            ]),
        ) {
            if let Some(subject) = subject(kind, &value) {
                let query = subject.query();
                let (field, literal) = query.split_once(" = ").unwrap();
                prop_assert!(field.bytes().all(|byte| byte.is_ascii_alphanumeric()));
                let inner = literal.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap();
                prop_assert!(inner.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:_-".contains(&byte)));
                prop_assert!(subject.is(inner), "it finds itself");
            }
        }
    }
}
