//! What the relays' tests share: a real relay on a free port before the simulated world, asked over HTTP with
//! tokens that the simulated platform signed. Every answer is checked against CTIM before a test sees it.
//!
//! ```no_run
//! # async fn test(relay: fn() -> relay_core::Relay) {
//! use relay_testkit::{Setup, Stage};
//! use serde_json::json;
//!
//! let setup = Setup::new(relay, json!({"key": "demo-key"}), &[("RELAY_PROVIDER__API_URL", "/acme")]);
//! let stage = setup.start().await;
//! let answer = stage.observe(&[("domain", "login-verify.example")]).await;
//! assert_eq!(answer["data"]["verdicts"]["count"], 1);
//! assert_eq!(stage.sim.calls_to("acme").len(), 3);
//! # }
//! ```

// A test cannot go on without its relay, so everything here panics with words.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

mod audit;
pub mod cost;
mod damage;
mod golden;
pub mod identity;
pub mod load;
pub mod logins;
mod queries;
mod script;
mod store;
mod tiles;
mod tls;
mod zone;

use std::collections::BTreeMap;
use std::sync::Arc;

use provider_sim::{Options, Sim};
use relay_core::Relay;
use relay_core::settings::Clock;
use relay_core::testing::TestRelay;
use relay_core::testing::schema::{self, AnswerKind, Expect};
use serde_json::{Map, Value, json};

pub use audit::{audit_lines, log_lines};
pub use damage::damaged;
pub use golden::golden;
pub use queries::Queries;
pub use relay_core::testing::{PATIENCE, TestLimit, eventually, eventually_blocking, in_time};
pub use script::golden_scripts;
pub use store::Store;
pub use tiles::documented_tiles;
pub use tls::{host_with_certificate, self_signed_host};
pub use zone::passes_far_from_utc;

/// How a relay is put before the simulator; variations of it make the cases of a test.
#[derive(Clone)]
pub struct Setup {
    relay: fn() -> Relay,
    claims: Map<String, Value>,
    bases: Vec<(String, String)>,
    settings: BTreeMap<String, String>,
    clock: Clock,
}

impl Setup {
    /// A relay with the claims of a good token. `bases` are its URL settings, each with the simulator's path
    /// prefix that it points to (`("RELAY_PROVIDER__API_URL", "/xforce")`).
    pub fn new(relay: fn() -> Relay, claims: Value, bases: &[(&str, &str)]) -> Self {
        let Value::Object(claims) = claims else { panic!("claims are an object") };
        let bases = bases.iter().map(|(name, path)| ((*name).to_owned(), (*path).to_owned())).collect();
        Self { relay, claims, bases, settings: BTreeMap::new(), clock: Clock::System }
    }

    /// With a setting, by its environment variable; an empty value leaves it out.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With a claim in every token; `null` is sent as `null`.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Without a claim.
    #[must_use]
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// At a fixed time (RFC 3339).
    #[must_use]
    pub fn at(mut self, now: &str) -> Self {
        self.clock = Clock::Fixed(now.parse().expect("a time"));
        self
    }

    /// Starts a simulator of its own and the relay before it.
    pub async fn start(self) -> Stage {
        let sim = Sim::start(Options::default()).await.expect("a simulator that starts");
        self.before(sim)
    }

    /// Its settings before the world at this URL.
    fn settings(&self, world: &str) -> BTreeMap<String, String> {
        let bases = self.bases.iter().map(|(name, path)| (name.clone(), format!("{world}{path}")));
        let mut settings: BTreeMap<String, String> = bases.collect();
        settings.insert("RELAY_AUTH__JWKS_HOSTS".to_owned(), world.to_owned());
        settings.extend(self.settings.clone());
        settings.retain(|_, value| !value.is_empty());
        settings
    }

    /// Why the relay does not start.
    pub fn refused(&self) -> String {
        let settings = self.settings("http://127.0.0.1:9");
        TestRelay::refused(
            &(self.relay)(),
            settings.iter().map(|(name, value)| (name.as_str(), value.clone())),
        )
    }

    /// With a store that replicas share.
    #[must_use]
    pub fn shared(self, store: &Store) -> Self {
        self.setting("RELAY_SHARED__URL", &store.url()).setting("RELAY_SHARED__KEY", store::KEY)
    }

    /// Starts the relay before a given simulator.
    pub fn before(self, sim: impl Into<Arc<Sim>>) -> Stage {
        let sim = sim.into();
        let settings = self.settings(&sim.url());
        let given = settings.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let relay = TestRelay::start_at(&(self.relay)(), given, self.clock);
        let http = reqwest::Client::builder().timeout(PATIENCE).build().expect("a client");
        Stage { sim, relay, claims: self.claims, http }
    }
}

/// A relay that runs before its simulator.
pub struct Stage {
    /// The simulated world.
    pub sim: Arc<Sim>,
    /// The relay.
    pub relay: TestRelay,
    /// The client that stands for the platform.
    pub http: reqwest::Client,
    claims: Map<String, Value>,
}

impl Stage {
    /// The claims of a good token, `aud` and `jwks_host` included.
    pub fn claims(&self) -> Value {
        let mut claims = self.claims.clone();
        claims.insert("jwks_host".to_owned(), json!(self.sim.host()));
        claims.insert("aud".to_owned(), json!(self.relay.url));
        Value::Object(claims)
    }

