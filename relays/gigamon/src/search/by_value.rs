//! What an answer of the event search holds for each of its values, and no more. Answers wait until detections are
//! known, and one may have thousands of events, most of them of a busy value.

use std::cmp::Reverse;
use std::sync::Arc;

use relay_core::ctim::Timestamp;

use super::Search;
use crate::model::{Event, SearchPage};

/// An answer's events by value.
#[derive(Default)]
pub(super) struct EventsByValue {
    /// How many events came, also those that are not kept.
    pub(super) received: usize,
    /// How many there are, where the provider says.
    pub(super) total: Option<i64>,
    /// The time of the oldest event that came.
    pub(super) oldest: Option<Timestamp>,
    /// The newest events of each value that has any.
    pub(super) lists: Vec<(usize, Vec<Arc<Event>>)>,
}

impl Search<'_> {
    /// An event belongs to every value of the search that one of its texts is; in a search of one value, always to that.
    /// No value can use more than the limit: of its newest events, at most as many as it has hits of detections are
    /// events of these.
    pub(super) fn by_value(&self, page: SearchPage, values: &[usize]) -> EventsByValue {
        let oldest = page.events.items.iter().map(Event::at).min();
        let mut lists: Vec<(usize, Vec<Arc<Event>>)> =
            values.iter().map(|place| (*place, Vec::new())).collect();
        let mut unclaimed = 0;
        let (received, total) = (page.events.received, page.total);
        for event in page.events.items {
            if !self.call.credentials.allows(event.account()) {
                continue;
            }
            let owners = self.owners(&event, values);
            unclaimed += usize::from(owners.is_empty());
            let event = Arc::new(event);
            for owner in owners {
                lists[owner].1.push(Arc::clone(&event));
            }
        }
        if unclaimed > 0 {
            self.relay.client.count_dropped("event_search", unclaimed);
        }
        for (_, events) in &mut lists {
            events.sort_by_key(|event| Reverse(event.at()));
            events.truncate(self.limit);
            events.shrink_to_fit();
        }
        lists.retain(|(_, events)| !events.is_empty());
        EventsByValue { received, total, oldest, lists }
    }

    /// The positions among `values` of those that an event belongs to.
    fn owners(&self, event: &Event, values: &[usize]) -> Vec<usize> {
        if values.len() == 1 {
            return vec![0];
        }
        let mut owners = Vec::new();
        event.each_text(&mut |text| {
            // A certificate for all names below one stands for that one.
            let text = text.strip_prefix("*.").unwrap_or(text);
            self.subjects.find(text, |place| {
                if let Some(owner) = values.iter().position(|value| *value == place)
                    && !owners.contains(&owner)
                {
                    owners.push(owner);
                }
            });
        });
        owners
    }
}
