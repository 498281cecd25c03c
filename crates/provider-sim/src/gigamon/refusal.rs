//! Refusals in the provider's form.

use serde_json::json;

use crate::reply::Reply;

/// The provider's error body. It has more fields than anybody reads.
pub(super) fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(
        status,
        &json!({"error": {"code": code, "message": message, "status": status, "details": null}}),
    )
}

pub(super) fn not_found() -> Reply {
    error(404, "client.not_found", "The requested resource was not found.")
}

/// A call that is not well formed.
pub(super) fn invalid(message: &str) -> Reply {
    error(400, "client.invalid_request", message)
}
