//! The store that several replicas of one relay share, where one is set: Valkey or Redis.
//!
//! What must count once for all of them lies there: the windows of a provider's quotas ([`window`]), actions taken a
//! moment ago ([`trigger`]), what providers refuse ([`refusals`]), answers ([`answers`]). Names are keyed hashes, values
//! sealed ([`keys`]). No request depends on it: while it fails ([`link`]), every replica goes on with its own state.

mod answers;
mod keeper;
mod keys;
mod link;
mod metrics;
mod post;
mod reads;
mod refusals;
mod trigger;
mod window;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::module::Module;
use crate::settings::{Clock, SettingsError, SharedSettings};
use crate::telemetry::Metrics;
use answers::Packers;
pub(crate) use answers::Unpacked;
use keys::Keys;
use link::Link;
use metrics::SharedMetrics;
use post::Posts;
use reads::Reads;
pub(crate) use refusals::Feed;
pub(crate) use trigger::Begun;
pub(crate) use window::{Asked, SharedWindow, Stamp, Word};

/// The way to the store. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Inner>);

struct Inner {
    keys: Keys,
    link: Arc<Link>,
    posts: Posts,
    reads: Reads,
    packers: Packers,
    /// Memories that replicas share, by name.
    memories: refusals::Memories,
    /// The last number of replicas seen, this one among them.
    replicas: AtomicU32,
    /// The name of this replica, of this start alone.
    replica: String,
    /// Calls that were given a place so far, for names of their own.
    calls: AtomicU32,
    clock: Clock,
    /// The store's clock: its milliseconds when this replica started; none before the first beat.
    started: Instant,
    store_started: AtomicU64,
    keeper: OnceLock<Task>,
}

/// A task that ends with the relay.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Shared {
    /// Nothing is asked before [`Shared::begin`].
    ///
    /// # Errors
    /// A setting cannot be used.
    pub(crate) fn new(
        module: &'static Module,
        settings: &SharedSettings,
        clock: Clock,
        metrics: &Metrics,
    ) -> Result<Self, SettingsError> {
        let unusable = |problem: String| SettingsError::value("shared.key", problem);
        let keys = Keys::new(module.name, settings.key.expose_secret().as_bytes())
            .map_err(|_| unusable("no keys can be made from it".to_owned()))?;
        let metrics = SharedMetrics::new(metrics).map_err(|error| unusable(error.to_string()))?;
        let link = Arc::new(Link::new(settings, metrics)?);
        let replica = uuid::Uuid::now_v7().simple().to_string().split_off(20);
        Ok(Self(Arc::new(Inner {
            posts: Posts::new(),
            reads: Reads::default(),
            packers: Packers::default(),
            keys,
            link,
            memories: Mutex::default(),
            replicas: AtomicU32::new(1),
            replica,
            calls: AtomicU32::new(0),
            clock,
            started: Instant::now(),
            store_started: AtomicU64::new(0),
            keeper: OnceLock::new(),
        })))
    }

    /// Connects, and stays so until the relay ends.
    pub(crate) fn begin(&self) {
        self.0
            .keeper
            .get_or_init(|| Task(tokio::spawn(keeper::keep(Arc::downgrade(&self.0))).abort_handle()));
        self.0.posts.begin(&self.0.link);
    }

    /// How long the store takes for an answer; else what is wrong with it, in a word.
    pub(crate) async fn probe(&self) -> Result<Duration, &'static str> {
        self.0.link.probe().await
    }

    /// Host and port of the store.
    pub(crate) fn place(&self) -> &str {
        self.0.link.place()
    }

    /// What names and seals entries.
    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// Among how many replicas a quota is divided: while the store is away, among those that were there last.
    pub(crate) fn sharing(&self) -> u32 {
        if self.0.link.is_away() { self.0.replicas.load(Ordering::Relaxed).max(1) } else { 1 }
    }

    /// How many replicas the store counted last.
    pub(crate) fn replicas(&self) -> u32 {
        self.0.replicas.load(Ordering::Relaxed).max(1)
    }

    /// The time by the store's clock, on which all replicas agree, in milliseconds; none before it was asked.
    fn time(&self) -> Option<u64> {
        let started = self.0.store_started.load(Ordering::Relaxed);
        (started > 0).then(|| started + elapsed(self.0.started))
    }

    /// The store has just said that it is this time.
    fn set_time(&self, now: u64) {
        self.0.store_started.store(now.saturating_sub(elapsed(self.0.started)), Ordering::Relaxed);
    }

    /// Writes something that no request waits for; left out where the store is away or behind.
    fn post(&self, command: redis::Cmd) {
        if !self.0.link.is_away() {
            self.0.posts.add(command);
        }
    }
}

/// Milliseconds as commands take them: at least one.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// Milliseconds since then.
fn elapsed(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
