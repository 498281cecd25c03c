//! Events and detections to CTIM entities. Nothing here awaits, fails or reads the clock.
//!
//! A [`Hit`] becomes one sighting. The rules of the hits, and the feeds that list the observable, become one indicator
//! each, to which the sightings are related.

mod devices;
mod feeds;
mod files;
mod hit;
mod http;
mod relations;
mod rule;
mod sighting;
mod table;

use std::collections::HashMap;

use relay_core::ctim::{
    Bundle, ElementOf, Indicator, MediumText, MemberOf, Origin, ShortText, Sighting, SightingOf,
};
use relay_core::observable::Observable;

use crate::links::Links;
use crate::model::{Subject, Summary};
use crate::module::{MODULE, TITLE};

pub use devices::Devices;
pub use hit::{DetectionWithRule, Hit, Ruled};

const ORIGIN: Origin = Origin::new(MODULE.name, TITLE);
/// Who states the relations between observables.
const RELATIONS_BY: ShortText = ShortText::constant(TITLE);
/// Where the external references lead.
const REFERENCED: MediumText = MediumText::constant(TITLE);

/// Maps what was found for one observable.
pub struct Mapping<'a> {
    subject: &'a Subject,
    about: &'a Observable,
    links: &'a Links,
    devices: &'a Devices,
    now: jiff::Timestamp,
}

impl<'a> Mapping<'a> {
    /// For an observable of a request, as it is looked up and as it was received, with the names of devices.
    pub fn new(
        subject: &'a Subject,
        about: &'a Observable,
        links: &'a Links,
        devices: &'a Devices,
        now: jiff::Timestamp,
    ) -> Self {
        Self { subject, about, links, devices, now }
    }

    /// The sightings in the order of the hits, rules and feeds in order of first use.
    pub fn hits(&self, hits: &[Hit]) -> Bundle {
        let mut bundle = Bundle::new();
        let mut indicators = Indicators::default();
        let statements = feeds::newest(hits, self.subject);
        for hit in hits {
            let sighting = match hit {
                Hit::Event { event, .. } => self.event(event, hit),
                Hit::Detection { case, seen } => self.detection(case, *seen),
            };
            if let Some(ruled) = hit.ruled() {
                let indicator = indicators.of((Source::Rule, ruled.id), || self.rule(ruled));
                bundle.relate(&sighting, SightingOf, indicator);
            }
            self.list(hit, &sighting, &statements, &mut indicators, &mut bundle);
            bundle.push(sighting);
        }
        bundle.extend(indicators.list);
        bundle
    }

    /// Relates a sighting to the feeds that list the observable in its event.
    fn list<'h>(
        &self,
        hit: &'h Hit,
        sighting: &Sighting,
        statements: &HashMap<&'h str, feeds::Statement<'h>>,
        indicators: &mut Indicators<'h>,
        bundle: &mut Bundle,
    ) {
        for feed in hit.event().into_iter().flat_map(|event| feeds::of(event, self.subject)) {
            let Some(statement) = statements.get(feed) else { continue };
            let indicator = indicators.of((Source::Feed, feed), || statement.indicator());
            bundle.relate(sighting, MemberOf, indicator);
            if let Some(judgement) = statement.judgement(self.about, self.now) {
                bundle.relate(&judgement, ElementOf, indicator);
                bundle.push(judgement);
            }
        }
    }

    /// That the value was seen, from its summary.
    pub fn summary(&self, summary: &Summary) -> Bundle {
        let mut bundle = Bundle::new();
        bundle.extend(self.seen_at_all(summary));
        bundle
    }
}

/// What an indicator stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    Rule,
    Feed,
}

/// The indicators so far, each made once.
#[derive(Default)]
struct Indicators<'h> {
    list: Vec<Indicator>,
    places: HashMap<(Source, &'h str), usize>,
}

impl<'h> Indicators<'h> {
    fn of(&mut self, key: (Source, &'h str), make: impl FnOnce() -> Indicator) -> &Indicator {
        let list = &mut self.list;
        let place = *self.places.entry(key).or_insert_with(|| {
            list.push(make());
            list.len() - 1
        });
        &self.list[place]
    }
}
