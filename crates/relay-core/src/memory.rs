//! What is remembered for a while, across platform requests: that a tenant's provider lacks something, that an action
//! was taken a moment ago. The request's clock decides, so that tests can say what time it is.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use moka::Expiry;
use moka::sync::Cache;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::shared::{Feed, Shared};

/// Values that lapse, each after a time of its own. Bounded: beyond the capacity, what was used least is forgotten.
pub struct Lapsing<K, V> {
    entries: Cache<K, Entry<V>>,
    /// To the memories of the other replicas.
    feed: Option<Arc<Feed<K, V>>>,
}

impl<K, V> fmt::Debug for Lapsing<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lapsing").finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Entry<V> {
    value: V,
    since: Timestamp,
    lasts: Duration,
}

impl<V> Entry<V> {
    fn holds(&self, now: Timestamp) -> bool {
        has_not_lapsed(self.since, self.lasts, now)
    }
}

/// A request reads the clock when it begins. What another one has remembered since then is later than its own time, by no
/// more than a request takes.
const LATER: SignedDuration = SignedDuration::from_mins(5);

/// Whether what was remembered at one time still holds at another. A clock that was set back makes it lapse too: it must
/// not be believed for longer than it was meant to.
pub(crate) fn has_not_lapsed(since: Timestamp, lasts: Duration, now: Timestamp) -> bool {
    let age = now.duration_since(since);
    -age <= LATER && Duration::try_from(age).unwrap_or_default() < lasts
}

/// Gives the memory back once an entry has lapsed by the clock of the machine.
struct AfterItsTime;

impl<K, V> Expiry<K, Entry<V>> for AfterItsTime {
    fn expire_after_create(&self, _: &K, entry: &Entry<V>, _: Instant) -> Option<Duration> {
        Some(entry.lasts)
    }

    fn expire_after_update(
        &self,
        _: &K,
        entry: &Entry<V>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.lasts)
    }
}

/// Whether a value was remembered already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remembered<V> {
    /// It is new.
    First(V),
    /// This one, which holds still.
    Again(V),
}

impl<K, V> Lapsing<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A memory of at most `capacity` values.
    pub fn new(capacity: u64) -> Self {
        Self {
            entries: Cache::builder().max_capacity(capacity).expire_after(AfterItsTime).build(),
            feed: None,
        }
    }

    /// The same, shared with the other replicas under this name.
    pub(crate) fn shared(self, shared: &Shared, name: &'static str) -> Self
    where
        K: Serialize + DeserializeOwned,
        V: Serialize + DeserializeOwned,
    {
        let entries = self.entries.clone();
        let learn = move |key, value, lasts, now| entries.insert(key, Entry { value, since: now, lasts });
        Self { feed: Some(shared.feed(name, learn)), ..self }
    }

    /// Remembers a value for a time, in place of an older one.
    pub fn remember(&self, key: K, value: V, lasts: Duration, now: Timestamp) {
        if let Some(feed) = &self.feed {
            feed.publish(&key, &value, lasts);
        }
        self.entries.insert(key, Entry { value, since: now, lasts });
    }

    /// The value, where it has not lapsed.
    pub fn recall(&self, key: &K, now: Timestamp) -> Option<V> {
        self.entries.get(key).filter(|entry| entry.holds(now)).map(|entry| entry.value)
    }

    /// Whether there is a value that has not lapsed.
    pub fn holds(&self, key: &K, now: Timestamp) -> bool {
        self.entries.get(key).is_some_and(|entry| entry.holds(now))
    }

    /// The value, where it has not lapsed and is the `same`; else one that is made and remembered. Of several who ask
    /// at the same time, one is the first.
    pub fn recall_or_remember(
        &self,
        key: K,
        lasts: Duration,
        now: Timestamp,
        same: impl Fn(&V) -> bool,
        make: impl FnOnce() -> V,
    ) -> Remembered<V> {
        let entry = || Entry { value: make(), since: now, lasts };
        let entry = self
            .entries
            .entry(key)
            .or_insert_with_if(entry, |entry| !entry.holds(now) || !same(&entry.value));
        let is_first = entry.is_fresh();
        let value = entry.into_value().value;
        if is_first { Remembered::First(value) } else { Remembered::Again(value) }
    }

    /// Forgets a value.
    pub fn forget(&self, key: &K) {
        self.entries.invalidate(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_mins(minutes)
    }

    #[test]
    fn a_value_lapses_after_its_own_time_and_keys_are_apart() {
        let memory = Lapsing::new(100);
        memory.remember("one", 1, HOUR, at(0));
        memory.remember("two", 2, HOUR / 4, at(0));
        assert_eq!((memory.recall(&"one", at(59)), memory.recall(&"one", at(60))), (Some(1), None));
        assert_eq!((memory.recall(&"two", at(14)), memory.recall(&"two", at(15))), (Some(2), None));
        assert!(!memory.holds(&"three", at(0)));
        memory.remember("one", 3, HOUR, at(90));
        assert_eq!(memory.recall(&"one", at(149)), Some(3));
        memory.forget(&"one");
        assert_eq!(memory.recall(&"one", at(91)), None);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_prolong_it() {
        let memory = Lapsing::new(100);
        memory.remember("one", 1, HOUR, at(1_000_000));
        assert_eq!(memory.recall(&"one", at(0)), None);
    }

    #[test]
    fn a_request_that_began_earlier_knows_what_was_remembered_meanwhile() {
        let memory = Lapsing::new(100);
        let ask = |seconds| {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
            memory.recall_or_remember("one", HOUR, now, |_| true, || seconds)
        };
        assert_eq!(ask(3600), Remembered::First(3600));
        assert_eq!(ask(3599), Remembered::Again(3600), "it began a second before the first");
        assert_eq!(ask(3600 - 301), Remembered::First(3299), "the clock was set back");
    }

    #[test]
    fn what_lasts_no_time_never_holds() {
        for seconds in [-1, 0, 1] {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
            assert!(!has_not_lapsed(Timestamp::UNIX_EPOCH, Duration::ZERO, now), "{seconds}");
        }
    }

    #[test]
    fn only_the_same_value_is_recalled_instead_of_made() {
        let memory = Lapsing::new(100);
        let ask = |value: i32, minutes| {
            memory.recall_or_remember("one", HOUR, at(minutes), |known| *known == value, || value)
        };
        assert_eq!(ask(1, 0), Remembered::First(1));
        assert_eq!(ask(1, 59), Remembered::Again(1));
        assert_eq!(ask(1, 60), Remembered::First(1), "the time counts from the first");
        assert_eq!(ask(2, 61), Remembered::First(2), "another value");
        assert_eq!(ask(1, 62), Remembered::First(1), "the last one counts");
    }

    #[test]
    fn it_does_not_grow_without_bound() {
        let memory = Lapsing::new(10);
        for number in 0..1000 {
            memory.remember(number, (), HOUR, at(0));
        }
        memory.entries.run_pending_tasks();
        assert!(memory.entries.entry_count() <= 10, "{}", memory.entries.entry_count());
    }
}
