//! What connections may cost: their number, time and memory.

use std::time::Duration;

use super::SettingsError;
use super::load::Values;

/// The bounds of connections, and how they end when the relay stops.
#[derive(Clone, Debug)]
pub struct ConnectionSettings {
    /// Connections served at once; further ones wait.
    pub max: usize,
    /// Bytes of request bodies being received, all connections together.
    pub body_memory: usize,
    /// Time for a client to send a request's head, and its body.
    pub body_timeout: Duration,
    /// Time for a client to take any part of an answer.
    pub write_timeout: Duration,
    /// Bytes of answers waiting to be taken, all connections together.
    pub write_memory: usize,
    /// How long a connection may wait for its next request.
    pub keep_alive: Duration,
    /// Time after the signal to stop in which connections and requests are still taken.
    pub drain_delay: Duration,
}

impl ConnectionSettings {
    pub(super) fn new(values: &Values) -> Result<Self, SettingsError> {
        Ok(Self {
            max: values.integer("max_connections", 1, 1_000_000)?,
            body_memory: values.integer("body_memory", 1024, 1 << 40)?,
            body_timeout: values.patience("body_timeout")?,
            write_timeout: values.patience("write_timeout")?,
            write_memory: values.integer("write_memory", 1024, 1 << 40)?,
            keep_alive: values.duration("keep_alive")?,
            drain_delay: values.duration("drain_delay")?,
        })
    }
}
