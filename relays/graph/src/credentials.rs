//! What a token carries: an application of the tenant, and who asks.

use relay_core::auth::{ClaimError, Claims};
use relay_core::provider::entra::{Application, Logins};
use relay_core::relay::Credentials;

/// The claim that names the application.
pub(crate) const ID_CLAIM: &str = "application_id";

/// An application of the tenant, and as much as the token says of the person or module behind the request.
pub struct GraphCredentials {
    pub(crate) application: Application,
    /// Who asks, for the audit log: [`Claims::asker`].
    pub(crate) asker: String,
}

impl Credentials for GraphCredentials {
    fn from_claims(claims: &Claims) -> Result<Self, ClaimError> {
        Self::read(claims, &Logins::default())
    }

    fn identity(&self) -> Vec<&str> {
        self.application.identity()
    }
}

/// Tenant and application, for what is remembered of them: another secret changes nothing of it.
pub(crate) type Owner = (String, String);

impl GraphCredentials {
    /// Those of a token, for a relay that logs in as the operator chose.
    pub(crate) fn read(claims: &Claims, logins: &Logins) -> Result<Self, ClaimError> {
        let application = logins.application(claims, ID_CLAIM)?;
        Ok(Self { application, asker: claims.asker() })
    }

    /// The tenant and application that they belong to.
    pub(crate) fn owner(&self) -> Owner {
        (self.application.tenant.as_str().to_ascii_lowercase(), self.application.id.clone())
    }
}
