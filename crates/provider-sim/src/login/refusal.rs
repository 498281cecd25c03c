//! What can be wrong with a request for a token, in the service's words
//! ([codes](https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes)).

use jiff::Timestamp;
use serde_json::json;

use crate::reply::Reply;
use crate::request::Request;
use crate::seeded::Rng;

/// Why no token is issued.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Method(String),
    Missing(&'static str),
    Duplicate(String),
    GrantType(String),
    TenantName(String),
    UnknownTenant(String),
    UnknownApplication { client: String, tenant: &'static str },
    NoSecret,
    WrongSecret(&'static str),
    ExpiredSecret(&'static str),
    Scope(String),
    NotDefaultScope(String),
    UnknownResource { uri: String, tenant: &'static str },
}

impl Refusal {
    /// Status, OAuth's word, Microsoft's code, and what is said.
    fn describe(&self) -> (u16, &'static str, u32, String) {
        match self {
            Self::Method(method) => (
                400,
                "invalid_request",
                900_561,
                format!("The endpoint only accepts POST, OPTIONS requests. Received a {method} request."),
            ),
            Self::Missing(name) => (
                400,
                "invalid_request",
                900_144,
                format!("The request body must contain the following parameter: '{name}'."),
            ),
            Self::Duplicate(name) => (
                400,
                "invalid_request",
                9_000_411,
                format!("The request is not properly formatted. The parameter '{name}' is duplicated."),
            ),
            Self::GrantType(given) => (
                400,
                "unsupported_grant_type",
                70_003,
                format!("The app requested an unsupported grant type '{given}'."),
            ),
            Self::TenantName(name) => (
                400,
                "invalid_request",
                900_023,
                format!(
                    "Specified tenant identifier '{name}' is neither a valid DNS name, nor a valid external domain."
                ),
            ),
            Self::UnknownTenant(name) => (
                400,
                "invalid_request",
                90_002,
                format!(
                    "Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are \
                     signing into the correct cloud."
                ),
            ),
            Self::UnknownApplication { client, tenant } => (
                400,
                "unauthorized_client",
                700_016,
                format!("Application with identifier '{client}' was not found in the directory '{tenant}'."),
            ),
            Self::NoSecret => (
                401,
                "invalid_client",
                7_000_218,
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
                    .to_owned(),
            ),
            Self::WrongSecret(application) => (
                401,
                "invalid_client",
                7_000_215,
                format!(
                    "Invalid client secret provided. Ensure the secret being sent in the request is the client \
                     secret value, not the client secret ID, for a secret added to app '{application}'."
                ),
            ),
            Self::ExpiredSecret(application) => (
                401,
                "invalid_client",
                7_000_222,
                format!("The provided client secret keys for app '{application}' are expired."),
            ),
            Self::Scope(scope) => (
                400,
                "invalid_scope",
                70_011,
                format!(
                    "The provided request must include a 'scope' input parameter. The provided value for the \
                     input parameter 'scope' is not valid. The scope {scope} is not valid."
                ),
            ),
            Self::NotDefaultScope(scope) => (
                400,
                "invalid_scope",
                1_002_012,
                format!(
                    "The provided value for scope {scope} is not valid. Client credential flows must have a \
                     scope value with /.default suffixed to the resource identifier (application ID URI)."
                ),
            ),
            Self::UnknownResource { uri, tenant } => (
                400,
                "invalid_resource",
                500_011,
                format!("The resource principal named {uri} was not found in the tenant named {tenant}."),
            ),
        }
    }

    /// The answer, with ids that support would ask for.
    pub(super) fn reply(&self, request: &Request) -> Reply {
        let (status, error, code, text) = self.describe();
        let mut rng = Rng::new(&["login", "trace", &request.path, &String::from_utf8_lossy(&request.body)]);
        let (trace, correlation) = (rng.uuid(), rng.uuid());
        let time = Timestamp::now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let description = format!(
            "AADSTS{code}: {text}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {time}"
        );
        Reply::json(
            status,
            &json!({
                "error": error,
                "error_description": description,
                "error_codes": [code],
                "timestamp": time,
                "trace_id": trace,
                "correlation_id": correlation,
                "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
            }),
        )
    }
}
