//! The calls of the API (<https://learn.microsoft.com/en-us/graph/api/resources/security-api-overview>): their
//! addresses, and what their refusals mean.

mod pages;
mod partial;

use std::time::Duration;

use relay_core::api::{Api, Caller};
use relay_core::call::Call;
use relay_core::error::{Code, Error};
use relay_core::escape::{UrlBuilder, segment};
use relay_core::lenient::{LenientValue, List};
use relay_core::provider::{Answer, Auth, Failure, Quota, Rate, Request};
use url::Url;

pub(crate) use pages::{Page, Pages};

use crate::Graph;
use crate::credentials::GraphCredentials;
use crate::mapping::value::address;
use crate::model::hunting::{Question, Row};
use crate::model::intelligence::Report;
use crate::model::{batch, hunting, v2};
use crate::module::{SERVICE_UNAVAILABLE, TITLE};

/// Both alert APIs together: the limit is documented for `alerts`, and nothing else for its successor.
static ALERTS: Rate =
    Rate { name: "calls for alerts", whose: "the tenant", quotas: &[Quota::per_minute(150)] };
static HUNTING: Rate =
    Rate { name: "hunting queries", whose: "the tenant", quotas: &[Quota::per_minute(45)] };

/// A hunting query may run this long.
const HUNTING_TIME: Duration = Duration::from_secs(60);

/// Without it, newer words of the API's vocabularies all arrive as `unknownFutureValue`.
const NEWER_WORDS: &str = "include-unknown-enum-members";

/// Where hosts are.
const HOSTS: &str = "security/threatIntelligence/hosts";

/// Requests in one batch, at most.
pub(crate) const BATCH: usize = 20;

/// What refusals mean where a permission decides.
macro_rules! meaning {
    ($permission:literal) => {
        &[
            (
                403,
                Code::PERMISSION_DENIED,
                concat!(
                    "Microsoft Graph Security does not permit the call; an administrator has to grant the \
                     application the permission ",
                    $permission,
                    " and consent to it, and the tenant needs a license for the product"
                ),
            ),
            (410, Code::NOT_FOUND, "Microsoft Graph Security no longer serves this address"),
            (502, SERVICE_UNAVAILABLE, "Microsoft Graph Security is not available"),
            (503, SERVICE_UNAVAILABLE, "Microsoft Graph Security is not available"),
            (504, SERVICE_UNAVAILABLE, "Microsoft Graph Security is not available"),
        ]
    };
}

const POLICY: Api = Api {
    words: &["/error/message", "/error/code"],
    // Each caller says what a missing thing means to it.
    absent: &[],
    ..Api::new(TITLE)
};

static LEGACY_API: Api = Api { meaning: meaning!("SecurityEvents.Read.All"), ..POLICY };
static V2_API: Api = Api { meaning: meaning!("SecurityAlert.Read.All"), ..POLICY };
/// Reads details, whose failure leaves the rest of the answer as it is.
static DETAILS_API: Api = Api { stops: &[401], meaning: meaning!("SecurityAlert.Read.All"), ..POLICY };
static HUNTING_API: Api = Api { stops: &[401], meaning: meaning!("ThreatHunting.Read.All"), ..POLICY };

/// Asked beside the alerts, which are reported whatever it answers.
static INTELLIGENCE_API: Api = Api { stops: &[], meaning: meaning!("ThreatIntelligence.Read.All"), ..POLICY };

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

/// The error of a failed hunting query.
pub(crate) fn hunting_error(failure: &Failure) -> Error {
    HUNTING_API.error(failure)
}

/// The error of details that could not be read.
pub(crate) fn details_error(failure: &Failure) -> Error {
    DETAILS_API.error(failure)
}

/// The error of a failed call of Threat Intelligence.
pub(crate) fn intelligence_error(failure: &Failure) -> Error {
    INTELLIGENCE_API.error(failure)
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
        let source = call.credentials.0.token_source(&self.settings.login, &self.settings.scope);
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
        let read = answer.and_then(|answer| answer.json::<serde_json::Value>());
        read.map(drop).map_err(|failure| list.error(&failure))
    }

    /// The rows that a hunting query finds in the last days.
    pub(crate) async fn hunt(
        &self,
        call: &Call<GraphCredentials>,
        query: &str,
        days: u32,
    ) -> Result<List<Row>, Failure> {
        let timespan = format!("P{days}D");
        let request =
            self.caller(&HUNTING_API, call).post("hunting", self.url("security/runHuntingQuery").build());
        let request = request.json(&Question { query, timespan: &timespan }).rate(&HUNTING);
        let answer = request.timeout(HUNTING_TIME).repeatable().cached().bulk().outcome().await?;
        let read = |answer: Answer| answer.json::<hunting::Answer>();
        let rows = answer.map(read).transpose()?.and_then(|answer| answer.results);
        rows.ok_or_else(|| Failure::Unreadable("its answer holds no list of results".to_owned()))
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

    /// Many alerts in one call: for each id that can be asked its place and the answer to it, in any order.
    pub(crate) async fn alerts(
        &self,
        call: &Call<GraphCredentials>,
        ids: &[&str],
    ) -> Result<Vec<(usize, batch::Response<v2::Alert>)>, Failure> {
        let of = |(place, id): (usize, &&str)| {
            let url = format!("/security/alerts_v2/{}", segment(id)?);
            let headers = Some(batch::Headers { prefer: NEWER_WORDS });
            Some(batch::Request { id: (place + 1).to_string(), method: "GET", url, headers })
        };
        let requests = ids.iter().enumerate().filter_map(of).collect();
        self.batch(&DETAILS_API, call, "alert_batch", Some(&ALERTS), requests).await
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

    /// Many calls about hosts in one: for each its place and the answer to it, in any order.
    pub(crate) async fn hosts(
        &self,
        call: &Call<GraphCredentials>,
        calls: &[HostCall<'_>],
    ) -> Result<Vec<(usize, batch::Response<Report>)>, Failure> {
        let of = |(place, one): (usize, &HostCall<'_>)| {
            let url = format!("/{HOSTS}/{}/{}", segment(one.host)?, one.last_segment());
            Some(batch::Request { id: (place + 1).to_string(), method: "GET", url, headers: None })
        };
        let requests = calls.iter().enumerate().filter_map(of).collect();
        self.batch(&INTELLIGENCE_API, call, "intelligence_batch", None, requests).await
    }

    async fn batch<B: for<'a> LenientValue<'a>>(
        &self,
        policy: &'static Api,
        call: &Call<GraphCredentials>,
        name: &'static str,
        rate: Option<&'static Rate>,
        requests: Vec<batch::Request>,
    ) -> Result<Vec<(usize, batch::Response<B>)>, Failure> {
        // Each request of the batch counts as a call.
        let calls = u32::try_from(requests.len()).unwrap_or(u32::MAX);
        let body = batch::Requests { requests };
        let mut request = self.caller(policy, call).post(name, self.url("$batch").build()).json(&body);
        if let Some(rate) = rate {
            request = request.rate(rate).weight(calls);
        }
        let answer = request.repeatable().cached().bulk().outcome().await?;
        let read = |answer: Answer| answer.json::<batch::Responses<B>>();
        let responses = answer.map(read).transpose()?.and_then(|answer| answer.responses);
        let responses = responses
            .ok_or_else(|| Failure::Unreadable("its answer holds no list of responses".to_owned()))?;
        let placed = |response: batch::Response<B>| Some((response.id?.0.checked_sub(1)?, response));
        Ok(responses.into_iter().filter_map(placed).collect())
    }
}
