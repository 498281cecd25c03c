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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_names_are_recognised() {
        for good in [
            "a.example",
            "http://a.example/x?y=1#z",
            "a.example/path",
            "https://u@a.example:8443/",
            "bücher.example",
            "http://192.0.2.1/x",
            "http://[2001:db8::1]:80/",
            "_dmarc.a.example",
            "a.example.",
        ] {
            assert!(is_url(good), "{good}");
        }
        for bad in [
            "",
            "..",
            "../all-subscriptions/usage",
            "localhost",
            "a b.example",
            "http:///x",
            "a..example",
            "'",
        ] {
            assert!(!is_url(bad), "{bad}");
        }
    }

    #[test]
    fn names_are_addresses_or_domains() {
        assert_eq!(Name::of("192.0.2.1"), Some(Name::Address([192, 0, 2, 1].into())));
        assert_eq!(Name::of("A.Example."), Some(Name::Domain("a.example".to_owned())));
        assert_eq!(Name::of("http://a.example/"), None);
    }

    #[test]
    fn hashes_are_known_by_length() {
        assert_eq!(hash_kind(&"aF".repeat(16)), Some("md5"));
        assert_eq!(hash_kind(&"0".repeat(40)), Some("sha1"));
        assert_eq!(hash_kind(&"0".repeat(64)), Some("sha256"));
        assert_eq!(hash_kind(&format!("0x{}", "0".repeat(40))), None);
        assert_eq!(hash_kind(&"g".repeat(32)), None);
    }
}
