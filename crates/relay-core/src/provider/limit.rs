//! Quotas that a provider sets, kept per credential before a call is made instead of by being refused.
//!
//! A window slides, and holds as the provider sees it: a call counts from the moment at which the provider has seen
//! it at the latest, which is when its answer came. So neither a slow connection nor the jitter of the network lets
//! one call more into any stretch of the quota's time. Calls that wait hold no place among those in flight.

mod replicas;
mod window;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::admission::{Admission, Denied, Entry, Patience};
use super::failure::Rejection;
use super::places::Order;
use crate::shared::{SharedWindow, Stamp};
use window::{Blocked, Windows};

/// A number of calls per time, for one credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    calls: u32,
    per: Duration,
    unit: &'static str,
}

impl Quota {
    /// This many calls per second.
    pub const fn per_second(calls: u32) -> Self {
        Self { calls, per: Duration::from_secs(1), unit: "a second" }
    }

    /// This many calls per minute.
    pub const fn per_minute(calls: u32) -> Self {
        Self { calls, per: Duration::from_secs(60), unit: "a minute" }
    }

    /// This many calls per hour; the longest there is.
    pub const fn per_hour(calls: u32) -> Self {
        Self { calls, per: Duration::from_secs(3600), unit: "an hour" }
    }

    /// One of a length that providers use.
    fn of(calls: u32, per: Duration) -> Option<Self> {
        let all = [Self::per_second(calls), Self::per_minute(calls), Self::per_hour(calls)];
        all.into_iter().find(|quota| quota.per == per)
    }

    /// Never none: a provider that says so would never be called again.
    fn calls(self) -> u32 {
        self.calls.max(1)
    }
}

/// The quotas that hold for one kind of calls; all of them at once.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// What is counted, in words that tell it from all other rates: `hunting queries`.
    pub name: &'static str,
    /// Whose quotas they are, for people, such as `the tenant`.
    pub holder: &'static str,
    /// The quotas.
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

/// A call that was not made: its place in the provider's quota would come free too late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaUsedUp {
    /// The quota in words; nothing where the provider asked for a pause of its own accord.
    pub quota: Option<String>,
    /// After which time there is room again.
    pub free_in: Duration,
    /// When that is.
    pub free_at: jiff::Timestamp,
}

/// The calls that one credential has made under one rate.
pub(super) struct Bucket {
    rate: &'static Rate,
    state: Mutex<State>,
    /// Where the calls of all replicas are counted, if they share a store.
    shared: Option<SharedWindow>,
}

struct State {
    windows: Windows,
    /// Calls without a place, in the order in which they get one: each takes its place itself when it is the first.
    waiting: BTreeMap<Order, Waiting>,
}

struct Waiting {
    weight: u32,
    /// It is the first now, or when there is room has changed.
    changed: Arc<Notify>,
}

/// What a call can do next.
enum Step {
    Enter,
    WaitForOthers,
    WaitUntil(Instant),
    GiveUp(Denied),
}

impl Bucket {
    pub(super) fn new(rate: &'static Rate, shared: Option<SharedWindow>) -> Self {
        let windows = Windows::new(rate.quotas);
        Self { rate, state: Mutex::new(State { windows, waiting: BTreeMap::new() }), shared }
    }

    /// Waits until a call that counts as `weight` calls may be made, and counts it. Nothing is counted where that
    /// would be too late; nor for a call that is given up while it waits.
    pub(super) async fn enter(self: &Arc<Self>, entry: &Entry<'_>, weight: u32) -> Result<Admission, Denied> {
        match &self.shared {
            None => self.enter_here(entry, weight).await,
            Some(shared) => Box::pin(self.enter_shared(shared, entry, weight)).await,
        }
    }

    /// The same, by what this process knows.
    async fn enter_here(self: &Arc<Self>, entry: &Entry<'_>, weight: u32) -> Result<Admission, Denied> {
        if let Some(admission) = self.try_enter(entry, weight) {
            return Ok(admission);
        }
        let Patience { place: last, quota } = entry.patience;
        let waiting = self.wait(entry.order, weight);
        let (mut quota_waited, mut place_waited) = (false, false);
        loop {
            match waiting.next_step(quota) {
                Step::GiveUp(denied) => return Err(denied),
                Step::Enter => {
                    // Held while the quota is asked, not while it is waited for.
                    let admission = entry.enter().await?;
                    place_waited |= admission.place_waited;
                    if let Some(slot) = waiting.take() {
                        return Ok(Admission { slot: Some(slot), quota_waited, place_waited, ..admission });
                    }
                }
                Step::WaitForOthers => {
                    quota_waited = true;
                    let changed = waiting.changed.notified();
                    if Instant::now() < quota {
                        let _ = timeout_at(quota, changed).await;
                    } else {
                        timeout_at(last, changed).await.map_err(|_| Denied::Place)?;
                    }
                }
                Step::WaitUntil(free) => {
                    quota_waited = true;
                    tokio::select! {
                        () = sleep_until(free) => {}
                        () = waiting.changed.notified() => {}
                    }
                }
            }
        }
    }

