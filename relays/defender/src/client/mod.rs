//! Calls of the Defender for Endpoint API for one platform request, and what their failures mean.
//!
//! [`calls`] names the calls that read, [`changes`] those that change something, [`hunting`] is advanced hunting
//! by either of its two APIs; `addresses` puts values into their addresses.

mod addresses;
pub mod calls;
pub mod changes;
pub mod hunting;

use std::sync::atomic::{AtomicBool, Ordering};

use relay_core::api::Caller;
use relay_core::call::{ALL_CALLS, Call};
use relay_core::error::{Code, Error};
use relay_core::escape::UrlBuilder;
use relay_core::provider::{Answer, Auth, Failure, Quota, Rate, Rejection, Request};
use serde::de::DeserializeOwned;
use url::Url;

use crate::Defender;
use crate::credentials::Account;
use crate::module::TITLE;
use crate::settings::Api;

static POLICY: relay_core::api::Api = relay_core::api::Api::new(TITLE);

/// One of the provider's APIs: each has a quota and a permission of its own.
#[derive(Debug)]
pub struct Kind {
    /// In metrics and logs; also what is stopped when the quota is used up.
    name: &'static str,
    /// The permission that an administrator has to consent to.
    permission: &'static str,
    rate: Rate,
}

/// The usual quota of an API: 100 calls a minute, 1500 an hour.
const USUAL: &[Quota] = &[Quota::per_minute(100), Quota::per_hour(1500)];
/// That of advanced hunting.
const OF_HUNTING: &[Quota] = &[Quota::per_minute(45), Quota::per_hour(1500)];
/// That of automated investigations.
const OF_INVESTIGATIONS: &[Quota] = &[Quota::per_minute(100), Quota::per_hour(50)];

const fn kind(
    name: &'static str,
    api: &'static str,
    permission: &'static str,
    quotas: &'static [Quota],
) -> Kind {
    Kind { name, permission, rate: Rate { name: api, whose: "the tenant", quotas } }
}

static SCORE: Kind = kind("score", "calls for the exposure score", "Score.Read.All", USUAL);
static ALERT_LIST: Kind = kind("alerts", "calls for lists of alerts", "Alert.Read.All", USUAL);
static FILE_ALERTS: Kind = kind("alerts", "calls for alerts of files", "Alert.Read.All", USUAL);
static ADDRESS_ALERTS: Kind = kind("alerts", "calls for alerts of addresses", "Alert.Read.All", USUAL);
static DOMAIN_ALERTS: Kind = kind("alerts", "calls for alerts of domains", "Alert.ReadWrite.All", USUAL);
static ALERT: Kind = kind("alert", "calls for single alerts", "Alert.Read.All", USUAL);
static FILES: Kind = kind("files", "calls for files", "File.Read.All", USUAL);
static MACHINES: Kind = kind("machines", "calls for devices", "Machine.Read.All", USUAL);
static DEFENDER_HUNTING: Kind = kind("hunting", "hunting queries", "AdvancedQuery.Read.All", OF_HUNTING);
static GRAPH_HUNTING: Kind = kind(
    "graph_hunting",
    "hunting queries of Microsoft Graph",
    "ThreatHunting.Read.All of Microsoft Graph",
    OF_HUNTING,
);
static INDICATORS: Kind =
    kind("indicators", "calls for indicators", "Ti.ReadWrite or Ti.ReadWrite.All", USUAL);
static MACHINE_ACTIONS: Kind =
    kind("machine_actions", "calls for actions of devices", "Machine.Read.All", USUAL);
static ISOLATION: Kind = kind("action", "isolations", "Machine.Isolate", USUAL);
static RESTRICTION: Kind = kind("action", "restrictions", "Machine.RestrictExecution", USUAL);
static SCAN: Kind = kind("action", "scans", "Machine.Scan", USUAL);
static PACKAGE: Kind = kind("action", "investigation packages", "Machine.CollectForensics", USUAL);
static INVESTIGATION: Kind = kind("action", "investigations", "Alert.ReadWrite.All", OF_INVESTIGATIONS);
static INDICATOR_CHANGE: Kind =
    kind("indicator_change", "indicator changes", "Ti.ReadWrite or Ti.ReadWrite.All", USUAL);

