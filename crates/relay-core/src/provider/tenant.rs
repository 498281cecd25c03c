//! What a relay keeps for one credential while it is in use: its calls in flight, its quotas, and how the hosts that
//! it calls are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use url::Url;

use super::breaker::Breaker;
use super::budget::Budget;
use super::credential::CredentialKey;
use super::limit::{Bucket, Rate};
use super::places::Places;
use crate::shared::Shared;

/// The credentials that were used in the last hours.
pub(crate) struct Tenants {
    known: Cache<CredentialKey, Arc<Tenant>>,
    concurrency: usize,
    shared: Option<Shared>,
}

/// No quota is longer than an hour: after this much idle time all of it is free again and may be forgotten.
const IDLE: Duration = Duration::from_secs(2 * 3600);
/// More credentials than any relay has tenants.
const MOST: u64 = 100_000;

impl Tenants {
    /// Each with this many calls in flight.
    pub(crate) fn new(concurrency: usize, shared: Option<Shared>) -> Self {
        Self { known: Cache::builder().max_capacity(MOST).time_to_idle(IDLE).build(), concurrency, shared }
    }

    /// What is kept for a credential.
    pub(crate) fn of(&self, credential: CredentialKey) -> Arc<Tenant> {
        let new = || Tenant {
            shared: self.shared.clone().map(|shared| (shared, credential)),
            ..Tenant::new(self.concurrency)
        };
        self.known.get_with(credential, || Arc::new(new()))
    }
}

/// What is kept for one credential.
pub(crate) struct Tenant {
    /// Its calls in flight.
    pub(super) places: Arc<Places>,
    /// By [`Rate::name`].
    buckets: Mutex<BTreeMap<&'static str, Arc<Bucket>>>,
    hosts: Mutex<Vec<Arc<Host>>>,
    /// Where the calls of all replicas are counted, and by what name.
    shared: Option<(Shared, CredentialKey)>,
}

/// A host that the credential's calls go to.
pub(super) struct Host {
    name: String,
    port: Option<u16>,
    /// How many of the calls may be made again.
    pub(super) budget: Budget,
    /// Whether it is down.
    pub(super) breaker: Breaker,
}

/// A provider's API, its login service and its regions are fewer. Of more hosts the first one is forgotten.
const HOSTS: usize = 16;

impl Tenant {
    pub(crate) fn new(concurrency: usize) -> Self {
        Self {
            places: Arc::new(Places::new(concurrency)),
            buckets: Mutex::default(),
            hosts: Mutex::default(),
            shared: None,
        }
    }

    /// The calls that were made under a rate.
    pub(super) fn bucket(&self, rate: &'static Rate) -> Arc<Bucket> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let shared = self.shared.as_ref();
            let window =
                shared.map(|(shared, tenant)| shared.window(&[tenant.bytes(), rate.name.as_bytes()]));
            Arc::new(Bucket::new(rate, window))
        };
        Arc::clone(buckets.entry(rate.name).or_insert_with(new))
    }

    /// The host of a URL.
    pub(super) fn host(&self, url: &Url) -> Arc<Host> {
        let (name, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default());
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.iter().find(|host| host.port == port && host.name == name) {
            return Arc::clone(host);
        }
        if hosts.len() == HOSTS {
            hosts.remove(0);
        }
        let host = Arc::new(Host {
            name: name.to_owned(),
            port,
            budget: Budget::new(),
            breaker: Breaker::default(),
        });
        hosts.push(Arc::clone(&host));
        host
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_differ_by_name_and_by_port() {
        let tenant = Tenant::new(1);
        let host = |url: &str| tenant.host(&url.parse().expect("a URL"));
        let first = host("https://one.example/a");
        assert!(Arc::ptr_eq(&first, &host("https://one.example:443/b")));
        assert!(!Arc::ptr_eq(&first, &host("https://other.example/a")));
        assert!(!Arc::ptr_eq(&first, &host("https://one.example:8443/a")));
    }
}
