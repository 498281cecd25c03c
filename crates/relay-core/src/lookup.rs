//! Many observables at once: bounded, started in order, answered in order, and never lost to each other. What a
//! lookup yields is entities and errors side by side, since one never takes the other away.

use std::future::Future;
use std::hash::Hash;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use indexmap::IndexMap;
use tokio::time::Instant;

use crate::call::RequestContext;
use crate::ctim::Bundle;
use crate::error::{Error, Errors};
use crate::observable::Observable;
use crate::text::seconds;

/// The entities that lookups found and the failures that they met.
#[derive(Debug, Default)]
pub struct Lookup {
    /// What was found.
    pub bundle: Bundle,
    /// What failed, or was left out.
    pub errors: Errors,
}

impl Lookup {
    /// Nothing found and nothing failed.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Adds the outcome of one observable's lookup. Its errors concern that observable, unless they say otherwise.
    pub fn merge_about(&mut self, other: Self, observable: &Observable) {
        self.bundle.merge(other.bundle);
        self.errors.add_lookup(other.errors, observable);
    }
}

impl From<Bundle> for Lookup {
    fn from(bundle: Bundle) -> Self {
        Self { bundle, errors: Errors::default() }
    }
}

impl From<Error> for Lookup {
    fn from(error: Error) -> Self {
        Self { bundle: Bundle::default(), errors: error.into() }
    }
}

impl From<Result<Bundle, Error>> for Lookup {
    fn from(result: Result<Bundle, Error>) -> Self {
        result.map_or_else(Self::from, Self::from)
    }
}

impl From<Result<Option<Bundle>, Error>> for Lookup {
    fn from(result: Result<Option<Bundle>, Error>) -> Self {
        result.map(Option::unwrap_or_default).into()
    }
}

/// Every provider call ends at the deadline by itself; a lookup that still runs this much later is dropped.
const GRACE: Duration = Duration::from_millis(250);

/// Looks each observable up and merges what was found, in the order of the observables.
///
/// As many run at a time as the credential may have provider calls in flight. What a lookup had not found
/// at the deadline is left out, and a `timeout` error says for how many.
pub async fn each<'a, F, T>(context: &'a RequestContext, observables: &'a [Observable], lookup: F) -> Lookup
where
    F: Fn(&'a Observable) -> T + Send,
    T: Future<Output = Lookup> + Send,
{
    let outcomes = gather(context, observables, lookup).await;
    let mut found = Lookup::nothing();
    for (observable, outcome) in observables.iter().zip(outcomes) {
        match outcome {
            Some(outcome) => found.merge_about(outcome, observable),
            None => found.errors.add(context.out_of_time().about(observable)),
        }
    }
    found
}

/// Observables that are one value to the provider, and so share their lookup.
pub struct Group<'a, K> {
    /// The value.
    pub key: K,
    /// The observables, each with its position in the request.
    pub members: Vec<(usize, &'a Observable)>,
}

/// Groups observables by the value that they are to the provider, in the order in which the values come first.
/// Those without one are left out.
pub fn group_by<'a, K: Eq + Hash>(
    about: &'a [Observable],
    key: impl Fn(&Observable) -> Option<K>,
) -> Vec<Group<'a, K>> {
    let mut groups: IndexMap<K, Vec<(usize, &'a Observable)>> = IndexMap::new();
    for (position, observable) in about.iter().enumerate() {
        if let Some(key) = key(observable) {
            groups.entry(key).or_default().push((position, observable));
        }
    }
    groups.into_iter().map(|(key, members)| Group { key, members }).collect()
}

