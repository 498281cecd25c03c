//! What the platform's user reads when a provider call fails, row by row.

use std::future::pending;
use std::time::Duration;

use relay_testkit::{Setup, Stage, docs};
use serde_json::{Value, json};

use crate::acme::{setup, setup_at, thing};
use crate::mock::{Mock, Reply, closed_port};
use crate::only_error;

/// The answer about one domain, by a relay that does not try again.
async fn observed(setup: Setup) -> Value {
    let stage = setup.setting("RELAY_PROVIDER__RETRIES", "0").start().await;
    stage.observe(&[("domain", "a.example")]).await
}

/// Fetches the platform's keys, so that a short deadline is spent on lookups alone.
async fn know_the_keys(stage: &Stage) {
    assert_eq!(stage.observe(&[]).await, json!({"data": {}}));
}

/// Asserts what becomes of a reply to every call, and that a failure leaves no data.
async fn check(reply: Reply, code: &str, words: &str) {
    let provider = Mock::always(reply.clone()).await;
    let answer = observed(setup(&provider)).await;
    let message = only_error(&answer, "fatal", code);
    assert!(message.contains(words), "{reply:?}: {message}");
    assert!(!message.contains("key-one"), "a credential in {message}");
    assert_eq!(answer.get("data"), None, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_call_is_counted_by_what_became_of_it() {
    for (reply, outcome) in [
        (Reply::status(401), "status_401"),
        (Reply::status(404), "status_404"),
        (Reply::status(418), "status_4xx"),
        (Reply::status(503), "status_5xx"),
        (Reply::text(200, "<html>"), "unreadable"),
        (Reply::Reset, "connection"),
    ] {
        let provider = Mock::always(reply).await;
        let stage = setup(&provider).setting("RELAY_PROVIDER__RETRIES", "0").start().await;
        stage.observe(&[("domain", "a.example")]).await;
        let metrics = stage.metrics().await;
        let line =
            format!(r#"relay_provider_calls_total{{call="thing",outcome="{outcome}",relay="acme"}} 1"#);
        assert!(metrics.lines().any(|one| one == line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_are_an_authorization_error() {
    check(Reply::status(401), "authorization error", "Authorization failed: Acme Intelligence refused").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_the_provider_finds_wrong_is_an_invalid_argument() {
    check(Reply::status(400), "invalid argument", "status 400").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_call_is_permission_denied() {
    check(Reply::status(403), "permission denied", "status 403").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_rate_limit_is_too_many_requests() {
    check(Reply::status(429), "too many requests", "status 429").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_is_unknown() {
    for status in [418, 500, 501, 599] {
        check(Reply::status(status), "unknown", &format!("status {status}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_is_unavailable() {
    for status in [502, 503, 504] {
        check(Reply::status(status), "unavailable", &format!("status {status}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let elsewhere = Mock::always(thing(true, &["from-elsewhere"])).await;
    let redirect = Reply::status(302).with_header("Location", format!("{}/things/domain/x", elsewhere.url));
    check(redirect, "unknown", "status 302").await;
    assert_eq!(elsewhere.connections(), 0, "the call, or its credentials, went to another host");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_json_is_a_key_error() {
    for body in ["<html>sorry</html>", "", "{\"malicious\": tr", "{} {}"] {
        check(
            Reply::text(200, body),
            "key error",
            "Acme Intelligence sent what cannot be read: its answer is not",
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_another_type_is_a_key_error() {
    for body in [json!("text"), json!(7), json!(null), json!({"malicious": "yes", "seen": []})] {
        check(Reply::json(&body), "key error", "not of the expected form").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_a_needed_field_is_a_key_error_that_names_it() {
    check(Reply::json(&json!({"seen": []})), "key error", "missing field `malicious`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_known_is_neither_data_nor_error() {
    let provider = Mock::always(Reply::status(404)).await;
    assert_eq!(observed(setup(&provider)).await, json!({"data": {}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_connection_is_a_connection_error() {
    let address = closed_port().await;
    let answer = observed(setup_at(&format!("http://{address}"))).await;
    let message = only_error(&answer, "fatal", "connection error");
    assert!(message.contains("127.0.0.1 cannot be reached") && message.contains("refused"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_host_is_a_connection_error() {
    // RFC 6761: no name below `invalid` exists.
    let answer = observed(setup_at("http://no-such-host.invalid")).await;
    let message = only_error(&answer, "fatal", "connection error");
    assert!(message.contains("no-such-host.invalid cannot be reached"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_connection_is_a_connection_error() {
    check(Reply::Reset, "connection error", "No connection to Acme Intelligence").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_is_a_connection_error() {
    for header in ["Content-Type: application/json", "Content-Encoding: gzip"] {
        check(Reply::Broken(header), "connection error", "broke the connection").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_about_a_broken_call_does_not_repeat_its_address() {
    let provider = Mock::always(Reply::Reset).await;
    let stage = setup(&provider).setting("RELAY_PROVIDER__RETRIES", "0").start().await;
    let answer = stage.observe(&[("domain", "hidden.example")]).await;
    let message = only_error(&answer, "fatal", "connection error");
    assert!(!message.contains("hidden.example") && !message.contains("/things"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_an_answer_is_a_timeout() {
    let provider = Mock::silent().await;
    let answer = observed(setup(&provider).setting("RELAY_PROVIDER__READ_TIMEOUT", "100ms")).await;
    let message = only_error(&answer, "fatal", "timeout");
    assert_eq!(message, "Acme Intelligence gave no answer within 100ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_keeps_what_was_found_and_counts_what_was_not() {
    let provider = Mock::start(|call| async move {
        match call.last_segment() {
            "slow-1.example" | "slow-2.example" => pending().await,
            _ => thing(true, &["a"]),
        }
    })
    .await;
    let stage = setup(&provider).setting("RELAY_DEADLINE", "500ms").start().await;
    know_the_keys(&stage).await;
    let asked = ["a.example", "slow-1.example", "b.example", "slow-2.example"].map(|name| ("domain", name));
    let answer = stage.observe(&asked).await;
    let message = only_error(&answer, "fatal", "timeout");
    assert!(message.contains("2 of 4 lookups did not finish"), "{message}");
    assert!(message.contains("slow-1.example") && message.contains("slow-2.example"), "{message}");
    assert_eq!(docs(&answer, "verdicts").len(), 2);
    assert_eq!(docs(&answer, "sightings").len(), 2);
    // The calls that took longest must not be missing in the metrics.
    let metrics = stage.metrics().await;
    let line = r#"relay_provider_calls_total{call="thing",outcome="deadline",relay="acme"} 2"#;
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lookups_that_never_began_are_counted_at_the_deadline_too() {
    let provider = Mock::silent().await;
    let stage = setup(&provider)
        .setting("RELAY_DEADLINE", "300ms")
        .setting("RELAY_PROVIDER__MAX_CONCURRENCY", "1")
        .start()
        .await;
    know_the_keys(&stage).await;
    let answer =
        stage.observe(&[("domain", "a.example"), ("domain", "b.example"), ("domain", "c.example")]).await;
    let message = only_error(&answer, "fatal", "timeout");
    assert!(message.contains("3 of 3 lookups did not finish"), "{message}");
    assert_eq!(provider.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_a_request_spans_all_its_tries() {
    let provider = Mock::always(Reply::status(503)).await;
    let stage = setup(&provider)
        .setting("RELAY_DEADLINE", "1s")
        .setting("RELAY_PROVIDER__RETRIES", "10")
        .start()
        .await;
    know_the_keys(&stage).await;
    let started = std::time::Instant::now();
    let answer = stage.observe(&[("domain", "a.example")]).await;
    // Ten pauses would take minutes. One that does not fit is not begun, so the provider's own failure is reported.
    only_error(&answer, "fatal", "unavailable");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
