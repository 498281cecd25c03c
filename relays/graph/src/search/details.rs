//! The alerts that hunting names, read in batches, as many as a request may read.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use relay_core::call::Call;
use relay_core::error::{Code, Error, Severity};
use relay_core::lookup;
use relay_core::provider::Failure;

use super::Shared;
use crate::api::{BATCH, details_error};
use crate::credentials::GraphCredentials;
use crate::model::v2::Alert;
use crate::module::{SERVICE_UNAVAILABLE, TITLE, UNPROCESSED};
use crate::{Graph, Lack};

/// Where there are no batches, as many are read one by one.
const MOST_SINGLE: usize = 10;
/// When all alerts are unknown, and there are at least this many, the ids of rows are no ids of alerts.
const NO_COINCIDENCE: usize = 3;
/// How long batches are not tried again where there are none.
const WITHOUT_BATCHES: Duration = Duration::from_secs(3600);

/// What was read of an alert.
#[derive(Clone, Debug)]
pub(super) enum Detail {
    /// The alert.
    Read(Shared),
    /// It is not there any more.
    Gone,
}

/// What was read of the alerts of a request; the others are reported from their rows.
#[derive(Debug, Default)]
pub(super) struct Details {
    known: HashMap<String, Detail>,
    /// Alerts that were asked for in vain, which the errors mention.
    failed: HashSet<String>,
    /// Whether alerts were read one by one, since the API has no batches.
    one_by_one: bool,
    /// What could not be read.
    pub(super) errors: Vec<Error>,
}

impl Details {
    /// What was read of an alert.
    pub(super) fn of(&self, id: &str) -> Option<&Detail> {
        self.known.get(id)
    }

    /// The warning about alerts that no call was made for.
    pub(super) fn not_read(&self, count: usize) -> Error {
        let why = if self.one_by_one { "the API takes no batches" } else { "RELAY_PROVIDER__ALERT_DETAILS" };
        let what = format!(
            "The state of {} was not read ({why}); they are shown as far as hunting knows them",
            alerts(count)
        );
        Error::warning(UNPROCESSED, what)
    }

    /// Whether an alert was not asked for.
    pub(super) fn is_unread(&self, id: &str) -> bool {
        !self.known.contains_key(id) && !self.failed.contains(id)
    }
}

/// Which alerts are read: in turn the newest one of each observable, the second of each, and so on. `lists` has the
/// places of each observable's alerts, of which there are `count`.
pub(super) fn plan(lists: &[Vec<usize>], count: usize, most: usize) -> Vec<usize> {
    let mut planned = vec![false; count];
    let mut plan = Vec::new();
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
    for turn in 0..longest {
        for place in lists.iter().filter_map(|list| list.get(turn)) {
            if plan.len() < most && !std::mem::replace(&mut planned[*place], true) {
                plan.push(*place);
            }
        }
    }
    plan
}

/// The answer for one alert.
enum Answer {
    Read(Box<Alert>),
    Gone,
    Refused(i64),
    Unreadable,
    Failed(Error),
}

/// Reads alerts in the order of a plan.
pub(super) async fn read(relay: &Graph, call: &Call<GraphCredentials>, plan: &[&str]) -> Details {
    if plan.is_empty() {
        return Details::default();
    }
    let key = (call.credentials.owner(), Lack::Batches);
    if !relay.lacks.holds(&key, call.now()) {
        match in_batches(relay, call, plan).await {
            Some(answers) => return Details::of_answers(plan, answers),
            None => relay.lacks.remember(key, (), WITHOUT_BATCHES, call.now()),
        }
    }
    let few = &plan[..plan.len().min(MOST_SINGLE)];
    let answers = lookup::gather(call, few, |id| one_by_one(relay, call, id)).await;
    let late = || Answer::Failed(call.out_of_time());
    let answers = answers.into_iter().map(|answer| answer.unwrap_or_else(late)).collect();
    Details { one_by_one: true, ..Details::of_answers(few, answers) }
}

