//! What goes wrong costs its own part of the answer and is reported once.

use provider_sim::{Answer, Fault, What};
use relay_testkit::{Stage, asked, docs, errors};
use serde_json::{Value, json};

use crate::setup;

fn message(answer: &Value) -> &str {
    answer["errors"][0]["message"].as_str().unwrap()
}

fn calls_of(stage: &Stage, path: &str) -> usize {
    stage.sim.calls_to("xforce").iter().filter(|call| call.path.contains(path)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_resolution_costs_only_the_dns_sighting() {
    let stage = setup().setting("RELAY_PROVIDER__RETRIES", "0").start().await;
    stage.sim.faults().add(Fault::status(503).on("xforce").path("/resolve/"));
    let answer = stage.observe(&[("domain", "login-verify.example")]).await;
    assert_eq!(errors(&answer), [("fatal", "unavailable")]);
    assert_eq!(docs(&answer, "verdicts").len(), 1);
    assert_eq!(docs(&answer, "judgements").len(), 1);
    assert_eq!(docs(&answer, "sightings").len(), 4, "two categories and two collections");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_observable_leaves_the_verdicts_of_the_others() {
    let stage = setup().start().await;
    stage
        .sim
        .faults()
        .add(Fault::status(429).on("xforce").path("/url/busy.example").header("Retry-After", "0"));
    let answer = stage.deliberate(&[("domain", "login-verify.example"), ("domain", "busy.example")]).await;
    assert_eq!(docs(&answer, "verdicts").len(), 1);
    assert_eq!(errors(&answer), [("fatal", "too many requests")]);
    assert!(message(&answer).contains("(concerns domain busy.example)"), "{}", message(&answer));
    assert_eq!(calls_of(&stage, "/url/busy.example"), 3, "two retries, as Retry-After allows");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_refusal_no_further_call_is_made_and_it_is_reported_once() {
    // The last column: 24 calls would be made. Two are under way when the first refusal comes; 402 and 403 stop each of
    // the three kinds of calls by itself.
    let table = [
        (401, "authorization error", "Authorization failed: ", 2),
        (402, "too many requests", "monthly quota", 6),
        (403, "permission denied", "not permit", 6),
        (429, "too many requests", "The reason", 2),
    ];
    for (status, code, words, most) in table {
        let stage = setup()
            .setting("RELAY_PROVIDER__MAX_CONCURRENCY", "2")
            .setting("RELAY_PROVIDER__RETRIES", "0")
            .start()
            .await;
        stage.sim.faults().add(Fault::status(status).on("xforce").body(r#"{"error": "The reason."}"#));
        let about: Vec<String> = (0..8).map(|n| format!("d{n}.example")).collect();
        let about: Vec<(&str, &str)> = about.iter().map(|name| ("domain", name.as_str())).collect();
        let answer = stage.observe(&about).await;
        assert_eq!(errors(&answer), [("fatal", code)], "{status}");
        assert!(answer.get("data").is_none());
        let said = message(&answer);
        assert!(said.contains(words) && said.contains("The reason") && !said.contains("concerns"), "{said}");
        let missing = said.split_once("; missing: ").unwrap().1;
        for part in ["reports", "DNS resolutions", "collections"] {
            assert!(missing.contains(part), "{status}: {said}");
        }
        let calls = stage.sim.calls_to("xforce").len();
        assert!(calls <= most, "{calls} calls after status {status} with two at a time");
    }
}

/// Eleven domains of which nothing special is known, and one.
fn a_dozen() -> Vec<String> {
    (0..12).map(|n| format!("d{n}.example")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_kind_of_side_call_leaves_verdicts_and_the_other_kind() {
    let table = [
        (403, "/linkage/", "collections", "permission denied"),
        (403, "/resolve/", "DNS resolutions", "permission denied"),
        (402, "/linkage/", "collections", "too many requests"),
        (402, "/resolve/", "DNS resolutions", "too many requests"),
    ];
    for concurrency in ["1", "16"] {
        for (status, path, part, code) in table {
            let stage = setup().setting("RELAY_PROVIDER__MAX_CONCURRENCY", concurrency).start().await;
            for name in a_dozen() {
                let report = json!({"result": {"url": name, "cats": {}, "score": 7}});
                stage.sim.answer("xforce", Answer::get(&format!("/url/{name}")).json(report));
            }
            stage.sim.faults().add(Fault::status(status).on("xforce").path(path).body(r#"{"error": "No."}"#));
            let names = a_dozen();
            let about: Vec<(&str, &str)> = names.iter().map(|name| ("domain", name.as_str())).collect();
            let answer = stage.observe(&about).await;
            assert_eq!(docs(&answer, "verdicts").len(), 12, "{path} {status}");
            assert_eq!(docs(&answer, "judgements").len(), 12);
            assert_eq!(errors(&answer), [("warning", code)], "{path} {status}");
            let refused = calls_of(&stage, path);
            let left_out = match 12 - refused {
                0 => format!("; missing: {part}"),
                1 => format!("; missing: {part} (1 call not made)"),
                n => format!("; missing: {part} ({n} calls not made)"),
            };
            assert!(message(&answer).ends_with(&left_out), "{} after {refused} calls", message(&answer));
            let other = if path == "/linkage/" { "/resolve/" } else { "/linkage/" };
            assert_eq!(calls_of(&stage, other), 12, "the other kind goes on");
            if concurrency == "1" {
                assert_eq!(refused, 1);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_kind_of_report_leaves_the_other_kinds() {
    let stage = setup().setting("RELAY_PROVIDER__MAX_CONCURRENCY", "1").start().await;
    stage.sim.faults().add(Fault::status(403).on("xforce").path("/ipr/"));
    let about = [("ip", "203.0.113.9"), ("domain", "login-verify.example"), ("ip", "203.0.113.10")];
    let answer = stage.deliberate(&about).await;
    assert_eq!(docs(&answer, "verdicts").len(), 1);
    assert_eq!(errors(&answer), [("fatal", "permission denied")]);
    let said = message(&answer);
    assert!(said.contains("missing: reports (1 call not made)"), "{said}");
    assert!(said.contains("ip 203.0.113.9") && said.contains("ip 203.0.113.10"), "{said}");
    assert!(!said.contains("login-verify"), "{said}");
    assert_eq!(calls_of(&stage, "/ipr/"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_provider_is_retried_only_where_it_may_pass() {
    for (status, code, tries) in
        [(502, "unavailable", 3), (504, "unavailable", 3), (500, "unknown", 1), (418, "unknown", 1)]
    {
        let stage = setup().start().await;
        let html = "<html><h1>Bad things</h1></html>";
        stage.sim.faults().add(Fault::status(status).on("xforce").header("Retry-After", "0").body(html));
        let answer = stage.deliberate(&[("ip", "192.0.2.1")]).await;
        assert_eq!(errors(&answer), [("fatal", code)], "{status}");
        assert!(message(&answer).contains(&status.to_string()) && !message(&answer).contains("<h1>"));
        assert_eq!(stage.sim.calls_to("xforce").len(), tries, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observable_that_hangs_ends_in_time_and_keeps_the_others() {
    let stage = setup().setting("RELAY_PROVIDER__READ_TIMEOUT", "150ms").start().await;
    stage.sim.faults().add(Fault::new(What::Hang).on("xforce").path("/url/slow.example"));
    let answer = stage.deliberate(&[("domain", "slow.example"), ("domain", "login-verify.example")]).await;
    assert_eq!(errors(&answer), [("fatal", "timeout")]);
    assert_eq!(docs(&answer, "verdicts").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_deadline_the_answer_names_what_is_missing() {
    let stage = setup().setting("RELAY_DEADLINE", "400ms").start().await;
    stage.sim.faults().add(Fault::new(What::Hang).on("xforce").path("/url/slow.example"));
    let answer = stage.deliberate(&[("domain", "slow.example"), ("domain", "login-verify.example")]).await;
    assert_eq!(docs(&answer, "verdicts").len(), 1);
    assert_eq!(errors(&answer), [("fatal", "timeout")]);
    assert!(message(&answer).contains("domain slow.example"), "{}", message(&answer));
    assert!(!message(&answer).contains("login-verify.example"), "{}", message(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_and_broken_json_are_reported_apart() {
    let table = [
        (What::Reset, "connection error"),
        (What::Truncated, "key error"),
        (What::Html, "key error"),
        (What::WrongType, "key error"),
    ];
    for (what, code) in table {
        let stage = setup().setting("RELAY_PROVIDER__RETRIES", "0").start().await;
        stage.sim.faults().add(Fault::new(what.clone()).on("xforce").path("/ipr/"));
        let answer = stage.observe(&[("ip", "203.0.113.9")]).await;
        assert_eq!(errors(&answer), [("fatal", code)], "{what:?}");
        assert_eq!(docs(&answer, "sightings").len(), 1, "the DNS sighting stays: {what:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulators_own_refusals_are_understood() {
    for (key, code) in [
        ("nobody", "authorization error"),
        ("exhausted", "too many requests"),
        ("unsubscribed", "too many requests"),
        ("forbidden", "permission denied"),
    ] {
        let stage = setup().claim("key", key).start().await;
        let answer = stage.deliberate(&[("domain", "login-verify.example")]).await;
        assert_eq!(errors(&answer), [("fatal", code)], "{key}");
        assert!(!message(&answer).contains("demo-password"), "{}", message(&answer));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_self_signed_certificate_is_reported_as_what_it_is() {
    let base = relay_testkit::self_signed_host();
    let stage = setup().setting("RELAY_PROVIDER__API_URL", &base).start().await;
    for answer in [stage.observe(&[("domain", "a.example")]).await, stage.health().await] {
        assert_eq!(errors(&answer), [("fatal", "unknown")]);
        assert!(
            message(&answer).starts_with("Unable to verify SSL certificate: Self signed"),
            "{}",
            message(&answer)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_connection_is_reported_once_for_all_calls() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let stage = setup().setting("RELAY_PROVIDER__API_URL", &base).start().await;
    let answer = stage.observe(&[("domain", "a.example"), ("ip", "192.0.2.1")]).await;
    assert_eq!(errors(&answer), [("fatal", "connection error")]);
    assert!(answer.get("data").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_repeats_the_credentials_does_not_make_the_relay_tell_them() {
    let (key, password) = ("key-ü\"1\\", "pass/wörd\t1");
    let stage = setup().claim("key", key).claim("password", password).start().await;
    // `key:password` as HTTP Basic.
    let pair = "a2V5LcO8IjFcOnBhc3Mvd8O2cmQJMQ==";
    let bodies = [
        json!({"error": format!("{key} with {password} is wrong")}).to_string(),
        json!({"error": format!("Basic {pair} is wrong")}).to_string(),
        // The same with the escapes that other writers of JSON choose.
        r#"{"error": "key-\u00fc\u00221\u005c with pass\/w\u00f6rd\u00091 is wrong"}"#.to_owned(),
    ];
    for body in bodies {
        for status in [400, 401, 402, 403, 500] {
            stage.sim.faults().clear();
            stage.sim.faults().add(Fault::status(status).on("xforce").body(&body));
            let answer = stage.health().await;
            assert_eq!(
                stage.sim.calls_to("xforce").last().unwrap().header("authorization"),
                Some(format!("Basic {pair}").as_str())
            );
            let said = message(&answer);
            assert!(said.contains("[secret]") && said.contains("is wrong"), "{said}");
            for hidden in ["key-ü", "wörd", "pass/", pair] {
                assert!(!said.contains(hidden), "{hidden} in {said}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_body_or_bad_claims_make_no_call() {
    let stage = setup().start().await;
    let good = stage.token();
    for body in ["{}", r#"[{"type":"ip"}]"#, r#"[{"type":"","value":"x"}]"#, "ip=1", ""] {
        let response = stage.raw("/observe/observables", Some(&good), body.to_owned()).await;
        let answer: Value = response.json().await.unwrap();
        assert_eq!(errors(&answer), [("fatal", "invalid argument")], "{body}");
        assert!(message(&answer).starts_with("Invalid JSON payload received."), "{}", message(&answer));
    }
    let claims = [json!({"key": null}), json!({"password": ""}), json!({"key": 5}), json!({"key": "a:b"})];
    for changes in claims {
        let token = stage.token_with(&changes);
        // The token's fault comes before the body's.
        for body in [asked(&[("ip", "192.0.2.1")]), json!("nonsense")] {
            let answer = stage.ask("/observe/observables", Some(&token), &body).await;
            assert_eq!(errors(&answer), [("fatal", "authorization error")], "{changes}");
        }
    }
    assert_eq!(stage.sim.calls_to("xforce").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_were_switched_off_are_not_made() {
    let stage = setup()
        .setting("RELAY_PROVIDER__RESOLVE_ENABLED", "false")
        .setting("RELAY_PROVIDER__LINKAGE_ENABLED", "false")
        .start()
        .await;
    stage.observe(&[("domain", "login-verify.example")]).await;
    assert_eq!(stage.sim.calls_to("xforce").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn provider_words_are_bounded_and_on_one_line() {
    let stage = setup().start().await;
    let long = format!("first\nsecond {}", "x".repeat(5000));
    stage.sim.answer("xforce", Answer::get("/ipr/192.0.2.1").status(403).json(json!({"error": long})));
    let answer = stage.deliberate(&[("ip", "192.0.2.1")]).await;
    let said = message(&answer);
    assert!(said.contains("first second") && said.chars().count() < 700 && !said.contains('\n'), "{said}");
}
