//! What tests pin at the provider.

use provider_sim::Answer;
use relay_testkit::Stage;
use serde_json::{Value, json};

pub(crate) const ACME: &str = "3b1f8a52-6a0d-4a44-8f5b-9d8a5a7b1e01";
pub(crate) const DEMO: &str = "6bc3d2f1-af77-4236-a9db-17dacd06e4d9";
pub(crate) const RULE: &str = "0b9a3f6e-5a54-4a6e-8a53-0d6f6a6f2c11";

/// A detection about a domain, the lower its number the newer.
pub(crate) fn detection(number: usize, domain: &str) -> Value {
    json!({
        "uuid": format!("detection-{number:04}"), "rule_uuid": RULE, "account_uuid": ACME, "device_ip": "10.1.1.1",
        "first_seen": "2026-02-01T00:00:00.000000Z",
        "last_seen": format!("2026-02-{:02}T{:02}:00:00.000000Z", 28 - number / 24, 23 - number % 24),
        "indicators": [{"field": "dns:query.domain", "values": [domain]}],
    })
}

pub(crate) fn rule() -> Value {
    json!({"uuid": RULE, "name": "A rule", "severity": "high", "confidence": "low", "category": "Miscellaneous"})
}

/// A lookup of a domain, this number of seconds after 00:00.
pub(crate) fn event(number: usize, domain: &str) -> Value {
    let (hours, minutes, seconds) = (number / 3600, number / 60 % 60, number % 60);
    json!({
        "uuid": format!("event-{number:05}"), "event_type": "dns", "customer_id": "acm", "sensor_id": "acm1",
        "timestamp": format!("2026-03-02T{hours:02}:{minutes:02}:{seconds:02}.000Z"),
        "src": {"ip": "10.1.1.1", "internal": true}, "query": {"domain": domain},
    })
}

/// Detections as a whole list, unpaged.
pub(crate) fn listed(detections: &[Value]) -> Value {
    json!({"detections": detections, "rules": [rule()], "total_count": detections.len()})
}

pub(crate) fn of_detection(events: &[Value]) -> Value {
    let wrapped: Vec<Value> = events.iter().map(|event| json!({"rule_uuid": RULE, "event": event})).collect();
    json!({"events": wrapped, "total_count": events.len()})
}

pub(crate) fn found(events: &[Value]) -> Value {
    json!({"total": events.len(), "limit": 100, "events": events})
}

/// Pins what a provider that knows nothing of anything answers.
pub(crate) fn empty(stage: &Stage) {
    pin(stage, Answer::get("/v1/detections").json(listed(&[])));
    pin(stage, Answer::get("/v1/events").json(of_detection(&[])));
    pin(stage, Answer::post("/v2/query").json(found(&[])));
    let unknown = json!({"entity_tracking_bulk_response": {"dhcp": null}});
    pin(stage, Answer::post("/v2/entity/tracking/bulk/get/ip").json(unknown));
}

/// Pins one detection about a domain with these events.
pub(crate) fn one_detection(stage: &Stage, domain: &str, events: &[Value]) {
    pin(stage, Answer::get("/v1/detections").json(listed(&[detection(0, domain)])));
    pin(stage, Answer::get("/v1/events").json(of_detection(events)));
}

pub(crate) fn pin(stage: &Stage, answer: Answer) {
    stage.sim.answer("gigamon", answer);
}

/// How many calls there were to a path.
pub(crate) fn calls_to(stage: &Stage, path: &str) -> usize {
    stage.sim.calls_to("gigamon").iter().filter(|call| call.path == format!("/gigamon{path}")).count()
}

/// The uuids of the events that sightings are about, in order.
pub(crate) fn seen(answer: &Value) -> Vec<&str> {
    let sightings = relay_testkit::docs(answer, "sightings");
    sightings.iter().map(|sighting| sighting["external_ids"][0].as_str().unwrap()).collect()
}
