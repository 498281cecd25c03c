//! The strategy `hunting`: a query names the alerts of all observables of a request, then each is fetched.

use std::collections::HashSet;
use std::sync::Arc;

use futures::StreamExt;
use futures::future::join_all;
use futures::stream;
use relay_core::call::{ALL_CALLS, Call};
use relay_core::error::Severity;
use relay_core::observable::Observable;
use relay_core::provider::Failure;

use super::looked::{Looked, Outcome};
use super::v2::{Shared, Step, Unusable};
use crate::client::{self, Api, Refused, refused};
use crate::matching::Matcher;
use crate::model::Alert as _;
use crate::query::hunting::{condition, query};
use crate::{Graph, GraphCredentials};

/// As many observables share a query.
const CHUNK: usize = 50;

/// Looks observables up together.
pub(super) async fn search(relay: &Graph, call: &Call<GraphCredentials>, about: &[Observable]) -> Vec<Step> {
    let conditions: Vec<(usize, String)> =
        about.iter().enumerate().filter_map(|(position, one)| Some((position, condition(one)?))).collect();
    let chunks: Vec<&[(usize, String)]> = conditions.chunks(CHUNK).collect();
    let answers = join_all(chunks.iter().map(|chunk| hunt(relay, call, chunk))).await;

    // What cannot be asked is left to the next strategy.
    let mut steps: Vec<Step> = about.iter().map(|_| not_asked()).collect();
    let mut answered = Vec::new();
    let mut ids = Vec::new();
    for (chunk, answer) in chunks.iter().zip(answers) {
        let positions = chunk.iter().map(|(position, _)| *position);
        match answer {
            Ok(named) => {
                ids.extend(named);
                answered.extend(positions);
            }
            Err(failure) => positions.for_each(|position| steps[position] = unanswered(call, &failure)),
        }
    }

    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    ids.truncate(call.limit() * about.len());
    let (alerts, problems) = fetch(relay, call, ids).await;
    for position in answered {
        let matcher = Matcher::new(&about[position]);
        let alerts: Vec<Shared> = alerts.iter().filter(|alert| matcher.concerns(alert)).cloned().collect();
        let mut looked = Looked { alerts, ..Looked::default() };
        if !looked.alerts.is_empty() || problems.is_empty() {
            looked.outcome = Outcome::Answered;
        }
        problems.iter().cloned().for_each(|problem| looked.end(problem));
        steps[position] = Step::Done(looked);
    }
    steps
}

async fn hunt(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    chunk: &[(usize, String)],
) -> Result<Vec<String>, Failure> {
    let conditions: Vec<String> = chunk.iter().map(|(_, condition)| condition.clone()).collect();
    client::hunt(relay, call, &query(&conditions, relay.options.lookback_days)).await
}

fn not_asked() -> Step {
    Step::Unusable(Unusable { warning: None, error: None, lasting: false })
}

/// What a failed query means for the observables that it was about.
fn unanswered(call: &Call<GraphCredentials>, failure: &Failure) -> Step {
    let error = client::error(Api::Hunting, failure);
    let (warning, lasting) = match (failure, failure.status()) {
        // Nothing else would succeed.
        (Failure::Login(_), _) | (_, Some(401)) => {
            call.stop(ALL_CALLS, &error);
            return Step::Done(Looked::failed(error));
        }
        (Failure::Deadline(_) | Failure::Stopped(_) | Failure::Certificate(_), _) => {
            return Step::Done(Looked::failed(error));
        }
        // No such table in this tenant, no permission, no such API in this cloud.
        (_, Some(400 | 403 | 404 | 410)) => (None, true),
        _ => (Some(error.clone().with_severity(Severity::Warning)), false),
    };
    Step::Unusable(Unusable { warning, error: Some(error), lasting })
}

/// The alerts of these ids that the API knows, in their order, and why others are missing.
async fn fetch(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    ids: Vec<String>,
) -> (Vec<Shared>, Vec<Refused>) {
    let calls: Vec<_> =
        ids.into_iter().map(|id| async move { client::alert(relay, call, &id).await }).collect();
    let mut answers = stream::iter(calls).buffered(call.concurrency());
    let (mut alerts, mut problems) = (Vec::new(), Vec::new());
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(alert) => alerts.extend(alert.filter(|alert| alert.id().is_some()).map(Arc::new)),
            Err(failure) => {
                let problem = refused(call, Api::V2, &failure);
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
        }
    }
    (alerts, problems)
}
