//! The platform's key set: from allowed hosts only, within bounds, fetched once.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use provider_sim::{Answer, Fault, What};
use relay_testkit::Stage;
use serde_json::json;
use tokio::sync::Notify;

use crate::acme::{setup, thing};
use crate::mock::{Mock, Reply};
use crate::only_error;

async fn stage() -> Stage {
    setup(&Mock::always(thing(true, &[])).await).start().await
}

/// What the relay says to a token; empty where it takes it.
async fn reported(stage: &Stage, token: &str) -> String {
    let answer = stage.ask("/observe/observables", Some(token), &json!([])).await;
    if answer == json!({"data": {}}) {
        return String::new();
    }
    only_error(&answer, "fatal", "authorization error").to_owned()
}

/// What the relay says where the key set comes with a fault.
async fn reported_at(fault: Fault) -> String {
    let stage = stage().await;
    stage.sim.faults().add(fault.on("jwks"));
    let message = reported(&stage, &stage.token()).await;
    message
        .strip_prefix(&format!("Authorization failed: the keys of {} cannot be read: ", stage.sim.host()))
        .unwrap_or_else(|| panic!("{message}"))
        .to_owned()
}

fn host_of(mock: &Mock) -> String {
    mock.url.trim_start_matches("http://").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_fetched_from_a_host_that_is_not_allowed() {
    let stage = stage().await;
    let evil = Mock::always(Reply::json(&stage.sim.keys().jwks())).await;
    let host = host_of(&evil);
    let allowed = stage.sim.host();
    for named in [
        host.clone(),
        evil.url.clone(),
        format!("{allowed}@{host}"),
        format!("{host}#{allowed}"),
        format!("{host}/{allowed}"),
        format!("{allowed}.{host}"),
        format!("{allowed}/"),
        format!(" {allowed}"),
        stage.sim.url(),
    ] {
        let message = reported(&stage, &stage.token_with(&json!({"jwks_host": named}))).await;
        assert!(message.contains("the token's `jwks_host` is not allowed"), "{named}: {message}");
        assert!(message.contains("RELAY_AUTH__JWKS_HOSTS"), "{message}");
    }
    assert_eq!(evil.connections(), 0, "the host of an unverified token was called");
    assert_eq!(stage.sim.calls_to("jwks").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_set_that_redirects_is_not_followed() {
    let elsewhere = Mock::silent().await;
    let message = reported_at(Fault::new(What::Redirect(format!("{}/jwks", elsewhere.url)))).await;
    assert_eq!(message, "it answers with status 302");
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_set_of_ten_megabytes_is_not_read() {
    assert_eq!(reported_at(Fault::new(What::Huge(10 << 20))).await, "its answer is larger than 262144 bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_fails_or_answers_something_else_has_no_keys() {
    assert_eq!(reported_at(Fault::status(500)).await, "it answers with status 500");
    assert_eq!(reported_at(Fault::new(What::Html)).await, "its answer is not a key set");
    assert_eq!(reported_at(Fault::new(What::Truncated)).await, "its answer is not a key set");
    assert_eq!(reported_at(Fault::new(What::WrongType)).await, "its answer is not a key set");
    assert!(reported_at(Fault::new(What::Reset)).await.starts_with("127.0.0.1 broke the connection"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_odd_entry_of_a_key_set_does_not_spoil_the_others() {
    let stage = stage().await;
    let unknown = json!({"kty": "made-up", "kid": "x"});
    let elliptic = json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "y"});
    let set = json!({"keys": [unknown, null, 7, elliptic, {"kty": "RSA"}, stage.sim.keys().jwk()]});
    stage.sim.answer("jwks", Answer::get("/jwks").json(set));
    assert_eq!(reported(&stage, &stage.token()).await, "");
    // A symmetric key in the set must not make the caller's choice of HS256 count.
    let header = json!({"alg": "HS256", "kid": stage.sim.keys().kid()});
    let forged = stage.sim.keys().hs256_with(&header, b"secret", &stage.claims());
    assert!(reported(&stage, &forged).await.contains("HS256 tokens need a shared secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_requests_at_once_fetch_the_keys_once() {
    let stage = stage().await;
    stage.sim.faults().add(Fault::latency(Duration::from_millis(100)).on("jwks"));
    let token = stage.token();
    let answers = join_all((0..100).map(|_| reported(&stage, &token))).await;
    assert_eq!(answers, vec![String::new(); 100]);
    assert_eq!(stage.sim.calls_to("jwks").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_key_ids_do_not_make_the_relay_fetch_again_and_again() {
    let stage = stage().await;
    assert_eq!(reported(&stage, &stage.token()).await, "");
    for number in 0..20 {
        let header = json!({"alg": "RS256", "kid": format!("guess-{number}")});
        let message = reported(&stage, &stage.sim.keys().sign_with(&header, &stage.claims())).await;
        assert!(message.contains("no key with the token's `kid`"), "{message}");
    }
    assert_eq!(stage.sim.calls_to("jwks").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_does_not_end_the_fetch_for_others() {
    let release = Arc::new(Notify::new());
    let keys = provider_sim::Keys::shared().expect("keys");
    let platform = {
        let (release, set) = (Arc::clone(&release), keys.jwks());
        Mock::start(move |_| {
            let (release, set) = (Arc::clone(&release), set.clone());
            async move {
                release.notified().await;
                Reply::json(&set)
            }
        })
        .await
    };
    let provider = Mock::always(thing(true, &[])).await;
    let stage = setup(&provider).setting("RELAY_AUTH__JWKS_HOSTS", &platform.url).start().await;
    let token = stage.token_with(&json!({"jwks_host": host_of(&platform)}));
    let hasty = {
        let request = stage.http.post(format!("{}/observe/observables", stage.relay.url));
        tokio::spawn(request.bearer_auth(&token).body("[]").send())
    };
    platform.until_in_flight(1).await;
    hasty.abort();
    stage.until_metrics("relay_requests_in_flight{relay=\"acme\"} 0").await;
    let (answer, ()) = tokio::join!(reported(&stage, &token), async {
        stage.until_metrics("relay_requests_in_flight{relay=\"acme\"} 1").await;
        release.notify_one();
    });
    assert_eq!(answer, "");
    assert_eq!(platform.count(), 1, "the fetch began anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_fetch_of_the_keys_counts_against_the_deadline() {
    let provider = Mock::silent().await;
    let stage = setup(&provider).setting("RELAY_DEADLINE", "200ms").start().await;
    stage.sim.faults().add(Fault::latency(Duration::from_millis(300)).on("jwks"));
    let answer = stage.observe(&[("domain", "a.example")]).await;
    assert!(only_error(&answer, "fatal", "timeout").contains("1 of 1 lookups did not finish"));
    assert_eq!(provider.count(), 0, "a lookup began after the deadline");
}

#[tokio::test(flavor = "multi_thread")]
async fn fetches_are_counted_by_their_outcome() {
    let stage = stage().await;
    stage.sim.faults().add(Fault::status(500).on("jwks").next(1));
    assert!(reported(&stage, &stage.token()).await.contains("status 500"));
    let metrics = stage.metrics().await;
    for (outcome, count) in [("failed", 1), ("ok", 0)] {
        let line = format!(r#"relay_jwks_fetches_total{{outcome="{outcome}",relay="acme"}} {count}"#);
        assert!(metrics.contains(&line), "{metrics}");
    }
}

/// Answers of status 200 that hold no usable key.
fn no_keys() -> [Answer; 4] {
    let answer = || Answer::get("/jwks");
    [
        answer().json(json!({"keys": []})),
        answer().json(json!({"keys": [{}]})),
        answer().json(json!({"keys": [{"kty": "RSA", "kid": "k", "e": "AQAB", "n": "AQAB"}]})),
        answer().text("<html><body>Down for maintenance</body></html>"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_a_usable_key_is_reported_at_once() {
    for answer in no_keys() {
        let stage = stage().await;
        stage.sim.answer("jwks", answer);
        let reported = tokio::time::timeout(Duration::from_secs(5), reported(&stage, &stage.token())).await;
        let reported = reported.expect("an answer in time");
        let expected = format!("Authorization failed: the keys of {} cannot be read: its ", stage.sim.host());
        assert!(reported.starts_with(&expected), "{reported}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_used_says_why() {
    let stage = stage().await;
    let mut key = stage.sim.keys().jwk();
    key["use"] = json!("enc");
    stage.sim.answer("jwks", Answer::get("/jwks").json(json!({"keys": [key]})));
    let expected = format!(
        "Authorization failed: the key with the token's `kid` at {} cannot be used: its `use` is `enc`, not sig",
        stage.sim.host()
    );
    assert_eq!(reported(&stage, &stage.token()).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_verifies_however_its_modulus_is_written() {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
    let stage = stage().await;
    let mut key = stage.sim.keys().jwk();
    let modulus = BASE64_URL_SAFE_NO_PAD.decode(key["n"].as_str().expect("a modulus")).expect("base64url");
    key["n"] = json!(BASE64_STANDARD.encode([&[0, 0], modulus.as_slice()].concat()));
    stage.sim.answer("jwks", Answer::get("/jwks").json(json!({"keys": [key]})));
    assert_eq!(reported(&stage, &stage.token()).await, "");
}
