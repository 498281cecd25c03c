//! The events of detections in which the observable occurs.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use futures::{StreamExt, stream};
use relay_core::provider::Failure;

use super::{Hits, PAGES, Search, goes_on};
use crate::api::{self, Page};
use crate::mapping::{DetectionWithRule, Hit};
use crate::model::{Event, filled};

/// What the events of one detection gave.
#[derive(Default)]
struct Read {
    matching: Vec<Event>,
    /// Events of any kind that came.
    received: usize,
    failure: Option<Failure>,
}

impl Search<'_> {
    /// Hits of the observable's detections. The detections are read at the same time but taken in their order,
    /// and once the limit is reached the rest is not read.
    pub(super) async fn detections(self) -> Hits {
        let mut found = Hits::default();
        let cases = self.cases(&mut found.errors).await;
        let mut known = HashSet::new();
        let mut reads = stream::iter(cases)
            .map(|case| async move {
                let read = self.events_of(&case).await;
                (case, read)
            })
            .buffered(self.call.concurrency());
        while let Some((case, read)) = reads.next().await {
            if let Some(failure) = &read.failure {
                found.errors.add(api::warning(failure, "events of some detections are missing"));
            }
            let hits = hits_of(case, read).into_iter();
            found.hits.extend(hits.filter(|hit| known.insert(hit.key())));
            if found.hits.len() >= self.limit() {
                break;
            }
        }
        found.hits.sort_by_key(|hit| Reverse(hit.at()));
        found.hits.truncate(self.limit());
        found
    }

    /// The events of one detection in which the observable occurs, until there are as many as are wanted.
    async fn events_of(self, case: &DetectionWithRule) -> Read {
        let mut read = Read::default();
        let Some(uuid) = filled(case.detection.uuid.as_deref()) else { return read };
        let limit = self.page_size();
        for number in 0..PAGES {
            let offset = number * limit;
            let page = Page { limit, offset };
            let (page, total) = match self.relay.detection_events(self.call, uuid, page).await {
                Ok(Some(page)) => page,
                Ok(None) => break,
                Err(failure) => {
                    read.failure = Some(failure);
                    break;
                }
            };
            read.received += page.received;
            read.matching.extend(page.items.into_iter().filter(|event| self.is_in(event, case)));
            if read.matching.len() >= self.limit() || !goes_on(offset, page.received, limit, total) {
                break;
            }
        }
        read
    }

    /// Whether the observable is what made an event part of the detection.
    fn is_in(self, event: &Event, case: &DetectionWithRule) -> bool {
        let is = |text: &str| self.subject.is(text);
        let paths = case.detection.indicators.iter().filter_map(|indicator| indicator.path());
        paths.clone().any(|path| event.leads_to(path, is))
            || (case.on_device && ["src.ip", "dst.ip"].iter().any(|path| event.leads_to(path, is)))
    }
}

/// The events, or the detection itself where it has none to show.
fn hits_of(case: Arc<DetectionWithRule>, read: Read) -> Vec<Hit> {
    if read.received == 0 {
        let seen = case.detection.seen();
        return seen.map(|seen| Hit::Detection { case, seen }).into_iter().collect();
    }
    let hit = |event| Hit::Event { event, case: Some(Arc::clone(&case)) };
    read.matching.into_iter().map(hit).collect()
}
