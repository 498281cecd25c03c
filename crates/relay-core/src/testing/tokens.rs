//! Tokens as a relay verifies them, without a relay.

use std::sync::Arc;

use futures::FutureExt;

use crate::auth::{Authenticator, Claims, KeySet};
use crate::error::Error;
use crate::provider::HttpClients;
use crate::settings::{AuthSettings, SettingsError};
use crate::telemetry::Metrics;

/// Verifies tokens of both kinds, with keys that are given: nothing is fetched.
pub struct Tokens(Authenticator);

impl Tokens {
    /// Accepts HS256 tokens of a secret, and RS256 tokens of keys that `jwks_host` may name.
    ///
    /// # Errors
    /// The host cannot be one of the setting.
    ///
    /// # Panics
    /// There is no HTTP client or no metrics to be had, neither of which is used.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub fn new(secret: &str, jwks_host: &str, keys: KeySet) -> Result<Self, SettingsError> {
        let settings = AuthSettings {
            secret_key: Some(secret.into()),
            jwks_hosts: vec![jwks_host.to_owned()],
            audience: Vec::new(),
        };
        let metrics = Arc::new(Metrics::new("testing").expect("metrics"));
        let mut authenticator = Authenticator::new(&settings, HttpClients::for_tests(), metrics)?;
        authenticator.given_keys = Some(keys);
        Ok(Self(authenticator))
    }

    /// The claims of the token in an `Authorization` header. `origin` is scheme and host of the request.
    ///
    /// # Errors
    /// As the platform reads it.
    ///
    /// # Panics
    /// The check waits for something, which it does only for keys that are fetched.
    #[expect(clippy::expect_used, reason = "keys are given")]
    pub fn verify(&self, header: Option<&[u8]>, origin: &str) -> Result<Claims, Error> {
        self.0.verify(header, origin).now_or_never().expect("a check that waits for nothing")
    }
}
