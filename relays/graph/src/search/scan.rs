//! The strategy `scan`: all recent alerts are read once and compared with every observable of a request. It needs
//! nothing but what the API documents, and is the slowest.

use std::collections::HashSet;
use std::sync::Arc;

use relay_core::call::Call;
use relay_core::observable::Observable;

use super::looked::Looked;
use super::v2::Shared;
use crate::client::{Api, Pages, list_url};
use crate::matching::Matcher;
use crate::model::v2::Alert;
use crate::query;
use crate::{Graph, GraphCredentials};

/// Alerts per page.
const PAGE: usize = 200;

/// Looks observables up together.
pub(super) async fn search(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    about: &[Observable],
) -> Vec<Looked<Shared>> {
    let filter = query::v2::since(call.now(), relay.options.lookback_days);
    let first = list_url(relay, Api::V2, Some(&filter), PAGE);
    let mut pages = Pages::new(relay, call, Api::V2, first, relay.options.scan_pages);
    let mut observables: Vec<(Matcher<'_>, Looked<Shared>)> =
        about.iter().map(|one| (Matcher::new(one), Looked::default())).collect();
    let mut known = HashSet::new();
    let is_full = |looked: &Looked<Shared>| looked.alerts.len() >= call.limit();
    while observables.iter().any(|(_, looked)| !is_full(looked)) {
        match pages.next::<Alert>().await {
            Some(Ok(page)) => {
                let mut read = Looked::default();
                read.take(page, &mut known, |alert| Some(Arc::new(alert)));
                for (matcher, looked) in &mut observables {
                    looked.outcome = read.outcome.clone();
                    looked.odd |= read.odd;
                    looked.errors.extend(read.errors.iter().cloned());
                    let room = call.limit() - looked.alerts.len();
                    let concerned = read.alerts.iter().filter(|alert| matcher.concerns(alert));
                    looked.alerts.extend(concerned.take(room).cloned());
                }
            }
            Some(Err(refused)) => {
                for (_, looked) in &mut observables {
                    looked.end(refused.clone());
                }
            }
            None => break,
        }
    }
    observables.into_iter().map(|(_, looked)| looked).collect()
}
