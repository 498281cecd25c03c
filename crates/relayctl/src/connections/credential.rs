//! What a relay is called with: a ready token, or claims that are signed for each call.

use std::fmt;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use relay_core::auth::without_scheme;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use url::Url;

/// Seconds for which a token that is signed here is good: a call takes less.
const LIFETIME: i64 = 600;

/// A credential; it is shown nowhere.
#[derive(Clone)]
pub(crate) enum Credential {
    /// A ready token.
    Token(SecretString),
    /// Claims, and what signs them.
    Claims(Arc<Claims>),
}

/// Claims, and what signs them.
pub(crate) struct Claims {
    pub(super) payload: Map<String, Value>,
    pub(super) key: EncodingKey,
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.source())
    }
}

impl Credential {
    /// A ready token, with or without `Bearer` before it.
    pub(crate) fn token(text: &str) -> Self {
        Self::Token(without_scheme(text.trim()).to_owned().into())
    }

    /// Where tokens come from, in a word.
    pub(crate) fn source(&self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::Claims(claims) if claims.algorithm == Algorithm::HS256 => "HS256",
            Self::Claims(_) => "RS256",
        }
    }

    /// A token for a call to this relay.
    ///
    /// # Errors
    /// The key cannot sign.
    pub(crate) fn sign(&self, audience: &Url) -> anyhow::Result<String> {
        match self {
            Self::Token(token) => Ok(token.expose_secret().to_owned()),
            Self::Claims(signed) => {
                let mut claims = signed.payload.clone();
                let now = Timestamp::now().as_second();
                claims.entry("aud").or_insert_with(|| json!(audience.as_str().trim_end_matches('/')));
                claims.insert("iat".to_owned(), json!(now));
                claims.insert("exp".to_owned(), json!(now + LIFETIME));
                let header = Header { kid: signed.kid.clone(), ..Header::new(signed.algorithm) };
                jsonwebtoken::encode(&header, &claims, &signed.key).context("the token cannot be signed")
            }
        }
    }
}
