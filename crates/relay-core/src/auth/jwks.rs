//! The platform's public keys: fetched from allowed hosts only, kept, and refreshed with restraint.
//!
//! The host comes from a token that nobody has verified yet. So it is compared with the allowed ones before
//! anything is fetched, the answer is bounded, and no redirect is followed.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, PublicKeyUse};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use crate::error::Error;
use crate::provider::read_capped;
use crate::settings::SettingsError;
use crate::telemetry::Metrics;
use crate::text::sanitized;

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
    hosts: HashMap<String, Arc<Host>>,
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
        let host = |entry: &String| Host::new(entry).map(|(name, host)| (name, Arc::new(host)));
        let hosts = allowed.iter().map(host).collect::<Result<HashMap<_, _>, _>>()?;
        Ok((!hosts.is_empty()).then_some(Self { hosts, http, metrics }))
    }

    /// The key that a token names.
    pub(super) async fn key(&self, host: &str, kid: &str) -> Result<Arc<DecodingKey>, Error> {
        let known_host = self.hosts.get(host).ok_or_else(|| {
            Error::authorization(format!(
                "the token's `jwks_host` is not allowed: `{}` is not in RELAY_AUTH__JWKS_HOSTS",
                sanitized(host, 100)
            ))
        })?;
        if let Some(known) = known_host.known()
            && known.fetched.elapsed() < TTL
            && let Some(key) = known.keys.get(kid)
        {
            return Ok(Arc::clone(key));
        }
        let failure = self.refresh(known_host).await;
        if let Some(problem) = &failure {
            log::warn!(host = host; "keys of the platform cannot be fetched: {problem}");
        }
        match known_host.known() {
            Some(known) => known.keys.get(kid).cloned().ok_or_else(|| {
                Error::authorization(format!("no key with the token's `kid` at {}", sanitized(host, 100)))
            }),
            None => Err(Error::authorization(format!(
                "the keys of {} cannot be read: {}",
                sanitized(host, 100),
                failure.as_deref().unwrap_or("the last attempt, moments ago, failed")
            ))),
        }
    }

    /// Fetches the keys unless that was done or tried a moment ago, and says why that failed; then the old keys
    /// serve on. It goes on when the request that began it ends: others wait for the same keys, and clients that
    /// go away early must not make the relay fetch more often.
    async fn refresh(&self, host: &Arc<Host>) -> Option<String> {
        let (host, http, metrics) = (Arc::clone(host), self.http.clone(), Arc::clone(&self.metrics));
        let refreshed = tokio::spawn(async move {
            let mut attempted = host.fetching.lock().await;
            let pause = if host.known().is_some() { PAUSE } else { FIRST_PAUSE };
            if attempted.is_some_and(|at| at.elapsed() < pause) {
                return None;
            }
            let outcome = fetch(&http, &host.url).await;
            *attempted = Some(Instant::now());
            metrics.jwks_fetch(outcome.is_ok());
            outcome.map(|keys| host.learn(keys)).err()
        });
        refreshed.await.unwrap_or_else(|_| Some("the attempt was broken off".to_owned()))
    }
}

async fn fetch(http: &reqwest::Client, url: &Url) -> Result<HashMap<String, Arc<DecodingKey>>, String> {
    let body = async {
        let response = http
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
    let set: KeySet = serde_json::from_slice(&body).map_err(|_| "its answer is not a key set".to_owned())?;
    Ok(set.keys.into_iter().filter_map(rs256_key).map(|(kid, key)| (kid, Arc::new(key))).collect())
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

/// An entry of a key set, with its id, where it may verify RS256 tokens: an RSA key that is not meant for another
/// algorithm, nor for encryption.
pub fn rs256_key(entry: Value) -> Option<(String, DecodingKey)> {
    let key: Jwk = serde_json::from_value(entry).ok()?;
    let AlgorithmParameters::RSA(_) = key.algorithm else { return None };
    let common = &key.common;
    let meant = common.key_algorithm.is_none_or(|algorithm| algorithm == KeyAlgorithm::RS256)
        && common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let decoding = DecodingKey::from_jwk(&key).ok().filter(|_| meant)?;
    Some((key.common.key_id?, decoding))
}

#[cfg(test)]
mod tests;
