//! One platform request as a relay sees it: whose credentials, how much, until when.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::error::Error;
use crate::provider::CredentialKey;
use crate::relay::Provider;

/// A platform request with the credentials that its token carries.
///
/// All state of a request lives here and dies with it: nothing of one request can affect another.
pub struct Call<P: Provider> {
    /// The provider's credentials and options of this request.
    pub credentials: P::Credentials,
    scope: Scope,
}

impl<P: Provider> Call<P> {
    pub(crate) fn new(credentials: P::Credentials, scope: Scope) -> Self {
        Self { credentials, scope }
    }

    /// What provider calls need to know of the request.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }
}

impl<P: Provider> Deref for Call<P> {
    type Target = Scope;

    fn deref(&self) -> &Scope {
        &self.scope
    }
}

/// The part of a request that does not depend on the provider.
pub struct Scope {
    now: jiff::Timestamp,
    limit: usize,
    deadline: Instant,
    time_allowed: Duration,
    concurrency: usize,
    credential: CredentialKey,
    permits: Arc<Semaphore>,
    stops: Mutex<BTreeMap<&'static str, Error>>,
    /// Spares the lock in requests that nothing stopped, which are nearly all.
    any_stop: AtomicBool,
    provider_calls: Arc<AtomicU32>,
}

/// What a [`Scope`] is made of.
pub(crate) struct ScopeParts {
    pub(crate) now: jiff::Timestamp,
    pub(crate) limit: usize,
    pub(crate) arrived: Instant,
    pub(crate) time_allowed: Duration,
    pub(crate) concurrency: usize,
    pub(crate) credential: CredentialKey,
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) provider_calls: Arc<AtomicU32>,
}

/// Stops every kind of call, see [`Scope::stop`].
pub const ALL_CALLS: &str = "*";

impl Scope {
    pub(crate) fn new(parts: ScopeParts) -> Self {
        Self {
            now: parts.now,
            limit: parts.limit,
            deadline: parts.arrived + parts.time_allowed,
            time_allowed: parts.time_allowed,
            concurrency: parts.concurrency,
            credential: parts.credential,
            permits: parts.permits,
            stops: Mutex::default(),
            any_stop: AtomicBool::new(false),
            provider_calls: parts.provider_calls,
        }
    }

    /// The time of the request, read once: all entities of an answer agree on what "now" is.
    pub fn now(&self) -> jiff::Timestamp {
        self.now
    }

    /// The entities limit of the request (`CTR_ENTITIES_LIMIT`), 1 to 1000.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// When the answer must be given, with what was found until then.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How long the whole request may take.
    pub fn time_allowed(&self) -> Duration {
        self.time_allowed
    }

    /// How much of that is left.
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// How many provider calls the credential may have in flight.
    pub fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// The keyed hash that stands for the credentials in caches and limits.
    pub fn credential(&self) -> CredentialKey {
        self.credential
    }

    pub(crate) fn permits(&self) -> &Arc<Semaphore> {
        &self.permits
    }

    /// From now on no new call of this `kind` ([`ALL_CALLS`]: of any kind) is started for this request;
    /// each fails at once with `error`, which is therefore told to the user once. Running calls finish.
    pub fn stop(&self, kind: &'static str, error: &Error) {
        self.stops
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(kind)
            .or_insert_with(|| error.clone());
        self.any_stop.store(true, Ordering::Release);
    }

    /// The error that stopped calls of this kind, if one did.
    pub fn stopped(&self, kind: &'static str) -> Option<Error> {
        if !self.any_stop.load(Ordering::Acquire) {
            return None;
        }
        let stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
        stops.get(ALL_CALLS).or_else(|| stops.get(kind)).cloned()
    }

    pub(crate) fn count_provider_call(&self) {
        self.provider_calls.fetch_add(1, Ordering::Relaxed);
    }

    /// How many calls the provider has got for this request so far, repeated ones included.
    pub fn provider_calls(&self) -> u32 {
        self.provider_calls.load(Ordering::Relaxed)
    }
}
