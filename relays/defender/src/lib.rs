//! Relay for Microsoft Defender for Endpoint: sightings from alerts and advanced hunting, verdicts from the customer's own
//! indicators and Defender's determination of files, links into the portal, and response actions on devices and
//! indicators.
//!
//! | module | what it is |
//! |---|---|
//! | [`credentials`], [`settings`] | what a token carries, what the operator sets |
//! | `checkup` | what `doctor` checks: addresses, permissions, what is about to end |
//! | [`subject`], [`network`] | values of observables, checked and in the provider's form; how they are compared |
//! | [`api`] | the calls of one request, and what their failures mean |
//! | [`query`] | hunting queries |
//! | [`model`] | the API's answers, as far as they are read |
//! | [`links`] | pages of the portal |
//! | [`memory`] | what is remembered across requests |
//! | [`search`] | which calls a lookup makes, and in which order |
//! | [`mapping`] | answers to CTIM entities; no I/O, cannot fail |
//! | [`respond`] | actions: the table, offering, triggering |

pub mod api;
mod checkup;
pub mod credentials;
pub mod links;
pub mod mapping;
pub mod memory;
pub mod model;
mod module;
pub mod network;
pub mod query;
pub mod respond;
pub mod search;
pub mod settings;
pub mod subject;
mod tiles;

use relay_core::auth::{ClaimError, Claims};
use relay_core::call::Call;
use relay_core::doctor::checkup::{Checkup, Grant};
use relay_core::error::Error;
use relay_core::lookup::Lookup;
use relay_core::module::Module;
use relay_core::observable::{Invalid, Observable, ObservableType, Trigger};
use relay_core::provider::Client;
use relay_core::provider::entra::Logins;
use relay_core::relay::{Deliberate, Link, Observe, Offered, Provider, Refer, Relay, Respond};
use relay_core::respond::Repetitions;
use relay_core::settings::{ProviderSettings, SettingsError};

use api::DefenderApi;
use credentials::Account;
use memory::Memory;
use respond::Action;
use settings::{Hunting, Settings};

/// The relay with all that it serves.
pub fn relay() -> Relay {
    Relay::of::<Defender>().observe().deliberate().refer().respond().tiles().build()
}

/// The started relay.
pub struct Defender {
    client: Client,
    settings: Settings,
    logins: Logins,
    memory: Memory,
    recent: Repetitions<Action>,
    listings: tiles::Listings,
}

impl Provider for Defender {
    const MODULE: Module = module::MODULE;
    type Credentials = Account;

    fn start(settings: &ProviderSettings, client: Client) -> Result<Self, SettingsError> {
        let logins = Logins::start(settings, &client)?;
        let settings = Settings::read(settings)?;
        for warning in &settings.warnings {
            log::warn!("{warning}");
        }
        let memory = Memory::new(&client, settings.keeps_facts);
        Ok(Self {
            recent: client.repetitions(),
            client,
            settings,
            logins,
            memory,
            listings: tiles::Listings::new(),
        })
    }

    fn credentials(&self, claims: &Claims) -> Result<Account, ClaimError> {
        Account::read(claims, &self.logins)
    }

    fn check_claims(settings: &ProviderSettings, claims: &Claims) -> Result<(), ClaimError> {
        Logins::check(settings, claims, credentials::ID_CLAIM)
    }

    fn checkup(&self) -> Checkup {
        self.what_to_check()
    }

    async fn grants(&self, call: &Call<Account>) -> Vec<Grant> {
        self.granted(call).await
    }

    async fn health(&self, call: &Call<Account>) -> Result<(), Error> {
        DefenderApi::new(self, call).health().await
    }
}

/// Types that are linked in the portal.
const LINKED: [ObservableType; 7] = [
    ObservableType::Sha1,
    ObservableType::Sha256,
    ObservableType::Ip,
    ObservableType::Ipv6,
    ObservableType::Domain,
    ObservableType::Url,
    ObservableType::MsMachineId,
];
/// Types that are judged, which have indicators too.
const JUDGED: [ObservableType; 7] = [
    ObservableType::Sha1,
    ObservableType::Sha256,
    ObservableType::Md5,
    ObservableType::Ip,
    ObservableType::Ipv6,
    ObservableType::Domain,
    ObservableType::Url,
];
/// Types that are only hunted for.
const HUNTED: [ObservableType; 2] = [ObservableType::FileName, ObservableType::FilePath];

impl Observe for Defender {
    fn observables(&self) -> Vec<ObservableType> {
        let hunts = self.settings.hunting != Hunting::Off;
        let all = Self::MODULE.observables.iter().copied();
        all.filter(|kind| hunts || !HUNTED.contains(kind)).collect()
    }

    async fn observe(&self, call: &Call<Account>, about: &Observable) -> Lookup {
        self.observe_all(call, std::slice::from_ref(about)).await
    }

    /// The observables of a request share queries, devices and files.
    async fn observe_all(&self, call: &Call<Account>, about: &[Observable]) -> Lookup {
        search::observe(&DefenderApi::new(self, call), about).await
    }
}

impl Deliberate for Defender {
    fn observables(&self) -> Vec<ObservableType> {
        if self.settings.verdicts.any() { JUDGED.to_vec() } else { Vec::new() }
    }

    async fn deliberate(&self, call: &Call<Account>, about: &Observable) -> Lookup {
        self.deliberate_all(call, std::slice::from_ref(about)).await
    }

    async fn deliberate_all(&self, call: &Call<Account>, about: &[Observable]) -> Lookup {
        search::deliberate(&DefenderApi::new(self, call), about).await
    }
}

impl Refer for Defender {
    fn observables(&self) -> Vec<ObservableType> {
        LINKED.to_vec()
    }

    fn refer(&self, about: &Observable) -> Vec<Link> {
        links::search(&self.settings.portal, about).into_iter().collect()
    }
}

impl Respond for Defender {
    fn observables(&self) -> Vec<ObservableType> {
        [&JUDGED[..], &[ObservableType::MsMachineId, ObservableType::Hostname]].concat()
    }

    async fn actions(&self, call: &Call<Account>, about: &Observable) -> Offered {
        respond::offer::actions(&DefenderApi::new(self, call), about).await
    }

    fn validate(trigger: &Trigger) -> Result<(), Invalid> {
        respond::trigger::check(trigger)
    }

    async fn trigger(&self, call: &Call<Account>, trigger: &Trigger) -> Result<(), Error> {
        respond::trigger::run(&DefenderApi::new(self, call), trigger).await
    }
}
