//! Relay for Microsoft Graph Security: the security alerts of a Microsoft tenant as sightings of observables, with
//! what Microsoft thinks of them.
//!
//! Two APIs hold alerts: `alerts`, which was retired in October 2026 and still serves some tenants, and its
//! successor `alerts_v2`. Alerts about observables are found in the latter by one hunting query for all of them.
//!
//! | module | what it is |
//! |---|---|
//! | [`search`] | which API is asked how, and what is reported of all of them |
//! | `api` | the calls of the API: addresses, pages, and what its refusals mean |
//! | `checkup` | what `doctor` checks: addresses, permissions, what is about to end |
//! | [`credentials`] | what a token carries |
//! | [`links`] | pages of the portal |
//! | [`model`] | the API's answers, as far as they are read |
//! | [`mapping`] | alerts to CTIM entities, and whether they concern an observable; no I/O, cannot fail |
//! | [`respond`] | actions on accounts |
//! | [`settings`] | the relay's own settings |
//! | `tiles` | dashboard tiles |

mod api;
mod checkup;
pub mod credentials;
pub mod links;
pub mod mapping;
pub mod model;
mod module;
pub mod respond;
pub mod search;
pub mod settings;
mod tiles;

use relay_core::auth::{ClaimError, Claims};
use relay_core::call::Call;
use relay_core::doctor::checkup::{Checkup, Grant};
use relay_core::error::Error;
use relay_core::lookup::Lookup;
use relay_core::memory::Lapsing;
use relay_core::module::Module;
use relay_core::observable::{Invalid, Observable, ObservableType, Trigger};
use relay_core::provider::Client;
use relay_core::provider::entra::Logins;
use relay_core::relay::{Deliberate, Link, Observe, Offered, Provider, Refer, Relay, Respond};
use relay_core::respond::Repetitions;
use relay_core::settings::{ProviderSettings, SettingsError};
use serde::{Deserialize, Serialize};

use credentials::{GraphCredentials, Owner};
use mapping::matching::Matcher;
use mapping::opinion;
use respond::Taken;
use search::Purpose;
use settings::{Intelligence, Settings};

/// The relay with all that it serves.
pub fn relay() -> Relay {
    Relay::of::<Graph>().observe().deliberate().refer().respond().tiles().build()
}

/// More tenants than one relay serves.
const TENANTS: u64 = 10_000;

/// The started relay.
pub struct Graph {
    client: Client,
    settings: Settings,
    logins: Logins,
    /// What a tenant lacks, so that it is paid for once and not with every request.
    lacks: Lapsing<(Owner, Lack), ()>,
    /// How many hosts in a row Threat Intelligence did not know; nothing where it ever knew one.
    unknown_hosts: Lapsing<Owner, Option<u32>>,
    /// Actions taken a moment ago.
    recent: Repetitions<Taken>,
    /// What tiles count.
    digests: tiles::Digests,
}

/// What a tenant may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Lack {
    /// The API `alerts`.
    LegacyAlerts,
    /// The API `alerts_v2`.
    Alerts,
    /// Advanced hunting.
    Hunting,
    /// Batches of calls.
    Batches,
    /// Threat Intelligence.
    Intelligence,
}

impl Provider for Graph {
    const MODULE: Module = module::MODULE;
    type Credentials = GraphCredentials;

    fn start(settings: &ProviderSettings, client: Client) -> Result<Self, SettingsError> {
        let logins = Logins::start(settings, &client)?;
        let settings = Settings::new(settings)?;
        for warning in &settings.warnings {
            log::warn!("{warning}");
        }
        Ok(Self {
            lacks: client.memory("lacks", TENANTS * 5),
            unknown_hosts: Lapsing::new(TENANTS),
            recent: client.repetitions(),
            digests: tiles::Digests::new(),
            client,
            settings,
            logins,
        })
    }

    fn credentials(&self, claims: &Claims) -> Result<GraphCredentials, ClaimError> {
        GraphCredentials::read(claims, &self.logins)
    }

