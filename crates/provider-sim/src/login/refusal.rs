//! Errors of token requests, in the words of the service
//! ([codes](https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes)).

use jiff::Timestamp;
use serde_json::json;

use crate::reply::Reply;
use crate::request::Request;
use crate::seeded::Rng;

/// Why no token is issued.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("The endpoint only accepts POST, OPTIONS requests. Received a {0} request.")]
    Method(String),
    #[error("The request body must contain the following parameter: '{0}'.")]
    Missing(&'static str),
    #[error("The request is not properly formatted. The parameter '{0}' is duplicated.")]
    Duplicate(String),
    #[error("The app requested an unsupported grant type '{0}'.")]
    GrantType(String),
    #[error("Specified tenant identifier '{0}' is neither a valid DNS name, nor a valid external domain.")]
    TenantName(String),
    #[error(
        "Tenant '{0}' not found. Check to make sure you have the correct tenant ID and are signing into the \
         correct cloud."
    )]
    UnknownTenant(String),
    #[error("Application with identifier '{client}' was not found in the directory '{tenant}'.")]
    UnknownApplication { client: String, tenant: &'static str },
    #[error("The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")]
    NoSecret,
    #[error(
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret \
         value, not the client secret ID, for a secret added to app '{0}'."
    )]
    WrongSecret(&'static str),
    #[error("The provided client secret keys for app '{0}' are expired.")]
    ExpiredSecret(&'static str),
    #[error(
        "Invalid input received from the user: 'client_assertion' and 'client_secret' are both presented."
    )]
    TwoCredentials,
    #[error("Error validating the credentials. The client assertion type '{0}' is not supported.")]
    AssertionType(String),
    #[error("Invalid JWT token: {0}.")]
    MalformedAssertion(&'static str),
    #[error(
        "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - \
         {reason}, Thumbprint of key used by client: '{thumbprint}']"
    )]
    UnknownCertificate { reason: &'static str, thumbprint: String },
    #[error("Client assertion application identifier doesn't match 'client_id' parameter.")]
    AssertionSubject,
    #[error("Client assertion audience claim does not match Realm issuer.")]
    AssertionAudience,
    #[error(
        "Client assertion is not within its valid time range. Assertion valid from {begins}, expiry time of assertion \
         {ends}."
    )]
    AssertionTime { begins: i64, ends: i64 },
    #[error("Invalid JWT token: the client assertion has been used before.")]
    UsedAssertion,
    #[error("No matching federated identity record found for presented assertion issuer '{0}'.")]
    UnknownIssuer(String),
    #[error("No matching federated identity record found for presented assertion audience '{0}'.")]
    UnknownAudience(String),
    #[error("No matching federated identity record found for presented assertion subject '{0}'.")]
    UnknownSubject(String),
    #[error("Assertion failed signature validation.")]
    AssertionSignature,
    #[error(
        "The provided request must include a 'scope' input parameter. The provided value for the input \
         parameter 'scope' is not valid. The scope {0} is not valid."
    )]
    Scope(String),
    #[error(
        "The provided value for scope {0} is not valid. Client credential flows must have a scope value with \
         /.default suffixed to the resource identifier (application ID URI)."
    )]
    NotDefaultScope(String),
    #[error("The resource principal named {uri} was not found in the tenant named {tenant}.")]
    UnknownResource { uri: String, tenant: &'static str },
}

impl Refusal {
    /// Status, OAuth's word and Microsoft's code.
    pub(super) fn codes(&self) -> (u16, &'static str, u32) {
        match self {
            Self::Method(_) => (400, "invalid_request", 900_561),
            Self::Missing(_) => (400, "invalid_request", 900_144),
            Self::Duplicate(_) => (400, "invalid_request", 9_000_411),
            Self::GrantType(_) => (400, "unsupported_grant_type", 70_003),
            Self::TenantName(_) => (400, "invalid_request", 900_023),
            Self::UnknownTenant(_) => (400, "invalid_request", 90_002),
            Self::UnknownApplication { .. } => (400, "unauthorized_client", 700_016),
            Self::NoSecret => (401, "invalid_client", 7_000_218),
            Self::WrongSecret(_) => (401, "invalid_client", 7_000_215),
            Self::ExpiredSecret(_) => (401, "invalid_client", 7_000_222),
            Self::TwoCredentials => (400, "invalid_request", 90_013),
            Self::AssertionType(_) => (401, "invalid_client", 70_002),
            Self::MalformedAssertion(_) | Self::UsedAssertion => (401, "invalid_client", 50_027),
            Self::UnknownCertificate { .. } => (401, "invalid_client", 700_027),
            Self::AssertionSubject => (401, "invalid_client", 700_021),
            Self::AssertionAudience => (401, "invalid_client", 700_023),
            Self::AssertionTime { .. } => (401, "invalid_client", 700_024),
            Self::UnknownIssuer(_) => (401, "invalid_client", 700_211),
            Self::UnknownAudience(_) => (401, "invalid_client", 700_212),
            Self::UnknownSubject(_) => (401, "invalid_client", 700_213),
            Self::AssertionSignature => (401, "invalid_client", 50_013),
            Self::Scope(_) => (400, "invalid_scope", 70_011),
            Self::NotDefaultScope(_) => (400, "invalid_scope", 1_002_012),
            Self::UnknownResource { .. } => (400, "invalid_resource", 500_011),
        }
    }

    /// The answer, with ids for support.
    pub(super) fn reply(&self, request: &Request) -> Reply {
        let (status, error, code) = self.codes();
        let mut rng = Rng::new(&["login", "trace", &request.path, &String::from_utf8_lossy(&request.body)]);
        let (trace, correlation) = (rng.uuid(), rng.uuid());
        let time = Timestamp::now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let description = format!(
            "AADSTS{code}: {self}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {time}"
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
