//! What an API knows of one observable.

use relay_core::error::Error;
use relay_core::provider::Failure;

use crate::api::{AlertList, Page};

/// The alerts that an API has of one observable, and how the lookup went.
#[derive(Clone, Debug)]
pub(super) struct Found<A> {
    /// The alerts, each once.
    pub(super) alerts: Vec<A>,
    /// What the API answered.
    pub(super) outcome: Outcome,
    /// What failed, but for refusals, or is missing.
    pub(super) errors: Vec<Error>,
    /// Whether there was something in place of an alert.
    pub(super) odd: bool,
}

/// What an API answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was not asked.
    Unasked,
    /// It has been searched, maybe not to the end.
    Answered,
    /// It is not there.
    Gone {
        /// Whether it will stay so.
        for_good: bool,
    },
    /// The application lacks the permission.
    Forbidden(Error),
    /// It failed; what happened is among the errors.
    Failed,
}

impl<A> Default for Found<A> {
    fn default() -> Self {
        Self { alerts: Vec::new(), outcome: Outcome::Unasked, errors: Vec::new(), odd: false }
    }
}

impl<A> Found<A> {
    /// Nothing but a failure.
    pub(super) fn failed(error: Error) -> Self {
        Self { outcome: Outcome::Failed, errors: vec![error], ..Self::default() }
    }

    /// Takes the alerts of a page that are wanted, each as `made`.
    pub(super) fn take<B>(&mut self, page: Page<B>, made: impl Fn(B) -> Option<A>) {
        self.outcome = Outcome::Answered;
        self.odd |= page.odd;
        self.errors.extend(page.warnings);
        self.alerts.extend(page.alerts.into_iter().filter_map(made));
    }

    /// The lookup ends with a failure: of all of it, or of what would have followed on an answer.
    pub(super) fn end(&mut self, list: AlertList, failure: &Failure) {
        let is_first = self.outcome != Outcome::Answered;
        let outcome = match failure.status() {
            Some(404) => Outcome::Gone { for_good: false },
            Some(410) => Outcome::Gone { for_good: true },
            Some(403) if is_first => Outcome::Forbidden(list.error(failure)),
            _ => {
                self.errors.push(list.error(failure));
                Outcome::Failed
            }
        };
        if is_first {
            self.outcome = outcome;
        }
    }

    /// Adds what a further search gave.
    pub(super) fn absorb(&mut self, other: Self) {
        self.alerts.extend(other.alerts);
        self.errors.extend(other.errors);
        self.outcome = other.outcome;
        self.odd |= other.odd;
    }
}
