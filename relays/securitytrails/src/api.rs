//! The calls of the SecurityTrails API (<https://docs.securitytrails.com/reference>): their addresses, how fast they
//! may be made, and what refusals mean. Two statuses have several meanings, distinguished by the words of the body
//! (<https://docs.securitytrails.com/docs/quotas-rate-limits>).

use std::time::Duration;

use relay_core::api::{Api, Caller, Meaning, Stop};
use relay_core::call::Call;
use relay_core::error::{Code, Error};
use relay_core::escape::UrlBuilder;
use relay_core::lenient::LenientValue;
use relay_core::provider::{
    Auth, Failure, HeaderMap, HeaderName, Quota, Rate, RateHint, Rejection, Request, Retry,
};
use serde_json::json;

use crate::SecurityTrails;
use crate::credentials::ApiKey;
use crate::model::Ping;
use crate::module::TITLE;
use crate::query::Query;

/// An account that was too fast may call again after this time.
const THROTTLED_FOR: Duration = Duration::from_secs(1);
/// How fast an account is called until an answer says how fast it may be.
static RATE: Rate = Rate { name: "calls", holder: "the account", quotas: &[Quota::per_second(2)] };
/// The fastest rate that an answer is believed to grant, in calls per second.
const FASTEST: u64 = 50;

/// What refusals mean, whatever is asked.
pub(crate) const ANY: Api =
    Api { words: &["/message"], words_length: 200, absent: &[400, 404, 406], ..Api::new(TITLE) };

/// The check of the key.
static PING: Api = Api {
    absent: &[],
    classify: |rejection| {
        meaning(rejection, "The plan of the SecurityTrails account does not include the check of the API key")
    },
    ..ANY
};
/// The DNS history, which not every plan includes.
static HISTORY: Api = Api {
    classify: |rejection| {
        meaning(rejection, "The plan of the SecurityTrails account does not include the DNS history")
    },
    ..ANY
};
/// The search for domains, which not every plan includes.
static DOMAINS: Api = Api {
    classify: |rejection| {
        meaning(
            rejection,
            "The plan of the SecurityTrails account does not include the search for domains by address \
             (domains/list)",
        )
    },
    ..ANY
};
/// The list of subdomains, which not every plan includes.
static SUBDOMAINS: Api = Api {
    classify: |rejection| {
        meaning(rejection, "The plan of the SecurityTrails account does not include the list of subdomains")
    },
    ..ANY
};

impl SecurityTrails {
    /// Proves address and key.
    pub(crate) async fn ping(&self, call: &Call<ApiKey>) -> Result<(), Error> {
        let url = UrlBuilder::new(&self.api_url).path("ping").build();
        let answer = limited(self.api(call, &PING).get("ping", url)).send().await;
        let ping: Ping = answer.and_then(|answer| answer.json()).map_err(|failure| PING.error(&failure))?;
        if ping.success() {
            return Ok(());
        }
        Err(PING.error(&Failure::Unreadable("its answer to a ping does not say `success`".to_owned())))
    }

    /// Reads one page of a query. Nothing where nothing is known.
    pub(crate) async fn page<P>(
        &self,
        call: &Call<ApiKey>,
        query: Query<'_>,
        number: u64,
    ) -> Result<Option<P>, Error>
    where
        P: for<'de> LenientValue<'de>,
    {
        let (name, url) = (query.name(), query.url(&self.api_url, number));
        let request = match query {
            Query::History(..) => self.api(call, &HISTORY).get(name, url).kind("history"),
            // The search only reads, although it is a POST.
            Query::Domains(address, family) => self
                .api(call, &DOMAINS)
                .post(name, url)
                .json(&json!({"filter": {family.filter(): address}}))
                .repeatable(),
            Query::Subdomains(_) => self.api(call, &SUBDOMAINS).get(name, url),
        };
        limited(request).cached().fetch().await
    }

    /// The calls of a request. The key goes into the header only: URLs are logged on the way.
    fn api<'r>(&'r self, call: &'r Call<ApiKey>, api: &'static Api) -> Caller<'r> {
        self.usage.other_call();
        self.silent_api(call, api)
    }

    /// The same, for the question that differs from those of other calls.
    pub(crate) fn silent_api<'r>(&'r self, call: &'r Call<ApiKey>, api: &'static Api) -> Caller<'r> {
        let name = HeaderName::from_static("apikey");
        let key = call.credentials.key().clone();
        self.client.api(api, call, Auth::Header { name, prefix: "", value: key })
    }
}

