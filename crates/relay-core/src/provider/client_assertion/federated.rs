//! A token that another issuer signed, in a file that it renews.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::read;
use crate::error::Error;
use crate::lenient;
use crate::text::sanitized;

/// The file; read anew for each token request, since its issuer replaces it before it expires.
pub(in crate::provider) struct TokenFile {
    path: PathBuf,
}

/// What a token says of itself. None of it is secret.
#[derive(Default, Deserialize)]
struct Payload {
    #[serde(default, deserialize_with = "lenient::field")]
    iss: Option<String>,
    #[serde(default, deserialize_with = "lenient::field")]
    sub: Option<String>,
    #[serde(default)]
    aud: Value,
}

impl TokenFile {
    /// The file of this name.
    ///
    /// # Errors
    /// It cannot be read, or holds nothing.
    pub(in crate::provider) fn open(path: &Path) -> Result<Self, String> {
        let file = Self { path: path.to_owned() };
        file.text().map(|_| file)
    }

    /// Its token.
    ///
    /// # Errors
    /// As [`TokenFile::open`].
    pub(super) fn token(&self) -> Result<SecretString, Error> {
        self.text().map(SecretString::from).map_err(|problem| {
            Error::authorization(format!(
                "the relay cannot log in: its federated token is missing: {problem}; the operator has to see to \
                 RELAY_PROVIDER__FEDERATED_TOKEN_FILE"
            ))
        })
    }

    fn text(&self) -> Result<String, String> {
        let text =
            read(&self.path).map_err(|error| format!("cannot read {}: {error}", self.path.display()))?;
        match text.trim() {
            "" => Err(format!("{} is empty", self.path.display())),
            token => Ok(token.to_owned()),
        }
    }

    /// What its token says of issuer, subject and audience, in words.
    pub(in crate::provider) fn identity(&self) -> String {
        let payload = self.text().ok().and_then(|token| {
            let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
            serde_json::from_slice(&payload).ok()
        });
        let Some(Payload { iss, sub, aud }) = payload else { return "is no JSON Web Token".to_owned() };
        let audience = match &aud {
            Value::Array(all) => all.first().and_then(Value::as_str),
            other => other.as_str(),
        };
        let shown =
            |text: Option<&str>| text.map_or_else(|| "nothing".to_owned(), |text| sanitized(text, 200));
        format!(
            "has issuer `{}`, subject `{}`, audience `{}`",
            shown(iss.as_deref()),
            shown(sub.as_deref()),
            shown(audience)
        )
    }
}
