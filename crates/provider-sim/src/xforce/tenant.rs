//! Who may call, and how much.

use std::collections::HashMap;
use std::sync::Mutex;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

use super::call::Call;
use super::refusal::error;
use crate::lock::locked;
use crate::reply::Reply;
use crate::request::{Request, split_suffix};

/// The password of every key.
pub const PASSWORD: &str = "demo-password";

/// What becomes of a tenant's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A subscription with a number of records a month, `used` of them before the simulator started.
    Quota {
        /// `premium` or `free`.
        plan: &'static str,
        /// Records a month.
        entitlement: u64,
        /// Records used already.
        used: u64,
    },
    /// No subscription: 402 to everything.
    Unsubscribed,
    /// Not entitled: 403 to everything.
    Forbidden,
    /// Always too fast: 429 to everything.
    Limited,
}

/// A tenant.
#[derive(Debug, PartialEq, Eq)]
pub struct Tenant {
    /// The API key, which is the user name.
    pub key: &'static str,
    /// What it may do.
    pub access: Access,
}

/// All tenants; every password is [`PASSWORD`].
pub const TENANTS: &[Tenant] = &[
    Tenant { key: "demo-key", access: Access::Quota { plan: "premium", entitlement: 10_000, used: 312 } },
    Tenant { key: "other-key", access: Access::Quota { plan: "premium", entitlement: 10_000, used: 0 } },
    // Ten records and it is over: shows how a quota runs out.
    Tenant { key: "trial", access: Access::Quota { plan: "free", entitlement: 5_000, used: 4_990 } },
    Tenant { key: "exhausted", access: Access::Quota { plan: "free", entitlement: 5_000, used: 5_000 } },
    Tenant { key: "unsubscribed", access: Access::Unsubscribed },
    Tenant { key: "forbidden", access: Access::Forbidden },
    Tenant { key: "limited", access: Access::Limited },
];

/// The account that a call is made for: a tenant, and the key, which identifies it among others of that tenant.
pub(super) struct Account {
    tenant: &'static Tenant,
    key: String,
}

/// The account of the credentials that a call carries.
pub(super) fn of(request: &Request) -> Result<Account, Reply> {
    let given = request.basic().filter(|(_, password)| password == PASSWORD);
    let account = given.and_then(|(key, _)| {
        let tenant = TENANTS.iter().find(|tenant| tenant.key == split_suffix(&key).0)?;
        Some(Account { tenant, key })
    });
    account.ok_or_else(|| error(401, "Not authorized."))
}

/// Records used per key since the start.
#[derive(Debug, Default)]
pub(super) struct Usage(Mutex<HashMap<String, u64>>);

impl Usage {
    /// Pays for a call, or refuses it.
    pub(super) fn spend(&self, account: &Account, call: &Call<'_>) -> Result<(), Reply> {
        match account.tenant.access {
            Access::Unsubscribed => Err(error(402, "No active API subscription.")),
            Access::Forbidden => Err(error(403, "Access denied.")),
            Access::Limited => Err(error(429, "Rate limit exceeded.")),
            Access::Quota { entitlement, used, .. } => {
                let mut spent = locked(&self.0);
                let spent = spent.entry(account.key.clone()).or_default();
                if used + *spent + call.cost() > entitlement {
                    return Err(error(402, "Monthly quota exceeded."));
                }
                *spent += call.cost();
                Ok(())
            }
        }
    }

    /// The answer to the usage call. As the provider does, it mixes numbers and numeric strings, and lists a
    /// subscription that counts nothing.
    pub(super) fn report(&self, account: &Account) -> Reply {
        let Access::Quota { plan, entitlement, used } = account.tenant.access else {
            return Reply::json(200, &json!([]));
        };
        let used = used + locked(&self.0).get(&account.key).copied().unwrap_or_default();
        let cycles: Vec<Value> = if used == 0 {
            Vec::new()
        } else {
            // The newest first; before, a little more was used each month.
            let month = |months: i64| {
                let day = Timestamp::now().to_zoned(TimeZone::UTC).date().first_of_month();
                day.saturating_sub(Span::new().months(months)).strftime("%Y-%m").to_string()
            };
            let earlier =
                (1..8).map(|months| json!({"cycle": month(months), "usage": (40 * months).to_string()}));
            std::iter::once(json!({"cycle": month(0), "usage": used})).chain(earlier).collect()
        };
        let usage = json!({"type": plan, "entitlement": entitlement.to_string(), "usage": cycles});
        Reply::json(
            200,
            &json!([{"subscriptionType": "api", "usageData": usage}, {"subscriptionType": "feed"}]),
        )
    }

    pub(super) fn reset(&self) {
        locked(&self.0).clear();
    }
}
