//! Alerts to sightings. Nothing here awaits, fails or reads the clock.

pub mod intelligence;
pub mod legacy;
pub mod matching;
pub mod opinion;
pub mod page;
pub mod row;
pub mod v2;
pub mod value;

use relay_core::ctim::{Origin, Severity, ShortText, Text};

use crate::module::TITLE;

/// The source of entities of alerts.
const ORIGIN: Origin = Origin::new("graph", TITLE);
/// The source of entities of Threat Intelligence.
const INTELLIGENCE: Origin = Origin::new("graph", "Microsoft Threat Intelligence");
/// Who states a relation where the alert does not say who raised it.
const RELATIONS_BY: ShortText = Text::constant(TITLE);

/// The severity for a word of the API; nothing for a word that is not known, nor for none.
fn severity(word: Option<&str>) -> Option<Severity> {
    Some(match word? {
        "unknown" => Severity::Unknown,
        "informational" => Severity::Info,
        "low" => Severity::Low,
        "medium" => Severity::Medium,
        "high" => Severity::High,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_known_severity_says_nothing() {
        let table = [
            ("unknown", Some(Severity::Unknown)),
            ("informational", Some(Severity::Info)),
            ("low", Some(Severity::Low)),
            ("medium", Some(Severity::Medium)),
            ("high", Some(Severity::High)),
            ("unknownFutureValue", None),
            ("", None),
        ];
        for (word, expected) in table {
            assert_eq!(severity(Some(word)), expected, "{word}");
        }
        assert_eq!(severity(None), None);
    }
}
