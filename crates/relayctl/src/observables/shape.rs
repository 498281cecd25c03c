//! What values look like: by themselves, and by the type that a user names.

use std::net::IpAddr;

use relay_core::observable::{domain, hash_type, ip_address};
use relay_core::text::sanitized;
use url::{Host, Url};

use super::Observable;

/// Suffixes that no registry sells and documents and tests use (RFC 6761).
const RESERVED: [&str; 2] = ["example", "test"];

/// Endings of files that are top-level domains too.
const EXTENSIONS: [&str; 14] =
    ["app", "cab", "cc", "in", "java", "md", "mov", "pl", "pm", "ps", "py", "rs", "sh", "zip"];

/// Two observables with equal keys are one: names and hashes whatever their case, addresses however written.
pub(super) fn key(one: &Observable) -> (String, String) {
    let value = match one.kind.as_str() {
        "ip" | "ipv6" => ip_address(&one.value).map(|address| address.to_string()),
        "domain" => domain(&one.value),
        "md5" | "sha1" | "sha256" | "email" => Some(one.value.to_ascii_lowercase()),
        _ => None,
    };
    (one.kind.clone(), value.unwrap_or_else(|| one.value.clone()))
}

/// Whether values of a type are written so that nobody follows them.
pub(super) fn is_refanged(kind: &str) -> bool {
    matches!(kind, "ip" | "ipv6" | "domain" | "hostname" | "url" | "email")
}

/// The type of a text that is a value and nothing else.
pub(super) fn whole(text: &str) -> Option<&'static str> {
    match ip_address(text) {
        Some(IpAddr::V4(_)) => return Some("ip"),
        Some(IpAddr::V6(_)) => return Some("ipv6"),
        None => {}
    }
    if let Some(kind) = hash_type(text) {
        return Some(kind.as_str());
    }
    if is_url(text) {
        return Some("url");
    }
    if is_email(text) {
        return Some("email");
    }
    if is_public_name(text) {
        return Some("domain");
    }
    let is_path =
        is_windows_path(text) || (text.starts_with('/') && !text.starts_with("//") && text.len() > 1);
    (is_path && !text.contains('\n')).then_some("file_path")
}

/// Refuses a value that no observable of this type can have.
///
/// # Errors
/// Says why.
pub(super) fn check(kind: &str, value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err(format!("{kind} has no value; write it like {}", example(kind)));
    }
    let fits = match kind {
        "ip" | "ipv6" => match (kind, ip_address(value)) {
            ("ip", Some(IpAddr::V6(_))) => {
                return Err(format!("`{value}` is an IPv6 address; write ipv6={value}"));
            }
            ("ipv6", Some(IpAddr::V4(_))) => {
                return Err(format!("`{value}` is an IPv4 address; write ip={value}"));
            }
            (_, address) => address.is_some(),
        },
        "domain" => domain(value).is_some_and(|name| name.contains('.')) && ip_address(value).is_none(),
        "url" => is_url(value),
        "email" => {
            value.split_once('@').is_some_and(|(user, host)| !user.is_empty() && domain(host).is_some())
        }
        "md5" | "sha1" | "sha256" => match hash_type(value) {
            Some(found) if found.as_str() != kind => {
                return Err(format!("`{value}` has the length of {found}; write {found}={value}"));
            }
            found => found.is_some(),
        },
        _ => true,
    };
    if fits {
        Ok(())
    } else {
        // Not all of it: a text may hold many that do not fit, each up to the end of the line.
        let value = sanitized(value, 80);
        Err(format!("`{value}` does not fit the type {kind}; it looks like {}", example(kind)))
    }
}

fn example(kind: &str) -> &'static str {
    match kind {
        "ip" => "ip=192.0.2.1",
        "ipv6" => "ipv6=2001:db8::1",
        "domain" => "domain=bad.example",
        "url" => "url=https://bad.example/page",
        "email" => "email=somebody@bad.example",
        "md5" => "md5=, and 32 hexadecimal digits",
        "sha1" => "sha1=, and 40 hexadecimal digits",
        "sha256" => "sha256=, and 64 hexadecimal digits",
        _ => "TYPE=VALUE",
    }
}

/// An address of a page, with a host that can exist.
pub(super) fn is_url(text: &str) -> bool {
    if text.contains(char::is_whitespace) {
        return false;
    }
    let Ok(url) = Url::parse(text) else { return false };
    let known = matches!(url.scheme(), "http" | "https" | "ftp" | "ftps");
    known
        && match url.host() {
            Some(Host::Domain(name)) => domain(name).is_some(),
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            None => false,
        }
}

/// A mailbox below a public suffix.
pub(super) fn is_email(text: &str) -> bool {
    let Some((user, host)) = text.split_once('@') else { return false };
    let letter = |c: char| c.is_ascii_alphanumeric() || "._%+-".contains(c);
    !user.is_empty() && user.chars().all(letter) && is_public_name(host)
}

/// A name below a public suffix, by Mozilla's list.
pub(super) fn is_public_name(text: &str) -> bool {
    let Some(name) = domain(text) else { return false };
    let below = |suffix: &str| name.len() > suffix.len() + 1;
    let known = psl::suffix(name.as_bytes())
        .is_some_and(|suffix| suffix.is_known() && std::str::from_utf8(suffix.as_bytes()).is_ok_and(below));
    let top = name.rsplit('.').next().unwrap_or_default();
    known || (name.contains('.') && RESERVED.contains(&top))
}

/// A name such as `readme.md`, which is a file rather than a host.
pub(super) fn is_file_name(name: &str) -> bool {
    match name.split('.').collect::<Vec<_>>()[..] {
        [_, extension] => EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()),
        _ => false,
    }
}

/// `C:\x` or `\\host\share`.
pub(super) fn is_windows_path(text: &str) -> bool {
    let bytes = text.as_bytes();
    let drive = bytes.len() > 3 && bytes[0].is_ascii_alphabetic() && &bytes[1..3] == b":\\";
    let share = text.strip_prefix("\\\\").is_some_and(|rest| {
        rest.split_once('\\').is_some_and(|(host, path)| {
            !host.is_empty()
                && !path.is_empty()
                && host.chars().all(|c| c.is_alphanumeric() || "._-$".contains(c))
        })
    });
    drive || share
}
