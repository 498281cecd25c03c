//! One platform request as a relay sees it: whose credentials, how much, until when.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;
use crate::provider::{Account, CredentialKey, ReceivedAnswers, Room, Tenant};
use crate::recording::Confidential;

/// A platform request with the credentials that its token carries.
///
/// All state of a request lives here and dies with it: nothing of one request can affect another.
pub struct Call<C> {
    /// The provider's credentials and options of this request.
    pub credentials: C,
    context: RequestContext,
}

impl<C> Call<C> {
    pub(crate) fn new(credentials: C, context: RequestContext) -> Self {
        Self { credentials, context }
    }

    /// What provider calls need to know of the request.
    pub fn context(&self) -> &RequestContext {
        &self.context
    }
}

impl<C> Deref for Call<C> {
    type Target = RequestContext;

    fn deref(&self) -> &RequestContext {
        &self.context
    }
}

/// Which calls go first where those of one credential wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// A response action that somebody has triggered.
    Action,
    /// A health check.
    Health,
    /// Lookups, and offers of response actions.
    Lookup,
    /// A dashboard, which asks again by itself.
    Tile,
}

/// The part of a request that does not depend on the provider.
pub struct RequestContext {
    /// See [`RequestContext::now`].
    pub(crate) now: jiff::Timestamp,
    /// See [`RequestContext::limit`].
    pub(crate) limit: usize,
    /// See [`RequestContext::deadline`].
    pub(crate) deadline: Instant,
    /// See [`RequestContext::time_allowed`].
    pub(crate) time_allowed: Duration,
    /// See [`RequestContext::concurrency`].
    pub(crate) concurrency: usize,
    /// See [`RequestContext::credential`].
    pub(crate) credential: CredentialKey,
    /// See [`RequestContext::priority`].
    pub(crate) priority: Priority,
    /// What is kept for the credential: its calls in flight and its quotas.
    pub(crate) tenant: Arc<Tenant>,
    /// See [`RequestContext::keeps`].
    pub(crate) keeps: bool,
    /// What it has of the memory for answers.
    pub(crate) account: Arc<Account>,
    /// What of it the answers that it has read take until it is answered itself.
    pub(crate) kept: Mutex<Option<Room>>,
    /// Calls made for this request so far.
    pub(crate) provider_calls: Arc<AtomicU32>,
    /// What stopped further calls, by kind of call.
    pub(crate) stops: Stops,
    /// What recordings of its calls must not hold.
    pub(crate) confidential: Confidential,
    /// Answers that the other replicas may use once the request has ended.
    pub(crate) received: ReceivedAnswers,
}

/// The errors that stopped kinds of calls.
#[derive(Default)]
pub(crate) struct Stops {
    by_kind: Mutex<BTreeMap<&'static str, Error>>,
    /// Spares the lock in requests that nothing stopped, which are nearly all.
    any: AtomicBool,
}

/// Stops every kind of call, see [`RequestContext::stop`].
pub const ALL_CALLS: &str = "*";

impl RequestContext {
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

    /// Which calls of the same credential its calls wait for.
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// Whether answers may be kept for later requests (`RELAY_CACHE__TTL`).
    pub fn keeps(&self) -> bool {
        self.keeps
    }

    /// From now on no new call of this `kind` ([`ALL_CALLS`]: of any kind) is started for this request;
    /// each fails at once with `error`, which the user therefore sees once. Running calls finish.
    pub fn stop(&self, kind: &'static str, error: &Error) {
        let mut by_kind = self.stops.by_kind.lock().unwrap_or_else(PoisonError::into_inner);
        by_kind.entry(kind).or_insert_with(|| error.clone());
        self.stops.any.store(true, Ordering::Release);
    }

    /// The error that stopped calls of this kind, if one did.
    pub fn stopped(&self, kind: &'static str) -> Option<Error> {
        if !self.stops.any.load(Ordering::Acquire) {
            return None;
        }
        let by_kind = self.stops.by_kind.lock().unwrap_or_else(PoisonError::into_inner);
        by_kind.get(ALL_CALLS).or_else(|| by_kind.get(kind)).cloned()
    }

    /// A request of a credential of its own that arrives now.
    #[cfg(test)]
    pub(crate) fn for_tests(priority: Priority, concurrency: usize, time_allowed: Duration) -> Self {
        let hasher = crate::provider::CredentialHasher::new().expect("random numbers");
        Self {
            now: jiff::Timestamp::UNIX_EPOCH,
            limit: 100,
            deadline: Instant::now() + time_allowed,
            time_allowed,
            concurrency,
            credential: hasher.key([]),
            priority,
            tenant: Arc::new(Tenant::new(concurrency)),
            keeps: true,
            account: Arc::new(crate::provider::Rooms::new(1 << 30)).account(),
            kept: Mutex::default(),
            provider_calls: Arc::default(),
            stops: Stops::default(),
            confidential: Confidential::default(),
            received: ReceivedAnswers::default(),
        }
    }

    /// Keeps the room of an answer until the request is answered.
    pub(crate) fn keep(&self, room: Room) {
        let room = room.read();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *kept {
            Some(kept) => kept.absorb(room),
            None => *kept = Some(room),
        }
    }

    pub(crate) fn count_provider_call(&self) {
        self.provider_calls.fetch_add(1, Ordering::Relaxed);
    }

    /// How many calls the provider has got for this request so far, repeated ones included.
    pub fn provider_calls(&self) -> u32 {
        self.provider_calls.load(Ordering::Relaxed)
    }
}
