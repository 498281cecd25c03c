//! An action that was triggered a moment ago is not taken again: the same trigger has the outcome of the first one,
//! in this process, and in every replica that shares its store.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::Audit;
use crate::error::{Code, Error};
use crate::memory::{Lapsing, Remembered};
use crate::provider::CredentialKey;
use crate::shared::{Begun, Shared};

/// The last trigger for each target, of the whole process.
pub struct Repetitions<A> {
    taken: Lapsing<(CredentialKey, String), Arc<Taken<A>>>,
    shared: Option<Shared>,
}

/// An action that was taken.
#[derive(Debug)]
struct Taken<A> {
    action: A,
    begun: AtomicBool,
    outcome: OnceCell<Result<(), Error>>,
}

/// Targets that are remembered.
const TARGETS: u64 = 100_000;
/// How much of the time of a request is kept to answer it, where it waits for what another replica does.
const TO_ANSWER: Duration = Duration::from_millis(500);

impl<A: PartialEq + Serialize + Send + Sync + 'static> Repetitions<A> {
    pub(crate) fn new(shared: Option<Shared>) -> Self {
        Self { taken: Lapsing::new(TARGETS), shared }
    }

    /// The turn of a trigger. It is a repetition if it equals the last one of its target, which was less than `window`
    /// ago: an action that was undone in between can be taken again. `action` holds everything that makes two triggers
    /// equal.
    pub fn turn(
        &self,
        credential: CredentialKey,
        target: String,
        action: A,
        window: Duration,
        now: Timestamp,
    ) -> Turn<A> {
        let elsewhere = self.shared.as_ref().filter(|_| !window.is_zero()).map(|shared| Elsewhere {
            shared: shared.clone(),
            credential,
            target: target.clone(),
            window,
        });
        let taken = Arc::new(Taken { action, begun: AtomicBool::new(false), outcome: OnceCell::new() });
        let same = |known: &Arc<Taken<A>>| known.action == taken.action;
        match self.taken.recall_or_remember((credential, target), window, now, same, || Arc::clone(&taken)) {
            Remembered::First(taken) => Turn { taken, is_repetition: false, elsewhere },
            Remembered::Again(taken) => Turn { taken, is_repetition: true, elsewhere },
        }
    }
}

/// Whether a trigger is the first of its kind, and what it comes to.
pub struct Turn<A> {
    taken: Arc<Taken<A>>,
    is_repetition: bool,
    elsewhere: Option<Elsewhere>,
}

/// What is asked of the store that replicas share.
struct Elsewhere {
    shared: Shared,
    credential: CredentialKey,
    target: String,
    window: Duration,
}

impl<A: Serialize> Turn<A> {
    /// The outcome: that of the first, which is waited for while it runs, until `deadline` where another replica takes
    /// the action. `work` is never begun twice, also not if the first one was dropped half-way, since by then it may
    /// have arrived. The audit line says what it was.
    ///
    /// # Errors
    /// Those of `work`; or it was begun by a request that was broken off, or by a replica that does not say what it
    /// came to.
    pub async fn outcome(
        self,
        audit: &mut Audit,
        deadline: Instant,
        work: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        let Self { taken, is_repetition, elsewhere } = self;
        if is_repetition {
            audit.repeats();
        }
        let audit = &mut *audit;
        let outcome = taken.outcome.get_or_init(|| async {
            if taken.begun.swap(true, Ordering::SeqCst) {
                return Err(Error::fatal(
                    Code::UNKNOWN,
                    "The same action was triggered a moment ago, but that request was broken off: look before you \
                     ask again whether it was carried out",
                ));
            }
            match elsewhere {
                None => work.await,
                // Boxed: without a store it is not carried along.
                Some(elsewhere) => Box::pin(elsewhere.outcome(&taken.action, audit, deadline, work)).await,
            }
        });
        outcome.await.clone()
    }
}

impl Elsewhere {
    async fn outcome(
        self,
        action: &impl Serialize,
        audit: &mut Audit,
        deadline: Instant,
        work: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        let Self { shared, credential, target, window } = self;
        let target = [credential.bytes(), target.as_bytes()];
        let deadline = deadline.checked_sub(TO_ANSWER).unwrap_or(deadline);
        let begun = match serde_json::to_vec(action) {
            Ok(action) => shared.begin_action(&target, &action, window, deadline).await.ok(),
            Err(_) => None,
        };
        match begun {
            None => {
                audit.is_unchecked();
                work.await
            }
            Some(Begun::First(lease)) => {
                let outcome = work.await;
                lease.end(&outcome).await;
                outcome
            }
            Some(Begun::Again(outcome)) => {
                audit.repeats();
                outcome.unwrap_or_else(|| {
                    Err(Error::fatal(
                        Code::TIMEOUT,
                        "The action was already sent by another request and its outcome is not known: look before \
                         you ask again whether it was carried out",
                    ))
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::CredentialHasher;

    fn done(counter: &AtomicBool) -> impl Future<Output = Result<(), Error>> {
        futures::future::lazy(|_| {
            assert!(!counter.swap(true, Ordering::SeqCst), "done once");
            Ok(())
        })
    }

    fn in_a_minute() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn a_trigger_is_a_repetition_only_in_time_and_while_it_is_the_last_of_its_target() {
        let hasher = CredentialHasher::new().expect("random numbers");
        let recent = Repetitions::new(None);
        let is_first = |credential: &str, target: &str, action: &'static str, seconds: i64| {
            let now = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(seconds);
            let turn = recent.turn(
                hasher.key([credential]),
                target.to_owned(),
                action,
                Duration::from_secs(30),
                now,
            );
            !turn.is_repetition
        };
        assert!(is_first("one", "a.example", "13", 0));
        assert!(!is_first("one", "a.example", "13", 29));
        assert!(is_first("one", "a.example", "13", 30), "the time counts from the first one");
        assert!(is_first("other", "a.example", "13", 31) && is_first("one", "b.example", "13", 31));
        assert!(is_first("one", "a.example", "14", 32), "another action");
        assert!(is_first("one", "a.example", "13", 33), "which was done in between");
    }

    fn turns() -> (Turn<&'static str>, Turn<&'static str>) {
        let credential = CredentialHasher::new().expect("random numbers").key([]);
        let recent = Repetitions::new(None);
        let turn =
            || recent.turn(credential, "x".to_owned(), "13", Duration::from_secs(30), Timestamp::UNIX_EPOCH);
        (turn(), turn())
    }

    #[tokio::test]
    async fn the_second_is_answered_from_the_first() {
        let ((first, again), counter) = (turns(), AtomicBool::new(false));
        let (mut one, mut other) = (Audit::empty(), Audit::empty());
        let (a, b) = tokio::join!(
            first.outcome(&mut one, in_a_minute(), done(&counter)),
            again.outcome(&mut other, in_a_minute(), done(&counter))
        );
        assert_eq!((a, b), (Ok(()), Ok(())));
        assert_eq!((one.repeat(), other.repeat()), (None, Some("answered")));
    }

    #[tokio::test]
    async fn one_that_was_broken_off_is_not_begun_again() {
        let (first, again) = turns();
        let mut audit = Audit::empty();
        let never = first.outcome(&mut audit, in_a_minute(), std::future::pending());
        let broken_off = tokio::time::timeout(Duration::ZERO, never).await;
        assert!(broken_off.is_err());
        let counter = AtomicBool::new(false);
        let again = again.outcome(&mut audit, in_a_minute(), done(&counter)).await;
        assert_eq!(again.expect_err("no outcome").code(), Code::UNKNOWN);
        assert!(!counter.load(Ordering::SeqCst));
    }
}