    /// At once, where nobody has to be waited for.
    fn try_enter(self: &Arc<Self>, entry: &Entry<'_>, weight: u32) -> Option<Admission> {
        let now = Instant::now();
        let mut state = self.lock();
        let is_first = state.waiting.first_key_value().is_none_or(|(first, _)| entry.order < *first);
        if !is_first || state.windows.blocked(0, weight, now).is_some() {
            return None;
        }
        let admission = entry.try_enter()?;
        Some(Admission { slot: Some(self.slot(state.windows.take(weight, now))), ..admission })
    }

    fn wait(self: &Arc<Self>, order: Order, weight: u32) -> InLine {
        let changed = Arc::new(Notify::new());
        let waiting = Waiting { weight, changed: Arc::clone(&changed) };
        self.lock().waiting.insert(order, waiting);
        InLine { bucket: Arc::clone(self), order, weight, changed }
    }

    fn slot(self: &Arc<Self>, id: u64) -> Slot {
        Slot { bucket: Arc::clone(self), id, settled: false, stamp: None }
    }

    /// The provider says how many calls it allows: the first quota becomes this one.
    pub(super) fn adapt(&self, quota: Quota) {
        let mut state = self.lock();
        if state.windows.adapt(quota) {
            state.wake_all();
            if let Some(shared) = &self.shared {
                shared.adapt(quota.calls(), quota.per);
            }
        }
    }

    /// The provider says that nothing is left for this long, by a hint or by the refusal of a call.
    pub(super) fn pause(&self, duration: Duration, refusal: Option<Rejection>) {
        if let Some(shared) = &self.shared {
            shared.pause(duration, refusal.as_ref().and_then(replicas::written));
        }
        self.pause_here(duration, refusal);
    }

    fn pause_here(&self, duration: Duration, refusal: Option<Rejection>) {
        let mut state = self.lock();
        state.windows.pause(Instant::now() + duration, refusal);
        state.wake_all();
    }

    fn denied(&self, blocked: Blocked, refusal: Option<&Rejection>, now: Instant) -> Denied {
        let Rate { name, holder, .. } = self.rate;
        let words = |quota: Quota| format!("{} {name} {} for {holder}", quota.calls(), quota.unit);
        let free_in = blocked.until.saturating_duration_since(now);
        if let (None, Some(refusal)) = (blocked.by, refusal) {
            return Denied::Refused(Rejection { retry_after: Some(free_in), ..refusal.clone() });
        }
        let clock = jiff::Timestamp::now();
        Denied::Quota(QuotaUsedUp {
            quota: blocked.by.map(words),
            free_in,
            free_at: clock.checked_add(free_in).unwrap_or(clock),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake_first(&self) {
        self.waiting.values().take(1).for_each(|first| first.changed.notify_one());
    }

    fn wake_all(&self) {
        self.waiting.values().for_each(|one| one.changed.notify_one());
    }
}

/// A call that waits for the quota; it leaves the line when it is dropped.
struct InLine {
    bucket: Arc<Bucket>,
    order: Order,
    weight: u32,
    changed: Arc<Notify>,
}

impl InLine {
    fn next_step(&self, last: Instant) -> Step {
        let now = Instant::now();
        let mut state = self.bucket.lock();
        let ahead: u32 = state.waiting.range(..self.order).map(|(_, one)| one.weight).sum();
        match state.windows.blocked(ahead, self.weight, now) {
            Some(blocked) if blocked.until > last => {
                Step::GiveUp(self.bucket.denied(blocked, state.windows.refusal(), now))
            }
            _ if ahead > 0 => Step::WaitForOthers,
            Some(blocked) => Step::WaitUntil(state.windows.look_again(blocked.until)),
            None => Step::Enter,
        }
    }

    /// Counts the call, unless another one came first or there is no room any more.
    fn take(&self) -> Option<Slot> {
        let now = Instant::now();
        let mut state = self.bucket.lock();
        let is_first = state.waiting.first_key_value().is_some_and(|(first, _)| *first == self.order);
        if !is_first || state.windows.blocked(0, self.weight, now).is_some() {
            return None;
        }
        Some(self.bucket.slot(state.windows.take(self.weight, now)))
    }
}

impl Drop for InLine {
    fn drop(&mut self) {
        let mut state = self.bucket.lock();
        state.waiting.remove(&self.order);
        state.wake_first();
    }
}

/// The place of a call that is made, in the windows of its rate.
pub(super) struct Slot {
    bucket: Arc<Bucket>,
    id: u64,
    settled: bool,
    /// Its place among the calls of all replicas.
    stamp: Option<Stamp>,
}

/// What a provider can still be sent after its caller has given up.
const AFTERWARDS: Duration = Duration::from_millis(100);

impl Slot {
    /// The provider answers, so it has seen the call.
    pub(super) fn answered(&mut self) {
        self.settle(Instant::now());
    }

    /// The bucket that the place is in.
    pub(super) fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    fn settle(&mut self, seen: Instant) {
        if !std::mem::replace(&mut self.settled, true) {
            let mut state = self.bucket.lock();
            state.windows.settle(self.id, seen);
            state.wake_first();
            drop(state);
            if let (Some(shared), Some(stamp)) = (&self.bucket.shared, &self.stamp) {
                shared.settle(stamp, seen);
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.settle(Instant::now() + AFTERWARDS);
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slot({})", self.bucket.rate.name)
    }
}

#[cfg(test)]
mod tests;
