//! Events and detections to CTIM entities. Nothing here awaits, fails or reads the clock.
//!
//! A [`Hit`] becomes one sighting; the rules of the hits become one indicator each, to which the sightings are
//! related.

mod devices;
mod hit;
mod relations;
mod rule;
mod sighting;
mod table;

use std::collections::HashMap;

use relay_core::ctim::{Bundle, Indicator, MediumText, Origin, ShortText, SightingOf};

use crate::links::Links;
use crate::model::Subject;
use crate::model::Summary;
use crate::module::TITLE;

pub use devices::Devices;
pub use hit::{DetectionWithRule, Hit, Ruled};

const ORIGIN: Origin = Origin::new(crate::module::MODULE.name, TITLE);
/// Who states the relations between observables.
const RELATIONS_BY: ShortText = ShortText::constant(TITLE);
/// Where the external references lead.
const REFERENCED: MediumText = MediumText::constant(TITLE);

/// Maps what was found for one observable.
pub struct Mapping<'a> {
    subject: &'a Subject,
    links: &'a Links,
    devices: &'a Devices,
}

impl<'a> Mapping<'a> {
    /// For an observable of a request, with the names of devices.
    pub fn new(subject: &'a Subject, links: &'a Links, devices: &'a Devices) -> Self {
        Self { subject, links, devices }
    }

    /// The sightings in the order of the hits, their rules in order of first use.
    pub fn hits(&self, hits: &[Hit]) -> Bundle {
        let mut bundle = Bundle::new();
        let mut indicators: Vec<Indicator> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for hit in hits {
            let sighting = match hit {
                Hit::Event { event, .. } => self.event(event, hit.ruled()),
                Hit::Detection { case, seen } => self.detection(case, *seen),
            };
            if let Some(ruled) = hit.ruled() {
                let place = *places.entry(ruled.id).or_insert_with(|| {
                    indicators.push(self.rule(ruled));
                    indicators.len() - 1
                });
                bundle.relate(&sighting, SightingOf, &indicators[place]);
            }
            bundle.push(sighting);
        }
        bundle.extend(indicators);
        bundle
    }

    /// That the value was seen at all, from the summary of it.
    pub fn summary(&self, summary: &Summary) -> Bundle {
        let mut bundle = Bundle::new();
        bundle.extend(self.seen_at_all(summary));
        bundle
    }
}
