//! Values of observables on their way into URLs and query languages.
//!
//! Every value is hostile: whatever it holds, it stays one path segment, one parameter, one literal. No value
//! reaches another host or path, or adds a parameter or a condition.

use std::fmt::{Display, Write};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::ctim::HttpUrl;

/// All but the characters that RFC 3986 leaves unreserved. `%` is among those that are encoded.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// A colon may stand in a path as it is: an IPv6 address stays readable.
const SEGMENT: &AsciiSet = &QUERY.remove(b':');
/// What a literal of an OData function holds besides: quotes.
const FUNCTION: &AsciiSet = &SEGMENT.remove(b'\'');

/// One segment of a URL's path. `None` for the values that cannot be one: nothing, `.` and `..`.
///
/// URL libraries and servers take `.` and `..` for steps in the path, also when spelled `%2e`; since `%`
/// itself is encoded (`%2e%2e` goes out as `%252e%252e`), no other value can be mistaken for them.
pub fn segment(value: &str) -> Option<String> {
    if matches!(value, "" | "." | "..") {
        return None;
    }
    Some(utf8_percent_encode(value, SEGMENT).to_string())
}

/// The value of a query parameter; a space becomes `%20`.
pub fn query(value: &str) -> String {
    utf8_percent_encode(value, QUERY).to_string()
}

/// The value of a query parameter as HTML forms write it: a space becomes `+`.
pub fn form(value: &str) -> String {
    query(value).replace("%20", "+")
}

/// An `OData` string literal in its quotes, for a `$filter`, which [`query`] then has to encode as a whole.
///
/// A quote is doubled; every other character may stand in a literal, control characters included: `OData`
/// knows no other escape, and its grammar admits them percent-encoded.
/// See <https://docs.oasis-open.org/odata/odata/v4.01/os/abnf/odata-abnf-construction-rules.txt>.
pub fn odata(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// A KQL string literal in single quotes. `None` for a value with control characters, which no indicator
/// of compromise has and which could end the line.
/// See <https://learn.microsoft.com/azure/kusto/query/scalar-data-types/string>.
pub fn kql(value: &str) -> Option<String> {
    kql_literal(value, '\'', |_| None)
}

/// A KQL string literal in double quotes, with tabs and line ends escaped. `None` for a value with other
/// control characters.
pub fn kql_double_quoted(value: &str) -> Option<String> {
    kql_literal(value, '"', |control| match control {
        '\t' => Some("\\t"),
        '\r' => Some("\\r"),
        '\n' => Some("\\n"),
        _ => None,
    })
}

fn kql_literal(value: &str, quote: char, control: fn(char) -> Option<&'static str>) -> Option<String> {
    let mut literal = String::with_capacity(value.len() + 2);
    literal.push(quote);
    for character in value.chars() {
        match character {
            '\\' => literal.push_str("\\\\"),
            _ if character == quote => literal.extend(['\\', quote]),
            _ if ends_line(character) => literal.push_str(control(character)?),
            _ => literal.push(character),
        }
    }
    literal.push(quote);
    Some(literal)
}

/// Control characters, and the two separators that Unicode counts as line ends.
fn ends_line(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

/// Puts a URL together below a base, which keeps its host and the prefix of its path.
///
/// Paths and parameter names are constants of the code and go out as they are; values are escaped.
///
/// ```
/// # use relay_core::escape::UrlBuilder;
/// let base = url::Url::parse("https://api.example/v1/")?;
/// let url = UrlBuilder::new(&base).path("ips").segment("2001:db8::1").path("alerts").param("page", 2).build();
/// assert_eq!(url.map(String::from).as_deref(), Some("https://api.example/v1/ips/2001:db8::1/alerts?page=2"));
/// # Ok::<(), url::ParseError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct UrlBuilder {
    base: Url,
    path: String,
    query: String,
    refused: bool,
}

impl UrlBuilder {
    /// Starts at the base; a query or fragment of it is dropped.
    pub fn new(base: &Url) -> Self {
        let path = base.path().trim_end_matches('/').to_owned();
        Self { base: base.clone(), path, query: String::new(), refused: base.cannot_be_a_base() }
    }

    /// Appends a constant path of one or more segments.
    pub fn path(mut self, path: &'static str) -> Self {
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            self.path.push('/');
            self.path.push_str(segment);
        }
        self
    }

    /// Appends a value as one segment, see [`segment`].
    pub fn segment(mut self, value: impl AsRef<str>) -> Self {
        match segment(value.as_ref()) {
            Some(segment) => {
                self.path.push('/');
                self.path.push_str(&segment);
            }
            None => self.refused = true,
        }
        self
    }

    /// Appends an OData function as one segment, such as `findbyip(ip='192.0.2.1')`. Its values are literals of `OData`
    /// ([`odata`] for texts); what could end one is escaped.
    pub fn function(mut self, name: &'static str, parameters: &[(&'static str, &str)]) -> Self {
        let escaped = |value: &str| utf8_percent_encode(value, FUNCTION).to_string();
        let list: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        // Writing to a string cannot fail.
        let _ = write!(self.path, "/{name}({})", list.join(","));
        self
    }

    /// Appends a parameter with a value, see [`query`].
    pub fn param(self, name: &'static str, value: impl Display) -> Self {
        let value = query(&value.to_string());
        self.escaped(name, &value)
    }

    /// Appends a parameter as forms write it, see [`form`].
    pub fn form_param(self, name: &'static str, value: impl Display) -> Self {
        let value = form(&value.to_string());
        self.escaped(name, &value)
    }

    fn escaped(mut self, name: &'static str, value: &str) -> Self {
        let separator = if self.query.is_empty() { "" } else { "&" };
        // Writing to a string cannot fail.
        let _ = write!(self.query, "{separator}{name}={value}");
        self
    }

    /// The URL. `None` when a value cannot be a segment: nothing can be asked about it.
    pub fn build(mut self) -> Option<Url> {
        if self.refused {
            return None;
        }
        self.base.set_path(&self.path);
        self.base.set_query(Some(self.query.as_str()).filter(|query| !query.is_empty()));
        self.base.set_fragment(None);
        Some(self.base)
    }

    /// The URL as a link for the platform. `None` also when it is too long for that.
    pub fn link(self) -> Option<HttpUrl> {
        if self.refused { None } else { HttpUrl::from_parts(&self.base, &self.path, &self.query) }
    }
}

#[cfg(test)]
mod tests;
