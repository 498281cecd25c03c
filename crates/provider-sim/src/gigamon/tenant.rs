//! Who may call what.

use super::refusal::error;
use crate::reply::Reply;
use crate::request::{Request, split_suffix};

/// One of the APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// Detections, rules and events of detections.
    Detections,
    /// The search in all events.
    Events,
    /// What is known of addresses, names and files.
    Entity,
}

/// An account: a customer's network.
#[derive(Debug, PartialEq, Eq)]
pub struct Account {
    /// Its code, as events name it.
    pub code: &'static str,
    /// Its uuid, as detections name it.
    pub uuid: &'static str,
    /// What it is called.
    pub name: &'static str,
}

/// The provider's own account for demonstrations, which every token sees.
pub const DEMO: Account = Account { code: "dmo", uuid: "6bc3d2f1-af77-4236-a9db-17dacd06e4d9", name: "Demo" };
/// The provider's own account for training, which every token sees.
pub const TRAINING: Account =
    Account { code: "chg", uuid: "f6f6f836-8bcd-4f5d-bd61-68d303c4f634", name: "Training" };

/// What becomes of a tenant's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// All of them are answered.
    Full,
    /// Only these APIs are, others are forbidden.
    Only(Api),
    /// None is.
    Forbidden,
    /// None is: too many.
    Limited,
    /// All of them are answered, but for searches with lists of values.
    NoLists,
}

/// A tenant.
#[derive(Debug, PartialEq, Eq)]
pub struct Tenant {
    /// The API token.
    pub token: &'static str,
    /// The network that it is about.
    pub account: Account,
    /// What it may do.
    pub access: Access,
}

const ACME: Account = Account { code: "acm", uuid: "3b1f8a52-6a0d-4a44-8f5b-9d8a5a7b1e01", name: "Acme" };

/// All tenants. Any other token is refused as revoked.
pub const TENANTS: &[Tenant] = &[
    Tenant { token: "demo-token", account: ACME, access: Access::Full },
    Tenant {
        token: "other-token",
        account: Account { code: "bex", uuid: "c0d9c1a4-5a83-4d0b-9a59-6b5f6f0f7e02", name: "Bexley" },
        access: Access::Full,
    },
    Tenant { token: "detections-token", account: ACME, access: Access::Only(Api::Detections) },
    Tenant { token: "forbidden-token", account: ACME, access: Access::Forbidden },
    Tenant { token: "no-lists-token", account: ACME, access: Access::NoLists },
    Tenant { token: "limited-token", account: ACME, access: Access::Limited },
];

/// The tenant of the token that a call carries.
pub(super) fn of(request: &Request) -> Result<&'static Tenant, Reply> {
    let token = request.credential("IBToken").map(|token| split_suffix(token).0);
    TENANTS
        .iter()
        .find(|tenant| Some(tenant.token) == token)
        .ok_or_else(|| error(401, "client.invalid_authentication", "Authentication is invalid."))
}

impl Tenant {
    /// Whether it may use an API.
    pub(super) fn may(&self, api: Api) -> Result<(), Reply> {
        let forbidden = || Err(error(403, "client.forbidden", "You do not have permission to do this."));
        match self.access {
            Access::Full | Access::NoLists => Ok(()),
            Access::Only(only) if only == api => Ok(()),
            Access::Only(_) | Access::Forbidden => forbidden(),
            Access::Limited => {
                Err(error(429, "client.too_many_requests", "Too many requests.").header("Retry-After", "60"))
            }
        }
    }

    /// Whether it may search for lists of values.
    pub(super) fn may_list(&self, lists: bool) -> Result<(), Reply> {
        if lists && self.access == Access::NoLists {
            return Err(error(400, "client.invalid_query", "Unexpected token IN."));
        }
        Ok(())
    }

    /// Whether it may see an account, where a call names one.
    pub(super) fn may_see(&self, account: Option<&str>) -> Result<(), Reply> {
        match account {
            Some(uuid) if !self.accounts().iter().any(|account| account.uuid == uuid) => {
                Err(error(403, "client.forbidden", "You do not have access to this account."))
            }
            _ => Ok(()),
        }
    }

    /// The accounts that it sees data of, its own first.
    pub(super) fn accounts(&self) -> [&Account; 3] {
        [&self.account, &DEMO, &TRAINING]
    }
}
