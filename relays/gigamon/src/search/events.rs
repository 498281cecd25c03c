//! The search in all events, day by day: the service answers for a stretch of time, without paging.

use std::cmp::Reverse;
use std::collections::{HashSet, VecDeque};
use std::pin::Pin;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, Stream};
use jiff::SignedDuration;
use relay_core::ctim::Timestamp;
use relay_core::error::{Code, Error};
use relay_core::provider::Failure;
use url::Url;

use super::{Hits, Search};
use crate::api::{self, SearchBody};
use crate::mapping::Hit;
use crate::model::{Event, SearchPage};
use crate::module::TITLE;

/// How often the rest of a day is asked for, where one answer cannot hold it.
const FURTHER_PAGES: usize = 2;
/// How long an absent search is not asked again: it is in no list of today's APIs.
const PAUSE: Duration = Duration::from_secs(600);
/// The service's times are exact to this.
const TICK: SignedDuration = SignedDuration::from_millis(1);

/// A stretch of time: its start is in it, its end is not.
#[derive(Clone, Copy, Debug)]
struct Window {
    start: Timestamp,
    end: Timestamp,
}

type Pages<'a> = Pin<Box<dyn Stream<Item = (Window, Result<Option<SearchPage>, Failure>)> + Send + 'a>>;

/// A search that may run beside other work. Windows are asked all at once and taken newest first.
pub(super) struct EventSearch<'a> {
    lookup: Search<'a>,
    /// Base of the service; none where it is switched off.
    base: Option<&'a Url>,
    /// Whether it was found lately that there is no such service.
    absent: bool,
    pages: Pages<'a>,
    /// Pages that came and were not looked at yet.
    arrived: VecDeque<(Window, Result<Option<SearchPage>, Failure>)>,
}

/// The events that are kept.
struct Kept {
    events: Vec<Event>,
    /// Uuids of these and of the detections' events.
    known: HashSet<String>,
    /// How many are wanted.
    room: usize,
}

impl Kept {
    /// Keeps events that are not known yet.
    fn add(&mut self, events: impl Iterator<Item = Event>) {
        self.events.extend(events.filter(|event| self.known.insert(event.uuid().to_owned())));
    }

    fn is_full(&self) -> bool {
        self.events.len() >= self.room
    }
}

impl<'a> EventSearch<'a> {
    /// Begins a search; nothing is asked where there is no such service.
    pub(super) fn begin(lookup: Search<'a>) -> Self {
        let site = lookup.site();
        let base = site.events.as_ref();
        let absent = base.is_some() && lookup.relay.absent.holds(&site.region, lookup.call.now());
        let pages: Pages<'a> = match base.filter(|_| !absent) {
            Some(base) => {
                let windows = windows(lookup.call.now(), lookup.relay.event_days);
                let at_once = windows.len();
                let ask = move |window| async move { (window, lookup.page(base, window).await) };
                Box::pin(stream::iter(windows).map(ask).buffered(at_once))
            }
            None => Box::pin(stream::empty()),
        };
        Self { lookup, base, absent, pages, arrived: VecDeque::new() }
    }

    /// Goes on until another page has come; nothing where all have.
    pub(super) async fn advance(&mut self) -> Option<()> {
        let page = self.pages.next().await?;
        self.arrived.push_back(page);
        Some(())
    }

    /// Asks nothing more; what has come stays.
    pub(super) fn cancel(&mut self) {
        self.pages = Box::pin(stream::empty());
    }

    /// The events found beside the hits that there are already, as many as there is room for.
    pub(super) async fn finish(mut self, detected: &[Hit]) -> Hits {
        let uuid = |hit: &Hit| match hit {
            Hit::Event { event, .. } => Some(event.uuid().to_owned()),
            Hit::Detection { .. } => None,
        };
        let mut kept = Kept {
            events: Vec::new(),
            known: detected.iter().filter_map(uuid).collect(),
            room: self.lookup.limit().saturating_sub(detected.len()),
        };
        let mut failures = Vec::new();
        while let Some(base) = self.base.filter(|_| !kept.is_full() && !self.absent) {
            let Some((window, page)) = self.next().await else { break };
            match page {
                Ok(None) => {}
                Ok(Some(page)) => {
                    failures.extend(self.lookup.take(base, window, page, &mut kept).await.err());
                }
                Err(failure) if api::is_absent(&failure) => {
                    let (relay, now) = (self.lookup.relay, self.lookup.call.now());
                    relay.absent.remember(self.lookup.site().region, (), PAUSE, now);
                    self.absent = true;
                }
                Err(failure) => failures.push(failure),
            }
        }
        kept.events.sort_by_key(|event| Reverse(event.at()));
        kept.events.truncate(kept.room);
        let mut found = Hits::default();
        let some_data = !detected.is_empty() || !kept.events.is_empty();
        found.errors.extend(failures.iter().map(|failure| reported(failure, some_data)));
        if self.absent && !kept.is_full() {
            found.errors.add(Error::warning(
                Code::UNAVAILABLE,
                format!("The event search of {TITLE} is unavailable; only detections were searched"),
            ));
        }
        found.hits.extend(kept.events.into_iter().map(|event| Hit::Event { event, case: None }));
        found
    }

    async fn next(&mut self) -> Option<(Window, Result<Option<SearchPage>, Failure>)> {
        match self.arrived.pop_front() {
            Some(page) => Some(page),
            None => self.pages.next().await,
        }
    }
}

