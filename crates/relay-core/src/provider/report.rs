//! What metrics and log say of a call.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::failure::Failure;
use super::request::Request;
use crate::telemetry::{Metrics, milliseconds};

/// Records a call that was sent in metrics and log, also when it is given up while it waits for its answer. The
/// outcome of an answered call is known once its body was read.
pub(super) struct CallReport {
    metrics: Arc<Metrics>,
    call: &'static str,
    deadline: Instant,
    started: Instant,
    /// How long the answer took, once it is there.
    took: Option<Duration>,
    outcome: Option<&'static str>,
}

impl CallReport {
    /// The call is sent now.
    pub(super) fn new(metrics: &Arc<Metrics>, request: &Request<'_>) -> Self {
        metrics.calls(request.name);
        Self {
            metrics: Arc::clone(metrics),
            call: request.name,
            deadline: request.context.deadline(),
            started: Instant::now(),
            took: None,
            outcome: None,
        }
    }

    /// The answer is there.
    pub(super) fn answered(&mut self) {
        self.took = Some(self.started.elapsed());
    }

    /// The call failed.
    pub(super) fn failed(mut self, failure: &Failure) {
        self.outcome = Some(failure.label());
    }

    /// The answer was read, without this many items of its lists.
    pub(super) fn read(self, dropped: usize) {
        if dropped > 0 {
            self.metrics.dropped(self.call, dropped);
            log::debug!(call = self.call, items = dropped; "unreadable items of an answer left out");
        }
    }

    /// The answer could not be read.
    pub(super) fn unreadable(mut self) {
        self.outcome = Some("unreadable");
    }
}

impl Drop for CallReport {
    fn drop(&mut self) {
        let outcome = self.outcome.unwrap_or_else(|| match self.took {
            Some(_) => "ok",
            None if Instant::now() >= self.deadline => "deadline",
            None => "aborted",
        });
        let took = self.took.unwrap_or_else(|| self.started.elapsed());
        self.metrics.provider_call(self.call, outcome, took);
        log::debug!(call = self.call, outcome = outcome, ms = milliseconds(took); "provider call");
    }
}
