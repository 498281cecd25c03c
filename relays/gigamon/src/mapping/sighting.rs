//! Hits to sightings.

use relay_core::ctim::{
    Confidence, ExternalReference, HttpUrl, Observable, ObservableType, ObservedTime, Sensor, ShortText,
    Sighting, Target,
};

use super::hit::{Device, detection_key, event_key};
use super::{DetectionWithRule, Mapping, ORIGIN, REFERENCED, Ruled, relations, rule, table};
use crate::model::{Event, Lease, Rule, Summary, filled, time};

impl Mapping<'_> {
    /// An event, with its detection where it belongs to one.
    pub(super) fn event(&self, event: &Event, ruled: Option<Ruled<'_>>) -> Sighting {
        let seen = ObservedTime::at(event.at());
        let page = self.links.event(event.uuid());
        let target = event.device().and_then(|end| {
            let lease = self.devices.in_account(end.ip, event.account());
            target(Device { ip: end.ip, hostname: None }, lease, seen)
        });
        let mut description = format!("- Event: {}", code(&event.kind().to_uppercase()));
        if let Some(line) = ruled.and_then(|ruled| rule_line(ruled.rule)) {
            description = format!("{description}\n{line}");
        }
        let sighting = self
            .sighting(&event_key(event, ruled), seen)
            .description(description)
            .external_id(event.uuid())
            .external_reference(
                ExternalReference::new(REFERENCED)
                    .external_id(event.uuid())
                    .url(page.clone())
                    .description("The event in the portal"),
            )
            .source_uri(page)
            .relations(relations::of(event, self.subject))
            .sensor(sensor(event.sensor()))
            .target(target)
            .data(table::of_event(event, ruled));
        match ruled {
            Some(ruled) => {
                let page = self.links.rule(ruled.id, ruled.case.account());
                ruled_by(sighting, ruled.id, page).severity(rule::severity(ruled.rule))
            }
            None => sighting,
        }
    }

    /// A detection whose events are lacking.
    pub(super) fn detection(&self, case: &DetectionWithRule, seen: ObservedTime) -> Sighting {
        let detection = &case.detection;
        let device = filled(detection.device_ip.as_deref())
            .map(|ip| Device { ip, hostname: filled(detection.hostname.as_deref()) });
        let target = device.and_then(|device| {
            let lease = match device.hostname {
                Some(_) => None,
                None => self.devices.in_any_account(device.ip),
            };
            target(device, lease, seen)
        });
        let rule = case.rule.as_ref();
        let sighting = self
            .sighting(&detection_key(case), seen)
            .count(detection.event_count.and_then(|count| count.try_into().ok()).unwrap_or(1))
            .title(rule.and_then(|rule| rule.name.as_deref()))
            .description(rule.and_then(rule_line))
            .external_id(detection.uuid.as_deref())
            .severity(rule.and_then(rule::severity))
            .sensor(sensor(detection.sensor_id.as_deref()))
            .target(target)
            .data(table::of_detection(case));
        match filled(detection.rule_uuid.as_deref()) {
            Some(id) => ruled_by(sighting, id, self.links.rule(id, case.account())),
            None => sighting,
        }
    }

    /// That the value was seen in the network. None without both times.
    pub(super) fn seen_at_all(&self, summary: &Summary) -> Option<Sighting> {
        let [first, last] = [&summary.first_seen, &summary.last_seen].map(|text| time(text.as_deref()));
        let page = self.links.search(self.subject.about().value());
        let sighting = self
            .sighting("entity", ObservedTime::between(first?, last?))
            .title("Seen in this network")
            .count(summary.prevalence.and_then(|count| count.try_into().ok()).unwrap_or(1))
            .external_reference(
                ExternalReference::new(REFERENCED).url(page.clone()).description("The search in the portal"),
            )
            .source_uri(page);
        Some(sighting)
    }

    /// A sighting with what all of them share.
    fn sighting(&self, key: &str, seen: ObservedTime) -> Sighting {
        Sighting::new(ORIGIN, key, self.subject.about(), seen).confidence(Confidence::High).internal(true)
    }
}

/// Adds where the rule behind a sighting is found; its page is the best there is.
fn ruled_by(sighting: Sighting, id: &str, page: Option<HttpUrl>) -> Sighting {
    let reference = ExternalReference::new(REFERENCED)
        .external_id(id)
        .url(page.clone())
        .description("The rule in the portal");
    let sighting = sighting.external_id(id).external_reference(reference);
    if page.is_some() { sighting.source_uri(page) } else { sighting }
}

/// A device as a target. None where its address is none, such as a whole network.
fn target(device: Device<'_>, lease: Option<&Lease>, seen: ObservedTime) -> Option<Target> {
    let address = Observable::address(device.ip)?;
    let hostname = device.hostname.or(lease.and_then(|lease| lease.hostname.as_deref()));
    let observables = [
        Some(address),
        Observable::new(ObservableType::Hostname, hostname),
        Observable::new(ObservableType::MacAddress, lease.and_then(|lease| lease.mac.as_deref())),
    ];
    Target::new(Sensor::ENDPOINT, observables.into_iter().flatten(), seen)
}

/// A sensor goes by its id, which users know.
fn sensor(id: Option<&str>) -> Option<Sensor> {
    Sensor::new(id?.to_owned())
}

fn rule_line(rule: &Rule) -> Option<String> {
    Some(format!("- Rule: {}", code(filled(rule.name.as_deref())?)))
}

/// A text as one code span of Markdown, whatever is in it.
fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let short = ShortText::new(text.replace('`', "'"));
    format!("`{}`", short.as_ref().map_or("", ShortText::as_str))
}
