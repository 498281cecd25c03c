//! Limits per time: of calls, or of running time.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::lock::locked;

/// At most `most` units within any stretch of `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) most: u64,
    pub(crate) per: Duration,
}

/// A limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded {
    pub(crate) limit: Limit,
    /// Until something is free again.
    pub(crate) wait: Duration,
}

impl Exceeded {
    /// The wait in whole seconds, never too short.
    pub(crate) fn seconds(&self) -> u64 {
        self.wait.as_secs() + 1
    }
}

/// What was spent lately, and when, by key: the oldest first.
#[derive(Debug)]
pub(crate) struct Quotas<K>(Mutex<HashMap<K, VecDeque<(Instant, u64)>>>);

impl<K> Default for Quotas<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Quotas<K> {
    /// Spends `cost` units at `now`. The call that reaches a limit is still served, as in reality.
    ///
    /// # Errors
    /// A limit was reached before.
    pub(crate) fn spend(&self, key: K, cost: u64, limits: &[Limit], now: Instant) -> Result<(), Exceeded> {
        let mut all = locked(&self.0);
        let spent = all.entry(key).or_default();
        let longest = limits.iter().map(|limit| limit.per).max().unwrap_or_default();
        spent.retain(|(at, _)| now.duration_since(*at) < longest);
        for limit in limits {
            let recent = || spent.iter().filter(|(at, _)| now.duration_since(*at) < limit.per);
            if recent().map(|(_, cost)| cost).sum::<u64>() >= limit.most {
                let oldest = recent().next().map_or(now, |(at, _)| *at);
                let wait = limit.per.saturating_sub(now.duration_since(oldest));
                return Err(Exceeded { limit: *limit, wait });
            }
        }
        spent.push_back((now, cost));
        Ok(())
    }

    /// What is left of a limit at `now`.
    pub(crate) fn remaining(&self, key: &K, limit: Limit, now: Instant) -> u64 {
        let all = locked(&self.0);
        let spent = all.get(key).into_iter().flatten();
        let recent = spent.filter(|(at, _)| now.duration_since(*at) < limit.per);
        limit.most.saturating_sub(recent.map(|(_, cost)| cost).sum())
    }

    pub(crate) fn reset(&self) {
        locked(&self.0).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const HOURLY: Limit = Limit { most: 600, per: HOUR };
    const DAILY: Limit = Limit { most: 3 * 3600, per: Duration::from_secs(24 * 3600) };

    #[test]
    fn the_share_of_the_hour_is_free_again_after_it_and_that_of_the_day_is_not() {
        let (quotas, begin) = (Quotas::default(), Instant::now());
        let spend = |at: Duration| quotas.spend("one", 500, &[HOURLY, DAILY], begin + at);
        assert_eq!((spend(Duration::ZERO), spend(Duration::ZERO)), (Ok(()), Ok(())));
        let later = Duration::from_secs(600);
        let exceeded = Exceeded { limit: HOURLY, wait: HOUR.saturating_sub(later) };
        assert_eq!(spend(later), Err(exceeded));
        assert_eq!(quotas.remaining(&"one", HOURLY, begin + later), 0);
        assert_eq!(quotas.remaining(&"two", HOURLY, begin + later), 600, "each key has its own");
        assert_eq!(quotas.spend("two", 500, &[HOURLY, DAILY], begin + later), Ok(()));
        let refused = (1..24).find_map(|hour| {
            let both = spend(HOUR * hour).and_then(|()| spend(HOUR * hour));
            both.err().map(|exceeded| (hour, exceeded))
        });
        assert_eq!(refused, Some((11, Exceeded { limit: DAILY, wait: HOUR * 13 })));
        assert_eq!(spend(HOUR * 24), Ok(()));
        quotas.reset();
        assert_eq!(quotas.remaining(&"one", DAILY, begin), DAILY.most);
    }
}
