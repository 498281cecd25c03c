//! The answer of a service: status, headers and body, before any fault.

use bytes::Bytes;
use serde::Serialize;

/// An answer of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers in the order in which they are sent.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// Calls that the service makes before it can answer; it then answers in [`crate::service::Service::called`].
    pub calls: Vec<CallOut>,
}

/// A call that a service makes itself: a POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallOut {
    /// What it is about, for the service.
    pub about: String,
    /// Where it goes.
    pub url: String,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// What it is about.
    pub about: String,
    /// Status and body, or why there is no answer.
    pub outcome: Result<(u16, Bytes), String>,
}

impl Reply {
    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), calls: Vec::new() }
    }

    /// No answer yet: these calls come first.
    pub fn after(calls: Vec<CallOut>) -> Self {
        Self { calls, ..Self::empty(200) }
    }

    /// A JSON answer, content type `application/json`.
    pub fn json<T: Serialize + ?Sized>(status: u16, body: &T) -> Self {
        // Only maps with keys that are not strings fail; no service has one.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Self::with_body(status, "application/json", body)
    }

    /// A text answer, content type `text/plain; charset=utf-8`.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self::with_body(status, "text/plain; charset=utf-8", body.into())
    }

    /// An HTML page, as from a gateway, content type `text/html`.
    pub fn html(status: u16, body: impl Into<String>) -> Self {
        Self::with_body(status, "text/html; charset=utf-8", body.into())
    }

    /// An answer of any content type.
    pub fn with_body(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::empty(status).header("Content-Type", content_type) }
    }

    /// Adds a header, replacing one of the same name.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The value of a header, its name in any case.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}
