//! The tile `quota`: how many queries of the month are left.

mod usage;

use relay_core::call::Call;
use relay_core::ctim::HttpUrl;
use relay_core::escape::UrlBuilder;
use relay_core::quota::AccountQuota;
use relay_core::relay::Tiles;
use relay_core::tiles::{Icon, Metric, Period, Shown, Tile, TileKind, VALID_QUOTA, Window, month_start};

use crate::SecurityTrails;
use crate::credentials::ApiKey;
use crate::module::TITLE;
pub(crate) use usage::{Month, Usage};

const QUOTA: Tile = Tile {
    id: "quota",
    kind: TileKind::MetricGroup,
    title: "Queries of the month",
    short_description: "Queries used and left this month",
    description: "The queries of the account's monthly quota that are used, left and allowed, as SecurityTrails \
                  counts them from the first day of the month (UTC) on, and how many the account may make a second. \
                  Asked for at most once an hour.",
    tags: &[TITLE],
    periods: &[Period::Last30Days],
    default_period: Period::Last30Days,
    valid: VALID_QUOTA,
};

impl Tiles for SecurityTrails {
    const TILES: &'static [Tile] = &[QUOTA];

    const EXAMPLE: &'static str = include_str!("example.json");

    fn tiles(&self) -> Vec<&'static Tile> {
        if self.options.usage { Self::TILES.iter().collect() } else { Vec::new() }
    }

    async fn tile(&self, call: &Call<ApiKey>, _tile: &'static Tile, window: &Window) -> Shown {
        let counted = self.usage(call).await;
        let link = UrlBuilder::new(&self.links.0).path("app/account/quota").link();
        let data = counted.counts.map(|month| metrics(&month, link.as_ref()).into());
        Shown {
            data,
            since: Some(month_start(window.end)),
            until: Some(counted.at),
            errors: counted.errors,
            snapshot: false,
        }
    }
}

impl SecurityTrails {
    /// The quota of the month, as `/health` reports it: nothing where it cannot be read.
    pub(crate) async fn quotas(&self, call: &Call<ApiKey>) -> Vec<AccountQuota> {
        if !self.options.usage {
            return Vec::new();
        }
        let month = self.usage(call).await.counts;
        let number = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
        let quota = month.and_then(|month| {
            let (used, allowed) = (number(month.used)?, number(month.allowed)?);
            let description = "Queries of the SecurityTrails API".to_owned();
            Some(AccountQuota::of_month("queries".to_owned(), description, used, allowed, call.now()))
        });
        quota.into_iter().collect()
    }
}

/// What the numbers that there are say.
fn metrics(month: &Month, link: Option<&HttpUrl>) -> Vec<Metric> {
    let number = |icon, label, value| Metric::new(icon, label, value, link.cloned());
    let left = match (month.used_up, month.used, month.allowed) {
        (true, ..) => Some(Metric::left("Left", 0, 0, link.cloned())),
        (_, Some(used), Some(allowed)) => {
            Some(Metric::left("Left", allowed.saturating_sub(used).max(0), allowed, link.cloned()))
        }
        _ => None,
    };
    [
        month.used.map(|used| number(Icon::Information, "Used", used)),
        left,
        month.allowed.map(|allowed| number(Icon::Information, "Allowed", allowed)),
        month.per_second.map(|rate| number(Icon::StaticNat, "Requests per second", rate)),
    ]
    .into_iter()
    .flatten()
    .collect()
}
