//! What operators see: logs, metrics, and the request id that ties them together.

mod bounds;
mod errors;
pub(crate) mod log;
mod metrics;
mod queue;
mod request_id;
mod trace;

pub(crate) use bounds::{Bound, Bounds};
pub(crate) use errors::LoggedErrors;
pub use metrics::Metrics;
pub(crate) use metrics::TileOutcome;
pub(crate) use request_id::{RequestId, current_request_id, with_request_id};
pub(crate) use trace::trace_id;

use std::time::Duration;

/// A duration for a log line.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
