//! What the command adds to the relays' own checks: where their parts come from, and what is printed.

use provider_sim::{Keys, Options, Sim};
use serde_json::{Value, json};

use super::*;

const SECRET: &str = "a shared secret of more than thirty-two bytes";
/// A password that must not be shown.
const PASSWORD: &str = "demo-password";
const URL: &str = "https://relay.example";

/// The platform's keys, and a file with a secret.
struct Platform {
    sim: Sim,
    secret_file: PathBuf,
}

impl Platform {
    async fn start(test: &str) -> Self {
        let sim = Sim::start(Options::default()).await.unwrap();
        let secret_file = std::env::temp_dir().join(format!("relayctl-{}-{test}", std::process::id()));
        std::fs::write(&secret_file, format!("{SECRET}\n")).unwrap();
        Self { sim, secret_file }
    }

    fn keys(&self) -> &Keys {
        self.sim.keys()
    }

    /// The claims of a good token, with others in their place.
    fn claims(&self, changes: &Value) -> Value {
        let mut claims =
            json!({"aud": URL, "jwks_host": self.sim.host(), "key": "demo-key", "password": PASSWORD});
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        claims
    }

    fn explain(&self, token: &str) -> Explain {
        Explain {
            token: token.to_owned(),
            relay: "xforce".to_owned(),
            url: URL.parse().unwrap(),
            credential: Login::default(),
            jwks_host: vec![self.sim.url()],
            jwks: None,
            secret_file: Some(self.secret_file.clone()),
            json: false,
        }
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.secret_file);
    }
}

/// What is printed, without styles.
async fn printed(explain: Explain) -> String {
    let mut out = Vec::new();
    explain.run(&mut out).await.unwrap();
    anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_check_is_a_line_and_the_last_line_is_the_verdict() {
    let platform = Platform::start("lines").await;
    let claims = platform.claims(&json!({"CTR_ENTITIES_LIMIT": "many", "region": "x"}));
    let good = format!(" Bearer {}\n", platform.keys().sign(&claims));
    let host = platform.sim.url();
    let kid = platform.keys().kid();
    assert_eq!(
        printed(platform.explain(&good)).await,
        format!(
            "ok    form       a JWT\n\
             ok    algorithm  RS256: signed by a key of the platform\n\
             ok    key host   {host}/.well-known/jwks\n\
             ok    key        `{kid}`\n\
             ok    signature  right\n\
             ok    time       without an end\n\
             ok    audience   https://relay.example\n\
             ok    claims     key (secret), password (secret), CTR_ENTITIES_LIMIT = many\n\
             note  limit      `CTR_ENTITIES_LIMIT` is not a positive number; the default\n                 counts\n\n\
             The token is accepted by xforce at https://relay.example\n"
        )
    );
    let bad = platform.keys().hs256(b"another secret", &json!({"aud": "https://other.example"}));
    let out = printed(platform.explain(&bad)).await;
    assert_eq!(out.matches("FAIL").count(), 4, "signature, audience and two claims: {out}");
    assert!(
        out.ends_with("\nThe token is refused by xforce at https://relay.example: 4 checks failed\n"),
        "{out}"
    );
    let unknown = Explain { secret_file: None, ..platform.explain(&platform.keys().hs256(b"x", &claims)) };
    let out = printed(unknown).await;
    assert!(
        out.ends_with("The token is undetermined by xforce at https://relay.example: 1 check open\n"),
        "{out}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_has_verdict_and_checks() {
    let platform = Platform::start("document").await;
    let token = platform.keys().hs256(b"another secret", &json!({"aud": "https://other.example"}));
    let out = printed(Explain { json: true, ..platform.explain(&token) }).await;
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&document["verdict"], &document["checks"][0]["check"]), (&json!("refused"), &json!("form")));
    let failed = document["checks"].as_array().unwrap().iter().filter(|check| check["outcome"] == "fail");
    assert_eq!(failed.count(), 4, "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_fetched_from_a_host_that_is_not_allowed() {
    let platform = Platform::start("host").await;
    let token = platform.keys().sign(&platform.claims(&json!({})));
    let explain = Explain { jwks_host: Vec::new(), ..platform.explain(&token) };
    let checks = explain.checks().await.unwrap();
    assert!(platform.sim.calls().is_empty(), "the platform's hosts alone are allowed by default");
    let host = checks.iter().find(|check| check.name == "key host").unwrap();
    assert!(
        host.detail.contains("(allowed: visibility.amp.cisco.com, visibility.eu.amp.cisco.com"),
        "{host:?}"
    );
    let open = checks.iter().filter(|check| check.outcome == Outcome::Open).count();
    assert_eq!(open, 2, "key and signature: {checks:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_keys_stands_in_for_the_host() {
    let platform = Platform::start("file").await;
    let file = platform.secret_file.with_extension("jwks");
    std::fs::write(&file, platform.keys().jwks().to_string()).unwrap();
    let token = platform.keys().sign(&platform.claims(&json!({})));
    let explain = Explain { jwks: Some(file.clone()), ..platform.explain(&token) };
    let checks = explain.checks().await.unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(checks.iter().all(|check| check.outcome == Outcome::Passed), "{checks:?}");
    assert!(platform.sim.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_not_shown() {
    let platform = Platform::start("secrets").await;
    let claims = platform.claims(&json!({"CTR_ENTITIES_LIMIT": 7, "other": "an unread claim"}));
    for token in [platform.keys().sign(&claims), platform.keys().hs256(b"wrong", &claims)] {
        let out = printed(platform.explain(&token)).await;
        assert!(out.contains("key (secret), password (secret), CTR_ENTITIES_LIMIT = 7"), "{out}");
        for secret in [PASSWORD, SECRET, "demo-key", "an unread claim", token.as_str()] {
            assert!(!out.contains(secret), "{secret}: {out}");
        }
    }
}
