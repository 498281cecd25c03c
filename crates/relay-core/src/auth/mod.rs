//! Who may ask, and with which credentials: `Authorization: Bearer <JWT>`, verified before anything is read.
//!
//! Two kinds of tokens: RS256 with a key of the platform, HS256 with a shared secret. The `alg` of
//! the header only chooses between what is configured; a key is never tried with another algorithm.

pub mod claims;
mod jwks;

use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Map, Value};

pub use claims::{ClaimError, Claims};
use jwks::Jwks;
pub use jwks::rs256_key;

use crate::error::Error;
use crate::settings::{AuthSettings, SettingsError};
use crate::telemetry::Metrics;
use crate::text::sanitized;

/// Clock difference that is forgiven in `exp` and `nbf`, in seconds.
pub const LEEWAY: u64 = 30;

/// Verifies tokens.
pub(crate) struct Authenticator {
    jwks: Option<Jwks>,
    secret: Option<DecodingKey>,
    audience: Vec<String>,
}

/// What is read of a payload before its signature is verified: only what tells where the key is.
#[derive(Deserialize)]
struct Unverified {
    jwks_host: Option<Value>,
}

impl Authenticator {
    pub(crate) fn new(
        settings: &AuthSettings,
        http: reqwest::Client,
        metrics: Arc<Metrics>,
    ) -> Result<Self, SettingsError> {
        Ok(Self {
            jwks: Jwks::new(&settings.jwks_hosts, http, metrics)?,
            secret: settings
                .secret_key
                .as_ref()
                .map(|secret| DecodingKey::from_secret(secret.expose_secret().as_bytes())),
            audience: settings.audience.iter().map(|url| without_slash(url).to_owned()).collect(),
        })
    }

    /// Which modes are on, for the line that is logged at start.
    pub(crate) fn modes(&self) -> &'static str {
        match (&self.jwks, &self.secret) {
            (Some(_), Some(_)) => "RS256 and HS256",
            (Some(_), None) => "RS256",
            (None, Some(_)) => "HS256",
            (None, None) => "none",
        }
    }

    /// What an operator should know of these settings.
    pub(crate) fn warnings(&self, settings: &AuthSettings) -> Vec<&'static str> {
        let short = settings.secret_key.as_ref().is_some_and(|secret| secret.expose_secret().len() < 32);
        let mut warnings = Vec::new();
        if self.jwks.is_some() && self.audience.is_empty() {
            warnings.push(
                "RELAY_AUTH__AUDIENCE is not set: the Host header of a request decides which audience \
                 an RS256 token must have",
            );
        }
        if short {
            warnings.push(
                "RELAY_AUTH__SECRET_KEY is shorter than 32 bytes: tokens could be forged by guessing it",
            );
        }
        if self.jwks.is_none() && self.secret.is_none() {
            warnings.push(
                "neither RELAY_AUTH__JWKS_HOSTS nor RELAY_AUTH__SECRET_KEY is set: every token is refused",
            );
        }
        warnings
    }

    /// The claims of the token in an `Authorization` header. `origin` is scheme and host of the request.
    ///
    /// # Errors
    /// An `authorization error` whose message says which check failed.
    pub(crate) async fn verify(&self, header: Option<&[u8]>, origin: &str) -> Result<Claims, Error> {
        let token = bearer(header)?;
        let head = jsonwebtoken::decode_header(token).map_err(|error| match error.kind() {
            // The library knows no `none`, nor other names of algorithms that do not exist.
            ErrorKind::Json(_) if alg_of(token).is_some_and(|alg| alg.parse::<Algorithm>().is_err()) => {
                wrong_algorithm()
            }
            _ => Error::authorization("the token is not a JWT"),
        })?;
        // Whoever demands something of a reader that it does not know must not be read (RFC 7515, section 4.1.11).
        if head.crit.is_some() {
            return Err(Error::authorization("the token's header demands an extension (`crit`)"));
        }
        let claims = match head.alg {
            Algorithm::RS256 => {
                let jwks = self.jwks.as_ref().ok_or_else(|| {
                    Error::authorization(
                        "RS256 tokens are not accepted by this relay (RELAY_AUTH__JWKS_HOSTS)",
                    )
                })?;
                let unverified: Unverified = jsonwebtoken::dangerous::insecure_decode(token)
                    .map_err(|_| Error::authorization("the token is not a JWT"))?
                    .claims;
                let host = match unverified.jwks_host {
                    Some(Value::String(host)) if !host.trim().is_empty() => host,
                    _ => return Err(Error::authorization("the token lacks the claim `jwks_host`")),
                };
                let Some(kid) = head.kid else {
                    return Err(Error::authorization("the token's header lacks `kid`"));
                };
                decode(token, &*jwks.key(&host, &kid).await?, Algorithm::RS256)?
            }
            Algorithm::HS256 => {
                let secret = self.secret.as_ref().ok_or_else(|| {
                    Error::authorization(
                        "HS256 tokens are not accepted by this relay (RELAY_AUTH__SECRET_KEY)",
                    )
                })?;
                decode(token, secret, Algorithm::HS256)?
            }
            _ => return Err(wrong_algorithm()),
        };
        self.check_audience(&claims, origin, head.alg)?;
        Ok(Claims::from(claims))
    }

    fn check_audience(
        &self,
        claims: &Map<String, Value>,
        origin: &str,
        algorithm: Algorithm,
    ) -> Result<(), Error> {
        let named: Vec<&str> = match claims.get("aud") {
            // The original relays with a shared secret never asked for an audience.
            None | Some(Value::Null) if algorithm == Algorithm::HS256 => return Ok(()),
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let expected = |url: &str| match self.audience.as_slice() {
            [] => url == origin,
            list => list.iter().any(|audience| audience == url),
        };
        if named.iter().any(|url| expected(without_slash(url))) {
            return Ok(());
        }
        Err(Error::authorization(format!(
            "wrong audience: this relay is `{}`, the token is for {}",
            if self.audience.is_empty() { sanitized(origin, 200) } else { self.audience.join("` or `") },
            match named.first() {
                Some(url) => format!("`{}`", sanitized(url, 200)),
                None => "no audience".to_owned(),
            },
        )))
    }
}

