//! The search in all events: one question for all values.
//!
//! If an answer is cut, the search is repeated for the values that are short of events, so that a busy value never pushes
//! out a quiet one. The next search depends on the hits of detections, so answers wait until those are known.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures::StreamExt;
use futures::future::{AbortHandle, Abortable, BoxFuture};
use futures::stream::FuturesUnordered;
use relay_core::call::ALL_CALLS;
use relay_core::error::{Code, Error};
use relay_core::provider::Failure;
use tokio::time::sleep_until;
use url::Url;

use super::Search;
use super::by_value::EventsByValue;
use super::problems::Problems;
use super::query::Span;
use super::task::{Answer, Outcome, PAUSE, SearchTask};
use crate::Lacking;
use crate::api;
use crate::mapping::Hit;
use crate::model::Event;
use crate::module::TITLE;

type Running<'a> = Abortable<BoxFuture<'a, Vec<Answer>>>;

/// A search that runs concurrently with other work.
pub(super) struct EventSearch<'a> {
    search: &'a Search<'a>,
    /// Base of the service; none where it is switched off or absent.
    base: Option<&'a Url>,
    /// Whether it was found that there is no such service.
    absent: bool,
    /// Stretches of time that were not searched yet, newest first.
    spans: VecDeque<Span>,
    running: FuturesUnordered<Running<'a>>,
    /// The values of what runs.
    asked: Vec<(Vec<usize>, AbortHandle)>,
    /// Answers that wait until the hits of detections are known.
    arrived: Vec<Answer>,
}

/// The events of a value.
struct Held {
    /// How many are wanted in addition to those of detections.
    room: usize,
    /// Uuids of these and of the detections' events.
    known: HashSet<String>,
    events: Vec<Arc<Event>>,
}

impl Held {
    fn besides(hits: &[Hit], limit: usize) -> Self {
        let uuids = hits.iter().filter_map(Hit::event).map(|event| event.uuid().to_owned());
        Self { room: limit.saturating_sub(hits.len()), known: uuids.collect(), events: Vec::new() }
    }

    fn is_full(&self) -> bool {
        self.events.len() >= self.room
    }

    fn add(&mut self, event: &Arc<Event>) {
        if self.known.insert(event.uuid().to_owned()) {
            self.events.push(Arc::clone(event));
        }
    }
}

/// What the search gave.
pub(super) struct Found {
    /// The events of each value, newest first, as many as there is room for.
    pub(super) events: Vec<Vec<Arc<Event>>>,
    failed: Vec<(Vec<usize>, Option<Failure>)>,
    absent: bool,
}

impl<'a> EventSearch<'a> {
    /// Begins a search; nothing is asked where there is no such service.
    pub(super) fn begin(search: &'a Search<'a>) -> Self {
        let (relay, now) = (search.relay, search.call.now());
        let base = search.site.events.as_ref();
        let absent = base.is_some() && relay.lacking.holds(&(search.site.region, Lacking::Search), now);
        let mut this = Self {
            search,
            base: base.filter(|_| !absent),
            absent,
            spans: Span::last(now, search.options.event_days).into(),
            running: FuturesUnordered::new(),
            asked: Vec::new(),
            arrived: Vec::new(),
        };
        this.stretch(|_| true);
        this
    }

    /// Searches the next stretch of time for the values that want more; whether there was one.
    fn stretch(&mut self, wants: impl Fn(usize) -> bool) -> bool {
        let Some(span) = self.spans.pop_front().filter(|_| self.base.is_some()) else { return false };
        let values = (0..self.search.subjects.len()).filter(|place| wants(*place));
        for values in self.search.packed(values) {
            self.ask(SearchTask { values, span, round: 0 });
        }
        true
    }

    fn ask(&mut self, task: SearchTask) {
        let Some(base) = self.base else { return };
        let (abort, registration) = AbortHandle::new_pair();
        self.asked.push((task.values.clone(), abort));
        let answers: BoxFuture<'a, _> = Box::pin(self.search.ask(base, task));
        self.running.push(Abortable::new(answers, registration));
    }

    /// Goes on until another answer has come; nothing where all have.
    pub(super) async fn advance(&mut self) -> Option<()> {
        let answers = self.running.next().await?;
        self.arrived.extend(answers.unwrap_or_default());
        Some(())
    }

