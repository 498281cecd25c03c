//! Refusals in the provider's form ([common errors](https://learn.microsoft.com/defender-endpoint/api/common-errors)).

use serde_json::json;

use crate::reply::Reply;
use crate::request::Request;
use crate::seeded::Rng;

/// Why a call is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
    retry_after: Option<u64>,
}

impl Refusal {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    pub(super) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    pub(super) fn unauthorized(message: &str) -> Self {
        Self::new(401, "Unauthorized", message)
    }

    pub(super) fn forbidden(message: &str) -> Self {
        Self::new(403, "Forbidden", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "ResourceNotFound", message)
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(405, "BadRequest", "The requested resource does not support this method.")
    }

    pub(super) fn gone(message: &str) -> Self {
        Self::new(410, "NotFound", message)
    }

    /// A quota is used up; more is free after these seconds.
    pub(super) fn too_many(message: impl Into<String>, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(429, "TooManyRequests", message) }
    }

    pub(super) fn reply(&self, request: &Request) -> Reply {
        let target = Rng::new(&["defender", "target", &request.method, &request.path]).uuid();
        let body = json!({"error": {"code": self.code, "message": self.message, "target": target}});
        let reply = Reply::json(self.status, &body);
        match self.retry_after {
            Some(seconds) => reply.header("Retry-After", seconds.to_string()),
            None => reply,
        }
    }
}