/// Runs one future per item as [`each`] does per observable, and returns what each yielded, in order: `None` where
/// the deadline came first. For relays whose lookups share work.
pub async fn gather<'a, I, F, T, O>(context: &'a RequestContext, items: &'a [I], lookup: F) -> Vec<Option<O>>
where
    I: Sync,
    F: Fn(&'a I) -> T + Send,
    T: Future<Output = O> + Send,
    O: Send,
{
    let until = context.deadline() + GRACE;
    let mut outcomes: Vec<Option<O>> = items.iter().map(|_| None).collect();
    let mut waiting = items.iter().enumerate();
    // Unordered, so that a slow lookup does not keep the places of finished ones; they are started in order.
    let mut running = FuturesUnordered::new();
    loop {
        // Made when there is room for it: a request may have tens of thousands, each of some kilobytes. And boxed,
        // since what runs them moves them.
        // None after the deadline, when all their calls would fail, thousands of them in many requests at once.
        let in_time = Instant::now() < context.deadline();
        let room = if in_time { context.concurrency() - running.len() } else { 0 };
        for (position, item) in waiting.by_ref().take(room) {
            running.push(Box::pin(lookup(item)).map(move |outcome| (position, outcome)));
        }
        match tokio::time::timeout_at(until, running.next()).await {
            Ok(Some((position, outcome))) => outcomes[position] = Some(outcome),
            Ok(None) | Err(_) => break,
        }
    }
    outcomes
}

impl RequestContext {
    /// The error of a lookup that the request's deadline cut off.
    pub fn out_of_time(&self) -> Error {
        self.out_of_time_for("")
    }

    /// The same, where the call waited for something that is not the provider's answer.
    pub(crate) fn out_of_time_waiting(&self, waiting_for: &str) -> Error {
        self.out_of_time_for(&format!(" while a call waited for {waiting_for}"))
    }

    fn out_of_time_for(&self, why: &str) -> Error {
        Error::out_of_time(format!(
            "The request exceeded its deadline of {}{why}; ask for fewer observables at once or raise RELAY_DEADLINE",
            seconds(self.time_allowed())
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::call::Priority;
    use crate::observable::ObservableType;

    #[test]
    fn a_call_that_waited_in_vain_says_for_what() {
        let context = RequestContext::for_tests(Priority::Lookup, 7, Duration::from_secs(25));
        assert_eq!(
            context.out_of_time_waiting("a place").message(),
            "The request exceeded its deadline of 25 s while a call waited for a place; ask for fewer observables \
             at once or raise RELAY_DEADLINE"
        );
    }

    #[tokio::test]
    async fn a_lookup_takes_no_memory_before_its_turn() {
        let names = (0..5000).map(|number| format!("{number}.example"));
        let domain = |name: String| Observable::new(ObservableType::Domain, name.as_str());
        let observables: Vec<Observable> = names.filter_map(domain).collect();
        let context = RequestContext::for_tests(Priority::Lookup, 7, Duration::from_secs(25));
        let (made, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let most = AtomicUsize::new(0);
        let outcomes = gather(&context, &observables, |one| {
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

    #[tokio::test(start_paused = true)]
    async fn no_lookup_is_started_after_the_deadline() {
        let observables: Vec<Observable> = (0..9)
            .filter_map(|number| {
                Observable::new(ObservableType::Domain, format!("{number}.example").as_str())
            })
            .collect();
        let context = RequestContext::for_tests(Priority::Lookup, 2, Duration::from_secs(25));
        let started = AtomicUsize::new(0);
        let outcomes = gather(&context, &observables, |_| {
            started.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep_until(context.deadline())
        })
        .await;
        assert_eq!(started.into_inner(), 2);
        assert_eq!(outcomes.iter().flatten().count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lookup_that_does_not_end_by_itself_is_dropped_a_moment_after_the_deadline() {
        let observables: Vec<Observable> = ["quick.example", "late.example", "stuck.example"]
            .into_iter()
            .filter_map(|name| Observable::new(ObservableType::Domain, name))
            .collect();
        let context = RequestContext::for_tests(Priority::Lookup, 3, Duration::from_secs(25));
        let start = tokio::time::Instant::now();
        let outcomes = gather(&context, &observables, async |one| {
            match one.value() {
                "quick.example" => {}
                "late.example" => tokio::time::sleep(context.time_allowed() + GRACE / 2).await,
                _ => std::future::pending().await,
            }
            one.value()
        })
        .await;
        assert_eq!(outcomes, [Some("quick.example"), Some("late.example"), None]);
        assert_eq!(start.elapsed(), Duration::from_millis(25_250));
    }
}
