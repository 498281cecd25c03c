//! Access tokens by the OAuth 2 client credentials grant (RFC 6749, section 4.4): fetched once per credential,
//! kept until shortly before they expire.

use std::fmt;
use std::time::Duration;

use moka::Expiry;
use moka::future::Cache;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

use super::answer::Answer;
use super::client_assertion::Proof;
use super::credential::CredentialKey;
use super::failure::{Failure, Rejection};
use crate::error::Error;
use crate::lenient;
use crate::text::sanitized;

/// A token is not used in the last seconds of its life, since a call takes time and clocks differ.
const MARGIN: Duration = Duration::from_secs(60);
/// Life of a token whose answer does not say it.
const ASSUMED_LIFE: Duration = Duration::from_secs(300);

/// Where a token comes from, and for whom.
#[derive(Clone)]
pub struct TokenSource {
    /// The token endpoint, tenant included.
    pub url: Url,
    /// Identifier of the application.
    pub client_id: String,
    /// What proves that it is the one.
    pub(super) proof: Proof,
    /// What the token is for.
    pub scope: String,
    /// Turns a refusal into words that tell the user what to do; by default the service's own words.
    pub(super) advice: Advice,
}

/// What a refusal means, given what was sent as proof.
pub(super) type Advice = fn(&LoginRejection, &Proof) -> Option<String>;

/// Names what is asked, not the secret.
impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource")
            .field("url", &self.url.as_str())
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// The login service refused the credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginRejection {
    /// HTTP status of the refusal.
    pub status: u16,
    /// `error` of the answer, e.g. `invalid_client`.
    pub error: Option<String>,
    /// First line of `error_description`.
    pub description: Option<String>,
    /// Words for the user, where the token source knows any.
    pub advice: Option<String>,
}

/// The body of a refusal (RFC 6749, section 5.2).
#[derive(Default, Deserialize)]
struct Refused {
    #[serde(default, deserialize_with = "lenient::field")]
    error: Option<String>,
    #[serde(default, deserialize_with = "lenient::field")]
    error_description: Option<String>,
}

/// What follows in some services' descriptions is for their support.
const TRACE: &str = "Trace ID:";

fn first_line(description: &str) -> Option<String> {
    let line = description.lines().next()?.split(TRACE).next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

impl LoginRejection {
    fn new(rejection: &Rejection, source: &TokenSource) -> Self {
        let refused: Refused = serde_json::from_slice(&rejection.body).unwrap_or_default();
        let mut login = Self {
            status: rejection.status,
            error: refused.error.as_deref().and_then(first_line),
            description: refused.error_description.as_deref().and_then(first_line),
            advice: None,
        };
        login.advice = (source.advice)(&login, &source.proof);
        login
    }

    pub(super) fn to_error(&self, provider: &str) -> Error {
        let said = self.description.as_ref().or(self.error.as_ref());
        let said = said.map_or_else(|| format!("status {}", self.status), |text| sanitized(text, 500));
        match &self.advice {
            Some(advice) => Error::authorization(format!("{advice} ({provider} says: {said})")),
            None => Error::authorization(format!(
                "the login service of {provider} refused the credentials: {said}"
            )),
        }
    }
}

/// A fetched token.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) secret: SecretString,
    life: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct TokenKey {
    credential: CredentialKey,
    url: String,
    scope: String,
}

impl TokenKey {
    pub(super) fn new(credential: CredentialKey, source: &TokenSource) -> Self {
        Self { credential, url: source.url.as_str().to_owned(), scope: source.scope.clone() }
    }
}

/// Tokens by credential, login URL and scope.
pub(super) struct Tokens(pub(super) Cache<TokenKey, Token>);

struct ByLife;

impl Expiry<TokenKey, Token> for ByLife {
    fn expire_after_create(&self, _: &TokenKey, token: &Token, _: std::time::Instant) -> Option<Duration> {
        Some(token.life.saturating_sub(MARGIN))
    }
}

impl Tokens {
    pub(super) fn new() -> Self {
        Self(Cache::builder().max_capacity(10_000).expire_after(ByLife).build())
    }

    /// Forgets a token that the provider refused, unless another call has replaced it already.
    pub(super) async fn forget(&self, key: &TokenKey, refused: &SecretString) {
        let kept = self.0.get(key).await;
        if kept.is_some_and(|kept| kept.secret.expose_secret() == refused.expose_secret()) {
            self.0.invalidate(key).await;
        }
    }
}

/// The answer of a token endpoint. Only the token itself is certain to be there.
#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    #[serde(default)]
    expires_in: Value,
}

/// The form that asks for a token, with the proof that was made for it.
pub(super) fn form(source: &TokenSource, proof: &SecretString) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("client_id", &source.client_id);
    source.proof.add_to(&mut form, proof);
    form.append_pair("grant_type", "client_credentials").append_pair("scope", &source.scope).finish()
}

/// Reads the answer of a token endpoint. The body holds a secret, so a failure says nothing of it.
pub(super) fn read(answer: &Answer) -> Result<Token, Failure> {
    let granted: Granted = serde_json::from_slice(answer.body())
        .map_err(|_| Failure::Unreadable("the login service's answer holds no access token".to_owned()))?;
    let seconds = match &granted.expires_in {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let life = seconds
        .filter(|seconds| *seconds >= 0.0)
        .map(|seconds| Duration::from_secs_f64(seconds.min(86_400.0)));
    Ok(Token { secret: granted.access_token, life: life.unwrap_or(ASSUMED_LIFE) })
}

/// A refusal of the login service is one of the credentials; overload and faults are not.
pub(super) fn refusal(failure: Failure, source: &TokenSource) -> Failure {
    match failure {
        Failure::Rejected(rejection) if (400..500).contains(&rejection.status) && rejection.status != 429 => {
            Failure::Login(LoginRejection::new(&rejection, source))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;
