//! What the API answers when it does not answer
//! ([documentation](https://learn.microsoft.com/en-us/graph/errors)).

use jiff::Timestamp;
use serde_json::json;

use crate::login::TokenError;
use crate::reply::Reply;
use crate::request::Request;
use crate::seeded::Rng;

/// Why a call is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Token(TokenError),
    NoSuchPath,
    Method(&'static str),
    Forbidden(&'static str),
    NotProvisioned,
    Retired(u16),
    UnknownAlert,
    UnknownHost,
    UnknownUser,
    /// Threat Intelligence refuses with this status and code.
    Intelligence(u16, &'static str),
    /// An administrator's account, which needs a directory role.
    NoDirectoryRole,
    Bad(String),
    /// A fault of the provider.
    Broken,
    /// A change of an account that cannot be made here.
    BadChange(&'static str),
    TooMany {
        /// Seconds to wait.
        wait: u64,
    },
    OutOfTime {
        /// Seconds to wait.
        wait: u64,
    },
}

impl Refusal {
    fn describe(&self) -> (u16, &'static str, String) {
        match self {
            Self::Token(fault) => {
                let text = match fault {
                    TokenError::Missing => "Access token is empty.",
                    TokenError::Malformed => "CompactToken parsing failed with error code: 80049217",
                    TokenError::Expired => "Lifetime validation failed, the token is expired.",
                    TokenError::WrongAudience => "Access token validation failure. Invalid audience.",
                };
                (401, "InvalidAuthenticationToken", text.to_owned())
            }
            Self::NoSuchPath => (404, "ResourceNotFound", "Resource not found for the segment.".to_owned()),
            Self::Method(allowed) => {
                (405, "MethodNotAllowed", format!("The only allowed method is {allowed}."))
            }
            Self::Forbidden(role) => {
                (403, "Forbidden", format!("Missing application roles. API required roles: {role}."))
            }
            Self::NotProvisioned => (403, "Forbidden", "Tenant is not provisioned.".to_owned()),
            Self::Retired(status) => {
                let code = match status {
                    403 => "accessDenied",
                    404 => "ResourceNotFound",
                    _ => "Gone",
                };
                (*status, code, "The legacy alerts API has been retired. Use alerts_v2.".to_owned())
            }
            Self::UnknownAlert => (404, "ResourceNotFound", "The alert was not found.".to_owned()),
            Self::UnknownHost => (404, "ResourceNotFound", "The host was not found.".to_owned()),
            Self::UnknownUser => (
                404,
                "Request_ResourceNotFound",
                "Resource does not exist or one of its queried reference-property objects are not present."
                    .to_owned(),
            ),
            Self::Intelligence(status, code) => (*status, code, "Error retrieving reputation".to_owned()),
            Self::NoDirectoryRole => (
                403,
                "Authorization_RequestDenied",
                "Insufficient privileges to complete the operation.".to_owned(),
            ),
            Self::BadChange(text) => (400, "Request_BadRequest", (*text).to_owned()),
            Self::Bad(text) => (400, "BadRequest", text.clone()),
            Self::Broken => (500, "UnknownError", String::new()),
            Self::OutOfTime { .. } => (
                429,
                "TooManyRequests",
                "Exceeded the CPU resources allocated to the tenant; blocked until the next cycle."
                    .to_owned(),
            ),
            Self::TooMany { .. } => (429, "TooManyRequests", "Too many requests.".to_owned()),
        }
    }

    pub(super) fn reply(&self, request: &Request) -> Reply {
        let (status, code, message) = self.describe();
        let id = Rng::new(&["graph", "request", &request.path, &request.raw_query]).uuid();
        let date = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let body = json!({
            "error": {
                "code": code,
                "message": message,
                "innerError": {"date": date, "request-id": id, "client-request-id": id},
            }
        });
        let reply = Reply::json(status, &body).header("request-id", id);
        match self {
            Self::TooMany { wait } | Self::OutOfTime { wait } => {
                reply.header("Retry-After", wait.to_string())
            }
            Self::Method(allowed) => reply.header("Allow", *allowed),
            _ => reply,
        }
    }
}
