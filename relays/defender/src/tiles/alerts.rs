//! The tenant's alerts of a window, counted from one listing for three tiles.

use std::collections::BTreeMap;

use jiff::Timestamp;
use relay_core::call::Call;
use relay_core::ctim::HttpUrl;
use relay_core::error::{Code, Error};
use relay_core::lenient::List;
use relay_core::tiles::{
    Count, Digest, Donut, DonutCut, Icon, Metric, Period, SEVERITIES, TimeCounts, Window, severity, words,
};

use crate::Defender;
use crate::api::DefenderApi;
use crate::api::listings::{ListedAlert, MOST_ALERTS};
use crate::credentials::Account;
use crate::module::TITLE;

/// What the tiles are made of, by the start of the window and its period.
pub(crate) type Listings = Digest<(Timestamp, Period), Alerts>;

/// How many categories are shown; no alert has more severities than there are.
const CATEGORIES: DonutCut = DonutCut { outer: 9, inner: SEVERITIES.len() };

/// Alerts of a window, counted.
pub(crate) struct Alerts {
    pub(super) over_time: TimeCounts,
    by_category: BTreeMap<(String, usize), u64>,
    new: i64,
    in_progress: i64,
    resolved: i64,
    unassigned: i64,
    oldest: Option<Timestamp>,
}

impl Defender {
    /// The alerts of a window, counted once for the tiles that show them.
    pub(super) async fn alerts(
        &self,
        call: &Call<Account>,
        window: &Window,
    ) -> relay_core::tiles::Counted<Alerts> {
        let count = async {
            let listed = DefenderApi::new(self, call).alerts_since(&window.start_text()).await?;
            let (received, alerts) = (listed.received, Alerts::count(window, &listed));
            if received < MOST_ALERTS {
                return Ok(Count::whole(alerts));
            }
            let words =
                format!("{TITLE} has more alerts of this period; counted the newest {MOST_ALERTS} alerts");
            let since = alerts.oldest;
            Ok(Count::cut(alerts, since, Error::warning(Code::UNPROCESSED, words)))
        };
        self.listings.get(call, (window.start, window.period), count).await
    }
}

impl Alerts {
    /// Counts the alerts of the window; one without a readable time is none of them.
    fn count(window: &Window, listed: &List<ListedAlert>) -> Self {
        let mut alerts = Self {
            over_time: TimeCounts::new(window, &SEVERITIES),
            by_category: BTreeMap::new(),
            new: 0,
            in_progress: 0,
            resolved: 0,
            unassigned: 0,
            oldest: None,
        };
        for alert in &listed.items {
            let made =
                alert.alert_creation_time.as_deref().and_then(|time| time.trim().parse::<Timestamp>().ok());
            if let Some(made) = made.filter(|made| window.bucket(*made).is_some()) {
                alerts.add(alert, made);
            }
        }
        alerts
    }

    fn add(&mut self, alert: &ListedAlert, made: Timestamp) {
        let severity = severity(alert.severity.as_deref().unwrap_or_default());
        self.over_time.add(made, severity, 1);
        let category = words(alert.category.as_deref().unwrap_or_default().trim());
        *self.by_category.entry((category, severity)).or_default() += 1;
        self.oldest = Some(self.oldest.map_or(made, |oldest| oldest.min(made)));
        let status = alert.status.as_deref().unwrap_or_default().trim();
        for (name, count) in
            [("New", &mut self.new), ("InProgress", &mut self.in_progress), ("Resolved", &mut self.resolved)]
        {
            *count += i64::from(name.eq_ignore_ascii_case(status));
        }
        let is_assigned = alert.assigned_to.as_deref().is_some_and(|name| !name.trim().is_empty());
        self.unassigned += i64::from(!is_assigned && !status.eq_ignore_ascii_case("Resolved"));
    }

    pub(super) fn donut(&self, link: Option<&HttpUrl>) -> Donut {
        let counts = self.by_category.iter().map(|((category, severity), number)| {
            (category.clone(), SEVERITIES[*severity].label.to_owned(), *number)
        });
        Donut::of(["Category", "Severity"], counts, CATEGORIES, link)
    }

    pub(super) fn metrics(&self, link: Option<&HttpUrl>) -> Vec<Metric> {
        let metric = |icon, label, value| Metric::new(icon, label, value, link.cloned());
        let nobody = if self.unassigned > 0 { Icon::Warning } else { Icon::User };
        vec![
            metric(Icon::Information, "New", self.new),
            metric(Icon::BulletedList, "In progress", self.in_progress),
            metric(Icon::LabelGroup, "Resolved", self.resolved),
            metric(nobody, "Unassigned", self.unassigned),
        ]
    }
}
