//! The checks of a signature. A key is fetched only from a host that the relay may ask.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use relay_core::auth::rs256_key;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use url::Url;

use super::Check;
use super::checks::shown;
use super::token::Token;
use crate::client;
use crate::token::read;

/// Largest key set that a relay reads, in bytes.
const MAX_BYTES: usize = 256 * 1024;

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// Key host, key id and signature of an RS256 token. `file` holds the key set, so that none is fetched.
///
/// # Errors
/// The file is not a key set.
pub(super) async fn rs256(
    token: &Token,
    hosts: &[String],
    file: Option<&Path>,
) -> anyhow::Result<Vec<Check>> {
    let origin = host(token, hosts);
    let mut checks = vec![match &origin {
        Ok(origin) => Check::passed("key host", origin.as_str()),
        Err(problem) => Check::failed("key host", problem.as_str()),
    }];
    let Some(Value::String(kid)) = token.header.get("kid") else {
        checks.push(Check::failed("key", "the header lacks `kid`, the id of the key"));
        checks.push(Check::open("signature", "not checked without a key"));
        return Ok(checks);
    };
    let keys = match (file, &origin) {
        (Some(file), _) => {
            let set: KeySet = serde_json::from_str(&read(file)?)
                .with_context(|| format!("{} is not a key set", file.display()))?;
            Ok(set)
        }
        (None, Ok(origin)) => fetch(origin).await,
        (None, Err(_)) => Err("not fetched from a host that is not allowed; --jwks gives keys".to_owned()),
    };
    let key = match keys {
        Err(problem) => Err(Check::open("key", problem)),
        Ok(set) => find(set, kid).map_err(|problem| Check::failed("key", problem)),
    };
    match key {
        Ok(key) => {
            checks.push(Check::passed("key", format!("`{}`", shown(kid))));
            checks.push(signature(token, &key, Algorithm::RS256));
        }
        Err(check) => {
            checks.push(check);
            checks.push(Check::open("signature", "not checked without the key"));
        }
    }
    Ok(checks)
}

/// The signature of an HS256 token.
pub(super) fn hs256(token: &Token, secret: Option<&str>) -> Check {
    match secret {
        Some(secret) => signature(token, &DecodingKey::from_secret(secret.as_bytes()), Algorithm::HS256),
        None => Check::open("signature", "not checked: give the relay's secret by --secret-file"),
    }
}

/// The origin of the allowed host that the token names.
fn host(token: &Token, allowed: &[String]) -> Result<String, String> {
    let named = token.claims.get("jwks_host").and_then(Value::as_str);
    let Some(named) = named.filter(|named| !named.trim().is_empty()) else {
        return Err("the claim `jwks_host` is missing".to_owned());
    };
    let allowed: Vec<(&str, &str)> = allowed
        .iter()
        .map(|entry| {
            let entry = entry.trim().trim_end_matches('/');
            entry.split_once("://").unwrap_or(("https", entry))
        })
        .collect();
    let found = allowed.iter().find(|(_, host)| *host == named);
    found.map(|(scheme, host)| format!("{scheme}://{host}")).ok_or_else(|| {
        let hosts: Vec<&str> = allowed.iter().map(|(_, host)| *host).collect();
        format!("`{}` is not allowed; allowed: {}", shown(named), hosts.join(", "))
    })
}

/// The keys of an allowed origin, under the relay's limits of time and size.
async fn fetch(origin: &str) -> Result<KeySet, String> {
    let place = format!("{origin}/.well-known/jwks");
    let problem = |what: &str| format!("the keys cannot be fetched from {place}: {what}");
    let url = Url::parse(&place).map_err(|error| problem(&error.to_string()))?;
    let http = client::http(&url, Duration::from_secs(5)).map_err(|error| problem(&error.to_string()))?;
    let mut response = http.get(url).send().await.map_err(|error| {
        problem(if error.is_timeout() { "no answer within 5 s" } else { "no connection" })
    })?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(problem(&format!("it answers with status {}", response.status().as_u16())));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| problem("the answer broke off"))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BYTES {
            return Err(problem("the answer is larger than 256 KiB"));
        }
    }
    serde_json::from_slice(&body).map_err(|_| problem("the answer is not a key set"))
}

/// The key with this id, of those that the relay would take.
fn find(set: KeySet, kid: &str) -> Result<DecodingKey, String> {
    let keys: Vec<(String, DecodingKey)> = set.keys.into_iter().filter_map(rs256_key).collect();
    let ids: Vec<String> = keys.iter().map(|(id, _)| shown(id)).collect();
    // As in the relay, of equal ids the last counts.
    let found = keys.into_iter().rfind(|(id, _)| id == kid);
    found.map(|(_, key)| key).ok_or_else(|| {
        let there = if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
        format!("no key with the id `{}`; there are: {there}", shown(kid))
    })
}

/// The signature alone: the other checks are made one by one.
fn signature(token: &Token, key: &DecodingKey, algorithm: Algorithm) -> Check {
    const NAME: &str = "signature";
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    match jsonwebtoken::decode::<IgnoredAny>(&token.text, key, &validation) {
        Ok(_) => Check::passed(NAME, "right"),
        Err(error) if matches!(error.kind(), ErrorKind::InvalidSignature) => {
            let with = if algorithm == Algorithm::HS256 { "another secret" } else { "another key" };
            Check::failed(NAME, format!("wrong: made with {with}, or the token was changed"))
        }
        Err(_) => Check::failed(NAME, "cannot be read"),
    }
}
