//! Answers to CTIM entities. Nothing here awaits, fails or reads the clock.
//!
//! The outcome is as if report, resolutions and collections were mapped in that order, each taking from one
//! budget of sightings per observable; verdict and the single judgement do not count.

mod collections;
mod details;
mod dns;
mod report;
mod scale;

use relay_core::ctim::{
    Bundle, Confidence, HttpUrl, Indicator, ObservedTime, Origin, ShortText, Sighting, Text, Timestamp,
    ValidTime, Verdict,
};
use relay_core::observable::Observable;

use crate::links::Links;
use crate::model::{Linkage, Report, Resolve};
use crate::module::TITLE;
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

/// Maps the answers about one observable.
pub struct Mapping<'a> {
    about: &'a Observable,
    links: &'a Links,
    now: Timestamp,
    limit: usize,
    malware_details: bool,
    /// The portal's page on the observable.
    page: Option<HttpUrl>,
}

impl<'a> Mapping<'a> {
    /// For an observable of a request. `limit` is the entities limit, `malware_details` whether families and
    /// servers of file hashes are mapped.
    pub fn new(
        about: &'a Observable,
        links: &'a Links,
        now: jiff::Timestamp,
        limit: usize,
        malware_details: bool,
    ) -> Self {
        let page = links.page(about);
        Self { about, links, now: Timestamp::from_clock(now), limit, malware_details, page }
    }

    /// Everything that the answers tell.
    pub fn observe(
        &self,
        report: Option<&Report>,
        resolve: Option<&Resolve>,
        linkage: Option<&Linkage>,
    ) -> Bundle {
        let mut bundle = Bundle::default();
        if let Some(report) = report {
            bundle.push(self.verdict(report));
            self.report(report, &mut bundle);
        }
        if bundle.sightings().len() < self.limit
            && let Some(sighting) = resolve.and_then(|resolve| self.dns(resolve))
        {
            bundle.push(sighting);
        }
        if let Some(linkage) = linkage {
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
