use futures::future::join_all;
use relay_testkit::{Store, eventually};

use super::*;
use crate::shared::tests::{connected, replica};

const MINUTE: Duration = Duration::from_secs(60);
const MOST_BYTES: usize = 1000;

/// The name of the answer to the call of this number.
fn name(shared: &Shared, number: u8) -> String {
    shared.answer_name(&[b"GET", &[number]])
}

/// Shares an answer that serves for this long.
fn share(shared: &Shared, number: u8, answer: &[u8], lasts: Duration) {
    shared.share_answer(&name(shared, number), Instant::now() + lasts, &[answer]);
}

async fn read(shared: &Shared, number: u8) -> Option<Unpacked> {
    shared.answer(name(shared, number)).await?.unpack(shared, MOST_BYTES)
}

/// How many exchanges were made to read answers.
fn exchanges(store: &Store) -> u64 {
    let statistics = store.command(&["INFO", "commandstats"]);
    let calls = statistics.split("cmdstat_mget:calls=").nth(1).and_then(|rest| rest.split(',').next());
    calls.map_or(0, |calls| calls.parse().expect("a number"))
}

// One thread, so that nothing is read before all have asked.
#[tokio::test]
async fn what_is_looked_up_at_once_is_read_in_one_exchange() {
    let Some(store) = Store::start() else { return };
    let [one, two] = [replica(&store), replica(&store)];
    for shared in [&one, &two] {
        connected(shared).await;
    }
    for number in 0..40 {
        share(&one, number, &[number], MINUTE);
    }
    eventually("all are in the store", async || store.dump().matches(":answer:").count() == 40).await;
    let before = exchanges(&store);
    // Every second one is there.
    let found = join_all((0..80).step_by(2).map(|number| read(&two, number))).await;
    for (found, number) in found.into_iter().zip((0..80).step_by(2)) {
        let answer = found.map(|found| found.answer);
        assert_eq!(answer, (number < 40).then(|| vec![number]), "{number}");
    }
    assert_eq!(exchanges(&store) - before, 3, "40 reads, 16 in one exchange");
}

#[tokio::test]
async fn an_answer_serves_for_what_is_left_of_its_time() {
    let Some(store) = Store::start() else { return };
    let shared = replica(&store);
    connected(&shared).await;
    share(&shared, 1, b"short", MINUTE);
    share(&shared, 2, &[0; MOST_BYTES + 1], MINUTE);
    eventually("both are in the store", async || store.dump().matches(":answer:").count() == 2).await;
    let found = read(&shared, 1).await.expect("the answer");
    assert_eq!(found.answer, b"short");
    assert!(found.lasts <= MINUTE && found.lasts > MINUTE / 2, "{:?}", found.lasts);
    assert!(read(&shared, 2).await.is_none(), "it is larger than what may be read");
    let kept = store.command(&["PTTL", &name(&shared, 1)]);
    let kept: u64 = kept.trim().parse().expect("milliseconds");
    assert!(kept <= 60_000 && kept > 30_000, "{kept}");

    // The value of another entry is none.
    store.command(&["COPY", &name(&shared, 1), &name(&shared, 3)]);
    assert!(shared.answer(name(&shared, 3)).await.is_some() && read(&shared, 3).await.is_none());
    // The store keeps it longer than it serves.
    let late = shared.answer(name(&shared, 1)).await.expect("the answer");
    shared.set_time(shared.time().expect("the store's time") + 60_001);
    assert!(late.unpack(&shared, MOST_BYTES).is_none());
}
