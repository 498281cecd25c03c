//! Lookups in `alerts`: one filter per observable.

use relay_core::call::Call;
use relay_core::lookup;
use relay_core::observable::Observable;

use super::MOST_PAGES;
use super::outcome::Found;
use super::query;
use crate::Graph;
use crate::api::{AlertList, Pages};
use crate::credentials::GraphCredentials;
use crate::model::legacy::Alert;

/// Looks observables up, each by itself.
pub(super) async fn search(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    about: &[Observable],
) -> Vec<Found<Alert>> {
    let outcomes = lookup::gather(call, about, |one| lookup(relay, call, one)).await;
    outcomes.into_iter().map(|found| found.unwrap_or_else(|| Found::failed(call.out_of_time()))).collect()
}

async fn lookup(relay: &Graph, call: &Call<GraphCredentials>, about: &Observable) -> Found<Alert> {
    let mut found = Found::default();
    let Some(filter) = query::legacy::filter(about) else { return found };
    let first = relay.list_url(AlertList::Legacy, Some(&filter), call.limit());
    let mut pages = Pages::new(relay, call, AlertList::Legacy, first, MOST_PAGES);
    while found.alerts.len() < call.limit() {
        match pages.next().await {
            Some(Ok(page)) => found.take(page, Some),
            Some(Err(failure)) => found.end(AlertList::Legacy, &failure),
            None => break,
        }
    }
    found
}
