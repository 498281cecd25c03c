//! Whether an entity fits a filter.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;

use super::filter::{Filter, Literal, Operator, Path};

/// How an API compares texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// As they are.
    Exact,
    /// Whatever their case.
    Folded,
}

impl Filter {
    /// Whether an entity fits.
    pub fn fits(&self, entity: &Value, case: Case) -> bool {
        match self {
            Self::Or(parts) => parts.iter().any(|part| part.fits(entity, case)),
            Self::And(parts) => parts.iter().all(|part| part.fits(entity, case)),
            Self::Compare(path, operator, literal) => operator.holds(path.of(entity), literal, case),
            Self::In(path, literals) => {
                literals.iter().any(|literal| Operator::Equal.holds(path.of(entity), literal, case))
            }
            Self::Contains(path, text) => {
                path.text_of(entity).is_some_and(|found| case.of(found).contains(&case.of(text)))
            }
            Self::StartsWith(path, text) => {
                path.text_of(entity).is_some_and(|found| case.of(found).starts_with(&case.of(text)))
            }
            Self::Any(collection, condition) => {
                let items = collection.of(entity).as_array();
                items.is_some_and(|items| items.iter().any(|item| condition.fits(item, case)))
            }
        }
    }
}

impl Case {
    fn of(self, text: &str) -> String {
        match self {
            Self::Exact => text.to_owned(),
            Self::Folded => text.to_lowercase(),
        }
    }
}

impl Path {
    /// The value; `null` where the way ends.
    fn of<'a>(&self, entity: &'a Value) -> &'a Value {
        self.0.iter().fold(entity, |value, segment| {
            if segment.contains('.') {
                let of_type = value["@odata.type"].as_str().and_then(|name| name.strip_prefix('#'));
                if of_type == Some(segment) { value } else { &Value::Null }
            } else {
                &value[segment.as_str()]
            }
        })
    }

    fn text_of<'a>(&self, entity: &'a Value) -> Option<&'a str> {
        self.of(entity).as_str()
    }
}

impl Operator {
    fn holds(self, value: &Value, literal: &Literal, case: Case) -> bool {
        let order = compared(value, literal, case);
        match self {
            Self::Equal => order == Some(Ordering::Equal),
            Self::NotEqual => order != Some(Ordering::Equal),
            Self::Greater => order == Some(Ordering::Greater),
            Self::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
            Self::Less => order == Some(Ordering::Less),
            Self::LessOrEqual => order.is_some_and(Ordering::is_le),
        }
    }
}

/// How a value stands to a literal; nothing where they are of different kinds.
fn compared(value: &Value, literal: &Literal, case: Case) -> Option<Ordering> {
    match (value, literal) {
        (Value::String(value), Literal::Text(text)) => Some(case.of(value).cmp(&case.of(text))),
        (Value::String(value), Literal::Time(time)) => Some(value.parse::<Timestamp>().ok()?.cmp(time)),
        (Value::Number(value), Literal::Number(number)) => value.as_f64()?.partial_cmp(number),
        (Value::Bool(value), Literal::Bool(flag)) => Some(value.cmp(flag)),
        (Value::Null, Literal::Null) => Some(Ordering::Equal),
        _ => None,
    }
}
