//! A made-up provider with every capability, as small as a relay can be.
//!
//! | call | what |
//! |---|---|
//! | `GET /me` | health |
//! | `GET /things/{type}/{value}` | `{"malicious": bool, "seen": [id, ...]}`; kept and shared; 404: nothing known |
//! | `GET /actions/{type}/{value}` | `[id, ...]`, which may be long |
//! | `POST /actions/{id}` | carries it out |
//! | `GET /counts/{name}` | a number, for tiles: see [`crate::tiles`] |
//!
//! The key goes into the header `X-Acme-Key`. Status 402 stops all further calls of `thing` of the request. Things
//! of the type `user` are asked for at most twice an hour. A thing called `panic` is more than it can bear, and one called
//! `busy` keeps its thread at work ([`BUSY`]).

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use relay_core::api::{Api, Caller};
use relay_core::auth::{ClaimError, Claims};
use relay_core::call::Call;
use relay_core::ctim::{Disposition, ObservedTime, Origin, Sighting, Timestamp, ValidTime, Verdict};
use relay_core::error::{Code, Error};
use relay_core::escape::UrlBuilder;
use relay_core::lookup::Lookup;
use relay_core::module::{Claim, ENTITIES_LIMIT, Module};
use relay_core::observable::{Invalid, Observable, ObservableType, Trigger, TypeCase};
use relay_core::provider::{Answer, Auth, Client, Failure, Quota, Rate, Rejection};
use relay_core::relay::{
    Action, Credentials, Deliberate, Link, Observe, Offered, Provider, Refer, Relay, Respond,
};
use relay_core::settings::{ProviderSettings, Setting, SettingsError};
use relay_testkit::Setup;
use reqwest::header::HeaderName;
use secrecy::SecretString;
use serde_json::json;
use url::Url;

use crate::mock::Mock;

const TITLE: &str = "Acme Intelligence";
const ORIGIN: Origin = Origin::new("acme", TITLE);
static TWICE_AN_HOUR: Rate =
    Rate { name: "lookups of users", holder: "the key", quotas: &[Quota::per_hour(2)] };

/// The relay with all capabilities.
pub(crate) fn relay() -> Relay {
    Relay::of::<Acme>().observe().deliberate().refer().respond().tiles().build()
}

/// One that can only observe.
pub(crate) fn observing_relay() -> Relay {
    Relay::of::<Acme>().observe().build()
}

/// One whose provider judges nothing.
pub(crate) fn unjudging_relay() -> Relay {
    Relay::of::<Acme>().deliberate_nothing().build()
}

/// The relay before a provider, asked with the key `key-one`.
pub(crate) fn setup(provider: &Mock) -> Setup {
    setup_at(&provider.url)
}

/// The same with the provider at a given address.
pub(crate) fn setup_at(url: &str) -> Setup {
    Setup::new(relay, json!({"key": "key-one"}), &[]).setting("RELAY_PROVIDER__API_URL", url)
}

/// What the provider answers about a thing.
pub(crate) fn thing(malicious: bool, seen: &[&str]) -> crate::mock::Reply {
    crate::mock::Reply::json(&json!({"malicious": malicious, "seen": seen}))
}

/// Work that takes its thread until a test ends it.
pub(crate) static BUSY: Busy = Busy { state: Mutex::new((0, false)), ended: Condvar::new() };

pub(crate) struct Busy {
    /// How much of it has begun, and whether it is to end.
    state: Mutex<(usize, bool)>,
    ended: Condvar,
}

impl Busy {
    fn work(&self) {
        let mut state = self.state.lock().expect("no panic");
        state.0 += 1;
        // With a bound, so that a test that it keeps from going on can fail.
        drop(self.ended.wait_timeout_while(state, Duration::from_secs(20), |(_, end)| !*end));
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.state.lock().expect("no panic").0 > 0
    }

    pub(crate) fn end(&self) {
        self.state.lock().expect("no panic").1 = true;
        self.ended.notify_all();
    }
}

pub(crate) struct Acme {
    client: Client,
    pub(crate) api: Url,
    pub(crate) listing: crate::tiles::Listing,
}

pub(crate) struct Key(SecretString);

impl Credentials for Key {
    fn from_claims(claims: &Claims) -> Result<Self, ClaimError> {
        claims.secret("key").map(Self)
    }

    fn identity(&self) -> Vec<&str> {
        use secrecy::ExposeSecret;
        vec![self.0.expose_secret()]
    }
}

#[derive(serde::Deserialize)]
struct Thing {
    malicious: bool,
    seen: Vec<String>,
}

impl Provider for Acme {
    const MODULE: Module = Module {
        name: "acme",
        package: "relay-acme",
        version: "1.2.3",
        title: TITLE,
        summary: "What Acme knows of things",
        user_agent: None,
        observables: &[ObservableType::Domain, ObservableType::Ip, ObservableType::User],
        type_case: TypeCase::Exact,
        claims: &[
            Claim {
                name: "key",
                label: "Acme Key",
                required: true,
                secret: true,
                help: "key of the API",
                only_with: None,
            },
            ENTITIES_LIMIT,
        ],
        settings: &[Setting::new("provider.api_url", "https://api.acme.example", "base URL of the API")],
    };

    type Credentials = Key;

    fn start(settings: &ProviderSettings, client: Client) -> Result<Self, SettingsError> {
        Ok(Self { client, api: settings.url("api_url")?, listing: crate::tiles::Listing::new() })
    }

    async fn health(&self, call: &Call<Key>) -> Result<(), Error> {
        let url = UrlBuilder::new(&self.api).path("me").build().ok_or_else(no_address)?;
        match self.api(call).get("me", url).send().await {
            Ok(_) => Ok(()),
            Err(failure) => Err(reported(&failure)),
        }
    }
}

