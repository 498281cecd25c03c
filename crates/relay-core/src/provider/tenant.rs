//! What a relay keeps for one credential while it is in use: its calls in flight and its quotas.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;

use super::credential::CredentialKey;
use super::limit::{Bucket, Rate};
use super::places::Places;

/// The credentials that were used in the last hours.
pub(crate) struct Tenants {
    known: Cache<CredentialKey, Arc<Tenant>>,
    concurrency: usize,
}

/// No quota is longer than an hour: after this much idle time all of it is free again and may be forgotten.
const IDLE: Duration = Duration::from_secs(2 * 3600);
/// More credentials than any relay has tenants.
const MOST: u64 = 100_000;

impl Tenants {
    /// Each with this many calls in flight.
    pub(crate) fn new(concurrency: usize) -> Self {
        Self { known: Cache::builder().max_capacity(MOST).time_to_idle(IDLE).build(), concurrency }
    }

    /// What is kept for a credential.
    pub(crate) fn of(&self, credential: CredentialKey) -> Arc<Tenant> {
        self.known.get_with(credential, || Arc::new(Tenant::new(self.concurrency)))
    }
}

/// What is kept for one credential.
pub(crate) struct Tenant {
    /// Its calls in flight.
    pub(super) places: Arc<Places>,
    /// By [`Rate::name`].
    buckets: Mutex<BTreeMap<&'static str, Arc<Bucket>>>,
}

impl Tenant {
    pub(crate) fn new(concurrency: usize) -> Self {
        Self { places: Arc::new(Places::new(concurrency)), buckets: Mutex::default() }
    }

    /// The calls that were made under a rate.
    pub(super) fn bucket(&self, rate: &'static Rate) -> Arc<Bucket> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(buckets.entry(rate.name).or_insert_with(|| Arc::new(Bucket::new(rate))))
    }
}
