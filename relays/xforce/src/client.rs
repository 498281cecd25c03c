//! The named calls of the X-Force Exchange API (<https://api.xforce.ibmcloud.com/doc/>) and what their failures
//! mean. Every call yields an answer, nothing (the provider knows nothing), or an error for the user.

use relay_core::call::{ALL_CALLS, Call};
use relay_core::error::{Code, Error};
use relay_core::lenient::LenientValue;
use relay_core::observable::{Observable, ObservableType};
use relay_core::provider::{Answer, Auth, Failure, Request};
use url::Url;

use crate::links::Family;
use crate::model::{Linkage, Report, Resolve, Usage};
use crate::module::TITLE;
use crate::{ApiKey, XForce};

/// The account's usage: proves address and credentials.
pub(crate) async fn usage(relay: &XForce, call: &Call<ApiKey>) -> Result<(), Error> {
    let url =
        relay.links.usage().ok_or_else(|| Error::fatal(Code::UNKNOWN, "the API's URL cannot be used"))?;
    let outcome = authorized(relay, call, "usage", url).send(call).await;
    let answer = outcome.map_err(|failure| error(&failure))?;
    let usage: serde_json::Value = answer.json().map_err(|failure| error(&failure))?;
    for (kind, left) in Usage::left(&usage) {
        log::info!(subscription = kind.as_str(), records_left = left; "X-Force quota of this month");
    }
    Ok(())
}

/// The report on an observable.
pub(crate) async fn report(
    relay: &XForce,
    call: &Call<ApiKey>,
    about: &Observable,
) -> Result<Option<Report>, Error> {
    let Some(answer) = known(relay, call, "report", relay.links.report(about)).await? else {
        return Ok(None);
    };
    match Family::of(about) {
        Family::Ip => read(&answer).map(|report| report.map(Report::Ip)),
        Family::Url => read(&answer).map(|report| report.map(Report::Url)),
        Family::Hash => read(&answer).map(|report| report.map(Report::Hash)),
    }
}

/// DNS resolutions of a domain or an address.
pub(crate) async fn resolve(
    relay: &XForce,
    call: &Call<ApiKey>,
    about: &Observable,
) -> Result<Option<Resolve>, Error> {
    let resolvable =
        matches!(about.kind(), ObservableType::Domain | ObservableType::Ip | ObservableType::Ipv6);
    if !resolvable || !relay.resolve_enabled {
        return Ok(None);
    }
    match known(relay, call, "resolve", relay.links.resolve(about)).await? {
        Some(answer) => read(&answer),
        None => Ok(None),
    }
}

/// Collections that contain an observable.
pub(crate) async fn linkage(
    relay: &XForce,
    call: &Call<ApiKey>,
    about: &Observable,
) -> Result<Option<Linkage>, Error> {
    if !relay.linkage_enabled {
        return Ok(None);
    }
    match known(relay, call, "linkage", relay.links.linkage(about)).await? {
        Some(answer) => read(&answer),
        None => Ok(None),
    }
}

fn authorized<'r>(relay: &'r XForce, call: &Call<ApiKey>, name: &'static str, url: Url) -> Request<'r> {
    let (user, password) = (call.credentials.key.clone(), call.credentials.password.clone());
    relay.client.get(name, url).auth(Auth::Basic { user, password })
}

/// Makes a lookup's call. Nothing where the value has no address, or the provider knows nothing of it.
async fn known(
    relay: &XForce,
    call: &Call<ApiKey>,
    name: &'static str,
    url: Option<Url>,
) -> Result<Option<Answer>, Error> {
    let Some(url) = url else { return Ok(None) };
    match authorized(relay, call, name, url).cached().send(call).await {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if matches!(failure.status(), Some(400 | 404 | 406)) => Ok(None),
        Err(failure) => {
            let error = error(&failure);
            // Without a valid key, a subscription or quota no further call can succeed; each would cost.
            if matches!(failure.status(), Some(401..=403 | 429)) {
                call.stop(ALL_CALLS, &error);
            }
            Err(error)
        }
    }
}

fn read<'a, T: LenientValue<'a>>(answer: &'a Answer) -> Result<Option<T>, Error> {
    if answer.is_empty_object() {
        return Ok(None);
    }
    answer.object().map(Some).map_err(|failure| error(&failure))
}

/// The error of a failed call. The provider's own words are in `error` of its body.
fn error(failure: &Failure) -> Error {
    let words = match failure {
        Failure::Rejected(rejection) => rejection.text_at(&["/error"]),
        _ => None,
    };
    match failure {
        Failure::Rejected(rejection) if rejection.status == 402 => Error::fatal(
            Code::TOO_MANY_REQUESTS,
            format!(
                "The monthly quota of {TITLE} is used up, or the account has no API subscription: {}",
                words.unwrap_or_else(|| rejection.reason())
            ),
        ),
        Failure::Rejected(rejection) if rejection.status == 401 => Error::authorization(format!(
            "{TITLE} refused the API key and password ({}); a key is revoked when a new one is made",
            words.unwrap_or_else(|| rejection.reason())
        )),
        other => other.to_error(TITLE, words.as_deref()),
    }
}
