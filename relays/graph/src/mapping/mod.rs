//! Alerts to sightings. Nothing here awaits, fails or reads the clock.

pub mod legacy;
pub mod v2;

use relay_core::ctim::{Origin, Severity, ShortText, Text};

use crate::module::TITLE;

/// Whose entities these are.
const ORIGIN: Origin = Origin::new("graph", TITLE);
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
