//! What the load benchmarks share: a relay as its own process, a provider that costs nothing to ask, and the
//! questions. `BENCHMARKS.md` explains the figures.
//!
//! CPU time is what the kernel counts for the relay's process, so the provider and the clients, which run in the
//! benchmark's own, do not blur it.

mod process;
mod provider;
mod traffic;

pub use process::{Process, free_address};
pub use provider::provider;
pub use traffic::{Times, Traffic, fire};
