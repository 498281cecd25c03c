//! Lookups in `alerts_v2`: the strategies, and what follows when one of them does not work for a tenant.

use std::sync::Arc;

use relay_core::call::Call;
use relay_core::error::Error;
use relay_core::observable::{Observable, ObservableType};

use super::looked::{Looked, Outcome};
use super::{filter, hunting, scan};
use crate::memory::Way;
use crate::model::v2::Alert;
use crate::options::Search;
use crate::{Graph, GraphCredentials};

/// An alert that may concern several observables of a request.
pub(super) type Shared = Arc<Alert>;

/// What a strategy comes to for one observable.
pub(super) enum Step {
    /// The observable was looked up, for better or worse.
    Done(Looked<Shared>),
    /// The strategy does not work.
    Unusable(Unusable),
}

/// Why a strategy does not work.
pub(super) struct Unusable {
    /// Told where the next strategy takes over.
    pub(super) warning: Option<Error>,
    /// Told where there is no next one.
    pub(super) error: Option<Error>,
    /// Whether that will be so for a while.
    pub(super) lasting: bool,
}

impl Step {
    fn is_answered(&self) -> bool {
        matches!(self, Self::Done(looked) if looked.outcome == Outcome::Answered)
    }

    fn is_lasting(&self) -> bool {
        matches!(self, Self::Unusable(unusable) if unusable.lasting)
    }

    /// What is told where the strategy was the user's choice.
    fn alone(self) -> Looked<Shared> {
        match self {
            Self::Done(looked) => looked,
            Self::Unusable(unusable) => Looked::failed(unusable.error),
        }
    }
}

/// Looks observables up by the strategy of the settings.
pub(super) async fn search(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    about: &[Observable],
) -> Vec<Looked<Shared>> {
    let steps = match relay.options.search {
        Search::Auto => return first_that_works(relay, call, about).await,
        Search::Scan => return scan::search(relay, call, about).await,
        Search::Filter => filter::search(relay, call, about).await,
        Search::Hunting => hunting::search(relay, call, about).await,
    };
    steps.into_iter().map(Step::alone).collect()
}

/// Filter, hunting, scan: each for the observables that the one before it did not settle.
async fn first_that_works(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    about: &[Observable],
) -> Vec<Looked<Shared>> {
    let mut looked: Vec<Looked<Shared>> = about.iter().map(|_| Looked::default()).collect();
    let mut open: Vec<usize> = (0..about.len()).collect();
    let of = |positions: &[usize]| -> Vec<Observable> {
        positions.iter().map(|position| about[*position].clone()).collect()
    };
    for way in [Way::Filter, Way::Hunting] {
        if open.is_empty() || relay.memory.avoids(&call.credentials.0, way, call.now()) {
            continue;
        }
        let steps = match way {
            Way::Filter => filter::search(relay, call, &of(&open)).await,
            _ => hunting::search(relay, call, &of(&open)).await,
        };
        if steps.iter().any(Step::is_lasting) && !steps.iter().any(Step::is_answered) {
            log::info!(strategy:? = way; "the search strategy does not work for this tenant; the next one is used");
            relay.memory.avoid(&call.credentials.0, way, call.now());
        }
        let mut unsettled = Vec::new();
        for (position, step) in open.into_iter().zip(steps) {
            match step {
                Step::Done(done) => {
                    // Hunting mostly has no SHA-256, so that it finds none proves nothing.
                    let is_doubtful = way == Way::Hunting
                        && about[position].kind() == ObservableType::Sha256
                        && done.outcome == Outcome::Answered
                        && done.alerts.is_empty();
                    looked[position].absorb(done);
                    unsettled.extend(is_doubtful.then_some(position));
                }
                Step::Unusable(unusable) => {
                    looked[position].errors.extend(unusable.warning);
                    unsettled.push(position);
                }
            }
        }
        open = unsettled;
    }
    if !open.is_empty() {
        let scanned = scan::search(relay, call, &of(&open)).await;
        for (position, done) in open.into_iter().zip(scanned) {
            looked[position].absorb(done);
        }
    }
    looked
}
