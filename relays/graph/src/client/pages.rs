//! Lists of alerts, page by page.

use relay_core::call::Call;
use relay_core::error::Error;
use relay_core::provider::{Answer, Failure};
use url::Url;

use super::{Api, Refused, list, refused};
use crate::model::{Alert, AlertPage, Item};
use crate::partial;
use crate::{Graph, GraphCredentials};

/// A list that is being read. Links to further pages are followed within the API's own host, and only so far.
pub(crate) struct Pages<'c> {
    relay: &'c Graph,
    call: &'c Call<GraphCredentials>,
    api: Api,
    next: Option<Url>,
    left: usize,
}

/// A page of a list.
pub(crate) struct Page<A> {
    /// The alerts that have an id.
    pub(crate) alerts: Vec<A>,
    /// Whether there were items that are no such alerts.
    pub(crate) odd: bool,
    /// What is missing, by the API's own word.
    pub(crate) warnings: Vec<Error>,
}

impl<'c> Pages<'c> {
    /// From the first page on, at most so many. Without a URL there are none.
    pub(crate) fn new(
        relay: &'c Graph,
        call: &'c Call<GraphCredentials>,
        api: Api,
        first: Option<Url>,
        most: usize,
    ) -> Self {
        Self { relay, call, api, next: first, left: most }
    }

    /// The next page; nothing after the last one, nor after a failure.
    pub(crate) async fn next<A: Alert>(&mut self) -> Option<Result<Page<A>, Refused>> {
        let url = self.next.take()?;
        if self.left == 0 {
            log::info!(api:? = self.api; "there are more alerts than are read");
            return None;
        }
        self.left -= 1;
        let outcome = list(self.relay, self.call, self.api, url).cached().send().await;
        let page = outcome.and_then(|answer| self.read(&answer));
        Some(page.map_err(|failure| refused(self.call, self.api, &failure)))
    }

    fn read<A: Alert>(&mut self, answer: &Answer) -> Result<Page<A>, Failure> {
        let page: AlertPage<A> = answer.json()?;
        let items =
            page.value.ok_or_else(|| Failure::Unreadable("its answer holds no list of alerts".to_owned()))?;
        self.next = page.next_link.and_then(|link| self.trusted(&link));
        let count = items.len();
        let alerts: Vec<A> =
            items.into_iter().filter_map(|Item(alert)| alert.filter(|alert| alert.id().is_some())).collect();
        let warnings =
            if answer.status() == 206 { partial::warnings(answer.headers("warning")) } else { Vec::new() };
        Ok(Page { odd: alerts.len() < count, alerts, warnings })
    }

    /// A link to a further page, unless it would carry the access token to another host.
    fn trusted(&self, link: &str) -> Option<Url> {
        let url = Url::parse(link).ok();
        let trusted = url.filter(|url| {
            url.origin() == self.relay.api.origin() && url.username().is_empty() && url.password().is_none()
        });
        if trusted.is_none() {
            log::warn!(api:? = self.api; "a link to a further page leads to another host and is not followed");
        }
        trusted
    }
}
