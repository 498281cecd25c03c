//! The payload of a verified token, read leniently and without ever repeating a value in an error.

use std::fmt;

use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::module::ENTITIES_LIMIT;
use crate::text::{sanitized, yes_or_no};

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

    /// A required secret that is sent in an HTTP header. White space around it, such as the end of the line that was
    /// copied with it, is no part of it.
    ///
    /// # Errors
    /// As [`Claims::required`]; or it has a character that no header can carry.
    pub fn header_secret(&self, name: &str) -> Result<SecretString, ClaimError> {
        let text = self.required(name)?.trim();
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Ok(SecretString::from(text));
        }
        Err(ClaimError(format!(
            "the claim `{name}` of the token has a line break or another character that does not fit in an HTTP \
             header; copy it again"
        )))
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
            Value::Number(number) => yes_or_no(&number.to_string()),
            Value::String(text) => yes_or_no(text),
            _ => None,
        }
    }

    /// When the token was made and when it ends, in seconds since 1970, where it says both.
    pub(crate) fn lifetime(&self) -> Option<(i64, i64)> {
        let moment = |name| self.0.get(name).and_then(whole_seconds);
        moment("iat").zip(moment("exp"))
    }

    /// The claim as it is, for readings that the other methods do not offer.
    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// As much as the token says of the person or module behind the request, for audit logs: `sub="…" org_id="…"`, or
    /// `unknown`. Values are quoted, so that none can pretend to be another field of a log line.
    pub fn asker(&self) -> String {
        /// None is required, none is a secret.
        const NAMING: [&str; 8] =
            ["sub", "email", "user_email", "user_name", "user_id", "org_id", "iss", "jti"];
        /// How much of each is repeated, in characters.
        const LENGTH: usize = 100;
        let named = NAMING
            .iter()
            .filter_map(|name| Some(format!("{name}={:?}", sanitized(self.text(name)?, LENGTH))));
        let named: Vec<String> = named.collect();
        if named.is_empty() { "unknown".to_owned() } else { named.join(" ") }
    }

    /// The entities limit (`CTR_ENTITIES_LIMIT`) that counts where the relay's own is `default`.
    pub(crate) fn entities_limit(&self, default: usize) -> usize {
        self.own_limit().unwrap_or(default)
    }

    /// The entities limit that the token sets: a positive number, of which a fraction is cut off and more than 1000
    /// counts as 1000. Anything else is none.
    pub(super) fn own_limit(&self) -> Option<usize> {
        const MAXIMUM: usize = 1000;
        let number = match self.0.get(ENTITIES_LIMIT.name)? {
            Value::Number(number) => number.as_f64()?,
            Value::String(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        let limit = usize::try_from(whole(number)?).ok()?;
        (limit > 0).then(|| limit.min(MAXIMUM))
    }
}

/// A claim that is a time in seconds since 1970; a fraction is rounded, and a time in the far future is the last that
/// there is.
pub(super) fn whole_seconds(claim: &Value) -> Option<i64> {
    claim.as_f64().filter(|seconds| *seconds >= 0.0).and_then(|seconds| whole(seconds.round()))
}

/// A number without its fraction; a huge one becomes the largest there is.
#[expect(clippy::cast_possible_truncation, reason = "`as` cuts and saturates, which is what is wanted")]
fn whole(number: f64) -> Option<i64> {
    number.is_finite().then_some(number as i64)
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
    use secrecy::ExposeSecret;
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
            (json!(1000), 1000),
            (json!(1001), 1000),
            (json!(1.0), 1),
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
    fn whoever_asks_is_named_in_quotes() {
        let asker = |claims: Value| Claims::from(claims.as_object().cloned().unwrap_or_default()).asker();
        assert_eq!(asker(json!({"client_secret": "s3cret"})), "unknown");
        assert_eq!(asker(json!({"sub": "u-1", "org_id": 7})), r#"sub="u-1""#);
        let forged = asker(json!({"email": "a\" outcome=\"success\n", "sub": " "}));
        assert_eq!(forged, r#"email="a\" outcome=\"success ""#);
    }

    #[test]
    fn a_secret_for_a_header_fits_in_one() {
        let secret =
            |text: &str| claims(json!(text)).header_secret("x").map(|it| it.expose_secret().to_owned());
        for (text, expected) in [("k", "k"), (" k\r\n", "k"), ("a b~!", "a b~!"), ("\tk\n\n", "k")] {
            assert_eq!(secret(text).as_deref(), Ok(expected), "{text:?}");
        }
        for text in ["s3cret\ns3cret", "s3cret\ts3cret", "s3cret\u{7f}s3cret", "s3cret-käse", "ключ s3cret"]
        {
            let error = secret(text).expect_err("it does not fit").to_string();
            assert!(
                error.starts_with("the claim `x` of the token has a line break or another character"),
                "{error}"
            );
            assert!(!error.contains("s3cret"), "{error}");
        }
        for text in ["", " ", "\n"] {
            assert_eq!(secret(text).expect_err("empty").to_string(), "the claim `x` of the token is empty");
        }
        assert!(claims(json!(7)).header_secret("x").is_err());
    }

    #[test]
    fn a_time_is_in_whole_seconds() {
        for (claim, seconds) in [
            (json!(7), Some(7)),
            (json!(0), Some(0)),
            (json!(7.4), Some(7)),
            (json!(7.5), Some(8)),
            (json!(u64::MAX), Some(i64::MAX)),
            (json!(-1), None),
            (json!(-0.4), None),
            (json!("7"), None),
            (json!(null), None),
        ] {
            assert_eq!(whole_seconds(&claim), seconds, "{claim}");
        }
    }

    #[test]
    fn switches_come_as_booleans_words_or_digits() {
        for yes in [json!(true), json!("True"), json!("1"), json!(1), json!(" on "), json!("yes")] {
            assert_eq!(claims(yes.clone()).flag("x"), Some(true), "{yes}");
        }
        for no in [json!(false), json!("FALSE"), json!("0"), json!(0), json!("off"), json!("no")] {
            assert_eq!(claims(no.clone()).flag("x"), Some(false), "{no}");
        }
        for neither in
            [json!(null), json!(""), json!("maybe"), json!(2), json!(1.0), json!(-1), json!([true])]
        {
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
