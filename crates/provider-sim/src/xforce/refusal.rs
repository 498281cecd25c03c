//! Refusals in the provider's form.

use serde_json::json;

use crate::reply::Reply;

/// The provider's error body.
pub(super) fn error(status: u16, text: &str) -> Reply {
    Reply::json(status, &json!({ "error": text }))
}

/// Nothing is known about a value.
pub(super) fn unknown() -> Reply {
    error(404, "Not found.")
}

/// A value that is not what the call is about.
pub(super) fn invalid() -> Reply {
    error(400, "Invalid input.")
}
