//! An explanation of a token and the relay's own word on it: both come from the same checks.

use provider_sim::Keys;
use relay_core::auth::{Check, Outcome};
use relay_core::settings::{Environment, Settings};
use relay_testkit::Stage;
use serde_json::{Value, json};

use crate::acme::{relay, setup, thing};
use crate::messages;
use crate::mock::Mock;

const SECRET: &str = "a-shared-secret-of-more-than-32-bytes";

/// What the relay says to a token; nothing where it takes it.
async fn refusal(stage: &Stage, token: &str) -> Option<String> {
    let answer = stage.ask("/observe/observables", Some(token), &json!([])).await;
    let message = messages(&answer).first().map(|message| (*message).to_owned());
    message.map(|message| message.trim_start_matches("Authorization failed: ").to_owned())
}

async fn explained(stage: &Stage, token: &str) -> Vec<Check> {
    let environment = Environment::of([
        ("RELAY_AUTH__JWKS_HOSTS", stage.sim.url()),
        ("RELAY_AUTH__SECRET_KEY", SECRET.to_owned()),
    ]);
    let relay = relay();
    let loaded = Settings::load(relay.module(), environment).expect("good settings");
    relay.explain(&loaded.settings, None, token, &stage.relay.url).await.expect("checks")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_says_what_the_first_failing_check_says() {
    let provider = Mock::always(thing(true, &[])).await;
    let stage = setup(&provider).setting("RELAY_AUTH__SECRET_KEY", SECRET).start().await;
    let keys = stage.sim.keys();
    let now = jiff::Timestamp::now().as_second();
    let with = |changes: Value| keys.sign(&merged(&stage.claims(), &changes));
    let hs256 = |changes: Value| keys.hs256(SECRET.as_bytes(), &merged(&stage.claims(), &changes));
    let headed = |header: Value| keys.sign_with(&header, &stage.claims());
    let other = Keys::generate().expect("a key");
    let own_url = stage.relay.url.as_str();

    for token in [
        stage.token(),
        with(json!({"aud": format!("{own_url}/")})),
        with(json!({"aud": ["https://other.example", own_url]})),
        with(json!({"exp": now - 15, "nbf": now + 15})),
        with(json!({"exp": now + 3600, "CTR_ENTITIES_LIMIT": "5"})),
        hs256(json!({})),
        hs256(json!({"aud": null, "jwks_host": null})),
    ] {
        assert_eq!(refusal(&stage, &token).await, None);
        let checks = explained(&stage, &token).await;
        assert!(checks.iter().all(|check| check.outcome == Outcome::Passed), "{checks:?}");
    }
    for (token, names) in [
        ("nonsense".to_owned(), &["form"][..]),
        (headed(json!({"alg": "RS256", "kid": keys.kid(), "crit": ["x"]})), &["form"]),
        (keys.unsigned(&stage.claims()), &["algorithm"]),
        (headed(json!({"alg": "RS512", "kid": keys.kid()})), &["algorithm"]),
        (with(json!({"jwks_host": null})), &["key host", "key", "signature"]),
        (with(json!({"jwks_host": "evil.example"})), &["key host", "key", "signature"]),
        (headed(json!({"alg": "RS256"})), &["key", "signature"]),
        (other.sign(&stage.claims()), &["key", "signature"]),
        (other.clone().with_kid(keys.kid()).sign(&stage.claims()), &["signature"]),
        (keys.hs256(b"another secret", &stage.claims()), &["signature"]),
        (with(json!({"exp": now - 7200})), &["time"]),
        (with(json!({"nbf": now + 100_000})), &["time"]),
        (with(json!({"exp": "tomorrow"})), &["time"]),
        (with(json!({"aud": "https://other.example"})), &["audience"]),
        (with(json!({"aud": null})), &["audience"]),
        (hs256(json!({"aud": "https://other.example"})), &["audience"]),
        (with(json!({"key": null})), &["claims"]),
        (with(json!({"key": " "})), &["claims"]),
        (with(json!({"key": 7})), &["claims"]),
        (
            keys.hs256(b"x", &json!({"aud": "https://other.example", "exp": 1})),
            &["signature", "time", "audience", "claims"],
        ),
    ] {
        let checks = explained(&stage, &token).await;
        let failed: Vec<&Check> = checks.iter().filter(|check| check.outcome != Outcome::Passed).collect();
        let found: Vec<&str> = failed.iter().map(|check| check.name).collect();
        assert_eq!(found, names, "{checks:?}");
        let refusal = refusal(&stage, &token).await.expect("the relay refuses it");
        assert!(failed[0].detail.starts_with(&refusal), "{refusal}: {failed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_does_not_count_is_pointed_out() {
    let stage = setup(&Mock::always(thing(true, &[])).await).start().await;
    for (limit, outcome, detail) in [
        (json!("50"), Outcome::Passed, "50 entities"),
        (json!(2.5), Outcome::Passed, "2 entities"),
        (json!(5000), Outcome::Passed, "1000 entities"),
        (
            json!("many"),
            Outcome::Ignored,
            "`CTR_ENTITIES_LIMIT` is not a positive number; the default counts",
        ),
        (json!(0), Outcome::Ignored, "`CTR_ENTITIES_LIMIT` is not a positive number; the default counts"),
    ] {
        let token = stage.token_with(&json!({"CTR_ENTITIES_LIMIT": limit}));
        let checks = explained(&stage, &token).await;
        let found = checks.last().expect("checks");
        assert_eq!((found.name, found.outcome, found.detail.as_str()), ("limit", outcome, detail));
    }
}

/// Claims with others in their place; `null` takes one out.
fn merged(claims: &Value, changes: &Value) -> Value {
    let mut claims = claims.clone();
    let all = claims.as_object_mut().expect("claims");
    all.extend(changes.as_object().expect("changes").clone());
    all.retain(|_, value| !value.is_null());
    claims
}
