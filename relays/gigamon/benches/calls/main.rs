//! Calls and time of whole requests to a provider that takes 300 ms for each call, with default settings:
//! `cargo bench -p relay-gigamon --bench calls`. `BENCHMARKS.md` has the figures.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use provider_sim::Answer;
use relay_testkit::cost::{LATENCY, cost, mixed, warm};
use relay_testkit::{Setup, Stage, docs, errors};
use serde_json::{Value, json};

#[tokio::main]
async fn main() {
    println!("{} ms a call, fresh values", LATENCY.as_millis());
    for (title, counts, detections) in [
        ("1 domain, quiet", [1, 0, 0], 0),
        ("1 address, quiet", [0, 1, 0], 0),
        ("20 observables, quiet", [7, 7, 6], 0),
        ("20 observables, 6 detections", [7, 7, 6], 6),
        ("50 observables, quiet", [17, 17, 16], 0),
    ] {
        let stage = start(detections).await;
        let cost = cost(&stage, "gigamon", &mixed(counts)).await;
        assert_eq!(errors(&cost.answer), []);
        println!(
            "  {title}: {} calls, {} event search(es), {} sightings, {:.2} s",
            cost.calls.len(),
            cost.calls.iter().filter(|call| call.path.ends_with("/v2/query")).count(),
            docs(&cost.answer, "sightings").len(),
            cost.time.as_secs_f64()
        );
    }
}

/// The relay before a provider that knows nothing, but for detections about the first domains.
async fn start(detections: usize) -> Stage {
    let bases = ["DETECTIONS_URL", "EVENTS_URL", "ENTITY_URL"].map(|name| format!("RELAY_PROVIDER__{name}"));
    let bases: Vec<(&str, &str)> = bases.iter().map(|name| (name.as_str(), "/gigamon")).collect();
    let stage = warm(Setup::new(relay_gigamon::relay, json!({"key": "demo-token"}), &bases)).await;
    let pin = |answer: Answer| stage.sim.answer("gigamon", answer);
    let list =
        |detections: &[Value]| json!({"detections": detections, "rules": [{"uuid": "r1"}], "total_count": 1});
    pin(Answer::get("/v1/detections").json(list(&[])));
    pin(Answer::post("/v2/query").json(json!({"total": 0, "events": []})));
    let unknown = json!({"entity_tracking_bulk_response": {"dhcp": null}});
    pin(Answer::post("/v2/entity/tracking/bulk/get/ip").json(unknown));
    for number in 0..detections {
        let name = format!("d{number}.example");
        let uuid = format!("detection-{number}");
        let detection = json!({
            "uuid": uuid, "rule_uuid": "r1", "device_ip": "10.1.1.1", "last_seen": "2026-03-02T00:00:00Z",
            "indicators": [{"field": "query.domain", "values": [name]}],
        });
        pin(Answer::get("/v1/detections").query("indicator_value", &name).json(list(&[detection])));
        let event = json!({
            "uuid": format!("event-{number}"), "event_type": "dns", "timestamp": "2026-03-02T00:00:00Z",
            "src": {"ip": "10.1.1.1", "internal": true}, "query": {"domain": name},
        });
        let events = json!({"events": [{"event": event}], "total_count": 1});
        pin(Answer::get("/v1/events").query("detection_uuid", &uuid).json(events));
    }
    stage
}
