//! Rate limits that a provider documents, kept per credential before a call is made instead of by being refused.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use reqwest::header::HeaderMap;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::credential::CredentialKey;

/// So many calls per time, for one credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Calls allowed within `per`; as many may be made at once.
    pub calls: u32,
    /// The time in which they are allowed.
    pub per: Duration,
}

impl Quota {
    /// So many calls per second.
    pub const fn per_second(calls: u32) -> Self {
        Self { calls, per: Duration::from_secs(1) }
    }

    /// So many calls per minute.
    pub const fn per_minute(calls: u32) -> Self {
        Self { calls, per: Duration::from_secs(60) }
    }

    /// So many calls per hour.
    pub const fn per_hour(calls: u32) -> Self {
        Self { calls, per: Duration::from_secs(3600) }
    }
}

/// The limits that hold for one kind of calls; all of them at once.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// What the limits are counted for, e.g. the name of an API.
    pub name: &'static str,
    /// The limits.
    pub quotas: &'static [Quota],
}

/// What the headers of an answer say about the rate that the provider allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateHint {
    /// The quota that holds now.
    pub quota: Option<Quota>,
    /// No call for this long.
    pub pause: Option<Duration>,
}

/// Reads a [`RateHint`] from the headers of any answer, refused ones included.
pub type ReadRate = fn(&HeaderMap) -> RateHint;

