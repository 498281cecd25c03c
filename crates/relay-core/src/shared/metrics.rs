//! What metrics say of the store. They are there only where a store is set.

use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts};

use crate::telemetry::Metrics;

/// What an exchange with the store is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// A place in a provider's quota.
    Window,
    /// Whether an action was taken a moment ago, and what came of it.
    Trigger,
    /// A kept answer is read.
    Answer,
    /// What no request waits for: answers to be kept, pauses, refusals.
    Write,
    /// The heartbeat of this replica.
    Heartbeat,
}

impl Operation {
    const ALL: [Self; 5] = [Self::Window, Self::Trigger, Self::Answer, Self::Write, Self::Heartbeat];

    fn name(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::Trigger => "trigger",
            Self::Answer => "answer",
            Self::Write => "write",
            Self::Heartbeat => "heartbeat",
        }
    }

    /// Whether its success shows that the store takes new entries.
    pub(super) fn writes(self) -> bool {
        self != Self::Answer
    }
}

/// Bounds of the histogram in seconds, for one exchange in a local network.
const SECONDS: &[f64] =
    &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];

/// How an exchange can fail: what `link::kind` says, and a time-out.
const KINDS: [&str; 7] = ["timeout", "connection", "full", "read_only", "loading", "password", "refused"];

pub(super) struct SharedMetrics {
    up: IntGauge,
    replicas: IntGauge,
    seconds: HistogramVec,
    failures: IntCounterVec,
}

impl SharedMetrics {
    pub(super) fn new(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let up = IntGauge::new("relay_shared_up", "Whether the store that replicas share is asked")?;
        let replicas = IntGauge::new(
            "relay_shared_replicas",
            "Replicas of the relay, this one included, when last counted",
        )?;
        replicas.set(1);
        metrics.register(Box::new(replicas.clone()))?;
        let seconds = HistogramOpts::new("relay_shared_seconds", "Time of an exchange with the shared store");
        let seconds = HistogramVec::new(seconds.buckets(SECONDS.to_vec()), &["operation"])?;
        let failures =
            Opts::new("relay_shared_failures_total", "Exchanges with the shared store that failed");
        let failures = IntCounterVec::new(failures, &["operation", "kind"])?;
        metrics.register(Box::new(up.clone()))?;
        metrics.register(Box::new(seconds.clone()))?;
        metrics.register(Box::new(failures.clone()))?;
        for operation in Operation::ALL {
            // There from the start, so that a first failure is an increase.
            seconds.with_label_values(&[operation.name()]);
            for kind in KINDS {
                failures.with_label_values(&[operation.name(), kind]);
            }
        }
        Ok(Self { up, replicas, seconds, failures })
    }

    pub(super) fn up(&self, up: bool) {
        self.up.set(up.into());
    }

    pub(super) fn replicas(&self, replicas: u32) {
        self.replicas.set(replicas.into());
    }

    pub(super) fn took(&self, operation: Operation, took: Duration) {
        self.seconds.with_label_values(&[operation.name()]).observe(took.as_secs_f64());
    }

    pub(super) fn failed(&self, operation: Operation, kind: &'static str) {
        self.failures.with_label_values(&[operation.name(), kind]).inc();
    }
}
