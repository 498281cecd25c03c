//! A token taken apart, nothing of it verified.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::ui::count;

/// The parts of a token.
pub(super) struct Token {
    /// As it goes over the wire.
    pub(super) text: String,
    /// `alg`, `kid`.
    pub(super) header: Map<String, Value>,
    /// The payload.
    pub(super) claims: Map<String, Value>,
}

impl Token {
    /// Reads a token, with or without the word `Bearer` before it.
    ///
    /// # Errors
    /// Says what is no JWT about it, without repeating any of it.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let text = match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            _ => text,
        };
        let parts: Vec<&str> = text.split('.').collect();
        let [header, claims, _signature] = parts.as_slice() else {
            return Err(format!("not a JWT: it has {} between dots, not three", count(parts.len(), "part")));
        };
        Ok(Self {
            text: text.to_owned(),
            header: object("header", header)?,
            claims: object("payload", claims)?,
        })
    }

    /// The header's `alg`.
    pub(super) fn algorithm(&self) -> Option<&str> {
        self.header.get("alg").and_then(Value::as_str)
    }
}

fn object(name: &str, part: &str) -> Result<Map<String, Value>, String> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| {
        format!("not a JWT: its {name} is not base64url; perhaps it was cut when it was copied")
    })?;
    serde_json::from_slice(&bytes).map_err(|_| format!("not a JWT: its {name} is not a JSON object"))
}
