//! Microsoft's login service (Entra ID): applications that log in with a secret, a certificate or a federated token
//! ([`Logins`]), and what a refused login means to the person who configured it (`advice`).
//!
//! See [the client credentials grant](https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow).

mod advice;
mod logins;

use std::fmt;

use url::Url;

pub use logins::{
    ALLOWED_APPLICATIONS, CERTIFICATE_FILE, CREDENTIAL, FEDERATED_TOKEN_FILE, KEY_FILE, Logins,
};

use super::client_assertion::Proof;
use super::oauth::TokenSource;
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

/// An application that is registered in a tenant, with what proves that it is the one.
#[derive(Clone)]
pub struct Application {
    /// The tenant.
    pub tenant: Tenant,
    /// Client id of the application.
    pub id: String,
    proof: Proof,
}

/// Names it, not its proof.
impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("tenant", &self.tenant.as_str())
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Application {
    /// What tells one tenant's credentials from another's, for [`crate::relay::Credentials::identity`]: also their
    /// kind, so that none is answered with what another kind may see.
    pub fn identity(&self) -> Vec<&str> {
        vec![self.proof.kind(), self.tenant.as_str(), &self.id, self.proof.of_user()]
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
            proof: self.proof.clone(),
            scope: scope.to_owned(),
            advice: advice::advice,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{ClaimError, Claims};
    use proptest::prelude::*;
    use serde_json::json;

    fn application(tenant: &str) -> Result<Application, ClaimError> {
        let claims = json!({"tenant_id": tenant, "application_id": "app", "client_secret": "s3cret"});
        let claims = claims.as_object().cloned().unwrap_or_default();
        Logins::default().application(&Claims::from(claims), "application_id")
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
}
