//! What a token carries: the application that the provider knows, and who asks.

use relay_core::auth::{ClaimError, Claims};
use relay_core::provider::entra::Application;
use relay_core::relay::Credentials;
use relay_core::text::sanitized;

/// The application, and as much as the token tells of the person or module behind the request.
#[derive(Debug)]
pub struct Account {
    /// The application registered in the tenant.
    pub application: Application,
    /// Who asks, for the audit log: `sub=… org_id=…`, or `unknown`.
    pub asker: String,
}

/// Claims that may tell who asks. None is required, none is a secret.
const NAMING: [&str; 8] = ["sub", "email", "user_email", "user_name", "user_id", "org_id", "iss", "jti"];
/// How much of each is repeated, in characters.
const LENGTH: usize = 100;

impl Credentials for Account {
    fn from_claims(claims: &Claims) -> Result<Self, ClaimError> {
        Ok(Self { application: Application::from_claims(claims, "client_id")?, asker: asker(claims) })
    }

    fn identity(&self) -> Vec<&str> {
        self.application.identity()
    }
}

fn asker(claims: &Claims) -> String {
    let named = NAMING.iter().filter_map(|name| {
        let text = claims.text(name)?;
        // Quoted, so that no value can pretend to be another field of the log line.
        Some(format!("{name}={:?}", sanitized(text, LENGTH)))
    });
    let named: Vec<String> = named.collect();
    if named.is_empty() { "unknown".to_owned() } else { named.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn account(more: &Value) -> Account {
        let mut claims = json!({"client_id": "app", "tenant_id": "corp.example", "client_secret": "s3cret"});
        for (name, value) in more.as_object().unwrap() {
            claims[name.as_str()] = value.clone();
        }
        Account::from_claims(&Claims::from(claims.as_object().unwrap().clone())).unwrap()
    }

    #[test]
    fn the_token_tells_who_asks() {
        assert_eq!(account(&json!({})).asker, "unknown");
        assert_eq!(account(&json!({"sub": "u-1", "org_id": 7})).asker, r#"sub="u-1""#);
        let forged = account(&json!({"email": "a\" outcome=\"success\n"}));
        assert_eq!(forged.asker, r#"email="a\" outcome=\"success ""#);
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", account(&json!({})));
        assert!(shown.contains("corp.example") && !shown.contains("s3cret"), "{shown}");
    }
}
