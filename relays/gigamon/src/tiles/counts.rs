//! The counts that tiles share, from one listing of detections.

use std::collections::{BTreeMap, HashMap};

use futures::future::join_all;
use relay_core::call::Call;
use relay_core::ctim::Timestamp;
use relay_core::error::{Code, Error, Severity};
use relay_core::observable::ip_address;
use relay_core::provider::Failure;
use relay_core::tiles::{Count, Digest, NamedCounts, Period, Series, TimeCounts, Window};

use crate::Gigamon;
use crate::api::{self, Calls, Page};
use crate::credentials::ApiToken;
use crate::model::{Detection, DetectionPage, Rule, filled, time};
use crate::module::TITLE;
use crate::settings::Region;

/// Severities in stacking order.
pub(super) const SERIES: [Series; 4] = [
    Series::new("high", "High"),
    Series::new("moderate", "Moderate"),
    Series::new("low", "Low"),
    Series::optional("other", "Other"),
];
/// The place of those that are none of the others.
const OTHER: usize = 3;

/// The items of a page, the provider's most.
const PAGE: usize = 1000;
/// Where the further pages begin; there are no more.
const FURTHER: [usize; 2] = [PAGE, 2 * PAGE];

/// What the detections of a window come to.
pub(crate) struct Counts {
    pub(super) over_time: TimeCounts,
    /// By class and category of the rule.
    pub(super) categories: BTreeMap<(String, String), u64>,
    /// By device and severity.
    pub(super) devices: NamedCounts,
}

/// The counts by listing.
pub(crate) type Counted = Digest<Listing, Counts>;

/// Which detections are counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Listing {
    region: Region,
    account: Option<String>,
    test_accounts: bool,
    period: Period,
    start: jiff::Timestamp,
}

impl Gigamon {
    /// What the detections of a window come to, counted once for the tiles that show it.
    pub(super) async fn counted(
        &self,
        call: &Call<ApiToken>,
        window: &Window,
    ) -> relay_core::tiles::Counted<Counts> {
        let listing = Listing {
            region: self.site(call).region,
            account: call.credentials.account.clone(),
            test_accounts: call.credentials.test_accounts,
            period: window.period,
            start: window.start,
        };
        // Boxed: pages and calls make a large future.
        self.counts.get(call, listing, Box::pin(self.count(call, window))).await
    }

    async fn count(&self, call: &Call<ApiToken>, window: &Window) -> Result<Count<Counts>, Error> {
        let calls = Calls::new(self, call);
        let since = window.start_text();
        let page = |offset| calls.listing(&since, Page { limit: PAGE, offset });
        let first = page(0).await.map_err(|failure| api::error(&failure))?;
        let mut pages = Vec::from_iter(first);
        let (received, total) =
            pages.first().map_or((0, Some(0)), |page| (page.detections.received, page.total()));
        let is_there = |offset: &usize| total.map_or(received >= PAGE, |total| total > *offset);
        let mut failure = None;
        let mut last = received;
        for answer in join_all(FURTHER.into_iter().filter(is_there).map(page)).await {
            match answer {
                Ok(page) => {
                    last = page.as_ref().map_or(0, |page| page.detections.received);
                    pages.extend(page);
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        let most = PAGE * (1 + FURTHER.len());
        let is_cut = total.map_or(pages.len() > FURTHER.len() && last >= PAGE, |total| total > most);
        let counts = Counts::of(&pages, call, window);
        Ok(match (failure, is_cut) {
            (Some(failure), _) => Count::cut(counts, None, incomplete(&failure)),
            (None, true) => Count::cut(counts, None, cut(most, total)),
            (None, false) => Count::whole(counts),
        })
    }
}

/// A further page failed.
fn incomplete(failure: &Failure) -> Error {
    api::error(failure).with_severity(Severity::Error).with_note("some detections are not counted")
}

/// There are more detections than are read.
fn cut(most: usize, total: Option<usize>) -> Error {
    let of_all = total.map(|total| format!(" of {total}")).unwrap_or_default();
    let message = format!("Of the detections of {TITLE}, the {most} seen last{of_all} are counted");
    Error::warning(Code::new("unprocessed records"), message)
}

impl Counts {
    fn of(pages: &[DetectionPage], call: &Call<ApiToken>, window: &Window) -> Self {
        let mut counts = Self {
            over_time: TimeCounts::new(window, &SERIES),
            categories: BTreeMap::new(),
            devices: NamedCounts::default(),
        };
        let rules: HashMap<&str, &Rule> =
            pages.iter().flat_map(|page| &page.rules).filter_map(|rule| Some((rule.id()?, rule))).collect();
        for detection in pages.iter().flat_map(|page| &page.detections.items) {
            let allowed = call.credentials.allows(detection.account_uuid.as_deref());
            if allowed && detection.muted().is_none() {
                let rule = filled(detection.rule_uuid.as_deref()).and_then(|id| rules.get(id).copied());
                counts.add(detection, rule, window);
            }
        }
        counts
    }

    fn add(&mut self, detection: &Detection, rule: Option<&Rule>, window: &Window) {
        let opened = time(detection.created.as_deref()).or_else(|| time(detection.first_seen.as_deref()));
        let Some(opened) = opened.map(Timestamp::instant) else { return };
        if window.bucket(opened).is_none() {
            return;
        }
        let severity = rule.and_then(|rule| rule.severity.as_deref());
        let severity = SERIES.iter().position(|series| Some(series.key) == severity).unwrap_or(OTHER);
        self.over_time.add(opened, severity, 1);
        let category = rule.and_then(|rule| filled(rule.category.as_deref())).unwrap_or("Unknown");
        let (class, category) = category.split_once(':').unwrap_or((category, ""));
        let category = filled(Some(category)).unwrap_or("General");
        *self.categories.entry((class.trim().to_owned(), category.trim().to_owned())).or_default() += 1;
        if let Some(device) = filled(detection.device_ip.as_deref()) {
            let address = ip_address(device).map(|address| address.to_string());
            self.devices.add(address.as_deref().unwrap_or(device.trim()), severity, 1);
        }
    }
}
