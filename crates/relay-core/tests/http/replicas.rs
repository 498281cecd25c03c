//! Two relays that share a store. Each test ends where no program of one is installed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use relay_testkit::{Setup, Stage, Store, asked, errors, eventually};
use serde_json::{Value, json};

use crate::acme::{setup, thing};
use crate::mock::{Mock, Reply};
use crate::{messages, only_error};

const UP: &str = "relay_shared_up{relay=\"acme\"} 1";
const AWAY: &str = "relay_shared_up{relay=\"acme\"} 0";
const BOTH: &str = "relay_shared_replicas{relay=\"acme\"} 2";

/// Two replicas, which know of each other, before one provider.
async fn pair(provider: &Mock, store: &Store, with: impl Fn(Setup) -> Setup) -> [Stage; 2] {
    let one = with(setup(provider).shared(store)).start().await;
    let two = with(setup(provider).shared(store)).before(Arc::clone(&one.sim));
    for stage in [&one, &two] {
        stage.until_metrics(BOTH).await;
        stage.until_metrics(UP).await;
    }
    [one, two]
}

/// What a replica answers about a user, who is asked for at most twice an hour, for the tenant with this key.
async fn user(stage: &Stage, key: &str, name: &str) -> Value {
    let token = stage.token_with(&json!({"key": key}));
    stage.ask("/observe/observables", Some(&token), &asked(&[("user", name)])).await
}

fn is_refused(answer: &Value) -> bool {
    errors(answer) == [("error", "too many requests")]
}

