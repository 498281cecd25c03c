//! The time of an answer grows with what is found, not with its square.

use std::sync::Arc;
use std::time::{Duration, Instant};

use relay_core::observable::{Observable, ObservableType};
use relay_gigamon::links::{Links, RulePage};
use relay_gigamon::mapping::{Case, Devices, Hit, Mapping};
use relay_gigamon::model::{Detection, Event, Rule};
use relay_gigamon::subject::Subject;
use serde_json::json;
use url::Url;

/// So many events, each of a detection and a rule of its own.
fn time_to_map(count: usize) -> Duration {
    let hit = |number: usize| {
        let event =
            json!({"uuid": format!("{number:07}"), "event_type": "pe", "timestamp": "2026-03-02T08:15:30Z"});
        let rule = Rule { uuid: Some(format!("{number:07}")), ..Rule::default() };
        let case = Case {
            detection: Detection::default(),
            rule: Some(rule),
            impacted_devices: 1,
            indicator_values: 1,
            on_device: false,
        };
        Hit::Event {
            event: Event::new(event.as_object().unwrap().clone()).unwrap(),
            case: Some(Arc::new(case)),
        }
    };
    let hits: Vec<Hit> = (0..count).map(hit).collect();
    let subject = Subject::of(&Observable::new(ObservableType::Domain, "a.example").unwrap()).unwrap();
    let links = Links::new(Url::parse("https://portal.icebrg.io").unwrap(), RulePage::Path);
    let devices = Devices::default();
    let mapping = Mapping::new(&subject, &links, &devices);
    let begun = Instant::now();
    let bundle = mapping.hits(&hits);
    let took = begun.elapsed();
    assert_eq!(bundle.len(), 3 * count, "a sighting, a rule and their relationship each");
    took
}

#[test]
fn a_rule_is_not_looked_for_among_all_rules() {
    const TIMES: u32 = 64;
    let few = (0..5).map(|_| time_to_map(500)).min().unwrap();
    // Many times as many take many times as long. The rest is for a machine that is busy.
    let longest = few * TIMES * 4;
    assert!((0..2).any(|_| time_to_map(32_000) < longest), "{few:?}");
}
