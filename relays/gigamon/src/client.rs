//! The named calls of the three APIs, and what their failures mean. Each yields an answer or nothing (the provider
//! knows nothing, or nothing yet).
//!
//! Public descriptions: <https://docs.fortinet.com/document/fortindr-cloud/latest/fnc-python-library/804389>, and
//! for the event search its query language
//! (<https://docs.fortinet.com/document/fortindr-cloud/2024.10.0/user-guide/223914>).

use relay_core::api::{Api, Caller};
use relay_core::call::{ALL_CALLS, Call, RequestContext};
use relay_core::ctim::Timestamp;
use relay_core::error::{Error, Severity};
use relay_core::escape::UrlBuilder;
use relay_core::lenient::LenientValue;
use relay_core::provider::{Answer, Auth, Failure, HeaderName, Request};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::Gigamon;
use crate::account::Account;
use crate::model::{
    DetectionPage, Event, EventPage, Lease, List, Rule, RuleAnswer, SearchPage, Summary, SummaryAnswer,
    TrackingAnswer,
};
use crate::module::TITLE;
use crate::subject::Subject;

static API: Api = Api::new(TITLE);

/// What the provider knows, if anything.
pub(crate) type Known<T> = Result<Option<T>, Failure>;

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

/// One small call: proves address, token and the right to detections. Here a 404 means a wrong address.
pub(crate) async fn health(relay: &Gigamon, call: &Call<Account>) -> Result<(), Error> {
    let url = detections_url(relay, call).param("status", "active").param("limit", 1);
    let url = accounted(url, call);
    let known: Known<DetectionPage> =
        fetch_or_absent(call, url.build(), |url| api(relay, call).get("health", url)).await;
    known.map(drop).map_err(|failure| error(&failure))
}

/// A page of active detections, newest first, with the rules that opened them.
pub(crate) async fn detections(
    relay: &Gigamon,
    call: &Call<Account>,
    role: Role,
    subject: &Subject,
    page: Page,
) -> Known<DetectionPage> {
    let (name, parameter) = match role {
        Role::Indicator => ("detections", "indicator_value"),
        Role::Device => ("device_detections", "device_ip"),
    };
    let url = detections_url(relay, call)
        .param(parameter, subject.value())
        .param("status", "active")
        .param("include", "indicators")
        .param("include", "rules")
        .param("sort_by", "last_seen")
        .param("sort_order", "desc")
        .param("limit", page.limit)
        .param("offset", page.offset);
    let url = accounted(url, call);
    let known: Known<DetectionPage> =
        fetch(call, url.build(), |url| api(relay, call).get(name, url).cached()).await;
    stopping(call, known)
}

/// A rule that came with no detection.
pub(crate) async fn rule(relay: &Gigamon, call: &Call<Account>, uuid: &str) -> Known<Rule> {
    let url = UrlBuilder::new(&relay.site(call).detections).path("v1/rules").segment(uuid);
    let url = accounted(url, call);
    let known: Known<RuleAnswer> =
        fetch(call, url.build(), |url| api(relay, call).get("rule", url).cached()).await;
    Ok(known?.map(|answer| answer.rule))
}

/// A page of a detection's events, and how many there are on all pages where the provider says.
pub(crate) async fn detection_events(
    relay: &Gigamon,
    call: &Call<Account>,
    detection: &str,
    page: Page,
) -> Known<(List<Event>, Option<i64>)> {
    let name = "detection_events";
    let url = UrlBuilder::new(&relay.site(call).detections)
        .path("v1/events")
        .param("detection_uuid", detection)
        .param("limit", page.limit)
        .param("offset", page.offset);
    let url = accounted(url, call);
    let known: Known<EventPage> =
        fetch(call, url.build(), |url| api(relay, call).get(name, url).cached()).await;
    Ok(known?.map(|page| {
        let total = page.total_count;
        let events = page.into_events();
        (events, total)
    }))
}

/// The newest events of a stretch of time. Slow answers are normal here, so only the request's time bounds it.
pub(crate) async fn search(
    relay: &Gigamon,
    call: &Call<Account>,
    events: &Url,
    body: &SearchBody<'_>,
) -> Known<SearchPage> {
    let name = "event_search";
    let url = UrlBuilder::new(events).path("v2/query").build();
    let known: Known<SearchPage> = fetch_or_absent(call, url, |url| {
        // Not cached: it asks for the time until now, so no two are equal.
        api(relay, call).post(name, url).json(body).repeatable().timeout(call.time_allowed())
    })
    .await;
    stopping(call, known)
}

/// Whether a failed search means that there is no such service.
pub(crate) fn is_absent(failure: &Failure) -> bool {
    matches!(failure.status(), Some(404 | 410)) || failure.is_unknown_host()
}

