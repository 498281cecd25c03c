//! The strategy `hunting`: one query names the alerts of all observables of a request, the details of some are read
//! (see [`details`](super::details)), and the others are reported from the rows of the query.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::future::{BoxFuture, join_all};
use jiff::Timestamp;
use relay_core::call::Call;
use relay_core::error::{Error, Severity};
use relay_core::observable::{Observable, ObservableType};
use relay_core::provider::Failure;

use super::Shared;
use super::details::{self, Detail, Details};
use super::outcome::{Found, Outcome};
use super::query::hunting::{Chunk, MOST_DAYS, MOST_EVIDENCE};
use crate::Graph;
use crate::api::{hunting_error, is_final};
use crate::credentials::GraphCredentials;
use crate::mapping::matching::Matcher;
use crate::mapping::row;
use crate::model::hunting::Row;
use crate::module::{TITLE, UNPROCESSED};

/// What hunting comes to.
pub(super) struct Hunted {
    /// For each observable what was found, or why it was not looked up.
    pub(super) lookups: Vec<Result<Found<Shared>, NotHunted>>,
    /// What is missing of the answer as a whole.
    pub(super) warnings: Vec<Error>,
}

/// Why an observable was not looked up.
#[derive(Clone, Debug)]
pub(super) enum NotHunted {
    /// No query can ask about it.
    Unaskable,
    /// The query failed.
    Failed {
        /// The status of the refusal.
        status: Option<u16>,
        /// What happened.
        error: Error,
        /// Whether nothing else would succeed.
        is_final: bool,
    },
}

/// An alert that a query named.
struct Named {
    id: String,
    seen: Option<Timestamp>,
    /// The observables that the query named with it; nothing for a row that does not say.
    asked: Option<Vec<usize>>,
    /// The alert as far as the row describes it.
    by_row: Shared,
    /// Whether evidence may have been cut off.
    is_cut: bool,
}

/// The answer to a query: rows, and whether some could not be read.
struct Answer {
    rows: Vec<Row>,
    odd: bool,
}

/// Looks observables up together.
pub(super) async fn search(relay: &Graph, call: &Call<GraphCredentials>, about: &[Observable]) -> Hunted {
    let chunks = Chunk::all(about);
    let answers = join_all(chunks.iter().map(|chunk| ask(relay, call, chunk.clone()))).await;
    let mut lookups: Vec<Result<Found<Shared>, NotHunted>> =
        about.iter().map(|_| Err(NotHunted::Unaskable)).collect();
    let mut named: Vec<Named> = Vec::new();
    let mut odd = false;
    for (chunk, answer) in answers.into_iter().flatten() {
        let lookup = match answer {
            Ok(answer) => {
                odd |= answer.odd;
                merge(&mut named, &chunk, &answer.rows);
                Ok(Found { outcome: Outcome::Answered, ..Found::default() })
            }
            Err(failure) => {
                let (error, is_final) = (hunting_error(&failure), is_final(&failure));
                Err(NotHunted::Failed { status: failure.status(), error, is_final })
            }
        };
        for position in &chunk.positions {
            lookups[*position].clone_from(&lookup);
        }
    }
    // Stable, so that alerts of the same time stay in the order of the query; those without a time come last.
    named.sort_by_key(|one| std::cmp::Reverse(one.seen));
    let lists: Vec<Vec<usize>> =
        (0..about.len()).map(|position| alerts_of(&named, position, call.limit())).collect();
    let plan = details::plan(&lists, named.len(), relay.settings.alert_details);
    let ids: Vec<&str> = plan.iter().map(|place| named[*place].id.as_str()).collect();
    let details = details::read(relay, call, &ids).await;

    for (position, observable) in about.iter().enumerate() {
        let Ok(found) = &mut lookups[position] else { continue };
        let Some(matcher) = Matcher::new(observable) else { continue };
        let alerts = lists[position].iter().filter_map(|place| confirmed(&named[*place], &matcher, &details));
        found.alerts = alerts.take(call.limit()).collect();
        found.odd = odd;
        let most = chunks.iter().find(|chunk| chunk.positions.contains(&position));
        let most = most.map_or(usize::MAX, |chunk| chunk.most_alerts(call.limit()));
        if most < call.limit() && lists[position].len() >= most {
            found.errors.push(more_alerts(most).about(observable));
        }
    }
    let mut warnings = details.errors.clone();
    let shown: HashSet<usize> = lists.iter().flatten().copied().collect();
    let unread = shown.into_iter().filter(|place| details.is_unread(&named[*place].id)).count();
    if unread > 0 && relay.settings.alert_details > 0 {
        warnings.push(details.not_read(unread));
    }
    Hunted { lookups, warnings }
}

