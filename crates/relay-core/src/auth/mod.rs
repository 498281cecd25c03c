//! Who may ask, and with which credentials: `Authorization: Bearer <JWT>`, verified before anything is read.
//!
//! Two kinds of tokens: RS256 with a key of the platform, HS256 with a shared secret. The `alg` of
//! the header only chooses between what is configured; a key is never tried with another algorithm.
//!
//! | module | what it is |
//! |---|---|
//! | `bearer` | from the header to a token taken apart |
//! | `checks` | the checks of a token, once: relays stop at the first that fails, `explain` makes all |
//! | `jwks` | the platform's keys |
//! | [`claims`] | the payload of a verified token |

mod bearer;
mod checks;
pub mod claims;
mod jwks;
mod times;

use std::sync::Arc;

use jiff::Timestamp;
use jsonwebtoken::DecodingKey;
use secrecy::ExposeSecret;

pub use bearer::without_scheme;
pub(crate) use checks::explain;
pub use checks::{Check, Outcome};
pub use claims::{ClaimError, Claims};
pub use jwks::KeySet;
pub(crate) use jwks::key_set_url;

use checks::{Checks, without_slash};
use jwks::Jwks;

use crate::error::Error;
use crate::provider::HttpClients;
use crate::settings::{AuthSettings, SettingsError};
use crate::telemetry::Metrics;

/// The claims of a token as it says them, unverified; nothing where it is no token.
pub(crate) fn unverified(token: &str) -> Option<Claims> {
    bearer::Token::parse(token).ok().map(|token| Claims::from(token.payload))
}

/// Verifies tokens.
pub(crate) struct Authenticator {
    jwks: Option<Jwks>,
    /// Keys in place of those of the key hosts.
    pub(crate) given_keys: Option<KeySet>,
    secret: Option<DecodingKey>,
    audience: Vec<String>,
}

impl Authenticator {
    pub(crate) fn new(
        settings: &AuthSettings,
        http: HttpClients,
        metrics: Arc<Metrics>,
    ) -> Result<Self, SettingsError> {
        Ok(Self {
            jwks: Jwks::new(&settings.jwks_hosts, http, metrics)?,
            given_keys: None,
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
        let token =
            bearer::token(header).map_err(|problem| Error::authorization(problem).of_check("header"))?;
        self.check(token, origin, Timestamp::now(), &mut Checks::until_one_fails()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An authenticator of these settings, and its warnings.
    fn of(secret: Option<&str>, hosts: &[&str], audience: &[&str]) -> (Authenticator, Vec<&'static str>) {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let settings = AuthSettings {
            secret_key: secret.map(Into::into),
            jwks_hosts: owned(hosts),
            audience: owned(audience),
        };
        let metrics = Arc::new(Metrics::new("acme").expect("metrics"));
        let http = HttpClients::for_tests();
        let authenticator = Authenticator::new(&settings, http, metrics).expect("good settings");
        let warnings = authenticator.warnings(&settings);
        (authenticator, warnings)
    }

    #[test]
    fn a_start_says_what_is_on_and_what_is_risky() {
        const HOST_DECIDES: &str = "RELAY_AUTH__AUDIENCE is not set: ";
        const SHORT: &str = "RELAY_AUTH__SECRET_KEY is shorter than 32 bytes: ";
        let (short, long) = ("x".repeat(31), "x".repeat(32));
        let hosts = ["keys.example"];
        let audience = ["https://relay.example"];
        let check = |(authenticator, warnings): (Authenticator, Vec<&str>), modes, expected: &[&str]| {
            assert_eq!(authenticator.modes(), modes);
            assert_eq!(warnings.len(), expected.len(), "{warnings:?}");
            for (warning, expected) in warnings.iter().zip(expected) {
                assert!(warning.starts_with(expected), "{warning}");
            }
        };
        check(
            of(None, &[], &[]),
            "none",
            &["neither RELAY_AUTH__JWKS_HOSTS nor RELAY_AUTH__SECRET_KEY is set: "],
        );
        check(of(None, &hosts, &audience), "RS256", &[]);
        check(of(None, &hosts, &[]), "RS256", &[HOST_DECIDES]);
        check(of(Some(&long), &[], &[]), "HS256", &[]);
        check(of(Some(&short), &[], &[]), "HS256", &[SHORT]);
        check(of(Some(&short), &hosts, &[]), "RS256 and HS256", &[HOST_DECIDES, SHORT]);
    }
}
