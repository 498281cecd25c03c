//! When a call is made again, and when never.

use std::time::{Duration, Instant, SystemTime};

use relay_testkit::{docs, errors, eventually};
use serde_json::json;

use crate::acme::{setup, setup_at, thing};
use crate::mock::{Mock, Reply, closed_port};
use crate::only_error;

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_by_itself_is_tried_again() {
    for failure in
        [Reply::status(429), Reply::status(502), Reply::status(503), Reply::status(504), Reply::Reset]
    {
        let provider = Mock::in_turn([failure.clone(), thing(true, &["a"])]).await;
        let stage = setup(&provider).start().await;
        let answer = stage.observe(&[("domain", "a.example")]).await;
        assert_eq!(docs(&answer, "verdicts").len(), 1, "{failure:?}: {answer}");
        assert_eq!(provider.count(), 2);
        let retries = r#"relay_provider_retries_total{call="thing",relay="acme"} 1"#;
        assert!(stage.metrics().await.contains(retries));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_is_not_tried_again() {
    for status in [400, 401, 403, 404, 500, 501] {
        let provider = Mock::always(Reply::status(status)).await;
        setup(&provider).start().await.observe(&[("domain", "a.example")]).await;
        assert_eq!(provider.count(), 1, "status {status}");
    }
    for body in ["not json", "[]"] {
        let provider = Mock::always(Reply::text(200, body)).await;
        setup(&provider).start().await.observe(&[("domain", "a.example")]).await;
        assert_eq!(provider.count(), 1, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_end_with_the_number_that_is_set() {
    for (setting, tries) in [("0", 1), ("1", 2), ("", 3)] {
        let provider = Mock::always(Reply::status(503).with_header("Retry-After", "0")).await;
        let stage = setup(&provider).setting("RELAY_PROVIDER__RETRIES", setting).start().await;
        let answer = stage.observe(&[("domain", "a.example")]).await;
        assert_eq!(errors(&answer), [("fatal", "unavailable")]);
        let within_budget = r#"relay_bounds_hit_total{bound="retry_budget",relay="acme"} 0"#;
        assert!(stage.metrics().await.contains(within_budget));
        assert_eq!(provider.count(), tries, "RELAY_PROVIDER__RETRIES={setting}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_the_provider_asks_for_is_kept() {
    let started = jiff::Timestamp::now();
    let date = httpdate::fmt_http_date(SystemTime::from(started) + Duration::from_secs(2));
    let until_date = jiff::Timestamp::from_second(started.as_second() + 2).expect("a time");
    for (wish, until) in [("0.3", started + Duration::from_millis(300)), (date.as_str(), until_date)] {
        let provider =
            Mock::in_turn([Reply::status(429).with_header("Retry-After", wish), thing(true, &[])]).await;
        let stage = setup(&provider).start().await;
        let answer = stage.observe(&[("domain", "a.example")]).await;
        assert_eq!(docs(&answer, "verdicts").len(), 1, "{answer}");
        assert!(jiff::Timestamp::now() >= until, "{wish} was not waited for");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_beyond_the_deadline_is_not_begun() {
    let date = httpdate::fmt_http_date(SystemTime::from(jiff::Timestamp::now()) + Duration::from_secs(3600));
    for wish in ["3600", "3172s", &date] {
        let provider = Mock::always(Reply::status(429).with_header("Retry-After", wish)).await;
        let stage = setup(&provider).start().await;
        let started = Instant::now();
        let answer = stage.observe(&[("domain", "a.example")]).await;
        only_error(&answer, "fatal", "too many requests");
        assert!(started.elapsed() < Duration::from_secs(10), "{wish}: {:?}", started.elapsed());
        assert_eq!(provider.count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_is_never_sent_twice() {
    let body = json!({"action-id": "isolate", "observable_type": "ip", "observable_value": "1.1.1.1"});
    let again = Reply::status(429).with_header("Retry-After", "0");
    for failure in
        [Reply::status(503), Reply::status(502), again, Reply::Reset, Reply::Broken("X-Broken: yes")]
    {
        let provider = Mock::in_turn([failure.clone(), Reply::json(&json!({}))]).await;
        let stage = setup(&provider).start().await;
        let answer = stage.trigger(&body).await;
        assert_eq!(answer["data"], json!({"status": "failure"}), "{failure:?}");
        assert_eq!(errors(&answer).len(), 1);
        assert_eq!(provider.count(), 1, "{failure:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_is_not_sent_twice_over_a_kept_connection() {
    // The connection that the offer left open is reset when the action has been read.
    let provider = Mock::start(|call| async move {
        match call.method.as_str() {
            "GET" => Reply::json(&json!(["isolate"])),
            _ => Reply::Reset,
        }
    })
    .await;
    let stage = setup(&provider).start().await;
    stage.respond(&[("ip", "1.1.1.1")]).await;
    let body = json!({"action-id": "isolate", "observable_type": "ip", "observable_value": "1.1.1.1"});
    let answer = stage.trigger(&body).await;
    assert_eq!(errors(&answer), [("fatal", "connection error")]);
    let posts = provider.calls().iter().filter(|call| call.method == "POST").count();
    assert_eq!((posts, provider.connections()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_connection_is_tried_again() {
    let address = closed_port().await;
    let stage = setup_at(&format!("http://{address}")).start().await;
    let answer = stage.observe(&[("domain", "a.example")]).await;
    only_error(&answer, "fatal", "connection error");
    let retries = r#"relay_provider_retries_total{call="thing",relay="acme"} 2"#;
    assert!(stage.metrics().await.contains(retries));
}

fn domains(names: &[String]) -> Vec<(&'static str, &str)> {
    names.iter().map(|name| ("domain", name.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_is_called_a_few_times_and_reported_once() {
    let names: Vec<String> = (0..200).map(|number| format!("{number}.example")).collect();
    let words = "Acme Intelligence is not available: status 503 (Service Unavailable); after 5 such failures in a \
                 row no call is made for 5 s";
    let provider = Mock::always(Reply::status(503)).await;
    let stage = setup(&provider).start().await;
    let answer = stage.observe(&domains(&names)).await;
    assert_eq!(only_error(&answer, "fatal", "unavailable"), words);
    // Those that were under way when the fifth failed, and no more.
    assert!(provider.count() <= 40, "{} calls for 200 lookups", provider.count());
    let metrics = stage.metrics().await;
    assert!(metrics.contains(r#"relay_breaker_opened_total{relay="acme"} 1"#), "{metrics}");
    assert!(!metrics.contains(r#"relay_bounds_hit_total{bound="breaker",relay="acme"} 0"#), "{metrics}");
    // Another tenant finds out for itself.
    let calls = provider.count();
    let other = stage.token_with(&json!({"key": "key-two"}));
    let answer = stage.ask("/health", Some(&other), &json!(null)).await;
    only_error(&answer, "fatal", "unavailable");
    assert!(provider.count() > calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_back_is_called_again() {
    let back = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let provider = Mock::start({
        let back = std::sync::Arc::clone(&back);
        move |_| {
            let up = back.load(std::sync::atomic::Ordering::SeqCst);
            std::future::ready(if up { thing(true, &[]) } else { Reply::status(502) })
        }
    })
    .await;
    let stage = setup(&provider).setting("RELAY_PROVIDER__RETRIES", "0").start().await;
    for _ in 0..6 {
        only_error(&stage.health().await, "fatal", "unavailable");
    }
    assert_eq!(provider.count(), 5, "the sixth fails without a call");
    back.store(true, std::sync::atomic::Ordering::SeqCst);
    eventually("the provider is called again", async || stage.health().await.get("errors").is_none()).await;
    assert_eq!(provider.count(), 6, "one call tries it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_in_trouble_is_not_called_twice_as_often() {
    // Every other call fails, so that it never looks as if it were down.
    let provider = Mock::start(|call| {
        std::future::ready(if call.number % 2 == 0 { Reply::status(503) } else { thing(true, &[]) })
    })
    .await;
    let names: Vec<String> = (0..100).map(|number| format!("{number}.example")).collect();
    let stage = setup(&provider).setting("RELAY_PROVIDER__RETRIES", "10").start().await;
    let started = Instant::now();
    let answer = stage.observe(&domains(&names)).await;
    let seconds = usize::try_from(started.elapsed().as_secs()).expect("a short time") + 1;
    only_error(&answer, "fatal", "unavailable");
    assert!(provider.count() <= 120 + 3 * seconds, "{} calls in {seconds} s", provider.count());
    let metrics = stage.metrics().await;
    assert!(!metrics.contains(r#"relay_bounds_hit_total{bound="retry_budget",relay="acme"} 0"#), "{metrics}");
}
