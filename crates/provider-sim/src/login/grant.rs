//! Access tokens. They contain everything that an API needs to authorize a call.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::directory::Tenant;

/// Signs tokens, only so that the simulator recognises its own.
const KEY: &[u8] = b"the simulator signs its own tokens";

/// The claims of a token, with the real names
/// ([documentation](https://learn.microsoft.com/en-us/entra/identity-platform/access-token-claims-reference)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The API that the token is for.
    pub aud: String,
    /// Id of the tenant.
    pub tid: String,
    /// Client id of the application.
    pub appid: String,
    /// Permissions that were consented to.
    pub roles: Vec<String>,
    /// Suffix of the secret that the application logged in with: what follows the first `.` in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// When it was issued, in seconds since 1970.
    pub iat: i64,
    /// When it expires, in seconds since 1970.
    pub exp: i64,
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// There is none.
    Missing,
    /// It is not one of this login service.
    Malformed,
    /// It has expired.
    Expired,
    /// It is for another API.
    WrongAudience,
}

impl Grant {
    /// The token with these claims.
    pub fn sign(&self) -> String {
        let encode = |part: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&json!({"typ": "JWT", "alg": "HS256"})), encode(&json!(self)));
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, KEY), signed.as_bytes());
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// The claims of a token of this login service; none for any other text.
    pub fn read(token: &str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, KEY), signed.as_bytes(), &signature).ok()?;
        let (_, facts) = signed.split_once('.')?;
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(facts).ok()?).ok()
    }

    /// Whether it has one of these permissions.
    pub fn has_any(&self, roles: &[&str]) -> bool {
        self.roles.iter().any(|role| roles.contains(&role.as_str()))
    }

    /// What quotas of the tenant count by.
    pub fn tenant_key(&self) -> String {
        format!("{} {}", self.tid, self.suffix.as_deref().unwrap_or_default())
    }

    /// The tenant.
    pub fn tenant(&self) -> Option<&'static Tenant> {
        Tenant::find(&self.tid)
    }
}
