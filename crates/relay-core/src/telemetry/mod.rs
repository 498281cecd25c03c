//! What operators see: logs, metrics, and the request id that ties them together.

pub(crate) mod log;
mod metrics;
mod request_id;

pub use metrics::Metrics;
pub(crate) use request_id::{RequestId, current_request_id, with_request_id};
