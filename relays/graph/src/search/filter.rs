//! The strategy `filter`: one OData filter over evidence per observable.
//!
//! The API may ignore such filters and answer with whatever alerts there are, so each is compared.

use std::sync::Arc;

use relay_core::call::Call;
use relay_core::lookup;
use relay_core::observable::Observable;

use super::outcome::Found;
use super::query;
use super::{MOST_PAGES, Shared};
use crate::Graph;
use crate::api::{AlertList, Pages};
use crate::credentials::GraphCredentials;
use crate::mapping::matching::Matcher;
use crate::model::v2::Alert;

/// Looks observables up, each by itself.
pub(super) async fn search(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    about: &[Observable],
) -> Vec<Found<Shared>> {
    let outcomes = lookup::gather(call, about, |one| lookup(relay, call, one)).await;
    outcomes.into_iter().map(|found| found.unwrap_or_else(|| Found::failed(call.out_of_time()))).collect()
}

async fn lookup(relay: &Graph, call: &Call<GraphCredentials>, about: &Observable) -> Found<Shared> {
    let mut found = Found::default();
    let (Some(filter), Some(matcher)) = (query::v2::filter(about), Matcher::new(about)) else { return found };
    let first = relay.list_url(AlertList::V2, Some(&filter), call.limit());
    let mut pages = Pages::new(relay, call, AlertList::V2, first, MOST_PAGES);
    while found.alerts.len() < call.limit() {
        match pages.next::<Alert>().await {
            Some(Ok(page)) => found.take(page, |alert| matcher.concerns(&alert).then(|| Arc::new(alert))),
            Some(Err(failure)) => found.end(AlertList::V2, &failure),
            None => break,
        }
    }
    found
}
