//! Which applications may log in, and by which credential: a secret of the user's, or the operator's own certificate
//! or federated token, which must not be lent to strangers.

use std::path::Path;
use std::sync::Arc;

use super::super::Client;
use super::super::client_assertion::{CertificateFiles, Proof, TokenFile};
use super::{Application, Tenant};
use crate::auth::{ClaimError, Claims};
use crate::module::Setting;
use crate::settings::{ProviderSettings, SettingsError};

/// The row of a relay's settings that chooses the credential.
pub const CREDENTIAL: Setting = Setting::new(
    "provider.credential",
    "secret",
    "how the relay logs in: `secret` (claim `client_secret`), `certificate` or `federated`",
);
/// The row for the certificate.
pub const CERTIFICATE_FILE: Setting =
    Setting::new("provider.certificate_file", "", "PEM file of the certificate; it may hold the key too");
/// The row for its key.
pub const KEY_FILE: Setting = Setting::new(
    "provider.key_file",
    "",
    "PEM file of its RSA key (PKCS #8 or PKCS #1), 2048 bits or more, where the certificate's file does \
     not hold it",
);
/// The row for the file of a federated token.
pub const FEDERATED_TOKEN_FILE: Setting = Setting::new(
    "provider.federated_token_file",
    "",
    "file with the federated token, read anew for each login",
)
.or_from("AZURE_FEDERATED_TOKEN_FILE");
/// The row for the applications that may use the operator's credential.
pub const ALLOWED_APPLICATIONS: Setting = Setting::new(
    "provider.allowed_applications",
    "",
    "`tenant_id/application_id`, separated by commas: who may use the operator's credential; needed \
     unless `secret`",
);

/// How the applications of a relay log in. By default each with the secret of its claims.
#[derive(Default)]
pub struct Logins(Option<Own>);

/// The operator's own credential, and who may use it.
struct Own {
    proof: Proof,
    allowed: Vec<Allowed>,
}

/// An application of a tenant, in lower case.
struct Allowed {
    tenant: Tenant,
    id: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Credential {
    Secret,
    Certificate,
    Federated,
}

impl Logins {
    /// Reads the settings, and the files that they name.
    ///
    /// # Errors
    /// One is missing or of no use.
    pub fn start(settings: &ProviderSettings, client: &Client) -> Result<Self, SettingsError> {
        let choices = [
            ("secret", Credential::Secret),
            ("certificate", Credential::Certificate),
            ("federated", Credential::Federated),
        ];
        let credential = settings.choice("credential", &choices)?;
        if credential == Credential::Secret {
            return Ok(Self::default());
        }
        let allowed = allowed(settings)?;
        let needed = |name, what: &str| {
            let missing = || {
                let kind = settings.text("credential").unwrap_or_default();
                let problem = format!("is needed for RELAY_PROVIDER__CREDENTIAL={kind}: {what}");
                SettingsError::value(&format!("provider.{name}"), problem)
            };
            settings.text(name).map(Path::new).ok_or_else(missing)
        };
        let proof = if credential == Credential::Certificate {
            let certificate = needed("certificate_file", "the PEM file of the certificate")?;
            let key = settings.text("key_file").map(Path::new);
            Proof::Certificate(Arc::new(CertificateFiles::open(certificate, key, client.metrics())?))
        } else {
            let file = needed("federated_token_file", "the file in which the token is kept up to date")?;
            let file = TokenFile::open(file)
                .map_err(|problem| SettingsError::value("provider.federated_token_file", problem))?;
            Proof::Federated(Arc::new(file))
        };
        Ok(Self(Some(Own { proof, allowed })))
    }

    /// Checks what [`Logins::application`] would read, by the settings alone: without the files that they name, and
    /// without a list where there is none.
    ///
    /// # Errors
    /// As [`Logins::application`].
    pub fn check(settings: &ProviderSettings, claims: &Claims, id_claim: &str) -> Result<(), ClaimError> {
        if settings.text("credential") == Some("secret") {
            return Self::default().application(claims, id_claim).map(drop);
        }
        let (tenant, id) = named(claims, id_claim)?;
        match allowed(settings) {
            Ok(list) if !list.iter().any(|allowed| allowed.fits(&tenant, id)) => {
                Err(stranger(&tenant, id_claim))
            }
            _ => Ok(()),
        }
    }

