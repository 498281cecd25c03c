//! Many observables at once: order, bounds, duplicates, and failures that keep to themselves.

use std::sync::Arc;

use relay_testkit::{docs, errors};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::acme::{setup, thing};
use crate::mock::{Mock, Reply};
use crate::{messages, only_error};

fn domains(names: &[String]) -> Vec<(&'static str, &str)> {
    names.iter().map(|name| ("domain", name.as_str())).collect()
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number}.example")).collect()
}

/// The observables that the verdicts of an answer are about.
fn verdicts(answer: &Value) -> Vec<&str> {
    docs(answer, "verdicts").iter().filter_map(|verdict| verdict["observable"]["value"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn results_keep_the_order_of_the_request_though_answers_come_in_another() {
    let names = numbered(8);
    // Each call waits for the one after it: the last is answered first.
    let gates: Arc<Vec<Semaphore>> = Arc::new((0..=8).map(|_| Semaphore::new(0)).collect());
    gates[8].add_permits(1);
    let provider = Mock::start({
        let gates = Arc::clone(&gates);
        move |call| {
            let gates = Arc::clone(&gates);
            async move {
                let number: usize =
                    call.last_segment().split('.').next().and_then(|n| n.parse().ok()).expect("a number");
                gates[number + 1].acquire().await.expect("open").forget();
                gates[number].add_permits(1);
                thing(true, &[call.last_segment()])
            }
        }
    })
    .await;
    let stage = setup(&provider).start().await;
    let answer = stage.observe(&domains(&names)).await;
    assert_eq!(verdicts(&answer), names);
    let seen: Vec<&Value> = docs(&answer, "sightings").iter().map(|one| &one["external_ids"][0]).collect();
    assert_eq!(json!(seen), json!(names));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_at_a_time_goes_exactly_in_order() {
    let names = numbered(30);
    let provider = Mock::always(thing(true, &[])).await;
    let stage = setup(&provider).setting("RELAY_PROVIDER__MAX_CONCURRENCY", "1").start().await;
    stage.observe(&domains(&names)).await;
    let asked: Vec<String> = provider.calls().iter().map(|call| call.last_segment().to_owned()).collect();
    assert_eq!(asked, names);
    assert_eq!(provider.peak_of("key-one"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_never_has_more_calls_in_flight_than_allowed() {
    let (provider, gate) = Mock::gated(thing(true, &[])).await;
    let stage = setup(&provider).setting("RELAY_PROVIDER__MAX_CONCURRENCY", "3").start().await;
    // Several requests of one tenant share its places; another tenant has its own.
    let names = numbered(20);
    let (mine, more) = names.split_at(10);
    let other = stage.token_with(&json!({"key": "key-two"}));
    let body = relay_testkit::asked(&domains(mine));
    let (mine, more) = (domains(mine), domains(more));
    let answers = async {
        tokio::join!(
            stage.observe(&mine),
            stage.observe(&more),
            stage.ask("/observe/observables", Some(&other), &body),
        )
    };
    let opened = async {
        provider.until_in_flight(6).await;
        gate.add_permits(1000);
    };
    let ((one, two, three), ()) = tokio::join!(answers, opened);
    for answer in [one, two, three] {
        assert_eq!(docs(&answer, "verdicts").len(), 10);
    }
    assert_eq!((provider.peak_of("key-one"), provider.peak_of("key-two")), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_are_looked_up_once() {
    let provider = Mock::always(thing(true, &["a"])).await;
    // Without the cache, so that it cannot be what saves the calls.
    let stage = setup(&provider).setting("RELAY_CACHE__TTL", "0s").start().await;
    let asked =
        [("domain", "a.example"), ("ip", "1.1.1.1"), ("domain", "a.example"), ("domain", "A.example")];
    let answer = stage.observe(&asked).await;
    assert_eq!(verdicts(&answer), ["a.example", "1.1.1.1", "A.example"]);
    assert_eq!(provider.count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_lookup_never_takes_away_what_others_found() {
    let provider = Mock::start(|call| async move {
        match call.last_segment() {
            "1.example" => Reply::status(500),
            "2.example" => Reply::Reset,
            "3.example" => Reply::text(200, "not json"),
            "4.example" => Reply::status(404),
            name => thing(true, &[name]),
        }
    })
    .await;
    let stage = setup(&provider).setting("RELAY_PROVIDER__RETRIES", "0").start().await;
    let answer = stage.observe(&domains(&numbered(6))).await;
    assert_eq!(verdicts(&answer), ["0.example", "5.example"]);
    assert_eq!(docs(&answer, "sightings").len(), 2);
    assert_eq!(
        errors(&answer),
        [("fatal", "unknown"), ("fatal", "connection error"), ("fatal", "key error")]
    );
    let concerned = messages(&answer);
    for (message, name) in concerned.iter().zip(["1.example", "2.example", "3.example"]) {
        assert!(message.ends_with(&format!("(concerns domain {name})")), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_errors_are_told_once_with_the_observables_concerned() {
    let provider = Mock::start(|call| async move {
        match call.last_segment() {
            "3.example" => thing(true, &[]),
            _ => Reply::status(403),
        }
    })
    .await;
    let stage = setup(&provider).start().await;
    let answer = stage.observe(&domains(&numbered(14))).await;
    let message = only_error(&answer, "fatal", "permission denied");
    assert!(
        message.contains("(concerns domain 0.example, domain 1.example, domain 2.example, domain 4"),
        "{message}"
    );
    assert!(message.ends_with(", domain 9.example, domain 10.example and 3 more)"), "{message}");
    // Where it concerns all of them, that need not be said.
    let answer = stage.observe(&[("domain", "1.example"), ("domain", "2.example")]).await;
    let message = only_error(&answer, "fatal", "permission denied");
    assert!(!message.contains("concerns"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_kind_of_call_is_made_no_more() {
    let provider = Mock::start(|call| async move {
        match call.last_segment() {
            "0.example" => thing(true, &[]),
            _ => Reply::status(402),
        }
    })
    .await;
    let stage = setup(&provider).setting("RELAY_PROVIDER__MAX_CONCURRENCY", "1").start().await;
    let answer = stage.observe(&domains(&numbered(10))).await;
    assert_eq!(provider.count(), 2, "calls went on after the quota was used up");
    assert_eq!(verdicts(&answer), ["0.example"]);
    let message = only_error(&answer, "fatal", "too many requests");
    assert!(message.starts_with("Acme's quota is used up. (concerns domain 1.example, "), "{message}");
    // The next request tries again.
    stage.observe(&[("domain", "10.example")]).await;
    assert_eq!(provider.count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_without_a_place_in_time_is_reported_at_once_and_is_no_timeout() {
    let provider = Mock::always(thing(true, &[])).await;
    let stage = setup(&provider).setting("RELAY_DEADLINE", "60s").start().await;
    let started = std::time::Instant::now();
    let answer = stage.observe(&[("user", "a"), ("user", "b"), ("user", "c"), ("ip", "1.1.1.1")]).await;
    assert!(
        started.elapsed().as_secs() < 20,
        "waited for a place that comes in an hour: {:?}",
        started.elapsed()
    );
    assert_eq!(verdicts(&answer).len(), 3);
    let message = only_error(&answer, "error", "too many requests");
    let quota =
        "Acme Intelligence sets a quota of 2 lookups of users an hour for the key, which this relay keeps";
    assert!(message.starts_with(quota), "{message}");
    assert!(message.contains("; there is room again in 3600 s (") && message.contains(" UTC)"), "{message}");
    assert!(message.ends_with(" (concerns user c)"), "{message}");
    assert_eq!(provider.count(), 3);
    // What is left out later is reported with it.
    let answer = stage.observe(&[("user", "d"), ("user", "e"), ("user", "a")]).await;
    let message = only_error(&answer, "error", "too many requests");
    assert!(message.ends_with(" (concerns user d, user e)"), "{message}");
    assert_eq!((verdicts(&answer), provider.count()), (vec!["a"], 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_actions_do_not_wait_for_lookups() {
    let gate = Arc::new(Semaphore::new(0));
    let provider = Mock::start({
        let gate = Arc::clone(&gate);
        move |call| {
            let gate = Arc::clone(&gate);
            async move {
                if call.target.starts_with("/things/") {
                    gate.acquire().await.expect("open").forget();
                }
                thing(true, &[])
            }
        }
    })
    .await;
    let stage = setup(&provider).setting("RELAY_PROVIDER__MAX_CONCURRENCY", "2").start().await;
    let names = numbered(6);
    let (names, more) = (domains(&names[..3]), domains(&names[3..]));
    let action = json!({"action-id": "x", "observable_type": "ip", "observable_value": "1"});
    let urgent = async {
        provider.until_in_flight(2).await;
        assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}));
        assert_eq!(stage.trigger(&action).await, json!({"data": {"status": "success"}}));
        gate.add_permits(100);
    };
    let (answer, other, ()) = tokio::join!(stage.observe(&names), stage.observe(&more), urgent);
    assert_eq!((verdicts(&answer).len(), verdicts(&other).len()), (3, 3));
    let waits = r#"relay_place_waits_total{call="thing",relay="acme"}"#;
    assert!(stage.metrics().await.contains(waits), "lookups beyond the first two waited");
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_values_stay_within_their_segment() {
    let provider = Mock::always(thing(true, &[])).await;
    let stage = setup(&provider).start().await;
    let long = "x".repeat(4000);
    let hostile = [
        "a/b",
        "a?b=c",
        "a#b",
        "%2e%2e",
        "%2f",
        "a b",
        "a\r\nHost: evil",
        "a\0b",
        "\"'`",
        "\\..\\",
        "@evil.example",
        "http://evil.example/",
        "\u{202e}txt.exe",
        "𝒳.example",
        "..;/",
        &long,
    ];
    let asked: Vec<(&str, &str)> = hostile.iter().map(|value| ("domain", *value)).collect();
    let answer = stage.observe(&asked).await;
    assert_eq!(verdicts(&answer), hostile, "{answer}");
    for call in provider.calls() {
        let value = call.target.strip_prefix("/things/domain/").expect("the path of the call");
        assert!(!value.contains(['/', '?', '#', ' ']) && value.is_ascii(), "{value}");
        let decoded = percent_encoding::percent_decode_str(value).decode_utf8().expect("UTF-8").into_owned();
        assert!(hostile.contains(&decoded.as_str()), "{decoded} was never asked for");
    }
    let calls = provider.count();
    assert_eq!(stage.observe(&[("domain", "."), ("domain", "..")]).await, json!({"data": {}}));
    assert_eq!(provider.count(), calls, "a segment that URL libraries drop was sent");
}
