//! Relay for SecurityTrails: the addresses that a domain has had, and the domains that point to an address, as
//! sightings with `Resolved_To` relations; on request mail servers, name servers and subdomains.
//!
//! Every page of an answer costs a query of the account's monthly quota, so nothing is asked that is not needed.
//!
//! | module | what it is |
//! |---|---|
//! | [`credentials`] | the API key, and what its user is willing to pay for |
//! | [`settings`] | the settings of the relay |
//! | [`query`] | what is asked about an observable |
//! | `search`, `pages` | which queries are made, page by page, and what is kept |
//! | [`api`] | the calls of the API: addresses, rate, and what refusals mean |
//! | [`model`] | the API's answers, as far as they are read |
//! | [`mapping`] | answers to CTIM entities; no I/O, cannot fail |
//! | [`links`] | pages of the site |
//! | `tiles` | the tile of the account's quota |

pub mod api;
pub mod credentials;
pub mod links;
pub mod mapping;
pub mod model;
mod module;
mod pages;
pub mod query;
mod search;
pub mod settings;
mod tiles;

use relay_core::call::Call;
use relay_core::doctor::checkup::Checkup;
use relay_core::error::Error;
use relay_core::lookup::Lookup;
use relay_core::module::Module;
use relay_core::observable::Observable;
use relay_core::provider::Client;
use relay_core::quota::AccountQuota;
use relay_core::relay::{Link, Observe, Provider, Refer, Relay};
use relay_core::settings::{ProviderSettings, SettingsError};
use url::Url;

use credentials::ApiKey;
use links::Links;
use settings::Options;

/// The relay with all that it serves.
pub fn relay() -> Relay {
    Relay::of::<SecurityTrails>().observe().refer().tiles().build()
}

/// The started relay.
pub struct SecurityTrails {
    client: Client,
    api_url: Url,
    links: Links,
    options: Options,
    usage: tiles::Usage,
}

impl Provider for SecurityTrails {
    const MODULE: Module = module::MODULE;
    type Credentials = ApiKey;

    fn start(settings: &ProviderSettings, client: Client) -> Result<Self, SettingsError> {
        Ok(Self {
            client,
            api_url: settings.url("api_url")?,
            links: Links(settings.url("ui_url")?),
            options: Options::load(settings)?,
            usage: tiles::Usage::new(),
        })
    }

    fn checkup(&self) -> Checkup {
        Checkup { addresses: vec![self.api_url.clone()], ..Checkup::default() }
    }

    async fn health(&self, call: &Call<ApiKey>) -> Result<(), Error> {
        self.ping(call).await
    }

    async fn health_with_quotas(&self, call: &Call<ApiKey>) -> Result<Vec<AccountQuota>, Error> {
        let (ping, quotas) = futures::join!(self.ping(call), self.quotas(call));
        ping.map(|()| quotas)
    }
}

impl Observe for SecurityTrails {
    async fn observe(&self, call: &Call<ApiKey>, about: &Observable) -> Lookup {
        self.look_up(call, std::slice::from_ref(about)).await
    }

    async fn observe_all(&self, call: &Call<ApiKey>, about: &[Observable]) -> Lookup {
        self.look_up(call, about).await
    }
}

impl Refer for SecurityTrails {
    fn refer(&self, about: &Observable) -> Vec<Link> {
        self.links.search(about).into_iter().collect()
    }
}
