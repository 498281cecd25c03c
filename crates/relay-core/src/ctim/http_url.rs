//! Links that the platform accepts.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use url::{Position, Url};

const MAX_LENGTH: usize = 2048;

/// An absolute `http` or `https` URL of at most 2048 characters, in the strict syntax of RFC 2396.
///
/// Links that providers and browsers let pass may hold characters which CTIM does not (`|`, `{`, a `%` that
/// encodes nothing, ...): those are percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
// Shared: an entity names its page more than once.
pub struct HttpUrl(Arc<str>);

impl HttpUrl {
    /// Reads a link. `None` when it is no absolute `http` or `https` URL, and when it is too long: half a
    /// link would lead elsewhere.
    pub fn parse(text: &str) -> Option<Self> {
        if is_plain(text) {
            return (text.len() <= MAX_LENGTH).then(|| Self(text.into()));
        }
        Self::from_url(&Url::parse(text).ok()?)
    }

    /// Takes a URL that was built piece by piece. `None` as for [`HttpUrl::parse`].
    pub fn from_url(url: &Url) -> Option<Self> {
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        let mut text = String::with_capacity(url.as_str().len());
        push_legal(&mut text, &url[..Position::BeforePath], b"");
        push_legal(&mut text, &url[Position::BeforePath..Position::AfterPath], b"[]");
        push_legal(&mut text, &url[Position::AfterPath..Position::AfterQuery], b"");
        if let Some(fragment) = url.fragment() {
            text.push('#');
            push_legal(&mut text, fragment, b"#");
        }
        (text.len() <= MAX_LENGTH).then(|| Self(text.into()))
    }

    /// A URL from the scheme and host of one, a path and a query, which are encoded for their places already.
    /// `None` as for [`HttpUrl::parse`].
    pub(crate) fn from_parts(base: &Url, path: &str, query: &str) -> Option<Self> {
        if !matches!(base.scheme(), "http" | "https") {
            return None;
        }
        let origin = &base[..Position::BeforePath];
        let mut text = String::with_capacity(origin.len() + path.len() + query.len() + 2);
        push_legal(&mut text, origin, b"");
        push_legal(&mut text, if path.is_empty() { "/" } else { path }, b"[]");
        if !query.is_empty() {
            text.push('?');
            push_legal(&mut text, query, b"");
        }
        (text.len() <= MAX_LENGTH).then(|| Self(text.into()))
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a text is an `https` URL that a parser would give back as it is, as nearly all links of providers are: a name
/// in lower case whose last label has letters only, and a path and query without anything to encode or to resolve.
fn is_plain(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else { return false };
    let Some((host, path)) = rest.split_once('/') else { return false };
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with("xn--")
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    // A last label with a digit in it may make the whole an address.
    let top = host.rsplit('.').next().unwrap_or_default();
    host.split('.').all(is_label)
        && top.bytes().all(|byte| byte.is_ascii_lowercase())
        && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-=&?".contains(&byte))
}

/// Appends a part of a URL, with the characters encoded that no part may hold, and those of `also`.
fn push_legal(url: &mut String, part: &str, also: &[u8]) {
    const ILLEGAL: &[u8] = b"\"<>\\^`{|}";
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    // Where the stretch begins that may stay as it is, which mostly is the whole part.
    let mut kept = 0;
    for (position, byte) in part.bytes().enumerate() {
        let illegal = !byte.is_ascii_graphic()
            || ILLEGAL.contains(&byte)
            || also.contains(&byte)
            || (byte == b'%' && !is_escape(&part.as_bytes()[position..]));
        if illegal {
            url.push_str(part.get(kept..position).unwrap_or_default());
            kept = position + 1;
            url.push('%');
            url.push(char::from(HEX[usize::from(byte >> 4)]));
            url.push(char::from(HEX[usize::from(byte & 0xF)]));
        }
    }
    url.push_str(part.get(kept..).unwrap_or_default());
}

fn is_escape(bytes: &[u8]) -> bool {
    matches!(bytes, [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for HttpUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::schema::compile;

    fn written(text: &str) -> String {
        HttpUrl::parse(text).unwrap().to_string()
    }

    #[test]
    fn legal_links_stay_as_they_are() {
        for text in [
            "https://securitytrails.com/list/ip/2001:db8::10",
            "https://portal.icebrg.io/search?query=uuid+%3D+%279a3d77c4%27",
            "http://[2001:db8::1]:8080/a/b?c[]=d#e?f",
            "https://user:secret@example.com/",
        ] {
            assert_eq!(written(text), text);
        }
    }

    #[test]
    fn what_ctim_forbids_is_encoded() {
        assert_eq!(written("https://a.example/x|y[1]^{2}"), "https://a.example/x%7Cy%5B1%5D%5E%7B2%7D");
        assert_eq!(written("https://a.example/?q=a|b\\c`{}"), "https://a.example/?q=a%7Cb%5Cc%60%7B%7D");
        assert_eq!(written("https://a.example/100%/%zz%4"), "https://a.example/100%25/%25zz%254");
        assert_eq!(written("https://a.example/a b?ü#x#y"), "https://a.example/a%20b?%C3%BC#x%23y");
    }

    #[test]
    fn plain_links_are_what_a_parser_makes_of_them() {
        assert!(is_plain("https://security.microsoft.com/alerts/da63_-1?tid=1111-2222"));
        let part = "[a-z0-9.-]{0,12}|xn--[a-z0-9]{1,4}|0x[0-9a-f]{1,3}";
        let text = format!("https?://({part})(\\.({part}))?(/[a-zA-Z0-9/_=&?.-]{{0,20}})?");
        proptest!(|(text in text.as_str())| {
            if is_plain(&text) {
                let url = Url::parse(&text).unwrap();
                prop_assert_eq!(url.as_str(), &text);
            }
        });
    }

    #[test]
    fn what_is_no_link_is_none() {
        for text in
            ["", "example.com/x", "/x", "ftp://a.example/", "javascript:alert(1)", "https://", "data:,x"]
        {
            assert_eq!(HttpUrl::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_long_link_is_left_out_not_cut() {
        let fits = format!("https://a.example/{}", "x".repeat(2048 - 18));
        assert_eq!(written(&fits).len(), 2048);
        assert_eq!(HttpUrl::parse(&format!("{fits}x")), None);
        // One character that takes three once it is encoded.
        assert_eq!(HttpUrl::parse(&fits.replacen('x', "|", 1)), None);
    }

    #[test]
    fn whatever_becomes_a_link_is_legal() {
        let validator = compile("HttpUrl");
        let part = "(\\PC|[%^|`{}\\[\\]\\\\<>\"' #?/&0aF]){0,12}";
        let texts = format!("https?://(a\\.example|\\[::1\\]:80|{part})(/{part})?(\\?{part})?(#{part})?");
        proptest!(|(text in texts.as_str())| {
            if let Some(url) = HttpUrl::parse(&text) {
                prop_assert!(validator.is_valid(&url.as_str().into()), "{url}");
                prop_assert_eq!(HttpUrl::parse(url.as_str()), Some(url), "stable");
            }
        });
    }
}
