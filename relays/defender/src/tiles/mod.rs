//! Dashboard tiles: the tenant's alerts by severity over time, by category, and what is worked on; devices at risk;
//! response actions and what is left for indicators.

mod actions;
mod alerts;
mod devices;

use relay_core::call::Call;
use relay_core::relay::Tiles;
use relay_core::tiles::{Bars, PERIODS, Period, SEVERITIES, Shown, Tile, TileData, TileKind, VALID, Window};

use crate::Defender;
use crate::credentials::Account;
use crate::module::TITLE;
pub(crate) use alerts::Listings;

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

const DEVICES: Tile = Tile {
    id: "devices_at_risk",
    kind: TileKind::MetricGroup,
    title: "Devices at risk",
    short_description: "Devices by risk, exposure and state of their sensor",
    description: "The devices that were seen in the period, by their state now: with a high or medium risk, with a high \
                  exposure, and with a sensor that does not report as it should. Periods are of UTC days. Needs the \
                  permission Machine.Read.All.",
    ..BY_SEVERITY
};

const ACTIONS: Tile = Tile {
    id: "response_actions",
    kind: TileKind::MetricGroup,
    title: "Response actions",
    short_description: "Response actions on devices by outcome, and room for indicators",
    description: "The response actions on devices that were asked for in the period, by their state now; and how many \
                  custom indicators there are of the 15000 that a tenant may have. With the permission Ti.ReadWrite \
                  the application sees its own indicators only; with none of Ti.ReadWrite and Ti.ReadWrite.All, or \
                  where the API does not count them, they are left out. Periods are of UTC days. Of more than 1000 \
                  actions the newest are counted.",
    ..BY_SEVERITY
};

impl Tiles for Defender {
    const TILES: &'static [Tile] = &[BY_SEVERITY, BY_CATEGORY, WORK, DEVICES, ACTIONS];

    const EXAMPLE: &'static str = include_str!("example.json");

    async fn tile(&self, call: &Call<Account>, tile: &'static Tile, window: &Window) -> Shown {
        if tile.id == DEVICES.id {
            return self.devices_at_risk(call, window).await;
        }
        if tile.id == ACTIONS.id {
            return self.response_actions(call, window).await;
        }
        let counted = self.alerts(call, window).await;
        let link = call.credentials.application.page(&self.settings.portal, "alerts");
        let data = counted.counts.map(|alerts| match tile.kind {
            TileKind::VerticalBarChart => {
                Bars::over_time(&alerts.over_time, &SEVERITIES, counted.since, link.as_ref()).into()
            }
            TileKind::DonutGraph => alerts.donut(link.as_ref()).into(),
            _ => TileData::Metrics(alerts.metrics(link.as_ref())),
        });
        Shown { data, since: counted.since, until: Some(counted.at), errors: counted.errors, snapshot: false }
    }
}
