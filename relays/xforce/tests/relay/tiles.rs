//! Tiles and quotas of the account.

use provider_sim::Answer;
use relay_testkit::{Stage, errors};
use serde_json::{Value, json};

use crate::setup;

const USAGE: &str = "/all-subscriptions/usage";
const NOW: &str = "2026-03-26T15:07:30Z";

/// Two months of a subscription, and one that counts nothing.
fn usage() -> Value {
    json!([
        {"subscriptionType": "api", "usageData": {"type": "premium", "entitlement": 10000, "usage": [
            {"cycle": "2026-03", "usage": 312}, {"cycle": "2026-02", "usage": "9980"}]}},
        {"subscriptionType": "feed"},
    ])
}

async fn stage(usage: Value) -> Stage {
    let stage = setup().at(NOW).start().await;
    stage.sim.answer("xforce", Answer::get(USAGE).json(usage));
    stage
}

/// `(icon, label, value)` of the metrics.
fn metrics(tile: &Value) -> Vec<(&str, &str, i64)> {
    let metrics = tile["data"]["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    metrics.iter().map(|one| metric(one).unwrap()).collect()
}

fn metric(one: &Value) -> Option<(&str, &str, i64)> {
    Some((one["icon"].as_str()?, one["label"].as_str()?, one["value"].as_i64()?))
}

#[tokio::test(flavor = "multi_thread")]
async fn both_tiles_are_made_of_one_call_an_hour() {
    let stage = stage(usage()).await;
    let tiles = stage.tiles().await;
    let ids: Vec<&Value> = tiles["data"].as_array().unwrap().iter().map(|tile| &tile["id"]).collect();
    assert_eq!(ids, ["quota", "usage_by_month"]);
    let quota = stage.tile_data("quota", None).await;
    assert_eq!(
        metrics(&quota),
        [("information", "Used", 312), ("information", "Left", 9688), ("information", "Allowed", 10_000)]
    );
    assert_eq!(quota["data"]["data"][0]["link_uri"], "https://exchange.xforce.ibmcloud.com/settings/api");
    let month = json!({"start_time": "2026-03-01T00:00:00Z", "end_time": NOW});
    assert_eq!(quota["data"]["observed_time"], month);
    assert_eq!(quota["data"]["valid_time"]["end_time"], "2026-03-26T16:07:30Z");

    let bars = stage.tile_data("usage_by_month", None).await;
    let all: Vec<(&Value, &Value)> =
        bars["data"]["data"].as_array().unwrap().iter().map(|bar| (&bar["key"], &bar["value"])).collect();
    assert_eq!(all, [(&json!("2026-02"), &json!(9980)), (&json!("2026-03"), &json!(312))]);
    assert_eq!(bars["data"]["key_type"], "string");
    assert_eq!(bars["data"]["observed_time"]["start_time"], "2026-02-01T00:00:00Z");
    assert_eq!(stage.tile_data("quota", None).await, quota);
    assert_eq!(stage.sim.calls_to("xforce").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_are_told_apart_and_months_added_up() {
    let one = |kind: &str, used: Value| json!({"subscriptionType": kind, "usageData": {"entitlement": "100", "usage": used}});
    let months: Value =
        (1..=8).map(|month| json!({"cycle": format!("2025-{:02}", month + 4), "usage": month})).collect();
    let stage = stage(json!([
        one("api", json!([{"cycle": "2026-03", "usage": 95}])),
        one("feed", months),
        one("odd\nname", json!([])),
        one("a", json!([])),
        one("b", json!([])),
    ]))
    .await;
    let quota = stage.tile_data("quota", None).await;
    assert_eq!(
        metrics(&quota)[..5],
        [
            ("information", "Used (api)", 95),
            ("warning", "Left (api)", 5),
            ("information", "Allowed (api)", 100),
            ("information", "Used (feed)", 0),
            ("information", "Left (feed)", 100),
        ]
    );
    assert_eq!(metrics(&quota).len(), 12, "four subscriptions");
    assert_eq!(metrics(&quota)[6].1, "Used (odd name)");
    let bars = stage.tile_data("usage_by_month", None).await;
    let keys: Vec<&Value> = bars["data"]["data"].as_array().unwrap().iter().map(|bar| &bar["key"]).collect();
    assert_eq!(keys, ["2025-08", "2025-09", "2025-10", "2025-11", "2025-12", "2026-03"], "the newest six");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_a_subscription_says_so() {
    for usage in [json!([]), json!([{"subscriptionType": "feed"}]), json!({})] {
        let stage = stage(usage).await;
        let quota = stage.tile_data("quota", None).await;
        assert_eq!(errors(&quota), [("warning", "permission denied")]);
        assert_eq!(quota["data"]["data"], json!([]));
        let bars = stage.tile_data("usage_by_month", None).await;
        assert_eq!((&bars["data"]["data"], errors(&bars)), (&json!([]), vec![]));
    }
    let stage = setup().claim("key", "nobody").start().await;
    assert_eq!(errors(&stage.tile_data("quota", None).await), [("fatal", "authorization error")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_reports_quotas_where_it_is_wanted_and_makes_no_further_call() {
    let stage = stage(usage()).await;
    assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}));
    let stage = setup().setting("RELAY_HEALTH_QUOTAS", "true").at(NOW).start().await;
    stage.sim.answer("xforce", Answer::get(USAGE).json(usage()));
    assert_eq!(
        stage.health().await,
        json!({"data": {"status": "ok", "quotas": {"api": {
            "description": "Records of the X-Force Exchange API, subscription api",
            "values": {
                "bucket_unit": "month", "bucket_limit": 10000, "current_bucket_consumption": 312,
                "current_bucket_start_time": "2026-03-01T00:00:00Z", "current_bucket_end_time": "2026-04-01T00:00:00Z",
                "current_bucket_limit_reached": false,
            },
        }}}})
    );
    assert_eq!(stage.sim.calls_to("xforce").len(), 1);
    let gauge = r#"relay_quota_left{quota="api",relay="xforce"} 9688"#;
    assert!(stage.metrics().await.contains(gauge));
    // A second tenant: nothing may tell them apart.
    let other = stage.token_with(&json!({"key": "trial"}));
    stage.ask("/health", Some(&other), &Value::Null).await;
    assert!(!stage.metrics().await.contains("relay_quota_left{"));
    stage.health().await;
    assert!(!stage.metrics().await.contains("relay_quota_left{"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_cannot_be_read_is_left_out() {
    for odd in [json!([]), json!("text"), json!([{"subscriptionType": "api", "usageData": {}}])] {
        let stage = setup().setting("RELAY_HEALTH_QUOTAS", "true").start().await;
        stage.sim.answer("xforce", Answer::get(USAGE).json(odd.clone()));
        assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}), "{odd}");
    }
}

/// Beside the data, and only on `/health`.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_soon_warns() {
    let stage = setup().start().await;
    let now = jiff::Timestamp::now().as_second();
    let (day, ends) = (24 * 3600, now + 25 * 24 * 3600 - 60);
    for (issued, exp) in [(ends - 30 * day, ends), (now - day, now + 90 * day)] {
        let token = stage.token_with(&json!({"iat": issued, "exp": exp}));
        assert_eq!(stage.ask("/health", Some(&token), &Value::Null).await, json!({"data": {"status": "ok"}}));
    }
    let token = stage.token_with(&json!({"iat": ends - 365 * day, "exp": ends}));
    let answer = stage.ask("/health", Some(&token), &Value::Null).await;
    assert_eq!(errors(&answer), [("warning", "token expires soon")]);
    assert!(
        answer["errors"][0]["message"].as_str().is_some_and(|words| words.contains("in 24 days")),
        "{answer}"
    );
    assert_eq!(answer["data"]["status"], "ok");
    let tiles = stage.ask("/tiles", Some(&token), &Value::Null).await;
    assert_eq!(errors(&tiles), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_names_the_tiles_and_shows_an_answer() {
    let stage = stage(usage()).await;
    relay_testkit::documented_tiles(&stage, "usage_by_month", env!("CARGO_MANIFEST_DIR")).await;
}
