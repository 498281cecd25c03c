//! Calls that only some lookups make: detections on a device, and when a value was seen.

use provider_sim::Answer;
use relay_testkit::{Stage, docs, errors};
use serde_json::{Value, json};

use crate::fixtures::{self, calls_to, detection, event, found, listed, of_detection, pin, seen};
use crate::setup;

const DEVICE: &str = "10.1.1.1";

fn about_indicator() -> Answer {
    Answer::get("/v1/detections").query("indicator_value", DEVICE)
}

fn about_device() -> Answer {
    Answer::get("/v1/detections").query("device_ip", DEVICE)
}

async fn stage(summary: &str) -> Stage {
    let stage = setup()
        .setting("RELAY_PROVIDER__ENTITY_SUMMARY", summary)
        .setting("RELAY_PROVIDER__RETRIES", "0")
        .start()
        .await;
    fixtures::empty(&stage);
    stage
}

/// A detection with events that name the address in their indicator field.
fn one(number: usize) -> Value {
    let mut one = detection(number, DEVICE);
    one["indicators"] = json!([{"field": "dst.ip", "values": [DEVICE]}]);
    one
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detection_in_both_lists_is_one_and_each_list_has_its_events() {
    let stage = stage("false").await;
    pin(&stage, about_indicator().json(listed(&[one(0), one(1)])));
    pin(&stage, about_device().json(listed(&[one(1), one(2)])));
    for number in 0..3 {
        // The address is the source, which no indicator names.
        let events = Answer::get("/v1/events").query("detection_uuid", &format!("detection-{number:04}"));
        pin(&stage, events.json(of_detection(&[event(number, "x.example")])));
    }
    let answer = stage.observe(&[("ip", DEVICE)]).await;
    assert_eq!(errors(&answer), []);
    // The first is not on the device, and its event does not match by its indicators: it stands for itself.
    assert_eq!(seen(&answer), ["event-00002", "event-00001", "detection-0000"]);
    assert_eq!(calls_to(&stage, "/v1/events"), 3);
    let table = &docs(&answer, "sightings")[0]["data"];
    assert_eq!(table["columns"][1]["name"], "Impacted Devices");
    assert_eq!(table["rows"][0][1], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_fails_is_a_warning_only_where_it_is_the_devices_and_the_other_came() {
    for (indicators, devices, reported) in [
        (true, false, vec![("warning", "unknown")]),
        (false, true, vec![("fatal", "unknown")]),
        (false, false, vec![("fatal", "unknown")]),
    ] {
        let stage = stage("false").await;
        for (answer, number, comes) in [(about_indicator(), 0, indicators), (about_device(), 1, devices)] {
            pin(&stage, if comes { answer.json(listed(&[one(number)])) } else { answer.status(500) });
        }
        let mut events = [event(1, "x.example")];
        events[0]["dst"] = json!({"ip": DEVICE});
        pin(&stage, Answer::get("/v1/events").json(of_detection(&events)));
        let answer = stage.observe(&[("ip", DEVICE)]).await;
        assert_eq!(errors(&answer), reported, "{indicators} {devices}");
        assert_eq!(seen(&answer).len(), usize::from(indicators || devices), "{indicators} {devices}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_for_one_list_is_reported_as_fatal_beside_the_other() {
    for (status, code) in [(401, "authorization error"), (403, "permission denied")] {
        let stage = stage("false").await;
        pin(&stage, about_indicator().json(listed(&[one(0)])));
        pin(&stage, about_device().status(status));
        let answer = stage.observe(&[("ip", DEVICE)]).await;
        assert_eq!(errors(&answer), [("fatal", code)]);
        // Nothing more is asked; if the other list came before, its detection stands for itself.
        assert!(matches!(seen(&answer).as_slice(), [] | ["detection-0000"]), "{answer}");
        assert_eq!(calls_to(&stage, "/v1/events"), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_value_was_seen_at_all_is_asked_only_where_nothing_else_is_found() {
    let path = format!("/v1/entity/{DEVICE}/summary");
    let times = json!({"first_seen": "2025-01-01T00:00:00.000Z", "last_seen": "2025-06-01T00:00:00.000Z"});
    let whole = json!({"query_type": "ip_address", "summary": times});
    for (found_before, summary, asked, sightings, reported) in [
        (true, Answer::get(&path).json(whole.clone()), 0, 1, vec![]),
        (false, Answer::get(&path).json(whole.clone()), 1, 1, vec![]),
        (
            false,
            Answer::get(&path).json(json!({"summary": {"first_seen": "2025-01-01T00:00:00Z"}})),
            1,
            0,
            vec![],
        ),
        (false, Answer::get(&path).json(json!({"summary": null})), 1, 0, vec![]),
        (false, Answer::get(&path).status(404), 1, 0, vec![]),
        (false, Answer::get(&path).status(202), 1, 0, vec![]),
        (false, Answer::get(&path).status(500), 1, 0, vec![("warning", "unknown")]),
        (false, Answer::get(&path).status(403), 1, 0, vec![("warning", "permission denied")]),
    ] {
        let stage = stage("true").await;
        if found_before {
            pin(&stage, Answer::post("/v2/query").json(found(&[event(1, "x.example")])));
        }
        pin(&stage, summary.clone());
        let answer = stage.observe(&[("ip", DEVICE)]).await;
        assert_eq!(calls_to(&stage, &path), asked, "{summary:?}");
        assert_eq!((docs(&answer, "sightings").len(), errors(&answer)), (sightings, reported), "{summary:?}");
        if asked == 1 && sightings == 1 {
            let sighting = &docs(&answer, "sightings")[0];
            assert_eq!((&sighting["count"], &sighting["confidence"]), (&json!(1), &json!("High")));
            assert_eq!(sighting["observed_time"]["end_time"], "2025-06-01T00:00:00.000Z");
            let page = "https://portal.icebrg.io/search?query=10.1.1.1";
            assert_eq!(sighting["external_references"][0]["url"], page);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_value_was_seen_at_all_is_not_asked_unless_that_is_switched_on() {
    let stage = setup().start().await;
    fixtures::empty(&stage);
    assert_eq!(stage.observe(&[("ip", DEVICE)]).await, json!({"data": {}}));
    assert!(stage.sim.calls_to("gigamon").iter().all(|call| !call.path.contains("/v1/entity/")));
}
