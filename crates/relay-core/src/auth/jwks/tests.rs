//! What happens to keys as they age and as their host fails. The clock stands still except where a test moves it, or
//! where all that is left to do is wait for a time-out.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::key::tests::entry;
use super::*;
use crate::testing::{eventually, in_time};

/// A key set with keys of these ids.
fn key_set(kids: &[&str]) -> String {
    json!({"keys": kids.iter().map(|kid| entry(kid)).collect::<Vec<_>>()}).to_string()
}

/// Answers that hold no usable key, and what is said of them.
const NO_KEYS: [(&str, &str); 5] = [
    (r#"{"keys": []}"#, "its key set has no key for RS256 tokens"),
    (r#"{"keys": [{}]}"#, "its key set has no key for RS256 tokens"),
    (r#"{"keys": [{"kid": "old", "kty": "EC"}]}"#, "the key with the token's `kid`"),
    ("<html><title>Maintenance</title></html>", "its answer is not a key set"),
    ("{}", "its answer is not a key set"),
];

/// A host of keys: how often it was asked, and what it answers. Without an answer it stays silent.
struct Platform {
    jwks: Jwks,
    host: Arc<Host>,
    answer: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicUsize>,
}

impl Platform {
    async fn start(answer: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(AtomicUsize::new(0));
        let answer = Arc::new(Mutex::new(answer.map(str::to_owned)));
        let (counted, answering) = (Arc::clone(&asked), Arc::clone(&answer));
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let answer = answering.lock().expect("no panic").clone();
                if let Some(body) = answer {
                    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length:";
                    let _ = stream.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).await;
                }
                open.push(stream);
            }
        });
        let metrics = Arc::new(Metrics::new("acme").expect("metrics"));
        let http = HttpClients::for_tests();
        let jwks =
            Jwks::new(std::slice::from_ref(&origin), http, metrics).expect("an origin").expect("a host");
        let host = Arc::clone(jwks.host(origin.trim_start_matches("http://")).expect("the host"));
        Self { jwks, host, answer, asked }
    }

    /// Has known a key `old` for this time.
    async fn with_old_key(answer: Option<&str>, age: Duration) -> Self {
        let platform = Self::start(answer).await;
        platform.host.learn(Ok(KeySet::read(key_set(&["old"]).as_bytes()).expect("a key set")));
        tokio::time::advance(age).await;
        platform
    }

    fn answers(&self, answer: &str) {
        *self.answer.lock().expect("no panic") = Some(answer.to_owned());
    }

    /// What is said of a key; empty where it is there.
    async fn said_of(&self, kid: &str) -> String {
        match self.jwks.key(&self.host, kid).await {
            Ok(_) => String::new(),
            Err(NoKey::Missing(problem) | NoKey::Unreadable(problem)) => {
                problem.replace(&self.host.name, "HOST")
            }
        }
    }

    /// The same where an answer of the host decides: it comes in real time, before any time-out.
    async fn said_after_answer(&self, kid: &str) -> String {
        tokio::time::resume();
        let said = in_time("the key set comes", self.said_of(kid)).await;
        tokio::time::pause();
        said
    }

    /// A known key must be there at once, without a look at the network.
    fn has_at_once(&self, kid: &str) -> bool {
        use futures::FutureExt;
        self.said_of(kid).now_or_never().as_deref() == Some("")
    }

    /// Waits for the end of a fetch in the background.
    async fn until_fetched(&self, fetches: usize) {
        tokio::time::resume();
        eventually("the key set is fetched", async || {
            self.asked() == fetches && self.host.state().running().is_none()
        })
        .await;
        tokio::time::pause();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn keys_serve_for_an_hour_and_are_then_fetched_anew_in_the_background() {
    let platform = Platform::with_old_key(Some(&key_set(&["old", "new"])), Duration::from_secs(3599)).await;
    assert!(platform.has_at_once("old"));
    tokio::task::yield_now().await;
    assert!(platform.host.state().running().is_none(), "the keys are fetched before their hour is over");
    tokio::time::advance(SECOND).await;
    for _ in 0..3 {
        assert!(platform.has_at_once("old"), "a request waits although its key is known");
    }
    platform.until_fetched(1).await;
    assert!(platform.has_at_once("old") && platform.has_at_once("new"));
    assert_eq!(platform.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_platform_withdrew_ends_with_the_next_key_set() {
    let platform = Platform::with_old_key(Some(&key_set(&["new"])), HOUR).await;
    assert!(platform.has_at_once("old"));
    platform.until_fetched(1).await;
    assert_eq!(platform.said_of("old").await, "no key with the token's `kid` at HOST");
    assert!(platform.has_at_once("new"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_usable_key_replaces_no_keys() {
    for (answer, said) in NO_KEYS {
        // By an unknown key, and by age.
        let platform = Platform::with_old_key(Some(answer), Duration::from_secs(31)).await;
        let problem = platform.said_after_answer("guessed").await;
        let expected = if said.starts_with("its") {
            format!("no key with the token's `kid` at HOST, whose newer keys cannot be read: {said}")
        } else {
            "no key with the token's `kid` at HOST, whose newer keys cannot be read: its key set has no key for \
             RS256 tokens (`old`: its `kty` is `EC`, not RSA)"
                .to_owned()
        };
        assert_eq!(problem, expected, "{answer}");
        assert!(platform.has_at_once("old"), "{answer}");
        tokio::time::advance(HOUR).await;
        assert!(platform.has_at_once("old"), "{answer}");
        platform.until_fetched(2).await;
        assert!(platform.has_at_once("old"), "{answer}");
        // The failure does not make the next request, or the next minute, wait.
        tokio::time::advance(Duration::from_secs(20)).await;
        assert!(platform.has_at_once("old"), "{answer}");
        tokio::task::yield_now().await;
        assert_eq!(platform.asked(), 2, "{answer}");
        platform.answers(&key_set(&["old", "new"]));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(platform.has_at_once("old"), "{answer}");
        platform.until_fetched(3).await;
        assert!(platform.has_at_once("new"), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_without_keys_says_so_and_is_asked_again_soon() {
    for (answer, said) in NO_KEYS {
        let platform = Platform::start(Some(answer)).await;
        let problem = platform.said_after_answer("old").await;
        let expected = if said.starts_with("its") {
            format!("the keys of HOST cannot be read: {said}")
        } else {
            format!("{said} at HOST cannot be used: its `kty` is `EC`, not RSA")
        };
        assert_eq!(problem, expected);
        // Those that come within the next second share the outcome, later ones try again.
        assert_eq!(platform.said_of("old").await, expected);
        assert_eq!(platform.asked(), 1);
        platform.answers(&key_set(&["old"]));
        tokio::time::advance(SECOND).await;
        assert_eq!(platform.said_after_answer("old").await, "");
        assert_eq!(platform.asked(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_found_but_not_searched_for_more_often_than_every_half_minute() {
    let platform = Platform::with_old_key(Some(&key_set(&["new"])), Duration::from_secs(29)).await;
    assert_eq!(
        platform.said_of("new").await,
        "no key with the token's `kid` at HOST",
        "it is too early to ask"
    );
    assert_eq!(platform.asked(), 0);
    tokio::time::advance(SECOND).await;
    assert_eq!(platform.said_after_answer("new").await, "");
    assert_eq!(platform.asked(), 1);
    for _ in 0..3 {
        assert_eq!(platform.said_of("guessed").await, "no key with the token's `kid` at HOST");
        tokio::time::advance(Duration::from_secs(8)).await;
    }
    assert_eq!(platform.asked(), 1);
    tokio::time::advance(Duration::from_secs(6)).await;
    assert_eq!(platform.said_after_answer("guessed").await, "no key with the token's `kid` at HOST");
    assert_eq!(platform.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_waits_two_seconds_for_a_silent_host_and_a_known_one_not_at_all() {
    let platform = Platform::with_old_key(None, HOUR).await;
    let before = Instant::now();
    let said = platform.said_of("new").await;
    assert_eq!(
        said,
        "no key with the token's `kid` at HOST, whose newer keys cannot be read: it gives no answer within 2 s"
    );
    assert_eq!(before.elapsed().as_secs(), 2);
    assert!(platform.has_at_once("old"));
    // The fetch runs still, and the next request waits for the same one.
    platform.said_of("new").await;
    assert_eq!((before.elapsed().as_secs(), platform.asked()), (4, 1));
    tokio::time::sleep(SECOND * 2).await;
    // Now it has failed, and is not begun again soon.
    let before = Instant::now();
    assert!(platform.said_of("new").await.ends_with("it gives no answer within 5 s"));
    assert_eq!((before.elapsed(), platform.asked()), (Duration::ZERO, 1));
    assert!(platform.has_at_once("old"));
}

#[tokio::test(start_paused = true)]
async fn a_silent_host_without_keys_is_reported_after_five_seconds() {
    let platform = Platform::start(None).await;
    let expected = "the keys of HOST cannot be read: it gives no answer within 5 s";
    let before = Instant::now();
    assert_eq!(platform.said_of("any").await, expected);
    assert_eq!(before.elapsed().as_secs(), 5);
    tokio::task::yield_now().await;
    // Those that come within the next second share the outcome, later ones try again.
    assert_eq!(platform.said_of("any").await, expected);
    assert_eq!((before.elapsed().as_secs(), platform.asked()), (5, 1));
    tokio::time::advance(SECOND).await;
    assert_eq!(platform.said_of("any").await, expected);
    assert_eq!((before.elapsed().as_secs(), platform.asked()), (11, 2));
}

#[test]
fn of_equal_ids_the_one_that_can_be_used_counts() {
    let unusable = json!({"kty": "EC", "kid": "k"});
    for keys in [json!([unusable, entry("k")]), json!([entry("k"), unusable])] {
        let set = KeySet::read(json!({"keys": keys}).to_string().as_bytes()).expect("a key set");
        assert!(set.key("k", "there").is_ok());
    }
    let set = KeySet::read(json!({"keys": [unusable, null, 7]}).to_string().as_bytes()).expect("a key set");
    let Err(NoKey::Missing(problem)) = set.key("k", "there") else { panic!("a key") };
    assert_eq!(problem, "the key with the token's `kid` at there cannot be used: its `kty` is `EC`, not RSA");
    let Err(NoKey::Missing(problem)) = set.key("x", "there") else { panic!("a key") };
    assert_eq!(problem, "no key with the token's `kid` at there");
}

#[test]
fn hosts_and_origins_are_told_apart_from_other_texts() {
    for (entry, name, url) in [
        ("keys.example", "keys.example", "https://keys.example/.well-known/jwks"),
        ("keys.example:8443/", "keys.example:8443", "https://keys.example:8443/.well-known/jwks"),
        ("http://127.0.0.1:7000", "127.0.0.1:7000", "http://127.0.0.1:7000/.well-known/jwks"),
        ("https://keys.example", "keys.example", "https://keys.example/.well-known/jwks"),
    ] {
        let host = Host::new(entry).unwrap_or_else(|error| panic!("{entry}: {error}"));
        assert_eq!((host.name.as_str(), host.url.as_str()), (name, url), "{entry}");
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
