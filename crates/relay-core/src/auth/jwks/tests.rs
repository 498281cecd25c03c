//! What happens to keys as they age, which no test can wait for. The clock stands still except where a test moves
//! it, or where all that is left to do is wait for a time-out.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::*;
use crate::error::Error;

/// A key set with one key of this id.
fn key_set(kid: &str) -> Vec<u8> {
    let key = serde_json::json!({"kty": "RSA", "alg": "RS256", "n": "3Q", "e": "AQAB", "kid": kid});
    serde_json::json!({"keys": [key]}).to_string().into_bytes()
}

fn keys(kid: &str) -> HashMap<String, Arc<DecodingKey>> {
    let set: KeySet = serde_json::from_slice(&key_set(kid)).expect("a key set");
    set.keys.into_iter().filter_map(rs256_key).map(|(kid, key)| (kid, Arc::new(key))).collect()
}

/// A host of keys: how often it was asked, and whether it answers with a key `new` or not at all.
struct Platform {
    jwks: Jwks,
    name: String,
    asked: Arc<AtomicUsize>,
}

impl Platform {
    async fn start(answers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                if answers {
                    let body = key_set("new");
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    );
                    let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
                }
                open.push(stream);
            }
        });
        let metrics = Arc::new(Metrics::new("acme").expect("metrics"));
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let jwks =
            Jwks::new(std::slice::from_ref(&origin), http, metrics).expect("an origin").expect("a host");
        Self { jwks, name: origin.trim_start_matches("http://").to_owned(), asked }
    }

    /// Knows a key `old` since now.
    async fn with_old_key(answers: bool) -> Self {
        let platform = Self::start(answers).await;
        platform.host().learn(keys("old"));
        *platform.host().fetching.lock().await = Some(Instant::now());
        platform
    }

    fn host(&self) -> &Host {
        &self.jwks.hosts[&self.name]
    }

    /// The key set is fetched in real time, so that no time-out comes before the answer.
    async fn key(&self, kid: &str) -> Result<(), Error> {
        tokio::time::resume();
        let outcome = self.jwks.key(&self.name, kid).await.map(drop);
        tokio::time::pause();
        outcome
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn keys_serve_for_an_hour_and_are_fetched_anew_after_it() {
    let platform = Platform::with_old_key(true).await;
    tokio::time::advance(Duration::from_secs(3599)).await;
    platform.key("old").await.expect("a known key");
    assert_eq!(platform.asked(), 0);
    tokio::time::advance(Duration::from_secs(2)).await;
    let gone = platform.key("old").await.expect_err("a key that the platform withdrew");
    assert!(gone.message().contains("no key with the token's `kid`"), "{gone}");
    assert_eq!(platform.asked(), 1);
    platform.key("new").await.expect("the new key");
    assert_eq!(platform.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_found_but_not_searched_for_more_often_than_every_half_minute() {
    let platform = Platform::with_old_key(true).await;
    tokio::time::advance(Duration::from_secs(29)).await;
    platform.key("new").await.expect_err("it is too early to ask");
    assert_eq!(platform.asked(), 0);
    tokio::time::advance(Duration::from_secs(2)).await;
    platform.key("new").await.expect("the new key");
    assert_eq!(platform.asked(), 1);
    for _ in 0..3 {
        platform.key("guessed").await.expect_err("no such key");
        tokio::time::advance(Duration::from_secs(9)).await;
    }
    assert_eq!(platform.asked(), 1);
    tokio::time::advance(Duration::from_secs(4)).await;
    platform.key("guessed").await.expect_err("no such key");
    assert_eq!(platform.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn old_keys_serve_on_while_the_platform_gives_no_answer() {
    let platform = Platform::with_old_key(false).await;
    tokio::time::advance(Duration::from_secs(7200)).await;
    let before = Instant::now();
    platform.jwks.key(&platform.name, "old").await.expect("the old key");
    assert_eq!(before.elapsed().as_secs(), 5, "the time for one fetch");
    assert_eq!(platform.asked(), 1);
    // The failure counts as an attempt: the next requests do not wait.
    let before = Instant::now();
    platform.jwks.key(&platform.name, "old").await.expect("the old key");
    assert_eq!((before.elapsed(), platform.asked()), (Duration::ZERO, 1));
}

#[tokio::test(start_paused = true)]
async fn a_platform_without_an_answer_is_told_after_five_seconds() {
    let platform = Platform::start(false).await;
    let before = Instant::now();
    let told = platform.jwks.key(&platform.name, "any").await.expect_err("no keys");
    assert_eq!(before.elapsed().as_secs(), 5);
    let expected = format!(
        "Authorization failed: the keys of {} cannot be read: it gives no answer within 5 s",
        platform.name
    );
    assert_eq!(told.message(), expected);
    // Those that come within the next second share the outcome, later ones try again.
    let told = platform.jwks.key(&platform.name, "any").await.expect_err("no keys");
    assert!(told.message().ends_with("the last attempt, moments ago, failed"), "{told}");
    assert_eq!(platform.asked(), 1);
    tokio::time::advance(Duration::from_secs(2)).await;
    platform.jwks.key(&platform.name, "any").await.expect_err("no keys");
    assert_eq!(platform.asked(), 2);
}

#[test]
fn a_key_for_another_purpose_verifies_no_token() {
    let taken = |changes: Value| {
        let mut key = serde_json::json!({"kty": "RSA", "n": "3Q", "e": "AQAB", "kid": "k"});
        key.as_object_mut().expect("a key").extend(changes.as_object().expect("changes").clone());
        rs256_key(key).map(|(kid, _)| kid)
    };
    for good in [serde_json::json!({}), serde_json::json!({"alg": "RS256", "use": "sig"})] {
        assert_eq!(taken(good.clone()).as_deref(), Some("k"), "{good}");
    }
    for bad in [
        serde_json::json!({"alg": "RS512"}),
        serde_json::json!({"alg": "PS256", "use": "sig"}),
        serde_json::json!({"alg": "RSA-OAEP"}),
        serde_json::json!({"alg": "made-up"}),
        serde_json::json!({"use": "enc"}),
        serde_json::json!({"kid": null}),
    ] {
        assert_eq!(taken(bad.clone()), None, "{bad}");
    }
}

#[test]
fn hosts_and_origins_are_told_apart_from_other_texts() {
    for (entry, name, url) in [
        ("keys.example", "keys.example", "https://keys.example/.well-known/jwks"),
        ("keys.example:8443/", "keys.example:8443", "https://keys.example:8443/.well-known/jwks"),
        ("http://127.0.0.1:7000", "127.0.0.1:7000", "http://127.0.0.1:7000/.well-known/jwks"),
        ("https://keys.example", "keys.example", "https://keys.example/.well-known/jwks"),
    ] {
        let (found, host) = Host::new(entry).unwrap_or_else(|error| panic!("{entry}: {error}"));
        assert_eq!((found.as_str(), host.url.as_str()), (name, url), "{entry}");
    }
    for entry in [
        "ftp://keys.example",
        "keys.example/path",
        "a b",
        "user@keys.example",
        "https://u:p@keys.example",
        "keys.example?x",
        "keys.example#x",
    ] {
        let Err(error) = Host::new(entry) else { panic!("{entry} was accepted") };
        assert!(error.to_string().starts_with("RELAY_AUTH__JWKS_HOSTS: "), "{error}");
    }
}
