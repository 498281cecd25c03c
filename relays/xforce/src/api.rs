//! The calls of the X-Force Exchange API (<https://api.xforce.ibmcloud.com/doc/>): their addresses, and what its
//! refusals mean. Each costs a record of the month.
//!
//! A value is one encoded path segment.

use relay_core::api::{Api, Caller};
use relay_core::call::Call;
use relay_core::error::{Code, Error};
use relay_core::escape::UrlBuilder;
use relay_core::provider::{Auth, Failure, Request};
use url::Url;

use crate::XForce;
use crate::credentials::ApiKey;
use crate::model::{Linkage, Report, Resolve, Subscription};
use crate::module::TITLE;
use crate::subject::{Family, Subject};

const MEANING: &[(u16, Code, &str)] = &[
    (
        401,
        Code::AUTHORIZATION,
        "IBM X-Force Exchange rejected the API key and password; a key is revoked when a new one is made",
    ),
    (
        402,
        Code::TOO_MANY_REQUESTS,
        "The monthly quota of IBM X-Force Exchange is used up, or the account has no API subscription",
    ),
];

const ANY: Api = Api {
    words: &["/error"],
    absent: &[400, 404, 406],
    empty_is_absent: true,
    meaning: MEANING,
    ..Api::new(TITLE)
};

/// Reports. Without a valid key or quota no further call can succeed; each kind of report is in some plans only.
pub(crate) static REPORTS: Api = Api { stops: &[401, 402, 429], stops_kind: &[403], ..ANY };

/// Resolutions and collections, which not every plan includes: if the month's quota is used up, the reports say so.
static SIDE_CALLS: Api = Api { stops: &[401, 429], stops_kind: &[402, 403], ..ANY };

/// A call of a lookup: an answer, nothing known, or a failure.
pub(crate) type Outcome<T> = Result<Option<T>, Failure>;

impl XForce {
    fn api<'r>(&'r self, call: &'r Call<ApiKey>, api: &'static Api) -> Caller<'r> {
        let (user, password) = (call.credentials.key.clone(), call.credentials.password.clone());
        self.client.api(api, call, Auth::Basic { user, password })
    }

    /// The account's subscriptions: proves address and credentials.
    pub(crate) async fn subscriptions(&self, call: &Call<ApiKey>) -> Result<Vec<Subscription>, Error> {
        let url = UrlBuilder::new(&self.api_url).path("all-subscriptions/usage").build();
        let answer = self.api(call, &REPORTS).get("usage", url).send().await;
        let usage: serde_json::Value =
            answer.and_then(|answer| answer.json()).map_err(|failure| REPORTS.error(&failure))?;
        let (all, month) = (Subscription::all(&usage), call.now().strftime("%Y-%m").to_string());
        for one in &all {
            log::info!(subscription = one.kind.as_str(), records_left = one.left(&month); "X-Force quota of this month");
        }
        Ok(all)
    }

    /// The report.
    pub(crate) async fn report(&self, call: &Call<ApiKey>, subject: &Subject) -> Outcome<Report> {
        let url = report_url(&self.api_url, subject);
        let request = self.api(call, &REPORTS).get("report", url).kind(report_path(subject.family)).cached();
        Ok(match subject.family {
            Family::Ip => request.read().await?.map(Report::Ip),
            Family::Url => request.read().await?.map(Report::Url),
            Family::Hash => request.read().await?.map(Report::Hash),
        })
    }

    /// DNS resolutions of a domain or an address.
    pub(crate) async fn resolve(&self, call: &Call<ApiKey>, subject: &Subject) -> Outcome<Resolve> {
        if !subject.resolvable || !self.options.resolve_enabled {
            return Ok(None);
        }
        self.side_call(call, "resolve", resolve_url(&self.api_url, subject)).read().await
    }

    /// Collections that contain it.
    pub(crate) async fn linkage(&self, call: &Call<ApiKey>, subject: &Subject) -> Outcome<Linkage> {
        if !self.options.linkage_enabled {
            return Ok(None);
        }
        let url = linkage_url(&self.api_url, subject, self.options.collections);
        self.side_call(call, "linkage", url).read().await
    }

    fn side_call<'r>(&'r self, call: &'r Call<ApiKey>, name: &'static str, url: Option<Url>) -> Request<'r> {
        self.api(call, &SIDE_CALLS).get(name, url).cached()
    }
}

fn report_path(family: Family) -> &'static str {
    match family {
        Family::Ip => "ipr",
        Family::Url => "url",
        Family::Hash => "malware",
    }
}

/// The address of a report.
pub fn report_url(api: &Url, subject: &Subject) -> Option<Url> {
    UrlBuilder::new(api).path(report_path(subject.family)).segment(&subject.value).build()
}

/// The address of DNS resolutions.
pub fn resolve_url(api: &Url, subject: &Subject) -> Option<Url> {
    portal_api(api).path("resolve").segment(&subject.value).param("basicResolve", "true").build()
}

/// The address of at most `most` collections.
pub fn linkage_url(api: &Url, subject: &Subject, most: u64) -> Option<Url> {
    let url = portal_api(api).path("linkage").path(subject.family.path_word()).segment(&subject.value);
    url.param("maxpertype", most).build()
}

/// The base of calls that the portal itself makes; the base of the settings may be it already.
fn portal_api(api: &Url) -> UrlBuilder {
    let url = UrlBuilder::new(api);
    if is_portal(api) { url } else { url.path("api") }
}

fn is_portal(api: &Url) -> bool {
    api.path().trim_end_matches('/').ends_with("/api")
}
