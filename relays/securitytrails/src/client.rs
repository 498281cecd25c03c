//! The named calls of the SecurityTrails API (<https://docs.securitytrails.com/reference>).

use relay_core::api::{Api, Caller};
use relay_core::call::Call;
use relay_core::error::{Code, Error};
use relay_core::lenient::LenientValue;
use relay_core::provider::{Answer, Auth, Failure, HeaderMap, HeaderName, Quota, Rate, RateHint, Request};
use serde_json::json;

use crate::SecurityTrails;
use crate::credentials::ApiKey;
use crate::model::{Page, Ping, Records};
use crate::module::TITLE;
use crate::query::Query;
use crate::refusal::{self, Refusal, THROTTLED_FOR};

static API: Api = Api::new(TITLE);

/// How fast an account is called until an answer tells how fast it may be.
static RATE: Rate = Rate { name: "securitytrails", quotas: &[Quota::per_second(2)] };
/// The fastest rate that an answer is believed to grant, in calls per second.
const FASTEST: u64 = 50;

/// Proves address and key.
pub(crate) async fn ping(relay: &SecurityTrails, call: &Call<ApiKey>) -> Result<(), Error> {
    const KIND: &str = "the check of the API key (ping)";
    let fault = |failure| refusal::error(&failure, KIND);
    let url = relay.links.ping();
    let url = url.ok_or_else(|| Error::fatal(Code::UNKNOWN, "the API's URL cannot be used"))?;
    let answer = limited(api(relay, call).get("ping", url)).send().await.map_err(fault)?;
    let ping: Ping = answer.object().map_err(fault)?;
    match ping.success {
        Some(true) => Ok(()),
        _ => Err(fault(Failure::Unreadable("its answer to a ping does not say `success`".to_owned()))),
    }
}

/// A page of a lookup's answer, with its records.
pub(crate) struct Read<R> {
    pub(crate) page: Page<R>,
    pub(crate) records: Vec<R>,
}

/// Reads one page. Nothing where there are no records, or nothing is known.
pub(crate) async fn page<R>(
    relay: &SecurityTrails,
    call: &Call<ApiKey>,
    query: Query<'_>,
    number: u64,
) -> Result<Option<Read<R>>, Error>
where
    Page<R>: for<'de> LenientValue<'de>,
{
    let Some(request) = request(relay, call, query, number) else { return Ok(None) };
    let outcome = limited(request).kind(query.feature()).cached().send().await;
    let fault = |failure: &Failure| refusal::error(failure, query.feature());
    match outcome {
        Ok(answer) => read(&answer).map_err(|failure| fault(&failure)),
        Err(failure) => {
            let refused = match &failure {
                Failure::Rejected(rejection) => Refusal::of(rejection),
                _ => Refusal::Other,
            };
            if refused == Refusal::NothingKnown {
                return Ok(None);
            }
            let error = fault(&failure);
            if let Some(kind) = refused.stops(query.feature()) {
                call.stop(kind, &error);
            }
            Err(error)
        }
    }
}

fn request<'r>(
    relay: &'r SecurityTrails,
    call: &'r Call<ApiKey>,
    query: Query<'_>,
    number: u64,
) -> Option<Request<'r>> {
    let url = relay.links.page(&query, number)?;
    Some(match query {
        Query::History { .. } => api(relay, call).get(query.name(), url),
        // The search only reads, although it is a POST.
        Query::Domains { address, family } => api(relay, call)
            .post(query.name(), url)
            .json(&json!({"filter": {family.filter(): address}}))
            .repeatable(),
    })
}

/// The calls of a request. The key goes into the header only: URLs are logged on the way.
fn api<'r>(relay: &'r SecurityTrails, call: &'r Call<ApiKey>) -> Caller<'r> {
    let name = HeaderName::from_static("apikey");
    let key = call.credentials.key().clone();
    relay.client.api(&API, call, Auth::Header { name, prefix: "", value: key })
}

/// What every call has in common.
fn limited(request: Request<'_>) -> Request<'_> {
    request.rate(&RATE).read_rate(granted).retry_rule(Refusal::retry)
}

/// The rate that an answer grants (<https://docs.securitytrails.com/docs/quotas-rate-limits>).
fn granted(headers: &HeaderMap) -> RateHint {
    let number = |name| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let limit = number("x-ratelimit-limit-second").map(|limit| limit.clamp(1, FASTEST));
    let none_left = number("x-ratelimit-remaining-second") == Some(0);
    RateHint {
        quota: limit.and_then(|limit| u32::try_from(limit).ok()).map(Quota::per_second),
        pause: none_left.then_some(THROTTLED_FOR),
    }
}

fn read<R>(answer: &Answer) -> Result<Option<Read<R>>, Failure>
where
    Page<R>: for<'de> LenientValue<'de>,
{
    let mut page: Page<R> = answer.object()?;
    match page.records.take() {
        None => Ok(None),
        Some(Records::List(records)) => Ok((!records.is_empty()).then_some(Read { page, records })),
        Some(Records::Unreadable) => Err(Failure::Unreadable("its `records` are no list".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_from_the_headers_of_any_answer() {
        let quota = |limit| Some(Quota::per_second(limit));
        let pause = Some(THROTTLED_FOR);
        let table: [(&[(&str, &str)], RateHint); 8] = [
            (&[], RateHint::default()),
            (&[("limit", "5"), ("remaining", "4")], RateHint { quota: quota(5), pause: None }),
            (&[("limit", " 2 "), ("remaining", "0")], RateHint { quota: quota(2), pause }),
            (&[("limit", "0")], RateHint { quota: quota(1), pause: None }),
            (&[("limit", "5000000000")], RateHint { quota: quota(50), pause: None }),
            (&[("limit", "-1")], RateHint::default()),
            (&[("limit", "5, 5"), ("remaining", "none")], RateHint::default()),
            (&[("limit", "2.5")], RateHint::default()),
        ];
        for (given, hint) in table {
            let mut headers = HeaderMap::new();
            for (name, value) in given {
                let name: HeaderName = format!("X-RateLimit-{name}-Second").parse().expect("a name");
                headers.insert(name, value.parse().expect("a value"));
            }
            assert_eq!(granted(&headers), hint, "{given:?}");
        }
    }
}
