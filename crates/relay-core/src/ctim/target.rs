//! Machines that a sighting concerns.

use serde::Serialize;

use super::setters::setters;
use super::{LongText, Observable, ObservedTime, Sensor};

/// A machine that was affected.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Target {
    #[serde(rename = "type")]
    kind: Sensor,
    observables: Vec<Observable>,
    observed_time: ObservedTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    os: Option<LongText>,
}

impl Target {
    /// A machine with the observables that identify it, each once. `None` without any: that would identify
    /// nothing.
    pub fn new(
        kind: Sensor,
        observables: impl IntoIterator<Item = Observable>,
        observed_time: ObservedTime,
    ) -> Option<Self> {
        let observables = distinct(observables)?;
        Some(Self { kind, observables, observed_time, os: None })
    }

    setters! {
        /// Its operating system, in any words.
        text os: 5000 => os;
    }
}

/// Each observable once, in order; a machine has few. `None` for none.
fn distinct(observables: impl IntoIterator<Item = Observable>) -> Option<Vec<Observable>> {
    let mut list: Vec<Observable> = Vec::new();
    for observable in observables {
        if !list.contains(&observable) {
            list.push(observable);
        }
    }
    (!list.is_empty()).then_some(list)
}
