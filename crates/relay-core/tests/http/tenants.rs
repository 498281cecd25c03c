//! Tenants that use one relay at the same time: nothing of one reaches the other.

use std::future::pending;
use std::time::{Duration, Instant};

use futures::future::{join, join_all};
use relay_testkit::{Stage, asked, docs, errors, eventually};
use serde_json::{Value, json};

use crate::acme::{BUSY, setup, thing};
use crate::mock::{Mock, Reply};
use crate::only_error;

/// The ids of the sightings in an answer.
fn seen(answer: &Value) -> Vec<&str> {
    docs(answer, "sightings").iter().filter_map(|sighting| sighting["external_ids"][0].as_str()).collect()
}

async fn observe_as(stage: &Stage, token: &str, name: &str) -> Value {
    stage.ask("/observe/observables", Some(token), &asked(&[("domain", name)])).await
}

/// A provider that tells each tenant ten sightings of its own.
async fn by_credential() -> Mock {
    Mock::start(|call| async move {
        let ids: Vec<String> = (0..10)
            .map(|number| format!("{} of {} {number}", call.last_segment(), call.header("x-acme-key")))
            .collect();
        thing(true, &ids.iter().map(String::as_str).collect::<Vec<_>>())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn large_requests_at_work_keep_no_small_one_waiting() {
    let provider = Mock::always(thing(true, &[])).await;
    let stage = setup(&provider).start().await;
    let names: Vec<String> = (0..200).map(|number| format!("{number}.example")).collect();
    let large: Vec<_> =
        names.iter().map(|name| ("domain", name.as_str())).chain([("domain", "busy")]).collect();
    let tokens: Vec<_> =
        (0..16).map(|number| stage.token_with(&json!({"key": format!("key-{number}")}))).collect();
    let body = asked(&large);
    let all = join_all(tokens.iter().map(|token| stage.ask("/observe/observables", Some(token), &body)));
    let small = async {
        eventually("a large request is at work", async || BUSY.has_begun()).await;
        let begun = Instant::now();
        let answer = stage.observe(&[("domain", "small.example")]).await;
        let took = begun.elapsed();
        BUSY.end();
        assert_eq!(docs(&answer, "verdicts").len(), 1);
        assert!(took < Duration::from_secs(15), "it waited for the large ones: {took:?}");
    };
    let (answers, ()) = join(all, small).await;
    for answer in answers {
        assert_eq!((docs(&answer, "verdicts").len(), errors(&answer)), (201, vec![]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_of_two_tenants_never_mix() {
    let provider = by_credential().await;
    // Room for all of them at once: half of them are of one tenant.
    let stage = setup(&provider).setting("RELAY_MAX_REQUESTS", "4000").start().await;
    let tenants: Vec<(&str, usize, String)> = [("key-one", 3), ("key-two", 7)]
        .map(|(key, limit)| (key, limit, stage.token_with(&json!({"key": key, "CTR_ENTITIES_LIMIT": limit}))))
        .into();
    join_all((0..1000).map(|number| {
        let ((key, limit, token), stage) = (&tenants[number % 2], &stage);
        async move {
            // Both ask for the same things, so that a shared answer would show.
            let name = format!("{}.example", number / 2 % 50);
            // Without the check against CTIM, which takes longer than the request.
            let body = asked(&[("domain", &name)]).to_string();
            let answer: Value =
                stage.raw("/observe/observables", Some(token), body).await.json().await.expect("JSON");
            let expected: Vec<String> = (0..*limit).map(|id| format!("{name} of {key} {id}")).collect();
            assert_eq!(seen(&answer), expected, "request {number} of {key}");
            assert_eq!(errors(&answer), []);
        }
    }))
    .await;
    assert_eq!(provider.count(), 100, "each tenant's fifty things are asked for once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_answer_serves_its_tenant_only() {
    let provider = by_credential().await;
    let stage = setup(&provider).start().await;
    let other = stage.token_with(&json!({"key": "key-two"}));
    for _ in 0..2 {
        assert_eq!(seen(&observe_as(&stage, &stage.token(), "a.example").await)[0], "a.example of key-one 0");
        assert_eq!(seen(&observe_as(&stage, &other, "a.example").await)[0], "a.example of key-two 0");
    }
    let keys: Vec<String> =
        provider.calls().iter().map(|call| call.header("x-acme-key").to_owned()).collect();
    assert_eq!(keys, ["key-one", "key-two"]);
    // A limit is no part of the call: the kept answer serves, cut anew.
    let token = stage.token_with(&json!({"CTR_ENTITIES_LIMIT": "2"}));
    assert_eq!(seen(&observe_as(&stage, &token, "a.example").await).len(), 2);
    assert_eq!(provider.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_cache_every_request_asks_again() {
    let provider = by_credential().await;
    let stage = setup(&provider).setting("RELAY_CACHE__TTL", "0s").start().await;
    for number in 1..=3 {
        assert_eq!(seen(&observe_as(&stage, &stage.token(), "a.example").await).len(), 10);
        assert_eq!(provider.count(), number);
    }
}

/// Waits until this many calls were not answered from memory.
async fn until_misses(stage: &Stage, count: usize) {
    let line = format!(r#"relay_cache_lookups_total{{outcome="miss",relay="acme"}} {count}"#);
    stage.until_metrics(&line).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_calls_at_the_same_time_share_one() {
    for ttl in ["60s", "0s"] {
        let (provider, gate) = Mock::gated(thing(true, &["a"])).await;
        let stage = setup(&provider).setting("RELAY_CACHE__TTL", ttl).start().await;
        let token = stage.token();
        let requests = join_all((0..20).map(|_| observe_as(&stage, &token, "a.example")));
        let (answers, ()) = tokio::join!(requests, async {
            until_misses(&stage, 20).await;
            gate.add_permits(100);
        });
        for answer in answers {
            assert_eq!(seen(&answer), ["a"]);
        }
        assert_eq!(provider.count(), 1, "with a TTL of {ttl}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_not_kept() {
    let provider =
        Mock::in_turn([Reply::status(500), Reply::text(200, "not json"), thing(true, &["a"])]).await;
    let stage = setup(&provider).start().await;
    only_error(&observe_as(&stage, &stage.token(), "a.example").await, "fatal", "unknown");
    let second = observe_as(&stage, &stage.token(), "a.example").await;
    only_error(&second, "fatal", "key error");
    let third = observe_as(&stage, &stage.token(), "a.example").await;
    assert_eq!(seen(&third), ["a"], "an answer that nobody can read was kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_does_not_end_a_call_that_others_wait_for() {
    let (provider, gate) = Mock::gated(thing(true, &["a"])).await;
    let stage = setup(&provider).start().await;
    let token = stage.token();
    let hasty = {
        let request = stage.http.post(format!("{}/observe/observables", stage.relay.url)).bearer_auth(&token);
        tokio::spawn(request.body(asked(&[("domain", "a.example")]).to_string()).send())
    };
    provider.until_in_flight(1).await;
    let patient = observe_as(&stage, &token, "a.example");
    let (answer, ()) = tokio::join!(patient, async {
        until_misses(&stage, 2).await;
        hasty.abort();
        provider.until_abandoned(1).await;
        gate.add_permits(10);
    });
    assert_eq!(seen(&answer), ["a"], "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_of_one_request_does_not_fail_another_that_shares_its_call() {
    // The first call is never answered; the one that is made when the first request gives up is.
    let provider = Mock::start(|call| async move {
        match (call.number, call.last_segment()) {
            (1, _) => pending().await,
            (_, "pace.example") => tokio::time::sleep(Duration::from_millis(500)).await,
            _ => {}
        }
        thing(true, &["a"])
    })
    .await;
    let stage = setup(&provider).setting("RELAY_DEADLINE", "1s").start().await;
    let token = stage.token();
    let hasty = observe_as(&stage, &token, "a.example");
    let (first, second) = tokio::join!(hasty, async {
        provider.until_in_flight(1).await;
        // Time passes, so that this request's deadline is later than the first one's.
        stage.observe(&[("domain", "pace.example")]).await;
        observe_as(&stage, &token, "a.example").await
    });
    only_error(&first, "fatal", "timeout");
    assert_eq!(seen(&second), ["a"], "{second}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_ends_one_request_does_not_end_another() {
    let provider = Mock::start(|call| async move {
        match call.last_segment() {
            "used-up.example" => Reply::status(402),
            name => thing(true, &[name]),
        }
    })
    .await;
    let stage = setup(&provider).setting("RELAY_PROVIDER__MAX_CONCURRENCY", "1").start().await;
    let token = stage.token();
    let stopped = asked(&[("domain", "used-up.example"), ("domain", "a.example")]);
    let requests = (0..40).map(|number| {
        let (stage, token, stopped) = (&stage, &token, &stopped);
        async move {
            if number % 2 == 0 {
                let answer = stage.ask("/observe/observables", Some(token), stopped).await;
                only_error(&answer, "fatal", "too many requests");
            } else {
                let answer = observe_as(stage, token, "a.example").await;
                assert_eq!(seen(&answer), ["a.example"], "{answer}");
            }
        }
    });
    join_all(requests).await;
}
