//! What the relay remembers across requests, by tenant and application.

use std::sync::Arc;
use std::time::Duration;

use relay_core::error::Error;
use relay_core::memory::Lapsing;
use relay_core::provider::CredentialKey;

use crate::api::hunting::Provider;
use crate::model::{File, Indicator, Machine};
use crate::query::Table;
use crate::subject::MachineId;

/// How long it is remembered what a tenant's provider lacks.
pub const HOUR: Duration = Duration::from_secs(3600);
/// How long a device is kept.
const MACHINE: Duration = Duration::from_secs(600);
/// How long a file is kept; its hashes never change.
const FILE: Duration = Duration::from_secs(24 * 3600);
/// How long it is kept that a file is unknown.
const UNKNOWN_FILE: Duration = Duration::from_secs(600);
/// How long indicators are kept.
const INDICATORS: Duration = Duration::from_secs(300);

/// Which hunting API works for a tenant's application.
#[derive(Clone, Debug)]
pub enum HuntingApi {
    /// This one answers.
    Works(Provider),
    /// None does; the warning says why.
    Gone(Error),
}

/// A call for several things that a provider may refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListCall {
    /// Devices by their ids.
    Machines,
    /// Alerts by their ids.
    Alerts,
    /// Indicators by their values.
    Indicators,
}

/// A source of opinions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    pub single_tables: Lapsing<CredentialKey, Arc<[Table]>>,
    /// Lists that are refused: each thing is asked for alone.
    pub refused_lists: Lapsing<(CredentialKey, ListCall), ()>,
    /// Sources of opinions that are not permitted.
    pub denied_opinions: Lapsing<(CredentialKey, DeniedSource), Error>,
    facts: Option<Facts>,
}

/// What the provider said; kept for times of its own.
#[derive(Debug)]
struct Facts {
    machines: Lapsing<(CredentialKey, MachineId), Option<Arc<Machine>>>,
    files: Lapsing<(CredentialKey, String), Option<Arc<File>>>,
    indicators: Lapsing<(CredentialKey, String), Arc<[Indicator]>>,
}

/// Tenants and applications that something is remembered of.
const TENANTS: u64 = 10_000;
/// Things that are kept, of each kind.
const THINGS: u64 = 20_000;

impl Memory {
    /// An empty memory. `keeps_facts` is whether answers may be reused at all.
    pub fn new(keeps_facts: bool) -> Self {
        Self {
            hunting_api: Lapsing::new(TENANTS),
            single_tables: Lapsing::new(TENANTS),
            refused_lists: Lapsing::new(TENANTS),
            denied_opinions: Lapsing::new(TENANTS),
            facts: keeps_facts.then(|| Facts {
                machines: Lapsing::new(THINGS),
                files: Lapsing::new(THINGS),
                indicators: Lapsing::new(THINGS),
            }),
        }
    }

    /// A device as it was a moment ago; inside, nothing where it is unknown.
    pub fn machine(
        &self,
        credential: CredentialKey,
        id: &MachineId,
        now: jiff::Timestamp,
    ) -> Option<Option<Arc<Machine>>> {
        self.facts.as_ref()?.machines.recall(&(credential, id.clone()), now)
    }

    /// Keeps a device.
    pub fn keep_machine(
        &self,
        credential: CredentialKey,
        id: &MachineId,
        machine: Option<Arc<Machine>>,
        now: jiff::Timestamp,
    ) {
        if let Some(facts) = &self.facts {
            facts.machines.remember((credential, id.clone()), machine, MACHINE, now);
        }
    }

    /// A file; inside, nothing where it is unknown.
    pub fn file(
        &self,
        credential: CredentialKey,
        hash: &str,
        now: jiff::Timestamp,
    ) -> Option<Option<Arc<File>>> {
        self.facts.as_ref()?.files.recall(&(credential, hash.to_owned()), now)
    }

    /// Keeps a file.
    pub fn keep_file(
        &self,
        credential: CredentialKey,
        hash: &str,
        file: Option<Arc<File>>,
        now: jiff::Timestamp,
    ) {
        if let Some(facts) = &self.facts {
            let lasts = if file.is_some() { FILE } else { UNKNOWN_FILE };
            facts.files.remember((credential, hash.to_owned()), file, lasts, now);
        }
    }

    /// The indicators of a value in lower case.
    pub fn indicators(
        &self,
        credential: CredentialKey,
        value: &str,
        now: jiff::Timestamp,
    ) -> Option<Arc<[Indicator]>> {
        self.facts.as_ref()?.indicators.recall(&(credential, value.to_owned()), now)
    }

    /// Keeps the indicators of a value in lower case.
    pub fn keep_indicators(
        &self,
        credential: CredentialKey,
        value: &str,
        found: Arc<[Indicator]>,
        now: jiff::Timestamp,
    ) {
        if let Some(facts) = &self.facts {
            facts.indicators.remember((credential, value.to_owned()), found, INDICATORS, now);
        }
    }
}
