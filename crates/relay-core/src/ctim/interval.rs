//! Spans of time; their start is never after their end.

use serde::Serialize;

use super::Timestamp;

/// When something was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct ObservedTime {
    start_time: Timestamp,
    end_time: Timestamp,
}

impl ObservedTime {
    /// One moment: start and end are the same.
    pub fn at(moment: Timestamp) -> Self {
        Self { start_time: moment, end_time: moment }
    }

    /// From the earlier to the later of two moments.
    pub fn between(one: Timestamp, other: Timestamp) -> Self {
        Self { start_time: one.min(other), end_time: one.max(other) }
    }

    /// When it was first seen.
    pub fn start(self) -> Timestamp {
        self.start_time
    }

    /// When it was last seen.
    pub fn end(self) -> Timestamp {
        self.end_time
    }
}

/// When an opinion or a rule holds. No start: since ever; no end: none is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct ValidTime {
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<Timestamp>,
}

impl ValidTime {
    /// Since ever, without a known end: `{}`.
    pub fn none() -> Self {
        Self::default()
    }

    /// From the start on, without a known end; without a start, since ever.
    pub fn from(start: impl Into<Option<Timestamp>>) -> Self {
        Self { start_time: start.into(), end_time: None }
    }

    /// This many days from the start, but at most until [`Timestamp::FOREVER`].
    pub fn days(start: Timestamp, days: u32) -> Self {
        Self { start_time: Some(start), end_time: Some(start.plus_days(days).max(start)) }
    }

    /// From the start until [`Timestamp::FOREVER`], where an end has to be written.
    pub fn forever(start: Timestamp) -> Self {
        Self { start_time: Some(start), end_time: Some(start.max(Timestamp::FOREVER)) }
    }

    /// From the earlier to the later of two moments.
    pub fn between(one: Timestamp, other: Timestamp) -> Self {
        Self { start_time: Some(one.min(other)), end_time: Some(one.max(other)) }
    }

    /// The same span with its start written out.
    pub(super) fn with_start(self) -> Self {
        Self { start_time: self.start_time.or(Some(Timestamp::EPOCH)), ..self }
    }

    /// The same span with both ends written out.
    pub(super) fn with_both_ends(self) -> Self {
        let last = self.start_time.map_or(Timestamp::FOREVER, |start| start.max(Timestamp::FOREVER));
        Self { end_time: self.end_time.or(Some(last)), ..self.with_start() }
    }
}
