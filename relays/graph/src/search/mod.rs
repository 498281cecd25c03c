//! Looks observables up: which API is asked how, and what is reported of all of them.

mod details;
mod filter;
mod hunting;
mod intelligence;
mod legacy;
mod outcome;
pub mod query;
mod scan;
mod v2;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use relay_core::call::Call;
use relay_core::ctim::Sighting;
use relay_core::error::{Code, Error};
use relay_core::lookup::Lookup;
use relay_core::observable::Observable;

use crate::api::AlertList;
use crate::credentials::GraphCredentials;
use crate::mapping;
use crate::mapping::matching::Matcher;
use crate::mapping::opinion::{self, Opinions};
use crate::mapping::value::public_host;
use crate::model::{Alert as _, legacy as old, v2 as new};
use crate::module::TITLE;
use crate::settings::AlertsApi;
use crate::{Graph, Lack};
use intelligence::Known;
use outcome::{Found, Outcome};
pub(crate) use v2::WITHOUT_HUNTING;

/// A list for one observable is read no further.
const MOST_PAGES: usize = 10;
/// How long an API is not asked again that a tenant lacks. Permissions are granted while an administrator waits for
/// the effect.
const WITHOUT_API: Duration = Duration::from_secs(900);

/// An alert that may concern several observables of a request.
type Shared = Arc<new::Alert>;

/// What a request wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Everything.
    Observe,
    /// Verdicts.
    Deliberate,
}

/// What both APIs know of observables; nothing in the place of an API that is not asked.
struct Both {
    legacy: Option<Vec<Found<old::Alert>>>,
    v2: Option<Vec<Found<Shared>>>,
}

/// Looks observables up, all at once.
pub(crate) async fn search(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    about: &[Observable],
    purpose: Purpose,
) -> Lookup {
    let (ask_legacy, ask_v2) = apis(relay, call);
    let legacy = async { if ask_legacy { Some(legacy::search(relay, call, about).await) } else { None } };
    let v2 = async { if ask_v2 { Some(v2::search(relay, call, about).await) } else { None } };
    let known = intelligence::ask(relay, call, about, purpose == Purpose::Observe);
    let (legacy, v2, known) = futures::join!(legacy, v2, known);
    let (v2, warnings) = v2.map_or((None, Vec::new()), |(lookups, warnings)| (Some(lookups), warnings));
    let both = Both { legacy, v2 };
    if relay.settings.alerts_api == AlertsApi::Auto {
        both.remember(relay, call);
    }
    let mut lookup = both.report(relay, call, about, &known, purpose);
    lookup.errors.extend(warnings);
    lookup.errors.extend(known.errors);
    lookup
}

/// Whether `alerts` and `alerts_v2` are asked.
fn apis(relay: &Graph, call: &Call<GraphCredentials>) -> (bool, bool) {
    let lacks = |lack| relay.lacks.holds(&(call.credentials.owner(), lack), call.now());
    match relay.settings.alerts_api {
        AlertsApi::Legacy => (true, false),
        AlertsApi::V2 => (false, true),
        // One of them always is: when both were found dead, the one that has a future.
        AlertsApi::Auto if lacks(Lack::LegacyAlerts) => (false, true),
        AlertsApi::Auto => (true, !lacks(Lack::Alerts)),
    }
}

/// One successful probe is enough; of several failures the one that says most is reported.
pub(crate) async fn health(relay: &Graph, call: &Call<GraphCredentials>) -> Result<(), Error> {
    match relay.settings.alerts_api {
        AlertsApi::Legacy => relay.probe(call, AlertList::Legacy).await,
        AlertsApi::V2 => relay.probe(call, AlertList::V2).await,
        AlertsApi::Auto => {
            let probes = (relay.probe(call, AlertList::V2), relay.probe(call, AlertList::Legacy));
            match futures::join!(probes.0, probes.1) {
                (Err(one), Err(other)) => Err(if rank(&one) <= rank(&other) { one } else { other }),
                _ => Ok(()),
            }
        }
    }
}

