//! Relay for IBM X-Force Exchange: verdicts, judgements, categories, DNS resolutions and collections for
//! domains, URLs, addresses and file hashes.
//!
//! | module | what it is |
//! |---|---|
//! | [`api`] | the calls of the API: addresses, and what its refusals mean |
//! | [`credentials`] | what a token carries |
//! | [`settings`] | the settings of the relay |
//! | [`subject`] | the accepted forms of values |
//! | `search` | which calls are made about the observables of a request |
//! | `failures` | what the user reads of failed calls |
//! | [`model`] | the API's answers, as far as they are read |
//! | [`mapping`] | answers to CTIM entities; no I/O, cannot fail |
//! | [`links`] | pages of the portal |
//! | `tiles` | tiles and quotas of the account |

pub mod api;
pub mod credentials;
mod failures;
pub mod links;
pub mod mapping;
pub mod model;
mod module;
mod search;
pub mod settings;
pub mod subject;
mod tiles;

use relay_core::call::Call;
use relay_core::doctor::checkup::Checkup;
use relay_core::error::Error;
use relay_core::lookup::Lookup;
use relay_core::module::Module;
use relay_core::observable::Observable;
use relay_core::provider::Client;
use relay_core::quota::AccountQuota;
use relay_core::relay::{Deliberate, Link, Observe, Provider, Refer, Relay};
use relay_core::settings::{ProviderSettings, SettingsError};
use url::Url;

use credentials::ApiKey;
use links::Links;
use search::Depth;
use settings::Options;

/// The relay with all that it serves.
pub fn relay() -> Relay {
    Relay::of::<XForce>().observe().deliberate().refer().tiles().build()
}

/// The started relay.
pub struct XForce {
    client: Client,
    api_url: Url,
    links: Links,
    options: Options,
    account: tiles::Account,
}

impl Provider for XForce {
    const MODULE: Module = module::MODULE;
    type Credentials = ApiKey;

    fn start(settings: &ProviderSettings, client: Client) -> Result<Self, SettingsError> {
        Ok(Self {
            client,
            api_url: settings.url("api_url")?,
            links: Links(settings.url("ui_url")?),
            options: Options::load(settings)?,
            account: tiles::Account::new(),
        })
    }

    fn checkup(&self) -> Checkup {
        Checkup { addresses: vec![self.api_url.clone()], ..Checkup::default() }
    }

    async fn health(&self, call: &Call<ApiKey>) -> Result<(), Error> {
        self.subscriptions(call).await.map(drop)
    }

    async fn health_with_quotas(&self, call: &Call<ApiKey>) -> Result<Vec<AccountQuota>, Error> {
        self.subscriptions(call).await.map(|all| tiles::quotas(&all, call.now()))
    }
}

impl Observe for XForce {
    async fn observe(&self, call: &Call<ApiKey>, about: &Observable) -> Lookup {
        self.look_up(call, std::slice::from_ref(about), Depth::Everything).await
    }

    async fn observe_all(&self, call: &Call<ApiKey>, about: &[Observable]) -> Lookup {
        self.look_up(call, about, Depth::Everything).await
    }
}

impl Deliberate for XForce {
    async fn deliberate(&self, call: &Call<ApiKey>, about: &Observable) -> Lookup {
        self.look_up(call, std::slice::from_ref(about), Depth::Verdict).await
    }

    async fn deliberate_all(&self, call: &Call<ApiKey>, about: &[Observable]) -> Lookup {
        self.look_up(call, about, Depth::Verdict).await
    }
}

impl Refer for XForce {
    fn refer(&self, about: &Observable) -> Vec<Link> {
        self.links.search(about).into_iter().collect()
    }
}
