//! The store that several replicas of one relay share, where one is set: Valkey or Redis.
//!
//! What must count once for all of them lies there: the windows of a provider's quotas ([`window`]), actions taken a
//! moment ago ([`trigger`]), what providers refuse ([`refusals`]), answers ([`answers`]). Names are keyed hashes, values
//! sealed ([`keys`]). No request depends on it: while it fails ([`link`]), every replica goes on with its own state.

mod answers;
mod heartbeat;
mod keys;
mod link;
mod metrics;
mod reads;
mod refusals;
mod trigger;
mod window;
mod writes;

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
use reads::Reads;
pub(crate) use refusals::Feed;
pub(crate) use trigger::Begun;
pub(crate) use window::{Asked, SharedWindow, Stamp, Word};
use writes::Writes;

/// The way to the store. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Inner>);

struct Inner {
    keys: Keys,
    link: Arc<Link>,
    writes: Writes,
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
    /// The store's clock: its milliseconds when this replica started; none before the first heartbeat.
    started: Instant,
    store_started: AtomicU64,
    heartbeat: OnceLock<Task>,
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
            writes: Writes::new(),
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
            heartbeat: OnceLock::new(),
        })))
    }

    /// Connects, and stays so until the relay ends.
    pub(crate) fn begin(&self) {
        self.0
            .heartbeat
            .get_or_init(|| Task(tokio::spawn(heartbeat::run(Arc::downgrade(&self.0))).abort_handle()));
        self.0.writes.begin(&self.0.link);
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

    /// Among how many replicas a quota is divided: while the store is unavailable, among those that were there last.
    pub(crate) fn sharing(&self) -> u32 {
        if self.0.link.is_unavailable() { self.0.replicas.load(Ordering::Relaxed).max(1) } else { 1 }
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

    /// Writes something that no request waits for; left out where the store is unavailable or behind.
    fn write_later(&self, command: redis::Cmd) {
        if !self.0.link.is_unavailable() {
            self.0.writes.add(command);
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
