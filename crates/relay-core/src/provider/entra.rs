//! Microsoft's login service (Entra ID): applications that log in with a secret of their own, and what a
//! refused login means to the person who configured it.
//!
//! See [the client credentials grant](https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow)
//! and [the error codes](https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes).

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::oauth::{LoginRejection, TokenSource};
use crate::auth::{ClaimError, Claims};
use crate::ctim::HttpUrl;
use crate::escape::UrlBuilder;

/// A tenant: its id, or one of its verified domain names. Nothing in it can change the path of a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tenant(String);

impl Tenant {
    /// The tenant of this name: letters, digits, dots and hyphens, at most 253, beginning with a letter or
    /// digit and without two dots in a row. `None` for any other text.
    pub fn parse(name: &str) -> Option<Self> {
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        let fits = name.len() <= 253
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
            && !name.contains("..");
        (starts_well && fits).then(|| Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tenant's id, where that is its name.
    fn id(&self) -> Option<&str> {
        let parts: Vec<&str> = self.0.split('-').collect();
        let is_id = parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
            && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()));
        is_id.then_some(self.as_str())
    }
}

/// An application that is registered in a tenant, with a client secret.
#[derive(Clone)]
pub struct Application {
    /// The tenant.
    pub tenant: Tenant,
    /// Client id of the application.
    pub id: String,
    /// Its secret.
    pub secret: SecretString,
}

/// Names whose it is, not the secret.
impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("tenant", &self.tenant.as_str())
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Application {
    /// Reads the claims `tenant_id` and `client_secret`, and the client id from the claim `id_claim`.
    ///
    /// # Errors
    /// One is missing or blank, or the tenant's name cannot be one.
    pub fn from_claims(claims: &Claims, id_claim: &str) -> Result<Self, ClaimError> {
        let id = claims.required(id_claim)?.to_owned();
        let tenant = Tenant::parse(claims.required("tenant_id")?).ok_or_else(|| {
            ClaimError::new(
                "the claim `tenant_id` of the token is neither a tenant's id nor a domain name; copy \
                 \"Directory (tenant) ID\" from the application's page in the Entra admin center",
            )
        })?;
        Ok(Self { tenant, id, secret: claims.secret("client_secret")? })
    }

    /// What tells one tenant's credentials from another's, for [`crate::relay::Credentials::identity`].
    pub fn identity(&self) -> Vec<&str> {
        vec![self.tenant.as_str(), &self.id, self.secret.expose_secret()]
    }

    /// A page of a portal of Microsoft's, of this tenant where the token has its id.
    pub fn page(&self, portal: &Url, path: &'static str) -> Option<HttpUrl> {
        let page = UrlBuilder::new(portal).path(path);
        match self.tenant.id() {
            Some(id) => page.param("tid", id).link(),
            None => page.link(),
        }
    }

    /// Where its tokens come from. `login` is the base URL of the login service, `scope` what the tokens are
    /// for: an API's identifier followed by `/.default`.
    pub fn token_source(&self, login: &Url, scope: &str) -> TokenSource {
        let mut url = login.clone();
        // Needs no escaping: see `Tenant::parse`.
        url.set_path(&format!("{}/{}/oauth2/v2.0/token", login.path().trim_end_matches('/'), self.tenant.0));
        TokenSource {
            url,
            client_id: self.id.clone(),
            client_secret: self.secret.clone(),
            scope: scope.to_owned(),
            advice,
        }
    }
}

const UNKNOWN_TENANT: &str =
    "The tenant is unknown. Check the tenant id, and that the login URL is the one of the tenant's cloud";

