//! `POST /$batch` (<https://learn.microsoft.com/en-us/graph/json-batching>).

use std::fmt;

use relay_core::lenient::{self, LenientValue};
use serde::de::MapAccess;
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Serialize};

/// Requests in one body.
#[derive(Debug, Serialize)]
pub struct Requests {
    /// The requests.
    pub requests: Vec<Request>,
}

/// One request.
#[derive(Debug, Serialize)]
pub struct Request {
    /// What its answer is known by.
    pub id: String,
    /// The method.
    pub method: &'static str,
    /// The path below the API's base, escaped.
    pub url: String,
    /// Its headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Headers>,
}

/// The headers of a request.
#[derive(Debug, Serialize)]
pub struct Headers {
    /// What is preferred.
    #[serde(rename = "Prefer")]
    pub prefer: &'static str,
}

/// Answers to the requests, in any order.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "B: LenientValue<'de>"))]
pub struct Responses<B> {
    /// The answers; nothing where there is no list.
    #[serde(default, deserialize_with = "lenient::field")]
    pub responses: Option<Vec<Response<B>>>,
}

/// One answer.
#[derive(Deserialize)]
#[serde(bound(deserialize = "B: LenientValue<'de>"))]
pub struct Response<B> {
    /// Which request it answers.
    #[serde(default, deserialize_with = "lenient::field")]
    pub id: Option<Id>,
    /// Its status.
    #[serde(default, deserialize_with = "lenient::field")]
    pub status: Option<i64>,
    /// Its body.
    #[serde(default, deserialize_with = "lenient::field")]
    pub body: Option<B>,
}

impl<B> Response<B> {
    /// Whether it says neither what was asked for nor that this is not there.
    pub fn is_failure(&self) -> bool {
        let has_answer = matches!(self.status, Some(200..=299)) && self.body.is_some();
        !has_answer && !matches!(self.status, Some(404 | 410))
    }
}

/// Whether an answer says of one of the requests that the token was refused.
pub fn is_token_refused(body: &[u8]) -> bool {
    // Most answers need not be read for this.
    body.windows(3).any(|digits| digits == b"401")
        && serde_json::from_slice::<Responses<Anything>>(body)
            .is_ok_and(|all| all.responses.iter().flatten().any(|one| one.status == Some(401)))
}

/// A body that is not read.
struct Anything;

impl LenientValue<'_> for Anything {}

impl<B> fmt::Debug for Response<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("id", &self.id).field("status", &self.status).finish_non_exhaustive()
    }
}

impl<'de, B: LenientValue<'de>> LenientValue<'de> for Response<B> {
    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        Self::deserialize(MapAccessDeserializer::new(object)).map(Some)
    }
}

/// The id of a request: its place among the requests, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(pub usize);

impl LenientValue<'_> for Id {
    fn from_integer(value: i64) -> Option<Self> {
        usize::try_from(value).ok().map(Self)
    }

    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_token_is_seen_in_statuses_alone() {
        for (body, expected) in [
            (
                r#"{"responses": [{"id": "1", "status": 200}, {"id": "2", "status" : 401, "body": {"x": [1]}}]}"#,
                true,
            ),
            (r#"{"responses": [{"id": "401", "status": 200, "body": {"status": 401}}]}"#, false),
            (r#"{"responses": {"status": 401}}"#, false),
            (r#"{"responses": [{"status": 401}]"#, false),
            ("401", false),
            ("", false),
        ] {
            assert_eq!(is_token_refused(body.as_bytes()), expected, "{body}");
        }
    }
}
