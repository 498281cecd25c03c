//! What a token carries: an application of the tenant, with its secret.

use relay_core::auth::{ClaimError, Claims};
use relay_core::provider::entra::Application;
use relay_core::relay::Credentials;

/// An application of the tenant.
pub struct GraphCredentials(pub(crate) Application);

impl Credentials for GraphCredentials {
    fn from_claims(claims: &Claims) -> Result<Self, ClaimError> {
        Application::from_claims(claims, "application_id").map(Self)
    }

    fn identity(&self) -> Vec<&str> {
        self.0.identity()
    }
}

/// Tenant and application, for what is remembered of them: another secret changes nothing of it.
pub(crate) type Whose = (String, String);

impl GraphCredentials {
    /// Whose credentials they are.
    pub(crate) fn whose(&self) -> Whose {
        (self.0.tenant.as_str().to_ascii_lowercase(), self.0.id.clone())
    }
}