/// What every call has in common.
pub(crate) fn limited(request: Request<'_>) -> Request<'_> {
    request.rate(&RATE).read_rate(granted).retry_rule(retry)
}

/// The rate that an answer grants.
pub fn granted(headers: &HeaderMap) -> RateHint {
    let number = |name| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let limit = number("x-ratelimit-limit-second").map(|limit| limit.clamp(1, FASTEST));
    let none_left = number("x-ratelimit-remaining-second") == Some(0);
    RateHint {
        quota: limit.and_then(|limit| u32::try_from(limit).ok()).map(Quota::per_second),
        pause: none_left.then_some(THROTTLED_FOR),
    }
}

/// Whether and when a refused call is made again.
fn retry(rejection: &Rejection) -> Retry {
    match rejection.status {
        429 if is_quota(rejection) => Retry::No,
        429 => Retry::After(THROTTLED_FOR),
        502..=504 => Retry::Backoff,
        _ => Retry::No,
    }
}

/// What a refusal means. `lacking` says what a plan lacks.
pub(crate) fn meaning(rejection: &Rejection, lacking: &'static str) -> Option<Meaning> {
    let failed = |stops, code, says| Some(Meaning::Failed { stops, says: Some((code, says)) });
    let said = said(rejection);
    match rejection.status {
        403 if is_gateway(rejection) => failed(
            Stop::All,
            Code::PERMISSION_DENIED,
            "A gateway before the SecurityTrails API rejects the address or the requests of this relay",
        ),
        // An older gateway refuses a key with 403; one that says nothing is taken for it.
        401 | 403 if said.is_empty() => {
            failed(Stop::All, Code::AUTHORIZATION, "SecurityTrails rejected the API key (no reason given)")
        }
        401 => failed(Stop::All, Code::AUTHORIZATION, ""),
        403 if said.contains("credential") || said.contains("api key") => {
            failed(Stop::All, Code::AUTHORIZATION, "")
        }
        403 => failed(Stop::Kind, Code::PERMISSION_DENIED, lacking),
        429 if is_quota(rejection) => failed(
            Stop::All,
            Code::TOO_MANY_REQUESTS,
            "The monthly quota of the SecurityTrails account is used up; wait for the next month or extend the plan",
        ),
        // Too fast, which passes.
        429 => Some(Meaning::Failed { stops: Stop::Nothing, says: None }),
        _ => None,
    }
}

/// The provider's words in lower case.
fn said(rejection: &Rejection) -> String {
    ANY.words(rejection).unwrap_or_default().to_lowercase()
}

pub(crate) fn is_quota(rejection: &Rejection) -> bool {
    said(rejection).contains("usage limits")
}

/// Whether the body is not the API's but of a gateway before it, such as `error code: 1020` or a page.
fn is_gateway(rejection: &Rejection) -> bool {
    let code = |text: &str| {
        let digits =
            text.split_once("error code: 1").map(|(_, rest)| rest.bytes().take(3).collect::<Vec<u8>>());
        digits.is_some_and(|digits| digits.len() == 3 && digits.iter().all(u8::is_ascii_digit))
    };
    rejection.is_page() || rejection.plain_text().is_some_and(|text| code(&text.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejection(status: u16, body: &'static str) -> Rejection {
        Rejection { status, body: body.as_bytes().into(), retry_after: None }
    }

    #[test]
    fn one_status_with_several_meanings_is_recognised_by_its_words() {
        let plan = r#"{"message": "This feature is not available for your subscription package."}"#;
        let used_up = r#"{"message": "You've exceeded the Usage Limits for your account."}"#;
        let (key, denied, many) = ("authorization error", "permission denied", "too many requests");
        let page = "<!DOCTYPE html>\n<title>Attention Required! | Cloudflare</title>";
        let table = [
            (401, "Please check user credentials", Stop::All, key, "Authorization failed: Please check user"),
            (401, "", Stop::All, key, "Authorization failed: SecurityTrails rejected the API key"),
            (
                403,
                "{\"message\": \"Invalid authentication credentials\"}\n",
                Stop::All,
                key,
                "Authorization failed: Inv",
            ),
            (
                403,
                r#"{"message": "No API KEY found in request"}"#,
                Stop::All,
                key,
                "Authorization failed: No API",
            ),
            (403, "", Stop::All, key, "Authorization failed: SecurityTrails rejected"),
            (403, r#"{"error": 1}"#, Stop::All, key, "Authorization failed: SecurityTrails rejected"),
            (403, r#"{"message": ["x"]}"#, Stop::All, key, "Authorization failed: SecurityTrails rejected"),
            (403, page, Stop::All, denied, "A gateway before"),
            (403, "error code: 1020", Stop::All, denied, "A gateway before"),
            (403, "error code: 10", Stop::Kind, denied, "The plan of"),
            (403, plan, Stop::Kind, denied, "The plan of"),
            (403, "Not in your plan", Stop::Kind, denied, "The plan of"),
            (429, r#"{"message": "API rate limit exceeded"}"#, Stop::Nothing, many, "SecurityTrails"),
            (429, "", Stop::Nothing, many, "SecurityTrails"),
            (429, used_up, Stop::All, many, "The monthly quota"),
            (500, "", Stop::Nothing, "unknown", "SecurityTrails"),
            (503, "", Stop::Nothing, "unavailable", "SecurityTrails"),
            (302, "", Stop::Nothing, "unknown", "SecurityTrails"),
        ];
        for (status, body, stop, code, words) in table {
            let rejection = rejection(status, body);
            let Meaning::Failed { stops, .. } = HISTORY.meaning(&rejection) else {
                panic!("{status} {body}")
            };
            assert_eq!(stops, stop, "{status} {body}");
            let error = HISTORY.error(&Failure::Rejected(rejection));
            assert_eq!(error.code().as_str(), code, "{status} {body}");
            assert!(error.message().starts_with(words), "{status} {body}: {}", error.message());
        }
        for status in [400, 404, 406] {
            assert_eq!(HISTORY.meaning(&rejection(status, "")), Meaning::Nothing);
        }
        let gateway = HISTORY.error(&Failure::Rejected(rejection(403, page))).message().to_owned();
        assert!(
            gateway.contains("`Attention Required! | Cloudflare`") && !gateway.contains("key"),
            "{gateway}"
        );
    }

    #[test]
    fn only_what_passes_by_itself_is_tried_again() {
        let quota = r#"{"message": "You've exceeded the usage limits for your account."}"#;
        let table = [
            (429, "", Retry::After(THROTTLED_FOR)),
            (429, quota, Retry::No),
            (503, "", Retry::Backoff),
            (500, "", Retry::No),
            (401, "", Retry::No),
        ];
        for (status, body, expected) in table {
            assert_eq!(retry(&rejection(status, body)), expected, "{status} {body}");
        }
    }

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
