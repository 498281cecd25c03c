//! What the refusals of each API mean, and what the user reads.

use relay_core::api::Api;
use relay_core::error::{Code, Error};
use relay_core::provider::Failure;

use crate::module::{SERVICE_UNAVAILABLE, TITLE};

/// What refusals mean where a permission decides. `$also` is what else may be missing.
macro_rules! meaning {
    ($permission:literal) => {
        meaning!($permission, ", and the tenant needs a license for the product")
    };
    ($permission:literal, $also:literal) => {
        &[
            (
                403,
                Code::PERMISSION_DENIED,
                concat!(
                    "Microsoft Graph Security does not permit the call; an administrator has to grant the \
                     application the permission ",
                    $permission,
                    " and consent to it",
                    $also
                ),
            ),
            (410, Code::NOT_FOUND, "Microsoft Graph Security no longer serves this address"),
            (502, SERVICE_UNAVAILABLE, "Microsoft Graph Security is not available"),
            (503, SERVICE_UNAVAILABLE, "Microsoft Graph Security is not available"),
            (504, SERVICE_UNAVAILABLE, "Microsoft Graph Security is not available"),
        ]
    };
}

const POLICY: Api = Api {
    words: &["/error/message", "/error/code"],
    // Each caller says what a missing thing means to it.
    absent: &[],
    ..Api::new(TITLE)
};

/// Only logs in, for `doctor`.
pub(crate) static LOGIN_API: Api = POLICY;
pub(super) static LEGACY_API: Api = Api { meaning: meaning!("SecurityEvents.Read.All"), ..POLICY };
pub(super) static V2_API: Api = Api { meaning: meaning!("SecurityAlert.Read.All"), ..POLICY };
/// Reads details, which may fail without harm to the rest of the answer.
pub(super) static DETAILS_API: Api =
    Api { stops: &[401], meaning: meaning!("SecurityAlert.Read.All"), ..POLICY };
pub(super) static HUNTING_API: Api =
    Api { stops: &[401], meaning: meaning!("ThreatHunting.Read.All"), ..POLICY };
/// Alerts are reported whatever it answers.
pub(super) static INTELLIGENCE_API: Api =
    Api { stops: &[], meaning: meaning!("ThreatIntelligence.Read.All"), ..POLICY };
/// Counts incidents, for a tile.
pub(super) static INCIDENTS_API: Api = Api { meaning: meaning!("SecurityIncident.Read.All"), ..POLICY };
/// Reads accounts.
pub(super) static ACCOUNTS_API: Api = Api { meaning: meaning!("User.Read.All", ""), ..POLICY };
pub(super) static REVOCATION_API: Api = Api { meaning: meaning!("User.RevokeSessions.All", ""), ..POLICY };
pub(super) static CHANGE_API: Api = Api {
    meaning: meaning!(
        "User.EnableDisableAccount.All",
        "; to change the account of an administrator the application also needs a directory role above that of the \
         account, such as Privileged Authentication Administrator"
    ),
    ..POLICY
};

/// The error of a failed hunting query.
pub(crate) fn hunting_error(failure: &Failure) -> Error {
    HUNTING_API.error(failure)
}

/// The error of details that could not be read.
pub(crate) fn details_error(failure: &Failure) -> Error {
    DETAILS_API.error(failure)
}

/// The error of a failed call of Threat Intelligence.
pub(crate) fn intelligence_error(failure: &Failure) -> Error {
    INTELLIGENCE_API.error(failure)
}