/// Asks for a chunk; once in two halves where its answer is too large.
fn ask<'a>(
    relay: &'a Graph,
    call: &'a Call<GraphCredentials>,
    chunk: Chunk,
) -> BoxFuture<'a, Vec<(Chunk, Result<Answer, Failure>)>> {
    Box::pin(async move {
        let answer = hunt(relay, call, &chunk).await;
        let halves = match &answer {
            Err(Failure::TooLarge(_)) => chunk.halves(),
            _ => None,
        };
        match halves {
            Some([one, other]) => {
                let (first, second) = futures::join!(hunt(relay, call, &one), hunt(relay, call, &other));
                vec![(one, first), (other, second)]
            }
            None => vec![(chunk, answer)],
        }
    })
}

async fn hunt(relay: &Graph, call: &Call<GraphCredentials>, chunk: &Chunk) -> Result<Answer, Failure> {
    let days = relay.settings.lookback_days.min(MOST_DAYS);
    let list = relay.hunt(call, &chunk.query(call.limit(), days), days).await?;
    let odd = list.dropped() > 0;
    Ok(Answer { rows: list.items, odd })
}

/// Adds the rows of a query, each alert once.
fn merge(named: &mut Vec<Named>, chunk: &Chunk, rows: &[Row]) {
    let mut known: HashMap<String, usize> =
        named.iter().enumerate().map(|(place, one)| (one.id.clone(), place)).collect();
    for row in rows {
        // Rows without an id are passed over.
        let Some(by_row) = row::alert(row) else { continue };
        let Some(id) = by_row.id.as_deref().map(str::to_owned) else { continue };
        let of_request = |asked: Vec<usize>| {
            asked.into_iter().filter_map(|place| chunk.positions.get(place).copied()).collect::<Vec<_>>()
        };
        let asked = row.asked().map(of_request);
        if let Some(place) = known.get(&id) {
            match (&mut named[*place].asked, asked) {
                (Some(all), Some(more)) => all.extend(more),
                (all, _) => *all = None,
            }
            continue;
        }
        known.insert(id.clone(), named.len());
        let seen = row.text("Seen").and_then(|text| text.parse().ok());
        let is_cut = by_row.evidence.len() >= MOST_EVIDENCE;
        named.push(Named { id, seen, asked, by_row: Arc::new(by_row), is_cut });
    }
}

/// The places of the alerts that were named with an observable, or may concern it.
/// At most as many as the user wants.
fn alerts_of(named: &[Named], position: usize, most: usize) -> Vec<usize> {
    let concerns = |one: &Named| one.asked.as_ref().is_none_or(|asked| asked.contains(&position));
    let places = named.iter().enumerate().filter(|(_, one)| concerns(one)).map(|(place, _)| place);
    places.take(most).collect()
}

/// The alert as it is reported for an observable, if it concerns it.
fn confirmed(named: &Named, matcher: &Matcher<'_>, details: &Details) -> Option<Shared> {
    use ObservableType::{Domain, Email, Ip, Ipv6, Url};
    let (alert, is_row) = match details.of(&named.id) {
        Some(Detail::Read(alert)) => (alert, false),
        Some(Detail::Gone) => return None,
        None => (&named.by_row, true),
    };
    // The predicates of these hold a search for text, which finds more than it should.
    let is_doubtful =
        named.asked.is_none() || matches!(matcher.about().kind(), Ip | Ipv6 | Domain | Url | Email);
    let holds = !is_doubtful || (is_row && named.is_cut) || matcher.concerns(alert);
    holds.then(|| Arc::clone(alert))
}

fn more_alerts(most: usize) -> Error {
    Error::warning(
        UNPROCESSED,
        format!(
            "{TITLE} may have more alerts than the {most} newest that were asked for; ask for fewer observables at \
             once to see them"
        ),
    )
}

impl NotHunted {
    /// How the next strategy's answer mentions it.
    pub(super) fn warning(&self) -> Option<Error> {
        match self {
            // No such table in this tenant, no permission, no such API in this cloud: others are not missed.
            Self::Unaskable | Self::Failed { status: Some(400 | 403 | 404 | 410), .. } => None,
            Self::Failed { error, .. } => Some(error.clone().with_severity(Severity::Warning)),
        }
    }

    /// What is reported where there is no next strategy.
    pub(super) fn alone(self) -> Found<Shared> {
        match self {
            Self::Unaskable => Found::default(),
            Self::Failed { error, .. } => Found::failed(error),
        }
    }
}
