//! The checks of a token, in the order in which a relay makes them: it stops at the first that fails, an explanation
//! makes all.

use std::sync::Arc;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use super::bearer::Token;
use super::jwks::{Jwks, NoKey};
use super::times::times;
use super::{Authenticator, ClaimError, Claims, KeySet};
use crate::error::Error;
use crate::module::{ENTITIES_LIMIT, Module};
use crate::provider::HttpClients;
use crate::settings::{Settings, SettingsError};
use crate::telemetry::Metrics;
use crate::text::sanitized;

/// One check of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is checked.
    pub name: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// What was found, in words that are safe to print. No secret claim is repeated.
    pub detail: String,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The relay goes on.
    Passed,
    /// The relay goes on as if the claim were not there.
    Ignored,
    /// The relay refuses the token.
    Failed,
    /// What is needed for the check is missing. A relay that misses it refuses the token.
    Open,
}

/// See [`Relay::explain`](crate::relay::Relay::explain).
///
/// # Errors
/// A setting cannot be used.
pub(crate) async fn explain(
    module: &'static Module,
    check_claims: &(dyn Fn(&Claims) -> Result<(), ClaimError> + Sync),
    settings: &Settings,
    keys: Option<KeySet>,
    token: &str,
    origin: &str,
) -> Result<Vec<Check>, SettingsError> {
    let metrics =
        Metrics::new(module.name).map_err(|error| SettingsError::value("admin_listen", error.to_string()))?;
    let http = HttpClients::new(module, &settings.provider)?;
    let mut authenticator = Authenticator::new(&settings.auth, http, Arc::new(metrics))?;
    authenticator.given_keys = keys;
    let mut checks = Checks(Some(Vec::new()));
    if let Ok(claims) = authenticator.check(token, origin, Timestamp::now(), &mut checks).await {
        explain_claims(module, settings, check_claims(&claims), &claims, &mut checks);
    }
    Ok(checks.0.unwrap_or_default())
}

/// What becomes of the checks: all are kept, or the first that does not pass is an error.
pub(super) struct Checks(Option<Vec<Check>>);

impl Checks {
    pub(super) fn until_one_fails() -> Self {
        Self(None)
    }

    /// The detail costs nothing where nobody reads it.
    fn passed(&mut self, name: &'static str, detail: impl FnOnce() -> String) {
        if self.0.is_some() {
            self.keep(name, Outcome::Passed, detail());
        }
    }

    fn failed(&mut self, name: &'static str, detail: impl Into<String>) -> Result<(), Error> {
        self.stopped(name, Outcome::Failed, detail.into())
    }

    fn open(&mut self, name: &'static str, detail: impl Into<String>) -> Result<(), Error> {
        self.stopped(name, Outcome::Open, detail.into())
    }

    fn stopped(&mut self, name: &'static str, outcome: Outcome, detail: String) -> Result<(), Error> {
        if self.0.is_none() {
            return Err(Error::authorization(detail).of_check(name));
        }
        self.keep(name, outcome, detail);
        Ok(())
    }

    fn keep(&mut self, name: &'static str, outcome: Outcome, detail: String) {
        if let Some(kept) = &mut self.0 {
            kept.push(Check { name, outcome, detail });
        }
    }
}

impl Authenticator {
    /// Checks a token; its claims may be trusted where none of the checks failed.
    ///
    /// # Errors
    /// It is no token at all, or a check failed that ends the others.
    pub(super) async fn check(
        &self,
        token: &str,
        origin: &str,
        now: Timestamp,
        checks: &mut Checks,
    ) -> Result<Claims, Error> {
        let token = match Token::parse(token) {
            Ok(token) => token,
            Err(problem) => {
                let problem = format!("the token is not a JWT: {problem}");
                checks.failed("form", problem.as_str())?;
                return Err(Error::authorization(problem).of_check("form"));
            }
        };
        match token.head.crit {
            None => checks.passed("form", || "a JWT".to_owned()),
            Some(_) => checks.failed("form", "the token's header demands an extension (`crit`)")?,
        }
        match token.head.alg.as_str() {
            "RS256" => self.check_rs256(&token, checks).await?,
            "HS256" => self.check_hs256(&token, checks)?,
            other => checks.failed(
                "algorithm",
                format!(
                    "the token's algorithm `{}` is not accepted; it must be RS256 or HS256",
                    sanitized(other, 50)
                ),
            )?,
        }
        match times(&token.payload, now.as_second()) {
            Ok(detail) => checks.passed("time", || detail.join(", ")),
            Err(problem) => checks.failed("time", problem)?,
        }
        match self.audience(&token, origin) {
            Ok(detail) => checks.passed("audience", || detail.to_owned()),
            Err(problem) => checks.failed("audience", problem)?,
        }
        Ok(Claims::from(token.payload))
    }

    async fn check_rs256(&self, token: &Token<'_>, checks: &mut Checks) -> Result<(), Error> {
        let Some(jwks) = &self.jwks else {
            let problem = "RS256 tokens are not accepted by this relay (RELAY_AUTH__JWKS_HOSTS)";
            return checks.failed("algorithm", problem);
        };
        checks.passed("algorithm", || "RS256: signed by a key of the platform".to_owned());
        match self.platform_key(jwks, token, checks).await? {
            Some(key) => check_signature(token, &key, Algorithm::RS256, checks),
            None => checks.open("signature", "not checked without the key"),
        }
    }

