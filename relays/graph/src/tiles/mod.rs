//! Dashboard tiles: the alerts of a period by severity, source, device and account, and the tenant's incidents.
//!
//! Alerts are counted by hunting, one query however many there are; where the tenant has none, the list of alerts is
//! counted, once for all tiles.

mod counts;
mod incidents;
mod query;
mod source;

use jiff::Timestamp;
use relay_core::call::Call;
use relay_core::observable::{Observable, ObservableType};
use relay_core::relay::Tiles;
use relay_core::tiles::{
    Bars, Donut, DonutCut, NamedCounts, PERIODS, Period, SEVERITIES, Series, Shown, Tile, TileData, TileKind,
    VALID, Window,
};

use crate::Graph;
use crate::credentials::GraphCredentials;
use crate::module::TITLE;
use crate::settings::AlertsApi;
use counts::Counts;
pub(crate) use counts::Digests;
use query::Counted;

const TAGS: &[&str] = &[TITLE, "Alerts"];

const BY_SEVERITY: Tile = Tile {
    id: "alerts_by_severity",
    kind: TileKind::VerticalBarChart,
    title: "Alerts by severity",
    short_description: "New alerts over time, by severity",
    description: "The alerts of all Microsoft security products that were created in the period, by severity. Days \
                  are UTC days, and the last one is not over. Where the tenant has no advanced hunting, the newest \
                  1000 alerts are counted.",
    tags: TAGS,
    periods: PERIODS,
    default_period: Period::Last7Days,
    valid: VALID,
};

const BY_SOURCE: Tile = Tile {
    id: "alerts_by_source",
    kind: TileKind::DonutGraph,
    title: "Alerts by source",
    short_description: "New alerts by product and severity",
    description: "The alerts that were created in the period, by the product that raised them and within it by \
                  severity; the nine largest products and the others. Days are UTC days. Where the tenant has no \
                  advanced hunting, the newest 1000 alerts are counted.",
    ..BY_SEVERITY
};

const INCIDENTS: Tile = Tile {
    id: "incidents",
    kind: TileKind::MetricGroup,
    title: "Incidents",
    short_description: "Active incidents by severity, and new ones",
    description: "The incidents that are active now, by severity, those that are in progress now, and those that were \
                  created in the period. Days are UTC days. Needs the permission SecurityIncident.Read.All.",
    tags: &[TITLE, "Incidents"],
    ..BY_SEVERITY
};

const TOP_DEVICES: Tile = Tile {
    id: "top_devices",
    kind: TileKind::HorizontalBarChart,
    title: "Devices with most alerts",
    short_description: "The ten devices that most alerts of the period are about",
    description: "The ten devices that most alerts of the period name as evidence. Days are UTC days. Where the \
                  tenant has no advanced hunting, the newest 1000 alerts are counted.",
    ..BY_SEVERITY
};

const TOP_USERS: Tile = Tile {
    id: "top_users",
    title: "Accounts with most alerts",
    short_description: "The ten accounts that most alerts of the period are about",
    description: "The ten accounts that most alerts of the period name as evidence. Days are UTC days. Where the \
                  tenant has no advanced hunting, the newest 1000 alerts are counted.",
    ..TOP_DEVICES
};

/// How many products are shown; no alert has more severities than there are.
const SOURCES: DonutCut = DonutCut { outer: 9, inner: SEVERITIES.len() };
const ALERTS: &[Series] = &[Series::new("alerts", "Alerts")];

impl Tiles for Graph {
    const TILES: &'static [Tile] = &[BY_SEVERITY, BY_SOURCE, INCIDENTS, TOP_DEVICES, TOP_USERS];

    const EXAMPLE: &'static str = include_str!("example.json");

    /// None where only the retired API is asked, which has no such lists.
    fn tiles(&self) -> Vec<&'static Tile> {
        let has_lists = self.settings.alerts_api != AlertsApi::Legacy;
        Self::TILES.iter().filter(|_| has_lists).collect()
    }

    async fn tile(&self, call: &Call<GraphCredentials>, tile: &'static Tile, window: &Window) -> Shown {
        let page = |path| call.credentials.application.page(&self.settings.ui, path);
        let top = |counts: &NamedCounts, path, kind| -> TileData {
            let link = page(path);
            let observable = |name: &str| Observable::new(kind, name);
            Bars::highest(counts, ALERTS, query::MOST, |_| link.clone(), observable).into()
        };
        match tile.id {
            id if id == INCIDENTS.id => self.incidents(call, window).await,
            id if id == TOP_DEVICES.id => {
                let show = |counts: &Counts, _: Option<Timestamp>| {
                    top(&counts.devices, "machines", ObservableType::Hostname)
                };
                self.counted(call, window, Counted::Devices, show).await
            }
            id if id == TOP_USERS.id => {
                let show =
                    |counts: &Counts, _: Option<Timestamp>| top(&counts.users, "users", ObservableType::User);
                self.counted(call, window, Counted::Users, show).await
            }
            id if id == BY_SOURCE.id => {
                let show = |counts: &Counts, _: Option<Timestamp>| counts.by_source(page("alerts").as_ref());
                self.counted(call, window, Counted::Alerts, show).await
            }
            _ => {
                let show = |counts: &Counts, since: Option<Timestamp>| -> TileData {
                    Bars::over_time(&counts.over_time, &SEVERITIES, since, page("alerts").as_ref()).into()
                };
                self.counted(call, window, Counted::Alerts, show).await
            }
        }
    }
}

impl Counts {
    fn by_source(&self, link: Option<&relay_core::ctim::HttpUrl>) -> TileData {
        let counts = self.sources.iter().map(|((source, severity), number)| {
            (source.clone(), SEVERITIES[*severity].label.to_owned(), *number)
        });
        Donut::of(["Source", "Severity"], counts, SOURCES, link).into()
    }
}
