//! Dashboard tiles: what they count, by which calls, and what is missing where some of these fail.

use provider_sim::{Answer, SeenCall};
use relay_testkit::{Stage, asked, errors};
use serde_json::{Value, json};

use crate::fixtures::{self, calls_to, pin};
use crate::setup;

const NOW: &str = "2026-11-26T15:07:30Z";
const LIST: &str = "/v1/detections";
const PAGE: &str = "https://portal.icebrg.io/detections";

async fn stage() -> Stage {
    setup().at(NOW).setting("RELAY_PROVIDER__RETRIES", "0").start().await
}

fn rule(number: usize, severity: &str, category: &str) -> Value {
    json!({"uuid": format!("rule-{number}"), "severity": severity, "category": category})
}

/// A detection of a rule on a device, opened at a time.
fn opened(rule: usize, device: &str, created: &str) -> Value {
    json!({
        "uuid": format!("{rule} {device} {created}"), "rule_uuid": format!("rule-{rule}"), "device_ip": device,
        "account_uuid": fixtures::ACME, "created": created,
    })
}

fn listing(detections: &[Value], total: usize) -> Value {
    let rules = json!([
        rule(1, "high", "Attack:Command and Control"),
        rule(2, "low", "Posture:Anomalous Activity"),
        rule(3, "dire", "Miscellaneous"),
    ]);
    json!({"detections": detections, "rules": rules, "total_count": total})
}

