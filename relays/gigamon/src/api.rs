//! The calls of the three APIs: their addresses, and what their refusals mean. Each yields an answer, nothing (the
//! provider knows nothing, or nothing yet), or a failure.
//!
//! Public descriptions: <https://docs.fortinet.com/document/fortindr-cloud/latest/fnc-python-library/804389>, and
//! for the event search its query language
//! (<https://docs.fortinet.com/document/fortindr-cloud/2024.10.0/user-guide/223914>).

use relay_core::api::{Api, Caller};
use relay_core::call::{ALL_CALLS, Call};
use relay_core::ctim::Timestamp;
use relay_core::error::{Code, Error};
use relay_core::escape::UrlBuilder;
use relay_core::lenient::{LenientValue, List};
use relay_core::provider::{Auth, Failure, HeaderName, Request};
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
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

/// For calls with another meaning of 404: a wrong address, or a service that does not exist.
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

/// What the event search is asked: the newest `limit` events that a query finds from a moment until before another.
#[derive(Serialize)]
pub(crate) struct SearchBody<'q> {
    query: &'q str,
    start_date: Timestamp,
    end_date: Timestamp,
    limit: usize,
    order_by: &'static str,
    order: &'static str,
}

impl<'q> SearchBody<'q> {
    pub(crate) fn new(query: &'q str, start: Timestamp, end: Timestamp, limit: usize) -> Self {
        // The order is the usual one; said all the same, since what is asked next depends on it.
        Self { query, start_date: start, end_date: end, limit, order_by: "timestamp", order: "desc" }
    }
}

/// A device to look up the name of, and when it was seen.
#[derive(Serialize)]
pub(crate) struct Tracked {
    pub(crate) ip: String,
    #[serde(rename = "event_time")]
    pub(crate) at: Timestamp,
}

/// The calls of one platform request.
pub(crate) struct Calls<'r> {
    relay: &'r Gigamon,
    call: &'r Call<ApiToken>,
    /// Wakes the calls that wait when the token is refused: none of them can succeed any more.
    refused: Notify,
}

impl<'r> Calls<'r> {
    pub(crate) fn new(relay: &'r Gigamon, call: &'r Call<ApiToken>) -> Self {
        Self { relay, call, refused: Notify::new() }
    }

    /// One small call: proves address, token and the right to detections.
    pub(crate) async fn probe(&self) -> Result<(), Error> {
        let url = self.accounted(self.detections_url().param("status", "active").param("limit", 1));
        self.api(&API).get("health", url.build()).absent(NO_DATA).fetch::<DetectionPage>().await.map(drop)
    }

    /// A page of active detections, newest first, with the rules that opened them.
    pub(crate) async fn detections(
        &self,
        role: Role,
        subject: &Subject,
        page: Page,
    ) -> Result<Option<DetectionPage>, Failure> {
        let (name, parameter) = match role {
            Role::Indicator => ("detections", "indicator_value"),
            Role::Device => ("device_detections", "device_ip"),
        };
        let url = self
            .detections_url()
            .param(parameter, subject.value())
            .param("status", "active")
            .param("include", "indicators")
            .param("include", "rules")
            .param("sort_by", "last_seen")
            .param("sort_order", "desc")
            .param("limit", page.limit)
            .param("offset", page.offset);
        let url = if self.shows_muted() {
            url
        } else {
            url.param("muted", false).param("muted_rule", false).param("muted_device", false)
        };
        self.read(self.api(&API).get(name, self.accounted(url).build()).cached()).await
    }

    /// A page of the detections that were opened or shared since a moment, the ones seen last first, with their rules.
    pub(crate) async fn listing(&self, since: &str, page: Page) -> Result<Option<DetectionPage>, Failure> {
        let url = self
            .detections_url()
            .param("status", "active")
            .param("status", "resolved")
            .param("muted", false)
            .param("muted_rule", false)
            .param("muted_device", false)
            .param("include", "rules")
            .param("created_or_shared_start_date", since)
            .param("sort_by", "last_seen")
            .param("sort_order", "desc")
            .param("limit", page.limit)
            .param("offset", page.offset);
        let request = self.api(&API).get("detection_listing", self.accounted(url).build());
        self.read(request.bulk().absent(NO_DATA)).await
    }

    /// How many detections are active: the unmuted ones of a severity, or all.
    pub(crate) async fn active(&self, severity: Option<&str>) -> Result<Option<i64>, Failure> {
        let url = self.detections_url().param("status", "active");
        let url = match severity {
            Some(severity) => url
                .param("muted", false)
                .param("muted_rule", false)
                .param("muted_device", false)
                .param("rule_severity", severity),
            None => url,
        };
        let request = self.api(&API).get("detection_count", self.accounted(url.param("limit", 1)).build());
        let page: Option<DetectionPage> = self.read(request.absent(NO_DATA)).await?;
        match page {
            Some(DetectionPage { total_count: None, .. }) => {
                Err(Failure::Unreadable("it does not say how many detections there are".to_owned()))
            }
            page => Ok(page.and_then(|page| page.total_count)),
        }
    }

    /// A rule that came with no detection.
    pub(crate) async fn rule(&self, uuid: &str) -> Result<Option<Rule>, Failure> {
        let url = UrlBuilder::new(&self.site().detections).path("v1/rules").segment(uuid);
        let request = self.api(&DETAILS).get("rule", self.accounted(url).build()).cached();
        let answer: Option<RuleAnswer> = self.read(request).await?;
        Ok(answer.map(|answer| answer.rule))
    }

