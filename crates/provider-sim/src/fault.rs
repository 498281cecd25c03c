//! Faults: failures between a relay and its provider, on request.
//!
//! A fault says where it applies (a service, a part of the path), what it does and when (always, the next calls, at
//! a rate). Rates are reproducible: a fixed seed and the number of matched calls decide which calls fail.
//!
//! [`spec`] describes the text format for the command line and the control API.

pub mod spec;

use std::sync::Mutex;
use std::time::Duration;

use crate::lock::locked;
use crate::request::Request;
use crate::seeded::mix;

/// What a fault does to a call.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Delays the answer. Several delays add up, and combine with one fault of another kind.
    Latency(Duration),
    /// Answers this status instead of calling the service.
    Status {
        /// The status.
        code: u16,
        /// Headers of the answer, such as `Retry-After`.
        headers: Vec<(String, String)>,
        /// The body; a short JSON error by default.
        body: Option<String>,
    },
    /// Resets the connection before the answer.
    Reset,
    /// Answers headers and half of the body, then resets the connection.
    ResetLate,
    /// Never answers.
    Hang,
    /// Sends the body in small pieces.
    Drip {
        /// Bytes in a piece.
        chunk: usize,
        /// Time before each piece.
        pause: Duration,
    },
    /// Cuts the body in the middle of an otherwise complete answer.
    Truncated,
    /// Answers 200 with a page of HTML.
    Html,
    /// Changes the type of the JSON: an object becomes a list with this object, everything else an object.
    WrongType,
    /// The login issues expired tokens, and APIs treat tokens as expired.
    ExpiredTokens,
    /// Answers 200 and this number of bytes of JSON, streamed.
    Huge(u64),
    /// Redirects to this URL with status 302.
    Redirect(String),
    /// Adds `[tenant SUFFIX]` to each title in the JSON, where the call's credential has a
    /// suffix ([`Request::suffix`]): shows a relay that gives one tenant's answers to another. Combines with one
    /// fault of another kind, and comes first.
    Mark,
}

/// Which of its matching calls a fault applies to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum When {
    /// All.
    #[default]
    Always,
    /// The next calls, this many.
    Next(u32),
    /// This fraction of them, 0 to 1.
    Rate(f64),
}

/// A fault: where, what and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Name of the service; all services if there is none.
    pub provider: Option<String>,
    /// Text that the raw path below the service's prefix must contain.
    pub path: Option<String>,
    /// What happens.
    pub what: What,
    /// How often.
    pub when: When,
}

impl Fault {
    /// A fault for every call of every service.
    pub fn new(what: What) -> Self {
        Self { provider: None, path: None, what, when: When::Always }
    }

    /// Delays answers.
    pub fn latency(time: Duration) -> Self {
        Self::new(What::Latency(time))
    }

    /// Answers a status.
    pub fn status(code: u16) -> Self {
        Self::new(What::Status { code, headers: Vec::new(), body: None })
    }

    /// Only calls of this service: its name, such as `xforce`.
    #[must_use]
    pub fn on(mut self, provider: &str) -> Self {
        self.provider = Some(provider.to_owned());
        self
    }

    /// Only calls whose raw path below the service's prefix contains this.
    #[must_use]
    pub fn path(mut self, part: &str) -> Self {
        self.path = Some(part.to_owned());
        self
    }

    /// Only the next calls.
    #[must_use]
    pub fn next(mut self, calls: u32) -> Self {
        self.when = When::Next(calls);
        self
    }

    /// Only this fraction of the calls, 0 to 1.
    #[must_use]
    pub fn rate(mut self, part: f64) -> Self {
        self.when = When::Rate(part);
        self
    }

    /// Adds a header to the answer of a [`What::Status`]; no effect on other kinds.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let What::Status { headers, .. } = &mut self.what {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Sets the body of a [`What::Status`]; no effect on other kinds.
    #[must_use]
    pub fn body(mut self, text: &str) -> Self {
        if let What::Status { body, .. } = &mut self.what {
            *body = Some(text.to_owned());
        }
        self
    }

    fn fits(&self, provider: &str, request: &Request) -> bool {
        self.provider.as_deref().is_none_or(|name| name == provider)
            && self.path.as_deref().is_none_or(|part| request.path.contains(part))
    }
}

/// An active fault, with its counts.
#[derive(Debug)]
struct Active {
    /// The id for its removal.
    id: u64,
    fault: Fault,
    /// Calls that it matched.
    matched: u64,
    /// Calls that it was applied to.
    applied: u64,
}

impl Active {
    /// Counts the call and returns whether the fault applies.
    fn applies(&mut self, seed: u64) -> bool {
        let applies = match self.fault.when {
            When::Always => true,
            When::Next(calls) => self.applied < u64::from(calls),
            When::Rate(part) => unit(mix(seed ^ mix(self.id ^ mix(self.matched)))) < part,
        };
        self.matched += 1;
        self.applied += u64::from(applies);
        applies
    }
}