fn without_slash(url: &str) -> &str {
    url.strip_suffix('/').unwrap_or(url)
}

fn wrong_algorithm() -> Error {
    Error::authorization("the token's algorithm is not accepted; it must be RS256 or HS256")
}

/// The token of a bearer header.
fn bearer(header: Option<&[u8]>) -> Result<&str, Error> {
    let header = header.ok_or_else(|| Error::authorization("the Authorization header is missing"))?;
    let text = std::str::from_utf8(header)
        .map_err(|_| Error::authorization("the Authorization header is not readable"))?;
    let (scheme, token) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Error::authorization("the Authorization header must be of the type Bearer"));
    }
    match token.trim() {
        "" => Err(Error::authorization("the Authorization header has no token")),
        token => Ok(token),
    }
}

/// The `alg` of a token's header, whether the library knows it or not.
fn alg_of(token: &str) -> Option<String> {
    use base64::Engine;
    #[derive(Deserialize)]
    struct Head {
        alg: String,
    }
    let head = token.split('.').next()?;
    let head = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(head).ok()?;
    serde_json::from_slice::<Head>(&head).ok().map(|head| head.alg)
}

/// Verifies the signature and the times.
fn decode(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Result<Map<String, Value>, Error> {
    let mut validation = Validation::new(algorithm);
    // Tokens of the platform may have neither `exp` nor `nbf`; where present, they count.
    validation.required_spec_claims.clear();
    validation.validate_nbf = true;
    validation.leeway = LEEWAY;
    // Compared by us, since a trailing slash does not matter and HS256 tokens may lack it.
    validation.validate_aud = false;
    jsonwebtoken::decode::<Map<String, Value>>(token, key, &validation).map(|token| token.claims).map_err(
        |error| {
            Error::authorization(match error.kind() {
                ErrorKind::InvalidSignature => "the token's signature is wrong",
                ErrorKind::ExpiredSignature => "the token has expired",
                ErrorKind::ImmatureSignature => "the token is not valid yet",
                ErrorKind::InvalidClaimFormat(_) => "the token's `exp` or `nbf` is not a time",
                ErrorKind::InvalidAlgorithm | ErrorKind::InvalidKeyFormat => {
                    "the token's key is not of the token's algorithm"
                }
                _ => "the token is not a JWT",
            })
        },
    )
}