    fn check_claims(settings: &ProviderSettings, claims: &Claims) -> Result<(), ClaimError> {
        Logins::check(settings, claims, credentials::ID_CLAIM)
    }

    fn checkup(&self) -> Checkup {
        self.what_to_check()
    }

    async fn grants(&self, call: &Call<GraphCredentials>) -> Vec<Grant> {
        self.granted(call).await
    }

    async fn health(&self, call: &Call<GraphCredentials>) -> Result<(), Error> {
        search::health(self, call).await
    }
}

impl Observe for Graph {
    fn observables(&self) -> Vec<ObservableType> {
        self.types(|_| true)
    }

    async fn observe(&self, call: &Call<GraphCredentials>, about: &Observable) -> Lookup {
        self.observe_all(call, std::slice::from_ref(about)).await
    }

    /// All at once, since one query, one scan or one batch serves all observables of a request.
    async fn observe_all(&self, call: &Call<GraphCredentials>, about: &[Observable]) -> Lookup {
        self.look_up(call, about, Purpose::Observe).await
    }
}

impl Deliberate for Graph {
    /// None where nothing is left that could judge.
    fn observables(&self) -> Vec<ObservableType> {
        let (by_alerts, by_hosts) = (self.settings.verdicts, self.settings.intelligence != Intelligence::Off);
        self.types(|kind| opinion::is_judged(kind, by_alerts, by_hosts))
    }

    fn read_along(&self) -> Vec<ObservableType> {
        Observe::observables(self)
    }

    async fn deliberate(&self, call: &Call<GraphCredentials>, about: &Observable) -> Lookup {
        self.deliberate_all(call, std::slice::from_ref(about)).await
    }

    /// Asks what observe asks, so that the two, which the platform calls together, share the answers.
    async fn deliberate_all(&self, call: &Call<GraphCredentials>, about: &[Observable]) -> Lookup {
        let judged = Deliberate::observables(self);
        if about.iter().any(|one| judged.contains(&one.kind())) {
            self.look_up(call, about, Purpose::Deliberate).await
        } else {
            Lookup::nothing()
        }
    }
}

impl Refer for Graph {
    fn observables(&self) -> Vec<ObservableType> {
        self.types(|_| true)
    }

    fn refer(&self, about: &Observable) -> Vec<Link> {
        links::all(&self.settings.ui, about)
    }
}

impl Respond for Graph {
    fn observables(&self) -> Vec<ObservableType> {
        respond::TYPES.to_vec()
    }

    async fn actions(&self, call: &Call<GraphCredentials>, about: &Observable) -> Offered {
        self.actions_all(call, std::slice::from_ref(about)).await
    }

    /// All at once, since a request may read a bounded number of accounts.
    async fn actions_all(&self, call: &Call<GraphCredentials>, about: &[Observable]) -> Offered {
        respond::offer::actions(self, call, about).await
    }

    fn validate(trigger: &Trigger) -> Result<(), Invalid> {
        respond::trigger::check(trigger)
    }

    async fn trigger(&self, call: &Call<GraphCredentials>, trigger: &Trigger) -> Result<(), Error> {
        respond::trigger::run(self, call, trigger).await
    }
}

impl Graph {
    /// The types that are looked up with these settings, of those that are wanted.
    fn types(&self, wanted: impl Fn(ObservableType) -> bool) -> Vec<ObservableType> {
        let all = module::MODULE.observables.iter().copied();
        all.filter(|kind| self.settings.looks_up(*kind) && wanted(*kind)).collect()
    }

    async fn look_up(&self, call: &Call<GraphCredentials>, about: &[Observable], purpose: Purpose) -> Lookup {
        let fits = |one: &&Observable| Matcher::new(one).is_some();
        let about: Vec<Observable> = about.iter().filter(fits).cloned().collect();
        if about.is_empty() {
            return Lookup::nothing();
        }
        search::search(self, call, &about, purpose).await
    }
}
