//! Tiles of the tenant's alerts.

use provider_sim::Answer;
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
    assert_eq!(ids, ["alerts_by_severity", "alerts_by_category", "alert_work"]);
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
    let metrics: Vec<Value> = work["data"]["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| json!([one["icon"], one["label"], one["value"]]))
        .collect();
    assert_eq!(
        json!(metrics),
        json!([
            ["information", "New", 1],
            ["bulleted-list", "In progress", 1],
            ["label-group", "Resolved", 1],
            ["warning", "Unassigned", 1],
        ])
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

/// Of the demonstration, where nothing is pinned.
#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_tenant_has_alerts_all_the_time() {
    let stage = setup().start().await;
    for period in ["last_24_hours", "last_7_days", "last_30_days"] {
        let donut = stage.tile_data("alerts_by_category", Some(period)).await;
        assert!(!donut["data"]["data"].as_array().unwrap().is_empty(), "{period}: {donut}");
    }
    assert_eq!(calls(&stage).len(), 3);
}
