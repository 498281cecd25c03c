use std::sync::{Mutex, PoisonError};

use futures::future::join_all;
use relay_testkit::{Store, eventually};
use tokio::time::sleep_until;

use super::super::tests::replica;
use super::*;

const SEEN_WITHIN: Duration = Duration::from_secs(5);
const MILLISECOND: Duration = Duration::from_millis(1);

async fn take(window: &SharedWindow, weight: u32, quotas: &[(u32, Duration)]) -> Word {
    eventually("the store answers", async || !window.shared.0.link.needs_connection()).await;
    window.take(Asked { weight, quotas, seen_within: SEEN_WITHIN }).await.expect("the store")
}

/// How long a word says that a call waits, in milliseconds; nothing where it has its place.
fn wait(word: &Word) -> Option<u128> {
    word.place.is_none().then(|| word.wait.map_or(0, |(wait, _)| wait.as_millis()))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stretch_of_time_holds_more_calls_of_all_replicas_than_a_quota_allows() {
    let Some(store) = Store::start() else { return };
    let quotas = [(4, MILLISECOND * 200), (9, MILLISECOND * 700)];
    let replicas: Vec<Shared> = (0..3).map(|_| replica(&store)).collect();
    let windows: Vec<SharedWindow> = replicas.iter().map(|shared| shared.window(&[b"tenant"])).collect();
    // When the provider may have seen a call: some time between its place and its answer.
    let seen = Mutex::new(Vec::new());
    let call = async |number: usize| {
        let window = &windows[number % windows.len()];
        let weight = if number.is_multiple_of(5) { 2 } else { 1 };
        let stamp = loop {
            let word = take(window, weight, &quotas).await;
            match (word.place, word.wait) {
                (Some(stamp), _) => break stamp,
                (None, wait) => sleep_until(Instant::now() + wait.expect("a time").0).await,
            }
        };
        let placed = Instant::now();
        let took = MILLISECOND * u32::try_from(number * 37 % 60).expect("small");
        sleep_until(placed + took).await;
        let at = if number.is_multiple_of(2) { placed } else { Instant::now() };
        seen.lock().unwrap_or_else(PoisonError::into_inner).extend(std::iter::repeat_n(at, weight as usize));
        window.settle(&stamp, Instant::now());
    };
    join_all((0..30).map(call)).await;
    let mut seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    seen.sort_unstable();
    assert_eq!(seen.len(), 36);
    for (most, per) in quotas {
        for first in seen.windows(most as usize + 1) {
            let stretch = first[most as usize] - first[0];
            assert!(stretch >= per, "{} calls within {stretch:?}", most + 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_counts_from_its_answer_and_one_under_way_everywhere() {
    let Some(store) = Store::start() else { return };
    let shared = replica(&store);
    let window = shared.window(&[b"tenant"]);
    let quotas = [(1, Duration::from_secs(60))];
    let word = take(&window, 1, &quotas).await;
    let stamp = word.place.expect("a place");
    let under_way = wait(&take(&window, 1, &quotas).await);
    assert_eq!(under_way, Some(60_000), "if it is answered now");
    window.settle(&stamp, Instant::now());
    eventually("the answer counts", async || wait(&take(&window, 1, &quotas).await) < Some(60_000)).await;
    // Others have nothing to do with it.
    assert_eq!(wait(&take(&shared.window(&[b"other"]), 1, &quotas).await), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_made_together_have_their_places_all_at_once() {
    let Some(store) = Store::start() else { return };
    let window = replica(&store).window(&[b"tenant"]);
    let quotas = [(5, Duration::from_secs(60))];
    assert_eq!(wait(&take(&window, 3, &quotas).await), None);
    assert!(wait(&take(&window, 3, &quotas).await).is_some());
    assert_eq!(wait(&take(&window, 2, &quotas).await), None);
    // More than a quota ever allows go when no other call was made.
    let more = replica(&store).window(&[b"more"]);
    assert_eq!(wait(&take(&more, 7, &quotas).await), None);
    assert!(wait(&take(&more, 1, &quotas).await).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_and_the_quota_of_the_headers_hold_for_all() {
    let Some(store) = Store::start() else { return };
    let [one, two] = [(); 2].map(|()| replica(&store).window(&[b"tenant"]));
    let quotas = [(1, Duration::from_secs(60))];
    assert_eq!(wait(&take(&one, 1, &quotas).await), None);
    one.adapt(3, Duration::from_secs(60));
    eventually("the quota", async || !store.command(&["KEYS", "relay:acme:quota:*"]).is_empty()).await;
    let word = take(&two, 1, &quotas).await;
    assert!(word.place.is_some() && word.quota == Some((3, Duration::from_secs(60))), "{word:?}");
    two.pause(Duration::from_secs(100), Some(b"words".to_vec()));
    two.pause(Duration::from_secs(10), None);
    eventually("the pause", async || !store.command(&["KEYS", "relay:acme:pause:*"]).is_empty()).await;
    let word = take(&one, 1, &quotas).await;
    let (pause, refusal) = word.pause.expect("a pause");
    assert!(word.place.is_none() && pause > Duration::from_secs(90), "{pause:?}");
    assert_eq!(refusal.as_deref(), Some(&b"words"[..]));
    assert!(!store.dump().contains("words"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_store_lapses_by_itself() {
    let Some(store) = Store::start() else { return };
    let window = replica(&store).window(&[b"tenant"]);
    take(&window, 1, &[(1, Duration::from_secs(1))]).await;
    window.pause(Duration::from_secs(10), None);
    window.adapt(3, Duration::from_secs(60));
    eventually("all of it", async || store.command(&["DBSIZE"]) == "4").await;
    for name in store.command(&["KEYS", "*"]).lines() {
        let left: i64 = store.command(&["TTL", name]).parse().expect("seconds");
        assert!(left > 0 && left <= 2 * 3600, "{name}: {left}");
    }
}
