//! The events of detections in which the values occur. Each detection is read once, however many values led to it, and
//! the reads that a request may make are dealt out among its values in rounds.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use futures::FutureExt;
use futures::StreamExt;
use futures::future::{AbortHandle, abortable};
use futures::stream::FuturesUnordered;
use relay_core::provider::Failure;

use super::problems::Problems;
use super::{PAGES, Search, goes_on};
use crate::api::Page;
use crate::mapping::{DetectionWithRule, Hit};
use crate::model::{Event, Subject, filled};

/// A value that a detection belongs to.
struct Observer {
    place: usize,
    /// The place of the detection among those of the value.
    number: usize,
    case: Arc<DetectionWithRule>,
}

/// What the events of one detection gave.
#[derive(Default)]
struct Read {
    /// The events in which the value of each observer occurs.
    matching: Vec<Vec<Arc<Event>>>,
    /// Events of any kind that came.
    received: usize,
    /// Whether there are no more.
    ended: bool,
    failure: Option<Failure>,
}

/// A read that was started, in the order of the turns.
struct PendingRead {
    observers: Arc<[Observer]>,
    abort: AbortHandle,
    read: Option<Read>,
}

/// The hits so far.
struct ReadSchedule<'c> {
    cases: &'c [Vec<Arc<DetectionWithRule>>],
    limit: usize,
    hits: Vec<Vec<Hit>>,
    keys: Vec<HashSet<String>>,
    /// Whether a detection of a value stands for itself, unless the value is full.
    standing: Vec<Vec<bool>>,
    /// The values of each detection that got no turn yet, by its uuid.
    observers: HashMap<&'c str, Vec<Observer>>,
    /// How many got one.
    started: usize,
    /// The next turn: which round, and which value in it.
    next: (usize, usize),
}

impl Search<'_> {
    /// Hits of the detections of each value. The detections are read at the same time but taken in their order, so
    /// that the outcome does not depend on which was faster.
    pub(super) async fn events_of_detections(
        &self,
        cases: &[Vec<Arc<DetectionWithRule>>],
        problems: &mut Problems<'_>,
    ) -> Vec<Vec<Hit>> {
        let mut schedule = ReadSchedule::new(cases, self.limit);
        let mut turns: VecDeque<PendingRead> = VecDeque::new();
        let mut running = FuturesUnordered::new();
        // The number of the first of these turns.
        let mut first = 0;
        loop {
            // Which turns are given depends on those taken already alone, so not on time.
            while turns.len() < self.call.concurrency()
                && schedule.started < self.options.detection_reads
                && let Some(observers) = schedule.turn()
            {
                let (read, abort) = abortable(self.events_of(Arc::clone(&observers)));
                let number = first + turns.len();
                running.push(Box::pin(read.map(move |read| (number, read))));
                turns.push_back(PendingRead { observers, abort, read: None });
            }
            let Some(turn) = turns.front_mut() else { break };
            if turn.observers.iter().all(|observer| schedule.is_full(observer.place)) {
                turn.abort.abort();
            } else if let Some(read) = turn.read.take() {
                if let Some(failure) = &read.failure {
                    let about: Vec<usize> = turn.observers.iter().map(|observer| observer.place).collect();
                    problems.incomplete(failure, "events of some detections", &about);
                }
                schedule.take(&turn.observers, read);
            } else {
                let Some((number, read)) = running.next().await else { break };
                // Of a turn that was passed over, the number is lower.
                if let Some(turn) = usize::checked_sub(number, first).and_then(|place| turns.get_mut(place)) {
                    turn.read = read.ok();
                }
                continue;
            }
            turns.pop_front();
            first += 1;
        }
        drop(running);
        schedule.finish()
    }

    /// The events of one detection in which the values of its observers occur, until each has as many as are wanted.
    async fn events_of(&self, observers: Arc<[Observer]>) -> Read {
        let mut read = Read { matching: observers.iter().map(|_| Vec::new()).collect(), ..Read::default() };
        let uuid = observers.first().and_then(|observer| observer.case.detection.uuid.as_deref());
        let Some(uuid) = uuid else { return read };
        let limit = self.page_size;
        for number in 0..PAGES {
            let offset = number * limit;
            let page = Page { limit, offset };
            let (page, total) = match self.calls.detection_events(uuid, page).await {
                Ok(Some(page)) => page,
                Ok(None) => {
                    read.ended = true;
                    break;
                }
                Err(failure) => {
                    read.failure = Some(failure);
                    break;
                }
            };
            read.received += page.received;
            for event in page.items {
                let belongs = |observer: &Observer| {
                    is_in(&event, &observer.case, self.subjects.subject(observer.place))
                };
                let numbers: Vec<usize> =
                    (0..observers.len()).filter(|number| belongs(&observers[*number])).collect();
                let event = Arc::new(event);
                for number in numbers {
                    read.matching[number].push(Arc::clone(&event));
                }
            }
            if !goes_on(offset, page.received, limit, total) {
                read.ended = true;
                break;
            }
            if read.matching.iter().all(|matching| matching.len() >= self.limit) {
                break;
            }
        }
        read
    }
}

