//! Answers to CTIM entities. Nothing here awaits, fails or reads the clock.

mod domains;
mod history;
mod subdomains;
mod table;

use relay_core::ctim::{
    Confidence, HttpUrl, ObservedTime, Origin, Relations, ShortText, Sighting, Text, Timestamp,
};
use relay_core::observable::Observable;

use crate::links::Links;
use crate::module::TITLE;
use crate::settings::Options;

const ORIGIN: Origin = Origin::new("securitytrails", TITLE);
/// The origin of the relations between observables.
const RELATIONS_BY: ShortText = Text::constant("SecurityTrails Enrichment Module");

/// What one lookup came to.
#[derive(Debug)]
pub struct Mapped {
    /// The sighting; it has at least one relation.
    pub sighting: Sighting,
    /// How many relations were left out, because a sighting may not have more.
    pub left_out: usize,
}

/// Maps the answers about one observable.
pub struct Mapping<'a> {
    about: &'a Observable,
    now: Timestamp,
    limit: usize,
    options: &'a Options,
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
        options: &'a Options,
    ) -> Self {
        Self { about, now: Timestamp::from_clock(now), limit, options, page: links.site(about) }
    }

    /// The observable.
    pub fn about(&self) -> &'a Observable {
        self.about
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

/// A name in the one spelling in which it counts: lower case, without a dot at the end. None for what is no name.
fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_suffix('.').unwrap_or(text);
    (!text.is_empty() && relay_core::observable::ip_address(text).is_none()).then(|| text.to_lowercase())
}

/// Texts that are not blank, joined.
fn joined(texts: &[String]) -> Option<String> {
    let texts: Vec<&str> = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}
