//! The running time of hunting queries, of which a tenant has a share.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::kql::{Query, Step};
use crate::locked;

/// So much running time within a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// Running time.
    pub(crate) time: Duration,
    /// Within this time.
    pub(crate) per: Duration,
}

/// A share that is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UsedUp {
    /// Which one.
    pub(crate) share: Share,
    /// Until something of it is free again.
    pub(crate) wait: Duration,
}

impl UsedUp {
    /// The wait in whole seconds, never too short.
    pub(crate) fn seconds(&self) -> u64 {
        self.wait.as_secs() + 1
    }
}

/// A made-up running time: each value that is looked for costs a little, and so does each row that is wanted.
pub(crate) fn cost(query: &Query) -> Duration {
    /// Most rows of an answer.
    const MOST: usize = 100_000;
    let rows = query.steps.iter().find_map(|step| match step {
        Step::Top { count, .. } => Some(*count),
        _ => None,
    });
    let rows = u32::try_from(rows.unwrap_or(1000).min(MOST)).unwrap_or(u32::MAX);
    let values = u32::try_from(query.literals().len()).unwrap_or(u32::MAX);
    Duration::from_millis(100) * values + Duration::from_millis(5) * rows
}

/// Running time that was spent, by tenant.
#[derive(Debug, Default)]
pub(crate) struct RunningTime(Mutex<HashMap<String, VecDeque<(Instant, Duration)>>>);

impl RunningTime {
    /// Pays for a query that comes `now`. The one that uses a share up still runs, as in reality.
    ///
    /// # Errors
    /// A share is used up.
    pub(crate) fn spend(
        &self,
        tenant: &str,
        query: &Query,
        shares: &[Share],
        now: Instant,
    ) -> Result<(), UsedUp> {
        let mut all = locked(&self.0);
        let spent = all.entry(tenant.to_owned()).or_default();
        let longest = shares.iter().map(|share| share.per).max().unwrap_or_default();
        spent.retain(|(at, _)| now.duration_since(*at) < longest);
        for share in shares {
            let recent = || spent.iter().filter(|(at, _)| now.duration_since(*at) < share.per);
            if recent().map(|(_, cost)| *cost).sum::<Duration>() >= share.time {
                let oldest = recent().next().map_or(now, |(at, _)| *at);
                return Err(UsedUp {
                    share: *share,
                    wait: share.per.saturating_sub(now.duration_since(oldest)),
                });
            }
        }
        spent.push_back((now, cost(query)));
        Ok(())
    }

    pub(crate) fn reset(&self) {
        locked(&self.0).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const HOURLY: Share = Share { time: Duration::from_secs(600), per: HOUR };
    const DAILY: Share = Share { time: Duration::from_secs(3 * 3600), per: Duration::from_secs(24 * 3600) };

    #[test]
    fn the_share_of_the_hour_is_free_again_after_it_and_that_of_the_day_is_not() {
        let (running_time, begin) = (RunningTime::default(), Instant::now());
        // Somewhat more than 500 seconds.
        let query =
            Query::parse("DeviceFileEvents | where SHA1 == 'x' | top 100000 by Timestamp desc").unwrap();
        let spend = |at: Duration| running_time.spend("one", &query, &[HOURLY, DAILY], begin + at);
        assert_eq!((spend(Duration::ZERO), spend(Duration::ZERO)), (Ok(()), Ok(())));
        let minutes = Duration::from_secs(600);
        assert_eq!(spend(minutes), Err(UsedUp { share: HOURLY, wait: HOUR.saturating_sub(minutes) }));
        let elsewhere = running_time.spend("two", &query, &[HOURLY, DAILY], begin + minutes);
        assert_eq!(elsewhere, Ok(()), "each tenant has its own");
        let mut served = 2;
        let refused = (1..24).find_map(|hour| match (spend(HOUR * hour), spend(HOUR * hour)) {
            (Ok(()), Ok(())) => {
                served += 2;
                None
            }
            (first, second) => {
                served += u32::from(first.is_ok());
                Some((hour, first.and(second).unwrap_err()))
            }
        });
        assert_eq!(served, 22, "11000 seconds");
        assert_eq!(refused, Some((11, UsedUp { share: DAILY, wait: HOUR * 13 })));
        assert_eq!(spend(HOUR * 24), Ok(()));
    }
}
