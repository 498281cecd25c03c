//! How many calls an application may make in a tenant.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::Call;
use super::refusal::Refusal;
use crate::locked;
use crate::login::Grant;

const MINUTE: Duration = Duration::from_secs(60);

/// Tenant, application, kind of calls.
type Key = (String, String, bool);

/// The calls of the last minute, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Quotas(Mutex<HashMap<Key, VecDeque<Instant>>>);

impl Quotas {
    /// Counts a call, or refuses it: 150 of alerts, 45 of hunting.
    pub(super) fn spend(&self, grant: &Grant, call: Call<'_>) -> Result<(), Refusal> {
        let is_hunting = call == Call::Hunting;
        let most = if is_hunting { 45 } else { 150 };
        let now = Instant::now();
        let mut all = locked(&self.0);
        let calls = all.entry((grant.tid.clone(), grant.appid.clone(), is_hunting)).or_default();
        while calls.front().is_some_and(|oldest| now.duration_since(*oldest) >= MINUTE) {
            calls.pop_front();
        }
        match calls.front() {
            Some(oldest) if calls.len() >= most => Err(Refusal::TooMany {
                wait: MINUTE.saturating_sub(now.duration_since(*oldest)).as_secs() + 1,
            }),
            _ => {
                calls.push_back(now);
                Ok(())
            }
        }
    }

    pub(super) fn reset(&self) {
        locked(&self.0).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_beyond_the_minutes_share_are_refused() {
        let quotas = Quotas::default();
        let grant = |tenant: &str| Grant {
            aud: String::new(),
            tid: tenant.to_owned(),
            appid: "app".to_owned(),
            roles: Vec::new(),
            iat: 0,
            exp: 0,
        };
        for (call, most) in [(Call::Alerts, 150), (Call::Hunting, 45)] {
            let allowed = (0..200).take_while(|_| quotas.spend(&grant("one"), call).is_ok()).count();
            assert_eq!(allowed, most);
            assert!(matches!(quotas.spend(&grant("one"), call), Err(Refusal::TooMany { wait: 1..=61 })));
            assert_eq!(quotas.spend(&grant("two"), call), Ok(()));
        }
        assert!(quotas.spend(&grant("one"), Call::Legacy).is_err(), "both alert APIs share a quota");
        quotas.reset();
        assert_eq!(quotas.spend(&grant("one"), Call::Legacy), Ok(()));
    }
}
