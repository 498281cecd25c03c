//! The platform's public keys: fetched from allowed hosts only, kept, and never replaced by something worse.
//!
//! The host comes from a token that nobody has verified yet. So it is compared with the allowed ones before
//! anything is fetched, the answer is bounded, and no redirect is followed.
//!
//! A request whose key is known never waits: old keys serve on while they are fetched anew in the background. A
//! request whose key is not known waits for a fetch that it shares with all others, for a bounded time.

mod key;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

use crate::heavy;
use crate::provider::{HttpClients, describe_via, read_capped};
use crate::settings::SettingsError;
use crate::telemetry::Metrics;
use crate::text::sanitized;

/// How long fetched keys serve before they are fetched anew.
const TTL: Duration = Duration::from_secs(3600);
/// While keys are known, they are fetched again at most this often, whatever key ids are asked for.
const PAUSE: Duration = Duration::from_secs(30);
/// While none are known: long enough that waiting requests share the outcome, short enough to recover soon.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Time for one fetch. While no keys are known, requests wait as long.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request waits for a key that is not among those known.
const PATIENCE: Duration = Duration::from_secs(2);
/// Largest key set that is read, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// The allowed hosts with their keys.
pub(super) struct Jwks {
    /// By the text that a token's `jwks_host` must have.
    hosts: HashMap<String, Arc<Host>>,
    http: HttpClients,
    metrics: Arc<Metrics>,
}

/// An allowed host.
pub(super) struct Host {
    name: String,
    url: Url,
    state: RwLock<State>,
}

/// What is known of a host's keys.
#[derive(Default)]
struct State {
    /// The latest keys that can be used, and when they came.
    keys: Option<(Keys, Instant)>,
    /// The latest fetch that ended.
    latest: Option<Fetched>,
    /// Open while a fetch runs, closed when it ends.
    running: Option<watch::Receiver<()>>,
}

type Keys = HashMap<String, Arc<DecodingKey>>;

/// How a fetch ended.
struct Fetched {
    at: Instant,
    /// What was wrong with it.
    problem: Option<String>,
    /// Keys that are there and cannot be used, and why not.
    unusable: HashMap<String, String>,
}

/// Why there is no key for a token.
#[derive(Debug)]
pub(super) enum NoKey {
    /// No key set of the host can be read, so it may have the key.
    Unreadable(String),
    /// The host does not have it, or has it in a form that cannot be used.
    Missing(String),
}

/// A key set: the keys that verify RS256 tokens, and why others cannot.
#[derive(Debug, Default)]
pub struct KeySet {
    usable: Keys,
    unusable: HashMap<String, String>,
}

impl KeySet {
    /// Reads a key set in JSON, each entry on its own so that an odd one does not spoil the rest. Of equal ids the
    /// last that can be used counts.
    ///
    /// # Errors
    /// It is not JSON, or not of the form of a key set.
    pub fn read(json: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Written {
            keys: Vec<Value>,
        }
        let written: Written = serde_json::from_slice(json)?;
        let mut set = Self::default();
        for (kid, key) in written.keys.iter().filter_map(key::read) {
            match key {
                Ok(key) => drop(set.usable.insert(kid, Arc::new(key))),
                Err(problem) => drop(set.unusable.insert(kid, problem)),
            }
        }
        Ok(set)
    }

    /// How many of its keys can be used.
    pub(crate) fn len(&self) -> usize {
        self.usable.len()
    }

    /// The key of this id in a set that `place` has.
    pub(super) fn key(&self, kid: &str, place: &str) -> Result<Arc<DecodingKey>, NoKey> {
        self.usable.get(kid).cloned().ok_or_else(|| match self.unusable.get(kid) {
            Some(problem) => NoKey::unusable(place, problem),
            None => NoKey::Missing(format!("no key with the token's `kid` at {place}")),
        })
    }
}

