//! What `doctor` checks: every step between a program and what it calls, a line each that is ok, warn or fail, with what
//! to do.
//!
//! | module | what it is |
//! |---|---|
//! | [`line`](mod@line) | a check and how it went |
//! | [`network`] | the way to a server: name, connection, proxy, certificate, clock |
//! | [`checkup`] | what a relay says of itself: what it calls, which permissions it needs, what is about to end |
//! | [`account`] | what credentials come to: login and permissions, one real call, quotas |
//! | `keys` | the platform's key hosts |
//! | `own` | all checks of a relay with its own settings |
//!
//! `relayctl doctor` makes those of a relay that it calls with the same parts.

pub mod account;
pub mod checkup;
mod keys;
pub mod line;
pub mod network;
pub(crate) mod own;
