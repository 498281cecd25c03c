//! Answers of the provider: how they are packed, how large they may be, and how much memory all of them take.

use async_compression::Level;
use async_compression::tokio::write::{BrotliEncoder, GzipEncoder};
use relay_testkit::{asked, docs, errors, eventually};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::acme::{setup, thing};
use crate::mock::{Mock, Reply};
use crate::only_error;

/// The same answer, packed.
async fn packed(reply: Reply, encoding: &str) -> Reply {
    let Reply::Answer { status, headers, body } = reply else { panic!("an answer") };
    let body = match encoding {
        "gzip" => {
            let mut encoder = GzipEncoder::new(Vec::new());
            encoder.write_all(&body).await.expect("memory");
            encoder.shutdown().await.expect("memory");
            encoder.into_inner()
        }
        "br" => {
            let mut encoder = BrotliEncoder::with_quality(Vec::new(), Level::Fastest);
            encoder.write_all(&body).await.expect("memory");
            encoder.shutdown().await.expect("memory");
            encoder.into_inner()
        }
        _ => body,
    };
    Reply::Answer { status, headers, body }.with_header("Content-Encoding", encoding)
}

/// An answer of about this many bytes.
fn large(bytes: usize) -> Reply {
    Reply::json(&json!({"malicious": true, "seen": [], "padding": "x".repeat(bytes)}))
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number}.example")).collect()
}

