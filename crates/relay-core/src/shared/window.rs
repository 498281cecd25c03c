//! The windows of a provider's quotas, counted once for all replicas by the store's own clock.
//!
//! An entry is a sorted set of the last calls: each counts from when the provider had seen it at the latest. A call
//! under way stands at its latest moment, and moves to an earlier one when it is answered.

use std::sync::LazyLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::Script;
use tokio::time::Instant;

use super::keys::Kind;
use super::link::Unavailable;
use super::metrics::Operation;
use super::{Shared, milliseconds};

/// Records a call and answers that it has a place, or answers for how long there is none: under the quota
/// that makes it wait longest, and by the pause that the provider asked for.
static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("take.lua")));

/// Asks for a pause, unless a longer one holds.
const PAUSE: &str = "
    if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
        redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[1])
    end
    return 0";

/// For how long the quota of the headers is known; each replica keeps it for itself beyond that.
const QUOTA_KNOWN: Duration = Duration::from_secs(2 * 3600);
/// An entry is kept for longer than it matters: a store that is full forgets first what lapses first, and that must be
/// answers, which cost a call, and not windows, which cost the provider's quota.
const KEPT: Duration = Duration::from_secs(3600);

/// The windows of one credential under one rate.
pub(crate) struct SharedWindow {
    shared: Shared,
    window: String,
    pause: String,
    quota: String,
}

/// What is asked: room for calls that are made together, under these quotas of calls and times.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) weight: u32,
    pub(crate) quotas: &'a [(u32, Duration)],
    /// After which time the provider has seen a call.
    pub(crate) seen_within: Duration,
}

/// What the store says.
#[derive(Debug)]
pub(crate) struct Word {
    /// The call has its place.
    pub(crate) place: Option<Stamp>,
    /// For how long there is none under the quota of this number.
    pub(crate) wait: Option<(Duration, usize)>,
    /// For how long the provider wants no call, and the refusal that said so, if one did.
    pub(crate) pause: Option<(Duration, Option<Vec<u8>>)>,
    /// The first quota, where the provider's headers gave another.
    pub(crate) quota: Option<(u32, Duration)>,
}

/// The place of a call in the store.
#[derive(Debug)]
pub(crate) struct Stamp {
    member: String,
    weight: u32,
    /// The store's time, in microseconds, at this moment or later.
    at: u64,
    asked: Instant,
}

impl Shared {
    /// The windows of what these parts identify.
    pub(crate) fn window(&self, parts: &[&[u8]]) -> SharedWindow {
        let name = |kind| self.keys().name(kind, parts.iter().copied());
        SharedWindow {
            shared: self.clone(),
            window: name(Kind::Window),
            pause: name(Kind::Pause),
            quota: name(Kind::Quota),
        }
    }
}

impl SharedWindow {
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Asks for a place.
    ///
    /// # Errors
    /// The store is unavailable. The call may have been counted.
    pub(crate) async fn take(&self, asked: Asked<'_>) -> Result<Word, Unavailable> {
        let inner = &self.shared.0;
        let number = inner.calls.fetch_add(1, Ordering::Relaxed);
        let member = format!("{}{number:x}", inner.replica);
        let mut call = TAKE.key(&self.window);
        call.key(&self.pause).key(&self.quota);
        call.arg(&member).arg(asked.weight).arg(microseconds(asked.seen_within)).arg(milliseconds(KEPT));
        for (calls, per) in asked.quotas {
            call.arg(*calls).arg(microseconds(*per));
        }
        let sent = Instant::now();
        let (taken, at, wait, by, pause, refusal, calls, per): (
            u32,
            u64,
            u64,
            usize,
            u64,
            Vec<u8>,
            u32,
            u64,
        ) = inner
            .link
            .ask(Operation::Window, |mut connection| async move { call.invoke_async(&mut connection).await })
            .await?;
        let refusal = if refusal.is_empty() { None } else { inner.keys.open(&self.pause, refusal) };
        Ok(Word {
            place: (taken == 1).then_some(Stamp { member, weight: asked.weight, at, asked: sent }),
            wait: (wait > 0).then(|| (Duration::from_micros(wait), by.saturating_sub(1))),
            pause: (pause > 0).then(|| (Duration::from_millis(pause), refusal)),
            quota: (calls > 0).then(|| (calls, Duration::from_micros(per))),
        })
    }

    /// The provider had seen the call by this moment.
    pub(crate) fn settle(&self, stamp: &Stamp, seen: Instant) {
        let at = stamp.at + microseconds(seen.saturating_duration_since(stamp.asked));
        let mut command = redis::cmd("ZADD");
        command.arg(&self.window).arg("XX").arg("LT");
        for number in 1..=stamp.weight.max(1) {
            command.arg(at).arg(format!("{}:{number}", stamp.member));
        }
        self.shared.write_later(command);
    }

    /// No call for this long.
    pub(crate) fn pause(&self, duration: Duration, refusal: Option<Vec<u8>>) {
        let refusal = refusal.and_then(|refusal| self.shared.keys().seal(&self.pause, refusal));
        let mut command = redis::cmd("EVAL");
        command.arg(PAUSE).arg(1).arg(&self.pause);
        command.arg(milliseconds(duration)).arg(refusal.unwrap_or_default());
        self.shared.write_later(command);
    }

    /// The first quota is this one.
    pub(crate) fn adapt(&self, calls: u32, per: Duration) {
        let mut command = redis::cmd("SET");
        command.arg(&self.quota).arg(format!("{calls} {}", microseconds(per)));
        command.arg("PX").arg(milliseconds(QUOTA_KNOWN));
        self.shared.write_later(command);
    }
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