/// What the codes of the login service mean, and what to do.
const ADVICE: &[(&[u32], &str)] = &[
    (
        &[7_000_215],
        "The client secret is wrong. Enter the secret's value, not its id, as it is shown when the secret is made",
    ),
    (
        &[7_000_222],
        "The client secret has expired. Make a new one under \"Certificates & secrets\" of the application \
         and enter its value",
    ),
    (&[90_002, 900_023], UNKNOWN_TENANT),
    (
        &[700_016],
        "The application is unknown in this tenant. Check the application id, and that it belongs to this tenant",
    ),
    (&[7_000_112], "The application is disabled in this tenant. An administrator has to enable it"),
    (
        &[65_001, 650_051, 650_052, 7_000_229],
        "Nobody has consented to the application in this tenant. An administrator has to grant admin consent \
         under \"API permissions\"",
    ),
    (
        &[70_011, 1_002_012],
        "The scope is wrong. Set RELAY_PROVIDER__SCOPE to the API of the tenant's cloud, followed by `/.default`",
    ),
    (
        &[500_011],
        "The tenant does not know the API that the scope names. Set RELAY_PROVIDER__SCOPE to the API of the tenant's \
         cloud, followed by `/.default`; if it is right, the tenant has no subscription of the product",
    ),
    (
        &[500_014],
        "The API is disabled in this tenant. Renew the subscription of the product if it has lapsed, or enable the \
         enterprise application of the API in the Entra admin center",
    ),
    (
        &[900_382, 900_432],
        "The tenant is in another cloud. Set RELAY_PROVIDER__LOGIN_URL, RELAY_PROVIDER__API_URL and \
         RELAY_PROVIDER__SCOPE to those of the tenant's cloud",
    ),
    (
        &[700_027],
        "The certificate is not registered with the application. Upload it under \"Certificates & secrets\" of the \
         application, or set RELAY_PROVIDER__CERTIFICATE_FILE to the one that is there",
    ),
    (
        &[700_024],
        "The proof of identity is outside its time. Set the clock of this host, and check that the file of a federated \
         token is renewed",
    ),
    (
        &[700_211, 700_212, 700_213],
        "No federated credential of the application fits the token. Compare its issuer, subject and audience with \
         those under \"Certificates & secrets\", \"Federated credentials\" of the application",
    ),
    (
        &[53_003],
        "A conditional access policy of the tenant forbids the login. Exempt the application or this host",
    ),
];

/// What a refused login means and what to do about it, where that is known.
pub fn advice(rejection: &LoginRejection) -> Option<String> {
    let code = rejection.description.as_deref().and_then(code);
    let known = ADVICE.iter().find(|(codes, _)| code.is_some_and(|code| codes.contains(&code)));
    match (known, rejection.status) {
        (Some((_, advice)), _) => Some((*advice).to_owned()),
        // A path without a tenant behind it.
        (None, 404) => Some(UNKNOWN_TENANT.to_owned()),
        (None, _) => None,
    }
}

