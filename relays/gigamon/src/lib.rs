//! Relay for Gigamon ThreatINSIGHT, today Fortinet FortiNDR Cloud: what the user's own network had to do with
//! addresses, domains and file hashes. Network sensors turn traffic into *events*; *rules* that match events open
//! *detections*. Each event becomes a sighting, each rule an indicator.
//!
//! | module | what it is |
//! |---|---|
//! | [`credentials`] | what a token carries |
//! | [`settings`] | the regions, their hosts, and the settings that override them |
//! | `api` | the calls of the three APIs, and what their refusals mean |
//! | [`model`] | what is asked, and the APIs' answers as far as they are read |
//! | `search` | which calls are made about one observable, and what is kept of their answers |
//! | [`mapping`] | what was found to CTIM entities; no I/O, cannot fail |
//! | [`links`] | pages of the portal |

mod api;
pub mod credentials;
pub mod links;
pub mod mapping;
pub mod model;
mod module;
mod search;
pub mod settings;

use relay_core::call::Call;
use relay_core::error::Error;
use relay_core::lookup::Lookup;
use relay_core::memory::Lapsing;
use relay_core::module::Module;
use relay_core::observable::Observable;
use relay_core::provider::Client;
use relay_core::relay::{Link, Observe, Provider, Refer, Relay};
use relay_core::settings::{ProviderSettings, SettingsError};

use credentials::ApiToken;
use model::Subject;
use search::Search;
use settings::{Region, Site};

/// The relay with all that it serves.
pub fn relay() -> Relay {
    Relay::of::<Gigamon>().observe().refer().build()
}

/// The started relay.
pub struct Gigamon {
    client: Client,
    sites: [Site; Region::NAMES.len()],
    region: Region,
    /// Regions whose event search was found absent lately.
    absent: Lapsing<Region, ()>,
    event_days: u32,
    device_detections: bool,
    entity_summary: bool,
}

impl Provider for Gigamon {
    const MODULE: Module = module::MODULE;
    /// No limit is published; others that ask this provider keep to this too.
    const MAX_CONCURRENCY: usize = 10;
    type Credentials = ApiToken;

    fn start(settings: &ProviderSettings, client: Client) -> Result<Self, SettingsError> {
        let [icebrg, us, eu] = Region::NAMES.map(|(_, region)| Site::of(region, settings));
        Ok(Self {
            client,
            sites: [icebrg?, us?, eu?],
            region: settings.choice("region", &Region::NAMES)?,
            absent: Lapsing::new(Region::NAMES.len() as u64),
            event_days: settings.integer("event_days", 1, 30)?.try_into().unwrap_or(7),
            device_detections: settings.flag("device_detections")?,
            entity_summary: settings.flag("entity_summary")?,
        })
    }

    async fn health(&self, call: &Call<ApiToken>) -> Result<(), Error> {
        self.probe(call).await
    }
}

impl Observe for Gigamon {
    async fn observe(&self, call: &Call<ApiToken>, about: &Observable) -> Lookup {
        match Subject::of(about) {
            Some(subject) => Search::new(self, call, &subject).run().await,
            None => Lookup::nothing(),
        }
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
