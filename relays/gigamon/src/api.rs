//! The calls of the three APIs: their addresses, and what their refusals mean. Each yields an answer, nothing (the
//! provider knows nothing, or nothing yet), or a failure.
//!
//! Public descriptions: <https://docs.fortinet.com/document/fortindr-cloud/latest/fnc-python-library/804389>, and
//! for the event search its query language
//! (<https://docs.fortinet.com/document/fortindr-cloud/2024.10.0/user-guide/223914>).

use relay_core::api::{Api, Caller};
use relay_core::call::{Call, RequestContext};
use relay_core::ctim::Timestamp;
use relay_core::error::{Code, Error, Severity};
use relay_core::escape::UrlBuilder;
use relay_core::lenient::{LenientValue, List};
use relay_core::provider::{Auth, Failure, HeaderName, Request};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::Gigamon;
use crate::credentials::ApiToken;
use crate::model::{
    DetectionPage, Event, EventPage, Lease, Rule, RuleAnswer, SearchPage, Subject, Summary, SummaryAnswer,
    TrackingAnswer,
};
use crate::module::TITLE;

/// Without a valid token or the right to these calls, no further call can succeed.
static API: Api = api(&[401, 403]);
/// Calls that only add details: a token may lack the right to them alone.
static DETAILS: Api = api(&[]);

const fn api(stops: &'static [u16]) -> Api {
    Api {
        words: &["/error/message"],
        // "Accepted" and "no content" say that there is nothing, or nothing yet.
        absent: &[202, 204, 404],
        stops,
        meaning: &[(401, Code::AUTHORIZATION, "")],
        ..Api::new(TITLE)
    }
}

/// For a call whose 404 means something else: that its address is wrong, or that there is no such service.
const NO_DATA: &[u16] = &[202, 204];

/// By what detections are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The value is among their indicators.
    Indicator,
    /// The address is the device's.
    Device,
}

/// A part of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// How many items at most, 100 to 1000.
    pub(crate) limit: usize,
    /// How many items to skip.
    pub(crate) offset: usize,
}

/// What the event search is asked.
#[derive(Serialize)]
pub(crate) struct SearchBody<'q> {
    query: &'q str,
    start_date: Timestamp,
    end_date: Timestamp,
    limit: usize,
}

impl<'q> SearchBody<'q> {
    /// The newest `limit` events that a query finds from a moment until before another.
    pub(crate) fn new(query: &'q str, start: Timestamp, end: Timestamp, limit: usize) -> Self {
        Self { query, start_date: start, end_date: end, limit }
    }
}

/// A device whose name is wanted, and when it was seen.
#[derive(Serialize)]
pub(crate) struct Tracked {
    pub(crate) ip: String,
    #[serde(rename = "event_time")]
    pub(crate) at: Timestamp,
}

impl Gigamon {
    /// One small call: proves address, token and the right to detections.
    pub(crate) async fn probe(&self, call: &Call<ApiToken>) -> Result<(), Error> {
        let url = self.detections_url(call).param("status", "active").param("limit", 1);
        let request = self.api(call).get("health", accounted(url, call).build()).absent(NO_DATA);
        request.fetch::<DetectionPage>().await.map(drop)
    }

    /// A page of active detections, newest first, with the rules that opened them.
    pub(crate) async fn detections(
        &self,
        call: &Call<ApiToken>,
        role: Role,
        subject: &Subject,
        page: Page,
    ) -> Result<Option<DetectionPage>, Failure> {
        let (name, parameter) = match role {
            Role::Indicator => ("detections", "indicator_value"),
            Role::Device => ("device_detections", "device_ip"),
        };
        let url = self
            .detections_url(call)
            .param(parameter, subject.value())
            .param("status", "active")
            .param("include", "indicators")
            .param("include", "rules")
            .param("sort_by", "last_seen")
            .param("sort_order", "desc")
            .param("limit", page.limit)
            .param("offset", page.offset);
        in_time(call, self.api(call).get(name, accounted(url, call).build()).cached()).await
    }

    /// A rule that came with no detection.
    pub(crate) async fn rule(&self, call: &Call<ApiToken>, uuid: &str) -> Result<Option<Rule>, Failure> {
        let url = UrlBuilder::new(&self.site(call).detections).path("v1/rules").segment(uuid);
        let request = self.details(call).get("rule", accounted(url, call).build()).cached();
        let answer: Option<RuleAnswer> = in_time(call, request).await?;
        Ok(answer.map(|answer| answer.rule))
    }

