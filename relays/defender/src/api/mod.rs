//! Calls of the Defender for Endpoint API for one platform request, and what their failures mean.
//!
//! [`read`] has the calls that read, [`listings`] and [`counts`] those that tiles count, [`indicators`] those about
//! custom indicators, [`actions`] those for response actions, [`hunting`] is advanced hunting by either of its two APIs; [`failures`] says what failures mean, and
//! [`urls`] puts values into addresses.

pub mod actions;
pub mod counts;
pub mod failures;
pub mod hunting;
pub mod indicators;
pub mod listings;
pub mod read;
pub mod urls;

use std::sync::atomic::{AtomicBool, Ordering};

use relay_core::api::{Api, Caller};
use relay_core::call::Call;
use relay_core::escape::UrlBuilder;
use relay_core::lenient::LenientValue;
use relay_core::provider::{Auth, Failure, Quota, Rate, Rejection, Request};
use url::Url;

use crate::Defender;
use crate::credentials::Account;
use crate::module::TITLE;
use crate::settings::Endpoint;

/// Which calls are stopped by a failure depends on the kind of call: see [`DefenderApi::note`].
pub(crate) static POLICY: Api = Api { stops: &[], word_code: Some("/error/code"), ..Api::new(TITLE) };

/// One of the provider's APIs: each has a quota and a permission of its own.
#[derive(Debug)]
pub struct ApiKind {
    /// In metrics and logs; also what is stopped when the quota is used up.
    name: &'static str,
    /// What it is for, in words for the user.
    subject: &'static str,
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
    subject: &'static str,
    permission: &'static str,
    calls: &'static str,
    quotas: &'static [Quota],
) -> ApiKind {
    ApiKind { name, subject, permission, rate: Rate { name: calls, holder: "the tenant", quotas } }
}

/// APIs with the usual quota: name, subject, permission.
macro_rules! reading {
    ($($api:ident: $name:literal, $subject:literal, $permission:expr;)*) => {
        $(static $api: ApiKind = kind($name, $subject, $permission, concat!("calls for ", $subject), USUAL);)*
    };
}

const ALERTS_READ: &str = "Alert.Read.All";
const FILES_READ: &str = "File.Read.All";
const MACHINES_READ: &str = "Machine.Read.All";
const INDICATORS_CHANGED: &str = "Ti.ReadWrite or Ti.ReadWrite.All";

reading! {
    SCORE: "score", "the exposure score", "Score.Read.All";
    ALERT_LIST: "alert_list", "the list of alerts", ALERTS_READ;
    ALERT: "alert", "single alerts", ALERTS_READ;
    FILE_ALERTS: "alerts", "alerts of files", ALERTS_READ;
    ADDRESS_ALERTS: "alerts", "alerts of addresses", ALERTS_READ;
    DOMAIN_ALERTS: "alerts", "alerts of domains", "Alert.Read.All, or Alert.ReadWrite.All,";
    MACHINE_ALERTS: "alerts", "alerts of devices", ALERTS_READ;
    USER_ALERTS: "alerts", "alerts of accounts", ALERTS_READ;
    FILES: "files", "files", FILES_READ;
    FILE_STATS: "file_stats", "prevalence of files", FILES_READ;
    DOMAIN_STATS: "domain_stats", "prevalence of domains", "URL.Read.All";
    ADDRESS_STATS: "address_stats", "prevalence of addresses", "Ip.Read.All";
    FILE_MACHINES: "file_machines", "devices of files", MACHINES_READ;
    MACHINES: "machines", "devices", MACHINES_READ;
    MACHINE_LIST: "machines", "the list of devices", MACHINES_READ;
    MACHINES_BY_ADDRESS: "machines", "devices of addresses", MACHINES_READ;
    INDICATORS: "indicators", "custom indicators", INDICATORS_CHANGED;
    AVAILABLE_ACTIONS: "machine_actions", "actions that a device allows", MACHINES_READ;
    ACTION_HISTORY: "machine_actions", "actions taken on a device", MACHINES_READ;
    ALL_ACTIONS: "machine_actions", "actions of all devices", MACHINES_READ;
}

