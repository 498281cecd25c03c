//! Many observables at once: bounded, started in order, answered in order, and never lost to each other.

use std::future::Future;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};

use crate::call::Scope;
use crate::error::Error;
use crate::found::Found;
use crate::observable::Observable;

/// Every provider call ends at the deadline by itself; a lookup that still runs this much later is dropped.
const GRACE: Duration = Duration::from_millis(250);

/// Looks each observable up and merges what was found, in the order of the observables.
///
/// As many run at a time as the credential may have provider calls in flight. What a lookup had not found
/// at the deadline is left out, and a `timeout` error says for how many.
pub async fn each<'a, F, T>(scope: &'a Scope, observables: &'a [Observable], lookup: F) -> Found
where
    F: Fn(&'a Observable) -> T + Send,
    T: Future<Output = Found> + Send,
{
    let outcomes = gather(scope, observables, lookup).await;
    let mut found = Found::nothing();
    for (observable, outcome) in observables.iter().zip(outcomes) {
        match outcome {
            Some(outcome) => found.merge_lookup(outcome, observable),
            None => found.errors.add(scope.out_of_time().about(observable)),
        }
    }
    found
}

/// Runs one future per observable as [`each`] does and returns what each yielded, in order: `None` where
/// the deadline came first. For relays whose second step needs the first step of all observables.
pub async fn gather<'a, F, T, O>(scope: &'a Scope, observables: &'a [Observable], lookup: F) -> Vec<Option<O>>
where
    F: Fn(&'a Observable) -> T + Send,
    T: Future<Output = O> + Send,
    O: Send,
{
    let until = scope.deadline() + GRACE;
    let mut outcomes: Vec<Option<O>> = observables.iter().map(|_| None).collect();
    let mut waiting = observables.iter().enumerate();
    // Unordered, so that a slow lookup does not keep the places of finished ones; they are started in order.
    let mut running = FuturesUnordered::new();
    loop {
        // Made when there is room for it: a request may have tens of thousands, each of some kilobytes. And boxed,
        // since what runs them moves them.
        for (position, observable) in waiting.by_ref().take(scope.concurrency() - running.len()) {
            running.push(Box::pin(lookup(observable)).map(move |outcome| (position, outcome)));
        }
        match tokio::time::timeout_at(until, running.next()).await {
            Ok(Some((position, outcome))) => outcomes[position] = Some(outcome),
            Ok(None) | Err(_) => break,
        }
    }
    outcomes
}

impl Scope {
    /// The error of a lookup that the request's deadline cut off.
    pub fn out_of_time(&self) -> Error {
        Error::out_of_time(format!(
            "The request ran out of its {:?}; ask for fewer observables at once or raise RELAY_DEADLINE",
            self.time_allowed()
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;
    use tokio::time::Instant;

    use super::*;
    use crate::call::ScopeParts;
    use crate::observable::ObservableType;
    use crate::provider::CredentialHasher;

    fn scope(concurrency: usize) -> Scope {
        Scope::new(ScopeParts {
            now: jiff::Timestamp::UNIX_EPOCH,
            limit: 100,
            arrived: Instant::now(),
            time_allowed: Duration::from_secs(25),
            concurrency,
            credential: CredentialHasher::new().expect("random numbers").key([]),
            permits: Arc::new(Semaphore::new(concurrency)),
            provider_calls: Arc::default(),
        })
    }

    #[tokio::test]
    async fn a_lookup_takes_no_memory_before_its_turn() {
        let names = (0..5000).map(|number| format!("{number}.example"));
        let domain = |name: String| Observable::new(ObservableType::Domain, name.as_str());
        let observables: Vec<Observable> = names.filter_map(domain).collect();
        let scope = scope(7);
        let (made, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let most = AtomicUsize::new(0);
        let outcomes = gather(&scope, &observables, |one| {
            let waiting = made.fetch_add(1, Ordering::SeqCst) + 1 - done.load(Ordering::SeqCst);
            most.fetch_max(waiting, Ordering::SeqCst);
            async {
                tokio::task::yield_now().await;
                done.fetch_add(1, Ordering::SeqCst);
                one.value()
            }
        })
        .await;
        let expected: Vec<Option<&str>> = observables.iter().map(|one| Some(one.value())).collect();
        assert_eq!(outcomes, expected);
        assert_eq!(most.load(Ordering::SeqCst), 7, "lookups that were made at once");
    }
}
