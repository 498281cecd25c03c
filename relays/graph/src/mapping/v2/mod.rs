//! Alerts of `/security/alerts_v2`, and rows of the hunting table in their place, to sightings.

mod facts;
mod relations;
mod targets;

use compact_str::CompactString;
use relay_core::ctim::{
    Confidence, ExternalReference, HttpUrl, MediumText, ObservedTime, Resolution, Sensor, Severity,
    ShortText, Sighting, Text, Timestamp,
};
use url::Url;

use super::matching::Matcher;
use super::value::is_technique;
use super::{ORIGIN, RELATIONS_BY, page as pages, severity};
use crate::model::evidence::Evidence;
use crate::model::v2::Alert;
use crate::module::TITLE;

/// The sighting of an observable by an alert. Nothing for an alert without id or time. `ui` is the base URL of the
/// portal.
pub fn sighting(alert: &Alert, matcher: &Matcher<'_>, ui: &Url) -> Option<Sighting> {
    let id = alert.id.as_deref()?;
    let Times { observed, changed } = Times::of(alert)?;
    let product = product(alert);
    let by = ShortText::new(product).unwrap_or(RELATIONS_BY);
    let evidence: Vec<&Evidence> = matcher.evidence(alert).collect();
    let (usual, graded) = (severity(alert.severity.as_deref()), confidence(&evidence));
    let state = State::of(alert);
    let (confidence, severity) = state.regrade(alert, graded, usual);
    let page = page(alert, id, ui);
    let mut sighting = Sighting::new(ORIGIN, id, matcher.about(), observed)
        .confidence(confidence)
        .severity(severity)
        .title(state.title(alert.title.as_deref()))
        .description(alert.description.as_deref())
        .internal(true)
        .source_uri(page.clone())
        .timestamp(changed)
        .sensor(sensor(alert.service_source.as_deref()))
        .external_id(id)
        .external_id(alert.provider_alert_id.as_deref())
        .relations(relations::of(alert, &by))
        .data(facts::table(alert, severity != usual))
        .keep_empty_targets()
        .keep_empty_relations();
    if !alert.from_row {
        sighting = sighting.resolution(resolution(&evidence));
    }
    for reference in references(alert, id, product, page, ui) {
        sighting = sighting.external_reference(reference);
    }
    for target in targets::of(alert, observed) {
        sighting = sighting.target(target);
    }
    Some(sighting)
}

/// When the activity of an alert was, and when it was changed last.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// From its first to its last activity.
    pub observed: ObservedTime,
    /// When it was changed last.
    pub changed: Timestamp,
}

impl Times {
    /// The times of an alert, where it has any that can be read.
    pub fn of(alert: &Alert) -> Option<Self> {
        let time = |text: &Option<CompactString>| text.as_deref().and_then(Timestamp::parse_assuming_utc);
        let (first, last) = (time(&alert.first_activity_date_time), time(&alert.last_activity_date_time));
        let (created, updated) = (time(&alert.created_date_time), time(&alert.last_update_date_time));
        let start = first.or(created).or(last).or(updated)?;
        let observed = ObservedTime::between(start, last.unwrap_or(start));
        Some(Self { observed, changed: updated.or(created).unwrap_or(observed.end()) })
    }
}

/// What has become of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    FalsePositive,
    Expected,
    Resolved,
    Open,
}

impl State {
    fn of(alert: &Alert) -> Self {
        match (alert.classification.as_deref(), alert.status.as_deref()) {
            (Some("falsePositive"), _) => Self::FalsePositive,
            (Some("informationalExpectedActivity"), _) => Self::Expected,
            (_, Some("resolved")) => Self::Resolved,
            _ => Self::Open,
        }
    }

    /// The platform lists sightings by title, so a closed alert says there that it is closed.
    fn title(self, title: Option<&str>) -> Option<String> {
        let mark = match self {
            Self::FalsePositive => "[False positive]",
            Self::Expected => "[Expected activity]",
            Self::Resolved => "[Resolved]",
            Self::Open => return title.map(str::to_owned),
        };
        Some(title.map_or_else(|| mark.to_owned(), |title| format!("{mark} {title}")))
    }

    fn regrade(
        self,
        alert: &Alert,
        confidence: Confidence,
        severity: Option<Severity>,
    ) -> (Confidence, Option<Severity>) {
        match self {
            Self::FalsePositive => (Confidence::None, Some(Severity::None)),
            Self::Expected => (Confidence::Low, Some(Severity::Info)),
            _ if is_true_positive(alert) => (Confidence::High, severity),
            _ => (confidence, severity),
        }
    }
}

/// Whether an analyst confirmed an alert.
pub fn is_true_positive(alert: &Alert) -> bool {
    alert.classification.as_deref() == Some("truePositive")
}

/// Whether an analyst found that there is nothing behind an alert.
pub fn is_dismissed(alert: &Alert) -> bool {
    matches!(State::of(alert), State::FalsePositive | State::Expected)
}

