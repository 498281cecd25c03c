use relay_testkit::{Store, eventually};
use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::error::{Code, Error};
use crate::memory::Lapsing;
use crate::observable::TypeCase;
use crate::settings::{Environment, Settings};

static MODULE: Module = Module {
    name: "acme",
    package: "relay-acme",
    version: "1.2.3",
    title: "Acme",
    summary: "A relay of tests",
    user_agent: None,
    observables: &[],
    type_case: TypeCase::Exact,
    claims: &[],
    settings: &[],
};

/// A replica of the relay `acme`, which connects.
pub(super) fn replica(store: &Store) -> Shared {
    let shared = at(store);
    shared.begin();
    shared
}

/// The same, which does not connect yet.
fn at(store: &Store) -> Shared {
    let key = "a key of tests that all replicas have".to_owned();
    with(&[("RELAY_SHARED__URL", store.url()), ("RELAY_SHARED__KEY", key)])
}

fn with(settings: &[(&str, String)]) -> Shared {
    let loaded = Settings::load(&MODULE, Environment::of(settings.iter().cloned())).expect("settings");
    let metrics = Metrics::new("acme").expect("metrics");
    let store = loaded.settings.shared.expect("a store");
    Shared::new(&MODULE, &store, Clock::System, &metrics).expect("a way to the store")
}

pub(super) async fn connected(shared: &Shared) {
    eventually("a connection", async || !shared.0.link.needs_connection()).await;
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread")]
async fn what_one_replica_remembers_the_others_do_for_what_is_left_of_its_time() {
    let Some(store) = Store::start() else { return };
    let replicas = [replica(&store), replica(&store)];
    let [one, two] =
        replicas.each_ref().map(|shared| Lapsing::<String, Error>::new(10).shared(shared, "refused"));
    let error = Error::warning(Code::new("made up"), "It is refused");
    for shared in &replicas {
        connected(shared).await;
    }
    let now = jiff::Timestamp::now;
    one.remember("a".to_owned(), error.clone(), HOUR, now());
    eventually("the other knows it", async || two.recall(&"a".to_owned(), now()) == Some(error.clone()))
        .await;
    // One that starts later knows it too, and it lapses an hour after it was learnt.
    let later = at(&store);
    let three = Lapsing::<String, Error>::new(10).shared(&later, "refused");
    later.begin();
    eventually("a later one knows it", async || three.holds(&"a".to_owned(), now())).await;
    let end = now() + jiff::SignedDuration::from_secs(3600);
    assert!(!three.holds(&"a".to_owned(), end) && !two.holds(&"a".to_owned(), end));
    assert!(!store.dump().contains("refused"));
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_is_begun_once_and_its_outcome_known_to_all() {
    let Some(store) = Store::start() else { return };
    let [one, two] = [replica(&store), replica(&store)];
    for shared in [&one, &two] {
        connected(shared).await;
    }
    let target: [&[u8]; 2] = [b"tenant", b"target"];
    let Ok(Begun::First(lease)) = one.begin_action(&target, b"isolate", HOUR, soon()).await else {
        panic!("the first");
    };
    let failure = Err(Error::fatal(Code::CONNECTION, "It broke"));
    let (again, ()) = tokio::join!(two.begin_action(&target, b"isolate", HOUR, soon()), lease.end(&failure));
    assert!(matches!(again, Ok(Begun::Again(Some(outcome))) if outcome == failure));
    // Another action on the same target is a new one, and after it the first one is too.
    let other = two.begin_action(&target, b"release", HOUR, soon()).await;
    let Ok(Begun::First(other)) = other else { panic!("another action") };
    assert!(matches!(one.begin_action(&target, b"isolate", HOUR, soon()).await, Ok(Begun::First(_))));
    // Its outcome does not take the place of that of the later one.
    other.end(&Ok(())).await;
    let again = one.begin_action(&target, b"isolate", HOUR, Instant::now()).await;
    assert!(matches!(again, Ok(Begun::Again(None))), "it is under way, and its outcome not known in time");
}

#[test]
fn errors_come_back_as_they_were_written() {
    let error = Error::warning(Code::new("made up"), "Some words");
    let back: Error = serde_json::from_value(json!(error)).expect("an error");
    assert_eq!(back, error);
}
