//! Answers to CTIM entities. Nothing here awaits, fails or reads the clock.
//!
//! The outcome is as if report, resolutions and collections were mapped in that order, each taking from one
//! budget of sightings per observable; verdict and the single judgement do not count.

mod collections;
mod details;
mod dns;
mod report;
mod scale;

use std::collections::HashSet;

use relay_core::ctim::{
    Bundle, Confidence, HttpUrl, Indicator, ObservedTime, Origin, ShortText, Sighting, Text, Timestamp,
    ValidTime, Verdict,
};
use relay_core::observable::Observable;
use serde_json::{Map, Value, json};

use crate::links::Links;
use crate::model::{Linkage, Report, Resolve, Tag};
use crate::module::TITLE;
use crate::settings::Options;
use scale::Rating;

const ORIGIN: Origin = Origin::new("xforce", TITLE);
/// Who states the relations between observables.
const RELATIONS_BY: ShortText = Text::constant("IBM X-Force Exchange Enrichment Module");

/// How long a verdict on an address, domain or URL holds, in days. One on a file holds for ever.
const VERDICT_DAYS: u32 = 30;
/// How long a judgement holds, in days.
const JUDGEMENT_DAYS: u32 = 7;
/// How long an indicator holds, in days.
const INDICATOR_DAYS: u32 = 30;
/// Priority of judgements: an automated system, below curated lists.
const PRIORITY: u8 = 85;

/// The answers about one value, as far as there are any.
#[derive(Debug, Default)]
pub struct Answers {
    /// The report.
    pub report: Option<Report>,
    /// DNS resolutions.
    pub resolve: Option<Resolve>,
    /// Collections.
    pub linkage: Option<Linkage>,
}

/// Maps the answers about one observable.
pub struct Mapping<'a> {
    about: &'a Observable,
    links: &'a Links,
    now: Timestamp,
    limit: usize,
    options: &'a Options,
    /// The portal's page on the observable.
    page: Option<HttpUrl>,
}

impl<'a> Mapping<'a> {
    /// For an observable of a request. `limit` is the entities limit.
    pub fn new(
        about: &'a Observable,
        links: &'a Links,
        now: jiff::Timestamp,
        limit: usize,
        options: &'a Options,
    ) -> Self {
        let page = links.page(about);
        Self { about, links, now: Timestamp::from_clock(now), limit, options, page }
    }

    /// The verdict alone.
    pub fn verdict_only(&self, answers: &Answers) -> Bundle {
        let mut bundle = Bundle::default();
        if let Some(report) = &answers.report {
            bundle.push(self.verdict(report));
        }
        bundle
    }

    /// Everything that the answers say.
    pub fn observe(&self, answers: &Answers) -> Bundle {
        let mut bundle = self.verdict_only(answers);
        if let Some(report) = &answers.report {
            self.report(report, &mut bundle);
        }
        if bundle.sightings().len() < self.limit
            && let Some(sighting) = answers.resolve.as_ref().and_then(|resolve| self.dns(resolve))
        {
            bundle.push(sighting);
        }
        if let Some(linkage) = &answers.linkage {
            let room = self.limit.saturating_sub(bundle.sightings().len());
            self.collections(linkage, room, &mut bundle);
        }
        bundle
    }

    /// The verdict that a report comes to.
    pub fn verdict(&self, report: &Report) -> Verdict {
        let (rating, valid) = match report {
            Report::Ip(report) => (Rating::of_score(report.score), self.valid(VERDICT_DAYS)),
            Report::Url(report) => {
                let score = report.result.as_ref().and_then(|result| result.score);
                (Rating::of_score(score), self.valid(VERDICT_DAYS))
            }
            Report::Hash(report) => {
                let risk = report.malware.as_ref().and_then(|malware| malware.risk.as_deref());
                (Rating::of_risk(risk), ValidTime::forever(self.now))
            }
        };
        Verdict::new(self.about, rating.disposition, valid)
    }

    fn valid(&self, days: u32) -> ValidTime {
        ValidTime::days(self.now, days)
    }

    /// A sighting with what all of them share.
    fn sighting(&self, key: &str, seen: ObservedTime) -> Sighting {
        Sighting::new(ORIGIN, key, self.about, seen).confidence(Confidence::High).internal(false)
    }

    /// An indicator with what all of them share. Its link depends on the observable, so its id does too.
    fn indicator(&self, key: &str) -> Indicator {
        Indicator::for_observable(ORIGIN, key, self.about, self.valid(INDICATOR_DAYS))
            .confidence(Confidence::High)
    }
}

/// The users' words for a report, each once, at most twenty.
fn user_tags(tags: &[Tag]) -> Vec<&str> {
    const MOST: usize = 20;
    let mut known = HashSet::new();
    let tags = tags.iter().filter_map(|tag| tag.tag.as_deref()).map(str::trim);
    tags.filter(|tag| !tag.is_empty() && known.insert(*tag)).take(MOST).collect()
}

/// Adds tags to an indicator.
fn tagged<'a>(indicator: Indicator, tags: impl IntoIterator<Item = &'a str>) -> Indicator {
    tags.into_iter().fold(indicator, Indicator::tag)
}

/// A text that is not blank.
fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn time(text: Option<&str>) -> Option<Timestamp> {
    text.and_then(Timestamp::parse_assuming_utc)
}

/// When a relation was seen, over all records that state it, and how often.
#[derive(Clone, Copy, Default)]
struct Seen {
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    count: Option<u64>,
}

impl Seen {
    /// Adds a record.
    fn merge(&mut self, first: Option<&str>, last: Option<&str>, count: Option<i64>) {
        self.first = self.first.into_iter().chain(time(first)).min();
        self.last = self.last.into_iter().chain(time(last)).max();
        let count = count.and_then(|count| u64::try_from(count).ok()).filter(|count| *count > 0);
        if let Some(count) = count {
            self.count = Some(self.count.unwrap_or(0).saturating_add(count));
        }
    }

    /// The fields of `relation_info`, as far as they are known.
    fn info(self) -> Map<String, Value> {
        let moment = |moment: Option<Timestamp>| moment.map(|moment| json!(moment));
        let fields = [
            ("first_seen", moment(self.first)),
            ("last_seen", moment(self.last)),
            ("count", self.count.map(Value::from)),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_given_once_and_are_not_blank() {
        let tag = |tag: Option<&str>| Tag { tag: tag.map(str::to_owned) };
        let tags = [Some(" phish "), Some("  "), None, Some("phish"), Some("kit")].map(tag);
        assert_eq!(user_tags(&tags), ["phish", "kit"]);
        let many: Vec<Tag> = (0..30).map(|n| tag(Some(&n.to_string()))).collect();
        assert_eq!(user_tags(&many).len(), 20);
    }

    #[test]
    fn records_of_one_relation_are_one_span_and_a_sum() {
        let mut seen = Seen::default();
        for count in [None, Some(0), Some(-3)] {
            seen.merge(None, None, count);
            assert_eq!(seen.count, None, "{count:?} says nothing");
        }
        seen.merge(Some("2026-02-01T00:00:00Z"), Some("2026-02-03T00:00:00Z"), Some(2));
        seen.merge(Some("2026-01-01T00:00:00Z"), Some("2026-02-02T00:00:00Z"), Some(3));
        assert_eq!(seen.count, Some(5));
        assert_eq!(
            (seen.first, seen.last),
            (time(Some("2026-01-01T00:00:00Z")), time(Some("2026-02-03T00:00:00Z")))
        );
    }
}