    /// A good token.
    pub fn token(&self) -> String {
        self.sim.keys().sign(&self.claims())
    }

    /// A good token with other claims set, or left out where they are `null`.
    pub fn token_with(&self, changes: &Value) -> String {
        let mut claims = self.claims();
        for (name, value) in changes.as_object().expect("an object of claims") {
            match value {
                Value::Null => drop(claims.as_object_mut().expect("an object").remove(name)),
                value => claims[name.as_str()] = value.clone(),
            }
        }
        self.sim.keys().sign(&claims)
    }

    /// What the relay answers to a call, unchecked.
    pub async fn raw(
        &self,
        path: &str,
        token: Option<&str>,
        body: impl Into<reqwest::Body>,
    ) -> reqwest::Response {
        let mut request = self.http.post(format!("{}{path}", self.relay.url)).body(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.expect("an answer of the relay")
    }

    /// The JSON of an answer of status 200, checked against CTIM.
    pub async fn ask(&self, path: &str, token: Option<&str>, body: &Value) -> Value {
        let response = self.raw(path, token, body.to_string()).await;
        assert_eq!(response.status(), 200, "{path}");
        let answer: Value = response.json().await.expect("an answer in JSON");
        let kind = match path {
            _ if answer.get("data").is_none() => AnswerKind::Error,
            "/health" => AnswerKind::Health,
            "/observe/observables" => AnswerKind::Observe,
            "/deliberate/observables" => AnswerKind::Deliberate,
            "/refer/observables" => AnswerKind::Refer,
            "/respond/observables" => AnswerKind::RespondObservables,
            "/respond/trigger" => AnswerKind::RespondTrigger,
            "/tiles" => AnswerKind::Tiles,
            "/tiles/tile" => AnswerKind::Tile,
            "/tiles/tile-data" => AnswerKind::TileData,
            other => panic!("{other} is no endpoint of the platform"),
        };
        let asked: Vec<(String, &str)> = body
            .as_array()
            .into_iter()
            .flatten()
            // Relays that do not mind the case of a type answer in lower case.
            .filter_map(|one| Some((one["type"].as_str()?.to_lowercase(), one["value"].as_str()?)))
            .collect();
        let asked: Vec<(&str, &str)> = asked.iter().map(|(kind, value)| (kind.as_str(), *value)).collect();
        schema::check_with(&answer, kind, &Expect { asked: Some(&asked), ..Expect::default() });
        answer
    }

    /// `/health` with a good token.
    pub async fn health(&self) -> Value {
        self.ask("/health", Some(&self.token()), &Value::Null).await
    }

    /// `/observe/observables` with a good token.
    pub async fn observe(&self, observables: &[(&str, &str)]) -> Value {
        self.ask("/observe/observables", Some(&self.token()), &asked(observables)).await
    }

    /// `/deliberate/observables` with a good token.
    pub async fn deliberate(&self, observables: &[(&str, &str)]) -> Value {
        self.ask("/deliberate/observables", Some(&self.token()), &asked(observables)).await
    }

    /// `/refer/observables`, which needs no token.
    pub async fn refer(&self, observables: &[(&str, &str)]) -> Value {
        self.ask("/refer/observables", None, &asked(observables)).await
    }

    /// `/respond/observables` with a good token.
    pub async fn respond(&self, observables: &[(&str, &str)]) -> Value {
        self.ask("/respond/observables", Some(&self.token()), &asked(observables)).await
    }

    /// `/respond/trigger` with a good token.
    pub async fn trigger(&self, body: &Value) -> Value {
        self.ask("/respond/trigger", Some(&self.token()), body).await
    }

    /// `/tiles` with a good token.
    pub async fn tiles(&self) -> Value {
        self.ask("/tiles", Some(&self.token()), &Value::Null).await
    }

    /// `/tiles/tile-data` with a good token. What it shows is of the kind that the tile declares.
    pub async fn tile_data(&self, id: &str, period: Option<&str>) -> Value {
        let mut body = json!({"tile_id": id});
        if let Some(period) = period {
            body["period"] = period.into();
        }
        self.ask("/tiles/tile-data", Some(&self.token()), &body).await
    }

    /// The relay's metrics.
    pub async fn metrics(&self) -> String {
        let url = format!("{}/metrics", self.relay.admin_url);
        self.http.get(url).send().await.expect("metrics").text().await.expect("text")
    }

    /// Waits until the metrics have this line, for example `relay_requests_in_flight{relay="acme"} 0`.
    pub async fn until_metrics(&self, line: &str) {
        eventually(line, async || self.metrics().await.contains(line)).await;
    }
}

/// A request body.
pub fn asked(observables: &[(&str, &str)]) -> Value {
    observables.iter().map(|(kind, value)| json!({"type": kind, "value": value})).collect()
}

/// `(type, code)` of the errors of an answer.
pub fn errors(answer: &Value) -> Vec<(&str, &str)> {
    answer["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|error| (error["type"].as_str().unwrap_or(""), error["code"].as_str().unwrap_or("")))
        .collect()
}

/// The entities of a kind (`sightings`) in an answer.
pub fn docs<'a>(answer: &'a Value, kind: &str) -> &'a [Value] {
    answer["data"][kind]["docs"].as_array().map(Vec::as_slice).unwrap_or_default()
}
