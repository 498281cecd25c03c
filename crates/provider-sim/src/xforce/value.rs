//! What the calls accept as a value. Anything else is "Invalid input." to them.

use std::net::IpAddr;

/// A value that DNS can be asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Address(IpAddr),
    Domain(String),
}

impl Name {
    pub(super) fn of(value: &str) -> Option<Self> {
        let address = value.parse().ok().map(Self::Address);
        address.or_else(|| {
            is_host(value).then(|| Self::Domain(value.trim_end_matches('.').to_ascii_lowercase()))
        })
    }
}

/// Whether a value is a host name or a URL, with or without its scheme.
pub(super) fn is_url(value: &str) -> bool {
    let rest = value.split_once("://").map_or(value, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let bare = host.trim_start_matches('[').split(']').next().unwrap_or_default();
    let printable = !value.chars().any(|c| c.is_whitespace() || c.is_control());
    printable && (is_host(host.split(':').next().unwrap_or_default()) || bare.parse::<IpAddr>().is_ok())
}

/// Whether it is a name of two labels or more, of letters (of any script), digits, `-` and `_`.
fn is_host(value: &str) -> bool {
    let labels: Vec<&str> = value.trim_end_matches('.').split('.').collect();
    let is_label =
        |label: &&str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || "-_".contains(c));
    labels.len() > 1 && labels.iter().all(is_label)
}

/// The kind of a hash, by its length. The prefix `0x` of the answers is not accepted in a question.
pub(super) fn hash_kind(value: &str) -> Option<&'static str> {
    if !value.chars().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    match value.len() {
        32 => Some("md5"),
        40 => Some("sha1"),
        64 => Some("sha256"),
        _ => None,
    }
}
