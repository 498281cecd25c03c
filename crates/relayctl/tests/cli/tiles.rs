//! `relayctl tiles`, and tiles by `relayctl ask`, against a relay that runs.

use provider_sim::Answer;
use serde_json::{Value, json};

use crate::ask::TestBed;
use crate::{Ran, program, ran, relayctl};

/// The relay of X-Force, with two months of a subscription.
async fn bed(test: &str) -> TestBed {
    let bed = TestBed::start(test).await;
    let usage = json!([{"subscriptionType": "api", "usageData": {"entitlement": 10_000, "usage": [
        {"cycle": "2026-02", "usage": 9980}, {"cycle": "2026-03", "usage": 312}]}}]);
    bed.sim.answer("xforce", Answer::get("/all-subscriptions/usage").json(usage));
    bed
}

fn tiles(bed: &TestBed, arguments: &[&str]) -> Ran {
    let arguments: Vec<&str> = ["tiles", &bed.url].iter().chain(arguments).copied().collect();
    ran(program(&arguments).env("RELAY_TOKEN", &bed.token), "")
}

#[tokio::test(flavor = "multi_thread")]
async fn all_tiles_are_drawn_or_the_one_that_is_named() {
    let bed = bed("tiles").await;
    let all = tiles(&bed, &[]);
    assert_eq!((all.code, all.err.as_str()), (Some(0), ""), "{}", all.out);
    for shown in ["2026-02", "████", " 9980", "Allowed", "10000"] {
        assert!(all.out.contains(shown), "{shown}: {}", all.out);
    }
    assert!(!all.out.contains('\x1b'), "no styles where the output is no terminal");
    let one = tiles(&bed, &["usage_by_month"]);
    assert_eq!(one.code, Some(0), "{}", one.err);
    assert!(one.out.contains("2026-03") && !one.out.contains("Allowed"), "{}", one.out);
    let same = tiles(&bed, &["usage_by_month", "last_90_days"]);
    assert_eq!((same.code, same.out), (Some(0), one.out));
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_that_of_the_relay() {
    let bed = bed("tiles-json").await;
    let listed: Value = serde_json::from_str(&tiles(&bed, &["--json"]).out).unwrap();
    assert_eq!(listed["data"][0]["id"], "quota");
    let shown: Value = serde_json::from_str(&tiles(&bed, &["usage_by_month", "--json"]).out).unwrap();
    assert_eq!(shown["data"]["data"][0]["value"], 9980);
    let asked = bed.ask(&["--json", "tile-data", "usage_by_month", "last_90_days"]);
    assert_eq!((asked.code, serde_json::from_str::<Value>(&asked.out).unwrap()), (Some(0), shown));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tile_or_period_that_there_is_not_is_answered_with_those_that_there_are() {
    let bed = bed("tiles-mistakes").await;
    let unknown = tiles(&bed, &["nothing"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.err.contains("there are: quota, usage_by_month"), "{}", unknown.err);
    let period = tiles(&bed, &["quota", "last_hour"]);
    assert_eq!(period.code, Some(1));
    assert!(period.err.contains("is no period of this tile (there are last_30_days)"), "{}", period.err);
    let without = relayctl(&["tiles", &bed.url]);
    assert_eq!(without.code, Some(2));
    assert!(without.err.contains("tiles need a token"), "{}", without.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_printed_and_sets_the_exit_code() {
    let bed = TestBed::start("tiles-failure").await;
    bed.sim.answer("xforce", Answer::get("/all-subscriptions/usage").status(403));
    let failed = tiles(&bed, &["quota"]);
    assert_eq!(failed.code, Some(1));
    assert!(failed.err.starts_with("fatal "), "{}", failed.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_can_be_asked_for_one_by_one() {
    let bed = bed("ask-tiles").await;
    let listed = bed.ask(&["tiles"]);
    assert_eq!(listed.code, Some(0), "{}", listed.err);
    assert!(
        listed.out.trim_start().starts_with("quota") && listed.out.contains("last_90_days"),
        "{}",
        listed.out
    );
    let one = bed.ask(&["tile", "quota"]);
    assert!(one.out.trim_start().starts_with("quota") && one.out.lines().count() == 1, "{}", one.out);
    let shown = bed.ask(&["tile-data", "usage_by_month"]);
    assert_eq!(shown.code, Some(0), "{}", shown.err);
    assert!(shown.out.contains("usage_by_month last_90_days") && shown.out.contains("████"), "{}", shown.out);
    let shown = bed.ask(&["tile-data", "quota", "last_30_days"]);
    assert!(shown.out.contains("Allowed"), "{}", shown.out);
}
