//! The API's answers, as far as they are read
//! (<https://learn.microsoft.com/defender-endpoint/api/alerts>, `machine`, `files`, `run-advanced-query-api`).
//! Any field may be missing, `null` or of another type; such a field counts as absent.

mod alert;
mod file;
mod indicator;
mod machine;
mod row;

use relay_core::lenient::{self, LenientValue, List};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess};
use serde_json::Value;

pub use alert::{Alert, Evidence, RelatedUser};
pub use file::{File, Hashes, Prevalence};
pub use indicator::{Indicator, is_id};
pub use machine::{Availability, Machine, MachineAction, MachineAddress};
pub use row::{HuntingResult, Row, adapter_addresses};

/// A collection. It must have its list; items that are no objects are counted, not read.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: for<'a> LenientValue<'a>")]
pub struct Collection<T> {
    /// The items.
    #[serde(rename = "value", deserialize_with = "array")]
    pub list: List<T>,
    /// The next page.
    #[serde(rename = "@odata.nextLink", default, deserialize_with = "lenient::field")]
    pub next: Option<String>,
}

impl<'de, T: for<'a> LenientValue<'a>> LenientValue<'de> for Collection<T> {
    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        Self::deserialize(MapAccessDeserializer::new(object)).map(Some)
    }
}

/// Reads a list that an answer cannot do without.
fn array<'de, D, T>(deserializer: D) -> Result<List<T>, D::Error>
where
    D: Deserializer<'de>,
    T: LenientValue<'de>,
{
    lenient::field(deserializer)?.ok_or_else(|| D::Error::custom("a list was expected"))
}

/// A text that says something; the word `null` says nothing either.
pub fn word(field: &Option<String>) -> Option<&str> {
    text(field).filter(|word| !word.trim().eq_ignore_ascii_case("null"))
}

/// A text that says something: neither missing nor blank.
pub fn text(field: &Option<String>) -> Option<&str> {
    field.as_deref().filter(|text| !text.trim().is_empty())
}

/// A value as text: numbers are written out, lists and objects are the text of their JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell(pub String);

impl<'de> LenientValue<'de> for Cell {
    fn from_integer(value: i64) -> Option<Self> {
        Some(Self(value.to_string()))
    }

    fn from_text(value: &str) -> Option<Self> {
        Some(Self(value.to_owned()))
    }

    fn from_list<A: SeqAccess<'de>>(list: A) -> Result<Option<Self>, A::Error> {
        let value = Value::deserialize(SeqAccessDeserializer::new(list))?;
        Ok(Some(Self(value.to_string())))
    }

    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        let value = Value::deserialize(MapAccessDeserializer::new(object))?;
        Ok(Some(Self(value.to_string())))
    }
}

/// A whole number, also one that is written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number(pub i64);

impl LenientValue<'_> for Number {
    fn from_integer(value: i64) -> Option<Self> {
        Some(Self(value))
    }

    fn from_text(value: &str) -> Option<Self> {
        value.trim().parse().ok().map(Self)
    }
}

/// Several texts: a list, or one text with commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(pub Vec<String>);

impl<'de> LenientValue<'de> for Words {
    fn from_text(value: &str) -> Option<Self> {
        let words = value.split(',').map(str::trim).filter(|word| !word.is_empty());
        Some(Self(words.map(str::to_owned).collect()))
    }

    fn from_list<A: SeqAccess<'de>>(list: A) -> Result<Option<Self>, A::Error> {
        Ok(<Vec<String>>::from_list(list)?.map(Self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_without_its_list_is_unreadable() {
        for answer in [json!({}), json!({"value": null}), json!({"value": "x"}), json!([])] {
            assert!(serde_json::from_value::<Collection<Alert>>(answer.clone()).is_err(), "{answer}");
        }
        let answer: Collection<Alert> =
            serde_json::from_value(json!({"value": [{"id": "a"}, null, 7], "@odata.nextLink": 1})).unwrap();
        assert_eq!((answer.list.items.len(), answer.list.dropped(), answer.next), (1, 2, None));
    }

    #[test]
    fn any_field_may_be_null_or_of_another_type() {
        let alert = json!({
            "id": null, "title": null, "mitreTechniques": "T1055, T1059.001", "machineId": null, "incidentId": "4711",
            "relatedUser": "jdoe", "evidence": [{"entityType": null, "sha1": null, "processId": null}, null, "x"],
        });
        let alert: Alert = serde_json::from_value(alert).unwrap();
        assert_eq!(alert.evidence.len(), 1);
        assert_eq!(alert.evidence[0].hashes(), Hashes::default());
        assert_eq!(alert.techniques(), ["T1055", "T1059.001"]);
        assert_eq!((alert.incident_id, alert.related_user.is_none()), (Some(Number(4711)), true));
        let alert: Alert =
            serde_json::from_value(json!({"mitreTechniques": ["T1055", 1], "incidentId": 7})).unwrap();
        assert_eq!((alert.techniques(), alert.incident_id), (&["T1055".to_owned()][..], Some(Number(7))));
    }
}
