//! Many observables at once: bounded, started in order, answered in order, and never lost to each other.

use std::future::Future;
use std::time::Duration;

use futures::stream;
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
    // Boxed: what runs them moves them several times, and a lookup's state is kilobytes.
    let lookups: Vec<_> = observables
        .iter()
        .enumerate()
        .map(|(position, observable)| Box::pin(lookup(observable)).map(move |outcome| (position, outcome)))
        .collect();
    // Unordered, so that a slow lookup does not keep the places of finished ones; the stream still
    // starts its futures in order.
    let mut running = stream::iter(lookups).buffer_unordered(scope.concurrency());
    while let Ok(Some((position, outcome))) = tokio::time::timeout_at(until, running.next()).await {
        outcomes[position] = Some(outcome);
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
