//! Relay for Microsoft Defender for Endpoint: sightings from alerts and advanced hunting, links into the portal,
//! and response actions on devices and indicators.
//!
//! | module | what it is |
//! |---|---|
//! | [`subject`] | values of observables, checked and in the provider's form |
//! | [`client`] | the calls of one request, and what their failures mean |
//! | [`kql`] | hunting queries |
//! | [`model`] | the API's answers, as far as they are read |
//! | [`enrich`] | details of devices and files, each asked for once per request |
//! | [`mapping`] | answers to CTIM entities; no I/O, cannot fail |
//! | [`respond`] | actions: the table, offering, triggering |

pub mod client;
pub mod credentials;
pub mod enrich;
pub mod kql;
mod links;
pub mod mapping;
pub mod model;
mod module;
mod observe;
pub mod respond;
pub mod settings;
pub mod subject;

use relay_core::call::Call;
use relay_core::error::Error;
use relay_core::lookup::Lookup;
use relay_core::module::Module;
use relay_core::observable::{Invalid, Observable, Trigger};
use relay_core::provider::Client;
use relay_core::relay::{Link, Observe, Offered, Provider, Refer, Relay, Respond};
use relay_core::settings::{ProviderSettings, SettingsError};

use client::Ask;
use client::hunting::Memory;
use credentials::Account;
use respond::Recent;
use settings::Settings;

/// The relay with all that it serves.
pub fn relay() -> Relay {
    Relay::of::<Defender>().observe().deliberate_nothing().refer().respond().build()
}

/// The started relay.
pub struct Defender {
    client: Client,
    settings: Settings,
    hunting: Memory,
    recent: Recent,
}

impl Provider for Defender {
    const MODULE: Module = module::MODULE;
    type Credentials = Account;

    fn start(settings: &ProviderSettings, client: Client) -> Result<Self, SettingsError> {
        Ok(Self {
            client,
            settings: Settings::read(settings)?,
            hunting: Memory::default(),
            recent: Recent::default(),
        })
    }

    async fn health(&self, call: &Call<Account>) -> Result<(), Error> {
        Ask::new(self, call).health().await
    }
}

impl Observe for Defender {
    async fn observe(&self, call: &Call<Account>, about: &Observable) -> Lookup {
        self.observe_all(call, std::slice::from_ref(about)).await
    }

    /// Devices and files are shared by the observables of a request.
    async fn observe_all(&self, call: &Call<Account>, about: &[Observable]) -> Lookup {
        observe::all(&Ask::new(self, call), about).await
    }
}

impl Refer for Defender {
    fn refer(&self, about: &Observable) -> Vec<Link> {
        links::search(&self.settings.portal, about).into_iter().collect()
    }
}

impl Respond for Defender {
    async fn actions(&self, call: &Call<Account>, about: &Observable) -> Offered {
        respond::offer::actions(&Ask::new(self, call), about).await
    }

    fn validate(trigger: &Trigger) -> Result<(), Invalid> {
        respond::trigger::check(trigger)
    }

    async fn trigger(&self, call: &Call<Account>, trigger: &Trigger) -> Result<(), Error> {
        respond::trigger::run(&Ask::new(self, call), trigger).await
    }
}
