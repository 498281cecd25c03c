//! What a token carries for X-Force Exchange.

use relay_core::auth::{ClaimError, Claims};
use relay_core::relay::Credentials;
use secrecy::{ExposeSecret, SecretString};

/// A pair of API key and password, sent as HTTP Basic.
pub struct ApiKey {
    pub(crate) key: SecretString,
    pub(crate) password: SecretString,
}

impl Credentials for ApiKey {
    fn from_claims(claims: &Claims) -> Result<Self, ClaimError> {
        let key = claims.secret("key")?;
        if key.expose_secret().contains(':') {
            return Err(ClaimError::new(
                "the claim `key` of the token has a colon, so it is no X-Force API key",
            ));
        }
        Ok(Self { key, password: claims.secret("password")? })
    }

    fn identity(&self) -> Vec<&str> {
        vec![self.key.expose_secret(), self.password.expose_secret()]
    }
}
