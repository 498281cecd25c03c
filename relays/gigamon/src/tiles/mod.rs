//! Dashboard tiles: the detections of a period by severity, category and device, from one listing; and how many are
//! active now.

mod counts;

use std::sync::Arc;

use futures::future::join_all;
use relay_core::call::Call;
use relay_core::ctim::Observable;
use relay_core::error::Error;
use relay_core::relay::Tiles;
use relay_core::tiles::{
    Bars, Donut, DonutCut, Icon, Metric, PERIODS, Period, Shown, Tile, TileData, TileKind, VALID, Window,
};

use crate::Gigamon;
use crate::api::{self, Calls};
use crate::credentials::ApiToken;
use crate::module::TITLE;
pub(crate) use counts::Counted;
use counts::{Counts, SERIES};

const TAGS: &[&str] = &[TITLE, "Detections"];

const BY_SEVERITY: Tile = Tile {
    id: "detections_by_severity",
    kind: TileKind::VerticalBarChart,
    title: "Detections by severity",
    short_description: "Detections opened in the period, by the severity of their rule",
    description: "Active and resolved detections by the time when they were opened and the severity of their rule. \
                  Muted ones are not counted; days are UTC days.",
    tags: TAGS,
    periods: PERIODS,
    default_period: Period::Last7Days,
    valid: VALID,
};

const BY_CATEGORY: Tile = Tile {
    id: "detections_by_category",
    kind: TileKind::DonutGraph,
    title: "Detections by category",
    short_description: "Detections opened in the period, by the category of their rule",
    description: "Active and resolved detections by class and category of their rule. Muted ones are not counted; \
                  days are UTC days.",
    ..BY_SEVERITY
};

const TOP_DEVICES: Tile = Tile {
    id: "top_devices",
    kind: TileKind::HorizontalBarChart,
    title: "Devices with most detections",
    short_description: "The ten devices with most detections opened in the period",
    description: "The ten addresses on which most detections were opened, by the severity of their rule. Muted ones \
                  are not counted; days are UTC days.",
    ..BY_SEVERITY
};

const ACTIVE: Tile = Tile {
    id: "active_detections",
    kind: TileKind::MetricGroup,
    title: "Active detections",
    short_description: "Detections that are active now, by severity",
    description: "Detections that are active now, by the severity of their rule, and how many are muted. If the module \
                  names no account, the provider's Demo and Training accounts are counted too.",
    periods: &[Period::Last24Hours],
    default_period: Period::Last24Hours,
    ..BY_SEVERITY
};

impl Tiles for Gigamon {
    const TILES: &'static [Tile] = &[BY_SEVERITY, BY_CATEGORY, TOP_DEVICES, ACTIVE];

    const EXAMPLE: &'static str = include_str!("example.json");

    fn tile_scope(&self, credentials: &ApiToken) -> String {
        let ApiToken { region, account, test_accounts, .. } = credentials;
        format!("{region:?} {account:?} {test_accounts}")
    }

    async fn tile(&self, call: &Call<ApiToken>, tile: &'static Tile, window: &Window) -> Shown {
        if tile.id == ACTIVE.id {
            return self.active(call).await;
        }
        let counted = self.counted(call, window).await;
        let data = counted.counts.map(|counts| self.shown(call, tile, &counts));
        Shown { data, since: counted.since, until: Some(counted.at), errors: counted.errors, snapshot: false }
    }
}

impl Gigamon {
    /// What a tile shows of the counts.
    fn shown(&self, call: &Call<ApiToken>, tile: &Tile, counts: &Arc<Counts>) -> TileData {
        const DEVICES: usize = 10;
        const CATEGORIES: usize = 20;
        let links = &self.site(call).links;
        let page = links.detections();
        if tile.id == BY_SEVERITY.id {
            return Bars::over_time(&counts.over_time, &SERIES, None, page.as_ref()).into();
        }
        if tile.id == BY_CATEGORY.id {
            let categories = counts.categories.iter();
            let categories =
                categories.map(|((class, category), number)| (class.clone(), category.clone(), *number));
            let cut = DonutCut { outer: usize::MAX, inner: CATEGORIES };
            return Donut::of(["Class", "Category"], categories, cut, page.as_ref()).into();
        }
        let (link, device) = (|name: &str| links.search(name), |name: &str| Observable::address(name));
        Bars::highest(&counts.devices, &SERIES, DEVICES, link, device).into()
    }

    /// How many detections are active now.
    async fn active(&self, call: &Call<ApiToken>) -> Shown {
        const SEVERITIES: [(&str, &str, Icon); 3] = [
            ("high", "High", Icon::CriticalStop),
            ("moderate", "Moderate", Icon::Warning),
            ("low", "Low", Icon::Information),
        ];
        let calls = Calls::new(self, call);
        let asked = SEVERITIES.iter().map(|(severity, ..)| Some(*severity)).chain([None]);
        let answers = join_all(asked.map(|severity| calls.active(severity))).await;
        let mut numbers: Vec<Result<i64, Error>> = answers
            .into_iter()
            .map(|answer| answer.map(Option::unwrap_or_default).map_err(|failure| api::error(&failure)))
            .collect();
        let all = numbers.pop();
        let unmuted: Option<i64> = numbers
            .iter()
            .map(|number| number.as_ref().ok())
            .try_fold(0_i64, |sum, number| Some(sum.saturating_add(*number?)));
        let page = self.site(call).links.detections();
        let metric = |icon, label, number| Metric::new(icon, label, number, page.clone());
        let by_severity = SEVERITIES
            .iter()
            .zip(numbers)
            .map(|((_, label, icon), number)| (*label, number.map(|number| metric(*icon, *label, number))));
        // Without one of the numbers, how many are muted is not known.
        let muted = all.and_then(|all| match (all, unmuted) {
            (Ok(all), Some(unmuted)) => {
                Some(Ok(metric(Icon::Block, "Muted", all.saturating_sub(unmuted).max(0))))
            }
            (Ok(_), None) => None,
            (Err(error), _) => Some(Err(error)),
        });
        let muted = muted.map(|muted| ("Muted", muted));
        Shown { snapshot: true, ..Shown::named_metrics(by_severity.chain(muted)) }
    }
}
