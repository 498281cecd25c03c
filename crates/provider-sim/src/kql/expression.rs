//! Computed columns.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::table::{Row, moment};

/// What a computed column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// A column.
    Column(String),
    /// A text.
    Text(String),
    /// `tolower(…)`.
    ToLower(Box<Expression>),
    /// `tostring(…)`.
    ToString(Box<Expression>),
    /// `strcat(…, …)`.
    Concat(Vec<Expression>),
    /// `parse_json(…)`.
    ParseJson(Box<Expression>),
    /// `….field`.
    Member(Box<Expression>, String),
    /// `bin(…, 1d)`: the beginning of the stretch of time that a moment belongs to.
    Bin(Box<Expression>, SignedDuration),
    /// The host in a column of URLs: `extract` with `HOST`.
    Host(Box<Expression>),
    /// `iff(A == B, '', …)`: the empty text where two columns are equal.
    UnlessEqual {
        /// The columns.
        columns: [String; 2],
        /// Whether case counts: `==`, not `=~`.
        case: bool,
        /// The value where they are not equal.
        otherwise: Box<Expression>,
    },
}

/// The only pattern that `extract` is understood with: an optional scheme, then the host.
pub(super) const HOST: &str = "^(?:[A-Za-z][A-Za-z0-9+.-]*://)?([^/:?#]+)";

impl Expression {
    /// The value for a row.
    pub(super) fn of(&self, row: &Row) -> Value {
        match self {
            Self::Column(name) => row.get(name).cloned().unwrap_or_default(),
            Self::Text(text) => Value::from(text.as_str()),
            Self::ToLower(inner) => Value::from(inner.text(row).to_lowercase()),
            Self::ToString(inner) => Value::from(inner.text(row)),
            Self::Concat(parts) => Value::from(parts.iter().map(|part| part.text(row)).collect::<String>()),
            Self::ParseJson(inner) => serde_json::from_str(&inner.text(row)).unwrap_or_default(),
            Self::Member(inner, field) => inner.of(row).get(field).cloned().unwrap_or_default(),
            Self::Bin(inner, step) => {
                let begin = |moment: Timestamp| {
                    let step = step.as_secs().max(1);
                    Timestamp::from_second(moment.as_second().div_euclid(step) * step).ok()
                };
                let begin = moment(&inner.text(row)).and_then(begin);
                begin.map_or(Value::Null, |begin| Value::from(begin.to_string()))
            }
            Self::Host(inner) => Value::from(host(&inner.text(row))),
            Self::UnlessEqual { columns, case, otherwise } => {
                let [one, other] = columns.each_ref().map(|name| Self::Column(name.clone()).text(row));
                let equal = one == other || !case && one.to_lowercase() == other.to_lowercase();
                if equal { Value::from("") } else { otherwise.of(row) }
            }
        }
    }

    /// The value as text; none is the empty text.
    fn text(&self, row: &Row) -> String {
        match self.of(row) {
            Value::Null => String::new(),
            Value::String(text) => text,
            other => other.to_string(),
        }
    }
}

/// What the pattern [`HOST`] captures.
fn host(text: &str) -> &str {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-'))
    };
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => rest,
        _ => text,
    };
    rest.split(['/', ':', '?', '#']).next().unwrap_or_default()
}
