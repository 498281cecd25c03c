//! Dashboard tiles: what they count, by which calls, and what is missing where some of these fail.

use provider_sim::Answer;
use relay_testkit::{Setup, Stage, errors};
use serde_json::{Value, json};

use crate::{api_calls, calls_to, page, params, rows, setup};

pub(crate) const NOW: &str = "2026-11-26T15:07:30Z";
const ALERTS: &str = "https://security.microsoft.com/alerts";

/// The relay at a fixed time. Failed calls are not made again.
pub(crate) fn at() -> Setup {
    setup().at(NOW).setting("RELAY_PROVIDER__RETRIES", "0")
}

/// The rows of the specification's example.
fn sources() -> Value {
    json!([
        {"Bucket": "2026-11-26T14:00:00Z", "Severity": "High", "ServiceSource": "Microsoft Defender for Endpoint", "Alerts": 3},
        {"bucket": "2026-11-26T15:00:00Z", "SEVERITY": "Low", "ServiceSource": "Microsoft Defender for Endpoint", "Alerts": 1},
        {"Bucket": "2026-11-26T15:00:00Z", "Severity": "Medium", "ServiceSource": "Microsoft Sentinel", "Alerts": "2"},
        {"Bucket": "2026-11-25T15:00:00Z", "Severity": "High", "ServiceSource": "too old", "Alerts": 9},
        {"Bucket": "soon", "Severity": "High", "ServiceSource": "timeless", "Alerts": 9},
        {"Bucket": "2026-11-26T15:00:00Z", "Severity": "High", "ServiceSource": "uncounted", "Alerts": "many"},
    ])
}

/// An alert of the list, about devices and accounts.
fn listed(
    id: &str,
    time: &str,
    severity: &str,
    source: &str,
    devices: &[(&str, &str)],
    users: &[&str],
) -> Value {
    let device = |(full, host): &(&str, &str)| json!({"@odata.type": "#microsoft.graph.security.deviceEvidence", "deviceDnsName": full, "hostName": host});
    let user = |name: &&str| json!({"@odata.type": "#microsoft.graph.security.userEvidence", "userAccount": {"userPrincipalName": name}});
    let evidence: Vec<Value> = devices.iter().map(device).chain(users.iter().map(user)).collect();
    json!({"id": id, "createdDateTime": time, "severity": severity, "serviceSource": source, "evidence": evidence})
}

/// `(label, value)` of bars or metrics.
pub(crate) fn values(tile: &Value) -> Vec<(&str, i64)> {
    let all = tile["data"]["data"].as_array().into_iter().flatten();
    all.map(|one| (one["label"].as_str().unwrap(), one["value"].as_i64().unwrap())).collect()
}

