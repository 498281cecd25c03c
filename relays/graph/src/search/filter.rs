//! The strategy `filter`: one OData filter over evidence per observable.
//!
//! The API may refuse such filters, or ignore them and answer with whatever alerts there are.

use std::collections::HashSet;
use std::sync::Arc;

use relay_core::call::Call;
use relay_core::lookup;
use relay_core::observable::Observable;

use super::MOST_PAGES;
use super::looked::Looked;
use super::v2::{Step, Unusable};
use crate::client::{Api, Pages, Refused, list_url};
use crate::matching::Matcher;
use crate::model::v2::Alert;
use crate::query;
use crate::{Graph, GraphCredentials};

/// Looks observables up, each by itself.
pub(super) async fn search(relay: &Graph, call: &Call<GraphCredentials>, about: &[Observable]) -> Vec<Step> {
    let outcomes = lookup::gather(call, about, |one| lookup(relay, call, one)).await;
    let late = || Step::Done(Looked::failed(call.out_of_time()));
    outcomes.into_iter().map(|step| step.unwrap_or_else(late)).collect()
}

async fn lookup(relay: &Graph, call: &Call<GraphCredentials>, about: &Observable) -> Step {
    let mut looked = Looked::default();
    let Some(filter) = query::v2::filter(about) else { return Step::Done(looked) };
    let matcher = Matcher::new(about);
    let first = list_url(relay, Api::V2, Some(&filter), call.limit());
    let mut pages = Pages::new(relay, call, Api::V2, first, MOST_PAGES);
    let mut known = HashSet::new();
    let mut is_first = true;
    while looked.alerts.len() < call.limit() {
        match pages.next::<Alert>().await {
            Some(Ok(page)) => {
                let is_empty = page.alerts.is_empty();
                looked.take(page, &mut known, |alert| matcher.concerns(&alert).then(|| Arc::new(alert)));
                if is_first && !is_empty && looked.alerts.is_empty() {
                    return Step::Unusable(Unusable { warning: None, error: None, lasting: true });
                }
            }
            Some(Err(Refused::NotUnderstood(error))) if is_first => {
                return Step::Unusable(Unusable { warning: None, error: Some(error), lasting: true });
            }
            Some(Err(refused)) => looked.end(refused),
            None => break,
        }
        is_first = false;
    }
    Step::Done(looked)
}
