//! What it means when SecurityTrails refuses a call. Two statuses have two meanings each, told apart by the
//! words of the body (<https://docs.securitytrails.com/docs/quotas-rate-limits>).

use std::time::Duration;

use relay_core::call::ALL_CALLS;
use relay_core::error::{Code, Error};
use relay_core::provider::{Failure, Rejection, Retry};
use relay_core::text::sanitized;

use crate::module::TITLE;

/// An account that was too fast may call again after this time.
pub(crate) const THROTTLED_FOR: Duration = Duration::from_secs(1);
/// How many characters of the provider's own words a message repeats.
const WORDS: usize = 200;

/// What a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nothing is known, or could be, about what was asked.
    NothingKnown,
    /// The key is not valid.
    Key,
    /// The account's plan does not include the call.
    Plan,
    /// More calls in a second than the account may make.
    Rate,
    /// The queries of the month are used up.
    Quota,
    /// The provider is down for a moment.
    Outage,
    /// Anything else.
    Other,
}

impl Refusal {
    /// What a rejection means.
    pub(crate) fn of(rejection: &Rejection) -> Self {
        let said = words(rejection).unwrap_or_default().to_lowercase();
        match rejection.status {
            400 | 404 | 406 => Self::NothingKnown,
            401 => Self::Key,
            // An older gateway refuses a key with 403; one that says nothing is taken for it.
            403 if said.is_empty() || said.contains("credential") || said.contains("api key") => Self::Key,
            403 => Self::Plan,
            429 if said.contains("usage limits") => Self::Quota,
            429 => Self::Rate,
            502..=504 => Self::Outage,
            _ => Self::Other,
        }
    }

    /// Whether and when a refused call is made again.
    pub(crate) fn retry(rejection: &Rejection) -> Retry {
        match Self::of(rejection) {
            Self::Rate => Retry::After(THROTTLED_FOR),
            Self::Outage => Retry::Backoff,
            _ => Retry::No,
        }
    }

    /// Which kind of calls has no prospect after this, if any: each would fail, and may cost a query.
    pub(crate) fn stops(self, kind: &'static str) -> Option<&'static str> {
        match self {
            Self::Key | Self::Quota => Some(ALL_CALLS),
            Self::Plan => Some(kind),
            Self::NothingKnown | Self::Rate | Self::Outage | Self::Other => None,
        }
    }
}

/// The provider's own words: `message` of a JSON body, or a body of plain text.
fn words(rejection: &Rejection) -> Option<String> {
    rejection.text_at(&["/message"]).or_else(|| rejection.plain_text())
}

/// The error of a failed call of this kind.
pub(crate) fn error(failure: &Failure, kind: &'static str) -> Error {
    let Failure::Rejected(rejection) = failure else { return failure.to_error(TITLE, None) };
    let said = words(rejection).map(|said| sanitized(&said, WORDS));
    let reason = || said.clone().unwrap_or_else(|| rejection.reason());
    match Refusal::of(rejection) {
        Refusal::Key => Error::authorization(said.clone().unwrap_or_else(|| {
            format!("{TITLE} refused the API key without a word, {}", rejection.reason())
        })),
        Refusal::Plan => Error::fatal(
            Code::PERMISSION_DENIED,
            format!("The plan of the {TITLE} account does not include {kind}: {}", reason()),
        ),
        Refusal::Quota => Error::fatal(
            Code::TOO_MANY_REQUESTS,
            format!(
                "The monthly quota of the {TITLE} account is used up; wait for the next month or extend the \
                 plan: {}",
                reason()
            ),
        ),
        _ => failure.to_error(TITLE, said.as_deref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejection(status: u16, body: &'static str) -> Rejection {
        Rejection { status, body: body.as_bytes().into(), retry_after: None }
    }

    #[test]
    fn one_status_with_two_meanings_is_told_by_its_words() {
        let plan = r#"{"message": "This feature is not available for your subscription package."}"#;
        let table = [
            (400, r#"{"message": "The requested domain is invalid"}"#, Refusal::NothingKnown),
            (404, "", Refusal::NothingKnown),
            (406, "", Refusal::NothingKnown),
            (401, "Please check user credentials", Refusal::Key),
            (401, "", Refusal::Key),
            (403, "{\"message\": \"Invalid authentication credentials\"}\n", Refusal::Key),
            (403, r#"{"message": "No API KEY found in request"}"#, Refusal::Key),
            (403, "", Refusal::Key),
            (403, "<html>Forbidden</html>", Refusal::Key),
            (403, r#"{"error": 1}"#, Refusal::Key),
            (403, r#"{"message": ["x"]}"#, Refusal::Key),
            (403, plan, Refusal::Plan),
            (403, "Not in your plan", Refusal::Plan),
            (429, r#"{"message": "API rate limit exceeded"}"#, Refusal::Rate),
            (429, "", Refusal::Rate),
            (429, r#"{"message": "You've exceeded the Usage Limits for your account."}"#, Refusal::Quota),
            (500, "", Refusal::Other),
            (502, "", Refusal::Outage),
            (503, "", Refusal::Outage),
            (504, "", Refusal::Outage),
            (302, "", Refusal::Other),
            (418, "", Refusal::Other),
        ];
        for (status, body, meaning) in table {
            assert_eq!(Refusal::of(&rejection(status, body)), meaning, "{status} {body}");
        }
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
        for (status, body, retry) in table {
            assert_eq!(Refusal::retry(&rejection(status, body)), retry, "{status} {body}");
        }
    }
}
