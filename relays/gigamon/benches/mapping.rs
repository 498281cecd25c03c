//! CPU time of reading, matching, mapping and writing a large answer: 100 detections of 20 events each. The aim is
//! at most 15 ms for a whole request. `cargo bench -p relay-gigamon`.

#![expect(clippy::unwrap_used, reason = "a benchmark panics where it cannot go on")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use relay_core::observable::{Observable, ObservableType};
use relay_gigamon::links::{Links, RulePage};
use relay_gigamon::mapping::{Case, Devices, Hit, Mapping};
use relay_gigamon::model::{DetectionPage, EventPage};
use relay_gigamon::subject::Subject;
use serde_json::{Value, json};
use url::Url;

const DETECTIONS: usize = 100;
const EVENTS: usize = 20;
const DOMAIN: &str = "cdn-update.example";

/// The list of detections, and the events of each.
fn answers() -> (String, Vec<String>) {
    let uuid = |number: usize| format!("7c0f6b0e-2f5d-4f5a-9c1f-{number:012}");
    let detection = |number| {
        json!({
            "uuid": uuid(number), "rule_uuid": uuid(number % 5), "account_uuid": uuid(0), "sensor_id": "acm1",
            "device_ip": format!("10.20.30.{number}"), "hostname": null, "username": null, "status": "active",
            "first_seen": "2026-03-02T08:11:00.000000Z", "last_seen": "2026-03-02T08:15:30.120000Z",
            "event_count": EVENTS,
            "indicators": [
                {"field": "dns:query.domain", "values": [DOMAIN]},
                {"field": "dns:answers.ip", "values": ["198.51.100.23", "198.51.100.24"]},
            ],
        })
    };
    let rule = |number| {
        json!({
            "uuid": uuid(number), "name": format!("Rule {number}"), "category": "Attack:Command and Control",
            "description": "Fires when a host resolves a domain that is known to stage malware.",
            "severity": "high", "confidence": "moderate", "created": "2025-11-20T10:00:00.000000Z",
        })
    };
    let event = |number: usize| {
        json!({
            "event_type": "dns", "uuid": uuid(number), "customer_id": "acm", "account": "Acme",
            "sensor_id": "acm1", "source": "Zeek", "flow_id": "CHhAvVGS1DHFjwGM9", "intel": null,
            "timestamp": format!("2026-03-02T08:15:{:02}.{:03}Z", number % 60, number % 1000),
            "src": {"ip": format!("10.20.30.{}", number % 100), "port": 51_544, "internal": true, "pkts": null,
                "asn": {"asn": null, "asn_org": null}, "geo": {"city": null, "country": null}},
            "dst": {"ip": "10.20.30.2", "port": 53, "internal": true, "pkts": null,
                "asn": {"asn": null, "asn_org": null}, "geo": {"city": null, "country": null}},
            "proto": "udp", "query": {"domain": DOMAIN}, "qtype": 1, "qtype_name": "A", "rcode": 0,
            "rcode_name": "NOERROR", "rejected": false,
            "answers": [{"ip": "198.51.100.23"}, {"domain": "edge.cdn-update.example"}, {"ip": "198.51.100.24"}],
        })
    };
    let list = json!({
        "detections": (0..DETECTIONS).map(detection).collect::<Vec<Value>>(),
        "rules": (0..5).map(rule).collect::<Vec<Value>>(), "total_count": DETECTIONS,
    });
    let pages = (0..DETECTIONS).map(|number| {
        let numbers = number * EVENTS..(number + 1) * EVENTS;
        let events: Vec<Value> =
            numbers.map(|number| json!({"rule_uuid": uuid(0), "event": event(number)})).collect();
        json!({"events": events, "total_count": EVENTS}).to_string()
    });
    (list.to_string(), pages.collect())
}

/// All of it, with only the newest `limit` hits mapped.
fn answered(subject: &Subject, list: &str, pages: &[String], limit: usize) -> Vec<u8> {
    let list: DetectionPage = serde_json::from_str(list).unwrap();
    let mut hits = Vec::new();
    for (detection, page) in list.detections.items.into_iter().zip(pages) {
        let rule = list.rules.iter().find(|rule| rule.uuid == detection.rule_uuid).cloned();
        let case = Case { detection, rule, impacted_devices: 20, indicator_values: 3, on_device: false };
        let case = Arc::new(case);
        let page: EventPage = serde_json::from_str(page).unwrap();
        for event in page.into_events().items {
            let paths = case.detection.indicators.iter().filter_map(|marks| marks.path());
            if paths.clone().any(|path| event.leads_to(path, |text| subject.is(text))) {
                hits.push(Hit::Event { event, case: Some(Arc::clone(&case)) });
            }
        }
    }
    hits.sort_by_key(|hit| std::cmp::Reverse(hit.at()));
    hits.truncate(limit);
    let links = Links::new(Url::parse("https://portal.icebrg.io").unwrap(), RulePage::Path);
    let devices = Devices::default();
    serde_json::to_vec(&Mapping::new(subject, &links, &devices).hits(&hits)).unwrap()
}

fn mapping(criterion: &mut Criterion) {
    let subject = Subject::of(&Observable::new(ObservableType::Domain, DOMAIN).unwrap()).unwrap();
    let (list, pages) = answers();
    let mut group = criterion.benchmark_group("gigamon/read 2000 events");
    group.sample_size(20);
    for limit in [100, 1000] {
        group.bench_function(format!("and map {limit}"), |bench| {
            bench.iter(|| answered(&subject, black_box(&list), black_box(&pages), limit));
        });
    }
    group.finish();
}

criterion_group!(benches, mapping);
criterion_main!(benches);
