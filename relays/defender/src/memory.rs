//! What the relay remembers across requests, by tenant and application.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use relay_core::error::Error;
use relay_core::memory::Lapsing;
use relay_core::provider::{Client, CredentialKey};
use serde::{Deserialize, Serialize};

use crate::model::{File, Indicator, Machine};
use crate::query::Table;
use crate::subject::MachineId;

/// How long it is remembered what a tenant's provider lacks.
pub const HOUR: Duration = Duration::from_secs(3600);
/// How long a device is kept.
pub const MACHINE: Duration = Duration::from_secs(600);
/// How long a file is kept; its hashes never change.
pub const FILE: Duration = Duration::from_secs(24 * 3600);
/// How long it is kept that a file is unknown.
pub const UNKNOWN_FILE: Duration = Duration::from_secs(600);
/// How long indicators are kept.
pub const INDICATORS: Duration = Duration::from_secs(300);

/// One of the two APIs that hunt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Provider {
    /// The one of Defender for Endpoint.
    Defender,
    /// The one of Microsoft Graph.
    Graph,
}

/// Which hunting API works for a tenant's application.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum HuntingApi {
    /// This one answers.
    Works(Provider),
    /// None does; the warning says why.
    Gone(Error),
}

/// A call for several things that a provider may refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ListCall {
    /// Devices by their ids.
    Machines,
    /// Alerts by their ids.
    Alerts,
    /// Indicators by their values.
    Indicators,
}

/// What the provider may be able to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Countable {
    /// Devices.
    Machines,
    /// Custom indicators.
    Indicators,
}

impl Countable {
    /// Where it counts them.
    pub fn path(self) -> &'static str {
        match self {
            Self::Machines => "machines/$count",
            Self::Indicators => "indicators/$count",
        }
    }
}

/// A source of opinions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DeniedSource {
    /// Custom indicators.
    Indicators,
    /// The determination of files.
    Files,
}

/// The memory of the process.
#[derive(Debug)]
pub struct Memory {
    /// Which hunting API works.
    pub hunting_api: Lapsing<CredentialKey, HuntingApi>,
    /// The tables that are asked one by one, because the query of all is refused; of them those that are asked
    /// without the fair cut.
    pub single_tables: Lapsing<CredentialKey, Vec<Table>>,
    /// Lists that are refused: each thing is asked for alone.
    pub refused_lists: Lapsing<(CredentialKey, ListCall), ()>,
    /// What the provider does not count.
    pub uncounted: Lapsing<(CredentialKey, Countable), ()>,
    /// Sources of opinions that are not permitted.
    pub denied_opinions: Lapsing<(CredentialKey, DeniedSource), Error>,
    /// Devices; inside, nothing for unknown ones.
    pub machines: Kept<MachineId, Option<Arc<Machine>>>,
    /// Files by hash; inside, nothing for unknown ones.
    pub files: Kept<String, Option<Arc<File>>>,
    /// Indicators by value in lower case.
    pub indicators: Kept<String, Arc<[Indicator]>>,
}

/// What the provider answered, kept by tenant and application; nothing is kept where answers may not be reused.
#[derive(Debug)]
pub struct Kept<K, V>(Option<Lapsing<(CredentialKey, K), V>>);

impl<K, V> Kept<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// What was kept and has not lapsed.
    pub fn recall(&self, credential: CredentialKey, key: K, now: jiff::Timestamp) -> Option<V> {
        self.0.as_ref()?.recall(&(credential, key), now)
    }

    /// Keeps it for a time.
    pub fn keep(&self, credential: CredentialKey, key: K, value: V, lasts: Duration, now: jiff::Timestamp) {
        if let Some(kept) = &self.0 {
            kept.remember((credential, key), value, lasts, now);
        }
    }
}

/// Tenants and applications that something is remembered of.
const TENANTS: u64 = 10_000;
/// Things that are kept, of each kind.
const THINGS: u64 = 20_000;

impl Memory {
    /// An empty memory. `keeps_facts` is whether answers may be reused at all. What a provider lacks is known to all
    /// replicas.
    pub fn new(client: &Client, keeps_facts: bool) -> Self {
        Self {
            hunting_api: client.memory("hunting_api", TENANTS),
            single_tables: client.memory("single_tables", TENANTS),
            refused_lists: client.memory("refused_lists", TENANTS),
            uncounted: client.memory("uncounted", TENANTS),
            denied_opinions: client.memory("denied_opinions", TENANTS),
            machines: Kept(keeps_facts.then(|| Lapsing::new(THINGS))),
            files: Kept(keeps_facts.then(|| Lapsing::new(THINGS))),
            indicators: Kept(keeps_facts.then(|| Lapsing::new(THINGS))),
        }
    }
}
