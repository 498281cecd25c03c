//! The calls of the X-Force Exchange API (<https://api.xforce.ibmcloud.com/doc/>): their addresses, and what its
//! refusals mean. Every lookup's call yields an answer, nothing (the provider knows nothing), or an error.
//!
//! Values of observables are one encoded path segment; `.` and `..`, which URL libraries would fold away, have no
//! address.

use relay_core::api::{Api, Caller};
use relay_core::call::Call;
use relay_core::error::{Code, Error};
use relay_core::escape::UrlBuilder;
use relay_core::observable::{Observable, ObservableType};
use relay_core::provider::Auth;
use url::Url;

use crate::XForce;
use crate::credentials::ApiKey;
use crate::model::{Linkage, Report, Resolve, Usage};
use crate::module::TITLE;

static API: Api = Api {
    words: &["/error"],
    absent: &[400, 404, 406],
    empty_is_absent: true,
    // Without a valid key, a subscription or quota no further call can succeed; each would cost.
    stops: &[401, 402, 403, 429],
    meaning: &[
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
    ],
    ..Api::new(TITLE)
};

/// How X-Force groups what it reports on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Addresses.
    Ip,
    /// Domains and URLs.
    Url,
    /// File hashes.
    Hash,
}

impl Family {
    /// The family of an observable of a supported type.
    pub fn of(about: &Observable) -> Self {
        match about.kind() {
            ObservableType::Ip | ObservableType::Ipv6 => Self::Ip,
            ObservableType::Md5 | ObservableType::Sha1 | ObservableType::Sha256 => Self::Hash,
            _ => Self::Url,
        }
    }

    /// The path of its reports.
    fn report_path(self) -> &'static str {
        match self {
            Self::Ip => "ipr",
            Self::Url => "url",
            Self::Hash => "malware",
        }
    }

    /// What the portal calls it.
    pub(crate) fn portal_word(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Url => "url",
            Self::Hash => "malware",
        }
    }
}

impl XForce {
    fn api<'r>(&'r self, call: &'r Call<ApiKey>) -> Caller<'r> {
        let (user, password) = (call.credentials.key.clone(), call.credentials.password.clone());
        self.client.api(&API, call, Auth::Basic { user, password })
    }

    /// The account's usage: proves address and credentials.
    pub(crate) async fn usage(&self, call: &Call<ApiKey>) -> Result<(), Error> {
        let url = UrlBuilder::new(&self.api_url).path("all-subscriptions/usage").build();
        let answer = self.api(call).get("usage", url).send().await;
        let usage: serde_json::Value =
            answer.and_then(|answer| answer.json()).map_err(|failure| API.error(&failure))?;
        for (kind, left) in Usage::left(&usage) {
            log::info!(subscription = kind.as_str(), records_left = left; "X-Force quota of this month");
        }
        Ok(())
    }

    /// The report on an observable.
    pub(crate) async fn report(
        &self,
        call: &Call<ApiKey>,
        about: &Observable,
    ) -> Result<Option<Report>, Error> {
        let family = Family::of(about);
        let url = UrlBuilder::new(&self.api_url).path(family.report_path()).segment(looked_up(about)).build();
        let request = self.api(call).get("report", url).cached();
        Ok(match family {
            Family::Ip => request.fetch().await?.map(Report::Ip),
            Family::Url => request.fetch().await?.map(Report::Url),
            Family::Hash => request.fetch().await?.map(Report::Hash),
        })
    }

    /// DNS resolutions of a domain or an address.
    pub(crate) async fn resolve(
        &self,
        call: &Call<ApiKey>,
        about: &Observable,
    ) -> Result<Option<Resolve>, Error> {
        let resolvable =
            matches!(about.kind(), ObservableType::Domain | ObservableType::Ip | ObservableType::Ipv6);
        if !resolvable || !self.resolve_enabled {
            return Ok(None);
        }
        let url = self.portal_api().path("resolve").segment(about.value()).param("basicResolve", "true");
        self.api(call).get("resolve", url.build()).cached().fetch().await
    }

    /// Collections that contain an observable.
    pub(crate) async fn linkage(
        &self,
        call: &Call<ApiKey>,
        about: &Observable,
    ) -> Result<Option<Linkage>, Error> {
        if !self.linkage_enabled {
            return Ok(None);
        }
        let url = self.portal_api().path("linkage").path(Family::of(about).portal_word());
        let url = url.segment(looked_up(about)).param("maxpertype", "20");
        self.api(call).get("linkage", url.build()).cached().fetch().await
    }

    /// The base of calls that the portal itself makes; the base of the settings may be it already.
    fn portal_api(&self) -> UrlBuilder {
        let api = UrlBuilder::new(&self.api_url);
        if is_portal(&self.api_url) { api } else { api.path("api") }
    }
}

fn is_portal(api: &Url) -> bool {
    api.path().ends_with("/api")
}

/// The value as the API wants it: X-Force prints hashes with `0x` before them but does not look them up so.
fn looked_up(about: &Observable) -> &str {
    let value = about.value();
    match Family::of(about) {
        Family::Hash => value.strip_prefix("0x").or_else(|| value.strip_prefix("0X")).unwrap_or(value),
        Family::Ip | Family::Url => value,
    }
}
