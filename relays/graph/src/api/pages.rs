//! Lists of alerts, page by page.

use std::collections::HashSet;

use relay_core::call::Call;
use relay_core::error::{Code, Error};
use relay_core::provider::{Answer, Failure};
use url::Url;

use super::{AlertList, partial};
use crate::Graph;
use crate::credentials::GraphCredentials;
use crate::model::{Alert, AlertPage};
use crate::module::TITLE;

/// A list that is being read. Links to further pages are followed within the API's own host, each once, and only
/// so far.
pub(crate) struct Pages<'c> {
    relay: &'c Graph,
    call: &'c Call<GraphCredentials>,
    list: AlertList,
    next: Option<Url>,
    left: usize,
    followed: HashSet<String>,
    known: HashSet<String>,
    /// Whether pages may be answered from the cache, and kept there.
    cached: bool,
}

/// A page of a list.
pub(crate) struct Page<A> {
    /// The alerts that have an id and were not on a page before.
    pub(crate) alerts: Vec<A>,
    /// Whether there were items that are no alerts.
    pub(crate) odd: bool,
    /// What is missing.
    pub(crate) warnings: Vec<Error>,
    /// Whether the list goes on by a link that is not followed.
    pub(crate) is_last_by_fault: bool,
}

impl<'c> Pages<'c> {
    /// From the first page on, at most `most` pages. Without a URL there are none.
    pub(crate) fn new(
        relay: &'c Graph,
        call: &'c Call<GraphCredentials>,
        list: AlertList,
        first: Option<Url>,
        most: usize,
    ) -> Self {
        let (followed, known) = (HashSet::new(), HashSet::new());
        Self { relay, call, list, next: first, left: most, followed, known, cached: true }
    }

    /// The same for tiles, which keep what they counted and not the pages.
    pub(crate) fn for_tiles(
        relay: &'c Graph,
        call: &'c Call<GraphCredentials>,
        list: AlertList,
        first: Option<Url>,
        most: usize,
    ) -> Self {
        Self { cached: false, ..Self::new(relay, call, list, first, most) }
    }

    /// Whether the list goes on.
    pub(crate) fn goes_on(&self) -> bool {
        self.next.is_some()
    }

    /// The next page; nothing after the last one that may be read, nor after a failure.
    pub(crate) async fn next<A: Alert>(&mut self) -> Option<Result<Page<A>, Failure>> {
        if self.left == 0 {
            return None;
        }
        let url = self.next.take()?;
        self.left -= 1;
        self.followed.insert(url.as_str().to_owned());
        let request = self.relay.list(self.call, self.list, Some(url));
        let request = if self.cached { request.cached() } else { request };
        match request.outcome().await {
            Ok(answer) => answer.map(|answer| self.read(&answer)),
            Err(failure) => Some(Err(failure)),
        }
    }

    fn read<A: Alert>(&mut self, answer: &Answer) -> Result<Page<A>, Failure> {
        let page: AlertPage<A> = answer.json()?;
        let list =
            page.value.ok_or_else(|| Failure::Unreadable("its answer holds no list of alerts".to_owned()))?;
        let mut page_odd = list.dropped() > 0;
        let mut alerts = Vec::with_capacity(list.items.len());
        for alert in list.items {
            match alert.id() {
                Some(id) if self.known.insert(id.to_owned()) => alerts.push(alert),
                Some(_) => {}
                None => page_odd = true,
            }
        }
        let mut warnings =
            if answer.status() == 206 { partial::warnings(answer.headers("warning")) } else { Vec::new() };
        let mut is_last_by_fault = false;
        if let Some(link) = page.next_link {
            match self.follow(&link, alerts.is_empty()) {
                Ok(next) => self.next = Some(next),
                Err(problem) => {
                    is_last_by_fault = true;
                    warnings.extend(self.cut_off(problem));
                }
            }
        }
        Ok(Page { odd: page_odd, alerts, warnings, is_last_by_fault })
    }

    /// A link to a further page, unless it would carry the access token to another host, or lead in a circle.
    fn follow(&self, link: &str, nothing_new: bool) -> Result<Url, &'static str> {
        let url = Url::parse(link).ok();
        let trusted = url.filter(|url| {
            url.origin() == self.relay.settings.api.origin()
                && url.username().is_empty()
                && url.password().is_none()
        });
        match trusted {
            None => Err("leads to another host"),
            Some(url) if nothing_new || self.followed.contains(url.as_str()) => {
                log::debug!(list:? = self.list, url = url.path(); "a list of alerts goes in a circle");
                Err("leads to a page that was read before")
            }
            Some(url) => Ok(url),
        }
    }

    fn cut_off(&self, problem: &str) -> Option<Error> {
        log::warn!(list:? = self.list; "a link to a further page {problem} and is not followed");
        let message = format!(
            "The list of alerts of {TITLE} breaks off: the link to its next page {problem}; the alerts on further \
             pages are missing"
        );
        (self.list == AlertList::V2).then(|| Error::warning(Code::BAD_RESPONSE, message))
    }
}
