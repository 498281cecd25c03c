//! Calls per time, for each application in each tenant and each API.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::fault::Fault;
use crate::locked;
use crate::login::Grant;

/// So many calls within a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) calls: usize,
    pub(super) per: Duration,
}

/// Whose calls of which API: tenant, application, name.
type Key = (String, String, &'static str);

/// When calls were made.
#[derive(Debug, Default)]
pub(super) struct Quotas(Mutex<HashMap<Key, VecDeque<Instant>>>);

impl Quotas {
    /// Counts a call, or refuses it.
    pub(super) fn spend(&self, grant: &Grant, api: &'static str, limits: &[Limit]) -> Result<(), Fault> {
        let now = Instant::now();
        let mut all = locked(&self.0);
        let calls = all.entry((grant.tid.clone(), grant.appid.clone(), api)).or_default();
        for limit in limits {
            let recent = calls.iter().filter(|at| now.duration_since(**at) < limit.per).count();
            if recent >= limit.calls {
                let oldest = calls.len().checked_sub(limit.calls).and_then(|place| calls.get(place));
                let wait = oldest.map_or(limit.per, |at| limit.per.saturating_sub(now.duration_since(*at)));
                let message = format!("API calls quota exceeded: {} calls per {:?}.", limit.calls, limit.per);
                return Err(Fault::too_many(message, wait.as_secs() + 1));
            }
        }
        calls.push_back(now);
        let most = limits.iter().map(|limit| limit.calls).max().unwrap_or_default();
        while calls.len() > most {
            calls.pop_front();
        }
        Ok(())
    }

    pub(super) fn reset(&self) {
        locked(&self.0).clear();
    }
}
