//! Answers to hunting queries.

use std::collections::BTreeMap;

use relay_core::lenient::{self, LenientValue, List};
use serde::Deserialize;
use serde::de::MapAccess;

use super::{Cell, array};

/// The answer to a hunting query.
#[derive(Debug, Deserialize)]
pub struct HuntingResult {
    /// The rows.
    #[serde(alias = "results", rename = "Results", deserialize_with = "array")]
    pub rows: List<Row>,
}
lenient::object!(HuntingResult);

/// A row of an answer to a hunting query. Names of columns are compared whatever their case; all values are texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row(BTreeMap<String, String>);

impl Row {
    /// A column's text; nothing where it is missing or blank. `column` is in lower case.
    pub fn text(&self, column: &str) -> Option<&str> {
        self.0.get(column).map(String::as_str).filter(|text| !text.trim().is_empty())
    }

    /// Whether the answer has this column, with or without a value.
    pub fn has(&self, column: &str) -> bool {
        self.0.contains_key(column)
    }
}

impl<'de> LenientValue<'de> for Row {
    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        let Some(columns) = <BTreeMap<String, OrEmpty>>::from_object(object)? else { return Ok(None) };
        let folded = |(name, cell): (String, OrEmpty)| (name.to_ascii_lowercase(), cell.0);
        Ok(Some(Self(columns.into_iter().map(folded).collect())))
    }
}

/// A cell, or the empty text for `null`: the column is there.
struct OrEmpty(String);

impl<'de> LenientValue<'de> for OrEmpty {
    fn from_null() -> Option<Self> {
        Some(Self(String::new()))
    }

    fn from_integer(value: i64) -> Option<Self> {
        Cell::from_integer(value).map(|cell| Self(cell.0))
    }

    fn from_text(value: &str) -> Option<Self> {
        Cell::from_text(value).map(|cell| Self(cell.0))
    }

    fn from_list<A: serde::de::SeqAccess<'de>>(list: A) -> Result<Option<Self>, A::Error> {
        Ok(Cell::from_list(list)?.map(|cell| Self(cell.0)))
    }

    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        Ok(Cell::from_object(object)?.map(|cell| Self(cell.0)))
    }
}

/// The addresses of a network adapter, which a column holds as the text of a JSON list.
pub fn adapter_addresses(column: &str) -> Vec<String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Address {
        #[serde(rename = "IPAddress", deserialize_with = "lenient::field")]
        address: Option<String>,
    }
    lenient::object!(Address);
    let mut json = serde_json::Deserializer::from_str(column);
    let list: Vec<Address> = lenient::list(&mut json).unwrap_or_default();
    list.into_iter().filter_map(|address| address.address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_found_in_any_case_and_all_values_are_texts() {
        let answer = json!({"@odata.context": "x", "results": [
            {"deviceId": "a", "REPORTID": 7, "AdditionalFields": {"query": "a.example"}, "RemoteUrl": null}, null,
        ]});
        let answer: HuntingResult = serde_json::from_value(answer).unwrap();
        assert_eq!(answer.rows.dropped(), 1);
        let row = &answer.rows.items[0];
        assert_eq!((row.text("deviceid"), row.text("reportid")), (Some("a"), Some("7")));
        assert_eq!(row.text("additionalfields"), Some(r#"{"query":"a.example"}"#));
        assert!(row.has("remoteurl") && row.text("remoteurl").is_none() && !row.has("remoteip"));
    }

    #[test]
    fn an_answer_without_rows_is_unreadable() {
        for answer in [json!({}), json!({"Results": null}), json!({"Results": {}}), json!([])] {
            assert!(serde_json::from_value::<HuntingResult>(answer.clone()).is_err(), "{answer}");
        }
    }

    #[test]
    fn adapter_addresses_are_read_from_their_text() {
        let column = r#"[{"IPAddress":"10.20.30.42","SubnetPrefix":24},{"IPAddress":null},7]"#;
        assert_eq!(adapter_addresses(column), ["10.20.30.42"]);
        for odd in ["", "null", "{}", "[", "10.20.30.42"] {
            assert_eq!(adapter_addresses(odd), Vec::<String>::new(), "{odd:?}");
        }
    }
}