impl Acme {
    pub(crate) fn api<'r>(&'r self, call: &'r Call<Key>) -> Caller<'r> {
        self.client.api(&API, call, auth(call))
    }

    async fn thing(&self, call: &Call<Key>, about: &Observable) -> Result<Option<Thing>, Error> {
        assert_ne!(about.value(), "panic", "{} at {}", "secret-inside", self.api);
        if about.value() == "busy" {
            BUSY.work();
        }
        let url =
            UrlBuilder::new(&self.api).path("things").segment(about.kind().as_str()).segment(about.value());
        let Some(url) = url.build() else { return Ok(None) };
        let mut request = self.api(call).get("thing", url).cached();
        if about.kind() == ObservableType::User {
            request = request.rate(&TWICE_AN_HOUR);
        }
        match request.send().await.and_then(|answer| answer.json()) {
            Ok(thing) => Ok(Some(thing)),
            Err(failure) if failure.status() == Some(404) => Ok(None),
            Err(failure) if failure.status() == Some(402) => {
                let error = Error::fatal(Code::TOO_MANY_REQUESTS, "Acme's quota is used up.");
                call.stop("thing", &error);
                Err(error)
            }
            Err(failure) => Err(reported(&failure)),
        }
    }
}

impl Observe for Acme {
    async fn observe(&self, call: &Call<Key>, about: &Observable) -> Lookup {
        let mut found = Lookup::nothing();
        match self.thing(call, about).await {
            Ok(Some(thing)) => {
                found.bundle.push(verdict(&thing, about));
                for id in thing.seen.iter().take(call.limit()) {
                    let seen = ObservedTime::at(Timestamp::from_clock(call.now()));
                    found.bundle.push(Sighting::new(ORIGIN, id, about, seen).external_id(id.as_str()));
                }
            }
            Ok(None) => {}
            Err(error) => found.errors.add(error),
        }
        found
    }
}

impl Deliberate for Acme {
    async fn deliberate(&self, call: &Call<Key>, about: &Observable) -> Lookup {
        match self.thing(call, about).await {
            Ok(Some(thing)) => {
                let mut found = Lookup::nothing();
                found.bundle.push(verdict(&thing, about));
                found
            }
            Ok(None) => Lookup::nothing(),
            Err(error) => error.into(),
        }
    }
}

impl Refer for Acme {
    fn observables(&self) -> Vec<ObservableType> {
        vec![ObservableType::Domain, ObservableType::Ip]
    }

    fn refer(&self, about: &Observable) -> Vec<Link> {
        let url = UrlBuilder::new(&self.api).path("search").param("q", about.value()).build();
        url.into_iter()
            .map(|url| Link {
                id: format!("acme-search-{}", about.kind()),
                title: format!("Search for this {}", about.kind()),
                description: "What Acme knows of it".to_owned(),
                url: url.into(),
                categories: vec![TITLE.into(), "Search".into()],
            })
            .collect()
    }
}

impl Respond for Acme {
    fn validate(trigger: &Trigger) -> Result<(), Invalid> {
        match trigger.params.get("count") {
            Some(count) if count.parse::<u32>().is_err() => {
                Err(Invalid::at("count", "must be a whole number"))
            }
            _ => Ok(()),
        }
    }

    async fn actions(&self, call: &Call<Key>, about: &Observable) -> Offered {
        let url =
            UrlBuilder::new(&self.api).path("actions").segment(about.kind().as_str()).segment(about.value());
        let Some(url) = url.build() else { return Offered::default() };
        let outcome = self.api(call).get("actions", url).bulk().send().await;
        match outcome.and_then(|answer: Answer| answer.json::<Vec<String>>()) {
            Ok(ids) => {
                let actions = ids.into_iter().map(|id| Action {
                    title: format!("Do {id}"),
                    description: format!("Does {id} to it"),
                    categories: vec![TITLE.into()],
                    query_params: [
                        ("observable_type".to_owned(), about.kind().to_string()),
                        ("observable_value".to_owned(), about.value().to_owned()),
                    ]
                    .into(),
                    id,
                });
                Offered { actions: actions.collect(), ..Offered::default() }
            }
            Err(failure) => Offered { errors: reported(&failure).into(), ..Offered::default() },
        }
    }

    async fn trigger(&self, call: &Call<Key>, trigger: &Trigger) -> Result<(), Error> {
        let url = UrlBuilder::new(&self.api).path("actions").segment(&trigger.action_id).build();
        let request = self.api(call).post("trigger", url.ok_or_else(no_address)?);
        let body = json!({"value": trigger.observable.value});
        request.json(&body).send().await.map(drop).map_err(|failure| reported(&failure))
    }
}

fn verdict(thing: &Thing, about: &Observable) -> Verdict {
    let disposition = if thing.malicious { Disposition::Malicious } else { Disposition::Clean };
    Verdict::new(about, disposition, ValidTime::none())
}

static API: Api = Api::new(TITLE);

fn auth(call: &Call<Key>) -> Auth {
    let Key(key) = &call.credentials;
    Auth::Header { name: HeaderName::from_static("x-acme-key"), prefix: "", value: key.clone() }
}

pub(crate) fn reported(failure: &Failure) -> Error {
    let words = failure.rejection().and_then(Rejection::plain_text);
    failure.to_error(TITLE, words.as_deref())
}

pub(crate) fn no_address() -> Error {
    Error::fatal(Code::INVALID_ARGUMENT, "nothing can be asked about this")
}
