//! CPU time of reading, matching, mapping and writing a large answer: 100 detections of 20 events each. The load
//! benchmark has the whole request. `cargo bench -p relay-gigamon`.

#![expect(clippy::unwrap_used, reason = "a benchmark panics where it cannot go on")]

#[path = "load/answers.rs"]
mod answers;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use relay_core::observable::{Observable, ObservableType};
use relay_gigamon::links::{Links, RulePage};
use relay_gigamon::mapping::{DetectionWithRule, Devices, Hit, Mapping};
use relay_gigamon::model::{Detection, DetectionPage, Event, EventPage, Rule, Subject};
use serde_json::json;
use url::Url;

use answers::{DOMAIN, EVENTS, answers};

/// All of it, with only the newest `limit` hits mapped.
fn answered(about: &Observable, list: &str, pages: &[String], limit: usize) -> Vec<u8> {
    let subject = Subject::of(about).unwrap();
    let list: DetectionPage = serde_json::from_str(list).unwrap();
    let mut hits = Vec::new();
    for (detection, page) in list.detections.items.into_iter().zip(pages) {
        let rule = list.rules.iter().find(|rule| rule.uuid == detection.rule_uuid).cloned().map(Arc::new);
        let case = DetectionWithRule {
            detection,
            rule,
            impacted_devices: 20,
            indicator_values: 3,
            on_device: false,
        };
        let case = Arc::new(case);
        let page: EventPage = serde_json::from_str(page).unwrap();
        for event in page.into_events().items {
            let paths = case.detection.indicators.iter().filter_map(|indicator| indicator.path());
            if paths.clone().any(|path| event.leads_to(path, |text| subject.is(text))) {
                hits.push(Hit::Event { event: Arc::new(event), case: Some(Arc::clone(&case)) });
            }
        }
    }
    hits.sort_by_key(|hit| std::cmp::Reverse(hit.at()));
    hits.truncate(limit);
    let links = Links::new(Url::parse("https://portal.icebrg.io").unwrap(), RulePage::Path);
    let devices = Devices::default();
    let mapping = Mapping::new(&subject, about, &links, &devices, jiff::Timestamp::UNIX_EPOCH);
    serde_json::to_vec(&mapping.hits(&hits)).unwrap()
}

fn mapping(criterion: &mut Criterion) {
    let about = Observable::new(ObservableType::Domain, DOMAIN).unwrap();
    let (list, pages) = answers(EVENTS);
    let mut group = criterion.benchmark_group("gigamon/read 2000 events");
    group.sample_size(20);
    for limit in [100, 1000] {
        group.bench_function(format!("and map {limit}"), |bench| {
            bench.iter(|| answered(&about, black_box(&list), black_box(&pages), limit));
        });
    }
    group.finish();
}

/// This number of events, each of another detection and rule.
fn hits(count: usize) -> Vec<Hit> {
    let hit = |number: usize| {
        let id = format!("{number:07}");
        let event = json!({"uuid": id, "event_type": "pe", "timestamp": "2026-03-02T08:15:30Z"});
        let rule = Some(Arc::new(Rule { uuid: Some(id), ..Rule::default() }));
        let detection = Detection::default();
        let case =
            DetectionWithRule { detection, rule, impacted_devices: 1, indicator_values: 1, on_device: false };
        let event = Event::new(serde_json::from_value(event).unwrap()).unwrap();
        Hit::Event { event: Arc::new(event), case: Some(Arc::new(case)) }
    };
    (0..count).map(hit).collect()
}

/// Ten times as many take ten times as long: no rule is looked for among all rules.
fn rules(criterion: &mut Criterion) {
    let about = Observable::new(ObservableType::Domain, DOMAIN).unwrap();
    let subject = Subject::of(&about).unwrap();
    let links = Links::new(Url::parse("https://portal.icebrg.io").unwrap(), RulePage::Path);
    let devices = Devices::default();
    let mapping = Mapping::new(&subject, &about, &links, &devices, jiff::Timestamp::UNIX_EPOCH);
    let mut group = criterion.benchmark_group("gigamon/a rule for every event");
    group.sample_size(10);
    for count in [1000, 10_000] {
        let hits = hits(count);
        group.bench_function(count.to_string(), |bench| bench.iter(|| mapping.hits(black_box(&hits))));
    }
    group.finish();
}

criterion_group!(benches, mapping, rules);
criterion_main!(benches);
