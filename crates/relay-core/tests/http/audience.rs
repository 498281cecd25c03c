//! For whom a token is: this relay or another one.

use relay_testkit::Stage;
use serde_json::{Value, json};

use crate::acme::{setup, thing};
use crate::messages;
use crate::mock::Mock;

const SECRET: &str = "a-shared-secret-of-more-than-32-bytes";

async fn stage(settings: &[(&str, &str)]) -> Stage {
    let setup = setup(&Mock::always(thing(true, &[])).await).setting("RELAY_AUTH__SECRET_KEY", SECRET);
    settings.iter().fold(setup, |setup, (name, value)| setup.setting(name, value)).start().await
}

/// Whether a token for this audience is taken, in a request with these headers.
async fn taken(stage: &Stage, audience: Value, headers: &[(&str, &str)]) -> bool {
    let mut claims = stage.claims();
    claims["aud"] = audience;
    asked(stage, &stage.sim.keys().sign(&claims), headers).await
}

async fn asked(stage: &Stage, token: &str, headers: &[(&str, &str)]) -> bool {
    let url = format!("{}/observe/observables", stage.relay.url);
    let request = stage.http.post(url).bearer_auth(token).body("[]");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    if answer == json!({"data": {}}) {
        return true;
    }
    let message = messages(&answer)[0];
    assert!(message.starts_with("Authorization failed: wrong audience: this relay is `"), "{message}");
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_setting_the_host_header_decides() {
    let stage = stage(&[]).await;
    let own = stage.relay.url.clone();
    assert!(taken(&stage, json!(own), &[]).await);
    assert!(taken(&stage, json!(format!("{own}/")), &[]).await);
    assert!(taken(&stage, json!(["https://other.example", own]), &[]).await);
    assert!(taken(&stage, json!("http://relay.example"), &[("Host", "relay.example")]).await);
    assert!(!taken(&stage, json!(own), &[("Host", "relay.example")]).await);
    assert!(!taken(&stage, json!("http://other.example"), &[]).await);
    for not_a_url in [json!(null), json!(7), json!([]), json!([7]), json!(""), json!({"url": own})] {
        assert!(!taken(&stage, not_a_url.clone(), &[]).await, "{not_a_url}");
    }
    let without = stage.token_with(&json!({"aud": null}));
    assert!(!asked(&stage, &without, &[]).await, "the platform's tokens need an audience");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_audience_says_what_was_expected() {
    let stage = stage(&[]).await;
    let answer = stage
        .ask(
            "/observe/observables",
            Some(&stage.token_with(&json!({"aud": "https://other.example"}))),
            &json!([]),
        )
        .await;
    let expected = format!(
        "Authorization failed: wrong audience: this relay is `{}`, the token is for `https://other.example`",
        stage.relay.url
    );
    assert_eq!(messages(&answer), [expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn configured_audiences_leave_the_host_header_no_say() {
    let list = "https://relay.example/, https://old.example";
    let stage = stage(&[("RELAY_AUTH__AUDIENCE", list), ("RELAY_TRUST_PROXY", "true")]).await;
    for good in ["https://relay.example", "https://relay.example/", "https://old.example"] {
        assert!(taken(&stage, json!(good), &[]).await, "{good}");
    }
    let own = stage.relay.url.clone();
    assert!(!taken(&stage, json!(own), &[]).await);
    assert!(!taken(&stage, json!("http://evil.example"), &[("Host", "evil.example")]).await);
    assert!(!taken(&stage, json!("http://evil.example"), &[("X-Forwarded-Host", "evil.example")]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn forwarded_headers_count_only_behind_a_trusted_proxy() {
    let forwarded = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "relay.example, inner.example")];
    let trusting = stage(&[("RELAY_TRUST_PROXY", "true")]).await;
    assert!(taken(&trusting, json!("https://relay.example"), &forwarded).await);
    assert!(!taken(&trusting, json!(trusting.relay.url), &forwarded).await);
    assert!(taken(&trusting, json!(trusting.relay.url), &[]).await);
    let wary = stage(&[]).await;
    assert!(!taken(&wary, json!("https://relay.example"), &forwarded).await);
    assert!(taken(&wary, json!(wary.relay.url), &forwarded).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_the_shared_secret_needs_no_audience_but_not_a_wrong_one() {
    let stage = stage(&[]).await;
    let own = stage.relay.url.clone();
    let table = [
        (json!({"key": "key-one"}), true),
        (json!({"key": "key-one", "aud": null}), true),
        (json!({"key": "key-one", "aud": own}), true),
        (json!({"key": "key-one", "aud": ["x", own]}), true),
        (json!({"key": "key-one", "aud": "https://other.example"}), false),
        (json!({"key": "key-one", "aud": []}), false),
    ];
    for (claims, expected) in table {
        let token = stage.sim.keys().hs256(SECRET.as_bytes(), &claims);
        assert_eq!(asked(&stage, &token, &[]).await, expected, "{claims}");
    }
}
