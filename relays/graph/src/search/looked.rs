//! What an API knows of one observable.

use std::collections::HashSet;

use relay_core::error::Error;

use crate::client::{Page, Refused};
use crate::model::Alert;

/// The alerts that an API has of one observable, and how the lookup went.
#[derive(Debug)]
pub(super) struct Looked<A> {
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

impl<A> Default for Looked<A> {
    fn default() -> Self {
        Self { alerts: Vec::new(), outcome: Outcome::Unasked, errors: Vec::new(), odd: false }
    }
}

impl<A> Looked<A> {
    /// Nothing but a failure.
    pub(super) fn failed(error: impl Into<Option<Error>>) -> Self {
        let errors = error.into().into_iter().collect();
        Self { outcome: Outcome::Failed, errors, ..Self::default() }
    }

    /// Takes the alerts of a page that are wanted and not known yet, each as `made`.
    pub(super) fn take<B: Alert>(
        &mut self,
        page: Page<B>,
        known: &mut HashSet<String>,
        made: impl Fn(B) -> Option<A>,
    ) {
        self.outcome = Outcome::Answered;
        self.odd |= page.odd;
        self.errors.extend(page.warnings);
        for alert in page.alerts {
            if alert.id().is_some_and(|id| known.insert(id.to_owned())) {
                self.alerts.extend(made(alert));
            }
        }
    }

    /// The lookup ends with a refusal: of all of it, or of what would have followed on an answer.
    pub(super) fn end(&mut self, refused: Refused) {
        let first = self.outcome != Outcome::Answered;
        let (outcome, error) = match refused {
            Refused::Gone { for_good } => (Outcome::Gone { for_good }, None),
            Refused::Forbidden(error) if first => (Outcome::Forbidden(error), None),
            Refused::Forbidden(error) | Refused::NotUnderstood(error) | Refused::Failed(error) => {
                (Outcome::Failed, Some(error))
            }
        };
        self.errors.extend(error);
        if first {
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
