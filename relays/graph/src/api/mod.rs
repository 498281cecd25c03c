//! The calls of the API (<https://learn.microsoft.com/en-us/graph/api/resources/security-api-overview>): their
//! addresses, and what their refusals mean.

pub(crate) mod accounts;
mod batches;
mod incidents;
mod pages;
mod partial;
mod policy;

use std::time::Duration;

use relay_core::api::{Api, Caller};
use relay_core::call::Call;
use relay_core::error::Error;
use relay_core::escape::UrlBuilder;
use relay_core::lenient::List;
use relay_core::provider::{Answer, Auth, Failure, Quota, Rate, Request};
use url::Url;

pub(crate) use batches::BATCH;
pub(crate) use pages::{Page, Pages};
pub(crate) use policy::{LOGIN_API, details_error, hunting_error, intelligence_error};

use policy::{DETAILS_API, HUNTING_API, INTELLIGENCE_API, LEGACY_API, V2_API};

use crate::Graph;
use crate::credentials::GraphCredentials;
use crate::mapping::value::address;
use crate::model::hunting::{Question, Row};
use crate::model::intelligence::Report;
use crate::model::{hunting, v2};

/// Both alert APIs together: the limit is documented for `alerts`, and nothing else for its successor.
static ALERTS: Rate =
    Rate { name: "calls for alerts", holder: "the tenant", quotas: &[Quota::per_minute(150)] };
static HUNTING: Rate =
    Rate { name: "hunting queries", holder: "the tenant", quotas: &[Quota::per_minute(45)] };

/// A hunting query may run this long.
const HUNTING_TIME: Duration = Duration::from_secs(60);

/// Without it, newer words of the API's vocabularies all arrive as `unknownFutureValue`.
const NEWER_WORDS: &str = "include-unknown-enum-members";

/// Where hosts are.
const HOSTS: &str = "security/threatIntelligence/hosts";

/// A list of alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AlertList {
    /// `/security/alerts`
    Legacy,
    /// `/security/alerts_v2`
    V2,
}

impl AlertList {
    fn policy(self) -> &'static Api {
        match self {
            Self::Legacy => &LEGACY_API,
            Self::V2 => &V2_API,
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Legacy => "security/alerts",
            Self::V2 => "security/alerts_v2",
        }
    }

    /// The name of its calls in metrics and logs.
    fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy_alerts",
            Self::V2 => "alerts",
        }
    }

    /// The error of a failed call.
    pub(crate) fn error(self, failure: &Failure) -> Error {
        self.policy().error(failure)
    }
}

/// A call about a host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostCall<'h> {
    /// The host.
    pub(crate) host: &'h str,
    /// Whether it asks for passive DNS, else for the reputation.
    pub(crate) passive_dns: bool,
}

impl<'h> HostCall<'h> {
    /// The calls about a host, in their order.
    pub(crate) fn all(host: &'h str, passive_dns: bool) -> impl Iterator<Item = Self> {
        let dns = passive_dns.then_some(Self { host, passive_dns: true });
        std::iter::once(Self { host, passive_dns: false }).chain(dns)
    }

    fn last_segment(self) -> &'static str {
        match (self.passive_dns, address(self.host)) {
            (false, _) => "reputation",
            (true, None) => "passiveDns",
            (true, Some(_)) => "passiveDnsReverse",
        }
    }
}

/// Whether nothing else of the request can succeed, or the request itself is over.
pub(crate) fn is_final(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::Login(_) | Failure::Deadline(_) | Failure::Stopped(_) | Failure::Certificate(_)
    ) || failure.status() == Some(401)
}

impl Graph {
    fn caller<'r>(&'r self, policy: &'static Api, call: &'r Call<GraphCredentials>) -> Caller<'r> {
        let source = call.credentials.application.token_source(&self.settings.login, &self.settings.scope);
        self.client.api(policy, call, Auth::Token(source))
    }

    fn url(&self, path: &'static str) -> UrlBuilder {
        UrlBuilder::new(&self.settings.api).path(path)
    }

    /// A page of a list of alerts.
    fn list<'r>(
        &'r self,
        call: &'r Call<GraphCredentials>,
        list: AlertList,
        url: Option<Url>,
    ) -> Request<'r> {
        let request = self
            .caller(list.policy(), call)
            .get(list.name(), url)
            .rate(&ALERTS)
            .bulk()
            .keep_header("warning");
        if list == AlertList::V2 { request.header("prefer", NEWER_WORDS) } else { request }
    }

    /// The URL of a list of alerts.
    pub(crate) fn list_url(&self, list: AlertList, filter: Option<&str>, top: usize) -> Option<Url> {
        let mut url = self.url(list.path());
        if let Some(filter) = filter {
            url = url.param("$filter", filter);
        }
        url.param("$top", top).build()
    }

    /// Asks for the least that an API gives: proves address, credentials and permission.
    pub(crate) async fn probe(&self, call: &Call<GraphCredentials>, list: AlertList) -> Result<(), Error> {
        // The older one gives nothing at all where nothing is wanted; the newer one takes no 0.
        let top = usize::from(list != AlertList::Legacy);
        let answer = self.list(call, list, self.list_url(list, None, top)).send().await;
        let read = answer.and_then(|answer| answer.json::<serde::de::IgnoredAny>());
        read.map(drop).map_err(|failure| list.error(&failure))
    }

    /// The rows that a hunting query finds in the last days.
    pub(crate) async fn hunt(
        &self,
        call: &Call<GraphCredentials>,
        query: &str,
        days: u32,
    ) -> Result<List<Row>, Failure> {
        rows(self.hunting(call, query, days).cached()).await
    }

    /// The same for a tile, which keeps what it counted and not the answer.
    pub(crate) async fn hunt_for_tile(
        &self,
        call: &Call<GraphCredentials>,
        query: &str,
        days: u32,
    ) -> Result<List<Row>, Failure> {
        rows(self.hunting(call, query, days)).await
    }

    fn hunting<'r>(&'r self, call: &'r Call<GraphCredentials>, query: &str, days: u32) -> Request<'r> {
        let timespan = format!("P{days}D");
        let request =
            self.caller(&HUNTING_API, call).post("hunting", self.url("security/runHuntingQuery").build());
        let request = request.json(&Question { query, timespan: &timespan }).rate(&HUNTING);
        request.timeout(HUNTING_TIME).repeatable().bulk()
    }

    /// One alert.
    pub(crate) async fn alert(
        &self,
        call: &Call<GraphCredentials>,
        id: &str,
    ) -> Result<Option<v2::Alert>, Failure> {
        let url = self.url(AlertList::V2.path()).segment(id).build();
        let request =
            self.caller(&DETAILS_API, call).get("alert", url).rate(&ALERTS).header("prefer", NEWER_WORDS);
        request.absent(&[404, 410]).cached().read().await
    }

    /// What is known of a host; nothing where it is unknown.
    pub(crate) async fn host(
        &self,
        call: &Call<GraphCredentials>,
        one: HostCall<'_>,
    ) -> Result<Option<Report>, Failure> {
        let url = self.url(HOSTS).segment(one.host).path(one.last_segment()).build();
        self.caller(&INTELLIGENCE_API, call).get("intelligence", url).absent(&[404]).cached().read().await
    }
}

async fn rows(request: Request<'_>) -> Result<List<Row>, Failure> {
    let answer = request.outcome().await?;
    let read = |answer: Answer| answer.json::<hunting::Answer>();
    let rows = answer.map(read).transpose()?.and_then(|answer| answer.results);
    rows.ok_or_else(|| Failure::Unreadable("its answer holds no list of results".to_owned()))
}
