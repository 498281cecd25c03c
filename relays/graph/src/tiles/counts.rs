//! The counts that tiles share: of one hunting query, or of one list of alerts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use relay_core::call::Call;
use relay_core::error::{Error, Severity};
use relay_core::tiles::{
    Count, Digest, NamedCounts, Period, SEVERITIES, Shown, TileData, TimeCounts, Window, severity,
};

use super::query::{self, Counted};
use super::source;
use crate::api::{AlertList, Pages, hunting_error, is_final};
use crate::credentials::GraphCredentials;
use crate::model::Alert as _;
use crate::model::hunting::Row;
use crate::model::listing::ListedAlert;
use crate::module::{TITLE, UNPROCESSED};
use crate::search::WITHOUT_HUNTING;
use crate::settings::TilesSearch;
use crate::{Graph, Lack};

/// What the alerts of a window come to.
pub(crate) struct Counts {
    pub(super) over_time: TimeCounts,
    /// By source, and the place of the severity.
    pub(super) sources: BTreeMap<(String, usize), u64>,
    pub(super) devices: NamedCounts,
    pub(super) users: NamedCounts,
    oldest: Option<Timestamp>,
}

/// What hunting came to.
pub(crate) enum Hunted {
    Counts(Counts),
    /// The list of alerts is counted instead. The warning says why, where that will pass.
    Failed(Option<Error>),
}

/// The counts of windows, by start and period.
pub(crate) struct Digests {
    hunted: Digest<(Counted, Timestamp, Period), Hunted>,
    listed: Digest<(Timestamp, Period), Counts>,
}

impl Digests {
    pub(crate) fn new() -> Self {
        Self { hunted: Digest::new(), listed: Digest::new() }
    }
}

/// Alerts on a page.
const PAGE: usize = 200;
/// Pages that are counted.
const PAGES: usize = 5;

impl Graph {
    /// Shows counts of a window, by hunting where the tenant has it.
    pub(super) async fn counted(
        &self,
        call: &Call<GraphCredentials>,
        window: &Window,
        what: Counted,
        show: impl Fn(&Counts, Option<Timestamp>) -> TileData,
    ) -> Shown {
        let mut failure = None;
        if self.hunts_for_tiles(call) {
            let key = (what, window.start, window.period);
            // Boxed: a call makes a large future.
            let hunted = self.digests.hunted.get(call, key, Box::pin(self.hunted(call, window, what))).await;
            let data = match hunted.counts.as_deref() {
                Some(Hunted::Counts(counts)) => Some(show(counts, None)),
                Some(Hunted::Failed(warning)) => {
                    failure.clone_from(warning);
                    None
                }
                None => None,
            };
            if data.is_some() || hunted.counts.is_none() {
                return Shown { data, until: Some(hunted.at), errors: hunted.errors, ..Shown::default() };
            }
        }
        let key = (window.start, window.period);
        let listed = self.digests.listed.get(call, key, Box::pin(self.listed(call, window))).await;
        let data = listed.counts.map(|counts| show(&counts, listed.since));
        let mut errors = listed.errors;
        errors.extend(failure);
        Shown { data, since: listed.since, until: Some(listed.at), errors, snapshot: false }
    }

    fn hunts_for_tiles(&self, call: &Call<GraphCredentials>) -> bool {
        match self.settings.tiles_search {
            TilesSearch::Hunting => true,
            TilesSearch::List => false,
            TilesSearch::Auto => !self.lacks.holds(&(call.credentials.owner(), Lack::Hunting), call.now()),
        }
    }

    async fn hunted(
        &self,
        call: &Call<GraphCredentials>,
        window: &Window,
        what: Counted,
    ) -> Result<Count<Hunted>, Error> {
        let failure = match self.hunt_for_tile(call, &query::of(what, window), query::DAYS).await {
            Ok(rows) => {
                let mut counts = Counts::new(window);
                for row in &rows.items {
                    counts.add_row(window, what, row);
                }
                return Ok(Count::whole(Hunted::Counts(counts)));
            }
            Err(failure) => failure,
        };
        let error = hunting_error(&failure);
        if self.settings.tiles_search == TilesSearch::Hunting || is_final(&failure) {
            return Err(error);
        }
        let is_lacking = matches!(failure.status(), Some(400 | 403 | 404 | 410 | 501));
        if is_lacking {
            log::info!("hunting does not work for this tenant; tiles count the list of alerts instead");
            self.lacks.remember((call.credentials.owner(), Lack::Hunting), (), WITHOUT_HUNTING, call.now());
        }
        let warning =
            error.with_severity(Severity::Warning).with_note("the list of alerts was counted instead");
        Ok(Count::whole(Hunted::Failed((!is_lacking).then_some(warning))).unkept())
    }

