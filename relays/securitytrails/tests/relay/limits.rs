//! The limit per second, and what saves queries: the cache, and calls that are shared.

use std::time::Duration;

use provider_sim::{Answer, Fault, SeenCall};
use relay_testkit::{docs, errors};
use serde_json::json;

use crate::{SIDE, calls, one_by_one, setup};

const ABOUT: [(&str, &str); 2] = [("domain", "login-verify.example"), ("ip", "203.0.113.9")];

/// How long after one call another came.
fn between(one: &SeenCall, other: &SeenCall) -> Duration {
    other.started.saturating_sub(one.started)
}

/// The most calls that came within a second.
pub(crate) fn most_in_a_second(calls: &[SeenCall]) -> usize {
    let within = |first: &SeenCall| {
        calls
            .iter()
            .filter(|call| call.started >= first.started && between(first, call).as_secs() == 0)
            .count()
    };
    calls.iter().map(within).max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_second_sees_more_calls_than_an_account_has() {
    let stage = setup().claim("key", "two-a-second").start().await;
    // A third of the calls is slow to be answered.
    stage.sim.faults().add(Fault::latency(Duration::from_millis(150)).on(SIDE).path("/history/"));
    let about = [("ip", "198.18.1.1"), ("domain", "pages-1.a.example"), ("domain", "pages-1.b.example")];
    let (answer, more) = tokio::join!(stage.observe(&about), stage.observe(&[("ip", "198.18.1.2")]));
    assert_eq!((errors(&answer), errors(&more)), (vec![], vec![]));
    let calls = stage.sim.calls_to(SIDE);
    assert_eq!((calls.len(), most_in_a_second(&calls)), (6, 2), "{calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_never_called_faster_than_its_headers_allow() {
    let stage = setup().claim("key", "five-a-second").start().await;
    let names: Vec<String> = (1..=8).map(|n| format!("pages-1.n{n}.example")).collect();
    let about: Vec<_> = names.iter().map(|name| ("domain", name.as_str())).collect();
    let answer = stage.observe(&about).await;
    assert_eq!((errors(&answer), docs(&answer, "sightings").len()), (vec![], 8));
    let calls = stage.sim.calls_to(SIDE);
    assert_eq!(calls.len(), 16);
    // The simulator refuses the sixth call in any second.
    assert!(calls.iter().all(|call| call.status != Some(429)), "{calls:?}");
    assert_eq!(most_in_a_second(&calls), 5);
    // Five at once, then five a second; the first rate of two a second would take seven seconds.
    let took = between(&calls[0], &calls[15]);
    assert!(took >= Duration::from_secs(3) && took < Duration::from_secs(6), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_is_padded_with_a_pause() {
    // One after the other, so that pauses would add up.
    let stage = one_by_one().start().await;
    let names: Vec<String> = (1..=10).map(|n| format!("pages-1.n{n}.example")).collect();
    let about: Vec<_> = names.iter().map(|name| ("domain", name.as_str())).collect();
    stage.observe(&about).await;
    let calls = stage.sim.calls_to(SIDE);
    let took = between(&calls[0], &calls[19]);
    assert!(took < Duration::from_secs(10), "twenty calls, within fifty a second, took {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_was_too_fast_is_asked_again_after_a_second() {
    let stage = setup().start().await;
    let busy = Answer::post("/domains/list").status(429).json(json!({"message": "API rate limit exceeded"}));
    stage.sim.answer(SIDE, busy.times(1));
    let answer = stage.observe(&[("ip", "198.18.1.1")]).await;
    assert_eq!((errors(&answer), docs(&answer, "sightings").len()), (vec![], 1));
    let calls = stage.sim.calls_to(SIDE);
    assert_eq!(calls.len(), 2);
    let pause = between(&calls[0], &calls[1]);
    assert!(pause >= Duration::from_secs(1), "{pause:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_the_cache_costs_no_query() {
    let stage = setup().setting("RELAY_CACHE__TTL", "300s").start().await;
    let first = stage.observe(&ABOUT).await;
    assert_eq!(calls(&stage).len(), 3);
    let second = stage.observe(&ABOUT).await;
    assert_eq!(calls(&stage).len(), 3, "nothing is asked twice");
    assert_eq!(docs(&first, "sightings").len(), docs(&second, "sightings").len());
    let metrics = stage.metrics().await;
    assert!(metrics.contains("history_aaaa"), "calls are counted by name: {metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_does_not_get_answers_from_the_cache() {
    let stage = setup().setting("RELAY_CACHE__TTL", "300s").start().await;
    stage.observe(&ABOUT).await;
    crate::observe_with(&stage, json!({"key": "demo-key.other"}), &ABOUT).await;
    assert_eq!(calls(&stage).len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_questions_at_the_same_time_cost_one_query() {
    let stage = setup().start().await;
    stage.sim.faults().add(Fault::latency(Duration::from_millis(500)).on(SIDE));
    let ask = || stage.observe(&[("ip", "198.18.1.1")]);
    let answers: [_; 3] = tokio::join!(ask(), ask(), ask()).into();
    assert!(answers.iter().all(|answer| docs(answer, "sightings").len() == 1));
    assert_eq!(calls(&stage).len(), 1);
}