    /// A page of a detection's events, and how many there are on all pages where the provider says.
    pub(crate) async fn detection_events(
        &self,
        detection: &str,
        page: Page,
    ) -> Result<Option<(List<Event>, Option<i64>)>, Failure> {
        let url = UrlBuilder::new(&self.site().detections)
            .path("v1/events")
            .param("detection_uuid", detection)
            .param("limit", page.limit)
            .param("offset", page.offset);
        let request = self.api(&DETAILS).get("detection_events", self.accounted(url).build()).cached();
        let page: Option<EventPage> = self.read(request).await?;
        Ok(page.map(|page| {
            let total = page.total_count;
            (page.into_events(), total)
        }))
    }

    /// The event search. Slow answers are normal here, so only the request's time bounds it.
    pub(crate) async fn search(
        &self,
        events: &Url,
        body: &SearchBody<'_>,
    ) -> Result<Option<SearchPage>, Failure> {
        let url = UrlBuilder::new(events).path("v2/query").build();
        // Not cached: it asks for the time until now, so no two are equal.
        let request = self.api(&API).post("event_search", url).json(body).repeatable();
        self.read(request.bulk().timeout(self.call.time_allowed()).absent(NO_DATA)).await
    }

    /// Who had some addresses at some times. Never asked about none: the provider takes that for a mistake.
    pub(crate) async fn leases(&self, devices: &[Tracked]) -> Result<Vec<Lease>, Failure> {
        #[derive(Serialize)]
        struct Body<'b> {
            entities: &'b [Tracked],
        }
        let url = UrlBuilder::new(&self.site().entity).path("v2/entity/tracking/bulk/get/ip");
        let request = self.api(&DETAILS).post("tracking", url.build()).json(&Body { entities: devices });
        // It comes last, so it has all the time that is left.
        let answer: Option<TrackingAnswer> = request.repeatable().cached().read().await?;
        Ok(answer.map(|answer| answer.response.dhcp).unwrap_or_default())
    }

    /// When and how often a value was seen in the network.
    pub(crate) async fn summary(&self, subject: &Subject) -> Result<Option<Summary>, Failure> {
        let url = UrlBuilder::new(&self.site().entity).path("v1/entity").segment(subject.value());
        let url = match subject.entity_type() {
            Some(kind) => self.accounted(url.path("summary").param("entity_type", kind)),
            None => url.path("file"),
        };
        let answer = self.read(self.api(&DETAILS).get("summary", url.build()).cached()).await?;
        Ok(answer.and_then(SummaryAnswer::into_summary))
    }

    /// Whether muted detections are wanted.
    pub(crate) fn shows_muted(&self) -> bool {
        self.call.credentials.show_muted.unwrap_or(self.relay.options.show_muted)
    }

    /// Until when all but the last step may take: what is left then is enough to name the devices of the events found.
    pub(crate) fn end(&self) -> Instant {
        const LAST_STEP: u32 = 10;
        let end = self.call.deadline().checked_sub(self.call.time_allowed() / LAST_STEP);
        end.unwrap_or_else(|| self.call.deadline())
    }

    /// Makes a call that ends in time for the last step, and as soon as the token is refused.
    async fn read<T: for<'a> LenientValue<'a>>(&self, request: Request<'_>) -> Result<Option<T>, Failure> {
        let refused = self.refused.notified();
        tokio::select! {
            biased;
            outcome = request.read() => {
                if outcome.is_err() && self.call.stopped(ALL_CALLS).is_some() {
                    self.refused.notify_waiters();
                }
                outcome
            }
            () = refused => {
                Err(Failure::Stopped(self.call.stopped(ALL_CALLS).unwrap_or_else(|| self.call.out_of_time())))
            }
            () = sleep_until(self.end()) => Err(Failure::Deadline(self.call.out_of_time())),
        }
    }

    fn site(&self) -> &'r crate::settings::Site {
        self.relay.site(self.call)
    }

    fn detections_url(&self) -> UrlBuilder {
        UrlBuilder::new(&self.site().detections).path("v1/detections")
    }

    /// Restricts a call to the account that the token names.
    fn accounted(&self, url: UrlBuilder) -> UrlBuilder {
        match &self.call.credentials.account {
            Some(account) => url.param("account_uuid", account),
            None => url,
        }
    }

    fn api(&self, api: &'static Api) -> Caller<'r> {
        let auth = Auth::Header {
            name: HeaderName::from_static("authorization"),
            prefix: "IBToken ",
            value: self.call.credentials.token.clone(),
        };
        self.relay.client.api(api, self.call, auth)
    }
}

/// Whether a failed search means that there is no such service.
pub(crate) fn is_absent(failure: &Failure) -> bool {
    matches!(failure.status(), Some(404 | 410)) || failure.is_unknown_host()
}

/// Whether a failure says that the token is not valid, or not for this.
pub(crate) fn is_refusal(failure: &Failure) -> bool {
    matches!(failure.status(), Some(401 | 403))
}

/// Whether an answer was larger than the relay reads.
pub(crate) fn is_too_large(failure: &Failure) -> bool {
    matches!(failure, Failure::TooLarge(_))
}

/// Whether a call had no answer in its time.
pub(crate) fn is_out_of_time(failure: &Failure) -> bool {
    matches!(failure, Failure::Timeout(_) | Failure::Deadline(_))
}

/// The error of a failed call.
pub(crate) fn error(failure: &Failure) -> Error {
    API.error(failure)
}
