//! The named calls of the API (<https://learn.microsoft.com/en-us/graph/api/resources/security-api-overview>) and
//! what their failures mean.

mod failures;
mod pages;

use std::time::Duration;

use relay_core::api::Caller;
use relay_core::call::Call;
use relay_core::escape::UrlBuilder;
use relay_core::provider::{Failure, Quota, Rate, Request};
use url::Url;

pub(crate) use failures::{Refused, error, incomplete, refused};
pub(crate) use pages::{Page, Pages};

use crate::model::hunting::{Outcome, Question};
use crate::model::v2;
use crate::module::TITLE;
use crate::query::hunting::MOST_DAYS;
use crate::{Graph, GraphCredentials};

/// An API that is asked, as far as permissions and failures differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// `/security/alerts`
    Legacy,
    /// `/security/alerts_v2`
    V2,
    /// `/security/runHuntingQuery`
    Hunting,
}

impl Api {
    /// The application permission that it needs.
    pub fn permission(self) -> &'static str {
        match self {
            Self::Legacy => "SecurityEvents.Read.All",
            Self::V2 => "SecurityAlert.Read.All",
            Self::Hunting => "ThreatHunting.Read.All",
        }
    }
}

/// Both alert APIs together: the limit is documented for `alerts`, and nothing else for its successor.
static ALERTS: Rate = Rate { name: "alerts", quotas: &[Quota::per_minute(150)] };
static HUNTING: Rate = Rate { name: "hunting", quotas: &[Quota::per_minute(45)] };

/// A hunting query may run this long.
const HUNTING_TIME: Duration = Duration::from_secs(60);

static POLICY: relay_core::api::Api = relay_core::api::Api::new(TITLE);

fn caller<'r>(relay: &'r Graph, call: &'r Call<GraphCredentials>) -> Caller<'r> {
    relay.client.api(&POLICY, call, relay.auth(call))
}

/// A list of alerts of one of the alert APIs.
fn list<'r>(relay: &'r Graph, call: &'r Call<GraphCredentials>, api: Api, url: Url) -> Request<'r> {
    let name = if api == Api::Legacy { "legacy_alerts" } else { "alerts" };
    let request = caller(relay, call).get(name, url).rate(&ALERTS).keep_header("warning");
    // Without it, newer words of the API's vocabularies all arrive as `unknownFutureValue`.
    if api == Api::V2 { request.header("prefer", "include-unknown-enum-members") } else { request }
}

/// The URL of a list of alerts.
pub(crate) fn list_url(relay: &Graph, api: Api, filter: Option<&str>, top: usize) -> Option<Url> {
    let path = if api == Api::Legacy { "security/alerts" } else { "security/alerts_v2" };
    let mut url = UrlBuilder::new(&relay.api).path(path);
    if let Some(filter) = filter {
        url = url.param("$filter", filter);
    }
    url.param("$top", top).build()
}

/// Asks for the least that an API gives: proves address, credentials and permission.
pub(crate) async fn probe(relay: &Graph, call: &Call<GraphCredentials>, api: Api) -> Result<(), Failure> {
    // The older one gives nothing at all where nothing is wanted; the newer one takes no 0.
    let top = usize::from(api != Api::Legacy);
    let Some(url) = list_url(relay, api, None, top) else { return Err(no_address()) };
    list(relay, call, api, url).send().await?.json::<serde_json::Value>().map(drop)
}

/// One alert; nothing where the API does not know it (any more).
pub(crate) async fn alert(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    id: &str,
) -> Result<Option<v2::Alert>, Failure> {
    let url = UrlBuilder::new(&relay.api).path("security/alerts_v2").segment(id).build();
    let Some(url) = url else { return Ok(None) };
    match list(relay, call, Api::V2, url).cached().send().await {
        Ok(answer) => answer.object().map(Some),
        Err(failure) if matches!(failure.status(), Some(404 | 410)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The alerts that a hunting query names, in its order.
pub(crate) async fn hunt(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    query: &str,
) -> Result<Vec<String>, Failure> {
    let timespan = format!("P{}D", relay.options.lookback_days.min(MOST_DAYS));
    let url = UrlBuilder::new(&relay.api).path("security/runHuntingQuery").build().ok_or_else(no_address)?;
    let answer = caller(relay, call)
        .post("hunting", url)
        .json(&Question { query, timespan: &timespan })
        .rate(&HUNTING)
        .timeout(HUNTING_TIME)
        .repeatable()
        .cached()
        .send()
        .await?;
    let outcome: Outcome = answer.json()?;
    let ids = outcome.column("AlertId").map(|ids| ids.map(str::to_owned).collect());
    ids.ok_or_else(|| Failure::Unreadable("its answer holds no list of results".to_owned()))
}

fn no_address() -> Failure {
    Failure::Unreadable("the setting RELAY_PROVIDER__API_URL cannot be used".to_owned())
}