fn domains(names: &[String]) -> Vec<(&'static str, &str)> {
    names.iter().map(|name| ("domain", name.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_may_be_packed() {
    for encoding in ["gzip", "br", "identity"] {
        let provider = Mock::always(packed(large(100_000), encoding).await).await;
        let answer = setup(&provider).start().await.observe(&[("domain", "a.example")]).await;
        assert_eq!(docs(&answer, "verdicts").len(), 1, "{encoding}: {answer}");
        assert_eq!(provider.calls()[0].header("accept-encoding"), "gzip, br");
    }
    // Two parts that were packed one after the other, and nothing at all, which needs no packing.
    let (one, two) = (Reply::text(200, r#"{"malicious": true, "#), Reply::text(200, r#""seen": []}"#));
    let (one, two) = (packed(one, "gzip").await, packed(two, "gzip").await);
    let (Reply::Answer { body: one, .. }, Reply::Answer { body: two, headers, .. }) = (one, two) else {
        panic!("answers")
    };
    let provider = Mock::always(Reply::Answer { status: 200, headers, body: [one, two].concat() }).await;
    let answer = setup(&provider).start().await.observe(&[("domain", "a.example")]).await;
    assert_eq!(docs(&answer, "verdicts").len(), 1, "{answer}");
    let provider = Mock::always(Reply::text(403, "").with_header("Content-Encoding", "gzip")).await;
    let answer = setup(&provider).start().await.observe(&[("domain", "a.example")]).await;
    assert!(only_error(&answer, "fatal", "permission denied").contains("status 403"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_encoded_as_it_says_is_a_key_error() {
    let plain = || thing(true, &[]);
    let Reply::Answer { body, headers, status } = packed(large(10_000), "br").await else {
        panic!("an answer")
    };
    let cut = Reply::Answer { status, headers, body: body[..body.len() / 2].to_vec() };
    for reply in [
        plain().with_header("Content-Encoding", "gzip"),
        plain().with_header("Content-Encoding", "br"),
        plain().with_header("Content-Encoding", "zstd"),
        // What begins like this may ask for a gigabyte.
        Reply::text(200, "\u{11}\u{1e}xxxxxxxx").with_header("Content-Encoding", "br"),
        cut,
    ] {
        let provider = Mock::always(reply.clone()).await;
        let answer = setup(&provider).start().await.observe(&[("domain", "a.example")]).await;
        let message = only_error(&answer, "fatal", "key error");
        assert!(message.contains("not encoded as it says"), "{reply:?}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_larger_than_allowed_is_not_read_to_its_end() {
    for encoding in ["identity", "gzip", "br"] {
        let provider = Mock::always(packed(large(4096), encoding).await).await;
        let stage = setup(&provider).setting("RELAY_PROVIDER__MAX_ANSWER", "2048").start().await;
        let answer = stage.observe(&[("domain", "a.example")]).await;
        let message = only_error(&answer, "fatal", "too large");
        assert!(message.contains("larger than 2048 bytes (RELAY_PROVIDER__MAX_ANSWER)"), "{message}");
        assert_eq!(provider.count(), 1, "it would be as large again");
        let hit = r#"relay_bounds_hit_total{bound="answer_size",relay="acme"} 1"#;
        assert!(stage.metrics().await.contains(hit));
    }
    // As large as allowed, to the byte.
    for encoding in ["identity", "gzip", "br"] {
        let padded = format!(r#"{{"malicious": true, "seen": []{}}}"#, " ".repeat(2048 - 31));
        let length = padded.len();
        let provider = Mock::always(packed(Reply::text(200, &padded), encoding).await).await;
        let stage = setup(&provider).setting("RELAY_PROVIDER__MAX_ANSWER", "2048").start().await;
        let answer = stage.observe(&[("domain", "a.example")]).await;
        assert_eq!((length, docs(&answer, "verdicts").len()), (2048, 1), "{encoding}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_listing_may_be_twice_as_large() {
    for (bytes, expected) in [(1500, vec![]), (3000, vec![]), (5000, vec![("fatal", "too large")])] {
        let provider = Mock::always(Reply::json(&json!(["x".repeat(bytes)]))).await;
        let stage = setup(&provider).setting("RELAY_PROVIDER__MAX_ANSWER", "2048").start().await;
        let answer = stage.respond(&[("ip", "1.1.1.1")]).await;
        assert_eq!(errors(&answer), expected, "{bytes} bytes: {answer}");
        if let Some(message) = answer["errors"][0]["message"].as_str() {
            assert!(
                message.contains("larger than 4096 bytes (twice RELAY_PROVIDER__MAX_ANSWER)"),
                "{message}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_beginning_of_a_large_refusal_is_enough() {
    let words = format!("no {}", "x".repeat(200_000));
    for encoding in ["identity", "gzip", "br"] {
        let provider = Mock::always(packed(Reply::text(403, &words), encoding).await).await;
        let answer = setup(&provider).start().await.observe(&[("domain", "a.example")]).await;
        let message = only_error(&answer, "fatal", "permission denied");
        assert!(message.contains("no xxxx"), "{encoding}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_take_no_more_memory_than_there_is() {
    for encoding in ["gzip", "br"] {
        let bomb = packed(large(3 << 20), encoding).await;
        let provider = Mock::start(move |call| {
            let small = call.last_segment() == "small.example";
            std::future::ready(if small { thing(true, &[]) } else { bomb.clone() })
        })
        .await;
        let stage = setup(&provider).setting("RELAY_ANSWER_MEMORY", "1048576").start().await;
        let names = numbered(16);
        let answer = stage.observe(&domains(&names)).await;
        // Each is larger than all the memory there is.
        only_error(&answer, "fatal", "too large");
        assert_eq!(provider.count(), 16);
        // All of it is free again.
        let answer = stage.observe(&[("domain", "small.example")]).await;
        assert_eq!(docs(&answer, "verdicts").len(), 1, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_memory_for_its_answer_waits_for_it() {
    let (provider, gate) = Mock::gated(thing(true, &[])).await;
    // For two answers at a time.
    let stage = setup(&provider).setting("RELAY_ANSWER_MEMORY", "65536").start().await;
    let names = numbered(5);
    let names = domains(&names);
    let (answer, ()) = tokio::join!(stage.observe(&names), async {
        provider.until_in_flight(2).await;
        gate.add_permits(100);
    });
    assert_eq!(docs(&answer, "verdicts").len(), 5, "{answer}");
    assert_eq!(provider.peak_of("key-one"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_outgrows_its_share_ends_while_others_need_the_memory() {
    let (provider, gate) = Mock::gated(large(50_000)).await;
    let stage = setup(&provider).setting("RELAY_ANSWER_MEMORY", "327680").start().await;
    let (answer, ()) =
        tokio::join!(stage.observe(&[("domain", "a.example"), ("domain", "b.example")]), async {
            provider.until_in_flight(2).await;
            gate.add_permits(100);
        });
    // The first one that grows ends; then there is room for the other.
    let message = only_error(&answer, "fatal", "too large");
    assert!(
        message.contains("larger than its share of the memory for answers (RELAY_ANSWER_MEMORY)"),
        "{message}"
    );
    assert_eq!(docs(&answer, "verdicts").len(), 1, "{answer}");
    // What the first request held is free again.
    let answer = stage.observe(&[("domain", "c.example")]).await;
    assert_eq!(docs(&answer, "verdicts").len(), 1, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_not_blamed_for_an_answer_that_waits_for_memory() {
    let provider = Mock::start(|call| async move {
        match call.last_segment() {
            "busy.example" => Reply::status(503).with_header("Retry-After", "15"),
            "other.example" => large(94_000),
            _ => large(65_000),
        }
    })
    .await;
    let stage = setup(&provider)
        .setting("RELAY_ANSWER_MEMORY", "1048576")
        .setting("RELAY_PROVIDER__MAX_CONCURRENCY", "1")
        .setting("RELAY_PROVIDER__READ_TIMEOUT", "1s")
        .start()
        .await;
    // It holds two answers while it waits to ask once more.
    let holding =
        stage.observe(&[("domain", "a.example"), ("domain", "b.example"), ("domain", "busy.example")]);
    let other = stage.token_with(&json!({"key": "key-two"}));
    let waiting = async {
        eventually("the host is busy", async || provider.count() == 3).await;
        stage.ask("/observe/observables", Some(&other), &asked(&[("domain", "other.example")])).await
    };
    let answer = tokio::select! {
        answer = waiting => answer,
        answer = holding => panic!("it should still wait: {answer}"),
    };
    let message = only_error(&answer, "fatal", "too large");
    assert!(message.contains("which others wait for; try again later"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cache_keeps_leaves_the_memory_to_others() {
    let provider = Mock::always(large(40_000)).await;
    let stage = setup(&provider).setting("RELAY_ANSWER_MEMORY", "327680").start().await;
    for round in 0..2 {
        for name in numbered(5) {
            let answer = stage.observe(&[("domain", &name)]).await;
            assert_eq!(docs(&answer, "verdicts").len(), 1, "{round} {name}: {answer}");
        }
    }
    assert_eq!(provider.count(), 5, "the second round is answered by the cache");
}