    /// Reads the claims `tenant_id`, that of the client id, and, where it is the proof, `client_secret`.
    ///
    /// # Errors
    /// One is missing or blank, the tenant's name cannot be one, or the operator does not allow the application.
    pub fn application(&self, claims: &Claims, id_claim: &str) -> Result<Application, ClaimError> {
        let (tenant, id) = named(claims, id_claim)?;
        let Some(own) = &self.0 else {
            let proof = Proof::Secret(claims.secret("client_secret")?);
            return Ok(Application { tenant, id: id.to_owned(), proof });
        };
        let found = own.allowed.iter().find(|allowed| allowed.fits(&tenant, id));
        let Allowed { tenant, id } = found.ok_or_else(|| stranger(&tenant, id_claim))?;
        Ok(Application { tenant: tenant.clone(), id: id.clone(), proof: own.proof.clone() })
    }
}

impl Allowed {
    fn fits(&self, tenant: &Tenant, id: &str) -> bool {
        self.tenant.as_str().eq_ignore_ascii_case(tenant.as_str()) && self.id.eq_ignore_ascii_case(id)
    }
}

/// The application that claims name.
fn named<'c>(claims: &'c Claims, id_claim: &str) -> Result<(Tenant, &'c str), ClaimError> {
    let id = claims.required(id_claim)?;
    let tenant = Tenant::parse(claims.required("tenant_id")?).ok_or_else(|| {
        ClaimError::new(
            "the claim `tenant_id` of the token is neither a tenant's id nor a domain name; copy \
             \"Directory (tenant) ID\" from the application's page in the Entra admin center",
        )
    })?;
    Ok((tenant, id))
}

/// The error of an application that is not on the list.
fn stranger(tenant: &Tenant, id_claim: &str) -> ClaimError {
    let hint = if tenant.as_str().contains('.') {
        "; `tenant_id` is a domain name, which does not match the tenant's id on the list: enter \"Directory (tenant) ID\""
    } else {
        ""
    };
    ClaimError::new(format!(
        "the relay logs in with a credential of its operator, who has not allowed this pair of `tenant_id` and \
         `{id_claim}`; correct them, or have the operator add the pair to RELAY_PROVIDER__ALLOWED_APPLICATIONS{hint}"
    ))
}

fn allowed(settings: &ProviderSettings) -> Result<Vec<Allowed>, SettingsError> {
    let problem = |problem: String| SettingsError::value(ALLOWED_APPLICATIONS.key, problem);
    let entries = settings.list("allowed_applications");
    if entries.is_empty() {
        return Err(problem(
            "is needed, since otherwise the relay would log in for everybody with its own credential: list \
             tenant_id/application_id of those who may use it, separated by commas"
                .to_owned(),
        ));
    }
    let entry = |text: &String| {
        let parts = text.to_ascii_lowercase();
        let parts = parts.split_once('/').map(|(tenant, id)| (tenant.trim(), id.trim()));
        let read = parts.filter(|(_, id)| !id.is_empty() && !id.contains('/'));
        let read =
            read.and_then(|(tenant, id)| Some(Allowed { tenant: Tenant::parse(tenant)?, id: id.to_owned() }));
        read.ok_or_else(|| problem(format!("`{text}` is not tenant_id/application_id")))
    };
    entries.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use relay_testkit::identity::Folder;
    use serde_json::json;

    use super::*;

    /// What tells the credentials of a token from others.
    fn identity(logins: &Logins, secret: &str) -> Vec<String> {
        let claims = json!({"tenant_id": "t", "application_id": "a", "client_secret": secret});
        let claims = Claims::from(claims.as_object().cloned().unwrap_or_default());
        let application = logins.application(&claims, "application_id").expect("good claims");
        application.identity().into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn kinds_of_credentials_are_told_apart_and_a_secret_counts_only_where_it_is_the_proof() {
        let folder = Folder::default();
        let file = TokenFile::open(Path::new(&folder.write("token", "x.y.z"))).expect("a token");
        let tenant = Tenant::parse("t").expect("a tenant");
        let allowed = vec![Allowed { tenant, id: "a".to_owned() }];
        let own = Logins(Some(Own { proof: Proof::Federated(Arc::new(file)), allowed }));
        assert_eq!(identity(&own, "one"), identity(&own, "two"));
        let by_secret = Logins::default();
        assert_ne!(identity(&by_secret, "one"), identity(&by_secret, "two"));
        assert_ne!(identity(&by_secret, "one"), identity(&own, "one"));
        // Both begin with the kind.
        assert_eq!((&*identity(&by_secret, "one")[0], &*identity(&own, "one")[0]), ("secret", "federated"));
    }
}