    /// The events of each value in addition to its hits.
    pub(super) async fn finish(mut self, detected: &[Vec<Hit>]) -> Found {
        let mut held: Vec<Held> =
            detected.iter().map(|hits| Held::besides(hits, self.search.limit)).collect();
        let mut failed = Vec::new();
        let call = self.search.call;
        // A stretch that takes this long holds up the next one no longer.
        let patience = call.deadline().checked_sub(call.time_allowed() / 2).unwrap_or(call.deadline());
        let mut slow = false;
        loop {
            for answer in std::mem::take(&mut self.arrived) {
                self.take(answer, &mut held, &mut failed);
            }
            // What runs only for values that have enough is not needed any more.
            for (values, abort) in &self.asked {
                if self.absent || values.iter().all(|place| held[*place].is_full()) {
                    abort.abort();
                }
            }
            if (slow || self.running.is_empty()) && !self.absent {
                if held.iter().all(Held::is_full) {
                    self.spans.clear();
                }
                if self.stretch(|place| !held[place].is_full()) {
                    continue;
                }
            }
            let waits = !slow && !self.spans.is_empty();
            tokio::select! {
                biased;
                answers = self.running.next() => match answers {
                    Some(answers) => self.arrived.extend(answers.unwrap_or_default()),
                    None => break,
                },
                () = sleep_until(patience), if waits => slow = true,
            }
        }
        // A refused token is all that has to be said.
        let absent = self.absent && !held.iter().all(Held::is_full) && call.stopped(ALL_CALLS).is_none();
        let events = held.into_iter().map(|mut held| {
            held.events.sort_by_key(|event| std::cmp::Reverse(event.at()));
            held.events.truncate(held.room);
            held.events
        });
        Found { events: events.collect(), failed, absent }
    }

    /// Keeps the events of an answer and asks for those that it could not hold.
    fn take(&mut self, answer: Answer, held: &mut [Held], failed: &mut Vec<(Vec<usize>, Option<Failure>)>) {
        let Answer { task, outcome } = answer;
        if task.values.iter().all(|place| held[*place].is_full()) {
            return;
        }
        match outcome {
            Outcome::Nothing => {}
            Outcome::Page(page) => {
                keep(&page, held);
                if let Some(rest) = self.rest(&task, &page) {
                    self.ask_again(&task, rest, held);
                }
            }
            Outcome::NewestDay(page) => {
                keep(&page, held);
                failed.push((task.values, None));
            }
            Outcome::Failed(failure) if api::is_absent(&failure) => {
                let (relay, now) = (self.search.relay, self.search.call.now());
                relay.lacking.remember((self.search.site.region, Lacking::Search), (), PAUSE, now);
                (self.absent, self.base) = (true, None);
            }
            Outcome::Failed(failure) => failed.push((task.values, Some(failure))),
        }
    }

    /// The time before the events of an answer, if it is cut. Answers are newest first, so nothing newer is missing.
    fn rest(&self, task: &SearchTask, page: &EventsByValue) -> Option<Span> {
        let more = |total| usize::try_from(total).is_ok_and(|total: usize| total > page.received);
        let cut = page.received >= self.search.events_for(task.values.len()) && page.total.is_none_or(more);
        cut.then(|| page.oldest.map_or(task.span, |oldest| task.span.until(oldest)))
    }

    /// Asks for the rest of values that want more: once together, then each by itself.
    fn ask_again(&mut self, task: &SearchTask, span: Span, held: &[Held]) {
        let values: Vec<usize> =
            task.values.iter().copied().filter(|place| !held[*place].is_full()).collect();
        let progress = span != task.span || values.len() < task.values.len();
        match task.round {
            0 if progress && !values.is_empty() => self.ask(SearchTask { values, span, round: 1 }),
            0 | 1 if progress || values.len() > 1 => {
                for place in values {
                    self.ask(SearchTask { values: vec![place], span, round: 2 });
                }
            }
            _ => {}
        }
    }
}

/// Keeps the events of an answer.
fn keep(page: &EventsByValue, held: &mut [Held]) {
    for (place, events) in &page.lists {
        for event in events {
            held[*place].add(event);
        }
    }
}

impl Found {
    /// Whether there are any events.
    pub(super) fn has_events(&self) -> bool {
        self.events.iter().any(|events| !events.is_empty())
    }

    /// What failed: a warning where the request found any data, else a failed lookup.
    pub(super) fn report(&self, any_data: bool, problems: &mut Problems<'_>) {
        if self.absent {
            let message =
                format!("The event search of {TITLE} is unavailable; only detections were searched");
            problems.add(Error::warning(Code::UNAVAILABLE, message), &[]);
        }
        let all: usize = self.events.len();
        for (values, failure) in &self.failed {
            let about = if values.len() == all { &[] } else { values.as_slice() };
            let Some(failure) = failure else {
                let message = format!(
                    "The event search of {TITLE} took too long; only events of its newest 24 hours are shown, \
                     older ones are missing"
                );
                problems.add(Error::warning(Code::TIMEOUT, message), about);
                continue;
            };
            if any_data && !api::is_refusal(failure) {
                problems.incomplete(failure, "some events", about);
            } else {
                problems.failed(failure, about);
            }
        }
    }
}
