//! What was found for an observable, before it is mapped.

use std::sync::Arc;

use relay_core::ctim::{ObservedTime, Timestamp};
use relay_core::observable::ip_address;

use crate::model::{Detection, Event, Rule, filled};

/// A detection with what belongs to it.
#[derive(Clone, Debug)]
pub struct DetectionWithRule {
    /// The detection.
    pub detection: Detection,
    /// Its rule, where that is known.
    pub rule: Option<Arc<Rule>>,
    /// On how many devices the rule opened detections about the observable, in the detection's account.
    pub impacted_devices: usize,
    /// How many different values the indicators of those detections have.
    pub indicator_values: usize,
    /// Whether the detection is on the device that was asked about.
    pub on_device: bool,
}

/// A [`DetectionWithRule`] with a known rule.
#[derive(Clone, Copy, Debug)]
pub struct Ruled<'a> {
    /// The detection and what belongs to it.
    pub case: &'a DetectionWithRule,
    /// The rule.
    pub rule: &'a Rule,
    /// What identifies the rule.
    pub id: &'a str,
}

impl DetectionWithRule {
    /// With its rule, where that is known.
    pub fn ruled(&self) -> Option<Ruled<'_>> {
        let rule = self.rule.as_deref()?;
        Some(Ruled { case: self, rule, id: rule.id()? })
    }

    /// The account that the detection belongs to.
    pub fn account(&self) -> Option<&str> {
        filled(self.detection.account_uuid.as_deref())
    }

    /// What is muted and why, on one line.
    pub(super) fn muted(&self) -> Option<String> {
        const COMMENT: usize = 200;
        let what = self.detection.muted()?;
        Some(match filled(self.detection.muted_comment.as_deref()) {
            Some(comment) => format!("{what}: {}", relay_core::text::sanitized(comment.trim(), COMMENT)),
            None => what.to_owned(),
        })
    }
}

/// One thing found: it becomes one sighting.
#[derive(Clone, Debug)]
pub enum Hit {
    /// An event, with the detection that it belongs to.
    Event {
        /// The event.
        event: Arc<Event>,
        /// The detection, unless the event comes from the search or the rule is not known.
        case: Option<Arc<DetectionWithRule>>,
    },
    /// A detection without events.
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
    /// Its name, where the detection says it.
    pub(crate) hostname: Option<&'a str>,
    /// Who uses it, where the hit says it.
    pub(crate) user: Option<&'a str>,
}

impl Hit {
    /// By when it is sorted.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Event { event, .. } => event.at(),
            Self::Detection { seen, .. } => seen.end(),
        }
    }

    /// The event, unless it is a detection that stands for itself.
    pub(crate) fn event(&self) -> Option<&Event> {
        match self {
            Self::Event { event, .. } => Some(event),
            Self::Detection { .. } => None,
        }
    }

    /// The detection and its rule; none for an event without a known rule.
    pub fn ruled(&self) -> Option<Ruled<'_>> {
        match self {
            Self::Event { case, .. } => case.as_deref()?.ruled(),
            Self::Detection { case, .. } => case.ruled(),
        }
    }

    /// Identifies it among the hits. The same event under two rules is two hits.
    pub fn key(&self) -> String {
        match self {
            Self::Event { event, .. } => event_key(event, self.ruled()),
            Self::Detection { case, .. } => detection_key(case),
        }
    }

    /// The device that it concerns.
    pub(crate) fn device(&self) -> Option<Device<'_>> {
        match self {
            Self::Event { event, case } => device_of_event(event, case.as_deref()),
            Self::Detection { case, .. } => Some(Device {
                ip: filled(case.detection.device_ip.as_deref())?,
                hostname: filled(case.detection.hostname.as_deref()),
                user: filled(case.detection.username.as_deref()),
            }),
        }
    }

    /// The device, where DHCP servers have to be asked for its name.
    pub(crate) fn unnamed_device(&self) -> Option<Device<'_>> {
        match self {
            Self::Event { .. } => self.device(),
            Self::Detection { .. } => self.device().filter(|device| device.hostname.is_none()),
        }
    }
}

/// The end that the detection names, for its rule decides which end is the device; else the end that is in the user's
/// own network, the source first.
fn device_of_event<'a>(event: &'a Event, case: Option<&'a DetectionWithRule>) -> Option<Device<'a>> {
    let detection = case.map(|case| &case.detection);
    let named = detection.and_then(|detection| ip_address(filled(detection.device_ip.as_deref())?));
    if let (Some(detection), Some(_)) = (detection, named)
        && let Some(end) = event.ends().find(|end| ip_address(end.ip) == named)
    {
        let user = filled(detection.username.as_deref()).or(end.facts.text("username"));
        return Some(Device { ip: end.ip, hostname: filled(detection.hostname.as_deref()), user });
    }
    let end = event.ends().find(|end| end.internal)?;
    Some(Device { ip: end.ip, hostname: None, user: end.facts.text("username") })
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
