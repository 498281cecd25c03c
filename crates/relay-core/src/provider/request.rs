//! A provider call as a relay describes it.

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use secrecy::SecretString;
use serde::Serialize;
use std::time::Duration;
use url::Url;

use super::answer::Answer;
use super::limit::{Rate, ReadRate};
use super::oauth::TokenSource;
use super::retry::Retry;
use super::{Failure, Rejection};
use crate::call::RequestContext;

/// How a call proves whose it is.
#[derive(Clone)]
pub enum Auth {
    /// It does not.
    None,
    /// HTTP Basic.
    Basic {
        /// The user name; must not contain a colon.
        user: SecretString,
        /// The password.
        password: SecretString,
    },
    /// A header of the provider's own, with an optional prefix such as `Token `.
    Header {
        /// The header.
        name: HeaderName,
        /// What stands before the secret.
        prefix: &'static str,
        /// The secret.
        value: SecretString,
    },
    /// A bearer token that is fetched from a login service, kept until shortly before it expires, and
    /// replaced once when the provider refuses it.
    Token(TokenSource),
}

/// Decides about another try after a rejection.
pub type RetryRule = fn(&Rejection) -> Retry;

/// One provider call. Made by [`super::Client::get`] and its like.
#[must_use = "a request does nothing until it is sent"]
pub struct Request<'c> {
    pub(super) client: &'c super::Client,
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) kept_headers: Vec<HeaderName>,
    pub(super) auth: Auth,
    pub(super) body: Bytes,
    pub(super) repeatable: bool,
    pub(super) cached: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) rate: Option<&'static Rate>,
    pub(super) read_rate: Option<ReadRate>,
    pub(super) retry_rule: Option<RetryRule>,
    /// Set by a body that could not be written; sending fails with it.
    pub(super) broken: Option<Failure>,
}

impl<'c> Request<'c> {
    pub(super) fn new(client: &'c super::Client, name: &'static str, method: Method, url: Url) -> Self {
        Self {
            client,
            name,
            kind: name,
            // A call that only reads may be repeated; others must say so.
            repeatable: method == Method::GET,
            method,
            url,
            headers: vec![(ACCEPT, HeaderValue::from_static("application/json"))],
            kept_headers: Vec::new(),
            auth: Auth::None,
            body: Bytes::new(),
            cached: false,
            timeout: None,
            rate: None,
            read_rate: None,
            retry_rule: None,
            broken: None,
        }
    }

    /// The kind of call for [`RequestContext::stop`]; by default the call's name.
    pub fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// How the call proves whose it is.
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// A header with a fixed value.
    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((HeaderName::from_static(name), HeaderValue::from_static(value)));
        self
    }

    /// Keeps a header of the answer for [`Answer::headers`].
    pub fn keep_header(mut self, name: &'static str) -> Self {
        self.kept_headers.push(HeaderName::from_static(name));
        self
    }

    /// A JSON body.
    pub fn json<T: Serialize>(mut self, body: &T) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => self.body = body.into(),
            Err(error) => {
                self.broken = Some(Failure::Unreadable(format!("the call cannot be written: {error}")));
            }
        }
        self.headers.push((CONTENT_TYPE, HeaderValue::from_static("application/json")));
        self
    }

    /// The call changes nothing at the provider although it is no `GET`: it may be repeated.
    pub fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// The answer may be reused for the same credential and call, and equal calls at the same time share one.
    pub fn cached(mut self) -> Self {
        self.cached = true;
        self
    }

    /// Another time limit for the call than the setting's; the request's deadline holds all the same.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The provider's documented limits for the call.
    pub fn rate(mut self, rate: &'static Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Adapts the first quota of the call's rate to what the headers of any answer say.
    pub fn read_rate(mut self, read: ReadRate) -> Self {
        self.read_rate = Some(read);
        self
    }

    /// Another rule for trying again after a rejection than the usual one by status.
    pub fn retry_rule(mut self, rule: RetryRule) -> Self {
        self.retry_rule = Some(rule);
        self
    }

    /// Makes the call for a platform request.
    ///
    /// # Errors
    /// Everything but a 2xx answer, after the retries that the rules allow.
    pub async fn send(self, context: &RequestContext) -> Result<Answer, Failure> {
        self.client.send(self, context).await
    }
}