/// The buckets of all credentials that were used in the last hours.
pub(super) struct Limits(Cache<(CredentialKey, &'static str), Arc<Bucket>>);

/// The longest quota is an hour; a bucket that idles longer is full again and may be forgotten.
const IDLE: Duration = Duration::from_secs(2 * 3600);

impl Limits {
    pub(super) fn new() -> Self {
        Self(Cache::builder().max_capacity(100_000).time_to_idle(IDLE).build())
    }

    pub(super) fn bucket(&self, credential: CredentialKey, rate: &Rate) -> Arc<Bucket> {
        self.0.get_with((credential, rate.name), || Arc::new(Bucket::new(rate.quotas)))
    }
}

/// The calls that one credential has made under one rate.
pub(super) struct Bucket {
    state: Mutex<State>,
    /// Calls take their turn in the order of asking: the one at the head holds this while it waits.
    queue: tokio::sync::Mutex<()>,
    /// The provider's word changed what the call at the head waits for.
    changed: Notify,
}

struct State {
    windows: Vec<Window>,
    /// No call before this, by the provider's own word.
    paused_until: Option<Instant>,
}

/// The last calls under one quota. Exact where a counter that refills is not: however calls fall, no stretch
/// of the quota's time ever holds more than it allows.
struct Window {
    quota: Quota,
    /// When calls were made, oldest first; at most as many as the quota allows.
    calls: VecDeque<Instant>,
}

/// How a call came to its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// At once.
    Free,
    /// After others, or after a pause.
    Waited,
}

impl Bucket {
    fn new(quotas: &[Quota]) -> Self {
        let windows = quotas.iter().map(|quota| Window { quota: *quota, calls: VecDeque::new() }).collect();
        Self {
            state: Mutex::new(State { windows, paused_until: None }),
            queue: tokio::sync::Mutex::new(()),
            changed: Notify::new(),
        }
    }

    /// Waits until a call may be made, and counts it. Nothing where that would be after the deadline, and then
    /// no call is counted; nor is one that is given up while it waits.
    pub(super) async fn turn(&self, deadline: Instant) -> Option<Turn> {
        let (_head, mut turn) = match self.queue.try_lock() {
            Ok(head) => (head, Turn::Free),
            Err(_) => (self.queue.lock().await, Turn::Waited),
        };
        loop {
            let free = match self.take(Instant::now()) {
                Ok(()) => return Some(turn),
                Err(free) => free,
            };
            if free > deadline {
                return None;
            }
            turn = Turn::Waited;
            // In time, or as soon as the provider's word makes it another time.
            let _ = timeout_at(free, self.changed.notified()).await;
        }
    }

    /// Counts a call that is made now, or says when one may be made.
    fn take(&self, now: Instant) -> Result<(), Instant> {
        let mut state = self.lock();
        let free = state.windows.iter().filter_map(Window::next).chain(state.paused_until).max();
        if let Some(free) = free.filter(|free| *free > now) {
            return Err(free);
        }
        for window in &mut state.windows {
            window.take(now);
        }
        Ok(())
    }

    /// The provider says how many calls it allows: the first quota becomes this one.
    pub(super) fn adapt(&self, quota: Quota) {
        if let Some(window) = self.lock().windows.first_mut()
            && window.quota != quota
        {
            window.quota = quota;
            window.forget();
            self.changed.notify_one();
        }
    }

    /// The provider says that nothing is left for this long.
    pub(super) fn pause(&self, duration: Duration) {
        let until = Instant::now() + duration;
        let mut state = self.lock();
        state.paused_until = Some(state.paused_until.map_or(until, |known| known.max(until)));
        // Whoever waits looks again when it wakes, so a later time needs no call.
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    /// When the next call may be made, if not at any time.
    fn next(&self) -> Option<Instant> {
        let allowed = self.quota.calls.max(1) as usize;
        let oldest_that_counts = self.calls.len().checked_sub(allowed)?;
        self.calls.get(oldest_that_counts).map(|at| *at + self.quota.per)
    }

    fn take(&mut self, at: Instant) {
        self.calls.push_back(at);
        self.forget();
    }

    /// Calls that no longer matter.
    fn forget(&mut self) {
        while self.calls.len() > self.quota.calls.max(1) as usize {
            self.calls.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;
    use proptest::prelude::*;
    use tokio::time::sleep_until;

    fn never() -> Instant {
        Instant::now() + Duration::from_secs(1_000_000)
    }

    /// After how many seconds each of so many calls that are asked for at once has its turn.
    async fn turns(bucket: &Bucket, calls: usize) -> Vec<u64> {
        let start = Instant::now();
        let call = async |()| {
            bucket.turn(never()).await.expect("no bound");
            start.elapsed().as_secs()
        };
        join_all((0..calls).map(|_| call(()))).await
    }

    #[tokio::test(start_paused = true)]
    async fn calls_beyond_the_quota_wait_their_turn() {
        let bucket = Bucket::new(&[Quota::per_second(2)]);
        assert_eq!(turns(&bucket, 6).await, [0, 0, 1, 1, 2, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_the_deadline_takes_no_place() {
        let bucket = Bucket::new(&[Quota::per_second(1)]);
        assert_eq!(bucket.turn(never()).await, Some(Turn::Free));
        assert_eq!(bucket.turn(Instant::now() + Duration::from_millis(900)).await, None);
        let asked = Instant::now();
        assert_eq!(bucket.turn(never()).await, Some(Turn::Waited));
        assert_eq!(asked.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_given_up_takes_no_place() {
        let bucket = Bucket::new(&[Quota::per_second(1)]);
        assert_eq!(turns(&bucket, 1).await, [0]);
        let given_up = timeout_at(Instant::now() + Duration::from_millis(500), bucket.turn(never())).await;
        assert!(given_up.is_err());
        let asked = Instant::now();
        assert_eq!(bucket.turn(never()).await, Some(Turn::Waited));
        assert_eq!(asked.elapsed(), Duration::from_millis(500));
    }

    #[tokio::test(start_paused = true)]
    async fn the_scarcest_of_several_quotas_counts() {
        let bucket = Bucket::new(&[Quota::per_second(10), Quota::per_hour(1)]);
        assert_eq!(turns(&bucket, 2).await, [0, 3600]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_providers_word_changes_rate_and_pauses() {
        let bucket = Bucket::new(&[Quota::per_second(2)]);
        bucket.adapt(Quota::per_second(50));
        bucket.pause(Duration::from_secs(3));
        assert_eq!(turns(&bucket, 1).await, [3]);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(turns(&bucket, 50).await, [0; 50]);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_wait_already_hear_the_providers_word() {
        let bucket = Bucket::new(&[Quota::per_second(1)]);
        let word = async {
            // The first call is made; the answer to it says how fast the others may follow.
            bucket.adapt(Quota::per_second(5));
        };
        let (turns, ()) = tokio::join!(turns(&bucket, 10), word);
        assert_eq!(turns, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);

        let word = async { bucket.pause(Duration::from_secs(7)) };
        let (turns, ()) = tokio::join!(self::turns(&bucket, 2), word);
        assert_eq!(turns, [7, 7]);
    }

    proptest! {
        #[test]
        fn no_second_sees_more_calls_than_allowed(
            allowed in 1_u32..20,
            gaps in prop::collection::vec(0_u64..800, 1..60),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
            runtime.block_on(async {
                let bucket = Bucket::new(&[Quota::per_second(allowed)]);
                let mut asked = Instant::now();
                let sent = join_all(gaps.into_iter().map(|gap| {
                    asked += Duration::from_millis(gap);
                    let (asked, bucket) = (asked, &bucket);
                    async move {
                        sleep_until(asked).await;
                        bucket.turn(never()).await.expect("no bound");
                        Instant::now()
                    }
                }))
                .await;
                for from in &sent {
                    let window = *from..*from + Duration::from_secs(1);
                    let calls = sent.iter().filter(|at| window.contains(at)).count();
                    assert!(calls <= allowed as usize, "{calls} calls in a second where {allowed} are allowed");
                }
            });
        }
    }
}
