//! Everything that is asked about the observables of a request, together.
//!
//! | step | module |
//! |---|---|
//! | distinct values, and which of them a text is | `subjects` |
//! | the detections of each value, with their rules | `lists` |
//! | the events of these detections, each read once | `reads` |
//! | concurrently, one search of all events for all values | `events`, `task`, `query`, `by_value` |
//! | the names of the devices concerned | `devices` |
//! | what failed on the way | `problems` |
//!
//! The hits of detections go first, each group newest first, until the limit is reached; calls that are no longer
//! needed are aborted. The outcome does not depend on which call was faster.

mod by_value;
mod devices;
mod events;
mod lists;
mod problems;
mod query;
mod reads;
mod subjects;
mod task;

use std::cmp::Reverse;
use std::collections::HashMap;

use futures::{StreamExt, stream};
use relay_core::call::Call;
use relay_core::lookup::Lookup;
use relay_core::observable::Observable;

use crate::Gigamon;
use crate::api::Calls;
use crate::credentials::ApiToken;
use crate::mapping::{Hit, Mapping};
use crate::model::Summary;
use crate::settings::{Options, Site};
use events::{EventSearch, Found};
use problems::Problems;
use subjects::Subjects;

/// The queries that ask the event search about observables: at most `most` values in each, of which each may have
/// `limit` events.
pub fn queries(about: &[Observable], most: usize, limit: usize) -> Vec<String> {
    let subjects = Subjects::of(about);
    let packed = query::packed(&subjects, 0..subjects.len(), most, limit);
    packed.iter().map(|values| query::query(&subjects, values)).collect()
}

/// The lookup of one request.
struct Search<'a> {
    relay: &'a Gigamon,
    call: &'a Call<ApiToken>,
    calls: Calls<'a>,
    subjects: &'a Subjects<'a>,
    options: Options,
    site: &'a Site,
    /// How many hits a value may have.
    limit: usize,
    /// How many items are asked for at a time.
    page_size: usize,
}

/// How many pages of a list are read at most.
const PAGES: usize = 10;
/// The least page size: the usual one of the provider.
const LEAST_PAGE: usize = 100;

/// Looks the observables of a request up.
pub(crate) async fn run(relay: &Gigamon, call: &Call<ApiToken>, about: &[Observable]) -> Lookup {
    let subjects = Subjects::of(about);
    if subjects.len() == 0 {
        return Lookup::nothing();
    }
    let search = Search {
        relay,
        call,
        calls: Calls::new(relay, call),
        subjects: &subjects,
        options: relay.options,
        site: relay.site(call),
        limit: call.limit(),
        page_size: call.limit().max(LEAST_PAGE),
    };
    let mut problems = Problems::new(&subjects);
    let (mut hits, found) = search.hits(&mut problems).await;
    found.report(hits.iter().any(|hits| !hits.is_empty()) || found.has_events(), &mut problems);
    for (hits, events) in hits.iter_mut().zip(found.events) {
        hits.extend(events.into_iter().map(|event| Hit::Event { event, case: None }));
        // Stable: hits of the same moment keep the order of the groups.
        hits.sort_by_key(|hit| Reverse(hit.at()));
    }
    let devices = search.devices(&hits, &mut problems).await;
    let summaries = search.summaries(&hits, &mut problems).await;
    let mut lookup = Lookup::nothing();
    for (place, observable) in subjects.asked() {
        let subject = subjects.subject(*place);
        let mapping = Mapping::new(subject, observable, &search.site.links, &devices, call.now());
        lookup.bundle.merge(mapping.hits(&hits[*place]));
        if let Some(summary) = summaries.get(place) {
            lookup.bundle.merge(mapping.summary(summary));
        }
    }
    lookup.errors = problems.finish();
    lookup
}

impl Search<'_> {
    /// The hits of detections, newest first, and what else the event search found.
    async fn hits(&self, problems: &mut Problems<'_>) -> (Vec<Vec<Hit>>, Found) {
        let mut events = EventSearch::begin(self);
        let detecting = async {
            let cases = self.detections(problems).await;
            self.events_of_detections(&cases, problems).await
        };
        tokio::pin!(detecting);
        let mut detected = loop {
            tokio::select! {
                biased;
                Some(()) = events.advance() => {}
                detected = &mut detecting => break detected,
            }
        };
        for hits in &mut detected {
            hits.sort_by_key(|hit| Reverse(hit.at()));
            hits.truncate(self.limit);
        }
        let found = events.finish(&detected).await;
        (detected, found)
    }

    /// The summaries of values without any hit, if the setting asks for them.
    async fn summaries(&self, hits: &[Vec<Hit>], problems: &mut Problems<'_>) -> HashMap<usize, Summary> {
        let wanted = |place: &usize| self.options.entity_summary && hits[*place].is_empty();
        let places: Vec<usize> = (0..hits.len()).filter(wanted).collect();
        let mut answers = stream::iter(places)
            .map(|place| async move { (place, self.calls.summary(self.subjects.subject(place)).await) })
            .buffered(self.call.concurrency());
        let mut summaries = HashMap::new();
        while let Some((place, answer)) = answers.next().await {
            match answer {
                Ok(summary) => summaries.extend(summary.map(|summary| (place, summary))),
                Err(failure) => problems.incomplete(&failure, "summaries of some values", &[place]),
            }
        }
        summaries
    }
}

/// Whether a list goes on behind a page.
fn goes_on(offset: usize, received: usize, page_size: usize, total: Option<i64>) -> bool {
    let read = offset + received;
    received >= page_size && total.is_none_or(|total| usize::try_from(total).is_ok_and(|total| read < total))
}
