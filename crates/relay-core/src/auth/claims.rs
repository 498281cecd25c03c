//! The payload of a verified token, read leniently and without ever repeating a value in an error.

use std::fmt;

use secrecy::SecretString;
use serde_json::{Map, Number, Value};

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
        const MAXIMUM: usize = 1000;
        let number = match self.0.get("CTR_ENTITIES_LIMIT") {
            Some(Value::Number(number)) => whole(number),
            Some(Value::String(text)) => {
                text.trim().parse().ok().filter(|number: &f64| number.is_finite()).map(cut)
            }
            _ => None,
        };
        match number.map(usize::try_from) {
            Some(Ok(0)) | None => default,
            Some(Ok(number)) => number.min(MAXIMUM),
            Some(Err(_)) if number > Some(0) => MAXIMUM,
            Some(Err(_)) => default,
        }
    }
}

fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| number.as_f64().map(cut))
}

/// A number without its fraction; a huge one becomes the largest there is.
#[expect(clippy::cast_possible_truncation, reason = "`as` cuts and saturates, which is what is wanted")]
fn cut(number: f64) -> i64 {
    number as i64
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn claims(value: Value) -> Claims {
        Claims::from(Map::from_iter([
            ("CTR_ENTITIES_LIMIT".to_owned(), value.clone()),
            ("x".to_owned(), value),
        ]))
    }

    #[test]
    fn the_entities_limit_is_positive_and_at_most_a_thousand() {
        let table = [
            (json!(null), 100),
            (json!(0), 100),
            (json!(-3), 100),
            (json!("abc"), 100),
            (json!([7]), 100),
            (json!(""), 100),
            (json!("7"), 7),
            (json!(" 50 "), 50),
            (json!(2.9), 2),
            (json!(0.5), 100),
            (json!(5000), 1000),
            (json!("99999999999999999999"), 1000),
            (json!("-99999999999999999999"), 100),
            (json!("7.0"), 7),
            (json!("2.9"), 2),
            (json!("inf"), 100),
            (json!("NaN"), 100),
            (json!("0x10"), 100),
            (json!(1e300), 1000),
            (json!(-1e300), 100),
            (json!(u64::MAX), 1000),
        ];
        for (value, limit) in table {
            assert_eq!(claims(value.clone()).entities_limit(100), limit, "{value}");
        }
        assert_eq!(Claims::default().entities_limit(250), 250);
    }

    #[test]
    fn an_error_names_the_claim_and_never_its_value() {
        for value in [json!(null), json!(" "), json!(["s3cret"]), json!({"s3cret": 1}), json!(4711)] {
            let error = claims(value).required("x").expect_err("not a text").to_string();
            assert!(error.contains("`x`") && !error.contains("s3cret") && !error.contains("4711"), "{error}");
        }
        assert_eq!(format!("{:?}", claims(json!("s3cret"))), r#"{"CTR_ENTITIES_LIMIT", "x"}"#);
    }

    #[test]
    fn switches_come_as_booleans_words_or_digits() {
        for yes in [json!(true), json!("True"), json!("1"), json!(1), json!(" on "), json!("yes")] {
            assert_eq!(claims(yes.clone()).flag("x"), Some(true), "{yes}");
        }
        for no in [json!(false), json!("FALSE"), json!("0"), json!(0), json!("off"), json!("no")] {
            assert_eq!(claims(no.clone()).flag("x"), Some(false), "{no}");
        }
        for neither in [json!(null), json!(""), json!("maybe"), json!(2), json!([true])] {
            assert_eq!(claims(neither.clone()).flag("x"), None, "{neither}");
        }
    }

    proptest! {
        #[test]
        fn any_limit_is_within_bounds(number in any::<f64>(), text in ".*") {
            prop_assert!((1..=1000).contains(&claims(json!(number)).entities_limit(100)));
            prop_assert!((1..=1000).contains(&claims(json!(text)).entities_limit(100)));
        }
    }
}
