//! Rules to indicators.

use relay_core::ctim::{Confidence, ExternalReference, Indicator, Severity, ValidTime};

use super::{Mapping, ORIGIN, REFERENCED, Ruled};
use crate::model::{Rule, filled, time};

impl Mapping<'_> {
    /// The indicator that a rule is, whatever was asked.
    pub(super) fn rule(&self, ruled: Ruled<'_>) -> Indicator {
        let Ruled { rule, id, .. } = ruled;
        let name = filled(rule.name.as_deref());
        let page = self.links.rule(id, None);
        let indicator = Indicator::new(ORIGIN, &format!("rule:{id}"), valid(rule))
            .confidence(confidence(rule.confidence.as_deref()))
            .severity(severity(rule.severity.as_deref()))
            .title(name.unwrap_or(id))
            .short_description(name)
            .description(rule.description.as_deref())
            .tag(rule.category.as_deref())
            .external_id(id)
            .external_reference(
                ExternalReference::new(REFERENCED)
                    .external_id(id)
                    .url(page.clone())
                    .description("The rule in the portal"),
            )
            .source_uri(page);
        [&rule.primary_attack_id, &rule.secondary_attack_id]
            .into_iter()
            .filter_map(|id| id.as_deref().map(str::trim))
            .filter(|id| is_attack_id(id))
            .fold(indicator, Indicator::tag)
    }
}

fn valid(rule: &Rule) -> ValidTime {
    time(rule.created.as_deref()).map_or_else(ValidTime::none, ValidTime::from)
}

/// How sure a rule or a feed is; none for words that are not known.
pub(super) fn confidence(word: Option<&str>) -> Option<Confidence> {
    match word? {
        "high" => Some(Confidence::High),
        "moderate" => Some(Confidence::Medium),
        "low" => Some(Confidence::Low),
        _ => None,
    }
}

/// How bad a match of a rule or a feed is; none for words that are not known.
pub(super) fn severity(word: Option<&str>) -> Option<Severity> {
    match word? {
        "high" => Some(Severity::High),
        "moderate" => Some(Severity::Medium),
        "low" => Some(Severity::Low),
        _ => None,
    }
}

/// Whether it is the id of a technique (`T1071`) or a part of one (`T1071.004`), see <https://attack.mitre.org>.
fn is_attack_id(text: &str) -> bool {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(number) = text.strip_prefix('T') else { return false };
    match number.split_once('.') {
        Some((technique, part)) => digits(technique, 4) && digits(part, 3),
        None => digits(number, 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn techniques_have_four_digits_and_parts_three() {
        assert!(is_attack_id("T1071") && is_attack_id("T1071.004"));
        for text in
            ["", "T", "t1071", "T107", "T10711", "T1071.", "T1071.04", "T1071.004.1", "TA0011", "T١٢٣٤"]
        {
            assert!(!is_attack_id(text), "{text}");
        }
    }
}