    async fn listed(&self, call: &Call<GraphCredentials>, window: &Window) -> Result<Count<Counts>, Error> {
        let filter = format!("createdDateTime ge {}", window.start_text());
        let first = self.list_url(AlertList::V2, Some(&filter), PAGE);
        let mut pages = Pages::for_tiles(self, call, AlertList::V2, first, PAGES);
        let mut counts = Counts::new(window);
        let (mut received, mut is_broken, mut missing) = (None, false, Vec::new());
        while let Some(page) = pages.next::<ListedAlert>().await {
            match page {
                Ok(page) => {
                    *received.get_or_insert(0) += page.alerts.len();
                    page.alerts.iter().for_each(|alert| counts.add_alert(window, alert));
                    is_broken |= page.is_last_by_fault;
                    missing.extend(page.warnings);
                }
                Err(failure) => {
                    let error = AlertList::V2.error(&failure);
                    if received.is_none() {
                        return Err(error);
                    }
                    is_broken = true;
                    missing
                        .push(error.with_severity(Severity::Error).with_note("older alerts are not counted"));
                }
            }
        }
        if pages.goes_on() {
            let received = received.unwrap_or_default();
            let words =
                format!("{TITLE} has more alerts of this period; counted the newest {received} alerts");
            missing.push(Error::warning(UNPROCESSED, words));
        }
        let since = counts.oldest.filter(|_| is_broken || pages.goes_on());
        Ok(Count::whole(counts).since(since).with(missing))
    }
}

impl Counts {
    fn new(window: &Window) -> Self {
        Self {
            over_time: TimeCounts::new(window, &SEVERITIES),
            sources: BTreeMap::new(),
            devices: NamedCounts::default(),
            users: NamedCounts::default(),
            oldest: None,
        }
    }

    /// Counts alerts that were made at a moment; those outside of the window are none of it.
    fn add(
        &mut self,
        window: &Window,
        made: Timestamp,
        severity: usize,
        source: String,
        number: u64,
    ) -> bool {
        let is_inside = window.bucket(made).is_some();
        if is_inside {
            self.over_time.add(made, severity, number);
            let count = self.sources.entry((source, severity)).or_default();
            *count = count.saturating_add(number);
            self.oldest = Some(self.oldest.map_or(made, |oldest| oldest.min(made)));
        }
        is_inside
    }

    fn add_row(&mut self, window: &Window, what: Counted, row: &Row) {
        let (Some(thing), Some(number)) = (row.text(what.column()), row.number("Alerts")) else { return };
        match what {
            Counted::Devices => self.devices.add(thing.trim(), 0, number),
            Counted::Users => self.users.add(thing.trim(), 0, number),
            Counted::Alerts => {
                let Ok(made) = thing.trim().parse() else { return };
                let severity = severity(row.text("Severity").unwrap_or_default());
                let source = source::of_hunting(row.text("ServiceSource").unwrap_or_default());
                self.add(window, made, severity, source, number);
            }
        }
    }

    fn add_alert(&mut self, window: &Window, alert: &ListedAlert) {
        let Some(made) = alert.created().and_then(|time| time.trim().parse().ok()) else { return };
        let severity = severity(alert.severity.as_deref().unwrap_or_default());
        let source = source::of_list(alert.service_source.as_deref().unwrap_or_default());
        if !self.add(window, made, severity, source, 1) {
            return;
        }
        // An alert may name a device many times.
        for name in alert.evidence.iter().filter_map(|one| one.device()).collect::<BTreeSet<_>>() {
            self.devices.add(name.trim(), 0, 1);
        }
        for name in alert.evidence.iter().filter_map(|one| one.user()).collect::<BTreeSet<_>>() {
            self.users.add(name.trim(), 0, 1);
        }
    }
}
