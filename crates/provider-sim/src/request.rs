//! A call to a service: the raw target, and its decoded parts.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::login::directory::Resource;
use crate::login::grant::{Grant, TokenError};

/// A call to a service.
///
/// The path is kept as it was received. It is split at `/` **before** it is decoded, so an escaped slash stays
/// inside its segment and an unescaped one makes a segment of its own, as at a real provider.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The method in upper case.
    pub method: String,
    /// The prefix of the service that is asked, such as `/xforce`.
    pub prefix: String,
    /// The raw path below the prefix, with its leading `/`; empty when the prefix alone was asked.
    pub path: String,
    /// The raw query without its `?`; empty when there is none.
    pub raw_query: String,
    /// Path segments below the prefix, each decoded once.
    pub segments: Vec<String>,
    /// Query parameters in order, decoded once, `+` as a space.
    pub query: Vec<(String, String)>,
    /// Headers, names in lower case; those of one name in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// A fault wants tokens to be expired: a login hands out such tokens, an API finds them so.
    pub tokens_expired: bool,
}

impl Request {
    /// A call of `target` (raw path and query, below the prefix).
    pub fn new(method: &str, prefix: &str, target: &str) -> Self {
        let (path, raw_query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: method.to_ascii_uppercase(),
            prefix: prefix.to_owned(),
            path: path.to_owned(),
            raw_query: raw_query.to_owned(),
            segments: segments(path),
            query: pairs(raw_query.as_bytes()),
            ..Self::default()
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The path segments, to be matched on: `match request.parts().as_slice() { ["url", value] => … }`.
    pub fn parts(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, &name.to_ascii_lowercase())
    }

    /// The first query parameter of this name, decoded.
    pub fn param(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    /// All query parameters of this name, decoded.
    pub fn params(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The body as JSON, when it is JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The body as the fields of a form (`application/x-www-form-urlencoded`).
    pub fn form(&self) -> Vec<(String, String)> {
        pairs(&self.body)
    }

    /// Whether the `Accept` header lists this media type itself, not only a wildcard.
    pub fn accepts(&self, media_type: &str) -> bool {
        self.header("accept").is_some_and(|list| {
            list.split(',').any(|one| one.split(';').next().is_some_and(|name| name.trim() == media_type))
        })
    }

    /// User name and password of HTTP Basic authentication.
    pub fn basic(&self) -> Option<(String, String)> {
        let decoded = BASE64_STANDARD.decode(self.credential("basic")?).ok()?;
        let (user, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        Some((user.to_owned(), password.to_owned()))
    }

    /// The token of `Authorization: Bearer`.
    pub fn bearer(&self) -> Option<&str> {
        self.credential("bearer")
    }

    /// The claims of its bearer token, a token of the login service for this API.
    ///
    /// # Errors
    /// The token is not accepted.
    pub fn grant(&self, resource: Resource) -> Result<Grant, TokenError> {
        let grant = Grant::read(self.bearer().ok_or(TokenError::Missing)?).ok_or(TokenError::Malformed)?;
        if self.tokens_expired || grant.exp <= Timestamp::now().as_second() {
            return Err(TokenError::Expired);
        }
        if grant.aud != resource.uri() {
            return Err(TokenError::WrongAudience);
        }
        Ok(grant)
    }

    /// What follows `scheme` (in any case) in the Authorization header.
    pub fn credential(&self, scheme: &str) -> Option<&str> {
        let (given, credential) = self.header("authorization")?.split_once(' ')?;
        given.eq_ignore_ascii_case(scheme).then(|| credential.trim())
    }

    /// The suffix of the credential: what follows the first `.` in an API key or a client secret. Keys that differ in it
    /// alone are of the same kind of account, and each has a quota of its own.
    pub fn suffix(&self) -> Option<String> {
        if let Some(token) = self.bearer() {
            return Grant::read(token)?.suffix;
        }
        let user = self.basic().map(|(user, _)| user);
        let key = self.header("apikey").or_else(|| self.credential("IBToken")).map(str::to_owned).or(user)?;
        split_suffix(&key).1.map(str::to_owned)
    }

    /// The URL of the service as the caller addressed it, for links to further pages: `http://host:port/prefix`.
    pub fn base_url(&self) -> String {
        format!("http://{}{}", self.header("host").unwrap_or("localhost"), self.prefix)
    }
}

/// A credential without its suffix, and the [suffix](Request::suffix).
pub(crate) fn split_suffix(credential: &str) -> (&str, Option<&str>) {
    credential.split_once('.').map_or((credential, None), |(name, suffix)| (name, Some(suffix)))
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn segments(path: &str) -> Vec<String> {
    let Some(path) = path.strip_prefix('/') else { return Vec::new() };
    path.split('/').map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned()).collect()
}

fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(encoded).map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_slash_stays_in_its_segment() {
        let request = Request::new("get", "/xforce", "/url/http:%2F%2Fa.example%2Fx%3Fy?page=2&name=a+b%26c");
        assert_eq!(request.method, "GET");
        assert_eq!(request.parts(), ["url", "http://a.example/x?y"]);
        assert_eq!(request.param("page"), Some("2"));
        assert_eq!(request.param("name"), Some("a b&c"));
    }

    #[test]
    fn an_unescaped_slash_makes_segments() {
        assert_eq!(Request::new("GET", "", "/url/http://a").parts(), ["url", "http:", "", "a"]);
        assert!(Request::new("GET", "/xforce", "").parts().is_empty());
    }

    #[test]
    fn credentials_are_read_in_any_case_of_the_scheme() {
        let request = Request::new("GET", "", "/").with_header("Authorization", "BASIC a2V5OnA6dw==");
        assert_eq!(request.basic(), Some(("key".to_owned(), "p:w".to_owned())));
        assert_eq!(request.bearer(), None);
    }

    #[test]
    fn a_wildcard_does_not_ask_for_json() {
        let accept =
            |value| Request::new("GET", "", "/").with_header("accept", value).accepts("application/json");
        assert!(accept("text/html, application/json;q=0.9"));
        assert!(!accept("*/*"));
    }
}
