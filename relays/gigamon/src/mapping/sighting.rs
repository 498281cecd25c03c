//! Hits to sightings.

use relay_core::ctim::{
    Confidence, ExternalReference, HttpUrl, Observable, ObservableType, ObservedTime, Sensor, Severity,
    ShortText, Sighting, Target,
};

use super::hit::{Device, Hit, detection_key, event_key};
use super::{DetectionWithRule, Mapping, ORIGIN, REFERENCED, Ruled, feeds, relations, rule, table};
use crate::model::{Event, Lease, Summary, filled, time};

impl Mapping<'_> {
    /// An event, with its detection where it belongs to one.
    pub(super) fn event(&self, event: &Event, hit: &Hit) -> Sighting {
        let ruled = hit.ruled();
        let seen = ObservedTime::at(event.at());
        let page = self.links.event(event.uuid());
        let target = hit.device().and_then(|device| {
            let lease = self.devices.in_account(device.ip, event.account());
            let hostname = lease.and_then(|lease| filled(lease.hostname.as_deref())).or(device.hostname);
            target(Device { hostname, ..device }, lease, seen)
        });
        let sighting = self
            .sighting(&event_key(event, ruled), seen)
            .description(self.description(event, ruled))
            .external_id(event.uuid())
            .external_reference(
                ExternalReference::new(REFERENCED)
                    .external_id(event.uuid())
                    .url(page.clone())
                    .description("The event in the portal"),
            )
            .source_uri(page)
            .relations(relations::of(event, self.subject, self.about))
            .sensor(sensor(event.sensor()))
            .target(target)
            .data(table::of_event(event, ruled));
        match ruled {
            Some(ruled) => {
                let page = self.links.rule(ruled.id, ruled.case.account());
                ruled_by(sighting, ruled.id, page).severity(severity(ruled.case))
            }
            None => sighting,
        }
    }

    fn description(&self, event: &Event, ruled: Option<Ruled<'_>>) -> String {
        let mut lines = vec![line("Event", &event.kind().to_uppercase())];
        lines.extend(ruled.and_then(|ruled| rule_line(ruled.case)));
        if event.kind() == "observation" {
            let title = table::text(event, table::OBSERVATION_TITLE);
            lines.extend(title.map(|title| line("Observation", title)));
        }
        lines.extend(feeds::of(event, self.subject).into_iter().map(|feed| line("Intel", feed)));
        lines.extend(ruled.and_then(|ruled| muted_line(ruled.case)));
        lines.join("\n")
    }

    /// A detection without events.
    pub(super) fn detection(&self, case: &DetectionWithRule, seen: ObservedTime) -> Sighting {
        let detection = &case.detection;
        let device = Hit::Detection { case: case.clone().into(), seen };
        let target = device.device().and_then(|device| {
            let lease = match device.hostname {
                Some(_) => None,
                None => self.devices.in_any_account(device.ip),
            };
            let hostname = device.hostname.or(lease.and_then(|lease| lease.hostname.as_deref()));
            target(Device { hostname, ..device }, lease, seen)
        });
        let lines: Vec<String> = rule_line(case).into_iter().chain(muted_line(case)).collect();
        let sighting = self
            .sighting(&detection_key(case), seen)
            .count(detection.event_count.and_then(|count| count.try_into().ok()).unwrap_or(1))
            .title(case.rule.as_ref().and_then(|rule| rule.name.as_deref()))
            .description(lines.join("\n"))
            .external_id(detection.uuid.as_deref())
            .severity(severity(case))
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
        let page = self.links.search(&self.subject.value());
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
        Sighting::new(ORIGIN, key, self.about, seen).confidence(Confidence::High).internal(true)
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

/// How bad the rule says that it is; what the user's own team has muted is not.
fn severity(case: &DetectionWithRule) -> Option<Severity> {
    match case.detection.muted() {
        Some(_) => Some(Severity::Info),
        None => case.rule.as_ref().and_then(|rule| rule::severity(rule.severity.as_deref())),
    }
}

/// A device as a target. None where its address is none, such as a whole network.
fn target(device: Device<'_>, lease: Option<&Lease>, seen: ObservedTime) -> Option<Target> {
    let address = Observable::address(device.ip)?;
    let observables = [
        Some(address),
        Observable::new(ObservableType::Hostname, device.hostname),
        Observable::new(ObservableType::MacAddress, lease.and_then(|lease| lease.mac.as_deref())),
        Observable::new(ObservableType::User, device.user),
    ];
    Target::new(Sensor::ENDPOINT, observables.into_iter().flatten(), seen)
}

/// A sensor goes by its id, which users know.
fn sensor(id: Option<&str>) -> Option<Sensor> {
    Sensor::new(id?.to_owned())
}

fn rule_line(case: &DetectionWithRule) -> Option<String> {
    Some(line("Rule", filled(case.rule.as_ref()?.name.as_deref())?))
}

fn muted_line(case: &DetectionWithRule) -> Option<String> {
    Some(line("Muted", &case.muted()?))
}

/// A line of a description. The text is one code span of Markdown, whatever is in it.
fn line(name: &str, text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let short = ShortText::new(text.replace('`', "'"));
    format!("- {name}: `{}`", short.as_ref().map_or("", ShortText::as_str))
}
