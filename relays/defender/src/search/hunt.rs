//! One hunting query for all observables, and what is done where the provider refuses it.

use std::collections::HashMap;

use futures::future::{BoxFuture, FutureExt, join_all};
use relay_core::error::{Code, Error};
use relay_core::lenient::List;
use relay_core::observable::Observable;
use relay_core::provider::Failure;

use super::{Asked, rows};
use crate::api::DefenderApi;
use crate::api::failures::{self, Failures};
use crate::api::hunting::HuntFailure;
use crate::mapping::Event;
use crate::memory::HOUR;
use crate::model::Row;
use crate::module::TITLE;
use crate::query::{self, Batch, Leg, Table, Target};
use crate::settings::Hunting;
use crate::subject::Subject;

const UNPROCESSED: Code = Code::new("unprocessed records");

/// What hunting found.
#[derive(Default)]
pub(super) struct Hunted {
    /// By the place of the observable.
    events: HashMap<usize, Vec<Event>>,
    /// There were rows that cannot be read.
    pub(super) some_unreadable: bool,
    /// It failed, and would again.
    pub(super) failed: bool,
    pub(super) failures: Failures,
}

impl Hunted {
    /// The events of an observable.
    pub(super) fn take(&mut self, place: usize) -> Vec<Event> {
        self.events.remove(&place).unwrap_or_default()
    }
}

/// Asks about all of them.
pub(super) async fn all(api: &DefenderApi<'_>, asked: &[Asked<'_>], targets: &[Target<'_>]) -> Hunted {
    if api.relay.settings.hunting == Hunting::Off {
        return Hunted::default();
    }
    let batches = query::batches(targets, api.relay.settings.depth);
    let outcomes = join_all(batches.iter().map(|batch| run(api, batch, true))).await;
    let mut hunted = Hunted::default();
    let mut refused = Refused::default();
    for outcome in outcomes.into_iter().flatten() {
        hunted.add(asked, outcome, &mut refused, api.relay.settings.depth);
    }
    if let Some(error) = refused.error() {
        hunted.failures.error(error, &refused.about);
    }
    hunted
}

/// Tables that are left out, since the provider refuses every query about them.
#[derive(Default)]
struct Refused {
    tables: Vec<&'static str>,
    words: Option<String>,
    about: Vec<Observable>,
}

impl Refused {
    fn error(&self) -> Option<Error> {
        let words = self.words.as_ref()?;
        let tables = self.tables.join(", ");
        let message =
            format!("{TITLE} does not accept the query of {tables}; their events are missing: {words}");
        Some(Error::fatal(Code::INVALID_ARGUMENT, message))
    }
}

/// What one query came to.
struct Outcome<'a> {
    targets: Vec<Target<'a>>,
    rows: Vec<Row>,
    some_unreadable: bool,
    failure: Option<HuntFailure>,
    refused: Vec<(Table, Failure)>,
    /// An answer without the fair cut was full.
    full: bool,
    /// The rows per value, where the bound of rows decided on them.
    bound: Option<usize>,
}

impl<'a> Outcome<'a> {
    fn of(batch: &Batch<'a>) -> Self {
        Self {
            targets: batch.targets.clone(),
            rows: Vec::new(),
            some_unreadable: false,
            failure: None,
            refused: Vec::new(),
            full: false,
            bound: batch.bounded.then_some(batch.rows),
        }
    }

    fn add(&mut self, found: List<Row>) {
        self.some_unreadable |= found.dropped() > 0;
        self.rows.extend(found.items);
    }
}

/// Runs a query: all tables together; where that is refused, each table by itself; where one is refused again, that one
/// without the fair cut. What works is remembered for an hour.
fn run<'a: 'f, 'f>(
    api: &'f DefenderApi<'_>,
    batch: &'f Batch<'a>,
    may_halve: bool,
) -> BoxFuture<'f, Vec<Outcome<'a>>> {
    async move {
        let mut outcome = Outcome::of(batch);
        let (credential, now) = (api.call.credential(), api.call.now());
        let known = api.relay.memory.single_tables.recall(&credential, now);
        let legs = batch.legs();
        if known.is_none() && legs.len() > 1 {
            match api.hunt(&batch.union(&legs)).await {
                Ok(found) => {
                    outcome.add(found);
                    return vec![outcome];
                }
                Err(HuntFailure::Refused(..)) => {}
                Err(failure) => return failed(api, batch, outcome, failure, may_halve).await,
            }
        }
        let known = known.unwrap_or_default();
        let each = join_all(legs.iter().map(|leg| alone(api, batch, leg, known.contains(&leg.table)))).await;
        let mut plain = Vec::new();
        let mut any = false;
        for (leg, found) in legs.iter().zip(each) {
            match found {
                Ok(One { rows, is_plain, is_full }) => {
                    any = true;
                    outcome.add(rows);
                    outcome.full |= is_full;
                    plain.extend(is_plain.then_some(leg.table));
                }
                Err(HuntFailure::Refused(_, failure)) => outcome.refused.push((leg.table, failure)),
                Err(failure) => return failed(api, batch, outcome, failure, may_halve).await,
            }
        }
        let is_new = legs.len() > 1 || !plain.is_empty();
        if any && is_new {
            api.relay.memory.single_tables.remember(credential, plain, HOUR, now);
        }
        vec![outcome]
    }
    .boxed()
}

