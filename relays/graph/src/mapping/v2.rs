//! Alerts of `/security/alerts_v2`.

mod relations;

use std::net::IpAddr;

use relay_core::ctim::{
    Confidence, ExternalReference, HttpUrl, MediumText, Observable, ObservableType, ObservedTime, Resolution,
    Sensor, ShortText, Sighting, Target, Text, Timestamp,
};
use relay_core::escape::UrlBuilder;
use relay_core::observable::ip_address;
use url::Url;

use super::{ORIGIN, RELATIONS_BY, severity};
use crate::matching::Matcher;
use crate::model::v2::{Alert, Evidence, Kind};
use crate::model::{Alert as _, told};
use crate::module::TITLE;

/// The sighting of an observable that an alert tells of. Nothing for an alert without id or time. `ui` is the
/// base URL of the portal.
pub fn sighting(alert: &Alert, matcher: &Matcher<'_>, ui: &Url) -> Option<Sighting> {
    let id = alert.id()?;
    let time = |text: &Option<String>| text.as_deref().and_then(Timestamp::parse_assuming_utc);
    let (first, last) = (time(&alert.first_activity_date_time), time(&alert.last_activity_date_time));
    let (created, updated) = (time(&alert.created_date_time), time(&alert.last_update_date_time));
    let start = first.or(created).or(last).or(updated)?;
    let observed = ObservedTime::between(start, last.unwrap_or(start));
    let product = product(alert);
    let by = ShortText::new(product).unwrap_or(RELATIONS_BY);
    let mut sighting = Sighting::new(ORIGIN, id, matcher.about(), observed)
        .confidence(confidence(matcher.evidence(alert)))
        .severity(severity(alert.severity.as_deref()))
        .title(alert.title.as_deref())
        .description(alert.description.as_deref())
        .internal(true)
        .source_uri(alert_page(alert, id, ui))
        .timestamp(updated.or(created).unwrap_or(observed.end()))
        .sensor(sensor(alert.service_source.as_deref()))
        .resolution(resolution(matcher.evidence(alert)))
        .external_id(id)
        .external_id(told(alert.provider_alert_id.as_deref()))
        .relations(relations::of(alert, &by))
        .keep_empty_targets()
        .keep_empty_relations();
    for reference in references(alert, id, product, ui) {
        sighting = sighting.external_reference(reference);
    }
    for device in devices(alert) {
        sighting = sighting.target(target(device, observed));
    }
    Some(sighting)
}

fn devices(alert: &Alert) -> impl Iterator<Item = &Evidence> {
    alert.evidence.iter().filter(|evidence| evidence.kind() == Kind::Device)
}

/// The product that raised an alert, as users know it.
fn product(alert: &Alert) -> &str {
    told(alert.product_name.as_deref()).unwrap_or(match alert.service_source.as_deref().unwrap_or_default() {
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
    })
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
fn confidence<'e>(evidence: impl Iterator<Item = &'e Evidence>) -> Confidence {
    let strength = evidence.filter_map(|evidence| match evidence.verdict.as_deref() {
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
fn resolution<'e>(evidence: impl Iterator<Item = &'e Evidence>) -> Resolution {
    let deed = evidence.filter_map(|evidence| match evidence.remediation_status.as_deref() {
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

fn alert_page(alert: &Alert, id: &str, ui: &Url) -> Option<HttpUrl> {
    let given = alert.alert_web_url.as_deref().and_then(HttpUrl::parse);
    given.or_else(|| page(alert, "alerts", id, ui))
}

/// A page of the portal that the API did not name.
fn page(alert: &Alert, place: &'static str, id: &str, ui: &Url) -> Option<HttpUrl> {
    let mut url = UrlBuilder::new(ui).path(place).segment(id);
    if let Some(tenant) = told(alert.tenant_id.as_deref()) {
        url = url.param("tid", tenant);
    }
    url.link()
}

fn references<'a>(
    alert: &'a Alert,
    id: &'a str,
    product: &str,
    ui: &Url,
) -> impl Iterator<Item = ExternalReference> {
    let product = MediumText::new(product).unwrap_or(Text::constant(TITLE));
    let own = ExternalReference::new(product.clone()).external_id(id).url(alert_page(alert, id, ui));
    let incident = told(alert.incident_id.as_deref()).map(|incident| {
        let given = alert.incident_web_url.as_deref().and_then(HttpUrl::parse);
        let page = given.or_else(|| page(alert, "incidents", incident, ui));
        ExternalReference::new(product).external_id(incident).url(page)
    });
    let techniques = alert.mitre_techniques.iter().filter(|text| is_technique(text)).map(|technique| {
        let page = format!("https://attack.mitre.org/techniques/{}/", technique.replace('.', "/"));
        ExternalReference::new(Text::constant("mitre-attack"))
            .external_id(technique)
            .url(HttpUrl::parse(&page))
    });
    std::iter::once(own).chain(incident).chain(techniques)
}

/// `T1071`, or `T1071.001` for a part of a technique.
fn is_technique(text: &str) -> bool {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(number) = text.strip_prefix('T') else { return false };
    match number.split_once('.') {
        None => digits(number, 4),
        Some((technique, part)) => digits(technique, 4) && digits(part, 3),
    }
}

fn target(device: &Evidence, observed: ObservedTime) -> Option<Target> {
    let addresses = device.ip_interfaces.iter().filter(|text| identifies(text));
    let name = told(device.device_dns_name.as_deref()).filter(|name| name.contains('.'));
    let names = [
        Observable::new(ObservableType::Hostname, device.device_name()),
        Observable::new(ObservableType::Domain, name),
        Observable::new(ObservableType::MsMachineId, device.mde_device_id.as_deref()),
    ];
    let observables =
        addresses.filter_map(|text| Observable::address(text.as_str())).chain(names.into_iter().flatten());
    Some(Target::new(Sensor::ENDPOINT, observables, observed)?.os(told(device.os_platform.as_deref())))
}

/// Whether an address tells one machine from another.
fn identifies(text: &str) -> bool {
    match ip_address(text) {
        Some(IpAddr::V4(address)) => !address.is_loopback() && !address.is_link_local(),
        Some(IpAddr::V6(address)) => !address.is_loopback() && !address.is_unicast_link_local(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(verdict: &str, status: &str) -> Evidence {
        Evidence {
            verdict: Some(verdict.to_owned()),
            remediation_status: Some(status.to_owned()),
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
            assert_eq!(confidence(all.iter()), expected, "{verdicts:?}");
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
            assert_eq!(resolution(all.iter()), expected, "{deeds:?}");
        }
    }

    #[test]
    fn techniques_are_numbers_with_a_letter() {
        for good in ["T1071", "T1071.001"] {
            assert!(is_technique(good), "{good}");
        }
        for bad in [
            "",
            "T",
            "1071",
            "T107",
            "T10711",
            "T1071.",
            "T1071.1",
            "T1071.0011",
            "t1071",
            "T1071/001",
            "T1٠71",
        ] {
            assert!(!is_technique(bad), "{bad}");
        }
    }

    #[test]
    fn loopback_and_link_local_addresses_identify_nothing() {
        for good in ["10.20.30.42", "2001:db8::1", "fd00::1"] {
            assert!(identifies(good), "{good}");
        }
        for bad in ["127.0.0.1", "::1", "fe80::1", "169.254.1.1", "", "ws-042", "10.0.0.1/24"] {
            assert!(!identifies(bad), "{bad}");
        }
    }
}
