//! How many failed calls are made again: few against the calls that are made at all, so that a provider in trouble is
//! not called several times as often as one that is well.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Retries in proportion to calls.
const OF_CALLS: f64 = 0.2;
/// This many a second are always allowed, for those who make few calls.
const A_SECOND: u32 = 3;
/// Over how many seconds calls and retries are compared.
const SECONDS: usize = 10;

/// The calls to one host of one tenant in the last seconds.
pub(super) struct Budget {
    started: Instant,
    seconds: Mutex<[Second; SECONDS]>,
}

#[derive(Clone, Copy, Default)]
struct Second {
    /// Which it is, since the start.
    number: usize,
    calls: u32,
    retries: u32,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), seconds: Mutex::default() }
    }

    /// A call is made for the first time.
    pub(super) fn count_call(&self) {
        self.with(|seconds, now| seconds[now].calls += 1);
    }

    /// Whether a failed call may be made again; it is counted then.
    pub(super) fn allow_retry(&self) -> bool {
        self.with(|seconds, now| {
            let sum = |count: fn(&Second) -> u32| seconds.iter().map(count).map(f64::from).sum::<f64>();
            let of_calls = sum(|second| second.calls) * OF_CALLS;
            let allowed = seconds[now].retries < A_SECOND || sum(|second| second.retries) + 1.0 <= of_calls;
            seconds[now].retries += u32::from(allowed);
            allowed
        })
    }

    /// The last seconds, and the place of the current one.
    fn with<T>(&self, work: impl FnOnce(&mut [Second; SECONDS], usize) -> T) -> T {
        let number = usize::try_from(self.started.elapsed().as_secs()).unwrap_or(usize::MAX);
        let mut seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        for second in seconds.iter_mut().filter(|second| number - second.number >= SECONDS) {
            *second = Second::default();
        }
        let place = number % SECONDS;
        if seconds[place].number != number {
            seconds[place] = Second { number, ..Second::default() };
        }
        work(&mut seconds, place)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    fn retries(budget: &Budget, wanted: usize) -> usize {
        (0..wanted).filter(|_| budget.allow_retry()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn three_retries_a_second_are_always_allowed() {
        let budget = Budget::new();
        for _ in 0..30 {
            assert_eq!(retries(&budget, 10), 3);
            advance(Duration::from_secs(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn beyond_that_retries_are_a_fifth_of_the_calls() {
        let budget = Budget::new();
        (0..100).for_each(|_| budget.count_call());
        assert_eq!(retries(&budget, 100), 20);
        // What is used is used, for as long as the calls count.
        advance(Duration::from_secs(5)).await;
        (0..10).for_each(|_| budget.count_call());
        assert_eq!(retries(&budget, 100), 3);
        advance(Duration::from_secs(5)).await;
        (0..40).for_each(|_| budget.count_call());
        assert_eq!(retries(&budget, 100), 7, "of 50 calls, less those of five seconds ago");
    }

    #[tokio::test(start_paused = true)]
    async fn calls_of_an_hour_ago_allow_no_retries() {
        let budget = Budget::new();
        (0..100).for_each(|_| budget.count_call());
        advance(Duration::from_secs(3600)).await;
        assert_eq!(retries(&budget, 100), 3);
    }
}
