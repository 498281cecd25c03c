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
use crate::api::{Api, Meaning};
use crate::call::RequestContext;
use crate::error::{Code, Error, Severity};
use crate::heavy;
use crate::lenient::LenientValue;

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
    /// What the application proves its identity with in the form of a token request itself.
    Login(TokenSource),
}

/// Decides about another try after a rejection.
pub type RetryRule = fn(&Rejection) -> Retry;

/// When a call may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Where it was not sent.
    Unsent,
    /// Also after a 429.
    After429,
    /// Always, since it changes nothing.
    Always,
}

/// One provider call. Made by [`crate::api::Caller`].
#[must_use = "a request does nothing until it is sent"]
// Options of a builder, each independent of the others.
#[allow(clippy::struct_excessive_bools)]
pub struct Request<'c> {
    pub(super) client: &'c super::Client,
    pub(super) context: &'c RequestContext,
    api: &'static Api,
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) method: Method,
    /// None where the value fits no URL.
    pub(super) url: Option<Url>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) kept_headers: Vec<HeaderName>,
    pub(super) auth: Auth,
    pub(super) body: Bytes,
    pub(super) repeat: Repeat,
    /// Whether an answer says inside that the token was refused.
    pub(super) refused_inside: Option<fn(&[u8]) -> bool>,
    pub(super) cached: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) rate: Option<&'static Rate>,
    pub(super) weight: u32,
    pub(super) bulk: bool,
    pub(super) read_rate: Option<ReadRate>,
    pub(super) retry_rule: Option<RetryRule>,
    /// Set by a body that could not be written; sending fails with it.
    pub(super) broken: Option<Failure>,
    /// Whether a failure of it stops further calls, see [`Api::stop`].
    stops: bool,
    /// Statuses that mean that nothing is known, where they are not those of the API.
    absent: Option<&'static [u16]>,
    /// What the answer lacks when this call fails, for a call that only adds details.
    details: Option<&'static str>,
}

