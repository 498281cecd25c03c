//! The payload of a verified token, read leniently and without ever repeating a value in an error.

use std::fmt;

use secrecy::SecretString;
use serde_json::{Map, Value};

/// The claims of a token whose signature was verified.
///
/// The platform's configuration forms deliver numbers and switches sometimes as strings; the readers here
/// take both. They name a claim in their errors, never its value, which may be a secret.
#[derive(Clone, Default)]
pub struct Claims(Map<String, Value>);

/// What is wrong with a claim; becomes an `authorization error`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ClaimError(String);

impl ClaimError {
    /// A fault in the user's words; must not repeat a claim's value.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl Claims {
    /// A claim that is a text with more than white space, or nothing.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
    }

    /// A text that the provider cannot do without.
    ///
    /// # Errors
    /// The claim is missing, blank, or not a text.
    pub fn required(&self, name: &str) -> Result<&str, ClaimError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Err(ClaimError(format!(
                "the token lacks the claim `{name}`; fill it in the module's settings"
            ))),
            Some(Value::String(text)) if text.trim().is_empty() => {
                Err(ClaimError(format!("the claim `{name}` of the token is empty")))
            }
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(ClaimError(format!("the claim `{name}` of the token is not a text"))),
        }
    }

    /// A required text that is a secret.
    ///
    /// # Errors
    /// As [`Claims::required`].
    pub fn secret(&self, name: &str) -> Result<SecretString, ClaimError> {
        self.required(name).map(SecretString::from)
    }

    /// A whole number: a JSON number without a fraction or a numeric text; anything else is nothing.
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.0.get(name)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A switch: a boolean, or a text or number that says one; anything else is nothing.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.0.get(name)? {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) => match number.as_i64() {
                Some(0) => Some(false),
                Some(1) => Some(true),
                _ => None,
            },
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Some(true),
                "false" | "no" | "off" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// The claim as it is, for readings that the other methods do not offer.
    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The entities limit (`CTR_ENTITIES_LIMIT`): positive, else `default`; more than 1000 counts as 1000.
    /// A fraction is cut off.
    pub(crate) fn entities_limit(&self, default: usize) -> usize {
        const MAXIMUM: f64 = 1000.0;
        let number = match self.0.get("CTR_ENTITIES_LIMIT") {
            Some(Value::Number(number)) => number.as_f64(),
            Some(Value::String(text)) => text.trim().parse::<i64>().ok().map(|n| n as f64),
            _ => None,
        };
        match number {
            Some(number) if number >= 1.0 => number.min(MAXIMUM) as usize,
            _ => default,
        }
    }
}

impl From<Map<String, Value>> for Claims {
    fn from(claims: Map<String, Value>) -> Self {
        Self(claims)
    }
}

/// Names only: values are secrets.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
