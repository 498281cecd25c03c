//! When a call is made again, and when never.

use std::time::{Duration, Instant, SystemTime};

use relay_testkit::{docs, errors};
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
        let answer = setup(&provider)
            .setting("RELAY_PROVIDER__RETRIES", setting)
            .start()
            .await
            .observe(&[("domain", "a.example")])
            .await;
        assert_eq!(errors(&answer), [("fatal", "unavailable")]);
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
