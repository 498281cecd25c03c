//! Lookups in `alerts`: one filter per observable.

use std::collections::HashSet;

use relay_core::call::Call;
use relay_core::lookup;
use relay_core::observable::Observable;

use super::MOST_PAGES;
use super::looked::Looked;
use crate::client::{Api, Pages, list_url};
use crate::model::legacy::Alert;
use crate::query;
use crate::{Graph, GraphCredentials};

/// Looks observables up, each by itself.
pub(super) async fn search(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    about: &[Observable],
) -> Vec<Looked<Alert>> {
    let outcomes = lookup::gather(call, about, |one| lookup(relay, call, one)).await;
    outcomes.into_iter().map(|looked| looked.unwrap_or_else(|| Looked::failed(call.out_of_time()))).collect()
}

async fn lookup(relay: &Graph, call: &Call<GraphCredentials>, about: &Observable) -> Looked<Alert> {
    let mut looked = Looked::default();
    let Some(filter) = query::legacy::filter(about) else { return looked };
    let first = list_url(relay, Api::Legacy, Some(&filter), call.limit());
    let mut pages = Pages::new(relay, call, Api::Legacy, first, MOST_PAGES);
    let mut known = HashSet::new();
    while looked.alerts.len() < call.limit() {
        match pages.next().await {
            Some(Ok(page)) => looked.take(page, &mut known, Some),
            Some(Err(refused)) => looked.end(refused),
            None => break,
        }
    }
    looked
}
