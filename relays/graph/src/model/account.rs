//! Accounts (<https://learn.microsoft.com/en-us/graph/api/resources/user>).

use relay_core::lenient::{self, List};
use serde::{Deserialize, Serialize};

/// An account.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Account {
    /// Its id.
    #[serde(deserialize_with = "super::text")]
    pub id: Option<String>,
    /// What it is called.
    #[serde(deserialize_with = "super::text")]
    pub display_name: Option<String>,
    /// Its name for logging in.
    #[serde(deserialize_with = "super::text")]
    pub user_principal_name: Option<String>,
    /// Whether it may log in.
    #[serde(deserialize_with = "lenient::field")]
    pub account_enabled: Option<bool>,
    /// `Member` or `Guest`.
    #[serde(deserialize_with = "super::text")]
    pub user_type: Option<String>,
    /// Whether it is mastered in a directory on premises.
    #[serde(deserialize_with = "lenient::field")]
    pub on_premises_sync_enabled: Option<bool>,
}

/// The properties that are asked for.
pub const PROPERTIES: &str =
    "id,displayName,userPrincipalName,mail,accountEnabled,userType,onPremisesSyncEnabled";

/// The accounts that a filter finds.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Accounts {
    /// The accounts; nothing where there is no list.
    #[serde(deserialize_with = "lenient::field")]
    pub value: Option<List<Account>>,
}

/// A change of an account.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Whether it may log in.
    pub account_enabled: bool,
}

/// The answer to a revocation.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Revocation {
    /// Whether it was carried out.
    #[serde(deserialize_with = "lenient::field")]
    pub value: Option<bool>,
}

lenient::object!(Account, Accounts, Revocation);