impl NoKey {
    fn unusable(place: &str, problem: &str) -> Self {
        Self::Missing(format!("the key with the token's `kid` at {place} cannot be used: {problem}"))
    }
}

impl Jwks {
    /// Nothing where no host is allowed: then there are no RS256 tokens.
    pub(super) fn new(
        allowed: &[String],
        http: HttpClients,
        metrics: Arc<Metrics>,
    ) -> Result<Option<Self>, SettingsError> {
        let host = |entry: &String| Host::new(entry).map(|host| (host.name.clone(), Arc::new(host)));
        let hosts = allowed.iter().map(host).collect::<Result<HashMap<_, _>, _>>()?;
        Ok((!hosts.is_empty()).then_some(Self { hosts, http, metrics }))
    }

    /// The host that a token names, where it is allowed.
    pub(super) fn host(&self, name: &str) -> Option<&Arc<Host>> {
        self.hosts.get(name)
    }

    /// The key that a token names.
    pub(super) async fn key(&self, host: &Arc<Host>, kid: &str) -> Result<Arc<DecodingKey>, NoKey> {
        if let Some((key, is_due)) = host.known(kid) {
            if is_due {
                self.refresh(host);
            }
            return Ok(key);
        }
        let patience = if host.state().keys.is_some() { PATIENCE } else { TIMEOUT };
        let mut in_time = true;
        if let Some(mut running) = self.refresh(host) {
            // Nothing is ever sent: the channel closes when the fetch ends.
            in_time = tokio::time::timeout(patience, running.changed()).await.is_ok();
        }
        let late = (!in_time).then(|| no_answer_within(patience));
        host.found(kid, late)
    }

    /// The fetch that runs or is now begun; none where the latest one was a moment ago.
    ///
    /// It goes on when the request that began it ends: others wait for the same keys, and clients that go away early
    /// must not make the relay fetch more often.
    fn refresh(&self, host: &Arc<Host>) -> Option<watch::Receiver<()>> {
        let mut state = host.state_mut();
        if let Some(running) = state.running() {
            return Some(running.clone());
        }
        if !state.may_fetch() {
            return None;
        }
        let (running, ended) = watch::channel(());
        state.running = Some(ended.clone());
        drop(state);
        let (host, http, metrics) = (Arc::clone(host), self.http.clone(), Arc::clone(&self.metrics));
        let fetch = async move {
            let problem = host.learn(fetch(&http, &host.url).await);
            metrics.jwks_fetch(problem.is_none());
            if let Some(problem) = problem {
                log::warn!(host = host.name; "keys of the platform cannot be fetched: {problem}");
            }
            drop(running);
        };
        heavy::spawn(fetch);
        Some(ended)
    }
}

fn no_answer_within(time: Duration) -> String {
    format!("it gives no answer within {} s", time.as_secs())
}

async fn fetch(http: &HttpClients, url: &Url) -> Result<KeySet, String> {
    let body = async {
        let response = http
            .pooled()
            .get(url.clone())
            .header("accept", "application/json")
            .send()
            .await
            .map_err(|error| describe_via(&error, &http.proxies))?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(format!("it answers with status {}", response.status().as_u16()));
        }
        read_capped(response, MAX_BYTES).await.map_err(|error| error.to_string())
    };
    let body = tokio::time::timeout(TIMEOUT, body).await.map_err(|_| no_answer_within(TIMEOUT))??;
    KeySet::read(&body).map_err(|_| "its answer is not a key set".to_owned())
}

/// Where the keys of an entry of the setting are: a host, which means https, or a full origin.
///
/// # Errors
/// It is neither.
pub(crate) fn key_set_url(entry: &str) -> Result<Url, SettingsError> {
    let entry = entry.trim_end_matches('/');
    let origin = if entry.contains("://") { entry.to_owned() } else { format!("https://{entry}") };
    let problem = |what: &str| SettingsError::value("auth.jwks_hosts", format!("`{entry}` {what}"));
    let url = Url::parse(&format!("{origin}/.well-known/jwks"))
        .map_err(|error| problem(&format!("is neither a host nor an origin: {error}")))?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.path() == "/.well-known/jwks"
        && url.username().is_empty()
        && url.password().is_none();
    if plain {
        Ok(url)
    } else {
        Err(problem("is neither a host nor an origin such as https://keys.example:8443"))
    }
}

