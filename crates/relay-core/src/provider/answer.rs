//! What a provider answered, read within bounds.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::failure::Failure;
use super::report::CallReport;
use crate::lenient::{self, LenientValue};
use crate::text::sanitized;

/// A successful answer (2xx). Cheap to clone: the body is shared.
#[derive(Clone)]
pub struct Answer {
    pub(super) status: StatusCode,
    headers: Kept,
    pub(super) body: Bytes,
    /// The same in all clones.
    reading: Arc<Reading>,
}

/// What became of an answer.
#[derive(Default)]
struct Reading {
    /// Set by a reader for whom it was no full answer: it must not serve again.
    spent: AtomicBool,
    /// Until when it may serve, where another replica has received it.
    until: Option<Instant>,
    /// The report on the call, until the first reading shows how it went.
    report: Mutex<Option<CallReport>>,
}

/// Without body and headers: those of a login hold a token.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status.as_u16(), self.body.len())
    }
}

/// Copies of the headers that a relay reads. The map as received is a kilobyte, and its values are windows into
/// the buffer of the connection, which each answer in the cache would keep alive.
type Kept = Arc<[(HeaderName, HeaderValue)]>;

impl Answer {
    pub(super) fn new(status: StatusCode, headers: &HeaderMap, keep: &[HeaderName], body: Bytes) -> Self {
        let copies = |name| {
            let copy = move |value: &HeaderValue| HeaderValue::from_bytes(value.as_bytes()).ok();
            headers.get_all(name).iter().filter_map(copy).map(move |value| (HeaderName::clone(name), value))
        };
        let headers = keep.iter().flat_map(copies).collect();
        Self { status, headers, body, reading: Arc::default() }
    }

    /// The same answer, whose first reading completes the report on the call.
    pub(super) fn reporting(self, report: CallReport) -> Self {
        *self.reading.report.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
        self
    }

    /// The same answer, which serves until then only.
    pub(super) fn serving_until(self, end: Instant) -> Self {
        Self { reading: Arc::new(Reading { until: Some(end), ..Reading::default() }), ..self }
    }

    /// Whether it was read, and nothing in it had failed.
    pub(super) fn is_good(&self) -> bool {
        let unread = self.reading.report.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        !unread && !self.is_spent()
    }

    /// The headers that were kept.
    pub(super) fn kept_headers(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.headers.iter()
    }

    /// Keeps the answer from later calls, since a part of it is a failure, such as a call of a batch.
    pub fn do_not_reuse(&self) {
        self.reading.spent.store(true, Ordering::Relaxed);
    }

    /// Whether it must not serve again.
    pub(super) fn is_spent(&self) -> bool {
        let reading = &self.reading;
        reading.spent.load(Ordering::Relaxed) || reading.until.is_some_and(|end| end <= Instant::now())
    }

    /// Reads the body by `read`, and completes the report on the call.
    fn read<T>(&self, read: impl FnOnce(&[u8]) -> Result<T, String>) -> Result<T, Failure> {
        let ((outcome, dropped), too_much) =
            lenient::bounded(self.body.len(), || lenient::counting_dropped(|| read(&self.body)));
        let report = self.reading.report.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (&outcome, report) {
            (Ok(_), Some(report)) => report.read(dropped),
            (Err(_), Some(report)) => report.unreadable(),
            (_, None) => {}
        }
        outcome.map_err(|problem| {
            self.do_not_reuse();
            if too_much {
                let problem =
                    "its answer has more items than there is memory for; ask for fewer observables or less";
                return Failure::TooLarge(problem.to_owned());
            }
            Failure::Unreadable(problem)
        })
    }

    /// The HTTP status, 200 to 299.
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// The readable values of a header, in the order in which they came. The request has to name the header with
    /// [`super::Request::keep_header`]; others are not kept.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = move |(kept, _): &&(HeaderName, HeaderValue)| kept == name;
        self.headers.iter().filter(named).filter_map(|(_, value)| value.to_str().ok())
    }

    /// The body as it came.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body read as JSON of a type.
    ///
    /// # Errors
    /// [`Failure::Unreadable`] where it is not JSON or not of that type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        self.read(|body| serde_json::from_slice(body).map_err(|error| not_json(&error)))
    }

    /// The body read leniently as a JSON object ([`crate::lenient`]).
    ///
    /// # Errors
    /// [`Failure::Unreadable`] where it is not JSON, or JSON but no object.
    pub fn object<T: for<'a> LenientValue<'a>>(&self) -> Result<T, Failure> {
        self.read(|body| {
            let mut json = serde_json::Deserializer::from_slice(body);
            lenient::field(&mut json)
                .and_then(|object| json.end().map(|()| object))
                .map_err(|error| not_json(&error))?
                .ok_or_else(|| "its answer is not a JSON object".to_owned())
        })
    }

    /// Whether the body is `{}`, by which some providers say that they know nothing.
    pub fn is_empty_object(&self) -> bool {
        self.body.len() < 64 && self.body.iter().filter(|byte| !byte.is_ascii_whitespace()).eq(b"{}")
    }
}

fn not_json(error: &serde_json::Error) -> String {
    if error.is_data() {
        format!("its answer is not of the expected form: {}", sanitized(&error.to_string(), 200))
    } else {
        format!("its answer is not JSON (line {}, column {})", error.line(), error.column())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &'static str) -> Answer {
        let mut headers = HeaderMap::new();
        for (name, value) in [("link", "<a>"), ("x-other", "b"), ("link", "<c>")] {
            headers.append(name, HeaderValue::from_static(value));
        }
        Answer::new(
            StatusCode::OK,
            &headers,
            &[HeaderName::from_static("link")],
            Bytes::from_static(body.as_bytes()),
        )
    }

    #[test]
    fn an_object_without_fields_is_empty_however_it_is_written() {
        for body in ["{}", " {\n} \r\n"] {
            assert!(answer(body).is_empty_object(), "{body:?}");
        }
        let long = concat!("{                                ", "                              }");
        assert_eq!(long.len(), 64);
        for body in ["", "{", "[]", r#"{"a":1}"#, "{}{}", long] {
            assert!(!answer(body).is_empty_object(), "{body:?}");
        }
    }

    #[test]
    fn a_header_is_kept_where_it_was_asked_for() {
        let answer = answer("{}");
        assert_eq!(answer.headers("link").collect::<Vec<_>>(), ["<a>", "<c>"]);
        assert_eq!(answer.headers("x-other").count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_serves_until_its_end() {
        let until = Instant::now() + std::time::Duration::from_secs(1);
        let answer = answer("{}").serving_until(until);
        assert!(!answer.is_spent());
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        assert!(answer.is_spent());
    }
}
