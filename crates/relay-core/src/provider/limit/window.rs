//! The last calls under the quotas of one rate, of this process. Pure counting: the time is given, nothing waits here.
//! What a store that several replicas share says of their calls is one more reason to wait ([`Windows::elsewhere`]).

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::Quota;
use crate::provider::Rejection;

/// When the provider has seen a call at the latest, though the answer takes longer: a connection is made by then.
pub(super) const SEEN_WITHIN: Duration = Duration::from_secs(5);

/// All quotas of a rate.
pub(super) struct Windows {
    quotas: Vec<Window>,
    /// Calls without an answer yet; they count in every window.
    under_way: Vec<UnderWay>,
    pause: Option<Pause>,
    /// Why replicas together have no room.
    elsewhere: Option<Elsewhere>,
    /// Replicas that divide the quotas among them, while nothing counts for all of them.
    sharing: u32,
    next_id: u64,
}

/// What the store said last.
struct Elsewhere {
    blocked: Blocked,
    /// When it is asked again: a quota may have become larger meanwhile.
    ask_again: Instant,
}

/// For how long the word of the store is believed.
const BELIEVED: Duration = Duration::from_secs(5);

/// No call for a while, by the provider's own word.
struct Pause {
    until: Instant,
    /// The refusal that said so; nothing for a hint in the headers of an answer.
    refusal: Option<Rejection>,
}

struct UnderWay {
    id: u64,
    sent: Instant,
    calls: u32,
}

/// The calls of one quota. Exact where a counter that refills is not: however calls fall, no stretch of the quota's
/// time ever holds more than it allows.
struct Window {
    quota: Quota,
    /// When the provider had seen calls, and how many: oldest first, none that is out of the window.
    seen: VecDeque<(Instant, u32)>,
    /// How many these are together.
    used: u32,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blocked {
    /// There is room again from here on, if calls under way are answered now.
    pub(super) until: Instant,
    /// The quota that has none; nothing where the provider asked for a pause.
    pub(super) by: Option<Quota>,
}

impl Windows {
    pub(super) fn new(quotas: &[Quota]) -> Self {
        let window = |quota: &Quota| Window { quota: *quota, seen: VecDeque::new(), used: 0 };
        Self {
            quotas: quotas.iter().map(window).collect(),
            under_way: Vec::new(),
            pause: None,
            elsewhere: None,
            sharing: 1,
            next_id: 0,
        }
    }

    /// Why this many calls have no room now, where this many others go before them. Calls that are made together, and
    /// are more than a quota ever allows, have room when no other call has been made.
    pub(super) fn blocked(&mut self, ahead: u32, calls: u32, now: Instant) -> Option<Blocked> {
        self.forget(now);
        let under_way: u32 = self.under_way.iter().map(|one| one.calls).sum();
        let quotas = self.quotas.iter().filter_map(|window| {
            let until = window.free_at(ahead, calls, under_way, self.sharing, now)?;
            Some(Blocked { until, by: Some(window.quota) })
        });
        let quotas = quotas.chain(self.elsewhere.iter().map(|elsewhere| elsewhere.blocked));
        match (quotas.max_by_key(|blocked| blocked.until), &self.pause) {
            // A hint of the provider adds nothing to its quota but time.
            (Some(by_quota), Some(pause)) if pause.refusal.is_none() => {
                Some(Blocked { until: by_quota.until.max(pause.until), ..by_quota })
            }
            (by_quota, Some(pause)) if by_quota.is_none_or(|blocked| blocked.until < pause.until) => {
                Some(Blocked { until: pause.until, by: None })
            }
            (by_quota, _) => by_quota,
        }
    }

    /// The refusal by which the provider asked for the pause that holds now.
    pub(super) fn refusal(&self) -> Option<&Rejection> {
        self.pause.as_ref()?.refusal.as_ref()
    }

    /// Counts calls that are made now, and says by which name their answer is known.
    pub(super) fn take(&mut self, calls: u32, now: Instant) -> u64 {
        self.next_id += 1;
        self.under_way.push(UnderWay { id: self.next_id, sent: now, calls });
        self.next_id
    }

