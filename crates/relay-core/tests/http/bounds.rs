//! What a request may cost: its observables, their length, its entities, its time; and how many are answered at once.

use std::time::Duration;

use relay_testkit::{Stage, asked, docs, errors};
use serde_json::{Value, json};

use crate::acme::{setup, thing};
use crate::mock::{Mock, Reply};
use crate::{messages, only_error};

fn domains(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number}.example")).collect()
}

fn typed(names: &[String]) -> Vec<(&str, &str)> {
    names.iter().map(|name| ("domain", name.as_str())).collect()
}

/// How often a bound was hit. Its counter is there from the start.
async fn hits(stage: &Stage, bound: &str) -> u64 {
    let begin = format!(r#"relay_bounds_hit_total{{bound="{bound}",relay="acme"}} "#);
    let metrics = stage.metrics().await;
    let line = metrics.lines().find_map(|line| line.strip_prefix(&begin));
    line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no counter of {bound}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_observables_are_looked_up_and_the_others_are_counted() {
    let provider = Mock::start(|call| async move {
        if call.target.starts_with("/actions") { Reply::json(&json!(["isolate"])) } else { thing(true, &[]) }
    })
    .await;
    let stage = setup(&provider).setting("RELAY_MAX_OBSERVABLES", "3").start().await;
    assert_eq!(hits(&stage, "observables").await, 0);
    let names = domains(5);
    let mut body = vec![("sha1", "not looked up"), ("domain", "0.example")];
    body.extend(typed(&names));
    for (path, entries) in [
        ("/observe/observables", "/verdicts/docs"),
        ("/deliberate/observables", "/verdicts/docs"),
        ("/respond/observables", ""),
        ("/refer/observables", ""),
    ] {
        let before = provider.count();
        let answer = stage.ask(path, Some(&stage.token()), &asked(&body)).await;
        let found = answer["data"].pointer(entries).and_then(Value::as_array).map(Vec::len);
        assert_eq!(found, Some(3), "{path}: {answer}");
        assert_eq!(
            only_error(&answer, "warning", "unprocessed records"),
            "Only the first 3 observables were looked up (RELAY_MAX_OBSERVABLES), 2 were not; ask for fewer at once"
        );
        assert!(provider.count() - before <= 3, "{path}");
    }
    assert_eq!(hits(&stage, "observables").await, 4);
    let answer = stage.observe(&body[..5]).await;
    assert_eq!(errors(&answer), [], "three different ones are not too many");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_longer_than_any_of_its_type_is_skipped_without_a_call() {
    let provider = Mock::always(thing(true, &[])).await;
    let stage = setup(&provider).start().await;
    let (longest, too_long, megabyte) = ("x".repeat(4096), "x".repeat(4097), "x".repeat(1_000_000));
    for value in [&too_long, &megabyte] {
        assert_eq!(stage.observe(&[("domain", value)]).await, json!({"data": {}}));
        assert_eq!(stage.refer(&[("domain", value)]).await, json!({"data": []}));
        assert_eq!(stage.respond(&[("domain", value)]).await, json!({"data": []}));
        let trigger = json!({"action-id": "x", "observable_type": "domain", "observable_value": value});
        assert_eq!(
            only_error(&stage.trigger(&trigger).await, "fatal", "invalid argument"),
            "Invalid JSON payload received. observable_value: must not be longer than 4096 bytes."
        );
    }
    assert_eq!(provider.count(), 0);
    assert_eq!(hits(&stage, "value_length").await, 6);
    let answer = stage.observe(&[("domain", &longest)]).await;
    assert_eq!(docs(&answer, "verdicts").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_too_many_entities_is_cut_fairly() {
    let provider = Mock::start(|call| async move {
        let ids: Vec<String> = (0..50).map(|number| number.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        thing(true, if call.last_segment() == "2.example" { &ids } else { &ids[..2] })
    })
    .await;
    let stage = setup(&provider).setting("RELAY_MAX_ENTITIES", "30").start().await;
    let names = domains(5);
    let answer = stage.observe(&typed(&names)).await;
    assert_eq!(docs(&answer, "verdicts").len(), 5);
    let of = |name: &str| {
        let about = |sighting: &&Value| sighting["observables"][0]["value"] == name;
        docs(&answer, "sightings").iter().filter(about).count()
    };
    assert_eq!(names.iter().map(|name| of(name)).collect::<Vec<_>>(), [2, 2, 17, 2, 2]);
    assert_eq!(
        only_error(&answer, "warning", "unprocessed records"),
        "The answer has the first 30 entities, shared among the observables (RELAY_MAX_ENTITIES), 33 were left out; \
         ask for fewer observables at once"
    );
    assert_eq!(hits(&stage, "entities").await, 1);
    let answer = stage.observe(&typed(&names[..2])).await;
    assert_eq!(errors(&answer), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_holds_no_more_of_its_answers_than_there_is_memory_for() {
    // Each answer counts five times its 20 kB.
    let provider = Mock::start(|_| async {
        Reply::json(&json!({"malicious": true, "seen": ["a"], "more": "x".repeat(20_000)}))
    })
    .await;
    let stage = setup(&provider)
        .setting("RELAY_ANSWER_MEMORY", "500000")
        .setting("RELAY_PROVIDER__MAX_CONCURRENCY", "1")
        .start()
        .await;
    // From the second request on, the answers come from the cache, and count all the same.
    for _ in 0..2 {
        let names = domains(12);
        let answer = stage.observe(&typed(&names)).await;
        assert_eq!(docs(&answer, "verdicts").len(), 4);
        let message = only_error(&answer, "error", "too large");
        assert!(message.contains("(RELAY_ANSWER_MEMORY)"), "{message}");
        assert!(message.contains(" 4.example") && !message.contains(" 3.example"), "{message}");
        // What one request held is free for the next.
        assert_eq!(docs(&stage.observe(&typed(&names[..4])).await, "verdicts").len(), 4);
    }
    assert_eq!(provider.count(), 4, "calls without memory for their answers");
    assert!(hits(&stage, "answer_memory").await >= 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_than_may_be_at_work_are_refused_at_once() {
    let (provider, gate) = Mock::gated(thing(true, &[])).await;
    let stage = setup(&provider).setting("RELAY_MAX_REQUESTS", "4").start().await;
    assert_eq!(hits(&stage, "requests").await, 0);
    let names = domains(4);
    let bodies: Vec<[(&str, &str); 1]> = names.iter().map(|name| [("domain", name.as_str())]).collect();
    let held = futures::future::join_all(bodies.iter().map(|body| stage.observe(body)));
    let rest = async {
        provider.until_in_flight(4).await;
        for path in ["/observe/observables", "/refer/observables", "/respond/observables"] {
            let response = stage.raw(path, Some(&stage.token()), "[]").await;
            assert_eq!(response.status(), 503, "{path}");
            assert_eq!(response.headers()["retry-after"], "1");
            let answer: Value = response.json().await.expect("JSON");
            let message = only_error(&answer, "fatal", "unavailable");
            assert!(message.contains("RELAY_MAX_REQUESTS"), "{message}");
        }
        // What watches the relay is answered all the same.
        for path in ["/version", "/watchdog", "/", "/openapi.json"] {
            let response = stage.http.get(format!("{}{path}", stage.relay.url)).send().await;
            assert_eq!(response.expect("an answer").status(), 200, "{path}");
        }
        let health = stage.health();
        let answered = async {
            provider.until_in_flight(5).await;
            gate.add_permits(100);
        };
        let (health, ()) = tokio::join!(health, answered);
        assert_eq!(health, json!({"data": {"status": "ok"}}));
    };
    let (answers, ()) = tokio::join!(held, rest);
    for answer in answers {
        assert_eq!(docs(&answer, "verdicts").len(), 1);
    }
    assert_eq!(hits(&stage, "requests").await, 3);
    assert_eq!(stage.observe(&[("domain", "b.example")]).await["data"]["verdicts"]["count"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_others_ask_a_tenant_has_a_quarter_of_the_places() {
    let (provider, gate) = Mock::gated(thing(true, &[])).await;
    let stage = setup(&provider).setting("RELAY_MAX_REQUESTS", "8").start().await;
    let other = stage.token_with(&json!({"key": "key-two"}));
    let names = domains(3);
    let ask = async |token: String, name: &str| {
        let response =
            stage.raw("/observe/observables", Some(&token), asked(&[("domain", name)]).to_string());
        let response = response.await;
        (response.status().as_u16(), response.json::<Value>().await.expect("JSON"))
    };
    let first = ask(other, "other.example");
    let held = async {
        provider.until_in_flight(1).await;
        let two = futures::future::join_all(names[..2].iter().map(|name| ask(stage.token(), name)));
        let third = async {
            provider.until_in_flight(3).await;
            let (status, answer) = ask(stage.token(), &names[2]).await;
            assert_eq!(status, 503);
            let message = only_error(&answer, "fatal", "unavailable");
            assert!(message.contains("while others wait"), "{message}");
            gate.add_permits(100);
        };
        tokio::join!(two, third).0
    };
    let (first, two) = tokio::join!(first, held);
    assert_eq!(first.0, 200);
    assert_eq!(two.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [200, 200]);
    assert_eq!(hits(&stage, "tenant_requests").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_reported_before_anything_is_read_of_the_body() {
    let stage = setup(&Mock::silent().await).start().await;
    let body = format!("[{}", r#"{"type":"domain","value":"a.example"},"#.repeat(20_000));
    let answer: Value =
        stage.raw("/observe/observables", Some("no.token"), body).await.json().await.expect("JSON");
    only_error(&answer, "fatal", "authorization error");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_ends_soon_after_its_deadline_whatever_the_provider_does() {
    let provider = Mock::start(|call| async move {
        match call.last_segment() {
            "0.example" => thing(true, &["a"]),
            _ => std::future::pending().await,
        }
    })
    .await;
    let stage = setup(&provider).setting("RELAY_DEADLINE", "1s").start().await;
    let names = domains(900);
    // Generous: what matters is that the request does not wait for its 899 lookups one after another.
    let answer = tokio::time::timeout(Duration::from_secs(20), stage.observe(&typed(&names))).await;
    let answer = answer.expect("an answer soon after the deadline");
    assert_eq!(docs(&answer, "verdicts").len(), 1);
    let message = messages(&answer).join(" ");
    assert!(message.contains("899 of 900 lookups did not finish"), "{message}");
}
