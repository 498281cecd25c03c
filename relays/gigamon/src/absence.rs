//! Remembers where the event search does not exist (it is in no list of today's APIs), so that not every request
//! asks in vain.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::region::Region;

/// How long an absent search is not asked again.
const PAUSE: Duration = Duration::from_secs(600);

/// Until when the search of a region is taken for absent.
#[derive(Debug, Default)]
pub(crate) struct Absence(Mutex<[Option<Instant>; Region::NAMES.len()]>);

impl Absence {
    /// The search of a region was found absent.
    pub(crate) fn note(&self, region: Region, now: Instant) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[region as usize] = Some(now + PAUSE);
    }

    /// Whether there is no point in asking.
    pub(crate) fn holds(&self, region: Region, now: Instant) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[region as usize]
            .is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_search_is_asked_again_after_ten_minutes() {
        let (absence, now) = (Absence::default(), Instant::now());
        assert!(!absence.holds(Region::Us, now));
        absence.note(Region::Us, now);
        assert!(absence.holds(Region::Us, now + Duration::from_secs(599)));
        assert!(!absence.holds(Region::Us, now + Duration::from_secs(600)));
        assert!(!absence.holds(Region::Eu, now), "regions are apart");
    }
}
