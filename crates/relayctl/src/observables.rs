//! Observables from whatever a user has: arguments, reports, mails, logs.
//!
//! | module | what it is |
//! |---|---|
//! | `refang` | undoes what makes indicators harmless in reports |
//! | `scan` | finds observables in a text |
//! | `shape` | what values look like |
//! | [`kinds`] | types: which there are, and which was meant |

pub mod kinds;
mod refang;
mod scan;
mod shape;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// An observable as it is sent and returned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(default)]
pub struct Observable {
    /// Its type, such as `domain`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its value.
    pub value: String,
}

/// What an input holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The observables: each once, in order of appearance.
    pub observables: Vec<Observable>,
    /// What looks like an observable and is none, and why.
    pub notes: Vec<String>,
}

impl Parsed {
    /// Adds what another input holds.
    pub fn extend(&mut self, other: Self) {
        let mut seen: HashSet<_> = self.observables.iter().map(shape::key).collect();
        self.observables.extend(other.observables.into_iter().filter(|one| seen.insert(shape::key(one))));
        let mut noted: HashSet<_> = self.notes.iter().cloned().collect();
        self.notes.extend(other.notes.into_iter().filter(|note| noted.insert(note.clone())));
    }
}

/// The observables of a text: a report, a mail, a log. What is written `TYPE=VALUE` is of that type.
pub fn in_text(text: &str) -> Parsed {
    let mut found = Parsed::default();
    for hit in scan::scan(&refang::refang(text)) {
        match hit {
            scan::Hit::Observable(one) => found.observables.push(one),
            scan::Hit::Note(note) => found.notes.push(note),
        }
    }
    // Each once.
    let mut parsed = Parsed::default();
    parsed.extend(found);
    parsed
}

/// The observables of one argument: `TYPE=VALUE`, a value alone, or a text that holds some.
///
/// # Errors
/// There is no such type, the value does not fit it, or nothing is recognised.
pub fn in_argument(argument: &str) -> Result<Vec<Observable>, String> {
    if let Some((kind, value)) = kinds::assignment(argument) {
        // A text such as `src=192.0.2.1 dst=198.51.100.7` is not of a type.
        if kinds::named(kind).is_some() || !value.contains(char::is_whitespace) {
            return of_type(kind, value).map(|one| vec![one]);
        }
    }
    if let Some(kind) = shape::whole(&refang::value(argument)) {
        return Ok(vec![Observable { kind: kind.to_owned(), value: refang::value(argument) }]);
    }
    let parsed = in_text(argument);
    if parsed.observables.is_empty() {
        let why = parsed.notes.first().cloned().unwrap_or_else(|| {
            format!("`{argument}` is not recognised; name its type, such as ip=192.0.2.1 or user={argument}")
        });
        return Err(why);
    }
    Ok(parsed.observables)
}

/// An observable of a named type.
///
/// # Errors
/// There is no such type, or the value does not fit it.
pub fn of_type(kind: &str, value: &str) -> Result<Observable, String> {
    let Some(known) = kinds::named(kind) else { return Err(kinds::unknown(kind)) };
    let value = if shape::is_refanged(known) { refang::value(value) } else { value.trim().to_owned() };
    shape::check(known, &value)?;
    Ok(Observable { kind: known.to_owned(), value })
}
