//! What the relay asks SecurityTrails about an observable.

use std::fmt;
use std::net::IpAddr;

/// One question, answered page by page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Query<'a> {
    /// Which addresses has a domain had?
    /// (<https://docs.securitytrails.com/reference/history-dns>)
    History {
        /// The domain, brought to its one form.
        name: &'a str,
        /// Which addresses.
        family: Family,
    },
    /// Which domains point to an address?
    /// (<https://docs.securitytrails.com/reference/domain-search>)
    Domains {
        /// The address as it came.
        address: &'a str,
        /// Which kind of address it is.
        family: Family,
    },
}

/// The two kinds of IP addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4, in A records.
    V4,
    /// IPv6, in AAAA records.
    V6,
}

impl Family {
    /// The kind of an address.
    pub(crate) fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// The DNS record that holds such addresses.
    pub(crate) fn record_type(self) -> &'static str {
        match self {
            Self::V4 => "a",
            Self::V6 => "aaaa",
        }
    }

    /// The field of the search's filter that takes such addresses.
    pub(crate) fn filter(self) -> &'static str {
        match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

impl Query<'_> {
    /// Its name in metrics and logs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::History { family: Family::V4, .. } => "history_a",
            Self::History { family: Family::V6, .. } => "history_aaaa",
            Self::Domains { .. } => "domains_list",
        }
    }

    /// What a plan of the provider's has or has not; one kind of call.
    pub(crate) fn feature(&self) -> &'static str {
        match self {
            Self::History { .. } => "the DNS history (history/{hostname}/dns)",
            Self::Domains { .. } => "the search for domains by address (domains/list)",
        }
    }
}

/// In the words of a message.
impl fmt::Display for Query<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::History { name, family } => write!(f, "the {family} history of {name}"),
            Self::Domains { address, .. } => write!(f, "the domains that point to {address}"),
        }
    }
}
