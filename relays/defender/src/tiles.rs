//! Tiles of the tenant's alerts: by severity over time, by category, and what is worked on. One listing for all three.

use std::collections::BTreeMap;

use jiff::Timestamp;
use relay_core::call::Call;
use relay_core::ctim::HttpUrl;
use relay_core::error::{Code, Error};
use relay_core::escape::UrlBuilder;
use relay_core::lenient::List;
use relay_core::relay::Tiles;
use relay_core::tiles::{
    Bars, Count, Digest, Donut, DonutCut, Icon, Metric, PERIODS, Period, Series, Shown, Tile, TileData,
    TileKind, TimeCounts, VALID, Window, words,
};

use crate::Defender;
use crate::api::DefenderApi;
use crate::api::listings::{ListedAlert, MOST_ALERTS};
use crate::credentials::Account;
use crate::module::TITLE;

/// What the tiles are made of, by the start of the window and its period.
pub(crate) type Listings = Digest<(Timestamp, Period), Alerts>;

const BY_SEVERITY: Tile = Tile {
    id: "alerts_by_severity",
    kind: TileKind::VerticalBarChart,
    title: "Alerts by severity",
    short_description: "New alerts over time, by severity",
    description: "The alerts that Microsoft Defender for Endpoint created in the period, by severity. Days are UTC \
                  days, and the last one is not over. Of more than 5000 alerts the newest are counted.",
    tags: &[TITLE],
    periods: PERIODS,
    default_period: Period::Last7Days,
    valid: VALID,
};

const BY_CATEGORY: Tile = Tile {
    id: "alerts_by_category",
    kind: TileKind::DonutGraph,
    title: "Alerts by category",
    short_description: "New alerts by category and severity",
    description: "The alerts that Microsoft Defender for Endpoint created in the period, by category and within it by \
                  severity; the nine largest categories and the others. Periods are of UTC days. Of more than 5000 \
                  alerts the newest are counted.",
    ..BY_SEVERITY
};

const WORK: Tile = Tile {
    id: "alert_work",
    kind: TileKind::MetricGroup,
    title: "Work on alerts",
    short_description: "New alerts by state, and those that nobody works on",
    description: "The alerts that Microsoft Defender for Endpoint created in the period, by their state now, and how \
                  many of those that are not resolved are assigned to nobody. Periods are of UTC days. Of more than \
                  5000 alerts the newest are counted.",
    ..BY_SEVERITY
};

const SERIES: &[Series] = &[
    Series::new("high", "High"),
    Series::new("medium", "Medium"),
    Series::new("low", "Low"),
    Series::new("informational", "Informational"),
    Series::optional("other", "Other"),
];
/// The position of what is none of the others.
const OTHER: usize = 4;
/// How many categories are shown; no alert has more severities than there are.
const CATEGORIES: DonutCut = DonutCut { outer: 9, inner: SERIES.len() };

/// Alerts of a window, counted.
pub(crate) struct Alerts {
    over_time: TimeCounts,
    by_category: BTreeMap<(String, usize), u64>,
    new: i64,
    in_progress: i64,
    resolved: i64,
    unassigned: i64,
    oldest: Option<Timestamp>,
}

impl Tiles for Defender {
    const TILES: &'static [Tile] = &[BY_SEVERITY, BY_CATEGORY, WORK];

    async fn tile(&self, call: &Call<Account>, tile: &'static Tile, window: &Window) -> Shown {
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
        let counted = self.listings.get(call, (window.start, window.period), count).await;
        let link = self.alerts_page(call);
        let data = counted.counts.map(|alerts| match tile.kind {
            TileKind::VerticalBarChart => {
                Bars::over_time(&alerts.over_time, SERIES, counted.since, link.as_ref()).into()
            }
            TileKind::DonutGraph => alerts.donut(link.as_ref()).into(),
            _ => TileData::Metrics(alerts.metrics(link.as_ref())),
        });
        Shown { data, since: counted.since, until: Some(counted.at), errors: counted.errors, snapshot: false }
    }
}

impl Defender {
    /// The portal's list of alerts, of the tenant where the token names it by its id.
    fn alerts_page(&self, call: &Call<Account>) -> Option<HttpUrl> {
        let page = UrlBuilder::new(&self.settings.portal).path("alerts");
        let tenant = call.credentials.application.tenant.as_str();
        if is_guid(tenant) { page.param("tid", tenant).link() } else { page.link() }
    }
}

fn is_guid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl Alerts {
    /// Counts the alerts of the window; one without a readable time is none of them.
    fn count(window: &Window, listed: &List<ListedAlert>) -> Self {
        let mut alerts = Self {
            over_time: TimeCounts::new(window, SERIES),
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
        let severity = alert.severity.as_deref().unwrap_or_default().trim();
        let severity =
            SERIES.iter().position(|series| series.label.eq_ignore_ascii_case(severity)).unwrap_or(OTHER);
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

    fn donut(&self, link: Option<&HttpUrl>) -> Donut {
        let counts = self.by_category.iter().map(|((category, severity), number)| {
            (category.clone(), SERIES[*severity].label.to_owned(), *number)
        });
        Donut::of(["Category", "Severity"], counts, CATEGORIES, link)
    }

    fn metrics(&self, link: Option<&HttpUrl>) -> Vec<Metric> {
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