/// How much a failed probe says; less is more.
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
    /// Remembers an API that is dead for this tenant, so that later requests spare the call.
    fn remember(&self, relay: &Graph, call: &Call<GraphCredentials>) {
        let any = |outcomes: &[&Outcome], is: fn(&Outcome) -> bool| outcomes.iter().any(|one| is(one));
        let legacy: Vec<&Outcome> = self.legacy.iter().flatten().map(|found| &found.outcome).collect();
        let v2: Vec<&Outcome> = self.v2.iter().flatten().map(|found| &found.outcome).collect();
        for (lack, own, other) in [(Lack::LegacyAlerts, &legacy, &v2), (Lack::Alerts, &v2, &legacy)] {
            let answers = |outcome: &Outcome| matches!(outcome, Outcome::Answered);
            let is_gone = any(own, |outcome| matches!(outcome, Outcome::Gone { for_good: true }));
            let is_forbidden = any(own, |outcome| matches!(outcome, Outcome::Forbidden(_)));
            if !any(own, answers) && (is_gone || (is_forbidden && any(other, answers))) {
                log::info!(api:? = lack; "the API is gone or forbidden for this tenant and is not asked for a while");
                relay.lacks.remember((call.credentials.owner(), lack), (), WITHOUT_API, call.now());
            }
        }
    }

    /// The answer, observable by observable: alerts of `alerts_v2` first, then those that only `alerts` has.
    fn report(
        &self,
        relay: &Graph,
        call: &Call<GraphCredentials>,
        about: &[Observable],
        known: &Known,
        purpose: Purpose,
    ) -> Lookup {
        let mut lookup = Lookup::nothing();
        for (position, observable) in about.iter().enumerate() {
            let Some(matcher) = Matcher::new(observable) else { continue };
            let v2 = self.v2.as_ref().and_then(|all| all.get(position));
            let legacy = self.legacy.as_ref().and_then(|all| all.get(position));
            let mut odd = v2.is_some_and(|one| one.odd) || legacy.is_some_and(|one| one.odd);
            let mut room = call.limit();
            let mut reported: Vec<&new::Alert> = Vec::new();
            for (alert, sighting) in sightings(relay, &matcher, v2, legacy) {
                if room == 0 {
                    break;
                }
                let Some(sighting) = sighting else {
                    odd = true;
                    continue;
                };
                reported.extend(alert);
                if purpose == Purpose::Observe {
                    room -= usize::from(lookup.bundle.push(sighting));
                } else {
                    room -= 1;
                }
            }
            known.add(relay, call, &matcher, &reported, purpose, &mut lookup);
            let refusal = refusal(v2.map(|one| &one.outcome), legacy.map(|one| &one.outcome));
            let errors = v2.into_iter().flat_map(|one| &one.errors);
            let errors = errors.chain(legacy.into_iter().flat_map(|one| &one.errors)).chain(refusal);
            for error in errors.cloned().chain(odd.then(unreadable_alert)) {
                lookup.errors.add(error.about(observable));
            }
        }
        lookup
    }
}

impl Known {
    /// Adds what is thought of an observable, and its passive DNS. `alerts` are those that are reported of it.
    fn add(
        &self,
        relay: &Graph,
        call: &Call<GraphCredentials>,
        matcher: &Matcher<'_>,
        alerts: &[&new::Alert],
        purpose: Purpose,
        lookup: &mut Lookup,
    ) {
        let (about, now, ui) = (matcher.about(), call.now(), &relay.settings.ui);
        let host = public_host(about).unwrap_or_default();
        let evidence =
            relay.settings.verdicts.then(|| opinion::of_evidence(alerts, matcher, ui, now)).flatten();
        let report = self.reputation.get(&host);
        let reputation = report.and_then(|report| opinion::of_reputation(report, &host, about, now));
        let opinions = Opinions { evidence, reputation };
        match purpose {
            Purpose::Deliberate => opinions.add_verdict(about, &mut lookup.bundle),
            Purpose::Observe => {
                let dns = self.passive_dns.get(&host);
                if let Some(sighting) =
                    dns.and_then(|report| mapping::intelligence::sighting(report, &host, about))
                {
                    lookup.bundle.push(sighting);
                }
                opinions.add_all(about, &mut lookup.bundle);
            }
        }
    }
}

/// The sightings of an observable, each with its alert of `alerts_v2`; nothing in the place of an alert that cannot
/// be one.
fn sightings<'a>(
    relay: &'a Graph,
    matcher: &'a Matcher<'a>,
    v2: Option<&'a Found<Shared>>,
    legacy: Option<&'a Found<old::Alert>>,
) -> impl Iterator<Item = (Option<&'a new::Alert>, Option<Sighting>)> {
    let new = v2.map(|one| one.alerts.as_slice()).unwrap_or_default();
    let known: HashSet<&str> =
        new.iter().flat_map(|alert| [alert.id(), alert.provider_alert_id.as_deref()]).flatten().collect();
    let old = legacy.map(|one| one.alerts.as_slice()).unwrap_or_default();
    let old = old.iter().filter(move |alert| alert.id().is_none_or(|id| !known.contains(id)));
    new.iter()
        .map(move |alert| (Some(&**alert), mapping::v2::sighting(alert, matcher, &relay.settings.ui)))
        .chain(old.map(|alert| (None, mapping::legacy::sighting(alert, matcher.about()))))
}

/// The refusal that is reported. One API may be forbidden as long as the other one answers: the application has the
/// permissions of one of them.
fn refusal<'a>(v2: Option<&'a Outcome>, legacy: Option<&'a Outcome>) -> Option<&'a Error> {
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
