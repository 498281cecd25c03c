//! Everything that is asked about one observable.
//!
//! Detections and the event search run at the same time. The hits of detections go first, each group newest first,
//! until the limit is reached; what is not needed any more is dropped while it runs. Which hits those are does not
//! depend on which call was faster. Then the devices of these hits are named, and all of it is mapped.

mod cases;
mod detections;
mod devices;
mod events;

use std::cmp::Reverse;

use relay_core::call::{ALL_CALLS, Call};
use relay_core::ctim::Bundle;
use relay_core::error::Errors;
use relay_core::lookup::Lookup;

use crate::Gigamon;
use crate::api;
use crate::credentials::ApiToken;
use crate::mapping::{Devices, Hit, Mapping};
use crate::model::Subject;
use crate::settings::Site;
use events::EventSearch;

/// The lookup of one observable.
#[derive(Clone, Copy)]
pub(crate) struct Search<'a> {
    relay: &'a Gigamon,
    call: &'a Call<ApiToken>,
    subject: &'a Subject,
}

/// Hits of one kind, newest first, and what failed on the way.
#[derive(Default)]
struct Hits {
    hits: Vec<Hit>,
    errors: Errors,
}

impl<'a> Search<'a> {
    pub(crate) fn new(relay: &'a Gigamon, call: &'a Call<ApiToken>, subject: &'a Subject) -> Self {
        Self { relay, call, subject }
    }

    pub(crate) async fn run(self) -> Lookup {
        let Hits { mut hits, mut errors } = self.hits().await;
        // Stable: hits of the same moment keep the order of the groups.
        hits.sort_by_key(|hit| Reverse(hit.at()));
        let mut devices = Devices::default();
        errors.extend(self.devices(&hits, &mut devices).await);
        let mapping = Mapping::new(self.subject, &self.site().links, &devices);
        let mut bundle = mapping.hits(&hits);
        if bundle.is_empty() && self.relay.entity_summary {
            bundle = self.summary(&mapping, &mut errors).await;
        }
        Lookup { bundle, errors }
    }

    /// The hits of detections, then those of the search, as many as the limit allows.
    async fn hits(self) -> Hits {
        let mut search = EventSearch::begin(self);
        let detecting = self.detections();
        tokio::pin!(detecting);
        let mut found = loop {
            tokio::select! {
                biased;
                found = &mut detecting => break found,
                Some(()) = search.advance() => {}
            }
        };
        if self.call.stopped(ALL_CALLS).is_some() {
            search.cancel();
        }
        let searched = search.finish(&found.hits).await;
        found.hits.extend(searched.hits);
        found.errors.extend(searched.errors);
        found
    }

    async fn summary(self, mapping: &Mapping<'_>, errors: &mut Errors) -> Bundle {
        match self.relay.summary(self.call, self.subject).await {
            Ok(summary) => summary.map(|summary| mapping.summary(&summary)).unwrap_or_default(),
            Err(failure) => {
                errors.add(api::warning(&failure, "when it was seen at all is missing"));
                Bundle::new()
            }
        }
    }

    fn site(self) -> &'a Site {
        self.relay.site(self.call)
    }

    /// How many hits are wanted.
    fn limit(self) -> usize {
        self.call.limit()
    }

    /// How many items are asked for at a time.
    fn page_size(self) -> usize {
        self.limit().max(100)
    }
}

/// How many pages of a list are read at most.
const PAGES: usize = 10;

/// Whether a list goes on behind a page.
fn goes_on(offset: usize, received: usize, page_size: usize, total: Option<i64>) -> bool {
    let read = offset + received;
    received >= page_size && total.is_none_or(|total| usize::try_from(total).is_ok_and(|total| read < total))
}
