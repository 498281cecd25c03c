//! After which failures no more is asked: each further call would fail too, and may cost a query.

use provider_sim::Answer;
use relay_testkit::{docs, errors};
use serde_json::json;

use crate::{SIDE, calls, far_ends, message, one_by_one};

const FIRST: (&str, &str) = ("ip", "198.18.1.1");
const LAST: (&str, &str) = ("ip", "198.18.1.2");

#[tokio::test(flavor = "multi_thread")]
async fn no_call_is_made_after_the_key_was_refused() {
    for (status, body) in [
        (403, r#"{"message":"Invalid authentication credentials"}"#),
        (403, ""),
        (401, "Please check user credentials"),
    ] {
        let stage = one_by_one().start().await;
        stage.sim.answer(SIDE, Answer::get("/history/1/dns/a").status(400).text("invalid"));
        stage.sim.answer(SIDE, Answer::get("/history/1/dns/aaaa").status(status).text(body));
        let answer = stage.observe(&[FIRST, ("domain", "1"), LAST]).await;
        assert_eq!(docs(&answer, "sightings").len(), 1, "the first address was found before");
        assert_eq!(errors(&answer), [("fatal", "authorization error")], "{status} {body}");
        assert_eq!(
            calls(&stage),
            ["POST /domains/list?page=1", "GET /history/1/dns/a?page=1", "GET /history/1/dns/aaaa?page=1"]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_without_a_call_is_not_a_bad_key_and_stops_that_kind_only() {
    let stage = one_by_one().claim("key", "small-plan").start().await;
    let answer = stage.observe(&[FIRST, ("domain", "login-verify.example"), LAST]).await;
    assert_eq!(errors(&answer), [("fatal", "permission denied")]);
    let message = message(&answer);
    assert!(message.contains("domains/list") && message.contains("Consider upgrading"), "{message}");
    assert_eq!(docs(&answer, "sightings").len(), 2, "both histories of the domain");
    assert_eq!(
        calls(&stage),
        [
            "POST /domains/list?page=1",
            "GET /history/login-verify.example/dns/a?page=1",
            "GET /history/login-verify.example/dns/aaaa?page=1",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_quota_is_asked_once_and_not_again() {
    let stage = one_by_one().claim("key", "exhausted").start().await;
    let answer = stage.observe(&[FIRST, ("domain", "login-verify.example"), LAST]).await;
    assert_eq!(errors(&answer), [("fatal", "too many requests")]);
    let message = message(&answer);
    assert!(message.contains("monthly quota") && message.contains("usage limits"), "{message}");
    assert_eq!(calls(&stage).len(), 1);
    assert!(answer.get("data").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_ends_between_pages_keeps_the_pages_before() {
    // Three queries: page 1 of both histories, and page 2 of one.
    let stage = one_by_one().claim("key", "trial").claim("GET_ALL_PAGES", true).start().await;
    let answer = stage.observe(&[("domain", "pages-10.example")]).await;
    assert_eq!(errors(&answer), [("warning", "too many requests")]);
    let message = message(&answer);
    assert!(message.starts_with("8 of 10 pages") && message.contains("monthly quota"), "{message}");
    assert_eq!(calls(&stage).len(), 4, "page 3 was refused and page 4 not asked for");
    assert!(!far_ends(&docs(&answer, "sightings")[0]).is_empty());
    let refused = stage.sim.calls_to(SIDE).into_iter().filter(|call| call.status == Some(429)).count();
    assert_eq!(refused, 1);
    assert!(json!(answer["data"]["sightings"]["count"]) == 1);
}