impl Search<'_> {
    /// Keeps the events of a window, asking for those that one answer could not hold while there is room.
    async fn take(
        self,
        base: &Url,
        mut window: Window,
        mut page: SearchPage,
        kept: &mut Kept,
    ) -> Result<(), Failure> {
        let allowed = |event: &Event| self.call.credentials.allows(event.account());
        for further in 0..=FURTHER_PAGES {
            let received = page.events.received;
            let more = |total| usize::try_from(total).is_ok_and(|total: usize| total > received);
            let cut = received >= self.page_size() && page.total.is_some_and(more);
            let oldest = page.events.items.iter().map(Event::at).min();
            kept.add(page.events.items.into_iter().filter(allowed));
            if !cut || kept.is_full() || further == FURTHER_PAGES {
                break;
            }
            let Some(rest) = oldest.and_then(|oldest| window.until(oldest)) else { break };
            window = rest;
            let Some(next) = self.page(base, window).await? else { break };
            page = next;
        }
        Ok(())
    }

    async fn page(self, base: &Url, window: Window) -> Result<Option<SearchPage>, Failure> {
        let text = self.subject.query();
        let body = SearchBody::new(&text, window.start, window.end, self.page_size());
        self.relay.search(self.call, base, &body).await
    }
}

impl Window {
    /// The part of it up to the moment of an event, that included. None where that is no less.
    fn until(self, event: Timestamp) -> Option<Self> {
        let end = Timestamp::from_clock_millis(event.instant().checked_add(TICK).ok()?);
        (end < self.end).then_some(Self { end, ..self })
    }
}

/// The last days until now, newest first.
fn windows(now: jiff::Timestamp, days: u32) -> Vec<Window> {
    let back = |days: u32| {
        let moment = now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(now);
        Timestamp::from_clock_millis(moment)
    };
    (0..days).map(|day| Window { start: back(day + 1), end: back(day) }).collect()
}

/// A part that is missing is a warning where there is other data. A token that is not accepted is never that.
fn reported(failure: &Failure, some_data: bool) -> Error {
    if some_data && !api::is_refusal(failure) {
        api::warning(failure, "events of some days are missing")
    } else {
        api::error(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(window: Window) -> (String, String) {
        (window.start.to_string(), window.end.to_string())
    }

    #[test]
    fn windows_are_days_back_from_now_with_milliseconds_also_at_a_whole_second() {
        let windows = windows("2026-03-02T08:15:30Z".parse().unwrap(), 7);
        assert_eq!(windows.len(), 7);
        let texts: Vec<_> = windows.into_iter().map(texts).collect();
        assert_eq!(texts[0], ("2026-03-01T08:15:30.000Z".into(), "2026-03-02T08:15:30.000Z".into()));
        assert_eq!(texts[6], ("2026-02-23T08:15:30.000Z".into(), "2026-02-24T08:15:30.000Z".into()));
        assert!(texts.windows(2).all(|pair| pair[0].0 == pair[1].1), "without gaps");
    }

    #[test]
    fn the_rest_of_a_window_ends_behind_the_oldest_event() {
        let window = windows("2026-03-02T08:15:30.5Z".parse().unwrap(), 1)[0];
        let rest = |event: &str| window.until(Timestamp::parse(event).unwrap()).map(texts);
        let (start, _) = texts(window);
        assert_eq!(rest("2026-03-02T01:02:03.456789Z"), Some((start, "2026-03-02T01:02:03.457Z".into())));
        assert_eq!(rest("2026-03-02T08:15:30.499Z"), None, "no progress");
    }
}
