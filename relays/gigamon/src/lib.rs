//! Relay for Gigamon ThreatINSIGHT, today Fortinet FortiNDR Cloud: what the user's own network had to do with
//! addresses, domains and file hashes. Network sensors turn traffic into *events*; *rules* that match events open
//! *detections*. Each event becomes a sighting, each rule and each intelligence feed an indicator.
//!
//! | module | what it is |
//! |---|---|
//! | [`credentials`] | what a token carries |
//! | [`settings`] | the regions, their hosts, and how lookups are made |
//! | `api` | the calls of the three APIs, and what their refusals mean |
//! | [`model`] | what is asked, and the APIs' answers as far as they are read |
//! | [`search`] | which calls are made for the observables of a request, and what is kept of their answers |
//! | [`mapping`] | what was found to CTIM entities; no I/O, cannot fail |
//! | [`links`] | pages of the portal |
//! | `tiles` | dashboard tiles: detections by severity, category and device |

mod api;
pub mod credentials;
pub mod links;
pub mod mapping;
pub mod model;
mod module;
pub mod search;
pub mod settings;
mod tiles;

use relay_core::call::Call;
use relay_core::doctor::checkup::Checkup;
use relay_core::error::Error;
use relay_core::lookup::Lookup;
use relay_core::memory::Lapsing;
use relay_core::module::Module;
use relay_core::observable::Observable;
use relay_core::provider::Client;
use relay_core::relay::{Link, Observe, Provider, Refer, Relay};
use relay_core::settings::{ProviderSettings, SettingsError};
use serde::{Deserialize, Serialize};

use api::Calls;
use credentials::ApiToken;
use settings::{Options, Region, Site};

/// The relay with all that it serves.
pub fn relay() -> Relay {
    Relay::of::<Gigamon>().observe().refer().tiles().build()
}

/// The started relay.
pub struct Gigamon {
    client: Client,
    sites: [Site; Region::NAMES.len()],
    region: Region,
    options: Options,
    /// What a region lacks, so that it is not asked for with every request.
    lacking: Lapsing<(Region, Lacking), ()>,
    /// What tiles count.
    counts: tiles::Counted,
}

/// What the event search of a region may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Lacking {
    /// The search itself, which is in no list of today's APIs.
    Search,
    /// Lists of values in its queries.
    Lists,
}

impl Provider for Gigamon {
    const MODULE: Module = module::MODULE;
    type Credentials = ApiToken;

    fn start(settings: &ProviderSettings, client: Client) -> Result<Self, SettingsError> {
        let [icebrg, us, eu] = Region::NAMES.map(|(_, region)| Site::of(region, settings));
        Ok(Self {
            sites: [icebrg?, us?, eu?],
            region: settings.choice("region", &Region::NAMES)?,
            options: Options::of(settings)?,
            lacking: client.memory("lacking", 16),
            client,
            counts: tiles::Counted::new(),
        })
    }

    /// The region of the settings; a token may name another.
    fn checkup(&self) -> Checkup {
        let site = self.sites.iter().find(|site| site.region == self.region);
        let addresses = site.map(|site| {
            [Some(&site.detections), site.events.as_ref(), Some(&site.entity)].into_iter().flatten().cloned()
        });
        Checkup { addresses: addresses.into_iter().flatten().collect(), ..Checkup::default() }
    }

    async fn health(&self, call: &Call<ApiToken>) -> Result<(), Error> {
        Calls::new(self, call).probe().await
    }
}

impl Observe for Gigamon {
    async fn observe(&self, call: &Call<ApiToken>, about: &Observable) -> Lookup {
        self.observe_all(call, std::slice::from_ref(about)).await
    }

    async fn observe_all(&self, call: &Call<ApiToken>, about: &[Observable]) -> Lookup {
        search::run(self, call, about).await
    }
}

impl Refer for Gigamon {
    fn refer(&self, about: &Observable) -> Vec<Link> {
        self.site_of(self.region).links.refer(about).into_iter().collect()
    }
}

impl Gigamon {
    /// The region of a request.
    fn site(&self, call: &Call<ApiToken>) -> &Site {
        self.site_of(call.credentials.region.unwrap_or(self.region))
    }

    fn site_of(&self, region: Region) -> &Site {
        &self.sites[region as usize]
    }
}
