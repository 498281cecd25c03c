//! What was found for an observable, before it is mapped.

use std::sync::Arc;

use relay_core::ctim::{ObservedTime, Timestamp};

use crate::model::{Detection, Event, Rule, filled};

/// A detection with what belongs to it.
#[derive(Clone, Debug)]
pub struct DetectionWithRule {
    /// The detection.
    pub detection: Detection,
    /// Its rule, where that is known.
    pub rule: Option<Rule>,
    /// On how many devices the rule opened detections about the observable, in the detection's account.
    pub impacted_devices: usize,
    /// How many different values the indicators of those detections have.
    pub indicator_values: usize,
    /// Whether the detection is on the device that was asked about.
    pub on_device: bool,
}

/// A [`DetectionWithRule`] whose rule is known.
#[derive(Clone, Copy, Debug)]
pub struct Ruled<'a> {
    /// The case.
    pub case: &'a DetectionWithRule,
    /// The rule.
    pub rule: &'a Rule,
    /// What identifies the rule.
    pub id: &'a str,
}

impl DetectionWithRule {
    /// With its rule, where that is known.
    pub fn ruled(&self) -> Option<Ruled<'_>> {
        let rule = self.rule.as_ref()?;
        Some(Ruled { case: self, rule, id: rule.id()? })
    }

    /// Whose detection it is.
    pub fn account(&self) -> Option<&str> {
        filled(self.detection.account_uuid.as_deref())
    }
}

/// One thing found: it becomes one sighting.
#[derive(Clone, Debug)]
pub enum Hit {
    /// An event, with the detection that it belongs to.
    Event {
        /// The event.
        event: Event,
        /// The detection, unless the event comes from the search.
        case: Option<Arc<DetectionWithRule>>,
    },
    /// A detection whose events are lacking.
    Detection {
        /// The detection.
        case: Arc<DetectionWithRule>,
        /// From its first to its last event.
        seen: ObservedTime,
    },
}

/// A device that a hit concerns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Device<'a> {
    /// Its address as the provider wrote it.
    pub(crate) ip: &'a str,
    /// Its name, where the hit itself says it.
    pub(crate) hostname: Option<&'a str>,
}

impl Hit {
    /// By when it is sorted.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Event { event, .. } => event.at(),
            Self::Detection { seen, .. } => seen.end(),
        }
    }

    /// The detection and its rule; none for an event whose rule is not known.
    pub fn ruled(&self) -> Option<Ruled<'_>> {
        match self {
            Self::Event { case, .. } => case.as_deref()?.ruled(),
            Self::Detection { case, .. } => case.ruled(),
        }
    }

    /// What tells it from other hits. The same event under two rules is two hits.
    pub fn key(&self) -> String {
        match self {
            Self::Event { event, .. } => event_key(event, self.ruled()),
            Self::Detection { case, .. } => detection_key(case),
        }
    }

    /// The device that it concerns.
    pub(crate) fn device(&self) -> Option<Device<'_>> {
        match self {
            Self::Event { event, .. } => event.device().map(|end| Device { ip: end.ip, hostname: None }),
            Self::Detection { case, .. } => {
                let hostname = filled(case.detection.hostname.as_deref());
                Some(Device { ip: filled(case.detection.device_ip.as_deref())?, hostname })
            }
        }
    }
}

pub(super) fn event_key(event: &Event, ruled: Option<Ruled<'_>>) -> String {
    match ruled {
        Some(ruled) => {
            format!("event:{}:{}:{}", event.uuid(), ruled.id, ruled.case.account().unwrap_or_default())
        }
        None => format!("event:{}", event.uuid()),
    }
}

pub(super) fn detection_key(case: &DetectionWithRule) -> String {
    format!("detection:{}", case.detection.uuid.as_deref().unwrap_or_default())
}
