//! What a token carries: the account and its region.

use relay_core::auth::{ClaimError, Claims};
use relay_core::relay::Credentials;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use uuid::Uuid;

use crate::settings::Region;

/// The provider's Demo and Training accounts, by code and uuid: their data is not about the user's network.
const TEST_ACCOUNTS: [&str; 4] =
    ["dmo", "6bc3d2f1-af77-4236-a9db-17dacd06e4d9", "chg", "f6f6f836-8bcd-4f5d-bd61-68d303c4f634"];

/// An API token and what goes with it.
pub struct ApiToken {
    /// The token itself.
    pub(crate) token: SecretString,
    /// Where the account is, if the token says.
    pub(crate) region: Option<Region>,
    /// The UUID of the only account to return detections of.
    pub(crate) account: Option<String>,
    /// Whether muted detections are shown, if the token says.
    pub(crate) show_muted: Option<bool>,
    pub(crate) test_accounts: bool,
}

impl ApiToken {
    /// Whether data of this account, named by code or uuid, may be shown. Data of no account may.
    pub(crate) fn allows(&self, account: Option<&str>) -> bool {
        self.test_accounts || account.is_none_or(|account| !TEST_ACCOUNTS.contains(&account))
    }
}

impl Credentials for ApiToken {
    fn from_claims(claims: &Claims) -> Result<Self, ClaimError> {
        Ok(Self {
            token: claims.header_secret("key")?,
            region: optional(claims, "region", Region::named, "one of `icebrg`, `us` and `eu`")?,
            account: optional(claims, "account_uuid", uuid, "a UUID")?,
            show_muted: claims.flag("SHOW_MUTED"),
            test_accounts: claims.flag("GTI_ALLOW_TEST_ACCOUNTS").unwrap_or(false),
        })
    }

    fn identity(&self) -> Vec<&str> {
        vec![self.token.expose_secret()]
    }
}

/// A claim that may be missing, null or blank (fields of a form that were left empty), but not wrong.
fn optional<T>(
    claims: &Claims,
    name: &str,
    read: impl Fn(&str) -> Option<T>,
    wanted: &str,
) -> Result<Option<T>, ClaimError> {
    match claims.raw(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(value) => match value.as_str().and_then(read) {
            Some(read) => Ok(Some(read)),
            None => Err(ClaimError::new(format!("the claim `{name}` of the token is not {wanted}"))),
        },
    }
}

fn uuid(text: &str) -> Option<String> {
    Some(Uuid::try_parse(text.trim()).ok()?.hyphenated().to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(claims: &Value) -> Result<ApiToken, String> {
        let mut all = json!({"key": "t"});
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        ApiToken::from_claims(&Claims::from(all.as_object().unwrap().clone())).map_err(|e| e.to_string())
    }

    #[test]
    fn optional_claims_may_be_left_empty() {
        for empty in [json!({}), json!({"region": null, "account_uuid": " "}), json!({"region": ""})] {
            let token = read(&empty).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((token.region, token.account), (None, None));
        }
    }

    #[test]
    fn a_wrong_claim_is_named_without_its_value() {
        for (claims, name) in [
            (json!({"region": "http://evil"}), "`region`"),
            (json!({"region": 5}), "`region`"),
            (json!({"account_uuid": "hunter2"}), "`account_uuid`"),
            (json!({"key": "hunter2\n3"}), "`key`"),
            (json!({"key": "абв"}), "`key`"),
            (json!({"key": " "}), "`key`"),
        ] {
            let error = read(&claims).err().unwrap_or_default();
            assert!(error.contains(name) && !error.contains("hunter2"), "{claims}: {error}");
        }
    }

    #[test]
    fn test_accounts_are_hidden_by_either_name_unless_the_switch_is_readably_on() {
        for (switch, shown) in [
            (json!(null), false),
            (json!("maybe"), false),
            (json!(7), false),
            (json!("False"), false),
            (json!(true), true),
            (json!("TRUE"), true),
            (json!(1), true),
            (json!("1"), true),
        ] {
            let token = read(&json!({"GTI_ALLOW_TEST_ACCOUNTS": switch})).unwrap();
            for test in TEST_ACCOUNTS {
                assert_eq!(token.allows(Some(test)), shown, "{switch} {test}");
            }
            assert!(token.allows(Some("acm")) && token.allows(None));
        }
    }
}
