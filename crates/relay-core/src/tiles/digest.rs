//! What was counted is kept for a while, and counted once for all who ask at the same time.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use moka::sync::Cache;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::call::RequestContext;
use crate::error::{Error, Errors};
use crate::memory::has_not_lapsed;
use crate::provider::CredentialKey;

/// Values by key, each made by one request at a time for all who wait for it.
pub(crate) struct Keeping<K, V>(Cache<K, Arc<Slot<V>>>);

/// Locked while its value is made. Who waits takes over when the request that makes it is broken off.
struct Slot<V>(Mutex<Option<Made<V>>>);

struct Made<V> {
    value: V,
    since: Timestamp,
    /// Zero for what is only shared with those who waited for it.
    lasts: Duration,
    ended: Instant,
}

impl<V> Made<V> {
    fn holds(&self, now: Timestamp) -> bool {
        has_not_lapsed(self.since, self.lasts, now)
    }
}

/// Nothing is kept for longer than a day.
const IDLE: Duration = Duration::from_secs(24 * 3600);

/// Whether a value was made for this request.
pub(crate) enum Got<V> {
    New(V),
    Kept(V),
}

impl<K, V> Keeping<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Of at most this many values.
    pub(crate) fn new(capacity: u64) -> Self {
        Self(Cache::builder().max_capacity(capacity).time_to_idle(IDLE).build())
    }

    /// The value that is kept, or that is being made, or else one that `make` yields, with the time that it lasts.
    ///
    /// # Errors
    /// The request ran out of time while it waited for another one.
    pub(crate) async fn get(
        &self,
        context: &RequestContext,
        key: K,
        make: impl Future<Output = (V, Option<Duration>)>,
    ) -> Result<Got<V>, Error> {
        let arrived = Instant::now();
        let shared = self.0.get_with(key, || Arc::new(Slot(Mutex::new(None))));
        let Ok(mut slot) = timeout_at(context.deadline(), shared.0.lock()).await else {
            return Err(context.out_of_time_waiting("an equal request"));
        };
        if let Some(made) = &*slot
            && (made.holds(context.now()) || arrived < made.ended)
        {
            return Ok(Got::Kept(made.value.clone()));
        }
        let (value, lasts) = make.await;
        let lasts = lasts.filter(|_| context.keeps()).unwrap_or_default();
        *slot = Some(Made { value: value.clone(), since: context.now(), lasts, ended: Instant::now() });
        Ok(Got::New(value))
    }
}

/// Counts that several tiles of a tenant are made of, by what tells them apart, such as a listing and its window.
pub struct Digest<K, V>(Keeping<(CredentialKey, K), Counted<V>>);

/// What was counted, and what was not.
#[derive(Debug)]
pub struct Counted<V> {
    /// The counts; nothing where the counting failed.
    pub counts: Option<Arc<V>>,
    /// Where the counting begins, if the listing was cut.
    pub since: Option<Timestamp>,
    /// When was counted, in whole seconds.
    pub at: Timestamp,
    /// What failed or was cut.
    pub errors: Errors,
}

impl<V> Clone for Counted<V> {
    fn clone(&self) -> Self {
        let Self { counts, since, at, errors } = self;
        Self { counts: counts.clone(), since: *since, at: *at, errors: errors.clone() }
    }
}

/// How many digests are kept.
const MOST: u64 = 4096;

impl<K, V> Digest<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// Nothing counted yet.
    #[expect(clippy::new_without_default, reason = "made once, at the start of a relay")]
    pub fn new() -> Self {
        Self(Keeping::new(MOST))
    }

    /// The counts that are kept, or else those that `count` yields.
    pub async fn get(
        &self,
        call: &RequestContext,
        key: K,
        count: impl Future<Output = Result<Count<V>, Error>>,
    ) -> Counted<V> {
        let at = Timestamp::from_second(call.now().as_second()).unwrap_or(call.now());
        let failed = |error: Error| Counted { counts: None, since: None, at, errors: error.into() };
        let make = async {
            match count.await {
                Ok(Count { counts, since, errors, lasts }) => {
                    (Counted { counts: Some(Arc::new(counts)), since, at, errors }, lasts)
                }
                Err(error) => (failed(error), None),
            }
        };
        match self.0.get(call, (call.credential(), key), make).await {
            Ok(Got::New(counted) | Got::Kept(counted)) => counted,
            Err(error) => failed(error),
        }
    }
}

/// Counts, and how long they may be kept.
#[derive(Debug)]
pub struct Count<V> {
    counts: V,
    since: Option<Timestamp>,
    errors: Errors,
    lasts: Option<Duration>,
}

impl<V> Count<V> {
    /// All that there is.
    pub fn whole(counts: V) -> Self {
        Self { counts, since: None, errors: Errors::default(), lasts: Some(super::VALID) }
    }

    /// Counts of which something is missing; they are not kept. `since`: when the oldest record is from that was
    /// counted, if all newer ones were.
    pub fn cut(counts: V, since: Option<Timestamp>, warning: Error) -> Self {
        Self { counts, since, errors: warning.into(), lasts: None }
    }

    /// The same, of which the counting begins later than the window: when the oldest record is from that was counted.
    #[must_use]
    pub fn since(self, since: Option<Timestamp>) -> Self {
        Self { since, ..self }
    }

    /// The same with what else is missing; nothing of it is kept where something is.
    #[must_use]
    pub fn with(mut self, missing: impl IntoIterator<Item = Error>) -> Self {
        self.errors.extend(missing);
        self.lasts = self.lasts.filter(|_| self.errors.is_empty());
        self
    }

    /// The same, for those alone who wait for it.
    #[must_use]
    pub fn unkept(self) -> Self {
        Self { lasts: None, ..self }
    }

    /// The same, kept for a time.
    #[must_use]
    pub fn lasting(self, lasts: Duration) -> Self {
        Self { lasts: Some(lasts), ..self }
    }
}
