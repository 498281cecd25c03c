//! Identical triggers within a short time are one: a double click, or a platform that asks again, must not take
//! an action twice.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use relay_core::error::{Code, Error};
use relay_core::provider::CredentialKey;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::trigger::Step;
use crate::subject::Subject;

/// The last trigger for each target, of the whole process. A target is whose trigger it is, and what it is about.
#[derive(Debug)]
pub struct Recent<K = CredentialKey>(Mutex<HashMap<(K, Subject), Arc<Taken>>>);

impl<K> Default for Recent<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// A trigger that was taken.
#[derive(Debug)]
pub(super) struct Taken {
    step: Step,
    at: Instant,
    begun: AtomicBool,
    outcome: OnceCell<Result<(), Error>>,
}

/// Whether a trigger is the first of its kind.
pub(super) enum Turn {
    /// It is.
    First(Arc<Taken>),
    /// The same was triggered before.
    Again(Arc<Taken>),
}

impl<K: Eq + Hash> Recent<K> {
    /// The turn of a trigger that comes `now`. It counts as a repetition while it is the last one for its target: an action that
    /// was undone in between can be taken again.
    pub(super) fn turn(&self, target: (K, Subject), step: &Step, window: Duration, now: Instant) -> Turn {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|_, taken| now.duration_since(taken.at) < window);
        if let Some(known) = taken.get(&target).filter(|known| known.step == *step) {
            return Turn::Again(Arc::clone(known));
        }
        let first = Arc::new(Taken {
            step: step.clone(),
            at: now,
            begun: AtomicBool::new(false),
            outcome: OnceCell::new(),
        });
        taken.insert(target, Arc::clone(&first));
        Turn::First(first)
    }
}

impl Turn {
    /// The outcome: that of the first, which is waited for while it runs. `work` is never begun twice, also not
    /// where the first one was dropped half-way, since by then it may have arrived.
    pub(super) async fn outcome(&self, work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
        let (Self::First(taken) | Self::Again(taken)) = self;
        let outcome = taken.outcome.get_or_init(|| async {
            if taken.begun.swap(true, Ordering::SeqCst) {
                return Err(Error::fatal(
                    Code::UNKNOWN,
                    "The same action was triggered a moment ago, but that request was broken off; look at the \
                     provider whether it was carried out.",
                ));
            }
            work.await
        });
        outcome.await.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(id: &str) -> Step {
        Step::Remove(id.to_owned())
    }

    fn done(counter: &AtomicBool) -> impl Future<Output = Result<(), Error>> {
        futures::future::lazy(|_| {
            assert!(!counter.swap(true, Ordering::SeqCst), "done once");
            Ok(())
        })
    }

    #[test]
    fn a_trigger_is_a_repetition_only_in_time_and_while_it_is_the_last_of_its_target() {
        let (recent, begin) = (Recent::default(), Instant::now());
        let domain = |name: &str| Subject::Domain(name.to_owned());
        let is_first = |whose: &'static str, about: &str, id: &str, seconds: u64| {
            let now = begin + Duration::from_secs(seconds);
            let turn = recent.turn((whose, domain(about)), &step(id), Duration::from_secs(30), now);
            matches!(turn, Turn::First(_))
        };
        assert!(is_first("one", "a.example", "13", 0));
        assert!(!is_first("one", "a.example", "13", 29));
        assert!(is_first("one", "a.example", "13", 30), "the time counts from the first one");
        assert!(is_first("other", "a.example", "13", 31) && is_first("one", "b.example", "13", 31));
        assert!(is_first("one", "a.example", "14", 32), "another action");
        assert!(is_first("one", "a.example", "13", 33), "which was done in between");
    }

    fn taken(step: Step) -> Arc<Taken> {
        Arc::new(Taken { step, at: Instant::now(), begun: AtomicBool::new(false), outcome: OnceCell::new() })
    }

    #[tokio::test]
    async fn the_second_is_answered_from_the_first() {
        let (one, counter) = (taken(step("13")), AtomicBool::new(false));
        let (first, again) = (Turn::First(Arc::clone(&one)), Turn::Again(one));
        let (a, b) = tokio::join!(first.outcome(done(&counter)), again.outcome(done(&counter)));
        assert_eq!((a, b), (Ok(()), Ok(())));
    }

    #[tokio::test]
    async fn one_that_was_broken_off_is_not_begun_again() {
        let one = taken(step("13"));
        let first = Turn::First(Arc::clone(&one));
        let broken_off = tokio::time::timeout(Duration::ZERO, first.outcome(std::future::pending())).await;
        assert!(broken_off.is_err());
        let counter = AtomicBool::new(false);
        let again = Turn::Again(one).outcome(done(&counter)).await;
        assert_eq!(again.unwrap_err().code(), Code::UNKNOWN);
        assert!(!counter.load(Ordering::SeqCst));
    }
}
