//! Gigamon `ThreatINSIGHT`: `detections`, `rule`, `events`, `search`, `tracking`, `summary`.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use relay_core::ctim::Bundle;
use relay_core::relay::Relay;
use relay_gigamon::links::{Links, RulePage};
use relay_gigamon::mapping::{DetectionWithRule, Devices, Hit, Mapping};
use relay_gigamon::model::{
    DetectionPage, Event, EventPage, Rule, RuleAnswer, SearchPage, Subject, SummaryAnswer, TrackingAnswer,
};
use serde_json::from_str;

use super::{accepted, now, portal};
use crate::input::Input;

static RELAY: LazyLock<Relay> = LazyLock::new(relay_gigamon::relay);

/// The target.
pub fn check(data: &[u8]) {
    let Some(input) = Input::read(data, &RELAY) else { return };
    let Some(subject) = Subject::of(&input.about) else { return };
    let read = input.answers("rule").filter_map(|text| from_str::<RuleAnswer>(text).ok());
    let mut rules: Vec<Arc<Rule>> = read.map(|answer| Arc::new(answer.rule)).collect();
    let pages: Vec<DetectionPage> =
        input.answers("detections").filter_map(|text| from_str(text).ok()).collect();
    rules.extend(pages.iter().flat_map(|page| &page.rules).cloned().map(Arc::new));
    let detections: Vec<_> = pages.into_iter().flat_map(|page| page.detections.items).collect();
    let cases: Vec<Arc<DetectionWithRule>> = detections
        .into_iter()
        .map(|detection| {
            let rule = rules.iter().find(|rule| rule.uuid == detection.rule_uuid).cloned();
            let on_device = detection.device_ip.as_deref().is_some_and(|ip| subject.is(ip));
            Arc::new(DetectionWithRule {
                detection,
                rule,
                impacted_devices: 2,
                indicator_values: 3,
                on_device,
            })
        })
        .collect();
    let pages = input.answers("events").filter_map(|text| from_str::<EventPage>(text).ok());
    let events: Vec<Arc<Event>> = pages.flat_map(|page| page.into_events().items).map(Arc::new).collect();
    let mut hits = BTreeMap::new();
    for case in &cases {
        let paths = || case.detection.indicators.iter().filter_map(|indicator| indicator.path());
        for event in &events {
            if paths().any(|path| event.leads_to(path, |text| subject.is(text))) {
                let hit = Hit::Event { event: Arc::clone(event), case: Some(Arc::clone(case)) };
                hits.entry(hit.key()).or_insert(hit);
            }
        }
        if let Some(seen) = case.detection.seen() {
            let hit = Hit::Detection { case: Arc::clone(case), seen };
            hits.entry(hit.key()).or_insert(hit);
        }
    }
    for page in input.answers("search").filter_map(|text| from_str::<SearchPage>(text).ok()) {
        for event in page.events.items {
            let hit = Hit::Event { event: Arc::new(event), case: None };
            hits.entry(hit.key()).or_insert(hit);
        }
    }
    let hits: Vec<Hit> = hits.into_values().take(100).collect();
    let leases = input.answers("tracking").find_map(|text| from_str::<TrackingAnswer>(text).ok());
    let mut devices = Devices::default();
    devices.extend(leases.map(|answer| answer.response.dhcp).unwrap_or_default());
    for rule_page in [RulePage::Path, RulePage::Query] {
        let links = Links::new(portal(), rule_page);
        let mapping = Mapping::new(&subject, &input.about, &links, &devices, now());
        accepted(&mapping.hits(&hits), &input.about);
        let summary = input.answers("summary").find_map(|text| from_str::<SummaryAnswer>(text).ok());
        let summary = summary.and_then(SummaryAnswer::into_summary);
        accepted(&summary.map_or_else(Bundle::new, |summary| mapping.summary(&summary)), &input.about);
    }
}