impl<'c> Request<'c> {
    pub(crate) fn new(
        client: &'c super::Client,
        context: &'c RequestContext,
        api: &'static Api,
        name: &'static str,
        method: Method,
        url: Option<Url>,
    ) -> Self {
        Self {
            client,
            context,
            api,
            name,
            kind: name,
            // A call that only reads may be repeated; others must say so.
            repeat: if method == Method::GET { Repeat::Always } else { Repeat::Unsent },
            method,
            url,
            headers: vec![(ACCEPT, HeaderValue::from_static("application/json"))],
            kept_headers: Vec::new(),
            auth: Auth::None,
            body: Bytes::new(),
            refused_inside: None,
            cached: false,
            stops: false,
            timeout: None,
            rate: None,
            weight: 1,
            bulk: false,
            read_rate: None,
            retry_rule: None,
            broken: None,
            absent: None,
            details: None,
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
                let problem = format!("The call {} cannot be written as JSON: {error}", self.name);
                self.broken = Some(Failure::NotSent(Error::fatal(Code::UNKNOWN, problem)));
            }
        }
        self.headers.push((CONTENT_TYPE, HeaderValue::from_static("application/json")));
        self
    }

    /// The call changes nothing at the provider although it is no `GET`: it may be repeated.
    pub fn repeatable(mut self) -> Self {
        self.repeat = Repeat::Always;
        self
    }

    /// A provider that answers 429 has not carried the call out: it may be made again although it changes something.
    pub fn again_after_429(mut self) -> Self {
        self.repeat = Repeat::After429;
        self
    }

    /// How a successful answer says that the token was refused, such as for a part of a batch: it is asked for once
    /// more with a fresh token, as after a 401.
    pub fn refused_inside(mut self, is_refused: fn(&[u8]) -> bool) -> Self {
        self.refused_inside = Some(is_refused);
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

    /// The call counts as this many calls of its rate, as a batch of requests does.
    pub fn weight(mut self, calls: u32) -> Self {
        self.weight = calls;
        self
    }

    /// The call asks for many observables or for a whole listing at once: its answer may be twice as large as others.
    pub fn bulk(mut self) -> Self {
        self.bulk = true;
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

    /// Whether the call may be made again whatever became of it.
    pub(super) fn changes_nothing(&self) -> bool {
        self.repeat == Repeat::Always
    }

    /// Whether the very same call may be sent again although it may have arrived.
    pub(super) fn serves_twice(&self) -> bool {
        let is_used_up = matches!(&self.auth, Auth::Login(source) if source.proof.serves_once());
        self.changes_nothing() && !is_used_up
    }

    /// Where the call goes.
    pub(super) fn url(&self) -> Result<&Url, Failure> {
        self.url.as_ref().ok_or_else(|| {
            let problem = format!("The call {} has no valid URL; check the relay's URL settings", self.name);
            Failure::NotSent(Error::fatal(Code::INVALID_ARGUMENT, problem))
        })
    }

    /// A call to the login service on behalf of this one.
    pub(super) fn login(&self, source: &TokenSource) -> Request<'c> {
        let url = Some(source.url.clone());
        Request::new(self.client, self.context, self.api, "login", Method::POST, url)
            .auth(Auth::Login(source.clone()))
            .repeatable()
    }

    /// Other statuses than the API's mean that nothing is known.
    pub fn absent(mut self, statuses: &'static [u16]) -> Self {
        self.absent = Some(statuses);
        self
    }

    /// The call only adds details: where it fails, the user reads a `warning` that names what is missing.
    /// `what` completes "…; `what` missing", such as `the device's details are`.
    pub fn details(mut self, what: &'static str) -> Self {
        self.details = Some(what);
        self
    }

    /// Makes the call and reads its answer as a JSON object ([`crate::lenient`]). Nothing where the provider knows
    /// nothing, or where the value fits no URL.
    ///
    /// # Errors
    /// The call failed; the words are for the user.
    pub async fn fetch<T: for<'a> LenientValue<'a>>(self) -> Result<Option<T>, Error> {
        let (api, details) = (self.api, self.details);
        self.read().await.map_err(|failure| error_of(api, &failure, details))
    }

    /// As [`Request::fetch`], for a caller to whom the failure means more.
    ///
    /// # Errors
    /// The call failed. Calls that cannot succeed after it are stopped.
    pub async fn read<T: for<'a> LenientValue<'a>>(self) -> Result<Option<T>, Failure> {
        match self.outcome().await? {
            Some(answer) => heavy::run(answer.body.len(), || answer.object()).await.map(Some),
            None => Ok(None),
        }
    }

    /// Makes the call. Nothing where the provider knows nothing, or where the value fits no URL.
    ///
    /// # Errors
    /// The call failed. Calls that cannot succeed after it are stopped.
    pub async fn outcome(mut self) -> Result<Option<Answer>, Failure> {
        if self.url.is_none() {
            return Ok(None);
        }
        self.stops = true;
        let (api, absent, kind, context) = (self.api, self.absent, self.kind, self.context);
        let is_absent = |status| absent.is_some_and(|absent| absent.contains(&status));
        match self.send().await {
            Ok(answer) if is_absent(answer.status()) => Ok(None),
            Ok(answer) if absent.is_none() && api.absent.contains(&answer.status()) => Ok(None),
            Ok(answer) if api.empty_is_absent && answer.is_empty_object() => Ok(None),
            Ok(answer) => Ok(Some(answer)),
            Err(Failure::Rejected(rejection)) if is_absent(rejection.status) => Ok(None),
            Err(Failure::Rejected(rejection))
                if absent.is_none() && api.meaning(&rejection) == Meaning::Nothing =>
            {
                Ok(None)
            }
            Err(failure) => {
                api.stop(&failure, kind, context);
                Err(failure)
            }
        }
    }

    /// Ends the calls of the platform request that cannot succeed after this failure.
    pub(super) fn stop_after(&self, failure: &Failure) {
        let is_absent = self.absent.is_some_and(|absent| {
            failure.rejection().is_some_and(|rejection| absent.contains(&rejection.status))
        });
        if self.stops && !is_absent {
            self.api.stop(failure, self.kind, self.context);
        }
    }

    /// Makes the call. Every refusal is a failure, and none stops another call.
    ///
    /// # Errors
    /// Everything but a 2xx answer, after the retries that the rules allow.
    pub async fn send(self) -> Result<Answer, Failure> {
        self.client.send(self).await
    }
}

fn error_of(api: &Api, failure: &Failure, details: Option<&'static str>) -> Error {
    let error = api.error(failure);
    match (failure, details) {
        // The user reads it once, with the call that it stopped first.
        (_, None) | (Failure::Stopped(_), _) => error,
        (Failure::Deadline(_), Some(_)) => error.with_severity(Severity::Warning),
        (_, Some(what)) => error.with_severity(Severity::Warning).with_note(format_args!("{what} missing")),
    }
}
