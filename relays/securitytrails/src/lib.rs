//! Relay for SecurityTrails: the addresses that a domain has had, and the domains that point to an address, as
//! sightings with `Resolved_To` relations.
//!
//! Every page of an answer costs a query of the account's monthly quota, so nothing is asked that is not needed.
//!
//! | module | what it is |
//! |---|---|
//! | [`credentials`] | the API key, and how many pages its user wants |
//! | `query` | what is asked about an observable |
//! | `pages` | reading an answer page by page |
//! | `client`, `refusal` | the named calls of the API, and what its refusals mean |
//! | [`model`] | the API's answers, as far as they are read |
//! | [`mapping`] | answers to CTIM entities; no I/O, cannot fail |
//! | [`links`] | addresses in the API and on the site |

mod client;
pub mod credentials;
pub mod links;
pub mod mapping;
pub mod model;
mod module;
mod pages;
mod query;
mod refusal;

use relay_core::call::Call;
use relay_core::error::{Code, Error};
use relay_core::lookup::Lookup;
use relay_core::module::Module;
use relay_core::observable::{self, Observable, ObservableType};
use relay_core::provider::Client;
use relay_core::relay::{Link, Observe, Provider, Refer, Relay};
use relay_core::settings::{ProviderSettings, SettingsError};

use credentials::ApiKey;
use links::Links;
use mapping::{Mapped, Mapping, Options};
use model::{Hosted, Period};
pub use query::Family;
use query::Query;

/// Code of the warning that a sighting has more relations than the settings allow.
const UNPROCESSED_RELATIONS: Code = Code::new("unprocessed relations");

/// The relay with all that it serves.
pub fn relay() -> Relay {
    Relay::of::<SecurityTrails>().observe().refer().build()
}

/// The started relay.
pub struct SecurityTrails {
    client: Client,
    links: Links,
    max_pages: u64,
    options: Options,
}

impl Provider for SecurityTrails {
    const MODULE: Module = module::MODULE;
    type Credentials = ApiKey;

    fn start(settings: &ProviderSettings, client: Client) -> Result<Self, SettingsError> {
        let max_relations = settings.integer("max_relations", 1, 1_000_000)?;
        Ok(Self {
            client,
            links: Links::new(settings.url("api_url")?, settings.url("ui_url")?),
            max_pages: settings.integer("max_pages", 1, 10_000)?,
            options: Options {
                max_relations: usize::try_from(max_relations).unwrap_or(usize::MAX),
                history_table: settings.flag("history_table")?,
            },
        })
    }

    async fn health(&self, call: &Call<ApiKey>) -> Result<(), Error> {
        client::ping(self, call).await
    }
}

impl Observe for SecurityTrails {
    async fn observe(&self, call: &Call<ApiKey>, about: &Observable) -> Lookup {
        let value = about.value();
        match about.kind() {
            ObservableType::Domain => match observable::domain(value) {
                Some(name) => self.addresses(call, about, &name).await,
                None => Lookup::nothing(),
            },
            _ => match observable::ip_address(value) {
                Some(address) => self.domains(call, about, Family::of(address)).await,
                None => Lookup::nothing(),
            },
        }
    }
}

impl Refer for SecurityTrails {
    fn refer(&self, about: &Observable) -> Vec<Link> {
        self.links.search(about).into_iter().collect()
    }
}

impl SecurityTrails {
    /// The addresses that a domain has had; `name` is the domain in its one form.
    async fn addresses(&self, call: &Call<ApiKey>, about: &Observable, name: &str) -> Lookup {
        let history = async |family| pages::read::<Period>(self, call, Query::History { name, family }).await;
        // Polled in this order, so started in this order.
        let (v4, v6) = futures::join!(history(Family::V4), history(Family::V6));
        let both_failed = v4.failure.is_some() && v6.failure.is_some();
        let mapping = self.mapping(call, about);
        let mut found = Lookup::nothing();
        for (family, pages) in [(Family::V4, v4), (Family::V6, v6)] {
            if let Some(failure) = pages.failure {
                let stopped = call.stopped(Query::History { name, family }.feature()).is_some();
                // What ends all lookups, or both of these, is told once for all.
                let told_once = both_failed || stopped;
                let missing = || format!("the {family} history is missing");
                found.errors.add(if told_once { failure } else { failure.with_note(missing()) });
            }
            found.errors.extend(pages.warnings);
            if found.bundle.sightings().len() < call.limit() {
                add(&mut found, mapping.addresses(family, &pages.records), about);
            }
        }
        found
    }

    /// The domains that point to an address.
    async fn domains(&self, call: &Call<ApiKey>, about: &Observable, family: Family) -> Lookup {
        let query = Query::Domains { address: about.value().trim(), family };
        let pages = pages::read::<Hosted>(self, call, query).await;
        let mut found = Lookup::nothing();
        found.errors.extend(pages.failure);
        found.errors.extend(pages.warnings);
        add(&mut found, self.mapping(call, about).domains(&pages.records, pages.record_count), about);
        found
    }

    fn mapping<'a>(&'a self, call: &Call<ApiKey>, about: &'a Observable) -> Mapping<'a> {
        Mapping::new(about, &self.links, call.now(), call.limit(), self.options)
    }
}

fn add(found: &mut Lookup, mapped: Option<Mapped>, about: &Observable) {
    let Some(Mapped { sighting, left_out }) = mapped else { return };
    found.bundle.push(sighting);
    if left_out > 0 {
        let value = relay_core::text::sanitized(about.value(), 100);
        found.errors.add(Error::warning(
            UNPROCESSED_RELATIONS,
            format!(
                "Relations of {value} that were left out: {left_out}; RELAY_PROVIDER__MAX_RELATIONS allows no more."
            ),
        ));
    }
}
