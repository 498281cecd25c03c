//! What a token carries: the application that the provider knows, and who asks.

use relay_core::auth::{ClaimError, Claims};
use relay_core::provider::entra::{Application, Logins};
use relay_core::relay::Credentials;

/// The claim that names the application.
pub(crate) const ID_CLAIM: &str = "client_id";

/// The application, and what the token says of the person or module behind the request.
#[derive(Debug)]
pub struct Account {
    /// The application registered in the tenant.
    pub application: Application,
    /// Who asks, for the audit log: [`Claims::asker`].
    pub asker: String,
}

impl Credentials for Account {
    fn from_claims(claims: &Claims) -> Result<Self, ClaimError> {
        Self::read(claims, &Logins::default())
    }

    fn identity(&self) -> Vec<&str> {
        self.application.identity()
    }
}

impl Account {
    /// That of a token, for a relay that logs in as the operator chose.
    pub(crate) fn read(claims: &Claims, logins: &Logins) -> Result<Self, ClaimError> {
        Ok(Self { application: logins.application(claims, ID_CLAIM)?, asker: claims.asker() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn debug_shows_no_secret() {
        let claims = json!({"client_id": "app", "tenant_id": "corp.example", "client_secret": "s3cret"});
        let account = Account::from_claims(&Claims::from(claims.as_object().unwrap().clone())).unwrap();
        let shown = format!("{account:?}");
        assert!(shown.contains("corp.example") && !shown.contains("s3cret"), "{shown}");
    }
}
