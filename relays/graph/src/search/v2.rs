//! Lookups in `alerts_v2`: the strategies, and what follows when hunting does not work for a tenant.

use std::time::Duration;

use relay_core::call::Call;
use relay_core::error::Error;
use relay_core::observable::{Observable, ObservableType};

use super::hunting::{Hunted, NotHunted};
use super::outcome::{Found, Outcome};
use super::{Shared, filter, hunting, scan};
use crate::credentials::GraphCredentials;
use crate::settings::Search;
use crate::{Graph, Lack};

/// How long hunting is not tried again where it is not allowed, or not offered.
pub(crate) const WITHOUT_HUNTING: Duration = Duration::from_secs(3600);
/// The same where the tenant lacks the table, or has used up its share of running time.
const HUNTING_REFUSED: Duration = Duration::from_secs(900);

/// Looks observables up by the strategy of the settings; and what is missing of the answer as a whole.
pub(super) async fn search(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    about: &[Observable],
) -> (Vec<Found<Shared>>, Vec<Error>) {
    match relay.settings.search {
        Search::Auto => first_that_works(relay, call, about).await,
        Search::Scan => (scan::search(relay, call, about, relay.settings.scan_pages).await, Vec::new()),
        Search::Filter => (filter::search(relay, call, about).await, Vec::new()),
        Search::Hunting => {
            let Hunted { lookups, warnings } = hunting::search(relay, call, about).await;
            let alone = |lookup: Result<_, NotHunted>| lookup.unwrap_or_else(NotHunted::alone);
            (lookups.into_iter().map(alone).collect(), warnings)
        }
    }
}

/// Hunting, and a scan for what it did not settle.
async fn first_that_works(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    about: &[Observable],
) -> (Vec<Found<Shared>>, Vec<Error>) {
    let key = (call.credentials.owner(), Lack::Hunting);
    let Hunted { lookups, warnings } = if relay.lacks.holds(&key, call.now()) {
        let lookups = about.iter().map(|_| Err(NotHunted::Unaskable)).collect();
        Hunted { lookups, warnings: Vec::new() }
    } else {
        hunting::search(relay, call, about).await
    };
    if let Some(pause) = pause(&lookups) {
        log::info!("hunting does not work for this tenant; recent alerts are read instead");
        relay.lacks.remember(key, (), pause, call.now());
    }
    let mut all: Vec<Found<Shared>> = about.iter().map(|_| Found::default()).collect();
    let (mut unsettled, mut hashes) = (Vec::new(), Vec::new());
    for (position, lookup) in lookups.into_iter().enumerate() {
        match lookup {
            Ok(found) => {
                if is_doubtful(&about[position], &found) {
                    hashes.push(position);
                }
                all[position] = found;
            }
            Err(NotHunted::Failed { error, is_final: true, .. }) => all[position] = Found::failed(error),
            Err(not_hunted) => {
                all[position].errors.extend(not_hunted.warning());
                unsettled.push(position);
            }
        }
    }
    if relay.settings.hash_scan_pages == 0 {
        hashes.clear();
    }
    // One scan serves both; for hashes alone it is a shorter one.
    let pages = if unsettled.is_empty() { relay.settings.hash_scan_pages } else { relay.settings.scan_pages };
    let open: Vec<usize> = unsettled.iter().chain(&hashes).copied().collect();
    if !open.is_empty() {
        let of: Vec<Observable> = open.iter().map(|position| about[*position].clone()).collect();
        let scanned = scan::search(relay, call, &of, pages).await;
        for (position, found) in open.into_iter().zip(scanned) {
            if unsettled.contains(&position) {
                all[position].absorb(found);
            } else {
                // That hunting did not find it was the answer; this may only add to it.
                log::debug!(alerts = found.alerts.len(), errors = found.errors.len(); "scanned for a hash");
                all[position].alerts = found.alerts;
            }
        }
    }
    (all, warnings)
}

/// Hunting mostly has no SHA-256 and never an MD5, so that it finds none proves nothing.
fn is_doubtful(about: &Observable, found: &Found<Shared>) -> bool {
    matches!(about.kind(), ObservableType::Sha256 | ObservableType::Md5)
        && found.outcome == Outcome::Answered
        && found.alerts.is_empty()
}

/// How long hunting is not worth trying, where that will last.
fn pause(lookups: &[Result<Found<Shared>, NotHunted>]) -> Option<Duration> {
    if lookups.iter().any(Result::is_ok) {
        return None;
    }
    lookups.iter().find_map(|lookup| match lookup {
        Err(NotHunted::Failed { status: Some(403 | 404 | 410), .. }) => Some(WITHOUT_HUNTING),
        Err(NotHunted::Failed { status: Some(400), .. }) => Some(HUNTING_REFUSED),
        _ => None,
    })
}
