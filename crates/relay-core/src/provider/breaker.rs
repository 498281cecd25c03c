//! Spares a host that is down: after some failures in a row, calls to it fail at once for a while, then one tries.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::failure::Failure;

/// This many failures in a row mean that the host is down.
pub(super) const IN_A_ROW: u32 = 5;
/// For so long it is not asked.
pub(super) const PAUSE: Duration = Duration::from_secs(5);

/// What is known of one host, by the calls of one tenant.
#[derive(Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Default)]
struct State {
    failed: u32,
    /// Set once there were too many: when the next call may try.
    open: Option<Open>,
}

struct Open {
    until: Instant,
    /// The last failure, by which all calls fail meanwhile.
    failure: Failure,
    /// A call tries whether the host is back.
    trying: bool,
}

impl Breaker {
    /// Lets a call through, unless it would fail.
    pub(super) fn enter(&self) -> Result<Pass<'_>, Failure> {
        let mut state = self.lock();
        let tries = match &mut state.open {
            None => false,
            Some(open) if open.until <= Instant::now() && !open.trying => {
                open.trying = true;
                true
            }
            Some(open) => return Err(Failure::Down(Box::new(open.failure.clone()))),
        };
        Ok(Pass { breaker: self, tries })
    }

    /// The failure of a call that would be made now.
    pub(super) fn failure(&self) -> Option<Failure> {
        let state = self.lock();
        let open = state.open.as_ref().filter(|open| open.trying || open.until > Instant::now())?;
        Some(Failure::Down(Box::new(open.failure.clone())))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that was let through.
pub(super) struct Pass<'b> {
    breaker: &'b Breaker,
    /// Whether all others wait for what becomes of it.
    tries: bool,
}

impl Pass<'_> {
    /// The host answers.
    pub(super) fn is_up(&self) {
        *self.breaker.lock() = State::default();
    }

    /// The call failed; says whether calls fail at once from now on and did not before.
    pub(super) fn failed(&self, failure: &Failure) -> bool {
        if !failure.is_down() {
            return false;
        }
        let mut state = self.breaker.lock();
        state.failed = state.failed.saturating_add(1);
        let opens = state.open.is_none() && state.failed >= IN_A_ROW;
        // Calls that were under way before fail too, and do not make it longer.
        if opens || self.tries {
            state.open =
                Some(Open { until: Instant::now() + PAUSE, failure: failure.clone(), trying: false });
        }
        opens
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.tries
            && let Some(open) = &mut self.breaker.lock().open
        {
            // It may have been given up: then the next call tries.
            open.trying = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;
    use crate::provider::Rejection;

    fn status(status: u16) -> Failure {
        Failure::Rejected(Rejection { status, body: bytes::Bytes::new(), retry_after: None })
    }

    fn fail(breaker: &Breaker, failure: &Failure, times: usize) {
        for _ in 0..times {
            breaker.enter().map_err(|_| "open").expect("a call").failed(failure);
        }
    }

    fn is_open(breaker: &Breaker) -> bool {
        let failure = breaker.failure();
        assert_eq!(breaker.enter().is_err(), failure.is_some());
        failure.is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn five_failures_in_a_row_open_it_with_the_last_one() {
        let breaker = Breaker::default();
        fail(&breaker, &status(502), 4);
        assert!(!is_open(&breaker));
        fail(&breaker, &status(503), 1);
        assert!(matches!(breaker.failure(), Some(Failure::Down(last)) if last.status() == Some(503)));
        assert!(is_open(&breaker));
        advance(PAUSE.mul_f64(0.99)).await;
        assert!(is_open(&breaker));
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_says_that_the_host_is_down_opens_it() {
        let text = String::new;
        for down in [status(502), status(504), Failure::Timeout(PAUSE), Failure::Unreachable(text())] {
            let breaker = Breaker::default();
            fail(&breaker, &down, 5);
            assert!(is_open(&breaker), "{down:?}");
        }
        for other in
            [status(429), status(500), status(401), Failure::Connection(text()), Failure::Certificate(text())]
        {
            let breaker = Breaker::default();
            fail(&breaker, &other, 50);
            assert!(!is_open(&breaker), "{other:?}");
        }
    }

    #[test]
    fn an_answer_ends_the_row() {
        let breaker = Breaker::default();
        for _ in 0..5 {
            fail(&breaker, &status(503), 4);
            breaker.enter().map_err(|_| "open").expect("a call").is_up();
        }
        assert!(!is_open(&breaker));
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_tries_and_decides_for_all() {
        let breaker = Breaker::default();
        fail(&breaker, &status(503), 5);
        for _ in 0..3 {
            advance(PAUSE).await;
            let pass = breaker.enter().map_err(|_| "open").expect("one call");
            assert!(is_open(&breaker), "the others go on failing at once");
            pass.failed(&status(503));
            drop(pass);
            assert!(is_open(&breaker), "for another while");
        }
        advance(PAUSE).await;
        breaker.enter().map_err(|_| "open").expect("one call").is_up();
        assert!(!is_open(&breaker));
        // It counts anew.
        fail(&breaker, &status(503), 4);
        assert!(!is_open(&breaker));
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_that_is_given_up_lets_the_next_call_try() {
        let breaker = Breaker::default();
        fail(&breaker, &status(503), 5);
        advance(PAUSE).await;
        drop(breaker.enter().map_err(|_| "open").expect("one call"));
        assert!(breaker.enter().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_were_under_way_do_not_make_it_longer() {
        let breaker = Breaker::default();
        let slow: Vec<_> = (0..8).filter_map(|_| breaker.enter().ok()).collect();
        assert_eq!(
            slow.iter().filter(|pass| pass.failed(&Failure::Timeout(PAUSE))).count(),
            1,
            "it opens once"
        );
        advance(PAUSE / 2).await;
        let late = slow.first().expect("a call");
        assert!(!late.failed(&Failure::Timeout(PAUSE)));
        advance(PAUSE / 2).await;
        assert!(breaker.enter().is_ok());
    }
}