/// A number as a fraction, evenly spread over 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits are as many as a fraction holds")]
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// What the active faults do to one call.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Effect {
    /// Sum of the latencies.
    pub(crate) latency: Duration,
    /// Titles are marked with the tenant.
    pub(crate) mark: bool,
    /// The first other fault that applies, in the order in which they were added.
    pub(crate) what: Option<What>,
}

/// The active faults.
#[derive(Debug)]
pub struct Faults {
    seed: u64,
    lasting: Vec<Fault>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last_id: u64,
    active: Vec<Active>,
}

impl State {
    fn add(&mut self, fault: Fault) -> u64 {
        self.last_id += 1;
        self.active.push(Active { id: self.last_id, fault, matched: 0, applied: 0 });
        self.last_id
    }
}

impl Faults {
    /// `lasting` are active from the start and after a reset.
    pub(crate) fn new(seed: u64, lasting: Vec<Fault>) -> Self {
        let faults = Self { seed, lasting, state: Mutex::default() };
        faults.reset();
        faults
    }

    /// Adds a fault and returns its id.
    pub fn add(&self, fault: Fault) -> u64 {
        locked(&self.state).add(fault)
    }

    /// Removes a fault and returns whether it existed.
    pub fn remove(&self, id: u64) -> bool {
        let active = &mut locked(&self.state).active;
        let before = active.len();
        active.retain(|one| one.id != id);
        active.len() < before
    }

    /// Removes all faults, also those from the start.
    pub fn clear(&self) {
        locked(&self.state).active.clear();
    }

    /// Only the faults from the start, with their counts at zero.
    pub(crate) fn reset(&self) {
        let mut state = locked(&self.state);
        *state = State::default();
        for fault in &self.lasting {
            state.add(fault.clone());
        }
    }

    /// Counts the call and returns what happens to it.
    pub(crate) fn apply(&self, provider: &str, request: &Request) -> Effect {
        let mut effect = Effect::default();
        for active in &mut locked(&self.state).active {
            let combines = matches!(active.fault.what, What::Latency(_) | What::Mark);
            let spare = combines || effect.what.is_none();
            // One fault per call: a second one waits for the next call, so that `next=1` faults form a sequence.
            if spare && active.fault.fits(provider, request) && active.applies(self.seed) {
                match &active.fault.what {
                    What::Latency(time) => effect.latency += *time,
                    What::Mark => effect.mark = true,
                    what => effect.what = Some(what.clone()),
                }
            }
        }
        effect
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(path: &str) -> Request {
        Request::new("GET", "/xforce", path)
    }

    fn applied(faults: &Faults, calls: usize) -> Vec<bool> {
        (0..calls).map(|_| faults.apply("xforce", &call("/url/a")).what.is_some()).collect()
    }

    #[test]
    fn a_rate_is_met_and_repeats_after_a_reset() {
        let faults = Faults::new(7, vec![Fault::status(503).rate(0.1)]);
        let first = applied(&faults, 2000);
        let count = first.iter().filter(|one| **one).count();
        assert!((150..250).contains(&count), "{count} of 2000");
        faults.reset();
        assert_eq!(applied(&faults, 2000), first);
        assert_ne!(applied(&Faults::new(8, vec![Fault::status(503).rate(0.1)]), 2000), first);
    }

    #[test]
    fn rates_of_zero_and_one_are_never_and_always() {
        for (rate, expected) in [(0.0, false), (1.0, true)] {
            let faults = Faults::new(1, vec![Fault::status(500).rate(rate)]);
            assert_eq!(applied(&faults, 100), vec![expected; 100]);
        }
    }

    #[test]
    fn faults_for_the_next_calls_form_a_sequence() {
        let faults = Faults::new(1, Vec::new());
        faults.add(Fault::status(429).next(1));
        faults.add(Fault::new(What::Hang).next(1));
        let what = || faults.apply("xforce", &call("/url/a")).what;
        assert!(matches!(what(), Some(What::Status { code: 429, .. })));
        assert_eq!(what(), Some(What::Hang));
        assert_eq!(what(), None);
    }

    #[test]
    fn latencies_add_up_and_go_along_with_another_fault() {
        let faults = Faults::new(1, vec![Fault::latency(Duration::from_millis(5))]);
        faults.add(Fault::status(500).on("xforce").path("/url/"));
        faults.add(Fault::latency(Duration::from_millis(2)).on("xforce"));
        let effect = faults.apply("xforce", &call("/url/a"));
        assert_eq!(effect.latency, Duration::from_millis(7));
        assert!(effect.what.is_some());
        assert_eq!(faults.apply("xforce", &call("/ipr/a")).what, None);
        assert_eq!(faults.apply("graph", &call("/url/a")).latency, Duration::from_millis(5));
    }

    #[test]
    fn a_fault_is_removed_by_its_number() {
        let faults = Faults::new(1, Vec::new());
        let id = faults.add(Fault::status(500));
        assert!(applied(&faults, 1)[0]);
        assert!(faults.remove(id) && !faults.remove(id));
        assert!(!applied(&faults, 1)[0]);
    }
}
