//! What is looked up ([`Subject`]), and the fields of the APIs' answers that are read. Every field may be missing or of
//! another type than documented; only the container that an answer is about is required.

mod detection;
mod device;
mod event;
mod subject;
mod value;

use relay_core::ctim::Timestamp;

pub use detection::{Detection, DetectionPage, IndicatorField, Rule, RuleAnswer};
pub use device::{Lease, Summary, SummaryAnswer, Tracking, TrackingAnswer};
pub use event::{End, Event, EventPage, SearchPage};
pub use subject::Subject;
pub use value::{Object, Value};

/// A time, where it can be read. One without an offset is in UTC; a date alone is no time.
pub(crate) fn time(text: Option<&str>) -> Option<Timestamp> {
    let text = text?;
    Timestamp::parse(text)
        .or_else(|| text.contains(':').then(|| Timestamp::parse_assuming_utc(text)).flatten())
}

/// A text, unless it is blank.
pub(crate) fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim().is_empty())
}
