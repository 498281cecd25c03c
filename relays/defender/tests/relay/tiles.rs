//! Dashboard tiles: of the tenant's alerts, devices at risk and response actions.

use std::collections::BTreeMap;

use provider_sim::Answer;
use provider_sim::login::directory::ALERTS_ONLY;
use relay_testkit::{Setup, Stage, errors};
use serde_json::{Value, json};

use crate::{alerts, calls, setup};

const NOW: &str = "2026-11-26T15:07:30Z";
const LISTING: &str = "GET /alerts?$filter=alertCreationTime%20ge%202026-11-20T00%3A00%3A00Z&$top=5000";

fn at() -> Setup {
    setup().at(NOW)
}

fn alert(time: &str, severity: &str, category: &str, status: &str, assigned: Option<&str>) -> Value {
    json!({
        "alertCreationTime": time, "severity": severity, "category": category, "status": status, "assignedTo": assigned,
    })
}

/// The alerts of the specification's example, one of an unknown severity, one too old, one without a time.
fn listing() -> Value {
    json!([
        alert("2026-11-26T09:30:00.12Z", "High", "Malware", "New", None),
        alert(
            "2026-11-26T08:30:00.1234567Z",
            "Severe",
            "CommandAndControl",
            "InProgress",
            Some("a@b.example")
        ),
        alert("2026-11-20T08:01:00Z", "Low", "Execution", "Resolved", None),
        alert("2026-11-19T23:59:59Z", "High", "Old", "New", None),
        alert("yesterday", "High", "Timeless", "New", None),
    ])
}

/// `(icon, label, value)` of the metrics.
fn metrics(tile: &Value) -> Vec<(&str, &str, i64)> {
    let metrics = tile["data"]["data"].as_array().into_iter().flatten();
    metrics
        .map(|one| {
            (one["icon"].as_str().unwrap(), one["label"].as_str().unwrap(), one["value"].as_i64().unwrap())
        })
        .collect()
}

