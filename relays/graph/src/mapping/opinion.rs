//! Opinions of observables: from the evidence of alerts, and from Threat Intelligence. The graver one wins; nothing
//! ever says that something is clean.

use relay_core::ctim::{
    Bundle, Confidence, Disposition, HttpUrl, Judgement, Observable, ObservableType, Severity, Timestamp,
    ValidTime, Verdict,
};
use url::Url;

use super::matching::Matcher;
use super::v2::{self, Times};
use super::{INTELLIGENCE, ORIGIN, severity};
use crate::model::intelligence::Report;
use crate::model::v2::Alert;

/// Days for which evidence of an alert counts.
const EVIDENCE_DAYS: u32 = 30;
/// Days for which a reputation counts.
const REPUTATION_DAYS: u32 = 7;
/// Most rules that are named.
const MOST_RULES: usize = 5;

/// Whether there may be opinions of observables of a type, by the evidence of alerts and by Threat Intelligence.
pub fn is_judged(kind: ObservableType, by_alerts: bool, by_hosts: bool) -> bool {
    use ObservableType::{Domain, Ip, Ipv6, Md5, Sha1, Sha256, Url};
    match kind {
        Ip | Ipv6 | Domain => by_alerts || by_hosts,
        Url | Sha256 | Sha1 | Md5 => by_alerts,
        _ => false,
    }
}

/// An opinion with what it says.
#[derive(Clone, Debug)]
pub struct Opinion {
    disposition: Disposition,
    valid: ValidTime,
    judgement: Judgement,
}

/// The opinion that the evidence of alerts gives. `alerts` are those that are reported of the observable.
pub fn of_evidence(
    alerts: &[&Alert],
    matcher: &Matcher<'_>,
    ui: &Url,
    now: jiff::Timestamp,
) -> Option<Opinion> {
    let about = matcher.about();
    let is_hash = matches!(about.kind(), ObservableType::Sha256 | ObservableType::Sha1 | ObservableType::Md5);
    let mut candidates = Vec::new();
    for alert in alerts.iter().filter(|alert| !alert.from_row && !v2::is_dismissed(alert)) {
        let verdicts = alert.evidence.iter().filter(|evidence| matcher.is_subject_of(evidence));
        let verdicts = verdicts.filter_map(|evidence| match evidence.verdict.as_deref() {
            Some("malicious") => Some(Disposition::Malicious),
            Some("suspicious") => Some(Disposition::Suspicious),
            _ => None,
        });
        let (Some(disposition), Some(times)) = (verdicts.min_by_key(|one| grade(*one)), Times::of(alert))
        else {
            continue;
        };
        let seen = times.observed.end();
        if is_hash || seen.plus_days(EVIDENCE_DAYS).instant() > now {
            candidates.push((disposition, seen, times.changed, *alert));
        }
    }
    // Of equal ones the first, which `min_by_key` keeps.
    let key = |one: &&(Disposition, Timestamp, Timestamp, &Alert)| {
        (grade(one.0), std::cmp::Reverse(one.1.instant()))
    };
    let (disposition, seen, changed, alert) = *candidates.iter().min_by_key(key)?;
    let id = alert.id.as_deref()?;
    let count = candidates.iter().filter(|one| one.0 == disposition).count();
    let confidence = match disposition {
        Disposition::Malicious => Confidence::High,
        _ if v2::is_true_positive(alert) => Confidence::Medium,
        _ => Confidence::Low,
    };
    let valid = if is_hash { ValidTime::forever(seen) } else { ValidTime::days(seen, EVIDENCE_DAYS) };
    let title = alert.title.as_deref().unwrap_or(id);
    let alerts = if count == 1 { "alert" } else { "alerts" };
    let word = disposition.name().to_lowercase();
    let judgement = Judgement::new(ORIGIN, id, about, disposition, valid)
        .confidence(confidence)
        .severity(severity(alert.severity.as_deref()).unwrap_or(Severity::Unknown))
        .priority(80)
        .reason(format!("Evidence of the alert \"{title}\" is {word} ({count} {alerts})"))
        .source_uri(v2::page(alert, id, ui))
        .external_id(id)
        .timestamp(changed);
    Some(Opinion { disposition, valid, judgement })
}

/// The opinion of Threat Intelligence about a host.
pub fn of_reputation(
    report: &Report,
    host: &str,
    about: &Observable,
    now: jiff::Timestamp,
) -> Option<Opinion> {
    let (disposition, confidence, severity, priority) = match report.classification.as_deref()? {
        "malicious" => (Disposition::Malicious, Confidence::High, Severity::High, 85),
        "suspicious" => (Disposition::Suspicious, Confidence::Medium, Severity::Medium, 85),
        // No opinion must not outrank evidence.
        "neutral" => (Disposition::Unknown, Confidence::Low, Severity::Info, 50),
        _ => return None,
    };
    let now = Timestamp::from_clock(now);
    let valid = ValidTime::days(now, REPUTATION_DAYS);
    let mut rules: Vec<_> = report.rules.iter().collect();
    rules.sort_by_key(|rule| match rule.severity.as_deref() {
        Some("high") => 0,
        Some("medium") => 1,
        Some("low") => 2,
        _ => 3,
    });
    rules.truncate(MOST_RULES);
    let names: Vec<&str> = rules.iter().filter_map(|rule| rule.name.as_deref()).collect();
    let score = report.score.map(|score| format!(", score {score} of 100")).unwrap_or_default();
    let because = if names.is_empty() { String::new() } else { format!(": {}", names.join("; ")) };
    let reason =
        format!("Classified as {}{score}{because}", report.classification.as_deref().unwrap_or_default());
    let mut links = rules.iter().filter_map(|rule| rule.related_details_url.as_deref());
    let judgement = Judgement::new(INTELLIGENCE, &format!("ti:{host}"), about, disposition, valid)
        .confidence(confidence)
        .severity(severity)
        .priority(priority)
        .reason(reason)
        .reason_uri(links.find_map(HttpUrl::parse))
        .timestamp(now);
    Some(Opinion { disposition, valid, judgement })
}

/// Less is graver.
fn grade(disposition: Disposition) -> u8 {
    match disposition {
        Disposition::Malicious => 0,
        Disposition::Suspicious => 1,
        Disposition::Clean | Disposition::Common | Disposition::Unknown => 2,
    }
}

/// The opinions about one observable.
#[derive(Clone, Debug, Default)]
pub struct Opinions {
    /// By the evidence of alerts.
    pub evidence: Option<Opinion>,
    /// By Threat Intelligence.
    pub reputation: Option<Opinion>,
}

impl Opinions {
    /// The graver one; of equal ones that of Threat Intelligence.
    fn winner(&self) -> Option<&Opinion> {
        self.reputation.iter().chain(&self.evidence).min_by_key(|one| grade(one.disposition))
    }

    /// Adds the verdict alone.
    pub fn add_verdict(&self, about: &Observable, bundle: &mut Bundle) {
        if let Some(winner) = self.winner() {
            bundle.push(Verdict::new(about, winner.disposition, winner.valid));
        }
    }

    /// Adds the judgements, and the verdict that rests on one of them.
    pub fn add_all(self, about: &Observable, bundle: &mut Bundle) {
        if let Some(winner) = self.winner() {
            let verdict = Verdict::new(about, winner.disposition, winner.valid);
            bundle.push(verdict.based_on(&winner.judgement));
        }
        for opinion in self.evidence.into_iter().chain(self.reputation) {
            bundle.push(opinion.judgement);
        }
    }
}