/// The number in `AADSTS7000215: Invalid client secret provided. …`.
fn code(description: &str) -> Option<u32> {
    let (_, rest) = description.split_once("AADSTS")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn application(tenant: &str) -> Result<Application, ClaimError> {
        let claims = json!({"tenant_id": tenant, "application_id": "app", "client_secret": "s3cret"});
        let claims = claims.as_object().cloned().unwrap_or_default();
        Application::from_claims(&Claims::from(claims), "application_id")
    }

    #[test]
    fn a_page_is_of_the_tenant_where_the_token_has_its_id() {
        let portal = Url::parse("https://portal.example").expect("a URL");
        for (tenant, page) in [
            (
                "11111111-2222-4333-8444-555555555555",
                "https://portal.example/alerts?tid=11111111-2222-4333-8444-555555555555",
            ),
            ("corp.example", "https://portal.example/alerts"),
            ("11111111-2222-4333-8444-55555555555g", "https://portal.example/alerts"),
        ] {
            let application = application(tenant).expect("an application");
            assert_eq!(
                application.page(&portal, "alerts").map(|link| link.as_str().to_owned()).as_deref(),
                Some(page)
            );
        }
    }

    #[test]
    fn a_tenant_is_a_guid_or_a_domain() {
        for good in
            ["11111111-2222-4333-8444-555555555555", "corp.example", "a", "9x.example", &"a".repeat(253)]
        {
            assert_eq!(Tenant::parse(good).map(|tenant| tenant.0).as_deref(), Some(good));
        }
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "a..b",
            "-a",
            ".a",
            "a/b",
            "a%2fb",
            "a?b",
            "a#b",
            "a b",
            "a\n",
            "ä.example",
            "common\0",
            &"a".repeat(254),
        ] {
            assert_eq!(Tenant::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_refused_tenant_is_not_repeated_in_the_error() {
        let error = application("../s3cret").expect_err("no tenant").to_string();
        assert!(error.contains("`tenant_id`") && !error.contains("s3cret"), "{error}");
    }

    #[test]
    fn debug_shows_no_secret() {
        let application = application("corp.example").expect("good claims");
        let login = Url::parse("https://login.example/base/").expect("a URL");
        let source = application.token_source(&login, "https://graph.example/.default");
        assert_eq!(source.url.as_str(), "https://login.example/base/corp.example/oauth2/v2.0/token");
        let shown = format!("{application:?} {source:?}");
        assert!(shown.contains("corp.example") && !shown.contains("s3cret"), "{shown}");
    }

    proptest! {
        #[test]
        fn a_tenant_stays_one_segment_of_the_path(name in "\\PC{0,40}") {
            let login = Url::parse("https://login.example").expect("a URL");
            if let Ok(application) = application(&name) {
                let url = application.token_source(&login, "scope").url;
                prop_assert_eq!(url.as_str(), format!("https://login.example/{name}/oauth2/v2.0/token"));
            }
        }
    }

    fn rejection(status: u16, description: Option<&str>) -> LoginRejection {
        LoginRejection { status, error: None, description: description.map(str::to_owned), advice: None }
    }

    #[test]
    fn each_known_fault_has_its_advice() {
        let table = [
            ("AADSTS7000215: Invalid client secret provided.", "secret is wrong"),
            ("AADSTS7000222: The provided client secret keys are expired.", "secret has expired"),
            ("AADSTS90002: Tenant 'x' not found.", "tenant is unknown"),
            ("AADSTS700016: Application with identifier 'x' was not found.", "application is unknown"),
            ("AADSTS65001: The user or administrator has not consented.", "admin consent"),
            ("AADSTS70011: The provided value for 'scope' is not valid.", "scope is wrong"),
            ("AADSTS500011: The resource principal was not found.", "no subscription"),
            (
                "AADSTS500014: The service principal is disabled.",
                "subscription of the product if it has lapsed",
            ),
            ("AADSTS900382: Confidential Client is not supported in Cross Cloud request.", "another cloud"),
            (
                "AADSTS900432: Confidential Client is not supported in Cross Cloud request.",
                "RELAY_PROVIDER__LOGIN_URL",
            ),
            ("AADSTS700027: The certificate is not registered.", "certificate is not registered"),
            ("AADSTS700024: Client assertion is not within its valid time range.", "clock of this host"),
            ("AADSTS700211: No matching federated identity record found.", "issuer, subject and audience"),
            ("AADSTS700213: No matching federated identity record found.", "issuer, subject and audience"),
            ("AADSTS53003: Access has been blocked by Conditional Access policies.", "conditional access"),
            ("invalid_client: AADSTS7000112: Application is disabled.", "is disabled"),
        ];
        for (description, expected) in table {
            let advice = advice(&rejection(400, Some(description))).expect("advice");
            assert!(advice.contains(expected), "{description}: {advice}");
        }
        assert_eq!(advice(&rejection(400, Some("AADSTS1: Never heard of it."))), None);
        assert_eq!(advice(&rejection(401, Some("AADSTS: no number"))), None);
        assert_eq!(advice(&rejection(401, None)), None);
        assert!(advice(&rejection(404, None)).expect("advice").contains("tenant is unknown"));
    }
}
