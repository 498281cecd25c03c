//! The tile of the account's quota.

use provider_sim::Answer;
use relay_testkit::{Setup, Stage, errors};
use serde_json::{Value, json};

use crate::{SIDE, calls, setup};

const NOW: &str = "2026-11-26T15:07:30Z";
const CALL: &str = "GET /account/usage";

/// With what is kept, at a fixed time.
fn kept() -> Setup {
    setup().setting("RELAY_CACHE__TTL", "").at(NOW)
}

fn usage(body: Value) -> Answer {
    Answer::get("/account/usage").json(body)
}

/// `(icon, label, value)` of the metrics.
fn metrics(tile: &Value) -> Vec<(&str, &str, i64)> {
    tile["data"]["data"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| {
            (
                one["icon"].as_str().expect("an icon"),
                one["label"].as_str().expect("a label"),
                one["value"].as_i64().expect("a number"),
            )
        })
        .collect()
}

async fn shown(answer: Answer) -> (Stage, Value) {
    let stage = kept().start().await;
    stage.sim.answer(SIDE, answer);
    let tile = stage.tile_data("quota", None).await;
    (stage, tile)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quota_is_asked_for_once() {
    let stage = kept().start().await;
    let tiles = stage.tiles().await;
    assert_eq!(tiles["data"][0]["id"], "quota");
    assert_eq!(calls(&stage), Vec::<String>::new(), "a list costs no call");
    stage.sim.answer(SIDE, usage(json!({"current_monthly_usage": 46, "allowed_monthly_usage": 50})));
    let tile = stage.tile_data("quota", None).await;
    let metric = |icon, label, value: i64| {
        json!({
            "icon": icon, "label": label, "value": value, "value-unit": "integer", "value_unit": "integer",
            "link_uri": "https://securitytrails.com/app/account/quota",
        })
    };
    assert_eq!(
        tile,
        json!({"data": {
            "tile_id": "quota", "period": "last_30_days",
            "observed_time": {"start_time": "2026-11-01T00:00:00Z", "end_time": NOW},
            "valid_time": {"start_time": NOW, "end_time": "2026-11-26T16:07:30Z"},
            "cache_scope": "org",
            "data": [
                metric("information", "Used", 46), metric("warning", "Left", 4), metric("information", "Allowed", 50),
                metric("static-nat", "Requests per second", 50),
            ],
        }})
    );
    assert_eq!(stage.tile_data("quota", Some("last_30_days")).await, tile);
    assert_eq!(calls(&stage), [CALL]);
}

#[tokio::test(flavor = "multi_thread")]
async fn icons_warn_and_missing_numbers_are_left_out() {
    let rate = ("static-nat", "Requests per second", 50);
    for (body, expected) in [
        (
            json!({"current_monthly_usage": 50, "allowed_monthly_usage": 50}),
            vec![
                ("information", "Used", 50),
                ("critical-stop", "Left", 0),
                ("information", "Allowed", 50),
                rate,
            ],
        ),
        (
            json!({"current_monthly_usage": "45", "allowed_monthly_usage": 50}),
            vec![("information", "Used", 45), ("warning", "Left", 5), ("information", "Allowed", 50), rate],
        ),
        (
            json!({"current_monthly_usage": 60, "allowed_monthly_usage": 50}),
            vec![
                ("information", "Used", 60),
                ("critical-stop", "Left", 0),
                ("information", "Allowed", 50),
                rate,
            ],
        ),
        (json!({"current_monthly_usage": 7}), vec![("information", "Used", 7), rate]),
        (
            json!({"allowed_monthly_usage": 50, "current_monthly_usage": null}),
            vec![("information", "Allowed", 50), rate],
        ),
    ] {
        let (_stage, tile) = shown(usage(body.clone())).await;
        assert_eq!(metrics(&tile), expected, "{body}");
        assert_eq!(errors(&tile), []);
    }
    for body in [json!({}), json!({"current_monthly_usage": -1, "allowed_monthly_usage": []})] {
        let (_stage, tile) = shown(usage(body.clone())).await;
        assert_eq!(errors(&tile), [("fatal", "key error")], "{body}");
        assert!(tile.get("data").is_none(), "{tile}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_is_used_up_is_shown_and_not_asked_for_again() {
    let refused = json!({"message": "You've exceeded the usage limits for your account."});
    let (stage, tile) = shown(Answer::get("/account/usage").status(429).json(refused)).await;
    assert_eq!(metrics(&tile), [("critical-stop", "Left", 0)]);
    assert_eq!(errors(&tile), [("warning", "too many requests")]);
    assert_eq!(tile["data"]["cache_scope"], "none");
    assert_eq!(stage.tile_data("quota", None).await, tile);
    assert_eq!(calls(&stage), [CALL], "at most once an hour");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_those_of_other_calls() {
    for (status, code) in
        [(401, "authorization error"), (403, "permission denied"), (404, "not found"), (500, "unknown")]
    {
        let (_stage, tile) =
            shown(Answer::get("/account/usage").status(status).json(json!({"message": "no"}))).await;
        assert_eq!(errors(&tile), [("fatal", code)], "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_there_is_no_tile() {
    let stage = kept().setting("RELAY_PROVIDER__USAGE", "false").start().await;
    assert_eq!(stage.tiles().await, json!({"data": []}));
    let answer = stage.tile_data("quota", None).await;
    assert_eq!(errors(&answer), [("fatal", "invalid argument")]);
    assert_eq!(calls(&stage), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn health_reports_the_quota_where_it_is_wanted_and_asks_for_it_once_an_hour() {
    let stage = kept().setting("RELAY_HEALTH_QUOTAS", "true").start().await;
    stage.sim.answer(SIDE, usage(json!({"current_monthly_usage": 46, "allowed_monthly_usage": 50})));
    let health = stage.health().await;
    assert_eq!(
        health["data"]["quotas"]["queries"]["values"],
        json!({
            "bucket_unit": "month", "bucket_limit": 50, "current_bucket_consumption": 46,
            "current_bucket_start_time": "2026-11-01T00:00:00Z", "current_bucket_end_time": "2026-12-01T00:00:00Z",
            "current_bucket_limit_reached": false,
        })
    );
    assert_eq!(stage.health().await, health);
    stage.tile_data("quota", None).await;
    let mut made = calls(&stage);
    made.sort();
    assert_eq!(made, [CALL, "GET /ping", "GET /ping"], "shared with the tile");

    let stage = kept().setting("RELAY_HEALTH_QUOTAS", "true").start().await;
    stage.sim.answer(SIDE, Answer::get("/account/usage").status(500));
    assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}), "no failure of health");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_names_the_tiles_and_shows_an_answer() {
    let (stage, _) = shown(usage(json!({"current_monthly_usage": 46, "allowed_monthly_usage": 50}))).await;
    relay_testkit::documented_tiles(&stage, "quota", env!("CARGO_MANIFEST_DIR")).await;
}