impl Host {
    /// An entry of the setting.
    fn new(entry: &str) -> Result<Self, SettingsError> {
        let url = key_set_url(entry)?;
        let entry = entry.trim_end_matches('/');
        let name = entry.split_once("://").map_or(entry, |(_, name)| name);
        Ok(Self { name: name.to_owned(), url, state: RwLock::default() })
    }

    /// Where its keys are.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A key that is at hand, and whether the keys should be fetched anew.
    fn known(&self, kid: &str) -> Option<(Arc<DecodingKey>, bool)> {
        let state = self.state();
        let (keys, came) = state.keys.as_ref()?;
        let key = keys.get(kid)?;
        let is_due = came.elapsed() >= TTL && state.running().is_none() && state.may_fetch();
        Some((Arc::clone(key), is_due))
    }

    /// What there is to say of a key once its request has waited. `late`: what it waited for did not come.
    fn found(&self, kid: &str, late: Option<String>) -> Result<Arc<DecodingKey>, NoKey> {
        let state = self.state();
        if let Some(key) = state.keys.as_ref().and_then(|(keys, _)| keys.get(kid)) {
            return Ok(Arc::clone(key));
        }
        let place = sanitized(&self.name, 100);
        let latest = state.latest.as_ref();
        if let Some(problem) = latest.and_then(|latest| latest.unusable.get(kid)) {
            return Err(NoKey::unusable(&place, problem));
        }
        let problem = late.or_else(|| latest?.problem.clone());
        Err(match (state.keys.is_some(), problem) {
            (true, None) => NoKey::Missing(format!("no key with the token's `kid` at {place}")),
            (true, Some(problem)) => NoKey::Missing(format!(
                "no key with the token's `kid` at {place}, whose newer keys cannot be read: {problem}"
            )),
            (false, problem) => NoKey::Unreadable(format!(
                "the keys of {place} cannot be read: {}",
                problem.as_deref().unwrap_or("the attempt was broken off")
            )),
        })
    }

    /// Takes the outcome of a fetch. Keys replace those known only where one of them can be used. Returns what is
    /// wrong with the outcome.
    fn learn(&self, outcome: Result<KeySet, String>) -> Option<String> {
        let at = Instant::now();
        let mut state = self.state_mut();
        let (problem, unusable) = match outcome {
            Ok(KeySet { usable, unusable }) if usable.is_empty() => {
                (Some(no_usable_key(&unusable)), unusable)
            }
            Ok(KeySet { usable, unusable }) => {
                state.keys = Some((usable, at));
                (None, unusable)
            }
            Err(problem) => (Some(problem), HashMap::new()),
        };
        state.latest = Some(Fetched { at, problem: problem.clone(), unusable });
        problem
    }
}

fn no_usable_key(unusable: &HashMap<String, String>) -> String {
    const WHAT: &str = "its key set has no key for RS256 tokens";
    match unusable.iter().min() {
        None => WHAT.to_owned(),
        Some((kid, problem)) => format!("{WHAT} (`{}`: {problem})", sanitized(kid, 50)),
    }
}

impl State {
    /// The fetch that runs.
    fn running(&self) -> Option<&watch::Receiver<()>> {
        self.running.as_ref().filter(|running| running.has_changed().is_ok())
    }

    /// Whether the latest fetch is long enough ago.
    fn may_fetch(&self) -> bool {
        let pause = if self.keys.is_some() { PAUSE } else { FIRST_PAUSE };
        self.latest.as_ref().is_none_or(|latest| latest.at.elapsed() >= pause)
    }
}

#[cfg(test)]
mod tests;
