//! What fails, and what is returned all the same.

use std::net::TcpListener;

use provider_sim::{Answer, Fault, What};
use relay_testkit::{docs, errors};
use serde_json::json;

use crate::{SIDE, calls, history, message, setup};

const GOOD: (&str, &str) = ("ip", "198.18.1.1");
const BAD: (&str, &str) = ("ip", "192.0.2.66");

/// The answer to a search for the domains of the bad address.
fn bad() -> Answer {
    Answer::post("/domains/list").body(json!({"filter": {"ipv4": BAD.1}}))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_on_one_call_keeps_what_the_others_found() {
    let stage = setup().start().await;
    stage.sim.answer(SIDE, Answer::get("/history/half.example/dns/a").json(history(&["192.0.2.1"])));
    stage.sim.answer(SIDE, Answer::get("/history/half.example/dns/aaaa").status(500));
    let answer = stage.observe(&[("domain", "half.example"), GOOD]).await;
    let descriptions: Vec<_> =
        docs(&answer, "sightings").iter().filter_map(|sighting| sighting["description"].as_str()).collect();
    assert_eq!(
        descriptions,
        ["IPv4 addresses in the DNS history of half.example", "Domains that point to 198.18.1.1"]
    );
    assert_eq!(errors(&answer), [("fatal", "unknown")]);
    let message = message(&answer);
    assert!(message.contains("half.example") && !message.contains(GOOD.1), "{message}");
    assert!(message.contains("the IPv6 history is missing"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_for_all_is_reported_once() {
    let stage = setup().start().await;
    stage.sim.faults().add(Fault::status(500).on(SIDE));
    let answer = stage.observe(&[("domain", "a.example"), ("domain", "b.example"), GOOD]).await;
    assert_eq!(errors(&answer), [("fatal", "unknown")]);
    assert_eq!(calls(&stage).len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_has_its_code_and_costs_nobody_elses_data() {
    let html = "<html><body>Bad Gateway</body></html>";
    for (answer, code, tries) in [
        (bad().status(500), "unknown", 1),
        (bad().status(418), "unknown", 1),
        (bad().status(302).header("Location", "https://elsewhere.example/"), "unknown", 1),
        (bad().status(503).header("Retry-After", "0"), "unavailable", 3),
        (bad().status(504).header("Retry-After", "0").text(html), "unavailable", 3),
        (bad().status(429).header("Retry-After", "0"), "too many requests", 3),
        (bad().text("{\"records\": [{\"hostname\""), "key error", 1),
        (bad().text("<html>It works!</html>"), "key error", 1),
        (bad().text("null"), "key error", 1),
        (bad(), "key error", 1),
        (bad().json(json!({"records": "none"})), "key error", 1),
        (bad().json(json!({"records": {}})), "key error", 1),
        (bad().json(json!({"records": 0})), "key error", 1),
        (bad().json(json!({"records": false})), "key error", 1),
        (bad().json(json!([{"records": []}])), "key error", 1),
    ] {
        let stage = setup().start().await;
        stage.sim.answer(SIDE, answer.clone());
        let found = stage.observe(&[BAD, GOOD]).await;
        assert_eq!(errors(&found), [("fatal", code)], "{answer:?}");
        assert_eq!(docs(&found, "sightings")[0]["observables"][0]["value"], GOOD.1, "{answer:?}");
        assert_eq!(calls(&stage).len(), tries + 1, "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_answers_are_errors_and_not_a_crash() {
    for (what, code) in [
        (What::Truncated, "key error"),
        (What::Html, "key error"),
        (What::WrongType, "key error"),
        (What::Huge(64 * 1024 * 1024), "too large"),
        (What::Reset, "connection error"),
        (What::ResetLate, "connection error"),
    ] {
        let stage = setup().setting("RELAY_PROVIDER__RETRIES", "0").start().await;
        stage.sim.faults().add(Fault::new(what.clone()).on(SIDE).path("/history/pages-1.example/dns/a"));
        let found = stage.observe(&[("domain", "pages-1.example"), GOOD]).await;
        assert_eq!(errors(&found), [("fatal", code)], "{what:?}");
        assert_eq!(docs(&found, "sightings").len(), 1, "{what:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_by_itself_is_tried_again() {
    let stage = setup().start().await;
    stage.sim.answer(SIDE, bad().json(json!({"records": [{"hostname": "late.example"}]})));
    stage.sim.answer(SIDE, bad().status(502).header("Retry-After", "0").times(2));
    let answer = stage.observe(&[BAD]).await;
    assert_eq!((errors(&answer), docs(&answer, "sightings").len()), (vec![], 1));
    assert_eq!(calls(&stage).len(), 3);
    assert!(
        stage.sim.calls_to(SIDE).iter().all(|call| call.json() == Some(json!({"filter": {"ipv4": BAD.1}})))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_never_answers_is_not_waited_for() {
    let stage = setup().setting("RELAY_PROVIDER__READ_TIMEOUT", "500ms").start().await;
    stage.sim.faults().add(Fault::new(What::Hang).on(SIDE).path("/history/"));
    let answer = stage.observe(&[("domain", "slow.example"), GOOD]).await;
    assert_eq!(errors(&answer), [("fatal", "timeout")]);
    assert_eq!(docs(&answer, "sightings").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_not_there_is_a_connection_error() {
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    let stage = setup()
        .setting("RELAY_PROVIDER__API_URL", &format!("http://{port}/v1/"))
        .setting("RELAY_PROVIDER__RETRIES", "0")
        .start()
        .await;
    assert_eq!(errors(&stage.observe(&[GOOD]).await), [("fatal", "connection error")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_providers_words_are_short_plain_and_without_the_key() {
    let stage = setup().start().await;
    let words = format!("No\n\u{7}demo-key is no key: {}", "blah ".repeat(1000));
    stage.sim.answer(SIDE, bad().status(500).json(json!({"message": words})));
    let answer = stage.observe(&[BAD]).await;
    let message = message(&answer);
    assert!(message.contains("[secret] is no key: blah"), "{message}");
    assert!(!message.contains("demo-key") && !message.contains(char::is_control), "{message}");
    assert!(message.chars().count() < 260, "{message}");
}
