//! Answers to CTIM entities. Nothing here awaits, fails or reads the clock.

mod addresses;
mod domains;
mod table;

use relay_core::ctim::{
    Confidence, HttpUrl, ObservedTime, Origin, Relations, ShortText, Sighting, Text, Timestamp,
};
use relay_core::observable::Observable;

use crate::links::Links;
use crate::module::TITLE;

const ORIGIN: Origin = Origin::new("securitytrails", TITLE);
/// Who states the relations between observables.
const RELATIONS_BY: ShortText = Text::constant("SecurityTrails Enrichment Module");

/// Switches and bounds of the settings.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Most relations of a sighting.
    pub max_relations: usize,
    /// Whether sightings of domains have the history as a table.
    pub history_table: bool,
}

/// What one lookup came to.
#[derive(Debug)]
pub struct Mapped {
    /// The sighting; it has at least one relation.
    pub sighting: Sighting,
    /// How many relations were left out, because there may not be so many.
    pub left_out: usize,
}

/// Maps the answers about one observable.
pub struct Mapping<'a> {
    about: &'a Observable,
    now: Timestamp,
    limit: usize,
    options: Options,
    /// The site's page on the observable.
    page: Option<HttpUrl>,
}

impl<'a> Mapping<'a> {
    /// For an observable of a request. `limit` is the entities limit.
    pub fn new(
        about: &'a Observable,
        links: &Links,
        now: jiff::Timestamp,
        limit: usize,
        options: Options,
    ) -> Self {
        Self { about, now: Timestamp::from_clock(now), limit, options, page: links.site(about) }
    }

    /// The sighting of a lookup, unless it has no relation. `key` names the lookup.
    fn sighting(&self, key: &str, count: u64, description: String, relations: Relations) -> Option<Sighting> {
        if relations.is_empty() {
            return None;
        }
        Some(
            Sighting::new(ORIGIN, key, self.about, ObservedTime::at(self.now))
                .title("Found in SecurityTrails")
                .description(description)
                .confidence(Confidence::High)
                .internal(false)
                .count(count)
                .source_uri(self.page.clone())
                .relations(relations),
        )
    }
}