    /// A page of a detection's events, and how many there are on all pages where the provider says.
    pub(crate) async fn detection_events(
        &self,
        call: &Call<ApiToken>,
        detection: &str,
        page: Page,
    ) -> Result<Option<(List<Event>, Option<i64>)>, Failure> {
        let url = UrlBuilder::new(&self.site(call).detections)
            .path("v1/events")
            .param("detection_uuid", detection)
            .param("limit", page.limit)
            .param("offset", page.offset);
        let request = self.details(call).get("detection_events", accounted(url, call).build()).cached();
        let page: Option<EventPage> = in_time(call, request).await?;
        Ok(page.map(|page| {
            let total = page.total_count;
            (page.into_events(), total)
        }))
    }

    /// The newest events of a stretch of time. Slow answers are normal here, so only the request's time bounds it.
    pub(crate) async fn search(
        &self,
        call: &Call<ApiToken>,
        events: &Url,
        body: &SearchBody<'_>,
    ) -> Result<Option<SearchPage>, Failure> {
        let url = UrlBuilder::new(events).path("v2/query").build();
        // Not cached: it asks for the time until now, so no two are equal.
        let request = self.api(call).post("event_search", url).json(body).repeatable();
        in_time(call, request.timeout(call.time_allowed()).absent(NO_DATA)).await
    }

    /// Who had some addresses at some times. Never asked about none: the provider takes that for a mistake.
    pub(crate) async fn leases(
        &self,
        call: &Call<ApiToken>,
        devices: &[Tracked],
    ) -> Result<Vec<Lease>, Failure> {
        #[derive(Serialize)]
        struct Body<'b> {
            entities: &'b [Tracked],
        }
        let url = UrlBuilder::new(&self.site(call).entity).path("v2/entity/tracking/bulk/get/ip");
        let request = self.details(call).post("tracking", url.build()).json(&Body { entities: devices });
        // It comes last, so it has all the time that is left.
        let answer: Option<TrackingAnswer> = request.repeatable().cached().read().await?;
        Ok(answer.map(|answer| answer.response.dhcp).unwrap_or_default())
    }

    /// When and how often a value was seen in the network.
    pub(crate) async fn summary(
        &self,
        call: &Call<ApiToken>,
        subject: &Subject,
    ) -> Result<Option<Summary>, Failure> {
        let url = UrlBuilder::new(&self.site(call).entity).path("v1/entity").segment(subject.value());
        let url = match subject.entity_type() {
            Some(kind) => accounted(url.path("summary").param("entity_type", kind), call),
            None => url.path("file"),
        };
        let answer = in_time(call, self.details(call).get("summary", url.build()).cached()).await?;
        Ok(answer.and_then(SummaryAnswer::into_summary))
    }

    fn detections_url(&self, call: &Call<ApiToken>) -> UrlBuilder {
        UrlBuilder::new(&self.site(call).detections).path("v1/detections")
    }

    fn api<'r>(&'r self, call: &'r Call<ApiToken>) -> Caller<'r> {
        self.client.api(&API, call, auth(call))
    }

    fn details<'r>(&'r self, call: &'r Call<ApiToken>) -> Caller<'r> {
        self.client.api(&DETAILS, call, auth(call))
    }
}

fn auth(call: &Call<ApiToken>) -> Auth {
    Auth::Header {
        name: HeaderName::from_static("authorization"),
        prefix: "IBToken ",
        value: call.credentials.token.clone(),
    }
}

/// Restricts a call to the account that the token names.
fn accounted(url: UrlBuilder, call: &Call<ApiToken>) -> UrlBuilder {
    match &call.credentials.account {
        Some(account) => url.param("account_uuid", account),
        None => url,
    }
}

/// Makes a call that must leave time for the last step: what is left then is enough to name the devices of the
/// events found.
async fn in_time<T: for<'a> LenientValue<'a>>(
    context: &RequestContext,
    request: Request<'_>,
) -> Result<Option<T>, Failure> {
    const LAST_STEP: u32 = 10;
    let end = context.deadline().checked_sub(context.time_allowed() / LAST_STEP).unwrap_or_else(Instant::now);
    timeout_at(end, request.read()).await.unwrap_or_else(|_| Err(Failure::Deadline(context.out_of_time())))
}

/// Whether a failed search means that there is no such service.
pub(crate) fn is_absent(failure: &Failure) -> bool {
    matches!(failure.status(), Some(404 | 410)) || failure.is_unknown_host()
}

/// Whether a failure says that the token is not valid, or not for this.
pub(crate) fn is_refusal(failure: &Failure) -> bool {
    matches!(failure.status(), Some(401 | 403))
}

/// The error of a failed call.
pub(crate) fn error(failure: &Failure) -> Error {
    API.error(failure)
}

/// The same as a note that the answer is incomplete, and what is missing. If the request itself ended, that is
/// reported instead, once.
pub(crate) fn warning(failure: &Failure, missing: &str) -> Error {
    match failure {
        Failure::Stopped(error) => error.clone(),
        Failure::Deadline(error) => error.clone().with_severity(Severity::Warning),
        other => error(other).with_severity(Severity::Warning).with_note(missing),
    }
}
