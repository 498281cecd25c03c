//! Refusals in the provider's form.

use serde_json::{Value, json};

use crate::reply::Reply;

/// The provider's error body.
pub(super) fn error(status: u16, text: &str) -> Reply {
    Reply::json(status, &json!({ "message": text }))
}

/// Nothing is known about a name or an address: sometimes said with a status, sometimes with an empty list.
pub(super) fn unknown(by_status: bool, empty: &Value) -> Reply {
    if by_status { error(404, "No records found") } else { Reply::json(200, empty) }
}

/// The refusal of a call that costs more than the account pays.
pub(super) fn not_in_plan() -> Reply {
    let text = "This feature is not available for your subscription package. Consider upgrading your package or \
                contact support@securitytrails.com.";
    // The provider's own body ends with a line feed.
    let body = format!("{}\n", json!({ "message": text }));
    Reply::with_body(403, "application/json", body)
}
