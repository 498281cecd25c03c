//! Answers about one domain: a list of detections, and the events of each.

use serde_json::{Value, json};

/// How many detections.
pub(crate) const DETECTIONS: usize = 100;
/// How many events each has.
pub(crate) const EVENTS: usize = 20;
/// What they are about.
pub(crate) const DOMAIN: &str = "cdn-update.example";

/// The list of detections, and the events of each, of which the first `matching` have to do with the domain.
pub(crate) fn answers(matching: usize) -> (String, Vec<String>) {
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
            "proto": "udp", "query": {"domain": if number % EVENTS < matching { DOMAIN } else { "other.example" }}, "qtype": 1, "qtype_name": "A", "rcode": 0,
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