/// Whether a value is what made an event part of a detection.
fn is_in(event: &Event, case: &DetectionWithRule, subject: &Subject) -> bool {
    let is = |text: &str| subject.is(text);
    let mut paths = case.detection.indicators.iter().filter_map(|indicator| indicator.path());
    paths.any(|path| event.leads_to(path, is)) || (case.on_device && event.ends().any(|end| is(end.ip)))
}

impl<'c> ReadSchedule<'c> {
    fn new(cases: &'c [Vec<Arc<DetectionWithRule>>], limit: usize) -> Self {
        let mut observers: HashMap<&str, Vec<Observer>> = HashMap::new();
        for (place, cases) in cases.iter().enumerate() {
            for (number, case) in cases.iter().enumerate() {
                let observer = Observer { place, number, case: Arc::clone(case) };
                observers.entry(uuid(case).unwrap_or_default()).or_default().push(observer);
            }
        }
        Self {
            cases,
            limit,
            hits: cases.iter().map(|_| Vec::new()).collect(),
            keys: cases.iter().map(|_| HashSet::new()).collect(),
            standing: cases.iter().map(|cases| vec![true; cases.len()]).collect(),
            observers,
            started: 0,
            next: (0, 0),
        }
    }

    fn is_full(&self, place: usize) -> bool {
        self.hits[place].len() >= self.limit
    }

    /// The next detection that is read, with all values that it belongs to: the newest of every value in their order,
    /// then the second newest of every one, and so on. A value that has enough takes no turn.
    fn turn(&mut self) -> Option<Arc<[Observer]>> {
        let rounds = self.cases.iter().map(Vec::len).max().unwrap_or_default();
        loop {
            let (round, place) = self.next;
            if round >= rounds {
                return None;
            }
            self.next = if place + 1 < self.cases.len() { (round, place + 1) } else { (round + 1, 0) };
            let Some(case) = self.cases[place].get(round).filter(|_| !self.is_full(place)) else { continue };
            if let Some(observers) = self.observers.remove(uuid(case).unwrap_or_default()) {
                self.started += 1;
                return Some(observers.into());
            }
        }
    }

    fn take(&mut self, observers: &[Observer], read: Read) {
        for (Observer { place, number, case }, matching) in observers.iter().zip(read.matching) {
            let settled = read.received == 0 || read.ended || read.failure.is_some();
            self.standing[*place][*number] = matching.is_empty() && settled;
            // Without a known rule, the event is shown without its detection.
            let case = case.ruled().map(|_| case);
            for event in matching {
                let hit = Hit::Event { event, case: case.cloned() };
                if self.keys[*place].insert(hit.key()) {
                    self.hits[*place].push(hit);
                }
            }
        }
    }

    /// The hits, with the detections that stand for themselves.
    fn finish(mut self) -> Vec<Vec<Hit>> {
        for (place, cases) in self.cases.iter().enumerate() {
            if self.is_full(place) {
                continue;
            }
            for (case, _) in cases.iter().zip(&self.standing[place]).filter(|(_, stands)| **stands) {
                let hit = |seen| Hit::Detection { case: Arc::clone(case), seen };
                self.hits[place].extend(case.detection.seen().map(hit));
            }
        }
        self.hits
    }
}

fn uuid(case: &DetectionWithRule) -> Option<&str> {
    filled(case.detection.uuid.as_deref())
}
