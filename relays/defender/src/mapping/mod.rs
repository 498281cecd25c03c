//! Alerts, device events, prevalence and opinions to CTIM entities. Nothing here awaits, fails or reads the clock, and
//! nothing of one entity reaches another.

mod activity;
mod alert;
mod connections;
mod event;
mod evidence;
mod opinion;
mod prevalence;
mod programs;
mod target;
mod typed;

use std::collections::HashMap;

use relay_core::ctim::{Confidence, ObservedTime, Origin, Sensor, ShortText, Sighting, Text};
use relay_core::observable::Observable;
use url::Url;

use crate::model::{Evidence, Hashes};
use crate::module::TITLE;

pub use activity::event;
pub use alert::{AlertTimes, alert};
pub use event::Event;
pub use opinion::{Opinion, Opinions, opinions};
pub use prevalence::prevalence;
pub use target::{Adapter, Device};

const ORIGIN: Origin = Origin::new("defender", TITLE);
/// Who states the relations of events, and of alerts that do not say what raised them.
const RELATIONS_BY: ShortText = Text::constant(TITLE);
/// Longest command line in a table.
const COMMAND_LINE: usize = 512;

/// Details of devices, files and alerts, without which sightings are less complete.
#[derive(Debug, Default)]
pub struct Details {
    /// Devices by their id.
    pub devices: HashMap<String, Device>,
    /// The files that are known.
    pub files: Files,
    /// Evidence of alerts that came without, by the alert's id.
    pub evidence: HashMap<String, Vec<Evidence>>,
}

impl Details {
    /// The evidence of an alert: its own, or what was asked for.
    pub fn evidence<'a>(&'a self, alert: &'a crate::model::Alert) -> &'a [Evidence] {
        match alert.id.as_ref().and_then(|id| self.evidence.get(id)) {
            Some(known) if alert.evidence.is_empty() => known,
            _ => &alert.evidence,
        }
    }
}

/// Files by their hashes, as far as the request knows them.
#[derive(Clone, Debug, Default)]
pub struct Files {
    files: Vec<Hashes>,
    places: HashMap<String, usize>,
}

impl Files {
    /// Adds what is known of a file.
    pub fn add(&mut self, hashes: &Hashes) {
        let place = self.place(hashes).unwrap_or_else(|| {
            self.files.push(Hashes::default());
            self.files.len() - 1
        });
        if let Some(file) = self.files.get_mut(place) {
            file.complete(hashes);
            for hash in hashes.each() {
                self.places.entry(hash.clone()).or_insert(place);
            }
        }
    }

    fn place(&self, hashes: &Hashes) -> Option<usize> {
        let fits = |place: &usize| self.files.get(*place).is_some_and(|file| file.agree(hashes));
        hashes.each().filter_map(|hash| self.places.get(hash)).copied().find(|place| fits(place))
    }

    /// Hashes, completed by what is known of the file.
    pub fn completed(&self, mut hashes: Hashes) -> Hashes {
        if let Some(known) = self.place(&hashes).and_then(|place| self.files.get(place)) {
            hashes.complete(known);
        }
        hashes
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
    /// Whether command lines are reported.
    pub command_lines: bool,
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
    hashes.each().filter_map(|hash| Observable::hash(hash.as_str())).collect()
}

/// A command line, cut to what a table should hold.
fn command_line(text: &str) -> Option<String> {
    Text::<COMMAND_LINE>::new(text).map(|text| text.as_str().to_owned())
}

/// `DOMAIN\name`, or the name alone.
fn account(domain: Option<&str>, name: &str) -> String {
    match domain.map(str::trim).filter(|domain| !domain.is_empty()) {
        Some(domain) => format!("{domain}\\{name}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_completed_from_any_of_its_hashes_and_never_from_another_file() {
        let (one, two) = ("1".repeat(40), "2".repeat(40));
        let (sha256, md5) = ("3".repeat(64), "4".repeat(32));
        let mut files = Files::default();
        files.add(&Hashes::new(Some(&one), Some(&sha256), None));
        files.add(&Hashes::new(None, Some(&sha256), Some(&md5)));
        let whole = Hashes::new(Some(&one), Some(&sha256), Some(&md5));
        assert_eq!(files.completed(Hashes::new(None, None, Some(&md5))), whole);
        assert_eq!(files.completed(Hashes::new(Some(&one), None, None)), whole);
        // Two files may have one MD5.
        let other = Hashes::new(Some(&two), None, Some(&md5));
        files.add(&other);
        assert_eq!(files.completed(other.clone()), other);
    }
}
