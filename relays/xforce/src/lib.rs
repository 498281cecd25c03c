//! Relay for IBM X-Force Exchange: verdicts, judgements, categories, DNS resolutions and collections for
//! domains, URLs, addresses and file hashes.
//!
//! | module | what it is |
//! |---|---|
//! | [`api`] | the calls of the API: addresses, and what its refusals mean |
//! | [`credentials`] | what a token carries |
//! | [`model`] | the API's answers, as far as they are read |
//! | [`mapping`] | answers to CTIM entities; no I/O, cannot fail |
//! | [`links`] | pages of the portal |

pub mod api;
pub mod credentials;
pub mod links;
pub mod mapping;
pub mod model;
mod module;

use relay_core::call::Call;
use relay_core::error::Error;
use relay_core::lookup::Lookup;
use relay_core::module::Module;
use relay_core::observable::Observable;
use relay_core::provider::Client;
use relay_core::relay::{Deliberate, Link, Observe, Provider, Refer, Relay};
use relay_core::settings::{ProviderSettings, SettingsError};
use url::Url;

use credentials::ApiKey;
use links::Links;
use mapping::Mapping;

/// The relay with all that it serves.
pub fn relay() -> Relay {
    Relay::of::<XForce>().observe().deliberate().refer().build()
}

/// The started relay.
pub struct XForce {
    client: Client,
    api_url: Url,
    links: Links,
    resolve_enabled: bool,
    linkage_enabled: bool,
    malware_details: bool,
}

impl Provider for XForce {
    const MODULE: Module = module::MODULE;
    type Credentials = ApiKey;

    fn start(settings: &ProviderSettings, client: Client) -> Result<Self, SettingsError> {
        Ok(Self {
            client,
            api_url: settings.url("api_url")?,
            links: Links(settings.url("ui_url")?),
            resolve_enabled: settings.flag("resolve_enabled")?,
            linkage_enabled: settings.flag("linkage_enabled")?,
            malware_details: settings.flag("malware_details")?,
        })
    }

    async fn health(&self, call: &Call<ApiKey>) -> Result<(), Error> {
        self.usage(call).await
    }
}

impl Observe for XForce {
    async fn observe(&self, call: &Call<ApiKey>, about: &Observable) -> Lookup {
        // Polled in this order, so started in this order.
        let (report, resolve, linkage) =
            futures::join!(self.report(call, about), self.resolve(call, about), self.linkage(call, about),);
        let mut found = Lookup::nothing();
        let mapping = self.mapping(call, about);
        let report = kept(report, &mut found);
        let resolve = kept(resolve, &mut found);
        let linkage = kept(linkage, &mut found);
        found.bundle = mapping.observe(report.as_ref(), resolve.as_ref(), linkage.as_ref());
        found
    }
}

impl Deliberate for XForce {
    async fn deliberate(&self, call: &Call<ApiKey>, about: &Observable) -> Lookup {
        let mut found = Lookup::nothing();
        if let Some(report) = kept(self.report(call, about).await, &mut found) {
            found.bundle.push(self.mapping(call, about).verdict(&report));
        }
        found
    }
}

impl Refer for XForce {
    fn refer(&self, about: &Observable) -> Vec<Link> {
        self.links.search(about).into_iter().collect()
    }
}

impl XForce {
    fn mapping<'a>(&'a self, call: &Call<ApiKey>, about: &'a Observable) -> Mapping<'a> {
        Mapping::new(about, &self.links, call.now(), call.limit(), self.malware_details)
    }
}

/// What a call gave, its failure put aside.
fn kept<T>(outcome: Result<Option<T>, Error>, found: &mut Lookup) -> Option<T> {
    outcome.unwrap_or_else(|error| {
        found.errors.add(error);
        None
    })
}
