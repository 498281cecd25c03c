//! Relay for Microsoft Graph Security: the security alerts of a Microsoft tenant as sightings of observables.
//!
//! Two APIs hold alerts: `alerts`, which was retired in October 2026 and still serves some tenants, and its
//! successor `alerts_v2`, which cannot be searched by observable in one sure way.
//!
//! | module | what it is |
//! |---|---|
//! | [`search`] | which API is asked how, and what is told of both |
//! | [`client`] | the named calls, their pages, and what their failures mean |
//! | [`query`] | observables in OData filters and hunting queries |
//! | [`matching`] | whether an alert of `alerts_v2` concerns an observable |
//! | [`model`] | the API's answers, as far as they are read |
//! | [`mapping`] | alerts to CTIM sightings; no I/O, cannot fail |
//! | [`memory`] | what was found not to work for a tenant |
//! | [`options`] | the relay's own settings |

pub mod client;
pub mod mapping;
pub mod matching;
pub mod memory;
pub mod model;
mod module;
pub mod options;
mod partial;
pub mod query;
pub mod search;

use relay_core::auth::{ClaimError, Claims};
use relay_core::call::Call;
use relay_core::error::Error;
use relay_core::lookup::Lookup;
use relay_core::module::Module;
use relay_core::observable::Observable;
use relay_core::provider::entra::Application;
use relay_core::provider::{Auth, Client};
use relay_core::relay::{Credentials, Observe, Provider, Relay};
use relay_core::settings::{ProviderSettings, SettingsError};
use url::Url;

use memory::Memory;
use options::Options;

/// The relay with all that it serves.
pub fn relay() -> Relay {
    Relay::of::<Graph>().observe().build()
}

/// The started relay.
pub struct Graph {
    client: Client,
    api: Url,
    login: Url,
    ui: Url,
    scope: String,
    options: Options,
    memory: Memory,
}

/// An application of the tenant, with its secret.
pub struct GraphCredentials(Application);

impl Credentials for GraphCredentials {
    fn from_claims(claims: &Claims) -> Result<Self, ClaimError> {
        Application::from_claims(claims, "application_id").map(Self)
    }

    fn identity(&self) -> Vec<&str> {
        self.0.identity()
    }
}

impl Provider for Graph {
    const MODULE: Module = module::MODULE;
    type Credentials = GraphCredentials;

    fn start(settings: &ProviderSettings, client: Client) -> Result<Self, SettingsError> {
        Ok(Self {
            client,
            api: settings.url("api_url")?,
            login: settings.url("login_url")?,
            ui: settings.url("ui_url")?,
            scope: settings.text("scope").unwrap_or_default().to_owned(),
            options: Options::new(settings)?,
            memory: Memory::default(),
        })
    }

    async fn health(&self, call: &Call<GraphCredentials>) -> Result<(), Error> {
        search::health(self, call).await
    }
}

impl Observe for Graph {
    async fn observe(&self, call: &Call<GraphCredentials>, about: &Observable) -> Lookup {
        self.observe_all(call, std::slice::from_ref(about)).await
    }

    /// All at once, since hunting and scans serve all observables of a request together.
    async fn observe_all(&self, call: &Call<GraphCredentials>, about: &[Observable]) -> Lookup {
        let about: Vec<Observable> = about.iter().filter(|one| self.options.admits(one)).cloned().collect();
        if about.is_empty() {
            return Lookup::nothing();
        }
        search::observe(self, call, &about).await
    }
}

impl Graph {
    fn auth(&self, call: &Call<GraphCredentials>) -> Auth {
        Auth::Token(call.credentials.0.token_source(&self.login, &self.scope))
    }
}