/// The calls of one platform request.
pub struct Ask<'r> {
    /// The relay.
    pub relay: &'r Defender,
    /// The request.
    pub call: &'r Call<Account>,
    /// Whether any call got an answer: then the credentials are good.
    succeeded: AtomicBool,
}

impl<'r> Ask<'r> {
    /// For a request.
    pub fn new(relay: &'r Defender, call: &'r Call<Account>) -> Self {
        Self { relay, call, succeeded: AtomicBool::new(false) }
    }

    /// Whether any call of this request succeeded so far.
    pub fn any_success(&self) -> bool {
        self.succeeded.load(Ordering::Relaxed)
    }

    /// The base of the API's addresses.
    fn base(&self) -> &'r Url {
        &self.relay.settings.api.url
    }

    /// An address of the API, to be completed with constants.
    fn api(&self) -> UrlBuilder {
        UrlBuilder::new(self.base())
    }

    /// The calls of an API, with its access tokens.
    fn caller(&self, api: &Api) -> Caller<'r> {
        let application = &self.call.credentials.application;
        let token = Auth::Token(application.token_source(&self.relay.settings.login, &api.scope));
        self.relay.client.api(&POLICY, self.call, token)
    }

    /// A call of the API that reads.
    fn get(&self, kind: &'static Kind, url: Url) -> Request<'r> {
        self.caller(&self.relay.settings.api).get(kind.name, url)
    }

    /// Makes a call.
    async fn send(&self, kind: &'static Kind, request: Request<'_>) -> Result<Answer, Failure> {
        // Boxed, so that what is built from several calls stays small.
        let outcome = Box::pin(request.kind(kind.name).rate(&kind.rate).send()).await;
        match &outcome {
            Ok(_) => self.succeeded.store(true, Ordering::Relaxed),
            Err(failure) => self.note(kind, failure),
        }
        outcome
    }

    /// Makes a call and reads its answer.
    async fn read<T: DeserializeOwned>(
        &self,
        kind: &'static Kind,
        request: Request<'_>,
    ) -> Result<T, Failure> {
        self.send(kind, request).await?.json()
    }

    /// Stops calls that can only fail the same way.
    fn note(&self, kind: &'static Kind, failure: &Failure) {
        let error = error(kind, failure);
        match failure {
            Failure::Login(_) | Failure::Rejected(Rejection { status: 401, .. }) => {
                self.call.stop(ALL_CALLS, &error);
            }
            Failure::Rejected(Rejection { status: 429, .. }) => self.call.stop(kind.name, &error),
            _ => {}
        }
    }
}

/// The error of a failed call.
fn error(kind: &Kind, failure: &Failure) -> Error {
    let words = failure.rejection().and_then(words);
    match failure {
        Failure::Rejected(rejection) if rejection.status == 403 => Error::fatal(
            Code::PERMISSION_DENIED,
            format!(
                "{TITLE} does not permit the call; an administrator has to grant the application the permission \
                 {} ({})",
                kind.permission,
                words.unwrap_or_else(|| rejection.reason())
            ),
        ),
        other => other.to_error(TITLE, words.as_deref()),
    }
}

/// What the provider says itself: code and message, or whatever text there is.
fn words(rejection: &Rejection) -> Option<String> {
    let message = rejection.text_at(&["/error/message", "/error"]);
    match (rejection.text_at(&["/error/code"]), message) {
        (Some(code), Some(message)) => Some(format!("{code}: {message}")),
        (code, message) => code.or(message).or_else(|| rejection.plain_text()),
    }
}

/// Whether a failure says no more than that there is nothing.
fn is_nothing(failure: &Failure) -> bool {
    matches!(failure.status(), Some(400 | 404 | 410))
}

/// A finished address. Values are checked before they become part of one, so there always is one.
fn address(url: UrlBuilder) -> Result<Url, Failure> {
    url.build().ok_or_else(|| Failure::Unreadable("the value cannot be part of an address".to_owned()))
}
