//! Canned answers: those of the fixtures, and those that a test pins.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lock::locked;
use crate::reply::Reply;
use crate::request::Request;

/// A canned answer, and the calls that get it.
///
/// Built with [`Answer::get`] or [`Answer::post`], or read from a fixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The method, upper case.
    #[serde(default = "get")]
    pub method: String,
    /// Of a recorded call: the setting with the base URL that it is below, or the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The **raw** path below the service's prefix, escapes included. Compared as text.
    pub path: String,
    /// Decoded query parameters that the call must have; it may have others too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// The raw query that the call must have, exactly; empty for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_query: Option<String>,
    /// The JSON body that the call must have, exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// JSON that the call's body must include: objects may have more fields, other values are equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_includes: Option<Value>,
    /// Texts that the call's body must hold, each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body_contains: Vec<String>,
    /// HTTP status of the answer.
    #[serde(default = "ok")]
    pub status: u16,
    /// Headers of the answer, besides the content type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// A JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// A body of plain text, or of the type that `headers` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How often it is used (pinned answers only); no limit by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

fn get() -> String {
    "GET".to_owned()
}

fn ok() -> u16 {
    200
}

impl Answer {
    /// For `GET path`, raw and below the service's prefix: 200 without a body unless set otherwise.
    pub fn get(path: &str) -> Self {
        Self::to("GET", path)
    }

    /// For `POST path`, raw and below the service's prefix: 200 without a body unless set otherwise.
    pub fn post(path: &str) -> Self {
        Self::to("POST", path)
    }

    /// For any method.
    pub fn to(method: &str, path: &str) -> Self {
        Self {
            method: method.to_ascii_uppercase(),
            base: None,
            path: path.to_owned(),
            query: BTreeMap::new(),
            raw_query: None,
            body: None,
            body_includes: None,
            body_contains: Vec::new(),
            status: 200,
            headers: BTreeMap::new(),
            json: None,
            text: None,
            times: None,
        }
    }

    /// Only calls with this decoded query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Only calls with exactly this JSON body.
    #[must_use]
    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Only calls whose JSON body includes this.
    #[must_use]
    pub fn body_includes(mut self, part: Value) -> Self {
        self.body_includes = Some(part);
        self
    }

    /// Only calls whose body holds this text.
    #[must_use]
    pub fn body_contains(mut self, text: &str) -> Self {
        self.body_contains.push(text.to_owned());
        self
    }

    /// HTTP status of the answer.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// A header of the answer.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A JSON body.
    #[must_use]
    pub fn json(mut self, body: Value) -> Self {
        self.json = Some(body);
        self
    }

    /// A body that is not JSON, or JSON in an unusual format.
    #[must_use]
    pub fn text(mut self, body: &str) -> Self {
        self.text = Some(body.to_owned());
        self
    }

    /// Limits how often it is used; then the next answer for the call applies.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Whether both match the same calls.
    pub(crate) fn same_call(&self, other: &Self) -> bool {
        self.method == other.method
            && self.path == other.path
            && self.query == other.query
            && self.raw_query == other.raw_query
            && self.body == other.body
            && self.body_includes == other.body_includes
            && self.body_contains == other.body_contains
    }

    pub(crate) fn matches(&self, request: &Request) -> bool {
        self.method == request.method
            && self.path == request.path
            && self.raw_query.as_ref().is_none_or(|query| *query == request.raw_query)
            && self.query.iter().all(|(name, value)| request.params(name).contains(&value.as_str()))
            && self.body.as_ref().is_none_or(|wanted| request.json().as_ref() == Some(wanted))
            && self
                .body_includes
                .as_ref()
                .is_none_or(|part| request.json().is_some_and(|body| includes(&body, part)))
            && self.holds(request)
    }

    pub(crate) fn holds(&self, request: &Request) -> bool {
        let body = String::from_utf8_lossy(&request.body);
        self.body_contains.iter().all(|text| body.contains(text.as_str()))
    }

    /// How specific it is; of two that match, the more specific one is used.
    pub(crate) fn specificity(&self) -> usize {
        self.query.len()
            + usize::from(self.raw_query.is_some()) * 2
            + usize::from(self.body.is_some()) * 2
            + usize::from(self.body_includes.is_some())
            + self.body_contains.len()
    }

