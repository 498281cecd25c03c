//! What failed calls mean.

use relay_core::call::{ALL_CALLS, Call};
use relay_core::error::{Code, Error};
use relay_core::provider::{Failure, Rejection};

use super::Api;
use crate::GraphCredentials;
use crate::module::TITLE;

/// The original relay's word for what others call `unavailable`.
const SERVICE_UNAVAILABLE: Code = Code::new("service unavailable");

/// Why an alert API gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is not there: 404 to this call, or 410 for good.
    Gone {
        /// Whether it will stay so.
        for_good: bool,
    },
    /// The application lacks the permission.
    Forbidden(Error),
    /// The question is not understood.
    NotUnderstood(Error),
    /// Anything else.
    Failed(Error),
}

/// Sorts a failed call of an alert API, and stops the request's further calls where none can succeed.
pub(crate) fn refused(call: &Call<GraphCredentials>, api: Api, failure: &Failure) -> Refused {
    let error = error(api, failure);
    if matches!(failure, Failure::Login(_)) || matches!(failure.status(), Some(401 | 429)) {
        call.stop(ALL_CALLS, &error);
    }
    match failure.status() {
        Some(404) => Refused::Gone { for_good: false },
        Some(410) => Refused::Gone { for_good: true },
        Some(403) => Refused::Forbidden(error),
        Some(400 | 501) => Refused::NotUnderstood(error),
        _ => Refused::Failed(error),
    }
}

/// The error of a failed call. Microsoft's own words are in `error` of its body.
pub(crate) fn error(api: Api, failure: &Failure) -> Error {
    let words = match failure {
        Failure::Rejected(rejection) => rejection.text_at(&["/error/message", "/error/code"]),
        _ => None,
    };
    let said = |rejection: &Rejection| words.clone().unwrap_or_else(|| rejection.reason());
    match failure {
        Failure::Rejected(rejection) if rejection.status == 403 => Error::fatal(
            Code::PERMISSION_DENIED,
            format!(
                "{TITLE} does not permit the call: {}. An administrator has to grant the application the permission \
                 {} and consent to it, and the tenant needs a license for the product",
                said(rejection).trim_end_matches('.'),
                api.permission(),
            ),
        ),
        Failure::Rejected(rejection) if rejection.status == 410 => Error::fatal(
            Code::NOT_FOUND,
            format!("{TITLE} no longer serves this address: {}", said(rejection)),
        ),
        Failure::Rejected(rejection) if matches!(rejection.status, 502..=504) => {
            failure.to_error(TITLE, words.as_deref()).with_code(SERVICE_UNAVAILABLE)
        }
        _ => failure.to_error(TITLE, words.as_deref()),
    }
}

/// The note that a provider behind the API did not answer with this status, where that passes by itself.
pub(crate) fn incomplete(provider: &str, status: u16) -> Option<Error> {
    let code = match status {
        429 => Code::TOO_MANY_REQUESTS,
        500.. => SERVICE_UNAVAILABLE,
        _ => return None,
    };
    Some(Error::warning(
        code,
        format!("The answer is incomplete: {provider} gave {TITLE} no alerts (status {status})"),
    ))
}
