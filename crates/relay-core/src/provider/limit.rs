//! Quotas that a provider sets, kept per credential before a call is made instead of by being refused.
//!
//! A window slides, and holds as the provider sees it: a call counts from the moment at which the provider has seen
//! it at the latest, which is when its answer came. So neither a slow connection nor the jitter of the network lets
//! one call more into any stretch of the quota's time. Calls that wait hold no place among those in flight.

mod window;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::failure::Rejection;
use super::places::{Order, Place, Places};
use crate::call::{Priority, RequestContext};
use window::{Blocked, Windows};

/// So many calls per time, for one credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    calls: u32,
    per: Duration,
    unit: &'static str,
}

impl Quota {
    /// So many calls per second.
    pub const fn per_second(calls: u32) -> Self {
        Self { calls, per: Duration::from_secs(1), unit: "a second" }
    }

    /// So many calls per minute.
    pub const fn per_minute(calls: u32) -> Self {
        Self { calls, per: Duration::from_secs(60), unit: "a minute" }
    }

    /// So many calls per hour; the longest there is.
    pub const fn per_hour(calls: u32) -> Self {
        Self { calls, per: Duration::from_secs(3600), unit: "an hour" }
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
    pub whose: &'static str,
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

/// Until when a call waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For a place among the calls in flight.
    pub(super) place: Instant,
    /// For a place in a quota: what is begun then can still be answered.
    quota: Instant,
}

/// How long a call takes that is made at the last moment, and what follows from its answer.
const TO_ANSWER: Duration = Duration::from_secs(2);
/// Dashboards are asked for again; their calls do not pile up behind those of investigations.
const TILES_WAIT: Duration = Duration::from_secs(5);

impl Patience {
    pub(super) fn of(context: &RequestContext) -> Self {
        let deadline = context.deadline();
        let quota = deadline.checked_sub(TO_ANSWER).unwrap_or(deadline);
        match context.priority() {
            Priority::Tile => {
                let end = Instant::now() + TILES_WAIT;
                Self { place: deadline.min(end), quota: quota.min(end) }
            }
            Priority::Action | Priority::Health | Priority::Lookup => Self { place: deadline, quota },
        }
    }
}

/// Why a call may not be made.
#[derive(Debug)]
pub(super) enum Denied {
    /// The quota has no place in time.
    Quota(QuotaUsedUp),
    /// The provider refused another call, and asked for a pause that is too long.
    Refused(Rejection),
    /// There was no place among the calls in flight.
    Place,
}

/// What a call may be made with.
#[derive(Debug)]
pub(super) struct Admission {
    /// Among the calls in flight.
    pub(super) place: Place,
    /// In the quota, for calls that have one.
    pub(super) slot: Option<Slot>,
    /// Whether it waited for the quota.
    pub(super) quota_waited: bool,
    /// Whether it waited for the place.
    pub(super) place_waited: bool,
}

/// Waits until a call without a quota may be made.
pub(super) async fn enter(
    places: &Arc<Places>,
    order: Order,
    patience: Patience,
) -> Result<Admission, Denied> {
    let (place, place_waited) = placed(places, order, patience).await?;
    Ok(Admission { place, slot: None, quota_waited: false, place_waited })
}

/// A place among the calls in flight, and whether it was waited for.
async fn placed(places: &Arc<Places>, order: Order, patience: Patience) -> Result<(Place, bool), Denied> {
    match places.try_enter(order) {
        Some(place) => Ok((place, false)),
        None => match timeout_at(patience.place, places.enter(order)).await {
            Ok(place) => Ok((place, true)),
            Err(_) => Err(Denied::Place),
        },
    }
}

/// The calls that one credential has made under one rate.
pub(super) struct Bucket {
    rate: &'static Rate,
    state: Mutex<State>,
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
    pub(super) fn new(rate: &'static Rate) -> Self {
        let windows = Windows::new(rate.quotas);
        Self { rate, state: Mutex::new(State { windows, waiting: BTreeMap::new() }) }
    }

    /// Waits until a call that counts as `weight` calls may be made, and counts it. Nothing is counted where that
    /// would be too late; nor for a call that is given up while it waits.
    pub(super) async fn enter(
        self: &Arc<Self>,
        places: &Arc<Places>,
        order: Order,
        weight: u32,
        patience: Patience,
    ) -> Result<Admission, Denied> {
        let (mut quota_waited, mut place_waited) = (false, false);
        if let Some((place, slot)) = self.try_enter(places, order, weight) {
            return Ok(Admission { place, slot: Some(slot), quota_waited, place_waited });
        }
        let waiting = self.wait(order, weight);
        loop {
            match waiting.next_step(patience) {
                Step::GiveUp(denied) => return Err(denied),
                Step::Enter => {
                    // Held while the quota is asked, not while it is waited for.
                    let (place, waited) = placed(places, order, patience).await?;
                    place_waited |= waited;
                    if let Some(slot) = waiting.take() {
                        return Ok(Admission { place, slot: Some(slot), quota_waited, place_waited });
                    }
                }
                Step::WaitForOthers => {
                    quota_waited = true;
                    let changed = waiting.changed.notified();
                    if Instant::now() < patience.quota {
                        let _ = timeout_at(patience.quota, changed).await;
                    } else {
                        timeout_at(patience.place, changed).await.map_err(|_| Denied::Place)?;
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
    fn try_enter(self: &Arc<Self>, places: &Arc<Places>, order: Order, weight: u32) -> Option<(Place, Slot)> {
        let now = Instant::now();
        let mut state = self.lock();
        let is_first = state.waiting.first_key_value().is_none_or(|(first, _)| order < *first);
        if !is_first || state.windows.blocked(0, weight, now).is_some() {
            return None;
        }
        let place = places.try_enter(order)?;
        Some((place, self.slot(state.windows.take(weight, now))))
    }

    fn wait(self: &Arc<Self>, order: Order, weight: u32) -> InLine {
        let changed = Arc::new(Notify::new());
        let waiting = Waiting { weight, changed: Arc::clone(&changed) };
        self.lock().waiting.insert(order, waiting);
        InLine { bucket: Arc::clone(self), order, weight, changed }
    }

    fn slot(self: &Arc<Self>, id: u64) -> Slot {
        Slot { bucket: Arc::clone(self), id, settled: false }
    }

    /// The provider says how many calls it allows: the first quota becomes this one.
    pub(super) fn adapt(&self, quota: Quota) {
        let mut state = self.lock();
        if state.windows.adapt(quota) {
            state.wake_all();
        }
    }

    /// The provider says that nothing is left for this long, by a hint or by the refusal of a call.
    pub(super) fn pause(&self, duration: Duration, refusal: Option<Rejection>) {
        let mut state = self.lock();
        state.windows.pause(Instant::now() + duration, refusal);
        state.wake_all();
    }

    fn denied(&self, blocked: Blocked, refusal: Option<&Rejection>, now: Instant) -> Denied {
        let Rate { name, whose, .. } = self.rate;
        let words = |quota: Quota| format!("{} {name} {} for {whose}", quota.calls(), quota.unit);
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
    fn next_step(&self, patience: Patience) -> Step {
        let now = Instant::now();
        let mut state = self.bucket.lock();
        let ahead: u32 = state.waiting.range(..self.order).map(|(_, one)| one.weight).sum();
        match state.windows.blocked(ahead, self.weight, now) {
            Some(blocked) if blocked.until > patience.quota => {
                Step::GiveUp(self.bucket.denied(blocked, state.windows.refusal(), now))
            }
            _ if ahead > 0 => Step::WaitForOthers,
            Some(blocked) => Step::WaitUntil(blocked.until),
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
