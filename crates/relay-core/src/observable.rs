//! What the platform asks about: the bodies of its requests, and which of their observables a relay takes.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub use crate::ctim::value::{domain, hash_type, ip_address};
pub use crate::ctim::{Observable, ObservableType};

/// A body that is not what the endpoint takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid JSON payload received. {0}")]
pub struct Invalid(String);

impl Invalid {
    /// What is wrong, and where: `at("[3].value", "must not be blank")`.
    pub fn at(place: &str, problem: &str) -> Self {
        Self(format!("{place}: {problem}."))
    }
}

/// An observable as the platform sent it: of any type, both strings untouched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Received {
    /// The type, perhaps one that CTIM does not know.
    pub kind: String,
    /// The value.
    pub value: String,
}

/// How the types of received observables are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeCase {
    /// As written: `IP` is not `ip`.
    Exact,
    /// Whatever the case; the observable goes on with its type in lower case.
    Folded,
}

/// Reads a list of observables. Unknown fields are ignored, unknown types kept.
///
/// # Errors
/// Says where the body is not a list of objects whose `type` and `value` are strings that are not blank.
pub fn parse(body: &[u8]) -> Result<Vec<Received>, Invalid> {
    let Value::Array(items) = json(body)? else {
        return Err(Invalid("The body must be a list of observables.".to_owned()));
    };
    items.into_iter().enumerate().map(|(position, item)| received(position, item)).collect()
}

fn received(position: usize, item: Value) -> Result<Received, Invalid> {
    let Value::Object(mut fields) = item else {
        return Err(Invalid::at(&format!("[{position}]"), "must be an object with type and value"));
    };
    let mut field = |name| take_text(&mut fields, name, || format!("[{position}].{name}"));
    Ok(Received { kind: field("type")?, value: field("value")? })
}

fn json(body: &[u8]) -> Result<Value, Invalid> {
    if body.trim_ascii().is_empty() {
        return Err(Invalid("The body is empty.".to_owned()));
    }
    serde_json::from_slice(body).map_err(|error| Invalid(format!("The body is not JSON: {error}.")))
}

/// Reads a body that is an object.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, Invalid> {
    match json(body)? {
        Value::Object(fields) => Ok(fields),
        _ => Err(Invalid("The body must be an object.".to_owned())),
    }
}

/// Takes a field that must be a string and not blank.
pub(crate) fn take_text(
    fields: &mut Map<String, Value>,
    name: &str,
    place: impl Fn() -> String,
) -> Result<String, Invalid> {
    match fields.remove(name) {
        Some(Value::String(text)) if text.trim().is_empty() => {
            Err(Invalid::at(&place(), "must not be blank"))
        }
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(Invalid::at(&place(), "must be a string")),
        None => Err(Invalid::at(&place(), "is missing")),
    }
}

impl Received {
    /// The observable, when its type is one of `kinds`.
    pub fn supported(&self, kinds: &[ObservableType], case: TypeCase) -> Option<Observable> {
        let kind = kinds.iter().copied().find(|kind| match case {
            TypeCase::Exact => self.kind == kind.as_str(),
            TypeCase::Folded => self.kind.eq_ignore_ascii_case(kind.as_str()),
        })?;
        Observable::new(kind, self.value.as_str())
    }
}

/// The body of `/respond/trigger`: which action to take, on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// The `id` of the action that was offered.
    pub action_id: String,
    /// The observable for which it was offered.
    pub observable: Received,
    /// The further `query-params` of the action as it was offered; numbers and truth values as text.
    pub params: BTreeMap<String, String>,
}

impl Trigger {
    /// Reads the body. Further fields that hold no text, number or truth value are ignored.
    ///
    /// # Errors
    /// Says where the body is not an object whose `action-id`, `observable_type` and `observable_value` are
    /// strings that are not blank.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let mut fields = object(body)?;
        let mut field = |name: &str| take_text(&mut fields, name, || name.to_owned());
        let action_id = field("action-id")?;
        let observable = Received { kind: field("observable_type")?, value: field("observable_value")? };
        let params = fields.into_iter().filter_map(|(name, value)| Some((name, param(value)?))).collect();
        Ok(Self { action_id, observable, params })
    }
}