    /// The key that a token names, from the host that it names.
    async fn platform_key(
        &self,
        jwks: &Jwks,
        token: &Token<'_>,
        checks: &mut Checks,
    ) -> Result<Option<Arc<DecodingKey>>, Error> {
        let host = match token.text("jwks_host") {
            None => Err("the token lacks the claim `jwks_host`".to_owned()),
            Some(name) => jwks.host(name).ok_or_else(|| {
                let name = sanitized(name, 100);
                format!("the token's `jwks_host` is not allowed: `{name}` is not in RELAY_AUTH__JWKS_HOSTS")
            }),
        };
        match &host {
            Ok(host) => checks.passed("key host", || host.url().to_string()),
            Err(problem) => checks.failed("key host", problem.as_str())?,
        }
        let Some(kid) = &token.head.kid else {
            checks.failed("key", "the token's header lacks `kid`")?;
            return Ok(None);
        };
        let key = match (&self.given_keys, host) {
            (Some(given), _) => given.key(kid, "the given keys"),
            (None, Ok(host)) => jwks.key(host, kid).await,
            (None, Err(_)) => {
                Err(NoKey::Unreadable("not fetched from a host that is not allowed".to_owned()))
            }
        };
        match key {
            Ok(key) => {
                checks.passed("key", || format!("`{}`", sanitized(kid, 100)));
                return Ok(Some(key));
            }
            Err(NoKey::Missing(problem)) => checks.failed("key", problem)?,
            Err(NoKey::Unreadable(problem)) => checks.open("key", problem)?,
        }
        Ok(None)
    }

    fn check_hs256(&self, token: &Token<'_>, checks: &mut Checks) -> Result<(), Error> {
        checks.passed("algorithm", || "HS256: signed with a shared secret".to_owned());
        match &self.secret {
            Some(secret) => check_signature(token, secret, Algorithm::HS256, checks),
            None => checks.open(
                "signature",
                "HS256 tokens need a shared secret, and none is given (RELAY_AUTH__SECRET_KEY)",
            ),
        }
    }

    /// Whether the token is meant for this relay.
    fn audience<'a>(&'a self, token: &Token<'_>, origin: &'a str) -> Result<&'a str, String> {
        let named: Vec<&str> = match token.payload.get("aud") {
            // The original relays with a shared secret never asked for an audience.
            None | Some(Value::Null) if token.head.alg == "HS256" => {
                return Ok("none, which HS256 tokens need not have");
            }
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let is_named = |expected: &&str| named.iter().any(|url| without_slash(url) == *expected);
        let mut expected = self.audience.iter().map(String::as_str);
        let found =
            if self.audience.is_empty() { Some(origin).filter(is_named) } else { expected.find(is_named) };
        found.ok_or_else(|| {
            let own =
                if self.audience.is_empty() { sanitized(origin, 200) } else { self.audience.join("` or `") };
            let named = match named.first() {
                Some(url) => format!("`{}`", sanitized(url, 200)),
                None => "no audience".to_owned(),
            };
            format!("wrong audience: this relay is `{own}`, the token is for {named}")
        })
    }
}

/// A URL as audiences are compared.
pub(super) fn without_slash(url: &str) -> &str {
    url.strip_suffix('/').unwrap_or(url)
}

fn check_signature(
    token: &Token<'_>,
    key: &DecodingKey,
    algorithm: Algorithm,
    checks: &mut Checks,
) -> Result<(), Error> {
    if let Ok(true) = jsonwebtoken::crypto::verify(token.signature, token.signed.as_bytes(), key, algorithm) {
        checks.passed("signature", || "right".to_owned());
        return Ok(());
    }
    let other = if algorithm == Algorithm::HS256 { "secret" } else { "key" };
    let problem =
        format!("the token's signature is wrong: made with another {other}, or the token was changed");
    checks.failed("signature", problem)
}

/// Whether the relay can make credentials of the claims: all that are missing, else what it says itself.
fn explain_claims(
    module: &'static Module,
    settings: &Settings,
    outcome: Result<(), ClaimError>,
    claims: &Claims,
    checks: &mut Checks,
) {
    if let Err(problem) = outcome {
        let required = settings.provider.claims(module).filter(|claim| claim.required);
        let mut missing = required
            .filter_map(|claim| Some(format!("{} ({})", claims.required(claim.name).err()?, claim.help)))
            .peekable();
        if missing.peek().is_none() {
            checks.keep("claims", Outcome::Failed, problem.to_string());
        }
        missing.for_each(|problem| checks.keep("claims", Outcome::Failed, problem));
    } else {
        let listed = module.claims.iter().filter_map(|claim| {
            let value = claims.raw(claim.name).filter(|value| !value.is_null())?;
            Some(match value {
                _ if claim.secret => format!("{} (secret)", claim.name),
                Value::String(text) => format!("{} = {}", claim.name, sanitized(text, 100)),
                other => format!("{} = {}", claim.name, sanitized(&other.to_string(), 100)),
            })
        });
        checks.keep("claims", Outcome::Passed, listed.collect::<Vec<_>>().join(", "));
    }
    if let Some(limit) = claims.own_limit() {
        checks.keep("limit", Outcome::Passed, format!("{limit} entities"));
    } else if claims.raw(ENTITIES_LIMIT.name).is_some_and(|limit| !limit.is_null()) {
        let why = format!("`{}` is not a positive number; the default counts", ENTITIES_LIMIT.name);
        checks.keep("limit", Outcome::Ignored, why);
    }
}
