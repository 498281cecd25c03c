//! What an account has used of the provider's quota, as `/health` reports it.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::tiles::{month_end, month_start};

/// A quota of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountQuota {
    name: String,
    description: String,
    used: u64,
    allowed: u64,
    start: Timestamp,
    end: Timestamp,
}

impl AccountQuota {
    /// One of the calendar month, of UTC. The name is of a few fixed ones: it is a label of a metric.
    pub fn of_month(name: String, description: String, used: u64, allowed: u64, now: Timestamp) -> Self {
        Self { name, description, used, allowed, start: month_start(now), end: month_end(now) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn left(&self) -> u64 {
        self.allowed.saturating_sub(self.used)
    }

    /// As the platform reads it.
    pub(crate) fn json(&self) -> Value {
        let time = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        json!({"description": self.description, "values": {
            "bucket_unit": "month",
            "bucket_limit": self.allowed,
            "current_bucket_consumption": self.used,
            "current_bucket_start_time": time(self.start),
            "current_bucket_end_time": time(self.end),
            "current_bucket_limit_reached": self.left() == 0,
        }})
    }
}