/// Who had some addresses at some times. Never asked about none: the provider takes that for a mistake.
pub(crate) async fn leases(relay: &Gigamon, call: &Call<Account>, devices: &[Tracked]) -> Known<Vec<Lease>> {
    #[derive(Serialize)]
    struct Body<'b> {
        entities: &'b [Tracked],
    }
    let url = UrlBuilder::new(&relay.site(call).entity).path("v2/entity/tracking/bulk/get/ip").build();
    let Some(url) = url else { return Ok(None) };
    let request =
        api(relay, call).post("tracking", url).json(&Body { entities: devices }).repeatable().cached();
    // It comes last, so it has all the time that is left.
    let known: Known<TrackingAnswer> = read(request.send().await);
    Ok(nothing_at_404(known)?.map(|answer| answer.response.dhcp))
}

/// When and how often a value was seen in the network.
pub(crate) async fn summary(relay: &Gigamon, call: &Call<Account>, subject: &Subject) -> Known<Summary> {
    let url = UrlBuilder::new(&relay.site(call).entity).path("v1/entity").segment(subject.value());
    let url = match subject.entity_type() {
        Some(kind) => accounted(url.path("summary").param("entity_type", kind), call),
        None => url.path("file"),
    };
    let known: Known<SummaryAnswer> =
        fetch(call, url.build(), |url| api(relay, call).get("summary", url).cached()).await;
    Ok(known?.and_then(SummaryAnswer::into_summary))
}

fn detections_url(relay: &Gigamon, call: &Call<Account>) -> UrlBuilder {
    UrlBuilder::new(&relay.site(call).detections).path("v1/detections")
}

/// Restricts a call to the account that the token names.
fn accounted(url: UrlBuilder, call: &Call<Account>) -> UrlBuilder {
    match &call.credentials.uuid {
        Some(account) => url.param("account_uuid", account),
        None => url,
    }
}

fn api<'r>(relay: &'r Gigamon, call: &'r Call<Account>) -> Caller<'r> {
    let auth = Auth::Header {
        name: HeaderName::from_static("authorization"),
        prefix: "IBToken ",
        value: call.credentials.token.clone(),
    };
    relay.client.api(&API, call, auth)
}

/// Until when all but the last step may take: what is left then is enough to name the devices of the events found.
fn early_end(context: &RequestContext) -> Instant {
    const LAST_STEP: u32 = 10;
    context.deadline().checked_sub(context.time_allowed() / LAST_STEP).unwrap_or_else(|| context.deadline())
}

/// Makes a call whose 404 means that there is nothing. No URL: nothing can be asked.
async fn fetch<'r, T: for<'a> LenientValue<'a>>(
    call: &Call<Account>,
    url: Option<Url>,
    request: impl FnOnce(Url) -> Request<'r>,
) -> Known<T> {
    nothing_at_404(fetch_or_absent(call, url, request).await)
}

/// As [`fetch`], for a call whose 404 means something else.
async fn fetch_or_absent<'r, T: for<'a> LenientValue<'a>>(
    call: &Call<Account>,
    url: Option<Url>,
    request: impl FnOnce(Url) -> Request<'r>,
) -> Known<T> {
    let Some(url) = url else { return Ok(None) };
    let outcome = timeout_at(early_end(call), request(url).send()).await;
    read(outcome.unwrap_or_else(|_| Err(Failure::Deadline(call.out_of_time()))))
}

/// "Accepted" and "no content" say that there is nothing, or nothing yet.
fn read<T: for<'a> LenientValue<'a>>(outcome: Result<Answer, Failure>) -> Known<T> {
    let answer = outcome?;
    if matches!(answer.status(), 202 | 204) { Ok(None) } else { answer.object().map(Some) }
}

fn nothing_at_404<T>(known: Known<T>) -> Known<T> {
    match known {
        Err(failure) if failure.status() == Some(404) => Ok(None),
        known => known,
    }
}

/// Without a valid token or the right to the main calls, no further call can succeed.
fn stopping<T>(call: &Call<Account>, known: Known<T>) -> Known<T> {
    if let Err(failure) = &known
        && is_refusal(failure)
    {
        call.stop(ALL_CALLS, &error(failure));
    }
    known
}

/// Whether a failure says that the token is not valid, or not for this.
pub(crate) fn is_refusal(failure: &Failure) -> bool {
    matches!(failure.status(), Some(401 | 403))
}

/// The error of a failed call. The provider's own words are in `error.message` of its body.
pub(crate) fn error(failure: &Failure) -> Error {
    let words = match failure {
        Failure::Rejected(rejection) => rejection.text_at(&["/error/message"]),
        _ => None,
    };
    match failure {
        Failure::Rejected(rejection) if rejection.status == 401 => {
            Error::authorization(words.unwrap_or_else(|| rejection.reason()))
        }
        other => other.to_error(TITLE, words.as_deref()),
    }
}

/// The same as a note that the answer is incomplete, and what is missing. Where the request itself came to its end,
/// that is told instead, once.
pub(crate) fn warning(failure: &Failure, missing: &str) -> Error {
    match failure {
        Failure::Stopped(error) => error.clone(),
        Failure::Deadline(error) => error.clone().with_severity(Severity::Warning),
        other => error(other).with_severity(Severity::Warning).with_note(missing),
    }
}
