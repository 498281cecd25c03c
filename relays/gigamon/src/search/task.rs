//! One search, and what becomes of it where it is refused as a question or slow.

use std::future::Future;
use std::time::Duration;

use futures::future::join_all;
use relay_core::provider::Failure;
use tokio::time::{Instant, sleep_until};
use url::Url;

use super::Search;
use super::by_value::EventsByValue;
use super::query::{self, Span};
use crate::Lacking;
use crate::api::{self, SearchBody};

/// How long the search, or lists in its queries, are not tried again where they were refused.
pub(super) const PAUSE: Duration = Duration::from_secs(600);

/// What is searched.
#[derive(Clone, Debug)]
pub(super) struct SearchTask {
    /// For which values.
    pub(super) values: Vec<usize>,
    pub(super) span: Span,
    /// How often their events were asked for before.
    pub(super) round: u8,
}

/// What came of it.
pub(super) struct Answer {
    pub(super) task: SearchTask,
    pub(super) outcome: Outcome,
}

pub(super) enum Outcome {
    /// There is nothing, or nothing yet.
    Nothing,
    Page(EventsByValue),
    /// Only the newest day answered in time.
    NewestDay(EventsByValue),
    Failed(Failure),
}

impl From<Result<Option<EventsByValue>, Failure>> for Outcome {
    fn from(outcome: Result<Option<EventsByValue>, Failure>) -> Self {
        match outcome {
            Ok(None) => Self::Nothing,
            Ok(Some(page)) => Self::Page(page),
            Err(failure) => Self::Failed(failure),
        }
    }
}

impl<'a> Search<'a> {
    /// Values packed into searches; each by itself where lists were refused lately.
    pub(super) fn packed(&self, values: impl IntoIterator<Item = usize>) -> Vec<Vec<usize>> {
        let refused = self.relay.lacking.holds(&(self.site.region, Lacking::Lists), self.call.now());
        let most = if refused { 1 } else { self.options.search_values };
        query::packed(self.subjects, values, most, self.limit)
    }

    /// How many events a search for this number of values asks for.
    pub(super) fn events_for(&self, values: usize) -> usize {
        self.page_size.max(self.limit * values)
    }

    /// Searches. A search for several values that is refused as a question is repeated in smaller parts.
    pub(super) async fn ask(&'a self, base: &'a Url, task: SearchTask) -> Vec<Answer> {
        let answer = self.attempt(base, task).await;
        let Outcome::Failed(failure) = &answer.outcome else { return vec![answer] };
        let lists_refused = failure.status() == Some(400);
        let values = &answer.task.values;
        let length = if lists_refused { 1 } else { values.len().div_ceil(2) };
        if values.len() < 2 || !(lists_refused || api::is_too_large(failure)) {
            return vec![answer];
        }
        let part =
            |values: &[usize]| self.attempt(base, SearchTask { values: values.to_vec(), ..answer.task });
        let answers = join_all(values.chunks(length).map(part)).await;
        let accepted = answers.iter().any(|answer| !matches!(answer.outcome, Outcome::Failed(_)));
        if lists_refused && accepted {
            let region = (self.site.region, Lacking::Lists);
            self.relay.lacking.remember(region, (), PAUSE, self.call.now());
        }
        answers
    }

    /// One search. If it has not answered after half of the time, a companion searches its newest day, so that a slow
    /// search does not cost everything.
    async fn attempt(&self, base: &Url, task: SearchTask) -> Answer {
        let outcome = self.with_companion(base, &task).await;
        Answer { task, outcome }
    }

    async fn with_companion(&self, base: &Url, task: &SearchTask) -> Outcome {
        let started = Instant::now();
        let search = self.send(base, &task.values, task.span);
        let companion = self.send(base, &task.values, task.span.newest_day());
        tokio::pin!(search, companion);
        let half = self.call.deadline().checked_sub(self.call.time_allowed() / 2).unwrap_or(started);
        let left = self.calls.end().saturating_duration_since(started);
        let patience = half.max(started + left / 2);
        let mut newest = None;
        let outcome = loop {
            let is_late = Instant::now() >= patience;
            tokio::select! {
                biased;
                outcome = &mut search => break outcome,
                page = &mut companion, if is_late && newest.is_none() => newest = Some(page),
                () = sleep_until(patience), if !is_late => {}
            }
        };
        match (outcome, newest) {
            (Err(failure), Some(Ok(page))) if api::is_out_of_time(&failure) => {
                Outcome::NewestDay(page.unwrap_or_default())
            }
            (outcome, _) => outcome.into(),
        }
    }

    fn send(
        &self,
        base: &Url,
        values: &[usize],
        span: Span,
    ) -> impl Future<Output = Result<Option<EventsByValue>, Failure>> {
        let text = query::query(self.subjects, values);
        let limit = self.events_for(values.len());
        async move {
            let body = SearchBody::new(&text, span.start, span.end, limit);
            let page = self.calls.search(base, &body).await?;
            Ok(page.map(|page| self.by_value(page, values)))
        }
    }
}
