//! What intelligence feeds say of the very observable: each is an indicator, and a judgement where it calls the value
//! malicious.

use std::collections::HashMap;

use relay_core::ctim::{Confidence, Disposition, Indicator, Judgement, Severity, Timestamp, ValidTime};
use relay_core::observable::Observable;

use super::{Hit, ORIGIN, rule};
use crate::model::{Event, Subject, Value, time};

/// How long a judgement holds, in days.
const DAYS: u32 = 7;
/// Below lists that are kept by people.
const PRIORITY: u8 = 85;

/// What a feed says of the observable.
pub(super) struct Statement<'h> {
    feed: &'h str,
    intel: &'h Value,
    at: Timestamp,
    /// Whether the observable is a machine of the user's own network in the event: then it is a victim.
    is_own: bool,
}

/// The feeds that list the observable in an event, each once.
pub(super) fn of<'e>(event: &'e Event, subject: &Subject) -> Vec<&'e str> {
    let mut feeds = Vec::new();
    for intel in event.intel().filter(|intel| is_about(intel, subject)) {
        feeds.extend(intel.text("feed").filter(|feed| !feeds.contains(feed)));
    }
    feeds
}

/// The newest statement of each feed about the observable.
pub(super) fn newest<'h>(hits: &'h [Hit], subject: &Subject) -> HashMap<&'h str, Statement<'h>> {
    let mut statements: HashMap<&str, Statement<'_>> = HashMap::new();
    for hit in hits {
        let Some(event) = hit.event() else { continue };
        for intel in event.intel().filter(|intel| is_about(intel, subject)) {
            let Some(feed) = intel.text("feed") else { continue };
            let at = time(intel.text("timestamp")).unwrap_or(event.at());
            if statements.get(feed).is_none_or(|known| at > known.at) {
                let is_own = is_own(hit, event, subject);
                statements.insert(feed, Statement { feed, intel, at, is_own });
            }
        }
    }
    statements
}

fn is_about(intel: &Value, subject: &Subject) -> bool {
    intel.text("indicator").is_some_and(|indicator| subject.is(indicator))
}

fn is_own(hit: &Hit, event: &Event, subject: &Subject) -> bool {
    subject.is_address()
        && (hit.device().is_some_and(|device| subject.is(device.ip))
            || event.ends().any(|end| end.internal && subject.is(end.ip)))
}

impl Statement<'_> {
    /// The feed.
    pub(super) fn indicator(&self) -> Indicator {
        Indicator::new(ORIGIN, &format!("feed:{}", self.feed), ValidTime::none())
            .producer(self.feed)
            .title(self.feed)
            .confidence(self.confidence())
            .severity(self.severity())
    }

    /// Its opinion of the observable, where it is that it is malicious.
    pub(super) fn judgement(&self, about: &Observable, now: jiff::Timestamp) -> Option<Judgement> {
        let malicious = self.intel.get("is_malicious").and_then(Value::as_bool) == Some(true);
        if !malicious || self.is_own {
            return None;
        }
        let disposition = match self.confidence() {
            Some(Confidence::High | Confidence::Medium) => Disposition::Malicious,
            _ => Disposition::Suspicious,
        };
        let valid = ValidTime::days(Timestamp::from_clock(now), DAYS);
        let judgement = Judgement::new(ORIGIN, &format!("feed:{}", self.feed), about, disposition, valid)
            .confidence(self.confidence().unwrap_or(Confidence::Unknown))
            .severity(self.severity().unwrap_or(Severity::Unknown))
            .priority(PRIORITY)
            .reason(format!("Listed by {}", self.feed));
        Some(judgement)
    }

    fn confidence(&self) -> Option<Confidence> {
        rule::confidence(self.intel.text("confidence"))
    }

    fn severity(&self) -> Option<Severity> {
        rule::severity(self.intel.text("severity"))
    }
}
