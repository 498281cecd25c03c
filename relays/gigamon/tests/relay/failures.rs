//! What goes wrong costs its own part of the answer and is reported once.

use std::time::Duration;

use provider_sim::{Answer, Fault, What};
use relay_testkit::{Stage, asked, docs, errors};
use serde_json::{Value, json};

use crate::fixtures::{self, calls_to, detection, event, found, listed, of_detection, pin, seen};
use crate::setup;

const DOMAIN: &str = "a.example";
const TRACKING: &str = "/v2/entity/tracking/bulk/get/ip";

fn message(answer: &Value) -> &str {
    answer["errors"][0]["message"].as_str().unwrap()
}

fn refusal(status: u16, code: &str, words: &str) -> Fault {
    let body = json!({"error": {"code": code, "message": words}});
    Fault::status(status).on("gigamon").body(&body.to_string())
}

/// One event by a detection and another by the search.
async fn both() -> Stage {
    let stage = setup().setting("RELAY_PROVIDER__RETRIES", "0").start().await;
    pin_both(&stage);
    stage
}

fn pin_both(stage: &Stage) {
    fixtures::empty(stage);
    fixtures::one_detection(stage, DOMAIN, &[event(1, DOMAIN)]);
    pin(stage, Answer::post("/v2/query").json(found(&[event(2, DOMAIN)])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_reported_in_the_providers_words_and_ends_the_calls() {
    let stage = setup().claim("key", "revoked").setting("RELAY_PROVIDER__MAX_CONCURRENCY", "2").start().await;
    let about: Vec<String> = (0..8).map(|number| format!("d{number}.example")).collect();
    let about: Vec<(&str, &str)> = about.iter().map(|name| ("domain", name.as_str())).collect();
    let answer = stage.observe(&about).await;
    assert_eq!(errors(&answer), [("fatal", "authorization error")]);
    assert_eq!(message(&answer), "Authorization failed: Authentication is invalid.");
    assert!(answer.get("data").is_none());
    let calls = stage.sim.calls_to("gigamon").len();
    assert!(calls <= 2, "{calls} calls with two at a time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_the_right_to_detections_is_reported_so() {
    let stage = setup().claim("key", "forbidden-token").start().await;
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    assert_eq!(errors(&answer), [("fatal", "permission denied")]);
    assert!(message(&answer).contains("You do not have permission to do this."), "{}", message(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_ends_the_calls_but_what_was_held_is_shown() {
    for (path, status, code, held) in [
        ("/v2/query", 403, "permission denied", "event-00001"),
        ("/v2/query", 401, "authorization error", "event-00001"),
        ("/v1/detections", 403, "permission denied", "event-00002"),
        ("/v1/detections", 401, "authorization error", "event-00002"),
    ] {
        let stage = both().await;
        // The refusal comes when the other part has come already.
        stage.sim.faults().add(Fault::latency(Duration::from_millis(700)).on("gigamon").path(path));
        stage.sim.faults().add(refusal(status, "client.forbidden", "No right to this.").path(path));
        let answer = stage.observe(&[("domain", DOMAIN)]).await;
        assert_eq!(errors(&answer), [("fatal", code)], "{path} {status}");
        assert!(message(&answer).contains("No right to this."));
        assert_eq!(seen(&answer), [held], "{path} {status}");
        assert_eq!(calls_to(&stage, TRACKING), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_does_not_wait_for_a_search_that_hangs() {
    let stage = both().await;
    stage.sim.faults().add(refusal(401, "client.invalid_authentication", "No.").path("/v1/detections"));
    stage.sim.faults().add(Fault::new(What::Hang).on("gigamon").path("/v2/query"));
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    assert_eq!(errors(&answer), [("fatal", "authorization error")], "and no timeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_fails_takes_nothing_from_the_others() {
    let (all, detected, searched): (&[&str], &[&str], &[&str]) =
        (&["event-00002", "event-00001"], &["event-00001"], &["event-00002"]);
    let by_itself: &[&str] = &["event-00002", "detection-0000"];
    // The part that fails, how, what is left, and what is reported.
    let table = [
        ("/v1/detections", Fault::status(500), searched, Some(("fatal", "unknown"))),
        ("/v1/detections", Fault::status(404), searched, None),
        ("/v1/detections", Fault::status(202), searched, None),
        ("/v1/detections", Fault::new(What::Truncated), searched, Some(("fatal", "key error"))),
        ("/v1/detections", Fault::new(What::WrongType), searched, Some(("fatal", "key error"))),
        ("/v2/query", Fault::status(500), detected, Some(("warning", "unknown"))),
        ("/v2/query", Fault::status(503), detected, Some(("warning", "unavailable"))),
        ("/v2/query", Fault::status(400), detected, Some(("warning", "invalid argument"))),
        ("/v2/query", Fault::new(What::Reset), detected, Some(("warning", "connection error"))),
        ("/v2/query", Fault::new(What::Html), detected, Some(("warning", "key error"))),
        (TRACKING, Fault::status(500), all, Some(("warning", "unknown"))),
        (TRACKING, Fault::status(403), all, Some(("warning", "permission denied"))),
        (TRACKING, Fault::status(401), all, Some(("warning", "authorization error"))),
        (TRACKING, Fault::status(404), all, None),
        (TRACKING, Fault::status(202), all, None),
        (TRACKING, Fault::new(What::Html), all, Some(("warning", "key error"))),
        (TRACKING, Fault::status(200).body("{}"), all, Some(("warning", "key error"))),
        ("/v1/events", Fault::status(500), by_itself, Some(("warning", "unknown"))),
        ("/v1/events", Fault::status(401), by_itself, Some(("warning", "authorization error"))),
        ("/v1/events", Fault::status(403), by_itself, Some(("warning", "permission denied"))),
        ("/v1/events", Fault::status(404), by_itself, None),
        ("/v1/events", Fault::status(200).body("{}"), by_itself, Some(("warning", "key error"))),
    ];
    for (path, fault, left, reported) in table {
        let stage = both().await;
        stage.sim.faults().add(fault.clone().on("gigamon").path(path));
        let answer = stage.observe(&[("domain", DOMAIN)]).await;
        assert_eq!(seen(&answer), left, "{path} {fault:?}");
        assert_eq!(errors(&answer), Vec::from_iter(reported), "{path} {fault:?}");
        if let Some(("warning", _)) = reported {
            assert!(message(&answer).ends_with("are missing"), "{}", message(&answer));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_is_refused_repeats_the_providers_words() {
    let stage = both().await;
    stage.sim.faults().add(refusal(400, "client.invalid_query", "Bad query.").path("/v2/query"));
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    let end = "Bad query; some events are missing";
    assert!(message(&answer).ends_with(end), "{}", message(&answer));
    assert_eq!(calls_to(&stage, "/v2/query"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_search_is_fatal_where_there_is_no_other_data() {
    let stage = setup().setting("RELAY_PROVIDER__RETRIES", "0").start().await;
    fixtures::empty(&stage);
    stage.sim.faults().add(Fault::status(503).on("gigamon").path("/v2/query"));
    assert_eq!(errors(&stage.observe(&[("domain", DOMAIN)]).await), [("fatal", "unavailable")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_page_that_fails_keeps_the_earlier_ones() {
    let stage = setup().setting("RELAY_PROVIDER__EVENTS_URL", "off").start().await;
    fixtures::empty(&stage);
    let page: Vec<Value> = (0..100)
        .map(|number| {
            let mut detection = detection(number, DOMAIN);
            detection["account_uuid"] = json!(if number == 0 { fixtures::ACME } else { fixtures::DEMO });
            detection
        })
        .collect();
    let mut first = listed(&page);
    first["total_count"] = json!(150);
    pin(&stage, Answer::get("/v1/detections").status(500));
    pin(&stage, Answer::get("/v1/detections").query("offset", "0").json(first));
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    assert_eq!(docs(&answer, "sightings").len(), 1);
    assert_eq!(errors(&answer), [("warning", "unknown")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detection_whose_events_fail_stands_for_itself() {
    let stage = setup().setting("RELAY_PROVIDER__EVENTS_URL", "off").start().await;
    fixtures::empty(&stage);
    let three: Vec<Value> = (0..3).map(|number| detection(number, DOMAIN)).collect();
    pin(&stage, Answer::get("/v1/detections").json(listed(&three)));
    for number in 0..3 {
        let answer = Answer::get("/v1/events").query("detection_uuid", &format!("detection-{number:04}"));
        let answer = match number {
            1 => answer.status(500),
            _ => answer.json(of_detection(&[event(number, DOMAIN)])),
        };
        pin(&stage, answer);
    }
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    assert_eq!(seen(&answer), ["event-00002", "event-00000", "detection-0001"]);
    assert_eq!(errors(&answer), [("warning", "unknown")]);
    assert_eq!(docs(&answer, "relationships").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_passes_is_waited_for_and_one_that_does_not_is_reported() {
    for (fault, reported, sightings) in [
        (Fault::status(429).next(1), vec![], 2),
        (Fault::status(429), vec![("fatal", "too many requests")], 1),
    ] {
        let stage = setup().start().await;
        pin_both(&stage);
        stage.sim.faults().add(fault.on("gigamon").path("/v1/detections").header("Retry-After", "0"));
        let answer = stage.observe(&[("domain", DOMAIN)]).await;
        assert_eq!((errors(&answer), docs(&answer, "sightings").len()), (reported, sightings));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateways_page_does_not_reach_the_user() {
    // One call alone: where several fail, the host is soon taken for down.
    let stage = setup().setting("RELAY_PROVIDER__EVENTS_URL", "off").start().await;
    let html = "<html><h1>Bad gateway</h1></html>";
    stage.sim.faults().add(Fault::status(503).on("gigamon").header("Retry-After", "0").body(html));
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    assert_eq!(errors(&answer), [("fatal", "unavailable")]);
    assert!(message(&answer).contains("503") && !message(&answer).contains("<h1>"), "{}", message(&answer));
    assert_eq!(calls_to(&stage, "/v1/detections"), 3, "two more tries");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_search_that_is_no_more_is_reported_once_and_not_asked_again() {
    for status in [404, 410] {
        let stage = both().await;
        stage.sim.faults().add(Fault::status(status).on("gigamon").path("/v2/query"));
        for searches in 1..=2 {
            let answer = stage.observe(&[("domain", DOMAIN), ("domain", "b.example")]).await;
            assert_eq!(errors(&answer), [("warning", "unavailable")], "{status}");
            assert!(message(&answer).contains("only detections were searched"), "{}", message(&answer));
            assert!(!message(&answer).contains("concerns"), "for all observables");
            assert_eq!(seen(&answer)[0], "event-00001");
            if searches == 1 {
                assert!(calls_to(&stage, "/v2/query") >= 1);
                stage.sim.reset();
                pin_both(&stage);
            }
        }
        assert_eq!(calls_to(&stage, "/v2/query"), 0, "not within ten minutes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_search_is_not_missed_where_detections_fill_the_answer() {
    let stage = both().await;
    stage.sim.faults().add(Fault::status(410).on("gigamon").path("/v2/query"));
    let full = stage.token_with(&json!({"CTR_ENTITIES_LIMIT": 1}));
    for (token, reported) in [(stage.token(), vec![("warning", "unavailable")]), (full, vec![])] {
        let answer = stage.ask("/observe/observables", Some(&token), &asked(&[("domain", DOMAIN)])).await;
        assert_eq!((seen(&answer), errors(&answer)), (vec!["event-00001"], reported));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_host_without_an_address_is_an_absent_search() {
    let stage = setup()
        .setting("RELAY_PROVIDER__EVENTS_URL", "http://events.invalid")
        .setting("RELAY_PROVIDER__RETRIES", "0")
        .start()
        .await;
    pin_both(&stage);
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    assert_eq!(errors(&answer), [("warning", "unavailable")]);
    assert_eq!(seen(&answer), ["event-00001"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_is_switched_off_is_not_missed() {
    let stage = setup().setting("RELAY_PROVIDER__EVENTS_URL", "off").start().await;
    pin_both(&stage);
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    assert_eq!((seen(&answer), errors(&answer)), (vec!["event-00001"], vec![]));
    assert_eq!(calls_to(&stage, "/v2/query"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_may_be_null_but_neither_missing_nor_of_another_type() {
    let table = [
        ("[]", &[("fatal", "key error")][..]),
        ("not json", &[("fatal", "key error")]),
        ("{}", &[("fatal", "key error")]),
        (r#"{"detections": {}}"#, &[("fatal", "key error")]),
        (r#"{"detections": "none"}"#, &[("fatal", "key error")]),
        (r#"{"detections": null}"#, &[]),
        (r#"{"detections": [null, 5, {}, {"uuid": " "}], "rules": "none"}"#, &[]),
    ];
    for (body, reported) in table {
        let stage = setup().setting("RELAY_PROVIDER__EVENTS_URL", "off").start().await;
        pin(&stage, Answer::get("/v1/detections").text(body));
        assert_eq!(errors(&stage.observe(&[("domain", DOMAIN)]).await), reported, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn items_that_cannot_be_read_are_counted_and_cost_nothing_else() {
    let stage = setup().start().await;
    pin_both(&stage);
    let mut events = vec![json!(null), json!("x"), json!({"uuid": "y"}), event(2, DOMAIN)];
    events[2]["timestamp"] = json!("soon");
    pin(&stage, Answer::post("/v2/query").json(found(&events)));
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    assert_eq!((seen(&answer).len(), errors(&answer)), (2, vec![]));
    let metrics = stage.metrics().await;
    let dropped = r#"relay_provider_items_dropped_total{call="event_search",relay="gigamon"} 3"#;
    assert!(metrics.lines().any(|line| line == dropped), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_cannot_be_had_costs_the_detections_part() {
    for (rule, reported) in [
        (
            Answer::get(&format!("/v1/rules/{}", fixtures::RULE)).json(json!({"rule": fixtures::rule()})),
            vec![],
        ),
        (Answer::get(&format!("/v1/rules/{}", fixtures::RULE)).status(404), vec![("warning", "not found")]),
        (Answer::get(&format!("/v1/rules/{}", fixtures::RULE)).status(500), vec![("warning", "unknown")]),
    ] {
        let stage = both().await;
        let two = [detection(0, DOMAIN), detection(1, DOMAIN)];
        pin(&stage, Answer::get("/v1/detections").json(json!({"detections": two})));
        pin(&stage, rule);
        let answer = stage.observe(&[("domain", DOMAIN)]).await;
        assert_eq!(errors(&answer), reported);
        assert_eq!(calls_to(&stage, &format!("/v1/rules/{}", fixtures::RULE)), 1, "once for both detections");
        assert_eq!(seen(&answer), ["event-00002", "event-00001"]);
        assert_eq!(docs(&answer, "relationships").len(), usize::from(reported.is_empty()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_observable_leaves_those_after_it() {
    let stage = setup().setting("RELAY_PROVIDER__EVENTS_URL", "off").start().await;
    pin_both(&stage);
    pin(&stage, Answer::get("/v1/detections").query("indicator_value", "bad.example").status(500));
    let answer = stage.observe(&[("domain", "bad.example"), ("domain", DOMAIN)]).await;
    assert_eq!(seen(&answer), ["event-00001"]);
    assert_eq!(errors(&answer), [("fatal", "unknown")]);
    assert!(message(&answer).contains("(concerns domain bad.example)"), "{}", message(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_hangs_ends_in_time() {
    let stage = setup().setting("RELAY_PROVIDER__READ_TIMEOUT", "200ms").start().await;
    pin_both(&stage);
    stage.sim.faults().add(Fault::new(What::Hang).on("gigamon").path("/v1/detections"));
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    assert_eq!((seen(&answer), errors(&answer)), (vec!["event-00002"], vec![("fatal", "timeout")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_search_may_take_longer_than_other_calls() {
    let stage = setup().setting("RELAY_PROVIDER__READ_TIMEOUT", "200ms").start().await;
    pin_both(&stage);
    stage.sim.faults().add(Fault::latency(Duration::from_millis(400)).on("gigamon").path("/v2/query"));
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    assert_eq!((seen(&answer).len(), errors(&answer)), (2, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_claims_make_no_call_and_are_never_repeated() {
    let stage = setup().start().await;
    let body = asked(&[("ip", "192.0.2.1")]);
    for changes in [
        json!({"key": null}),
        json!({"key": "  "}),
        json!({"key": 5}),
        json!({"key": "абв"}),
        json!({"key": "hunter2\r\nX-Evil: 1"}),
        json!({"region": "http://evil"}),
        json!({"account_uuid": "hunter2"}),
    ] {
        let answer = stage.ask("/observe/observables", Some(&stage.token_with(&changes)), &body).await;
        assert_eq!(errors(&answer), [("fatal", "authorization error")], "{changes}");
        assert!(
            !message(&answer).contains("hunter2") && !message(&answer).contains("evil"),
            "{}",
            message(&answer)
        );
    }
    assert_eq!(stage.sim.calls_to("gigamon").len(), 0);
}
