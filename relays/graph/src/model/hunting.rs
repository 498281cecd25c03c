//! `POST /security/runHuntingQuery`
//! (<https://learn.microsoft.com/en-us/graph/api/security-security-runhuntingquery>).

use std::collections::BTreeMap;

use relay_core::lenient;
use serde::{Deserialize, Serialize};

use super::told;

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
pub struct Outcome {
    /// The rows, values by column; nothing where there is no list.
    #[serde(default, deserialize_with = "lenient::field")]
    results: Option<Vec<BTreeMap<String, String>>>,
}

impl Outcome {
    /// The texts of a column in order, or nothing where the answer has no rows at all. The case of column names
    /// is not reliable.
    pub fn column(&self, name: &str) -> Option<impl Iterator<Item = &str>> {
        let rows = self.results.as_ref()?.iter();
        Some(rows.filter_map(move |row| {
            let cell = row.iter().find(|(column, _)| column.eq_ignore_ascii_case(name));
            told(cell.map(|(_, text)| text.as_str()))
        }))
    }
}
