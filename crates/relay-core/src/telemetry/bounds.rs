//! What happens when a bound is hit: it is counted, and logged at most once a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use prometheus::IntCounterVec;

/// A bound of memory, number or time that the outside can drive a relay into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Connections,
    HeadTime,
    HeadSize,
    BodyMemory,
    BodyTime,
    WriteTime,
    WriteMemory,
    Breaker,
    Quota,
    RetryBudget,
    AnswerMemory,
    AnswerSize,
    Requests,
    TenantRequests,
    Observables,
    Entities,
    ValueLength,
}

impl Bound {
    const ALL: [Self; 17] = [
        Self::Connections,
        Self::HeadTime,
        Self::HeadSize,
        Self::BodyMemory,
        Self::BodyTime,
        Self::WriteTime,
        Self::WriteMemory,
        Self::Breaker,
        Self::Quota,
        Self::RetryBudget,
        Self::AnswerMemory,
        Self::AnswerSize,
        Self::Requests,
        Self::TenantRequests,
        Self::Observables,
        Self::Entities,
        Self::ValueLength,
    ];

    /// Its name in the metric.
    fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::HeadTime => "head_time",
            Self::HeadSize => "head_size",
            Self::BodyMemory => "body_memory",
            Self::BodyTime => "body_time",
            Self::WriteTime => "write_time",
            Self::WriteMemory => "write_memory",
            Self::Breaker => "breaker",
            Self::Quota => "quota",
            Self::RetryBudget => "retry_budget",
            Self::AnswerMemory => "answer_memory",
            Self::AnswerSize => "answer_size",
            Self::Requests => "requests",
            Self::TenantRequests => "tenant_requests",
            Self::Observables => "observables",
            Self::Entities => "entities",
            Self::ValueLength => "value_length",
        }
    }

    /// What happened, for the log.
    fn meaning(self) -> &'static str {
        match self {
            Self::Connections => "no place for a further connection (RELAY_MAX_CONNECTIONS)",
            Self::HeadTime => "a request's head did not arrive in time (RELAY_BODY_TIMEOUT)",
            Self::HeadSize => "a request's head was too large",
            Self::BodyMemory => "no memory for a further request body (RELAY_BODY_MEMORY)",
            Self::BodyTime => "a request body did not arrive in time (RELAY_BODY_TIMEOUT)",
            Self::WriteTime => "a client did not take its answer (RELAY_WRITE_TIMEOUT)",
            Self::WriteMemory => "no memory for a further answer (RELAY_WRITE_MEMORY)",
            Self::Breaker => "a provider call was not made: its host is down",
            Self::Quota => "a provider call was not made: the provider's quota has no place in time",
            Self::RetryBudget => "a provider call was not retried: too many were",
            Self::AnswerMemory => "no memory for a provider's answer (RELAY_ANSWER_MEMORY)",
            Self::AnswerSize => "a provider's answer was too large (RELAY_PROVIDER__MAX_ANSWER)",
            Self::Requests => "no place for a further platform request (RELAY_MAX_REQUESTS)",
            Self::TenantRequests => {
                "a tenant has its share of platform requests while others wait (RELAY_MAX_REQUESTS)"
            }
            Self::Observables => "a request has more observables than are looked up (RELAY_MAX_OBSERVABLES)",
            Self::Entities => "an answer has more entities than are returned (RELAY_MAX_ENTITIES)",
            Self::ValueLength => "the value of an observable is too long for its type",
        }
    }
}

/// The bounds of one relay.
pub(crate) struct Bounds {
    hits: IntCounterVec,
    started: Instant,
    reported: [Reported; Bound::ALL.len()],
}

#[derive(Default)]
struct Reported {
    /// Hits that no line has said yet.
    unsaid: AtomicU64,
    /// The second, counted from the start, before which no further line is written.
    next: AtomicU64,
}

impl Bounds {
    /// `hits` has one label, the name of the bound.
    pub(crate) fn new(hits: IntCounterVec) -> Self {
        for bound in Bound::ALL {
            hits.with_label_values(&[bound.name()]).inc_by(0);
        }
        Self { hits, started: Instant::now(), reported: Default::default() }
    }

    pub(crate) fn hit(&self, bound: Bound) {
        self.hits.with_label_values(&[bound.name()]).inc();
        if let Some(times) = self.reported[bound as usize].due(self.started.elapsed().as_secs()) {
            log::warn!(bound = bound.name(), times = times; "bound hit: {}", bound.meaning());
        }
    }
}

impl Reported {
    /// How many hits a line has to say, where it is time for one.
    fn due(&self, second: u64) -> Option<u64> {
        self.unsaid.fetch_add(1, Ordering::Relaxed);
        let next = self.next.load(Ordering::Relaxed);
        let due = second >= next
            && self.next.compare_exchange(next, second + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        due.then(|| self.unsaid.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bound_has_its_own_place_and_name() {
        for (at, bound) in Bound::ALL.into_iter().enumerate() {
            assert_eq!(bound as usize, at);
            assert_eq!(Bound::ALL.iter().filter(|other| other.name() == bound.name()).count(), 1);
        }
    }

    #[test]
    fn a_second_has_one_line_which_says_what_the_seconds_before_left_out() {
        let reported = Reported::default();
        assert_eq!(
            [0, 0, 0, 1, 1, 5].map(|second| reported.due(second)),
            [Some(1), None, None, Some(3), None, Some(2)]
        );
    }
}
