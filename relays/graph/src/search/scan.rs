//! The strategy `scan`: all recent alerts are read once and compared with every observable of a request. It needs
//! nothing but what the API documents, and is the slowest.

use std::sync::Arc;

use relay_core::call::Call;
use relay_core::error::Error;
use relay_core::observable::Observable;

use super::Shared;
use super::outcome::Found;
use super::query;
use crate::Graph;
use crate::api::{AlertList, Pages};
use crate::credentials::GraphCredentials;
use crate::mapping::matching::Matcher;
use crate::model::Alert as _;
use crate::model::v2::Alert;
use crate::module::{TITLE, UNPROCESSED};

/// Alerts per page.
const PAGE: usize = 200;

/// Looks observables up together, in at most `most_pages` pages.
pub(super) async fn search(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    about: &[Observable],
    most_pages: usize,
) -> Vec<Found<Shared>> {
    let filter = query::v2::since(call.now(), relay.settings.lookback_days);
    let first = relay.list_url(AlertList::V2, Some(&filter), PAGE);
    let mut pages = Pages::new(relay, call, AlertList::V2, first, most_pages);
    let mut lookups: Vec<(Option<Matcher<'_>>, Found<Shared>)> =
        about.iter().map(|one| (Matcher::new(one), Found::default())).collect();
    let is_full = |found: &Found<Shared>| found.alerts.len() >= call.limit();
    let mut oldest: Option<String> = None;
    while lookups.iter().any(|(_, found)| !is_full(found)) {
        match pages.next::<Alert>().await {
            Some(Ok(page)) => {
                let mut read = Found::default();
                read.take(page, |alert| Some(Arc::new(alert)));
                let created = read.alerts.iter().filter_map(|alert| alert.created());
                oldest = created.map(str::to_owned).chain(oldest).min();
                for (matcher, found) in &mut lookups {
                    found.outcome = read.outcome.clone();
                    found.odd |= read.odd;
                    found.errors.extend(read.errors.iter().cloned());
                    let room = call.limit().saturating_sub(found.alerts.len());
                    let concerns = |alert: &&Shared| matcher.as_ref().is_some_and(|one| one.concerns(alert));
                    found.alerts.extend(read.alerts.iter().filter(concerns).take(room).cloned());
                }
            }
            Some(Err(failure)) => {
                for (_, found) in &mut lookups {
                    found.end(AlertList::V2, &failure);
                }
            }
            None => break,
        }
    }
    let cut = pages.goes_on().then(|| unread(oldest.as_deref()));
    let finished = |(_, mut found): (_, Found<Shared>)| {
        // What the user's own limit cuts is expected.
        let cut = cut.clone().filter(|_| !is_full(&found));
        found.errors.extend(cut);
        found
    };
    lookups.into_iter().map(finished).collect()
}

fn unread(oldest: Option<&str>) -> Error {
    let until = oldest.map_or_else(String::new, |time| format!("; alerts from before {time} are missing"));
    Error::warning(
        UNPROCESSED,
        format!("{TITLE} has more recent alerts than are read (RELAY_PROVIDER__SCAN_MAX_PAGES){until}"),
    )
}