/// Nothing where the API has no batches.
async fn in_batches(relay: &Graph, call: &Call<GraphCredentials>, plan: &[&str]) -> Option<Vec<Answer>> {
    let batches = join_all(plan.chunks(BATCH).map(|ids| relay.alerts(call, ids))).await;
    let mut answers = Vec::with_capacity(plan.len());
    for (ids, batch) in plan.chunks(BATCH).zip(batches) {
        match batch {
            Ok(responses) => {
                let mut of_batch: Vec<Option<Answer>> = ids.iter().map(|_| None).collect();
                for (place, response) in responses {
                    let Some(answer) = of_batch.get_mut(place) else { continue };
                    *answer = Some(match (response.status, response.body) {
                        (Some(200..=299), Some(alert)) if alert.id.is_some() => Answer::Read(Box::new(alert)),
                        (Some(404 | 410), _) => Answer::Gone,
                        (Some(200..=299) | None, _) => Answer::Unreadable,
                        (Some(status), _) => Answer::Refused(status),
                    });
                }
                answers.extend(of_batch.into_iter().map(|answer| answer.unwrap_or(Answer::Unreadable)));
            }
            Err(failure) if matches!(failure.status(), Some(400 | 404 | 405 | 501)) => return None,
            Err(failure) => {
                let error = failed(&failure);
                answers.extend(ids.iter().map(|_| Answer::Failed(error.clone())));
            }
        }
    }
    Some(answers)
}

async fn one_by_one(relay: &Graph, call: &Call<GraphCredentials>, id: &str) -> Answer {
    match relay.alert(call, id).await {
        Ok(Some(alert)) if alert.id.is_some() => Answer::Read(Box::new(alert)),
        Ok(Some(_)) => Answer::Unreadable,
        Ok(None) => Answer::Gone,
        Err(failure) => Answer::Failed(failed(&failure)),
    }
}

/// Refused credentials are as grave here as anywhere.
fn failed(failure: &Failure) -> Error {
    let error = details_error(failure);
    let is_grave =
        matches!(failure, Failure::Login(_) | Failure::Stopped(_)) || failure.status() == Some(401);
    if is_grave { error } else { error.with_severity(Severity::Warning) }
}

impl Details {
    fn of_answers(plan: &[&str], answers: Vec<Answer>) -> Self {
        let all_gone =
            answers.len() >= NO_COINCIDENCE && answers.iter().all(|one| matches!(one, Answer::Gone));
        let mut details = Self::default();
        let mut refused: BTreeMap<(&'static str, String), (Error, usize)> = BTreeMap::new();
        for (id, answer) in plan.iter().zip(answers) {
            let error = match answer {
                Answer::Read(alert) => {
                    details.known.insert((*id).to_owned(), Detail::Read(Arc::from(alert)));
                    continue;
                }
                Answer::Gone if all_gone => {
                    details.failed.insert((*id).to_owned());
                    continue;
                }
                Answer::Gone => {
                    details.known.insert((*id).to_owned(), Detail::Gone);
                    continue;
                }
                Answer::Refused(status) => refusal(status),
                Answer::Unreadable => {
                    Error::warning(Code::BAD_RESPONSE, format!("{TITLE} gave an unreadable alert"))
                }
                Answer::Failed(error) => error,
            };
            details.failed.insert((*id).to_owned());
            let key = (error.code().as_str(), error.message().to_owned());
            refused.entry(key).or_insert_with(|| (error, 0)).1 += 1;
        }
        let noted = |(error, count): (Error, usize)| {
            let is_warning = error.severity() == Severity::Warning;
            let note = format!("the state of {} could not be read", alerts(count));
            if is_warning { error.with_note(note) } else { error }
        };
        details.errors = refused.into_values().map(noted).collect();
        details
    }
}

/// What the status of an answer within a batch means.
fn refusal(status: i64) -> Error {
    let (code, words) = match status {
        401 => return Error::authorization(format_args!("{TITLE} refused the token")),
        403 => (
            Code::PERMISSION_DENIED,
            "Microsoft Graph Security does not permit reading alerts; an administrator has to grant the application \
             the permission SecurityAlert.Read.All",
        ),
        400 => (Code::INVALID_ARGUMENT, "Microsoft Graph Security does not accept the request"),
        429 => (Code::TOO_MANY_REQUESTS, "Microsoft Graph Security allows no more calls now"),
        502..=504 => (SERVICE_UNAVAILABLE, "Microsoft Graph Security is not available"),
        _ => (Code::UNKNOWN, "Microsoft Graph Security failed"),
    };
    Error::warning(code, words)
}

fn alerts(count: usize) -> String {
    if count == 1 { "1 alert".to_owned() } else { format!("{count} alerts") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_dealt_out_in_turn() {
        let lists = [vec![0, 1, 2], vec![1, 3], vec![], vec![4]];
        assert_eq!(plan(&lists, 5, 60), [0, 1, 4, 3, 2]);
        assert_eq!(plan(&lists, 5, 2), [0, 1]);
        assert_eq!(plan(&lists, 5, 0), [0; 0]);
    }
}
