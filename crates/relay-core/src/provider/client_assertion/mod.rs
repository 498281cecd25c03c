//! How an application proves its identity to a login service: by a secret, or by a signed statement in place of one
//! (an *assertion*, [RFC 7523](https://www.rfc-editor.org/rfc/rfc7523#section-2.2)). The relay signs it with the key of
//! a certificate, or another issuer has signed it and keeps it in a file.
//!
//! Secrets are the user's, and come with each request. Keys and files are the operator's.

mod certificate;
mod federated;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded::Serializer;

pub(super) use certificate::CertificateFiles;
pub(super) use federated::TokenFile;

use super::oauth::TokenSource;
use crate::error::Error;

/// What stands behind an application.
#[derive(Clone)]
pub(super) enum Proof {
    /// A secret that the login service made for it.
    Secret(SecretString),
    /// A certificate that is registered with it.
    Certificate(Arc<CertificateFiles>),
    /// A token of an issuer that it trusts.
    Federated(Arc<TokenFile>),
}

impl Proof {
    /// The kind of credential, for keys of caches.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Secret(_) => "secret",
            Self::Certificate(_) => "certificate",
            Self::Federated(_) => "federated",
        }
    }

    /// What tells one user's credentials from another's; nothing where they are the operator's.
    pub(super) fn of_user(&self) -> &str {
        match self {
            Self::Secret(secret) => secret.expose_secret(),
            Self::Certificate(_) | Self::Federated(_) => "",
        }
    }

    /// Whether what is made for a token request is of no use for another one.
    pub(super) fn serves_once(&self) -> bool {
        matches!(self, Self::Certificate(_))
    }

    /// What is sent for one token request: the secret, or an assertion.
    ///
    /// # Errors
    /// A file cannot be used now; the words are for the user.
    pub(super) fn make(&self, source: &TokenSource, now: Timestamp) -> Result<SecretString, Error> {
        match self {
            Self::Secret(secret) => Ok(secret.clone()),
            Self::Certificate(files) => files.assertion(&source.client_id, source.url.as_str(), now),
            Self::Federated(file) => file.token(),
        }
    }

    /// Adds what was made to the form of a token request.
    pub(super) fn add_to(&self, form: &mut Serializer<'_, String>, made: &SecretString) {
        let made = made.expose_secret();
        match self {
            Self::Secret(_) => form.append_pair("client_secret", made),
            Self::Certificate(_) | Self::Federated(_) => form
                .append_pair("client_assertion_type", ASSERTION_TYPE)
                .append_pair("client_assertion", made),
        };
    }
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A certificate with its chain and key, or a token, is far smaller.
const LARGEST_FILE: u64 = 256 * 1024;

/// The text of a small file.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LARGEST_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST_FILE {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it has more than {LARGEST_FILE} bytes"),
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
