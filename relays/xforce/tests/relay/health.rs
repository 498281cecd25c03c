//! `/health`: a real call, and no failure taken for health.

use provider_sim::{Answer, Fault, What};
use relay_testkit::errors;
use serde_json::json;

use crate::setup;

const USAGE: &str = "/all-subscriptions/usage";

#[tokio::test(flavor = "multi_thread")]
async fn a_good_key_is_healthy_whatever_the_usage_says() {
    let stage = setup().start().await;
    assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}));
    let calls = stage.sim.calls_to("xforce");
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].path, format!("/xforce{USAGE}"));
    for odd in [json!([]), json!({}), json!([{"usageData": null}, 5]), json!("text")] {
        stage.sim.answer("xforce", Answer::get(USAGE).json(odd.clone()));
        assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}), "{odd}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_base_url_is_not_healthy() {
    let table = [
        (400, "invalid argument"),
        (401, "authorization error"),
        (402, "too many requests"),
        (403, "permission denied"),
        (404, "not found"),
        (406, "unknown"),
        (500, "unknown"),
    ];
    for (status, code) in table {
        let stage = setup().start().await;
        stage.sim.faults().add(Fault::status(status).on("xforce"));
        let answer = stage.health().await;
        assert_eq!(errors(&answer), [("fatal", code)], "{status}");
        assert!(answer.get("data").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_no_json_or_none_at_all_is_not_healthy() {
    let stage = setup().setting("RELAY_PROVIDER__READ_TIMEOUT", "150ms").start().await;
    stage.sim.faults().add(Fault::new(What::Html).on("xforce").next(1));
    assert_eq!(errors(&stage.health().await), [("fatal", "key error")]);
    stage.sim.faults().add(Fault::new(What::Hang).on("xforce").next(1));
    assert_eq!(errors(&stage.health().await), [("fatal", "timeout")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_asks_the_provider_every_time() {
    let stage = setup().start().await;
    stage.health().await;
    stage.health().await;
    assert_eq!(stage.sim.calls_to("xforce").len(), 2);
}
