//! Which API is asked how, and what is told of both.

mod filter;
mod hunting;
mod legacy;
mod looked;
mod scan;
mod v2;

use std::collections::HashSet;

use relay_core::call::Call;
use relay_core::ctim::Sighting;
use relay_core::error::{Code, Error};
use relay_core::lookup::Lookup;
use relay_core::observable::Observable;

use crate::client::{self, Api};
use crate::mapping;
use crate::matching::Matcher;
use crate::memory::Way;
use crate::model::{Alert, legacy as old};
use crate::module::TITLE;
use crate::options::Apis;
use crate::{Graph, GraphCredentials};
use looked::{Looked, Outcome};
use v2::Shared;

/// A list for one observable is read no further.
const MOST_PAGES: usize = 10;

/// What both APIs know of observables; nothing in the place of an API that is not asked.
struct Both {
    legacy: Option<Vec<Looked<old::Alert>>>,
    v2: Option<Vec<Looked<Shared>>>,
}

/// Looks observables up, all at once.
pub(crate) async fn observe(relay: &Graph, call: &Call<GraphCredentials>, about: &[Observable]) -> Lookup {
    let (ask_legacy, ask_v2) = apis(relay, call);
    let legacy = async { if ask_legacy { Some(legacy::search(relay, call, about).await) } else { None } };
    let v2 = async { if ask_v2 { Some(v2::search(relay, call, about).await) } else { None } };
    let (legacy, v2) = futures::join!(legacy, v2);
    let both = Both { legacy, v2 };
    if relay.options.apis == Apis::Auto {
        both.remember(relay, call);
    }
    both.found(relay, call, about)
}

/// Whether `alerts` and `alerts_v2` are asked.
fn apis(relay: &Graph, call: &Call<GraphCredentials>) -> (bool, bool) {
    let avoids = |way| relay.memory.avoids(&call.credentials.0, way, call.now());
    match relay.options.apis {
        Apis::Legacy => (true, false),
        Apis::V2 => (false, true),
        // One of them always is: when both were found dead, the one that has a future.
        Apis::Auto if avoids(Way::Legacy) => (false, true),
        Apis::Auto => (true, !avoids(Way::V2)),
    }
}

/// One successful probe is enough; of several failures the one that tells most is told.
pub(crate) async fn health(relay: &Graph, call: &Call<GraphCredentials>) -> Result<(), Error> {
    let probe = async |api| {
        let outcome = client::probe(relay, call, api).await;
        outcome.map_err(|failure| client::error(api, &failure))
    };
    match relay.options.apis {
        Apis::Legacy => probe(Api::Legacy).await,
        Apis::V2 => probe(Api::V2).await,
        Apis::Auto => match futures::join!(probe(Api::V2), probe(Api::Legacy)) {
            (Err(one), Err(other)) => Err(if rank(&one) <= rank(&other) { one } else { other }),
            _ => Ok(()),
        },
    }
}

/// How much a failed probe tells; less is more.
fn rank(error: &Error) -> u8 {
    match error.code() {
        Code::AUTHORIZATION => 0,
        Code::PERMISSION_DENIED => 1,
        Code::TOO_MANY_REQUESTS => 2,
        Code::CONNECTION | Code::TIMEOUT => 4,
        Code::NOT_FOUND => 5,
        _ => 3,
    }
}

impl Both {
    /// Notes an API that is dead for this tenant, so that later requests spare the call.
    fn remember(&self, relay: &Graph, call: &Call<GraphCredentials>) {
        let any = |outcomes: &[&Outcome], is: fn(&Outcome) -> bool| outcomes.iter().any(|one| is(one));
        let legacy: Vec<&Outcome> = self.legacy.iter().flatten().map(|looked| &looked.outcome).collect();
        let v2: Vec<&Outcome> = self.v2.iter().flatten().map(|looked| &looked.outcome).collect();
        for (way, own, other) in [(Way::Legacy, &legacy, &v2), (Way::V2, &v2, &legacy)] {
            let answers = |outcome: &Outcome| matches!(outcome, Outcome::Answered);
            let is_gone = any(own, |outcome| matches!(outcome, Outcome::Gone { for_good: true }));
            let is_forbidden = any(own, |outcome| matches!(outcome, Outcome::Forbidden(_)));
            if !any(own, answers) && (is_gone || (is_forbidden && any(other, answers))) {
                log::info!(api:? = way; "the API is gone or forbidden for this tenant and is not asked for a while");
                relay.memory.avoid(&call.credentials.0, way, call.now());
            }
        }
    }

    /// The answer, observable by observable: alerts of `alerts_v2` first, then those that only `alerts` has.
    fn found(&self, relay: &Graph, call: &Call<GraphCredentials>, about: &[Observable]) -> Lookup {
        let mut found = Lookup::nothing();
        for (position, observable) in about.iter().enumerate() {
            let v2 = self.v2.as_ref().and_then(|all| all.get(position));
            let legacy = self.legacy.as_ref().and_then(|all| all.get(position));
            let mut odd = v2.is_some_and(|one| one.odd) || legacy.is_some_and(|one| one.odd);
            let mut room = call.limit();
            for sighting in sightings(relay, observable, v2, legacy) {
                match sighting {
                    Some(sighting) => room -= usize::from(found.bundle.push(sighting)),
                    None => odd = true,
                }
                if room == 0 {
                    break;
                }
            }
            let refusal = told(v2.map(|one| &one.outcome), legacy.map(|one| &one.outcome));
            let errors = v2.into_iter().flat_map(|one| &one.errors);
            let errors = errors.chain(legacy.into_iter().flat_map(|one| &one.errors)).chain(refusal);
            for error in errors.cloned().chain(odd.then(unreadable_alert)) {
                found.errors.add(error.about(observable));
            }
        }
        found
    }
}

/// The sightings of an observable; nothing in the place of an alert that cannot be one.
fn sightings<'a>(
    relay: &'a Graph,
    about: &'a Observable,
    v2: Option<&'a Looked<Shared>>,
    legacy: Option<&'a Looked<old::Alert>>,
) -> impl Iterator<Item = Option<Sighting>> {
    let matcher = Matcher::new(about);
    let new = v2.map(|one| one.alerts.as_slice()).unwrap_or_default();
    let known: HashSet<&str> =
        new.iter().flat_map(|alert| [alert.id(), alert.provider_alert_id.as_deref()]).flatten().collect();
    let old = legacy.map(|one| one.alerts.as_slice()).unwrap_or_default();
    let old = old.iter().filter(move |alert| alert.id().is_none_or(|id| !known.contains(id)));
    new.iter()
        .map(move |alert| mapping::v2::sighting(alert, &matcher, &relay.ui))
        .chain(old.map(|alert| mapping::legacy::sighting(alert, about)))
}

/// The refusal that is told. One API may be forbidden as long as the other one answers: the application has the
/// permissions of one of them.
fn told<'a>(v2: Option<&'a Outcome>, legacy: Option<&'a Outcome>) -> Option<&'a Error> {
    use Outcome::{Answered, Forbidden};
    match (v2, legacy) {
        (Some(Forbidden(_)), Some(Answered)) | (Some(Answered), Some(Forbidden(_))) => None,
        (Some(Forbidden(error)), _) | (_, Some(Forbidden(error))) => Some(error),
        _ => None,
    }
}

fn unreadable_alert() -> Error {
    Error::warning(
        Code::BAD_RESPONSE,
        format!("An alert of {TITLE} without an id or a time cannot be shown and was left out"),
    )
}
