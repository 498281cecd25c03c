//! Every failing check by its own words, and the same verdict as a relay that runs.

use provider_sim::{Keys, Options, Sim};
use relay_core::endpoint::health;
use relay_core::server::{self, Running};
use relay_core::settings::{Environment, Settings};
use serde_json::json;
use std::time::Duration;
use url::Url;

use super::*;
use crate::answer::Answer;

const SECRET: &str = "a shared secret of more than thirty-two bytes";
/// A password that must not be shown.
const PASSWORD: &str = "demo-password";

/// A relay before the simulator, and what is needed to explain tokens for it.
struct Stage {
    sim: Sim,
    running: Running,
    secret_file: PathBuf,
}

impl Stage {
    async fn start(test: &str) -> Self {
        let sim = Sim::start(Options::default()).await.unwrap();
        let secret_file = std::env::temp_dir().join(format!("relayctl-{}-{test}", std::process::id()));
        std::fs::write(&secret_file, format!("{SECRET}\n")).unwrap();
        let known = relays::named("xforce").unwrap();
        let environment = Environment::of([
            ("RELAY_LISTEN", "127.0.0.1:0".to_owned()),
            ("RELAY_ADMIN_LISTEN", "off".to_owned()),
            ("RELAY_WORKERS", "1".to_owned()),
            ("RELAY_AUTH__JWKS_HOSTS", sim.url()),
            ("RELAY_AUTH__SECRET_KEY_FILE", secret_file.display().to_string()),
            ("RELAY_PROVIDER__API_URL", format!("{}/xforce", sim.url())),
        ]);
        let loaded = Settings::load(known.module(), environment).unwrap();
        let running = server::start(&(known.relay)(), &loaded.settings).unwrap();
        Self { sim, running, secret_file }
    }

    fn url(&self) -> Url {
        format!("http://{}", self.running.address).parse().unwrap()
    }

    fn claims(&self) -> Value {
        json!({"aud": origin(&self.url()), "jwks_host": self.sim.host(), "key": "demo-key", "password": PASSWORD})
    }

    /// The claims with others in their place; `null` takes one out.
    fn claims_with(&self, changes: &Value) -> Value {
        let mut claims = self.claims();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        claims
    }

    fn explain(&self, token: &str) -> Explain {
        Explain {
            token: token.to_owned(),
            relay: "xforce".to_owned(),
            url: self.url(),
            jwks_host: vec![self.sim.url()],
            jwks: None,
            secret_file: Some(self.secret_file.clone()),
        }
    }