#[tokio::test(flavor = "multi_thread")]
async fn all_replicas_together_keep_a_providers_quota() {
    let Some(store) = Store::start() else { return };
    let provider = Mock::always(thing(false, &[])).await;
    let [one, two] = pair(&provider, &store, |setup| setup).await;
    assert_eq!(errors(&user(&one, "key-one", "a").await), []);
    assert_eq!(errors(&user(&two, "key-one", "b").await), []);
    for stage in [&one, &two] {
        let answer = user(stage, "key-one", "c").await;
        let message = only_error(&answer, "error", "too many requests");
        assert!(message.contains("2 lookups of users an hour for the key"), "{message}");
    }
    assert_eq!(provider.calls().len(), 2);
    // Another tenant has its own.
    assert_eq!(errors(&user(&one, "key-two", "a").await), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_one_replica_is_asked_for_is_kept_by_all() {
    let Some(store) = Store::start() else { return };
    let busy = Reply::text(429, "Come back later").with_header("retry-after", "3000");
    let provider = Mock::always(busy).await;
    let [one, two] = pair(&provider, &store, |setup| setup).await;
    let answer = user(&one, "key-one", "a").await;
    assert_eq!(errors(&answer).len(), 1, "{answer}");
    eventually("the pause", async || !store.command(&["KEYS", "relay:acme:pause:*"]).is_empty()).await;
    // It has the words of the refusal that the other one was given.
    let again = user(&two, "key-one", "b").await;
    assert!(messages(&again)[0].contains("Come back later"), "{again}");
    assert_eq!(provider.calls().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_one_replica_has_serves_the_other() {
    let Some(store) = Store::start() else { return };
    let seen = "x".repeat(2000);
    let provider = Mock::always(thing(true, &[&seen])).await;
    // As large as it may be.
    let length = json!({"malicious": true, "seen": [&seen]}).to_string().len().to_string();
    let [one, two] =
        pair(&provider, &store, |setup| setup.setting("RELAY_PROVIDER__MAX_ANSWER", &length)).await;
    let about = [("domain", "a.example")];
    let first = one.observe(&about).await;
    eventually("the answer", async || !store.command(&["KEYS", "relay:acme:answer:*"]).is_empty()).await;
    let second = two.observe(&about).await;
    assert_eq!(provider.calls().len(), 1);
    assert_eq!(first["data"]["verdicts"]["docs"][0]["disposition"], 2);
    assert_eq!(
        first["data"]["verdicts"]["docs"][0]["observable"],
        second["data"]["verdicts"]["docs"][0]["observable"]
    );
    // It lapses when the first one's does.
    let name = store.command(&["KEYS", "relay:acme:answer:*"]);
    let left: u64 = store.command(&["PTTL", &name]).parse().expect("milliseconds");
    assert!(left <= 60_000, "{left}");
    // Another tenant has none of it.
    let token = two.token_with(&json!({"key": "key-two"}));
    two.ask("/observe/observables", Some(&token), &asked(&about)).await;
    assert_eq!(provider.calls().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_never_shared() {
    let Some(store) = Store::start() else { return };
    let bad = [Reply::status(404), Reply::text(200, "{"), Reply::status(403)];
    let provider = Mock::in_turn(bad).await;
    let [one, _two] = pair(&provider, &store, |setup| setup).await;
    for name in ["a.example", "b.example", "c.example"] {
        one.observe(&[("domain", name)]).await;
    }
    // What is written comes before the next beat, and after two of them it would be there.
    let monitor = store.monitor();
    for _ in 0..4 {
        monitor.until_next("XRANGE");
    }
    assert_eq!(store.command(&["KEYS", "relay:acme:answer:*"]), "");
    assert_eq!(provider.calls().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_another_key_nothing_is_shared_and_nothing_fails() {
    let Some(store) = Store::start() else { return };
    let provider = Mock::always(thing(false, &[])).await;
    let one = setup(&provider).shared(&store).start().await;
    let other_key = "another key of tests that no replica has";
    let two = setup(&provider).shared(&store).setting("RELAY_SHARED__KEY", other_key);
    let two = two.before(Arc::clone(&one.sim));
    for stage in [&one, &two] {
        stage.until_metrics(UP).await;
        assert_eq!(errors(&user(stage, "key-one", "a").await), []);
        assert_eq!(errors(&user(stage, "key-one", "b").await), []);
    }
    assert_eq!(provider.calls().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_the_store_is_in_clear_text() {
    let Some(store) = Store::start() else { return };
    let provider = Mock::always(thing(true, &["words-of-the-provider"])).await;
    let monitor = store.monitor();
    let [one, two] = pair(&provider, &store, |setup| setup.claim("key", "secret-of-the-tenant")).await;
    for stage in [&one, &two] {
        stage.observe(&[("domain", "observable.example"), ("user", "somebody-known")]).await;
    }
    eventually("the answers", async || store.command(&["KEYS", "relay:acme:answer:*"]).lines().count() == 2)
        .await;
    monitor.until("relay:acme:window:");
    let all = format!("{}\n{}", store.dump(), monitor.commands_with("").join("\n"));
    assert!(all.contains("relay:acme:answer:"));
    let clear = [
        "words-of-the-provider",
        "secret-of-the-tenant",
        "observable",
        "somebody",
        "malicious",
        "127.0.0.1:",
    ];
    // The monitor names the client of each command by its address.
    let all: String =
        all.lines().map(|line| line.split_once("] ").map_or(line, |(_, command)| command)).collect();
    for text in clear {
        assert!(!all.contains(text), "{text}");
    }
}

/// Requests to both replicas while something happens to the store, each of which is answered in time.
async fn under_load(stages: &[Stage; 2], happens: impl FnOnce() + Send + 'static) {
    let happening = tokio::task::spawn_blocking(happens);
    let mut number = 0;
    loop {
        let is_last = happening.is_finished();
        for stage in stages {
            number += 1;
            let name = format!("n{number}.example");
            let begun = Instant::now();
            let answer = stage.observe(&[("domain", &name)]).await;
            assert_eq!(errors(&answer), [], "{number}");
            // Where a request waited for more than one exchange, it took twice this.
            assert!(begun.elapsed() < TIMEOUT + Duration::from_millis(1500), "{:?}", begun.elapsed());
        }
        if is_last {
            break;
        }
    }
    happening.await.expect("it happens");
}

const TIMEOUT: Duration = Duration::from_secs(2);

fn patient(setup: Setup) -> Setup {
    setup.setting("RELAY_SHARED__TIMEOUT", "2s")
}

#[tokio::test(flavor = "multi_thread")]
async fn without_their_store_replicas_divide_the_quota_and_share_it_again_when_it_is_back() {
    let Some(mut store) = Store::start() else { return };
    let provider = Mock::always(thing(false, &[])).await;
    let stages = pair(&provider, &store, patient).await;
    let [one, two] = &stages;
    store.kill();
    under_load(&stages, || {}).await;
    for stage in &stages {
        stage.until_metrics(AWAY).await;
        let ready = stage.http.get(format!("{}/readyz", stage.relay.admin_url)).send().await;
        assert_eq!(ready.expect("an answer").status(), 200);
        // Two an hour, for two.
        assert_eq!(errors(&user(stage, "key-one", "a").await), []);
        assert!(is_refused(&user(stage, "key-one", "b").await));
    }
    let calls = provider.calls().len();
    store.restart();
    for stage in &stages {
        stage.until_metrics(UP).await;
    }
    assert_eq!(errors(&user(one, "key-two", "a").await), []);
    assert_eq!(errors(&user(two, "key-two", "b").await), []);
    for stage in &stages {
        assert!(is_refused(&user(stage, "key-two", "c").await));
    }
    assert_eq!(provider.calls().len(), calls + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_hangs_costs_its_time_once() {
    let Some(store) = Store::start() else { return };
    let provider = Mock::always(thing(false, &[])).await;
    let stages = pair(&provider, &store, patient).await;
    store.hang();
    let [one, two] = &stages;
    // An exchange for the kept answer, and one for the window, of which none is answered.
    for (stage, name) in [(one, "a"), (two, "b")] {
        let begun = Instant::now();
        assert_eq!(errors(&user(stage, "key-one", name).await), []);
        assert!(begun.elapsed() < TIMEOUT + Duration::from_millis(1500), "{:?}", begun.elapsed());
    }
    under_load(&stages, || {}).await;
    for stage in &stages {
        stage.until_metrics(AWAY).await;
    }
    store.go_on();
    for stage in &stages {
        stage.until_metrics(UP).await;
    }
    assert_eq!(errors(&user(one, "key-two", "a").await), []);
    assert_eq!(errors(&user(two, "key-two", "b").await), []);
    assert!(is_refused(&user(one, "key-two", "c").await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_full_is_left_until_it_has_room() {
    let Some(store) = Store::start() else { return };
    let provider = Mock::always(thing(false, &[])).await;
    let stages = pair(&provider, &store, patient).await;
    store.command(&["CONFIG", "SET", "maxmemory", "1"]);
    under_load(&stages, || {}).await;
    for stage in &stages {
        stage.until_metrics(AWAY).await;
        let failures = "relay_shared_failures_total{kind=\"full\"";
        assert!(stage.metrics().await.contains(failures));
        assert_eq!(errors(&user(stage, "key-one", "a").await), []);
        assert!(is_refused(&user(stage, "key-one", "b").await));
    }
    store.command(&["CONFIG", "SET", "maxmemory", "0"]);
    for stage in &stages {
        stage.until_metrics(UP).await;
    }
    let [one, two] = &stages;
    assert_eq!(errors(&user(one, "key-two", "a").await), []);
    assert_eq!(errors(&user(two, "key-two", "b").await), []);
    assert!(is_refused(&user(one, "key-two", "c").await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_killed_and_started_under_load_costs_no_request() {
    let Some(store) = Store::start() else { return };
    let provider = Mock::always(thing(false, &[])).await;
    let stages = pair(&provider, &store, patient).await;
    let (ready, is_ready) = std::sync::mpsc::channel();
    under_load(&stages, move || {
        let mut store = store;
        for _ in 0..3 {
            store.kill();
            store.restart();
        }
        ready.send(store).expect("the test waits");
    })
    .await;
    let _store = is_ready.recv().expect("the store");
    for stage in &stages {
        stage.until_metrics(UP).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_reached_stops_no_start() {
    let provider = Mock::always(thing(false, &[])).await;
    // A port on which nobody listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a port")
        .port();
    let stage = setup(&provider)
        .setting("RELAY_SHARED__URL", &format!("redis://127.0.0.1:{port}"))
        .setting("RELAY_SHARED__KEY", "a key of at least thirty-two bytes")
        .start()
        .await;
    stage.until_metrics(AWAY).await;
    assert_eq!(errors(&user(&stage, "key-one", "a").await), []);
    assert_eq!(errors(&user(&stage, "key-one", "b").await), []);
    assert!(is_refused(&user(&stage, "key-one", "c").await));
}
