//! What was found not to work for a tenant, so that it is paid for once and not with every request.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use relay_core::provider::entra::Application;

/// What may not work for a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// The API `alerts`.
    Legacy,
    /// The API `alerts_v2`.
    V2,
    /// Filters over evidence.
    Filter,
    /// Advanced hunting.
    Hunting,
}

impl Way {
    /// How long it is not tried again. Permissions are granted while an administrator waits for the effect, so
    /// an API is tried again sooner than a way to search it.
    fn avoided_for(self) -> SignedDuration {
        match self {
            Self::Legacy | Self::V2 => SignedDuration::from_mins(15),
            Self::Filter | Self::Hunting => SignedDuration::from_hours(1),
        }
    }
}

/// Tenant, application, way.
type Key = (String, String, Way);

/// More tenants than one relay serves; beyond, the oldest knowledge goes.
const CAPACITY: usize = 40_000;

/// What does not work, and until when that is believed.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<Key, Timestamp>>);

impl Memory {
    /// Does not try it again for a while.
    pub fn avoid(&self, application: &Application, way: Way, now: Timestamp) {
        let mut known = self.lock();
        if known.len() >= CAPACITY {
            known.retain(|_, until| *until > now);
        }
        if known.len() >= CAPACITY {
            known.clear();
        }
        known.insert(key(application, way), now.saturating_add(way.avoided_for()).unwrap_or(Timestamp::MAX));
    }

    /// Whether it was found not to work a short time ago.
    pub fn avoids(&self, application: &Application, way: Way, now: Timestamp) -> bool {
        self.lock().get(&key(application, way)).is_some_and(|until| *until > now)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(application: &Application, way: Way) -> Key {
    (application.tenant.as_str().to_owned(), application.id.clone(), way)
}

#[cfg(test)]
mod tests {
    use relay_core::provider::entra::Tenant;

    use super::*;

    fn application(tenant: &str, id: &str) -> Application {
        let tenant = Tenant::parse(tenant).expect("a tenant");
        Application { tenant, id: id.to_owned(), secret: "secret".into() }
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    #[test]
    fn an_api_is_avoided_for_a_quarter_of_an_hour_and_a_strategy_for_an_hour() {
        let (memory, app) = (Memory::default(), application("corp.example", "app"));
        for (way, minutes) in [(Way::Legacy, 15), (Way::V2, 15), (Way::Filter, 60), (Way::Hunting, 60)] {
            assert!(!memory.avoids(&app, way, at(0)));
            memory.avoid(&app, way, at(0));
            assert!(memory.avoids(&app, way, at(minutes - 1)), "{way:?}");
            assert!(!memory.avoids(&app, way, at(minutes)), "{way:?}");
        }
    }

    #[test]
    fn tenants_and_applications_are_told_apart() {
        let memory = Memory::default();
        memory.avoid(&application("corp.example", "app"), Way::Filter, at(0));
        assert!(memory.avoids(&application("corp.example", "app"), Way::Filter, at(1)));
        for (tenant, app, way) in [
            ("other.example", "app", Way::Filter),
            ("corp.example", "other", Way::Filter),
            ("corp.example", "app", Way::Hunting),
        ] {
            assert!(!memory.avoids(&application(tenant, app), way, at(1)));
        }
    }

    #[test]
    fn it_does_not_grow_without_bound() {
        let memory = Memory::default();
        for n in 0..=CAPACITY {
            memory.avoid(&application("corp.example", &n.to_string()), Way::Legacy, at(0));
        }
        assert!(memory.lock().len() <= CAPACITY);
    }
}