fn queries(stage: &Stage) -> Vec<String> {
    stage.sim.calls_to("gigamon").into_iter().map(|call: SeenCall| call.query).collect()
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

#[tokio::test(flavor = "multi_thread")]
async fn one_listing_serves_three_tiles() {
    let stage = stage().await;
    let mut hidden = opened(1, "10.1.1.1", "2026-11-26T10:00:00Z");
    hidden["account_uuid"] = json!(fixtures::DEMO);
    let mut muted = opened(1, "10.1.1.1", "2026-11-26T10:00:00Z");
    muted["muted_rule"] = json!(true);
    let mut first_seen = opened(1, "10.1.1.1", "soon");
    first_seen["first_seen"] = json!("2026-11-26T00:00:00.000000Z");
    let detections = [
        opened(1, "10.1.1.1", "2026-11-20T00:00:00.000000Z"),
        first_seen,
        opened(2, "10.1.1.2", "2026-11-25T23:59:59"),
        opened(3, "10.1.1.0/24", "2026-11-25T12:00:00Z"),
        opened(4, "2001:DB8::1", "2026-11-26T15:07:00Z"),
        hidden,
        muted,
        opened(1, "10.1.1.1", "2026-11-19T23:59:59Z"),
        opened(1, "10.1.1.1", "2026-11-26T15:13:00Z"),
        opened(1, "10.1.1.1", "soon"),
    ];
    pin(&stage, Answer::get(LIST).json(listing(&detections, detections.len())));
    let by_severity = stage.tile_data("detections_by_severity", None).await;
    assert_eq!(errors(&by_severity), []);
    let bars = by_severity["data"]["data"].as_array().unwrap();
    let values: Vec<(&str, Vec<i64>)> = bars
        .iter()
        .map(|bar| {
            let parts = bar["values"].as_array().unwrap().iter().map(|part| part["value"].as_i64().unwrap());
            (bar["label"].as_str().unwrap(), parts.collect())
        })
        .collect();
    assert_eq!(
        values,
        [
            ("Nov 20", vec![1, 0, 0, 0]),
            ("Nov 21", vec![0, 0, 0, 0]),
            ("Nov 22", vec![0, 0, 0, 0]),
            ("Nov 23", vec![0, 0, 0, 0]),
            ("Nov 24", vec![0, 0, 0, 0]),
            ("Nov 25", vec![0, 0, 1, 1]),
            ("Nov 26", vec![1, 0, 0, 1]),
        ]
    );
    assert_eq!(bars[0]["values"][0]["link_uri"], PAGE);
    let keys: Vec<&Value> =
        by_severity["data"]["keys"].as_array().unwrap().iter().map(|key| &key["key"]).collect();
    assert_eq!(keys, ["high", "moderate", "low", "other"]);

    let by_category = stage.tile_data("detections_by_category", None).await;
    let shown = &by_category["data"];
    assert_eq!(shown["label_headers"], json!(["Class", "Category"]));
    assert_eq!(
        shown["labels"],
        json!([
            ["Attack", "Miscellaneous", "Posture", "Unknown"],
            ["Command and Control", "General", "Anomalous Activity"]
        ])
    );
    let segment = |key: usize, value: usize, name: &str| json!({"key": key, "value": value, "tooltip": format!("{name}: {value}")});
    assert_eq!(
        shown["data"][0],
        json!({
            "key": 0, "value": 2, "tooltip": "Attack: 2", "link_uri": PAGE,
            "segments": [segment(0, 2, "Command and Control")],
        })
    );
    assert_eq!(shown["data"][3]["segments"], json!([segment(1, 1, "General")]));

    let devices = stage.tile_data("top_devices", Some("last_7_days")).await;
    let bars = devices["data"]["data"].as_array().unwrap();
    let names: Vec<&Value> = bars.iter().map(|bar| &bar["label"]).collect();
    assert_eq!(names, ["10.1.1.1", "10.1.1.0/24", "10.1.1.2", "2001:db8::1"]);
    let first = &bars[0]["values"][0];
    assert_eq!(first["observables"], json!([{"type": "ip", "value": "10.1.1.1"}]));
    assert_eq!(first["link_uri"], "https://portal.icebrg.io/search?query=10.1.1.1");
    assert!(bars[1]["values"][0].get("observables").is_none(), "a network is no address");
    assert_eq!(bars[3]["values"][0]["observables"][0]["type"], "ipv6");

    assert_eq!(
        queries(&stage),
        ["status=active&status=resolved&muted=false&muted_rule=false&muted_device=false&include=rules\
          &created_or_shared_start_date=2026-11-20T00%3A00%3A00Z&sort_by=last_seen&sort_order=desc&limit=1000&offset=0"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_goes_on_for_two_pages_and_no_more() {
    let full: Vec<Value> = (0..1000).map(|_| opened(1, "10.1.1.1", "2026-11-26T10:00:00Z")).collect();
    for (total, pages, counted, reported) in [
        (1000, 1, 1000, vec![]),
        (1700, 2, 2000, vec![]),
        (3000, 3, 3000, vec![]),
        (3001, 3, 3000, vec![("warning", "unprocessed records")]),
    ] {
        let stage = stage().await;
        pin(&stage, Answer::get(LIST).json(listing(&full, total)));
        let tile = stage.tile_data("top_devices", None).await;
        assert_eq!((calls_to(&stage, LIST), errors(&tile)), (pages, reported), "{total}");
        assert_eq!(tile["data"]["data"][0]["value"], counted, "{total}");
        assert_eq!(tile["data"]["observed_time"]["start_time"], "2026-11-20T00:00:00Z");
        let whole = total <= 3000;
        assert_eq!(tile["data"]["cache_scope"], if whole { "org" } else { "none" });
        stage.tile_data("detections_by_category", None).await;
        assert_eq!(calls_to(&stage, LIST), if whole { pages } else { 2 * pages }, "cut counts are not kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_fails_leaves_the_others_and_the_first_leaves_nothing() {
    let full: Vec<Value> = (0..1000).map(|_| opened(1, "10.1.1.1", "2026-11-26T10:00:00Z")).collect();
    let stage = stage().await;
    pin(&stage, Answer::get(LIST).json(listing(&full, 2300)));
    pin(&stage, Answer::get(LIST).query("offset", "1000").status(500));
    let tile = stage.tile_data("top_devices", None).await;
    assert_eq!(
        (&tile["data"]["data"][0]["value"], errors(&tile)),
        (&json!(2000), vec![("error", "unknown")])
    );
    let message = tile["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("some detections are not counted"), "{message}");
    for (status, code) in
        [(401, "authorization error"), (403, "permission denied"), (404, "not found"), (500, "unknown")]
    {
        stage.sim.reset();
        pin(&stage, Answer::get(LIST).status(status));
        let tile = stage.tile_data("detections_by_category", Some("last_30_days")).await;
        assert_eq!(errors(&tile), [("fatal", code)], "{status}");
        assert!(tile.get("data").is_none(), "{tile}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_detections_bars_are_zero_and_rings_are_empty() {
    let stage = stage().await;
    pin(&stage, Answer::get(LIST).json(listing(&[], 0)));
    let bars = stage.tile_data("detections_by_severity", Some("last_24_hours")).await;
    let bars = bars["data"]["data"].as_array().unwrap().clone();
    assert!(bars.len() == 24 && bars.iter().all(|bar| bar["value"] == 0), "{bars:?}");
    let ring = stage.tile_data("detections_by_category", Some("last_24_hours")).await;
    assert_eq!((&ring["data"]["data"], &ring["data"]["labels"]), (&json!([]), &json!([[], []])));
    assert_eq!(calls_to(&stage, LIST), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn active_detections_are_counted_by_severity() {
    let counts = |stage: &Stage, failing: Option<&str>| {
        pin(stage, Answer::get(LIST).json(listing(&[], 61)));
        for (severity, total) in [("high", 3), ("moderate", 10), ("low", 40)] {
            let answer = Answer::get(LIST).query("rule_severity", severity);
            let answer =
                if failing == Some(severity) { answer.status(503) } else { answer.json(listing(&[], total)) };
            pin(stage, answer);
        }
    };
    let stage = stage().await;
    counts(&stage, None);
    let tile = stage.tile_data("active_detections", None).await;
    let whole = [
        ("critical-stop", "High", 3),
        ("warning", "Moderate", 10),
        ("information", "Low", 40),
        ("block", "Muted", 8),
    ];
    assert_eq!((metrics(&tile), errors(&tile)), (whole.to_vec(), vec![]));
    assert_eq!(tile["data"]["observed_time"], json!({"start_time": NOW, "end_time": NOW}));
    assert_eq!(tile["data"]["period"], "last_24_hours");
    let mut queries = queries(&stage);
    queries.sort();
    assert_eq!(queries.len(), 4);
    assert_eq!(queries[0], "status=active&limit=1");
    assert_eq!(
        queries[1],
        "status=active&muted=false&muted_rule=false&muted_device=false&rule_severity=high&limit=1"
    );

    stage.sim.reset();
    counts(&stage, Some("low"));
    let other = stage.token_with(&json!({"account_uuid": fixtures::ACME}));
    let tile = stage.ask("/tiles/tile-data", Some(&other), &json!({"tile_id": "active_detections"})).await;
    assert_eq!((metrics(&tile), errors(&tile)), (whole[..2].to_vec(), vec![("error", "unavailable")]));

    stage.sim.reset();
    pin(&stage, Answer::get(LIST).json(json!({"detections": []})));
    let tile = stage.ask("/tiles/tile-data", Some(&other), &json!({"tile_id": "active_detections"})).await;
    assert_eq!(errors(&tile), [("fatal", "key error")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_of_one_key_differ_by_account_region_and_test_accounts() {
    let stage = stage().await;
    let mut detections = vec![opened(1, "10.1.1.1", "2026-11-26T10:00:00Z"); 2];
    detections[1]["account_uuid"] = json!(fixtures::DEMO);
    pin(&stage, Answer::get(LIST).json(listing(&detections, 2)));
    let body = json!({"tile_id": "top_devices"});
    for (claims, counted) in [
        (json!({}), 1),
        (json!({"GTI_ALLOW_TEST_ACCOUNTS": true}), 2),
        (json!({"account_uuid": fixtures::ACME}), 1),
        (json!({"region": "eu"}), 1),
        (json!({}), 1),
    ] {
        let tile = stage.ask("/tiles/tile-data", Some(&stage.token_with(&claims)), &body).await;
        assert_eq!(tile["data"]["data"][0]["value"], counted, "{claims}");
    }
    let accounts = queries(&stage).iter().filter(|query| query.contains("account_uuid=")).count();
    assert_eq!((calls_to(&stage, LIST), accounts), (4, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_network_has_something_to_show() {
    let stage = setup().start().await;
    let listed = stage.tiles().await;
    let ids: Vec<&str> =
        listed["data"].as_array().unwrap().iter().map(|tile| tile["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["detections_by_severity", "detections_by_category", "top_devices", "active_detections"]);
    assert_eq!(stage.sim.calls_to("gigamon").len(), 0, "a list costs no call");
    for id in ids {
        let tile = stage.tile_data(id, None).await;
        assert_eq!(errors(&tile), [], "{id}");
        let values =
            tile["data"]["data"].as_array().unwrap().iter().map(|one| one["value"].as_i64().unwrap());
        assert!(values.sum::<i64>() > 0, "{tile}");
    }
    let refused = stage.ask("/tiles/tile-data", Some("no.good.token"), &asked(&[])).await;
    assert_eq!(errors(&refused), [("fatal", "authorization error")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_names_the_tiles_and_shows_an_answer() {
    let stage = stage().await;
    let detections = [
        opened(1, "10.1.1.1", "2026-11-26T10:00:00Z"),
        opened(1, "10.1.1.1", "2026-11-25T10:00:00Z"),
        opened(2, "2001:db8::1", "2026-11-24T10:00:00Z"),
    ];
    pin(&stage, Answer::get(LIST).json(listing(&detections, 3)));
    relay_testkit::documented_tiles(&stage, "top_devices", env!("CARGO_MANIFEST_DIR")).await;
}