    /// The provider had seen the calls of this name by this moment.
    pub(super) fn settle(&mut self, id: u64, seen: Instant) {
        if let Some(position) = self.under_way.iter().position(|one| one.id == id) {
            let UnderWay { sent, calls, .. } = self.under_way.swap_remove(position);
            self.note(seen.min(sent + SEEN_WITHIN), calls);
        }
    }

    /// Forgets calls that are not made after all.
    pub(super) fn give_back(&mut self, id: u64) {
        self.under_way.retain(|one| one.id != id);
    }

    /// All replicas together have no room under the quota of this number for so long.
    pub(super) fn elsewhere(&mut self, wait: Duration, quota: usize, now: Instant) {
        let by = self.quotas.get(quota).map(|window| window.quota);
        let blocked = Blocked { until: now + wait, by };
        self.elsewhere = Some(Elsewhere { blocked, ask_again: now + wait.min(BELIEVED) });
    }

    /// When to look again whether there is room, where there is none before `until`.
    pub(super) fn look_again(&self, until: Instant) -> Instant {
        self.elsewhere.as_ref().map_or(until, |elsewhere| elsewhere.ask_again.min(until))
    }

    /// Among how many replicas the quotas are divided.
    pub(super) fn share_among(&mut self, replicas: u32) {
        self.sharing = replicas.max(1);
        if replicas > 1 {
            self.elsewhere = None;
        }
    }

    /// The quotas that hold now.
    pub(super) fn quotas(&self) -> impl Iterator<Item = Quota> {
        self.quotas.iter().map(|window| window.quota)
    }

    /// The first quota becomes this one; says whether it was another.
    pub(super) fn adapt(&mut self, quota: Quota) -> bool {
        match self.quotas.first_mut() {
            Some(window) if window.quota != quota => {
                window.quota = quota;
                true
            }
            _ => false,
        }
    }

    /// No call before this; where a refusal says so, those who cannot wait get it too.
    pub(super) fn pause(&mut self, until: Instant, refusal: Option<Rejection>) {
        if self.pause.as_ref().is_none_or(|known| known.until < until) {
            self.pause = Some(Pause { until, refusal });
        }
    }

    fn note(&mut self, seen: Instant, calls: u32) {
        for window in &mut self.quotas {
            // Nearly always behind all others.
            let place = window.seen.iter().rposition(|(at, _)| *at <= seen).map_or(0, |before| before + 1);
            window.seen.insert(place, (seen, calls));
            window.used += calls;
        }
    }