/// The product that raised an alert, as users know it.
fn product(alert: &Alert) -> &str {
    let by_service = || match alert.service_source.as_deref().unwrap_or_default() {
        "microsoftDefenderForEndpoint" => "Microsoft Defender for Endpoint",
        "microsoftDefenderForIdentity" => "Microsoft Defender for Identity",
        "microsoftDefenderForCloudApps" => "Microsoft Defender for Cloud Apps",
        "microsoftDefenderForOffice365" => "Microsoft Defender for Office 365",
        "microsoft365Defender" => "Microsoft Defender XDR",
        "azureAdIdentityProtection" => "Microsoft Entra ID Protection",
        "microsoftAppGovernance" => "Microsoft App Governance",
        "dataLossPrevention" => "Microsoft Purview Data Loss Prevention",
        "microsoftDefenderForCloud" => "Microsoft Defender for Cloud",
        "microsoftSentinel" => "Microsoft Sentinel",
        _ => TITLE,
    };
    alert.product_name.as_deref().unwrap_or_else(by_service)
}

fn sensor(service: Option<&str>) -> Sensor {
    match service {
        Some("microsoftDefenderForOffice365") => Sensor::PROCESS_EMAIL_SERVICE,
        Some("microsoftDefenderForIdentity") => Sensor::PROCESS_DIRECTORY_SERVICE,
        Some("azureAdIdentityProtection") => Sensor::PROCESS_AAA_SERVER,
        _ => Sensor::ENDPOINT,
    }
}

/// The strongest verdict of the evidence that names the observable.
fn confidence(evidence: &[&Evidence]) -> Confidence {
    let strength = evidence.iter().filter_map(|evidence| match evidence.verdict.as_deref() {
        Some("malicious") => Some(3),
        Some("suspicious") => Some(2),
        Some("noThreatsFound") => Some(1),
        _ => None,
    });
    match strength.max() {
        Some(3) => Confidence::High,
        Some(2) => Confidence::Medium,
        Some(1) => Confidence::Low,
        _ => Confidence::Unknown,
    }
}

/// The most that was done about the evidence that names the observable.
fn resolution(evidence: &[&Evidence]) -> Resolution {
    let deed = evidence.iter().filter_map(|evidence| match evidence.remediation_status.as_deref() {
        Some("blocked" | "prevented") => Some(2),
        Some("remediated" | "partiallyRemediated") => Some(1),
        _ => None,
    });
    match deed.max() {
        Some(2) => Resolution::BLOCKED,
        Some(1) => Resolution::CONTAINED,
        _ => Resolution::DETECTED,
    }
}

/// The page of an alert in the portal.
pub fn page(alert: &Alert, id: &str, ui: &Url) -> Option<HttpUrl> {
    let given = alert.alert_web_url.as_deref().and_then(HttpUrl::parse);
    given.or_else(|| pages::alert(ui, id, alert.tenant_id.as_deref()))
}

fn references<'a>(
    alert: &'a Alert,
    id: &'a str,
    product: &str,
    page: Option<HttpUrl>,
    ui: &Url,
) -> impl Iterator<Item = ExternalReference> {
    let product = MediumText::new(product).unwrap_or(Text::constant(TITLE));
    let own = ExternalReference::new(product.clone()).external_id(id).url(page);
    let incident = alert.incident_id.as_deref().map(|incident| {
        let given = alert.incident_web_url.as_deref().and_then(HttpUrl::parse);
        let page = given.or_else(|| pages::incident(ui, incident, alert.tenant_id.as_deref()));
        ExternalReference::new(product).external_id(incident).url(page)
    });
    let techniques = alert.mitre_techniques.iter().filter(|text| is_technique(text)).map(|technique| {
        let page = format!("https://attack.mitre.org/techniques/{}/", technique.replace('.', "/"));
        ExternalReference::new(Text::constant("mitre-attack"))
            .external_id(technique.as_str())
            .url(HttpUrl::parse(&page))
    });
    std::iter::once(own).chain(incident).chain(techniques)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(verdict: &str, status: &str) -> Evidence {
        Evidence {
            verdict: Some(verdict.into()),
            remediation_status: Some(status.into()),
            ..Evidence::default()
        }
    }

    #[test]
    fn the_strongest_verdict_wins() {
        for (verdicts, expected) in [
            (&["unknown", "suspicious", "malicious", "noThreatsFound"][..], Confidence::High),
            (&["noThreatsFound", "suspicious"], Confidence::Medium),
            (&["unknownFutureValue", "noThreatsFound"], Confidence::Low),
            (&["unknown", "", "unknownFutureValue"], Confidence::Unknown),
            (&[], Confidence::Unknown),
        ] {
            let all: Vec<Evidence> = verdicts.iter().map(|verdict| evidence(verdict, "none")).collect();
            assert_eq!(confidence(&all.iter().collect::<Vec<_>>()), expected, "{verdicts:?}");
        }
    }

    #[test]
    fn what_was_stopped_counts_more_than_what_was_cleaned() {
        for (deeds, expected) in [
            (&["none", "remediated", "prevented"][..], Resolution::BLOCKED),
            (&["blocked"], Resolution::BLOCKED),
            (&["active", "partiallyRemediated"], Resolution::CONTAINED),
            (&["none", "unknownFutureValue", "notFound"], Resolution::DETECTED),
            (&[], Resolution::DETECTED),
        ] {
            let all: Vec<Evidence> = deeds.iter().map(|deed| evidence("unknown", deed)).collect();
            assert_eq!(resolution(&all.iter().collect::<Vec<_>>()), expected, "{deeds:?}");
        }
    }
}
