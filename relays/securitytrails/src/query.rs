//! What the relay asks SecurityTrails about an observable.

use std::fmt;
use std::net::IpAddr;

use relay_core::escape::UrlBuilder;
use relay_core::observable::{Observable, ObservableType, domain, ip_address};
use url::Url;

/// What an observable is to SecurityTrails: the same for all spellings of one value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A domain in its one form.
    Domain(String),
    /// An address as it is sent.
    Address(String, Family),
}

impl Subject {
    /// None where the value does not have the form of its type: the call would only cost a query.
    pub fn of(about: &Observable) -> Option<Self> {
        if about.kind() == ObservableType::Domain {
            return domain(about.value()).map(Self::Domain);
        }
        let text = about.value().trim();
        Some(match ip_address(text)? {
            IpAddr::V4(_) => Self::Address(text.to_owned(), Family::V4),
            IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) => Self::Address(v4.to_string(), Family::V4),
                None => Self::Address(text.to_owned(), Family::V6),
            },
        })
    }
}

/// One question, answered page by page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query<'a> {
    /// Which records has a domain had? (<https://docs.securitytrails.com/reference/history-dns>)
    History(&'a str, RecordType),
    /// Which domains point to an address? (<https://docs.securitytrails.com/reference/domain-search>)
    Domains(&'a str, Family),
    /// Which subdomains does a domain have? (<https://docs.securitytrails.com/reference/domain-subdomains>)
    Subdomains(&'a str),
}

/// A type of DNS records with a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordType {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail servers.
    Mx,
    /// Name servers.
    Ns,
}

impl RecordType {
    /// The words of settings and claims.
    pub(crate) const ADDRESSES: [(&'static str, Self); 2] = [("a", Self::A), ("aaaa", Self::Aaaa)];
    /// The same, of the types that are asked for only on request.
    pub(crate) const EXTRA: [(&'static str, Self); 2] = [("mx", Self::Mx), ("ns", Self::Ns)];

    /// The known types among words, in the order of the table; words of any case, others ignored.
    pub(crate) fn listed(words: &[&str], known: [(&'static str, Self); 2]) -> Vec<Self> {
        let is_named = |name: &str| words.iter().any(|word| word.eq_ignore_ascii_case(name));
        known.into_iter().filter(|(name, _)| is_named(name)).map(|(_, record)| record).collect()
    }

    /// What it is called in paths and natural keys.
    pub(crate) fn path_word(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::Aaaa => "aaaa",
            Self::Mx => "mx",
            Self::Ns => "ns",
        }
    }

    /// What its records hold.
    pub(crate) fn holds(self) -> &'static str {
        match self {
            Self::A => "IPv4 addresses",
            Self::Aaaa => "IPv6 addresses",
            Self::Mx => "Mail servers",
            Self::Ns => "Name servers",
        }
    }

    /// What its history is called in messages.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::A => "IPv4",
            Self::Aaaa => "IPv6",
            Self::Mx => "mail server",
            Self::Ns => "name server",
        }
    }
}

/// The two kinds of IP addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The field of the search's filter that takes such addresses.
    pub(crate) fn filter(self) -> &'static str {
        match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        }
    }
}

impl Query<'_> {
    /// The address of one of its pages. An address that is searched for stands in the body of the call, not here.
    pub fn url(&self, api: &Url, page: u64) -> Option<Url> {
        let url = UrlBuilder::new(api);
        match self {
            Self::History(domain, record) => {
                url.path("history").segment(domain).path("dns").path(record.path_word()).param("page", page)
            }
            Self::Domains(..) => url.path("domains/list").param("page", page),
            Self::Subdomains(domain) => {
                let url = url.path("domain").segment(domain).path("subdomains");
                url.param("children_only", "true").param("include_inactive", "false")
            }
        }
        .build()
    }

    /// Its name in metrics and logs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::History(_, RecordType::A) => "history_a",
            Self::History(_, RecordType::Aaaa) => "history_aaaa",
            Self::History(_, RecordType::Mx) => "history_mx",
            Self::History(_, RecordType::Ns) => "history_ns",
            Self::Domains(..) => "domains_list",
            Self::Subdomains(_) => "subdomains",
        }
    }
}

/// In the words of a message.
impl fmt::Display for Query<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::History(name, record) => write!(f, "the {} history of {name}", record.label()),
            Self::Domains(address, _) => write!(f, "the domains that point to {address}"),
            Self::Subdomains(name) => write!(f, "the subdomains of {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use ObservableType::{Domain, Ip, Ipv6};

    use super::*;

    #[test]
    fn a_value_has_one_form_on_the_wire() {
        let subject = |kind, value: &str| Subject::of(&Observable::new(kind, value).unwrap());
        let name = |text: &str| Some(Subject::Domain(text.to_owned()));
        let address = |text: &str, family| Some(Subject::Address(text.to_owned(), family));
        assert_eq!(subject(Domain, " Example.COM. "), name("example.com"));
        assert_eq!(subject(Domain, "bücher.example"), name("xn--bcher-kva.example"));
        assert_eq!(subject(Domain, "localhost"), name("localhost"));
        assert_eq!(subject(Ip, " 192.0.2.1 "), address("192.0.2.1", Family::V4));
        assert_eq!(subject(Ip, "2001:DB8:0::1"), address("2001:DB8:0::1", Family::V6));
        assert_eq!(subject(Ipv6, "::ffff:203.0.113.9"), address("203.0.113.9", Family::V4));
        for (kind, value) in [(Domain, "../ping?x="), (Domain, ".."), (Domain, "a b"), (Ip, "192.0.2.1:80")] {
            assert_eq!(subject(kind, value), None, "{value}");
        }
    }
}