/// The queries that were sent.
fn queries(stage: &Stage) -> Vec<Value> {
    calls_to(stage, "runHuntingQuery").iter().map(|call| call.json().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_query_serves_two_tiles() {
    let stage = at().start().await;
    stage.sim.answer("graph", rows(&sources()));
    let donut = stage.tile_data("alerts_by_source", Some("last_24_hours")).await;
    let part = |key: usize, label: &str, value: usize| json!({"key": key, "value": value, "tooltip": format!("{label}: {value}")});
    assert_eq!(
        donut,
        json!({"data": {
            "tile_id": "alerts_by_source", "period": "last_24_hours",
            "observed_time": {"start_time": "2026-11-25T16:00:00Z", "end_time": NOW},
            "valid_time": {"start_time": NOW, "end_time": "2026-11-26T15:12:30Z"},
            "cache_scope": "org",
            "labels": [["Microsoft Defender for Endpoint", "Microsoft Sentinel"], ["High", "Low", "Medium"]],
            "label_headers": ["Source", "Severity"],
            "data": [
                {"key": 0, "value": 4, "tooltip": "Microsoft Defender for Endpoint: 4", "link_uri": ALERTS,
                 "segments": [part(0, "High", 3), part(1, "Low", 1)]},
                {"key": 1, "value": 2, "tooltip": "Microsoft Sentinel: 2", "link_uri": ALERTS,
                 "segments": [part(2, "Medium", 2)]},
            ],
        }})
    );
    let bars = stage.tile_data("alerts_by_severity", Some("last_24_hours")).await;
    let bars = values(&bars);
    assert_eq!((bars.len(), &bars[22..]), (24, &[("14:00", 3), ("15:00", 3)][..]));
    let asked = queries(&stage);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["Timespan"], "P30D");
    let query = asked[0]["Query"].as_str().unwrap();
    assert!(query.starts_with("AlertInfo | where Timestamp >= datetime(2026-11-25T16:00:00Z) | "), "{query}");
    assert!(query.contains("bin(Created, 1h)"), "{query}");
    assert_eq!(api_calls(&stage), 1);
    assert_eq!(
        stage.tile_data("alerts_by_source", Some("last_24_hours")).await,
        donut,
        "valid_time included"
    );

    stage.tile_data("alerts_by_source", None).await;
    let query = queries(&stage)[1]["Query"].as_str().unwrap().to_owned();
    assert!(
        query.contains("datetime(2026-11-20T00:00:00Z)") && query.contains("bin(Created, 1d)"),
        "{query}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_top_list_is_a_query_of_its_own() {
    for (tile, column, kind, link) in [
        (
            "top_devices",
            "DeviceName",
            "hostname",
            "https://security.microsoft.com/machines?tid=11111111-2222-4333-8444-555555555555",
        ),
        (
            "top_users",
            "AccountUpn",
            "user",
            "https://security.microsoft.com/users?tid=11111111-2222-4333-8444-555555555555",
        ),
    ] {
        let stage = at().claim("tenant_id", "11111111-2222-4333-8444-555555555555").start().await;
        let hostile = "](javascript:x)\n\u{202e}".repeat(400);
        stage.sim.answer("graph", rows(&json!([
            {column: "a.example", "Alerts": 2}, {column: "b.example", "Alerts": "7"}, {column: "", "Alerts": 9},
            {column: hostile, "Alerts": 1},
        ])));
        let tile_data = stage.tile_data(tile, None).await;
        let shown = values(&tile_data);
        assert_eq!(&shown[..2], [("b.example", 7), ("a.example", 2)]);
        let odd = shown[2].0;
        assert!(odd.chars().count() == 64 && !odd.contains(['\n', '\u{202e}']), "{odd:?}");
        let part = &tile_data["data"]["data"][0]["values"][0];
        assert_eq!(
            part,
            &json!({"key": "alerts", "value": 7, "tooltip": "Alerts: 7", "link_uri": link,
                    "observables": [{"type": kind, "value": "b.example"}]})
        );
        assert_eq!(tile_data["data"]["data"][2]["values"][0]["link_uri"], link);
        let asked = queries(&stage);
        assert_eq!(asked.len(), 1);
        let query = asked[0]["Query"].as_str().unwrap();
        assert!(query.ends_with(&format!("dcount(AlertId) by {column} | top 10 by Alerts desc")), "{query}");
        assert_eq!(stage.tile_data(tile, None).await, tile_data);
        assert_eq!(api_calls(&stage), 1);
    }
}

/// The list of four alerts: one of an unknown severity, one too old, one without a time.
fn list() -> Answer {
    let (ws, srv) = (("ws-1.corp.example", "ws-1"), ("", "srv-1"));
    Answer::get("/security/alerts_v2").json(page(&json!([
        listed(
            "1",
            "2026-11-26T09:30:00.12Z",
            "high",
            "microsoftDefenderForEndpoint",
            &[ws, ws, srv],
            &["a@corp.example"]
        ),
        listed(
            "2",
            "2026-11-26T08:30:00Z",
            "unknownFutureValue",
            "microsoft365Defender",
            &[ws],
            &["a@corp.example", "b@corp.example"]
        ),
        listed("3", "2026-11-20T08:01:00Z", "low", "microsoftThreatIntelligence", &[], &[]),
        listed("4", "2026-11-19T23:59:59Z", "high", "microsoftSentinel", &[srv], &[]),
        listed("5", "yesterday", "high", "microsoftSentinel", &[srv], &[]),
    ])))
}

#[tokio::test(flavor = "multi_thread")]
async fn without_hunting_one_list_serves_four_tiles_and_hunting_is_not_tried_again() {
    for (status, hunted) in [(400, 1), (403, 1), (404, 1), (501, 1)] {
        let stage = at().start().await;
        stage.sim.answer("graph", Answer::post("/security/runHuntingQuery").status(status));
        stage.sim.answer("graph", list());
        let bars = stage.tile_data("alerts_by_severity", None).await;
        assert_eq!(errors(&bars), [], "{status}");
        let counts: Vec<i64> = values(&bars).iter().map(|(_, value)| *value).collect();
        assert_eq!(counts, [1, 0, 0, 0, 0, 0, 2]);
        assert_eq!(bars["data"]["keys"].as_array().unwrap().len(), 5, "one is of another severity");
        let donut = stage.tile_data("alerts_by_source", None).await;
        assert_eq!(
            donut["data"]["labels"][0],
            json!([
                "Microsoft Defender XDR",
                "Microsoft Defender for Endpoint",
                "Microsoft Threat Intelligence"
            ])
        );
        let devices = stage.tile_data("top_devices", None).await;
        assert_eq!(values(&devices), [("ws-1.corp.example", 2), ("srv-1", 1)]);
        let users = stage.tile_data("top_users", None).await;
        assert_eq!(values(&users), [("a@corp.example", 2), ("b@corp.example", 1)]);
        let lists = calls_to(&stage, "alerts_v2");
        assert_eq!((queries(&stage).len(), lists.len()), (hunted, 1), "{status}");
        let expected = [("$filter", "createdDateTime ge 2026-11-20T00:00:00Z"), ("$top", "200")];
        assert_eq!(params(&lists[0]), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(lists[0].header("prefer"), Some("include-unknown-enum-members"));
        // Lookups know it too, and the next tile does.
        stage.observe(&[("ip", "192.0.2.1")]).await;
        stage.tile_data("top_users", Some("last_30_days")).await;
        assert_eq!(queries(&stage).len(), 1, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passing_failure_of_hunting_is_a_warning_and_is_tried_again() {
    for (status, code) in [(429, "too many requests"), (503, "service unavailable")] {
        let stage = at().start().await;
        stage.sim.answer("graph", Answer::post("/security/runHuntingQuery").status(status));
        stage.sim.answer("graph", list());
        let tile = stage.tile_data("top_devices", None).await;
        assert_eq!(errors(&tile), [("warning", code)]);
        assert_eq!((values(&tile).len(), &tile["data"]["cache_scope"]), (2, &json!("none")));
        assert_eq!(tile["data"]["valid_time"]["end_time"], "2026-11-26T15:08:30Z");
        stage.tile_data("top_devices", None).await;
        assert_eq!((queries(&stage).len(), calls_to(&stage, "alerts_v2").len()), (2, 1), "the list is kept");
    }
    // Nothing else would succeed.
    let stage = at().start().await;
    stage.sim.answer("graph", Answer::post("/security/runHuntingQuery").status(401));
    let tile = stage.tile_data("top_devices", None).await;
    assert_eq!(errors(&tile), [("fatal", "authorization error")]);
    assert_eq!(calls_to(&stage, "alerts_v2").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_setting_decides_which_way_is_taken() {
    let stage = at().setting("RELAY_PROVIDER__TILES_SEARCH", "list").start().await;
    stage.sim.answer("graph", list());
    stage.tile_data("alerts_by_severity", None).await;
    assert_eq!((queries(&stage).len(), calls_to(&stage, "alerts_v2").len()), (0, 1));

    let stage = at().setting("RELAY_PROVIDER__TILES_SEARCH", "hunting").start().await;
    stage.sim.answer("graph", Answer::post("/security/runHuntingQuery").status(403));
    for _ in 0..2 {
        let tile = stage.tile_data("alerts_by_severity", None).await;
        assert_eq!(errors(&tile), [("fatal", "permission denied")]);
        assert!(tile.get("data").is_none(), "{tile}");
    }
    assert_eq!((queries(&stage).len(), calls_to(&stage, "alerts_v2").len()), (2, 0));

    let stage = at().setting("RELAY_PROVIDER__ALERTS_API", "legacy").start().await;
    assert_eq!(stage.tiles().await, json!({"data": []}));
    let none = stage.ask("/tiles/tile", Some(&stage.token()), &json!({"tile_id": "incidents"})).await;
    assert_eq!(errors(&none), [("fatal", "invalid argument")]);
    assert_eq!(api_calls(&stage), 0);
}

/// A page of alerts that leads to the next one.
fn numbered(stage: &Stage, number: usize, time: &str, leads_on: bool) {
    let alerts: Vec<Value> = (0..200)
        .map(|n| listed(&format!("{number}-{n}"), time, "low", "microsoftSentinel", &[], &[]))
        .collect();
    let mut answer = page(&json!(alerts));
    if leads_on {
        answer["@odata.nextLink"] =
            json!(format!("{}/graph/security/alerts_v2?$skip={}", stage.sim.url(), number + 1));
    }
    let pinned = Answer::get("/security/alerts_v2").json(answer);
    stage.sim.answer("graph", if number == 0 { pinned } else { pinned.query("$skip", &number.to_string()) });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_read_for_five_pages_and_no_more() {
    for (pages, reported) in [(5, vec![]), (6, vec![("warning", "unprocessed records")])] {
        let stage = at().setting("RELAY_PROVIDER__TILES_SEARCH", "list").start().await;
        for number in 0..pages {
            numbered(&stage, number, &format!("2026-11-{}T10:00:00Z", 26 - number), number + 1 < pages);
        }
        let tile = stage.tile_data("alerts_by_severity", None).await;
        assert_eq!(errors(&tile), reported);
        assert_eq!(calls_to(&stage, "alerts_v2").len(), 5);
        let values: Vec<i64> = values(&tile).iter().map(|(_, value)| *value).collect();
        let start = &tile["data"]["observed_time"]["start_time"];
        if reported.is_empty() {
            assert_eq!(
                (values, start),
                (vec![0, 0, 200, 200, 200, 200, 200], &json!("2026-11-20T00:00:00Z"))
            );
        } else {
            assert_eq!((values, start), (vec![200; 5], &json!("2026-11-22T10:00:00Z")));
            let message = tile["errors"][0]["message"].as_str().unwrap();
            assert!(message.contains("counted the newest 1000 alerts"), "{message}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_fails_leaves_those_before_it_and_the_first_leaves_nothing() {
    let stage = at().setting("RELAY_PROVIDER__TILES_SEARCH", "list").start().await;
    numbered(&stage, 0, "2026-11-25T10:00:00Z", true);
    stage.sim.answer("graph", Answer::get("/security/alerts_v2").query("$skip", "1").status(500));
    let tile = stage.tile_data("alerts_by_severity", None).await;
    assert_eq!(
        (values(&tile), errors(&tile)),
        (vec![("Nov 25", 200), ("Nov 26", 0)], vec![("error", "unknown")])
    );
    let message = tile["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("older alerts are not counted"), "{message}");

    let elsewhere = at().setting("RELAY_PROVIDER__TILES_SEARCH", "list").start().await;
    let mut page = page(&json!([listed("1", "2026-11-25T10:00:00Z", "low", "microsoftSentinel", &[], &[])]));
    page["@odata.nextLink"] = json!("https://elsewhere.example/security/alerts_v2?$skip=1");
    elsewhere.sim.answer("graph", Answer::get("/security/alerts_v2").json(page));
    let tile = elsewhere.tile_data("alerts_by_severity", None).await;
    assert_eq!((values(&tile).len(), errors(&tile)), (2, vec![("warning", "key error")]));

    for (status, code) in [(403, "permission denied"), (404, "not found"), (500, "unknown")] {
        let stage = at().setting("RELAY_PROVIDER__TILES_SEARCH", "list").start().await;
        stage.sim.answer("graph", Answer::get("/security/alerts_v2").status(status));
        let tile = stage.tile_data("top_users", None).await;
        assert_eq!(errors(&tile), [("fatal", code)]);
        assert!(tile.get("data").is_none(), "{tile}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_tenant_has_zeros_and_no_error() {
    for search in ["hunting", "list"] {
        let stage = at().setting("RELAY_PROVIDER__TILES_SEARCH", search).start().await;
        stage.sim.answer("graph", rows(&json!([])));
        stage.sim.answer("graph", Answer::get("/security/alerts_v2").json(page(&json!([]))));
        stage.sim.answer(
            "graph",
            Answer::get("/security/incidents").json(json!({"@odata.count": 0, "value": []})),
        );
        for id in ["alerts_by_severity", "alerts_by_source", "incidents", "top_devices", "top_users"] {
            let tile = stage.tile_data(id, None).await;
            assert_eq!(errors(&tile), [], "{id}");
            let sum: i64 = tile["data"]["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["value"].as_i64().unwrap())
                .sum();
            assert_eq!(sum, 0, "{id}");
        }
        let bars = stage.tile_data("alerts_by_severity", None).await;
        assert_eq!(values(&bars).len(), 7);
    }
}

/// Id, period, and what is shown by hunting and by the list, of all tiles of the simulated tenant.
async fn by_both_ways() -> Vec<(String, &'static str, Value, Value)> {
    let hunted = setup().start().await;
    let listed = setup().setting("RELAY_PROVIDER__TILES_SEARCH", "list").start().await;
    let tiles = hunted.tiles().await;
    let ids: Vec<&str> =
        tiles["data"].as_array().unwrap().iter().map(|tile| tile["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["alerts_by_severity", "alerts_by_source", "incidents", "top_devices", "top_users"]);
    assert_eq!(api_calls(&hunted), 0, "a list costs no call");
    let mut shown = Vec::new();
    for period in ["last_24_hours", "last_7_days", "last_30_days"] {
        for id in &ids {
            let (one, other) =
                (hunted.tile_data(id, Some(period)).await, listed.tile_data(id, Some(period)).await);
            shown.push(((*id).to_owned(), period, one, other));
        }
    }
    // Per period: one query for two tiles, one for each of two, five for incidents; one list of one page.
    assert_eq!((api_calls(&hunted), api_calls(&listed)), (3 * 8, 3 * 6));
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_tenant_has_something_to_show_by_either_way() {
    // The simulator's alerts are a number of full hours old: asked within the same hour, both ways find the same.
    let hour = || jiff::Timestamp::now().as_second() / 3600;
    let (began, mut shown) = (hour(), by_both_ways().await);
    if hour() != began {
        shown = by_both_ways().await;
    }
    for (id, period, hunted, listed) in shown {
        assert_eq!((errors(&hunted), errors(&listed)), (vec![], vec![]), "{id}");
        let all = hunted["data"]["data"].as_array().unwrap();
        let sum: i64 = all.iter().map(|one| one["value"].as_i64().unwrap()).sum();
        assert!(sum > 0, "{id}, {period}: {hunted}");
        assert_eq!(hunted["data"]["data"], listed["data"]["data"], "{id}, {period}");
    }
}