static DEFENDER_HUNTING: ApiKind =
    kind("hunting", "advanced hunting", "AdvancedQuery.Read.All", "hunting queries", OF_HUNTING);
static GRAPH_HUNTING: ApiKind = kind(
    "graph_hunting",
    "advanced hunting by Microsoft Graph",
    "ThreatHunting.Read.All of Microsoft Graph",
    "hunting queries of Microsoft Graph",
    OF_HUNTING,
);
static ISOLATION: ApiKind = kind("action", "isolation", "Machine.Isolate", "isolations", USUAL);
static RESTRICTION: ApiKind =
    kind("action", "restriction", "Machine.RestrictExecution", "restrictions", USUAL);
static SCAN: ApiKind = kind("action", "antivirus scans", "Machine.Scan", "antivirus scans", USUAL);
static PACKAGE: ApiKind =
    kind("action", "investigation packages", "Machine.CollectForensics", "investigation packages", USUAL);
static INVESTIGATION: ApiKind = kind(
    "action",
    "automated investigations",
    "Alert.ReadWrite.All",
    "automated investigations",
    OF_INVESTIGATIONS,
);
static QUARANTINE: ApiKind =
    kind("action", "quarantine of files", "Machine.StopAndQuarantine", "quarantines of files", USUAL);
static CANCELLATION: ApiKind = kind(
    "action",
    "cancellation of actions",
    "of the action that is cancelled",
    "cancellations of actions",
    USUAL,
);
static INDICATOR_CHANGE: ApiKind = kind(
    "indicator_change",
    "changes of custom indicators",
    INDICATORS_CHANGED,
    "changes of custom indicators",
    USUAL,
);

/// The calls of one platform request.
pub struct DefenderApi<'r> {
    /// The relay.
    pub relay: &'r Defender,
    /// The request.
    pub call: &'r Call<Account>,
    /// Whether any call got an answer: then the credentials are good.
    succeeded: AtomicBool,
}

impl<'r> DefenderApi<'r> {
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
    fn url(&self) -> UrlBuilder {
        UrlBuilder::new(self.base())
    }

    /// The calls of an API, with its access tokens.
    fn caller(&self, api: &Endpoint) -> Caller<'r> {
        let application = &self.call.credentials.application;
        let token = Auth::Token(application.token_source(&self.relay.settings.login, &api.scope));
        self.relay.client.api(&POLICY, self.call, token)
    }

    /// A call of the API that reads.
    fn get(&self, kind: &'static ApiKind, url: UrlBuilder) -> Request<'r> {
        self.caller(&self.relay.settings.api).get(kind.name, url.build())
    }

    /// Makes a call and reads its answer; nothing where the provider knows nothing.
    async fn read<T: for<'a> LenientValue<'a>>(
        &self,
        kind: &'static ApiKind,
        request: Request<'_>,
    ) -> Result<Option<T>, Failure> {
        // Boxed, so that what is built from several calls stays small.
        let outcome = Box::pin(request.kind(kind.name).rate(&kind.rate).read()).await;
        self.note(kind, outcome)
    }

    /// Stops calls that can only fail the same way: after a refused token and after a used-up quota, those of the
    /// same kind.
    fn note<T>(&self, kind: &'static ApiKind, outcome: Result<T, Failure>) -> Result<T, Failure> {
        match &outcome {
            Ok(_) => self.succeeded.store(true, Ordering::Relaxed),
            Err(failure @ Failure::Rejected(Rejection { status: 401 | 429, .. })) => {
                self.call.stop(kind.name, &failures::error(kind, failure));
            }
            Err(_) => {}
        }
        outcome
    }
}