    /// What no longer matters.
    fn forget(&mut self, now: Instant) {
        self.pause.take_if(|pause| pause.until <= now);
        self.elsewhere.take_if(|elsewhere| elsewhere.ask_again <= now);
        while let Some(slow) = self.under_way.iter().position(|one| one.sent + SEEN_WITHIN <= now) {
            let UnderWay { sent, calls, .. } = self.under_way.swap_remove(slow);
            self.note(sent + SEEN_WITHIN, calls);
        }
        for window in &mut self.quotas {
            while let Some((seen, calls)) = window.seen.front().copied()
                && seen + window.quota.per <= now
            {
                window.seen.pop_front();
                window.used -= calls;
            }
        }
    }
}

impl Window {
    /// When there is room for this many calls behind this many others, if not now.
    fn free_at(&self, ahead: u32, calls: u32, under_way: u32, sharing: u32, now: Instant) -> Option<Instant> {
        let (most, per) = ((self.quota.calls() / sharing).max(1), self.quota.per);
        let calls = ahead.saturating_add(calls.clamp(1, most));
        // Where there are more than fit at once, each group is a whole window behind the one before it.
        let groups_before = (calls - 1) / most;
        let calls = calls - groups_before * most;
        let mut too_many = (self.used + under_way + calls).saturating_sub(most);
        let first = (too_many > 0).then(|| {
            for (seen, calls) in &self.seen {
                too_many = too_many.saturating_sub(*calls);
                if too_many == 0 {
                    return *seen + per;
                }
            }
            now + per
        });
        match groups_before {
            0 => first,
            groups => Some(first.unwrap_or(now) + per.saturating_mul(groups)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn refusal() -> Rejection {
        Rejection { status: 429, body: bytes::Bytes::new(), retry_after: None }
    }

    /// Windows with a quota of one call a second, which was used now.
    fn used_up(now: Instant) -> Windows {
        let mut windows = Windows::new(&[Quota::per_second(1)]);
        let call = windows.take(1, now);
        windows.settle(call, now);
        windows
    }

    #[test]
    fn of_a_quota_and_a_pause_the_later_one_is_the_reason() {
        let now = Instant::now();
        let by_quota = Some(Quota::per_second(1));
        let table = [
            // A hint in the headers adds nothing to the quota but time.
            (None, 3 * SECOND, 3 * SECOND, by_quota),
            (None, SECOND / 2, SECOND, by_quota),
            (Some(refusal()), 3 * SECOND, 3 * SECOND, None),
            (Some(refusal()), SECOND / 2, SECOND, by_quota),
            (Some(refusal()), SECOND, SECOND, by_quota),
        ];
        for (refusal, pause, until, by) in table {
            let mut windows = used_up(now);
            windows.pause(now + pause, refusal);
            assert_eq!(windows.blocked(0, 1, now), Some(Blocked { until: now + until, by }), "{pause:?}");
        }
        let mut free = Windows::new(&[Quota::per_second(1)]);
        free.pause(now + SECOND, None);
        assert_eq!(free.blocked(0, 1, now), Some(Blocked { until: now + SECOND, by: None }));
    }

    #[test]
    fn a_pause_is_never_made_shorter() {
        let now = Instant::now();
        let mut windows = Windows::new(&[]);
        windows.pause(now + 2 * SECOND, Some(refusal()));
        windows.pause(now + SECOND, None);
        assert!(windows.refusal().is_some());
        windows.pause(now + 2 * SECOND, None);
        assert!(windows.refusal().is_some(), "the same end says nothing new");
        windows.pause(now + 3 * SECOND, None);
        assert!(windows.refusal().is_none());
        assert_eq!(windows.blocked(0, 1, now).map(|blocked| blocked.until), Some(now + 3 * SECOND));
    }

    #[test]
    fn each_call_under_way_has_a_name_of_its_own() {
        let now = Instant::now();
        let mut windows = Windows::new(&[Quota::per_second(2)]);
        let (one, other) = (windows.take(1, now), windows.take(1, now));
        assert_ne!(one, other);
        windows.give_back(one);
        assert_eq!(windows.blocked(0, 1, now), None);
        assert!(windows.blocked(0, 2, now).is_some(), "the other one is still under way");
    }

    #[test]
    fn those_behind_more_than_fit_at_once_wait_for_further_windows() {
        let now = Instant::now();
        let mut windows = Windows::new(&[Quota::per_second(2)]);
        let mut until = |ahead| windows.blocked(ahead, 1, now).map(|blocked| blocked.until - now);
        assert_eq!(
            [0, 1, 2, 3, 4].map(&mut until),
            [None, None, Some(SECOND), Some(SECOND), Some(2 * SECOND)]
        );
        let mut windows = used_up(now);
        assert_eq!(windows.blocked(2, 1, now).map(|blocked| blocked.until - now), Some(3 * SECOND));
    }

    #[test]
    fn a_quota_that_is_said_again_is_no_change() {
        let mut windows = Windows::new(&[Quota::per_second(2), Quota::per_hour(9)]);
        assert!(!windows.adapt(Quota::per_second(2)));
        assert!(windows.adapt(Quota::per_second(5)));
        assert_eq!(windows.quotas().collect::<Vec<_>>(), [Quota::per_second(5), Quota::per_hour(9)]);
        assert!(!Windows::new(&[]).adapt(Quota::per_second(5)));
    }

    #[test]
    fn what_the_store_said_of_one_process_does_not_hold_for_several() {
        let now = Instant::now();
        let mut windows = Windows::new(&[Quota::per_second(2)]);
        windows.elsewhere(SECOND, 0, now);
        windows.share_among(1);
        assert!(windows.blocked(0, 1, now).is_some());
        windows.share_among(2);
        assert_eq!(windows.blocked(0, 1, now), None);
        assert!(windows.blocked(0, 2, now).is_none(), "more than its share is clamped to it");
        let call = windows.take(1, now);
        assert!(windows.blocked(0, 1, now).is_some(), "half of two");
        windows.give_back(call);
        windows.share_among(0);
        assert_eq!(windows.blocked(0, 2, now), None);
    }
}
