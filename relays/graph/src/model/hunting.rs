//! `POST /security/runHuntingQuery`
//! (<https://learn.microsoft.com/en-us/graph/api/security-security-runhuntingquery>) over the table `AlertEvidence`
//! (<https://learn.microsoft.com/en-us/defender-xdr/advanced-hunting-alertevidence-table>).

use std::collections::BTreeMap;

use relay_core::lenient::{self, LenientValue, List};
use serde::de::MapAccess;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The body of a call.
#[derive(Debug, Serialize)]
pub struct Question<'a> {
    /// The query.
    #[serde(rename = "Query")]
    pub query: &'a str,
    /// How far back it looks (ISO 8601).
    #[serde(rename = "Timespan")]
    pub timespan: &'a str,
}

/// The answer.
#[derive(Debug, Deserialize)]
pub struct Answer {
    /// The rows; nothing where there is no list.
    #[serde(default, deserialize_with = "lenient::field")]
    pub results: Option<List<Row>>,
}

/// A row: values by column; the names of columns are of no reliable case.
#[derive(Clone, Debug, Default)]
pub struct Row(BTreeMap<String, Value>);

impl<'de> LenientValue<'de> for Row {
    fn from_object<A: MapAccess<'de>>(mut object: A) -> Result<Option<Self>, A::Error> {
        let mut columns = BTreeMap::new();
        while let Some((name, value)) = object.next_entry::<String, Value>()? {
            columns.insert(name.to_ascii_lowercase(), value);
        }
        Ok(Some(Self(columns)))
    }
}

impl Row {
    fn get(&self, column: &str) -> Option<&Value> {
        self.0.get(&column.to_ascii_lowercase())
    }

    /// The text of a column; a blank one is none.
    pub fn text(&self, column: &str) -> Option<&str> {
        self.get(column)?.as_str().filter(|text| !text.trim().is_empty())
    }

    /// The whole number of a column, which may be a text.
    pub fn number(&self, column: &str) -> Option<u64> {
        match self.get(column)? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Whether there is a column with any value.
    pub fn has(&self, column: &str) -> bool {
        self.get(column).is_some_and(|value| !value.is_null())
    }

    /// A column that is a list, or the text of one.
    pub fn list(&self, column: &str) -> Vec<Value> {
        match self.get(column) {
            Some(Value::Array(items)) => items.clone(),
            Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// The row that a value is, or the text of one.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        let parsed = match value {
            Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
            other => other.clone(),
        };
        match parsed {
            Value::Object(fields) => {
                Self(fields.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect())
            }
            _ => Self::default(),
        }
    }

    /// A column that is an object, or the text of one.
    #[must_use]
    pub fn object(&self, column: &str) -> Self {
        self.get(column).map(Self::of).unwrap_or_default()
    }

    /// The positions of the observables that a row of the relay's own query is about.
    pub fn asked(&self) -> Option<Vec<usize>> {
        let text = self.text("Asked")?;
        Some(text.split(',').filter_map(|part| part.trim().parse().ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_have_no_case_and_lists_may_be_texts() {
        let answer = json!({"results": [
            {"ALERTID": "a", "Asked": "0, 2", "Evidence": "[{\"EntityType\": \"Ip\"}]", "Title": " "}, 7, null,
        ]});
        let answer: Answer = serde_json::from_value(answer).expect("lenient fields");
        let rows = answer.results.expect("a list");
        assert_eq!((rows.items.len(), rows.dropped()), (1, 2));
        let row = &rows.items[0];
        assert_eq!((row.text("AlertId"), row.text("Title")), (Some("a"), None));
        assert_eq!(row.asked(), Some(vec![0, 2]));
        let evidence = row.list("evidence");
        assert_eq!(Row::of(&evidence[0]).text("entitytype"), Some("Ip"));
        assert_eq!(Row::of(&json!("{\"A\": \"b\"}")).text("a"), Some("b"));
        assert!(Row::of(&json!(["A"])).text("a").is_none());
    }
}