async fn stage(listing: &Value) -> Stage {
    let stage = at().start().await;
    alerts(&stage, "/alerts", listing);
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn the_three_tiles_are_counted_from_one_listing() {
    let stage = stage(&listing()).await;
    let listed = stage.tiles().await;
    let ids: Vec<&Value> = listed["data"].as_array().unwrap().iter().map(|tile| &tile["id"]).collect();
    assert_eq!(
        ids,
        ["alerts_by_severity", "alerts_by_category", "alert_work", "devices_at_risk", "response_actions"]
    );
    assert!(calls(&stage).is_empty(), "a list costs no call");

    let bars = stage.tile_data("alerts_by_severity", None).await;
    let keys: Vec<&Value> =
        bars["data"]["keys"].as_array().unwrap().iter().map(|series| &series["key"]).collect();
    assert_eq!(keys, ["high", "medium", "low", "informational", "other"]);
    let values: Vec<&Value> =
        bars["data"]["data"].as_array().unwrap().iter().map(|bar| &bar["value"]).collect();
    assert_eq!(values, [1, 0, 0, 0, 0, 0, 2]);
    let link = "https://security.microsoft.com/alerts?tid=11111111-2222-4333-8444-555555555555";
    assert_eq!(bars["data"]["data"][0]["values"][0]["link_uri"], link);
    assert_eq!(bars["data"]["observed_time"], json!({"start_time": "2026-11-20T00:00:00Z", "end_time": NOW}));
    assert_eq!(stage.tile_data("alerts_by_severity", Some("last_7_days")).await, bars, "valid_time included");

    let donut = stage.tile_data("alerts_by_category", None).await;
    assert_eq!(
        donut["data"]["labels"],
        json!([["Command And Control", "Execution", "Malware"], ["Other", "Low", "High"]])
    );
    let work = stage.tile_data("alert_work", None).await;
    assert_eq!(
        metrics(&work),
        [
            ("information", "New", 1),
            ("bulleted-list", "In progress", 1),
            ("label-group", "Resolved", 1),
            ("warning", "Unassigned", 1),
        ]
    );
    assert_eq!(calls(&stage), [LISTING]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_at_its_bound_is_cut_and_asked_for_again() {
    let many: Vec<Value> =
        (0..5000).map(|_| alert("2026-11-25T10:00:00Z", "Low", "Malware", "New", Some("a"))).collect();
    let stage = stage(&json!(many)).await;
    let bars = stage.tile_data("alerts_by_severity", None).await;
    assert_eq!(errors(&bars), [("warning", "unprocessed records")]);
    assert_eq!(bars["data"]["observed_time"]["start_time"], "2026-11-25T10:00:00Z");
    assert_eq!(bars["data"]["data"].as_array().unwrap().len(), 2, "the days before are not known");
    assert_eq!(bars["data"]["cache_scope"], "none");
    assert_eq!(bars["data"]["valid_time"]["end_time"], "2026-11-26T15:08:30Z");
    stage.tile_data("alerts_by_severity", None).await;
    assert_eq!(calls(&stage), [LISTING, LISTING]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_shown_where_the_listing_fails_and_zeros_where_there_are_no_alerts() {
    let stage = stage(&json!([])).await;
    let work = stage.tile_data("alert_work", None).await;
    assert!(work["data"]["data"].as_array().unwrap().iter().all(|one| one["value"] == 0), "{work}");
    assert_eq!(stage.tile_data("alerts_by_category", None).await["data"]["data"], json!([]));

    for (status, code) in [(403, "permission denied"), (404, "not found"), (500, "unknown")] {
        let stage = at().start().await;
        stage.sim.answer("defender", Answer::get("/alerts").status(status));
        let answer = stage.tile_data("alerts_by_severity", None).await;
        assert_eq!(errors(&answer), [("fatal", code)], "{status}");
        assert!(answer.get("data").is_none(), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_categories_are_made_safe() {
    let odd = alert("2026-11-26T09:30:00Z", "High", &"](javascript:x)\n\u{202e}".repeat(400), "New", None);
    let stage = stage(&json!([odd])).await;
    let donut = stage.tile_data("alerts_by_category", None).await;
    let label = donut["data"]["labels"][0][0].as_str().unwrap();
    assert!(label.chars().count() == 64 && !label.contains(['\n', '\u{202e}']), "{label:?}");
}

const DEVICES: [(&str, &str, &str, i64); 4] = [
    ("critical-stop", "High risk", "riskScore eq 'High' and lastSeen ge 2026-11-20T00:00:00Z", 3),
    ("warning", "Medium risk", "riskScore eq 'Medium' and lastSeen ge 2026-11-20T00:00:00Z", 0),
    ("warning", "High exposure", "exposureLevel eq 'High' and lastSeen ge 2026-11-20T00:00:00Z", 12),
    (
        "device-type",
        "Sensor problems",
        "healthStatus ne 'Active' and healthStatus ne 'Inactive' and lastSeen ge 2026-11-20T00:00:00Z",
        1,
    ),
];

/// Pins a number for each count of devices.
fn counts(stage: &Stage) {
    for (.., filter, number) in DEVICES {
        let answer = Answer::get("/machines/$count").query("$filter", filter);
        stage.sim.answer("defender", answer.text(&format!("\u{feff}{number}")));
    }
}

/// Paths of the calls, and how often each was made.
fn calls_by_path(stage: &Stage) -> BTreeMap<String, usize> {
    let mut paths = BTreeMap::new();
    for call in calls(stage) {
        *paths.entry(call.split('?').next().unwrap_or_default().to_owned()).or_default() += 1;
    }
    paths
}

fn paths(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected.iter().map(|(path, count)| ((*path).to_owned(), *count)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_are_counted_by_a_call_for_each_number() {
    let stage = at().start().await;
    counts(&stage);
    let tile = stage.tile_data("devices_at_risk", None).await;
    assert_eq!(metrics(&tile), DEVICES.map(|(icon, label, _, number)| (icon, label, number)));
    let link = "https://security.microsoft.com/machines?tid=11111111-2222-4333-8444-555555555555";
    assert_eq!(tile["data"]["data"][0]["link_uri"], link);
    assert_eq!(tile["data"]["observed_time"]["start_time"], "2026-11-20T00:00:00Z");
    assert_eq!(stage.tile_data("devices_at_risk", None).await, tile);
    assert_eq!(calls_by_path(&stage), paths(&[("GET /machines/$count", 4)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_are_listed_where_they_are_not_counted_and_no_count_is_tried_again() {
    let refusals = [400, 404, 405, 501].map(|status| Answer::get("/machines/$count").status(status));
    let odd = Answer::get("/machines/$count").json(json!({"value": 3}));
    for refusal in refusals.into_iter().chain([odd]) {
        let stage = at().start().await;
        stage.sim.answer("defender", refusal);
        for (.., filter, number) in DEVICES {
            let machines: Vec<Value> = (0..number).map(|id| json!({"id": id})).collect();
            let answer = Answer::get("/machines").query("$filter", filter).query("$top", "1000");
            stage.sim.answer("defender", answer.json(json!({"value": machines})));
        }
        let tile = stage.tile_data("devices_at_risk", None).await;
        assert_eq!(metrics(&tile), DEVICES.map(|(icon, label, _, number)| (icon, label, number)));
        assert_eq!(errors(&tile), []);
        let before = calls_by_path(&stage);
        assert_eq!(before["GET /machines"], 4);
        // Another secret is another tile, and another window too; the tenant's application is remembered.
        stage.sim.answer("defender", Answer::get("/machines").json(json!({"value": []})));
        stage.tile_data("devices_at_risk", Some("last_24_hours")).await;
        let after = calls_by_path(&stage);
        assert_eq!(
            (after["GET /machines/$count"], after["GET /machines"]),
            (before["GET /machines/$count"], 8)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_devices_at_its_bound_says_at_least() {
    let stage = at().claim("tenant_id", "no-counts.example").start().await;
    let many: Vec<Value> = (0..1000).map(|id| json!({"id": id})).collect();
    stage.sim.answer("defender", Answer::get("/machines").json(json!({"value": []})));
    let high = Answer::get("/machines").query("$filter", DEVICES[0].2);
    stage.sim.answer("defender", high.json(json!({"value": many})));
    let tile = stage.tile_data("devices_at_risk", None).await;
    assert_eq!(
        metrics(&tile)[..2],
        [("critical-stop", "High risk (at least)", 1000), ("warning", "Medium risk", 0)]
    );
    assert_eq!(errors(&tile), [("warning", "unprocessed records")]);
    assert_eq!(tile["data"]["cache_scope"], "none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_that_fails_is_left_out() {
    let stage = at().setting("RELAY_PROVIDER__RETRIES", "0").start().await;
    counts(&stage);
    let failing = Answer::get("/machines/$count").query("$filter", DEVICES[1].2);
    stage.sim.answer("defender", failing.status(503));
    let tile = stage.tile_data("devices_at_risk", None).await;
    let labels: Vec<&str> = metrics(&tile).into_iter().map(|(_, label, _)| label).collect();
    assert_eq!(labels, ["High risk", "High exposure", "Sensor problems"]);
    assert_eq!(errors(&tile), [("error", "unavailable")]);
    let message = tile["errors"][0]["message"].as_str().unwrap();
    assert!(message.ends_with("; `Medium risk` is missing"), "{message}");
    assert_eq!(tile["data"]["valid_time"]["end_time"], "2026-11-26T15:08:30Z");

    let stage = at().claim("client_id", ALERTS_ONLY.id).start().await;
    let tile = stage.tile_data("devices_at_risk", None).await;
    assert_eq!(errors(&tile), [("fatal", "permission denied")]);
    let message = tile["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("Machine.Read.All"), "{message}");
}

fn action(time: &str, status: &str) -> Value {
    json!({"id": "1", "creationDateTimeUtc": time, "status": status})
}

/// Actions in every state, one that is too old, one without a time.
fn actions() -> Value {
    let now = "2026-11-26T10:00:00.1234567Z";
    let mut all: Vec<Value> =
        ["Pending", "InProgress", "Failed", "TimeOut", "Succeeded", "Cancelled", "Dreaming"]
            .map(|status| action(now, status))
            .into();
    all.extend([action("2026-11-19T23:59:59Z", "Failed"), action("soon", "Failed")]);
    json!({ "value": all })
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_and_indicators_take_two_calls() {
    let link = |path: &str| {
        format!("https://security.microsoft.com/{path}?tid=11111111-2222-4333-8444-555555555555")
    };
    for (indicators, icon) in [(100, "information"), (13_500, "warning"), (15_000, "critical-stop")] {
        let stage = at().start().await;
        stage.sim.answer("defender", Answer::get("/machineactions").json(actions()));
        stage.sim.answer("defender", Answer::get("/indicators/$count").text(&indicators.to_string()));
        let tile = stage.tile_data("response_actions", None).await;
        assert_eq!(
            metrics(&tile),
            [
                ("information", "Running", 2),
                ("warning", "Failed", 2),
                ("label-group", "Completed", 1),
                ("block", "Indicators", indicators),
                (icon, "Indicators left of 15000", 15_000 - indicators),
            ]
        );
        assert_eq!(errors(&tile), []);
        assert_eq!(tile["data"]["data"][0]["link_uri"], link("action-center/history"));
        assert_eq!(
            tile["data"]["data"][3]["link_uri"],
            link("securitysettings/endpoints/custom_ti_indicators")
        );
        assert_eq!(stage.tile_data("response_actions", None).await, tile);
        let mut made = calls(&stage);
        made.sort();
        assert_eq!(
            made,
            [
                "GET /indicators/$count",
                "GET /machineactions?$filter=creationDateTimeUtc%20ge%202026-11-20T00%3A00%3A00Z&$top=1000"
            ]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_permission_for_indicators_the_actions_are_shown_with_a_warning() {
    let stage = at().start().await;
    stage.sim.answer("defender", Answer::get("/machineactions").json(json!({"value": []})));
    stage.sim.answer("defender", Answer::get("/indicators/$count").status(403));
    let tile = stage.tile_data("response_actions", None).await;
    assert_eq!(
        metrics(&tile),
        [("information", "Running", 0), ("information", "Failed", 0), ("label-group", "Completed", 0)]
    );
    assert_eq!(errors(&tile), [("warning", "permission denied")]);
    let message = tile["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("Ti.ReadWrite"), "{message}");

    // A count that the API does not have is no failure; without it a call is spared.
    let stage = at().claim("tenant_id", "no-counts.example").start().await;
    for _ in 0..2 {
        stage.sim.answer("defender", Answer::get("/machineactions").json(json!({"value": []})));
        let tile = stage.tile_data("response_actions", None).await;
        assert_eq!((metrics(&tile).len(), errors(&tile)), (3, vec![]));
    }
    stage.tile_data("response_actions", Some("last_24_hours")).await;
    assert_eq!(calls_by_path(&stage), paths(&[("GET /indicators/$count", 1), ("GET /machineactions", 2)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_that_fail_or_are_cut_say_so() {
    let stage = at().setting("RELAY_PROVIDER__RETRIES", "0").start().await;
    stage.sim.answer("defender", Answer::get("/machineactions").status(500));
    stage.sim.answer("defender", Answer::get("/indicators/$count").text("5"));
    let tile = stage.tile_data("response_actions", None).await;
    assert_eq!((metrics(&tile).len(), errors(&tile)), (2, vec![("error", "unknown")]));

    let stage = at().start().await;
    let many: Vec<Value> = (0..1000).map(|_| action("2026-11-25T10:00:00Z", "Succeeded")).collect();
    stage.sim.answer("defender", Answer::get("/machineactions").json(json!({ "value": many })));
    let tile = stage.tile_data("response_actions", None).await;
    assert_eq!(metrics(&tile)[2], ("label-group", "Completed", 1000));
    assert_eq!(errors(&tile), [("warning", "unprocessed records")]);
    assert_eq!(tile["data"]["observed_time"]["start_time"], "2026-11-25T10:00:00Z");
}

/// Of the demonstration, where nothing is pinned.
#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_tenant_has_alerts_all_the_time() {
    let stage = setup().start().await;
    for period in ["last_24_hours", "last_7_days", "last_30_days"] {
        let donut = stage.tile_data("alerts_by_category", Some(period)).await;
        assert!(!donut["data"]["data"].as_array().unwrap().is_empty(), "{period}: {donut}");
    }
    assert_eq!(calls(&stage).len(), 3);
    for id in ["devices_at_risk", "response_actions"] {
        let tile = stage.tile_data(id, None).await;
        assert_eq!(errors(&tile), []);
        assert!(metrics(&tile).iter().filter(|(.., value)| *value > 0).count() > 2, "{tile}");
    }
    assert_eq!(calls(&stage).len(), 3 + 4 + 2);
    // By lists the same.
    let other = setup().claim("tenant_id", "no-counts.example").start().await;
    let (counted, listed) =
        (stage.tile_data("devices_at_risk", None).await, other.tile_data("devices_at_risk", None).await);
    assert_eq!(metrics(&counted), metrics(&listed));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_names_the_tiles_and_shows_an_answer() {
    let stage = stage(&listing()).await;
    relay_testkit::documented_tiles(&stage, "alerts_by_category", env!("CARGO_MANIFEST_DIR")).await;
}
