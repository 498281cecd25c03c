//! The platform's public keys: fetched from allowed hosts only, kept, and refreshed with restraint.
//!
//! The host comes from a token that nobody has verified yet. So it is compared with the allowed ones before
//! anything is fetched, the answer is bounded, and no redirect is followed.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use crate::error::{Error, shortened};
use crate::provider::read_capped;
use crate::settings::SettingsError;
use crate::telemetry::Metrics;

/// How long fetched keys serve before they are fetched anew.
const TTL: Duration = Duration::from_secs(3600);
/// While keys are known, they are fetched again at most this often, whatever key ids are asked for.
const PAUSE: Duration = Duration::from_secs(30);
/// While none are known: long enough that waiting requests share the outcome, short enough to recover soon.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Time for one fetch.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Largest key set that is read, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// The allowed hosts with their keys.
pub(super) struct Jwks {
    /// By the text that a token's `jwks_host` must have.
    hosts: HashMap<String, Host>,
    http: reqwest::Client,
    metrics: Arc<Metrics>,
}

struct Host {
    url: Url,
    known: RwLock<Option<Arc<Known>>>,
    /// Held during a fetch: however many requests wait, one fetches.
    fetching: Mutex<Option<Instant>>,
}

/// The keys of one host.
struct Known {
    keys: HashMap<String, Arc<DecodingKey>>,
    fetched: Instant,
}

/// A key set, each entry read on its own so that one of an unknown kind does not spoil the rest.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

impl Jwks {
    /// Nothing where no host is allowed: then there are no RS256 tokens.
    pub(super) fn new(
        allowed: &[String],
        http: reqwest::Client,
        metrics: Arc<Metrics>,
    ) -> Result<Option<Self>, SettingsError> {
        let hosts = allowed.iter().map(|entry| Host::new(entry)).collect::<Result<HashMap<_, _>, _>>()?;
        Ok((!hosts.is_empty()).then_some(Self { hosts, http, metrics }))
    }

    /// The key that a token names.
    pub(super) async fn key(&self, host: &str, kid: &str) -> Result<Arc<DecodingKey>, Error> {
        let known_host = self.hosts.get(host).ok_or_else(|| {
            Error::authorization(format!(
                "the token's `jwks_host` is not allowed: `{}` is not in RELAY_AUTH__JWKS_HOSTS",
                shortened(host, 100)
            ))
        })?;
        if let Some(known) = known_host.known()
            && known.fetched.elapsed() < TTL
            && let Some(key) = known.keys.get(kid)
        {
            return Ok(Arc::clone(key));
        }
        self.refresh(known_host, host, kid).await
    }

    /// Fetches the keys unless that was done or tried a moment ago; on failure the old keys serve on.
    async fn refresh(&self, host: &Host, name: &str, kid: &str) -> Result<Arc<DecodingKey>, Error> {
        let mut attempted = host.fetching.lock().await;
        let mut failure = None;
        let pause = if host.known().is_some() { PAUSE } else { FIRST_PAUSE };
        if attempted.is_none_or(|at| at.elapsed() >= pause) {
            let outcome = self.fetch(&host.url).await;
            *attempted = Some(Instant::now());
            self.metrics.jwks_fetch(outcome.is_ok());
            match outcome {
                Ok(keys) => host.learn(keys),
                Err(problem) => {
                    log::warn!(host = name; "keys of the platform cannot be fetched: {problem}");
                    failure = Some(problem);
                }
            }
        }
        match host.known() {
            Some(known) => known.keys.get(kid).cloned().ok_or_else(|| {
                Error::authorization(format!("no key with the token's `kid` at {}", shortened(name, 100)))
            }),
            None => Err(Error::authorization(format!(
                "the keys of {} cannot be read: {}",
                shortened(name, 100),
                failure.as_deref().unwrap_or("the last attempt, moments ago, failed")
            ))),
        }
    }

    async fn fetch(&self, url: &Url) -> Result<HashMap<String, Arc<DecodingKey>>, String> {
        let body = async {
            let response = self
                .http
                .get(url.clone())
                .header("accept", "application/json")
                .send()
                .await
                .map_err(|error| crate::provider::describe(&error))?;
            if response.status() != reqwest::StatusCode::OK {
                return Err(format!("it answers with status {}", response.status().as_u16()));
            }
            read_capped(response, MAX_BYTES).await.map_err(|error| error.to_string())
        };
        let body = tokio::time::timeout(TIMEOUT, body)
            .await
            .map_err(|_| format!("it gives no answer within {} s", TIMEOUT.as_secs()))??;
        let set: KeySet =
            serde_json::from_slice(&body).map_err(|_| "its answer is not a key set".to_owned())?;
        Ok(set.keys.into_iter().filter_map(usable).collect())
    }
}

impl Host {
    /// An entry of the setting: a host, which means https, or a full origin.
    fn new(entry: &str) -> Result<(String, Self), SettingsError> {
        let entry = entry.trim_end_matches('/');
        let (origin, name) = match entry.split_once("://") {
            Some((_, name)) => (entry.to_owned(), name),
            None => (format!("https://{entry}"), entry),
        };
        let problem = |what: &str| SettingsError::value("auth.jwks_hosts", format!("`{entry}` {what}"));
        let url = Url::parse(&format!("{origin}/.well-known/jwks"))
            .map_err(|error| problem(&format!("is neither a host nor an origin: {error}")))?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.path() == "/.well-known/jwks"
            && url.username().is_empty()
            && url.password().is_none();
        if !plain {
            return Err(problem("is neither a host nor an origin such as https://keys.example:8443"));
        }
        Ok((name.to_owned(), Self { url, known: RwLock::default(), fetching: Mutex::default() }))
    }

    fn known(&self) -> Option<Arc<Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn learn(&self, keys: HashMap<String, Arc<DecodingKey>>) {
        let known = Known { keys, fetched: Instant::now() };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(known));
    }
}

/// An RSA key with an id; others cannot verify an RS256 token.
fn usable(entry: Value) -> Option<(String, Arc<DecodingKey>)> {
    let key: Jwk = serde_json::from_value(entry).ok()?;
    let AlgorithmParameters::RSA(_) = key.algorithm else { return None };
    let decoding = DecodingKey::from_jwk(&key).ok()?;
    Some((key.common.key_id?, Arc::new(decoding)))
}