/// A query that failed otherwise. After an answer that is too large it is asked again in halves, once.
async fn failed<'a>(
    api: &DefenderApi<'_>,
    batch: &Batch<'a>,
    mut outcome: Outcome<'a>,
    failure: HuntFailure,
    may_halve: bool,
) -> Vec<Outcome<'a>> {
    if let (HuntFailure::TooLarge(..), true, Some(halves)) = (&failure, may_halve, batch.halves()) {
        let both = join_all(halves.iter().map(|half| run(api, half, false))).await;
        return both.into_iter().flatten().collect();
    }
    outcome.failure = Some(failure);
    vec![outcome]
}

/// What one table answered.
struct One {
    rows: List<Row>,
    is_plain: bool,
    is_full: bool,
}

async fn alone(
    api: &DefenderApi<'_>,
    batch: &Batch<'_>,
    leg: &Leg,
    is_plain: bool,
) -> Result<One, HuntFailure> {
    if !is_plain {
        match api.hunt(&batch.alone(leg)).await {
            Err(HuntFailure::Refused(..)) => {}
            outcome => return outcome.map(|rows| One { rows, is_plain: false, is_full: false }),
        }
    }
    let rows = api.hunt(&batch.plain(leg)).await?;
    let is_full = rows.received >= batch.plain_rows();
    Ok(One { rows, is_plain: true, is_full })
}

impl Hunted {
    fn add(&mut self, asked: &[Asked<'_>], outcome: Outcome<'_>, refused: &mut Refused, depth: query::Depth) {
        let observables = |targets: &[Target<'_>]| -> Vec<Observable> {
            targets
                .iter()
                .filter_map(|target| asked.get(target.position))
                .map(|one| one.about.clone())
                .collect()
        };
        let about = observables(&outcome.targets);
        self.some_unreadable |= outcome.some_unreadable;
        match outcome.failure {
            None => {}
            Some(failure) => {
                self.failed = true;
                match failure {
                    HuntFailure::Gone(error) => self.failures.gone(error, &about),
                    HuntFailure::Denied(kind, failure) => self.failures.denied(kind, failure, &about),
                    HuntFailure::Refused(kind, failure)
                    | HuntFailure::TooLarge(kind, failure)
                    | HuntFailure::Failed(kind, failure) => self.failures.call(kind, failure, &about),
                }
            }
        }
        for (table, failure) in outcome.refused {
            if !refused.tables.contains(&table.name()) {
                refused.tables.push(table.name());
            }
            let words = || match &failure {
                Failure::Rejected(rejection) => failures::words(rejection),
                _ => String::new(),
            };
            refused.words.get_or_insert_with(words);
            let new = about.iter().filter(|one| !refused.about.contains(one)).cloned().collect::<Vec<_>>();
            refused.about.extend(new);
        }
        if outcome.full {
            let message = "Events may be missing: a busy observable filled the answer";
            self.failures.error(Error::warning(UNPROCESSED, message), &about);
        }
        for row in outcome.rows {
            match Event::of(row) {
                Some(event) => self.place(&outcome.targets, &event, depth),
                None => self.some_unreadable = true,
            }
        }
        let Some(bound) = outcome.bound else { return };
        let is_cut = |target: &&Target<'_>| {
            self.events.get(&target.position).is_some_and(|events| events.len() >= bound)
        };
        let cut: Vec<Target<'_>> = outcome.targets.iter().filter(is_cut).copied().collect();
        if !cut.is_empty() {
            let message =
                format!("Events may be missing: a query asks for at most {bound} of each observable");
            self.failures.error(Error::warning(UNPROCESSED, message), &observables(&cut));
        }
    }

    /// Gives an event to the observables that it is about.
    fn place(&mut self, targets: &[Target<'_>], event: &Event, depth: query::Depth) {
        let mut is_placed = false;
        for target in targets {
            // What the only observable of a query finds is about it; an account's domain is not part of the query.
            let is_only = targets.len() == 1 && !matches!(target.subject, Subject::User(_));
            if is_only || rows::belongs(event, target, depth) {
                is_placed = true;
                self.events.entry(target.position).or_default().push(event.clone());
            }
        }
        if !is_placed {
            log::debug!(table = event.table.name(); "a row of a hunting answer is about none of its observables");
        }
    }
}
