//! Alerts and device events to CTIM sightings. Nothing here awaits, fails or reads the clock, and nothing of one
//! sighting reaches another.

mod alert;
mod event;
mod target;
mod typed;

use std::collections::HashMap;

use relay_core::ctim::{Confidence, ObservedTime, Origin, Sensor, ShortText, Sighting, Text};
use relay_core::observable::Observable;
use url::Url;

use crate::model::{Evidence, Hashes};
use crate::module::TITLE;

pub use alert::{AlertTimes, alert};
pub use event::{Event, event};
pub use target::{Adapter, Device};

const ORIGIN: Origin = Origin::new("defender", TITLE);
/// Who states the relations of events, and of alerts that do not say what raised them.
const RELATIONS_BY: ShortText = Text::constant(TITLE);

/// What is known besides alerts and events: details that sightings can do without.
#[derive(Debug, Default)]
pub struct Details {
    /// Devices by their id.
    pub devices: HashMap<String, Device>,
    /// All hashes of a file, by one of them in lower case.
    pub files: HashMap<String, Hashes>,
    /// Evidence of alerts that came without, by the alert's id.
    pub evidence: HashMap<String, Vec<Evidence>>,
}

impl Details {
    /// Hashes with what is known of the file besides.
    fn complete(&self, hashes: Hashes) -> Hashes {
        let known = hashes.key_to_rest().and_then(|key| self.files.get(&key));
        hashes.completed(known)
    }
}

/// What the mapping of one observable's findings needs.
pub struct Mapping<'a> {
    /// The observable that was asked about.
    pub about: &'a Observable,
    /// Details of devices and files.
    pub details: &'a Details,
    /// The portal, for links.
    pub portal: &'a Url,
}

impl Mapping<'_> {
    /// A sighting with what all of them share.
    fn sighting(&self, key: &str, seen: ObservedTime) -> Sighting {
        Sighting::new(ORIGIN, key, self.about, seen)
            .confidence(Confidence::High)
            .internal(true)
            .sensor(Sensor::ENDPOINT)
    }
}

/// The hashes as observables, in the order SHA-1, SHA-256, MD5.
fn observables(hashes: &Hashes) -> Vec<Observable> {
    [&hashes.sha1, &hashes.sha256, &hashes.md5]
        .into_iter()
        .filter_map(|hash| Observable::hash(hash.as_deref()))
        .collect()
}