    /// What the relay itself says: nothing where it accepts the token.
    async fn refusal(&self, token: &str) -> Option<String> {
        let http = client::http(&self.url(), Duration::from_secs(10)).unwrap();
        let url = client::endpoint_url(&self.url(), health::ENDPOINT);
        let (_, body) = client::post(&http, url, Some(token), String::new()).await.unwrap();
        let answer: Answer = serde_json::from_slice(&body).unwrap();
        answer.errors.into_iter().next().map(|error| error.message)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.secret_file);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verdict_is_that_of_the_relay_and_names_the_reason() {
    let stage = Stage::start("verdicts").await;
    let keys = stage.sim.keys();
    let now = Timestamp::now().as_second();
    let with = |changes: Value| keys.sign(&stage.claims_with(&changes));
    let hs256 = |changes: Value| keys.hs256(SECRET.as_bytes(), &stage.claims_with(&changes));
    let good = keys.sign(&stage.claims());
    let (head, payload) = (good.split('.').next().unwrap(), good.split('.').nth(1).unwrap());
    let other = Keys::generate().unwrap();
    let accepted: &[String] = &[
        good.clone(),
        with(json!({"aud": format!("{}/", origin(&stage.url()))})),
        with(json!({"aud": ["https://other.example", origin(&stage.url())]})),
        with(json!({"exp": now - 20, "nbf": now + 20})),
        with(json!({"exp": now + 3600, "CTR_ENTITIES_LIMIT": "5"})),
        hs256(json!({})),
        hs256(json!({"aud": null, "jwks_host": null})),
    ];
    for token in accepted {
        assert_eq!(stage.refusal(token).await, None);
        let checks = stage.explain(token).checks(Timestamp::now()).await.unwrap();
        assert!(checks.iter().all(|check| check.outcome == Outcome::Passed), "{checks:?}");
    }
    let refused: &[(String, &str, &str)] = &[
        ("nonsense".to_owned(), "form", "1 part between dots"),
        (format!("{head}.{payload}"), "form", "2 parts between dots"),
        (format!("{head}.{}.x", &payload[..9]), "form", "its payload is not"),
        (
            keys.sign_with(&json!({"alg": "RS256", "kid": keys.kid(), "crit": ["x"]}), &stage.claims()),
            "form",
            "demands an extension",
        ),
        (keys.unsigned(&stage.claims()), "algorithm", "`none`; only RS256 and HS256"),
        (
            keys.sign_with(&json!({"alg": "RS512", "kid": keys.kid()}), &stage.claims()),
            "algorithm",
            "`RS512`",
        ),
        (with(json!({"jwks_host": null})), "key host", "`jwks_host` is missing"),
        (
            with(json!({"jwks_host": "evil.example"})),
            "key host",
            "`evil.example` is not allowed; allowed: 127.0.0.1:",
        ),
        (keys.sign_with(&json!({"alg": "RS256"}), &stage.claims()), "key", "the header lacks `kid`"),
        (other.sign(&stage.claims()), "key", "no key with the id"),
        (
            other.clone().with_kid(keys.kid()).sign(&stage.claims()),
            "signature",
            "wrong: made with another key",
        ),
        (keys.hs256(b"another secret", &stage.claims()), "signature", "wrong: made with another secret"),
        (with(json!({"aud": "https://other.example"})), "audience", "got `https://other.example`"),
        (with(json!({"aud": null})), "audience", "got none"),
        (hs256(json!({"aud": "https://other.example"})), "audience", "got `https://other.example`"),
        (with(json!({"exp": now - 7200})), "time", "expired 2 h ago, at "),
        (with(json!({"nbf": now + 600})), "time", "not valid before "),
        (with(json!({"exp": "tomorrow"})), "time", "`exp` is not a time"),
        (
            keys.sign(&{
                let mut claims = stage.claims();
                claims["exp"] = Value::Null;
                claims
            }),
            "time",
            "`exp` is not a time",
        ),
        (with(json!({"jwks_host": " "})), "key host", "`jwks_host` is missing"),
        (with(json!({"password": null})), "claims", "`password` is missing: API password"),
        (with(json!({"key": " "})), "claims", "`key` is empty"),
        (with(json!({"key": 7})), "claims", "`key` is not a text"),
        (with(json!({"key": "a:b"})), "claims", "has a colon"),
    ];
    for (token, name, told) in refused {
        assert!(stage.refusal(token).await.is_some(), "{name}, {told}: the relay accepts it");
        let checks = stage.explain(token).checks(Timestamp::now()).await.unwrap();
        let failed: Vec<&Check> = checks.iter().filter(|check| check.outcome == Outcome::Failed).collect();
        assert_eq!(failed.len(), 1, "{name}, {told}: {checks:?}");
        assert!(failed[0].name == *name && failed[0].detail.contains(told), "{name}, {told}: {failed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_fetched_from_a_host_that_is_not_allowed() {
    let stage = Stage::start("host").await;
    let token = stage.sim.keys().sign(&stage.claims());
    let explain = Explain { jwks_host: Vec::new(), ..stage.explain(&token) };
    let checks = explain.checks(Timestamp::now()).await.unwrap();
    assert!(stage.sim.calls().is_empty(), "the platform's hosts alone are allowed by default");
    let host = checks.iter().find(|check| check.name == "key host").unwrap();
    assert!(
        host.detail.contains("allowed: visibility.amp.cisco.com, visibility.eu.amp.cisco.com"),
        "{host:?}"
    );
    let open = checks.iter().filter(|check| check.outcome == Outcome::Open).count();
    assert_eq!(open, 2, "key and signature: {checks:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_keys_stands_in_for_the_host() {
    let stage = Stage::start("file").await;
    let file = stage.secret_file.with_extension("jwks");
    std::fs::write(&file, stage.sim.keys().jwks().to_string()).unwrap();
    let token = stage.sim.keys().sign(&stage.claims());
    let explain = Explain { jwks: Some(file.clone()), ..stage.explain(&format!(" Bearer {token}\n")) };
    let checks = explain.checks(Timestamp::now()).await.unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(checks.iter().all(|check| check.outcome == Outcome::Passed), "{checks:?}");
    assert!(stage.sim.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_not_shown() {
    let stage = Stage::start("secrets").await;
    let claims = stage.claims_with(&json!({"CTR_ENTITIES_LIMIT": 7, "other": "an unread claim"}));
    for token in [stage.sim.keys().sign(&claims), stage.sim.keys().hs256(b"wrong", &claims)] {
        let mut out = Vec::new();
        stage.explain(&token).run(&mut out).await.unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains("key (secret), password (secret), CTR_ENTITIES_LIMIT = 7"), "{out}");
        for secret in [PASSWORD, SECRET, "demo-key", "an unread claim", token.as_str()] {
            assert!(!out.contains(secret), "{secret}: {out}");
        }
    }
}
