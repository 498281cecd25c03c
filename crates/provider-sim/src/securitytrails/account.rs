//! Who may call, how fast and how much.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::json;

use super::call::Call;
use super::refusal::{error, not_in_plan};
use crate::lock::locked;
use crate::quota::{Limit, Quotas};
use crate::reply::Reply;
use crate::request::{Request, split_suffix};

/// What an account may do.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// The API key.
    pub key: &'static str,
    /// Calls per second.
    pub per_second: u64,
    /// Queries left this month when the simulator starts.
    pub queries: u64,
    /// Whether the question for the usage costs a query too.
    pub counts_usage: bool,
    /// Whether the search for domains is included.
    pub search: bool,
    /// Whether the key is good. One that is not is refused as the older gateway did it, with 403.
    pub valid: bool,
}

/// Queries of the month before the simulator started.
const BEFORE: u64 = 312;

const FULL: Plan = Plan {
    key: "demo-key",
    per_second: 50,
    queries: 100_000,
    counts_usage: false,
    search: true,
    valid: true,
};

/// All plans.
pub const PLANS: &[Plan] = &[
    FULL,
    // As good as no limit: for benchmarks.
    Plan { key: "unlimited", per_second: 100_000, queries: u64::MAX, ..FULL },
    // The limits that real accounts were seen with.
    Plan { key: "five-a-second", per_second: 5, ..FULL },
    Plan { key: "two-a-second", per_second: 2, ..FULL },
    Plan { key: "small-plan", search: false, ..FULL },
    // Three queries and it is over: shows how a quota runs out.
    Plan { key: "trial", queries: 3, ..FULL },
    // The question for the usage costs a query of its own.
    Plan { key: "counts-usage", counts_usage: true, ..FULL },
    Plan { key: "exhausted", queries: 0, ..FULL },
    Plan { key: "retired", valid: false, ..FULL },
];

/// The account that a call is made for: a plan, and the key, which identifies it among others of that plan.
#[derive(Debug)]
pub(super) struct Account<'a> {
    plan: &'static Plan,
    key: &'a str,
}

/// The account of the key that a call carries.
pub(super) fn of(request: &Request) -> Result<Account<'_>, Reply> {
    let account = known(request).ok_or_else(|| {
        // As the provider says it today: plain text, with no word of its type.
        Reply { body: "Please check user credentials".into(), ..Reply::empty(401) }
    })?;
    if !account.plan.valid {
        return Err(error(403, "Invalid authentication credentials"));
    }
    Ok(account)
}

fn known(request: &Request) -> Option<Account<'_>> {
    let key = request.header("apikey")?;
    let plan = PLANS.iter().find(|plan| plan.key == split_suffix(key).0)?;
    Some(Account { plan, key })
}

/// What the accounts have used since the start, by key.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    queries: Mutex<HashMap<String, u64>>,
    calls: Quotas<String>,
}

impl Plan {
    fn limit(&self) -> Limit {
        Limit { most: self.per_second, per: Duration::from_secs(1) }
    }
}

impl Accounts {
    /// Lets a call through, or refuses it because of the limit per second.
    pub(super) fn throttle(&self, account: &Account<'_>) -> Result<(), Reply> {
        let spent = self.calls.spend(account.key.to_owned(), 1, &[account.plan.limit()], Instant::now());
        spent.map_err(|_| error(429, "API rate limit exceeded"))
    }

    /// Takes a query off the month's, or refuses.
    pub(super) fn pay(&self, account: &Account<'_>, call: &Call<'_>) -> Result<(), Reply> {
        if matches!(call, Call::Domains { .. }) && !account.plan.search {
            return Err(not_in_plan());
        }
        let cost = match call {
            Call::Usage => u64::from(account.plan.counts_usage),
            call => call.cost(),
        };
        let mut all = locked(&self.queries);
        let queries = all.entry(account.key.to_owned()).or_default();
        if *queries + cost > account.plan.queries {
            return Err(error(429, "You've exceeded the usage limits for your account."));
        }
        *queries += cost;
        Ok(())
    }

    /// The limit per second of a call's account, and how much of it is left now.
    pub(super) fn rate(&self, request: &Request) -> (u64, u64) {
        let Some(Account { plan, key }) = known(request) else { return (FULL.per_second, FULL.per_second) };
        (plan.per_second, self.calls.remaining(&key.to_owned(), plan.limit(), Instant::now()))
    }

    /// What the account has used. As the provider does, it counts the month's queries before the simulator started.
    pub(super) fn usage(&self, request: &Request) -> Reply {
        let Some(Account { plan, key }) = known(request) else {
            return error(401, "Please check user credentials");
        };
        let used = BEFORE + locked(&self.queries).get(key).copied().unwrap_or_default();
        let allowed = plan.queries.saturating_add(BEFORE);
        Reply::json(200, &json!({"current_monthly_usage": used, "allowed_monthly_usage": allowed}))
    }

    pub(super) fn reset(&self) {
        locked(&self.queries).clear();
        self.calls.reset();
    }
}