    pub(crate) fn reply(&self) -> Reply {
        let plain = match (&self.json, &self.text) {
            (Some(json), _) => Reply::json(self.status, json),
            (None, Some(text)) => Reply::text(self.status, text),
            (None, None) => Reply::empty(self.status),
        };
        self.headers.iter().fold(plain, |reply, (name, value)| reply.header(name, value))
    }
}

fn includes(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(key, part)| whole.get(key).is_some_and(|whole| includes(whole, part)))
        }
        _ => whole == part,
    }
}

/// Answers pinned while the simulator runs; they take precedence over the fixtures.
///
/// Limited ones are used first, in the order in which they were pinned. Of the others, the latest for a call applies.
#[derive(Debug, Default)]
pub(crate) struct Pinned(Mutex<Vec<(&'static str, Answer)>>);

impl Pinned {
    pub(crate) fn add(&self, provider: &'static str, answer: Answer) {
        let mut pinned = locked(&self.0);
        if answer.times.is_none() {
            pinned
                .retain(|(of, known)| *of != provider || known.times.is_some() || !known.same_call(&answer));
        }
        pinned.push((provider, answer));
    }

    pub(crate) fn take(&self, provider: &str, request: &Request) -> Option<Reply> {
        let mut pinned = locked(&self.0);
        let fits = |(of, answer): &(&str, Answer)| *of == provider && answer.matches(request);
        let limited = pinned.iter().position(|entry| entry.1.times.is_some_and(|n| n > 0) && fits(entry));
        if let Some((_, answer)) = limited.and_then(|place| pinned.get_mut(place)) {
            answer.times = answer.times.map(|left| left - 1);
            return Some(answer.reply());
        }
        let lasting = pinned.iter().enumerate().filter(|(_, entry)| entry.1.times.is_none() && fits(entry));
        lasting
            .max_by_key(|(place, (_, answer))| (answer.specificity(), *place))
            .map(|(_, (_, answer))| answer.reply())
    }

    pub(crate) fn clear(&self) {
        locked(&self.0).clear();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(pinned: &Pinned, request: &Request) -> Option<u16> {
        pinned.take("p", request).map(|reply| reply.status)
    }

    #[test]
    fn limited_answers_are_used_up_in_order_before_the_lasting_one() {
        let pinned = Pinned::default();
        pinned.add("p", Answer::get("/a").status(200));
        pinned.add("p", Answer::get("/a").status(401).times(1));
        pinned.add("p", Answer::get("/a").status(503).times(2));
        pinned.add("p", Answer::get("/a").status(204));
        let call = Request::new("GET", "/p", "/a");
        let seen: Vec<_> = (0..5).map(|_| status(&pinned, &call)).collect();
        assert_eq!(seen, [Some(401), Some(503), Some(503), Some(204), Some(204)]);
        assert_eq!(status(&pinned, &Request::new("POST", "/p", "/a")), None);
        assert!(pinned.take("other", &call).is_none());
    }

    #[test]
    fn the_more_specific_answer_is_used() {
        let pinned = Pinned::default();
        pinned.add("p", Answer::get("/a").query("page", "2").status(202));
        pinned.add("p", Answer::get("/a").status(200));
        assert_eq!(status(&pinned, &Request::new("GET", "/p", "/a?page=2&x=1")), Some(202));
        assert_eq!(status(&pinned, &Request::new("GET", "/p", "/a?page=3")), Some(200));
    }

    #[test]
    fn bodies_are_compared_as_json() {
        let exact = Answer::post("/q").body(json!({"a": 1, "b": [1, 2]}));
        let part = Answer::post("/q").body_includes(json!({"a": {"x": 1}}));
        let call = |body: &'static str| Request::new("POST", "/p", "/q").with_body(body);
        assert!(exact.matches(&call(r#"{ "b": [1,2], "a": 1 }"#)));
        assert!(!exact.matches(&call(r#"{"b": [1,2], "a": 1, "c": 0}"#)));
        assert!(part.matches(&call(r#"{"a": {"x": 1, "y": 2}, "c": 0}"#)));
        assert!(!part.matches(&call("not json")));
    }

    #[test]
    fn the_path_is_compared_raw() {
        let answer = Answer::get("/url/a%2Fb");
        assert!(answer.matches(&Request::new("GET", "/p", "/url/a%2Fb")));
        assert!(!answer.matches(&Request::new("GET", "/p", "/url/a%2fb")));
        assert!(!answer.matches(&Request::new("GET", "/p", "/url/a/b")));
    }
}
