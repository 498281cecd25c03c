//! Conditions on rows.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::table::{Row, moment};

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Predicate {
    /// At least one of these.
    Or(Vec<Predicate>),
    /// All of these.
    And(Vec<Predicate>),
    /// A test of one column.
    Column(String, Test),
}

/// What is asked of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// `== 'x'`.
    Equals(String),
    /// `=~ 'x'`: equal whatever the case.
    EqualsFolded(String),
    /// `startswith 'x'`, whatever the case.
    StartsWith(String),
    /// `has 'x'`: holds it, bounded by characters that are neither letters nor digits, whatever the case.
    Has(String),
    /// `endswith 'x'`, whatever the case.
    EndsWith(String),
    /// `has_any (list)`: holds one of them as `has` does.
    HasAny(Vec<String>),
    /// `in ('x', 'y')`.
    In(Vec<String>),
    /// `in~ ('x', 'y')`: one of them whatever the case.
    InFolded(Vec<String>),
    /// `> ago(30d)`: younger than that.
    NewerThan(SignedDuration),
    /// `>= datetime(…)`: not before it.
    Since(Timestamp),
    /// `isnotempty(…)`.
    NotEmpty,
}

impl Predicate {
    /// Its text literals, in the order in which they stand.
    pub fn literals(&self) -> Vec<&str> {
        match self {
            Self::Or(parts) | Self::And(parts) => parts.iter().flat_map(Self::literals).collect(),
            Self::Column(_, test) => test.literals(),
        }
    }

    /// The columns that it tests, in the order in which they stand.
    pub fn columns(&self) -> Vec<&str> {
        match self {
            Self::Or(parts) | Self::And(parts) => parts.iter().flat_map(Self::columns).collect(),
            Self::Column(name, _) => vec![name],
        }
    }

    /// Whether a row fits.
    pub(super) fn fits(&self, row: &Row, now: Timestamp) -> bool {
        match self {
            Self::Or(parts) => parts.iter().any(|part| part.fits(row, now)),
            Self::And(parts) => parts.iter().all(|part| part.fits(row, now)),
            Self::Column(name, test) => test.fits(row.get(name), now),
        }
    }
}

impl Test {
    fn literals(&self) -> Vec<&str> {
        match self {
            Self::Equals(text)
            | Self::EqualsFolded(text)
            | Self::StartsWith(text)
            | Self::EndsWith(text)
            | Self::Has(text) => {
                vec![text]
            }
            Self::In(texts) | Self::InFolded(texts) | Self::HasAny(texts) => {
                texts.iter().map(String::as_str).collect()
            }
            Self::NewerThan(_) | Self::Since(_) | Self::NotEmpty => Vec::new(),
        }
    }

    fn fits(&self, value: Option<&Value>, now: Timestamp) -> bool {
        // A column without a value holds the empty text.
        let text = value.and_then(Value::as_str).unwrap_or_default();
        match self {
            Self::Equals(wanted) => text == wanted,
            Self::EqualsFolded(wanted) => folded(text) == folded(wanted),
            Self::StartsWith(wanted) => folded(text).starts_with(&folded(wanted)),
            Self::EndsWith(wanted) => folded(text).ends_with(&folded(wanted)),
            Self::HasAny(wanted) => {
                let text = folded(text);
                wanted.iter().any(|one| has(&text, &folded(one)))
            }
            Self::Has(wanted) => has(&folded(text), &folded(wanted)),
            Self::In(wanted) => wanted.iter().any(|one| text == one),
            Self::InFolded(wanted) => wanted.iter().any(|one| folded(text) == folded(one)),
            Self::NewerThan(age) => moment(text).is_some_and(|then| now.duration_since(then) < *age),
            Self::Since(start) => moment(text).is_some_and(|then| then >= *start),
            Self::NotEmpty => !text.is_empty(),
        }
    }
}

fn folded(text: &str) -> String {
    text.to_lowercase()
}

fn has(text: &str, wanted: &str) -> bool {
    let inside = |neighbour: Option<char>| neighbour.is_some_and(char::is_alphanumeric);
    !wanted.is_empty()
        && text.match_indices(wanted).any(|(place, _)| {
            !inside(text[..place].chars().next_back()) && !inside(text[place + wanted.len()..].chars().next())
        })
}