fn param(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn problem(body: impl AsRef<[u8]>) -> String {
        let problem = parse(body.as_ref()).unwrap_err().to_string();
        problem.strip_prefix("Invalid JSON payload received. ").expect("the announced beginning").to_owned()
    }

    fn received(kind: &str, value: &str) -> Received {
        Received { kind: kind.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn observables_are_read_as_they_came() {
        let body = r#"[{"type": "domain", "value": " Exa\u0000mple.COM ", "extra": [null]},
                       {"value": "x", "type": "Of A Kind That Nobody Knows"}]"#;
        let expected = [received("domain", " Exa\0mple.COM "), received("Of A Kind That Nobody Knows", "x")];
        assert_eq!(parse(body.as_bytes()).unwrap(), expected);
        assert_eq!(parse(b" [] ").unwrap(), []);
    }

    #[test]
    fn the_error_names_the_place() {
        let good = r#"{"type": "ip", "value": "192.0.2.1"}"#;
        let third = |item: &str| problem(format!("[{good}, {good}, {good}, {item}]"));
        assert_eq!(third(r#"{"type": "ip", "value": " \n"}"#), "[3].value: must not be blank.");
        assert_eq!(third(r#"{"type": "", "value": ""}"#), "[3].type: must not be blank.");
        assert_eq!(third(r#"{"type": "ip"}"#), "[3].value: is missing.");
        assert_eq!(third(r#"{"type": "ip", "value": null}"#), "[3].value: must be a string.");
        assert_eq!(third(r#"{"type": 4, "value": "x"}"#), "[3].type: must be a string.");
        assert_eq!(third(r#""192.0.2.1""#), "[3]: must be an object with type and value.");
    }

    #[test]
    fn a_body_that_is_no_list_is_refused() {
        for body in ["{}", "null", "\"x\"", "1", r#"{"type": "ip", "value": "192.0.2.1"}"#] {
            assert_eq!(problem(body), "The body must be a list of observables.", "{body}");
        }
        assert_eq!(problem(""), "The body is empty.");
        assert_eq!(problem(" \r\n"), "The body is empty.");
    }

    #[test]
    fn a_body_that_is_not_json_is_refused() {
        let deep = "[".repeat(100_000);
        let nested = format!("[{{\"type\": \"ip\", \"value\": {deep}");
        for body in ["[", "[}", "[{]", "[] x", "[{'type': 'ip'}]", r#"["\ud800"]"#, "[NaN]", &deep, &nested] {
            assert!(problem(body).starts_with("The body is not JSON: "), "{}", problem(body));
        }
        assert!(
            problem(b"[{\"type\": \"ip\", \"value\": \"\xff\xfe\"}]").starts_with("The body is not JSON: ")
        );
    }

    #[test]
    fn of_duplicate_keys_the_last_counts() {
        let body = br#"[{"type": "ip", "value": "a", "value": "b"}]"#;
        assert_eq!(parse(body).unwrap(), [received("ip", "b")]);
    }

    #[test]
    fn a_trigger_is_read_with_its_further_parameters() {
        let trigger = Trigger::parse(
            br#"{"action-id": "isolate", "observable_type": "ms_machine_id", "observable_value": " x ",
                 "indicator_id": "13", "number": 1.5, "truth": true, "list": [], "nothing": null}"#,
        )
        .unwrap();
        assert_eq!(trigger.action_id, "isolate");
        assert_eq!(trigger.observable, received("ms_machine_id", " x "));
        let params: Vec<_> =
            trigger.params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(params, [("indicator_id", "13"), ("number", "1.5"), ("truth", "true")]);
    }

    #[test]
    fn a_trigger_without_its_fields_is_refused() {
        let problem = |body: &str| Trigger::parse(body.as_bytes()).unwrap_err().to_string();
        let begin = "Invalid JSON payload received. ";
        assert_eq!(problem("[]"), format!("{begin}The body must be an object."));
        assert_eq!(problem("{}"), format!("{begin}action-id: is missing."));
        let body = r#"{"action-id": "a", "observable_type": "", "observable_value": "x"}"#;
        assert_eq!(problem(body), format!("{begin}observable_type: must not be blank."));
        let body = r#"{"action-id": "a", "observable_type": "ip", "observable_value": 7}"#;
        assert_eq!(problem(body), format!("{begin}observable_value: must be a string."));
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&body);
            let _ = Trigger::parse(&body);
        }

        #[test]
        fn what_is_accepted_is_unchanged(kind in "\\PC{0,8}|[ \\t\\n]{0,3}", value in any::<String>()) {
            let body = serde_json::json!([{"type": kind, "value": value}]).to_string();
            let blank = kind.trim().is_empty() || value.trim().is_empty();
            match parse(body.as_bytes()) {
                Ok(list) => prop_assert_eq!(list, [received(&kind, &value)]),
                Err(_) => prop_assert!(blank),
            }
        }
    }
}
