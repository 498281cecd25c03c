//! Tiles of the account: the records of the month, and of the months before. One call an hour for both.

use std::collections::BTreeMap;

use jiff::Timestamp;
use relay_core::call::Call;
use relay_core::ctim::HttpUrl;
use relay_core::error::{Code, Error};
use relay_core::escape::UrlBuilder;
use relay_core::quota::AccountQuota;
use relay_core::relay::Tiles;
use relay_core::tiles::{
    Bars, Count, Digest, Icon, Metric, Period, Series, Shown, Tile, TileData, TileKind, VALID_QUOTA, Window,
    month_start,
};

use crate::XForce;
use crate::credentials::ApiKey;
use crate::model::Subscription;
use crate::module::TITLE;

/// What the tiles are made of.
pub(crate) type Account = Digest<(), Vec<Subscription>>;

const QUOTA: Tile = Tile {
    id: "quota",
    kind: TileKind::MetricGroup,
    title: "Records of the month",
    short_description: "API records used and left this month",
    description: "The records of the account's API subscriptions that are used, left and allowed in this month (UTC), \
                  as IBM X-Force Exchange counts them. Asked for at most once an hour.",
    tags: &[TITLE],
    periods: &[Period::Last30Days],
    default_period: Period::Last30Days,
    valid: VALID_QUOTA,
};

const USAGE_BY_MONTH: Tile = Tile {
    id: "usage_by_month",
    kind: TileKind::VerticalBarChart,
    title: "Records by month",
    short_description: "API records used in the last months",
    description: "The records that all API subscriptions of the account together used in each of the newest six months \
                  that IBM X-Force Exchange reports. Asked for at most once an hour.",
    periods: &[Period::Last90Days],
    default_period: Period::Last90Days,
    ..QUOTA
};

const SERIES: &[Series] = &[Series::new("used", "Used")];
/// How many months are shown.
const MONTHS: usize = 6;

impl Tiles for XForce {
    const TILES: &'static [Tile] = &[QUOTA, USAGE_BY_MONTH];

    const EXAMPLE: &'static str = include_str!("tiles/example.json");

    async fn tile(&self, call: &Call<ApiKey>, tile: &'static Tile, window: &Window) -> Shown {
        let count =
            async { self.subscriptions(call).await.map(|all| Count::whole(all).lasting(VALID_QUOTA)) };
        let counted = self.account.get(call, (), count).await;
        let mut shown = Shown {
            since: Some(month_start(window.end)),
            until: Some(counted.at),
            errors: counted.errors,
            ..Shown::default()
        };
        let Some(all) = counted.counts else { return shown };
        let link = UrlBuilder::new(&self.links.0).path("settings/api").link();
        if tile.id == QUOTA.id {
            if all.is_empty() {
                let words = format!("The {TITLE} account has no API subscription that reports its records");
                shown.errors.add(Error::warning(Code::PERMISSION_DENIED, words));
            }
            shown.data = Some(TileData::Metrics(metrics(&all, &month(window.end), link.as_ref())));
        } else {
            let months = months(&all);
            shown.since = months.first().and_then(|(first, _)| first_moment(first)).or(shown.since);
            shown.data = Some(Bars::in_order(months, SERIES, link.as_ref()).into());
        }
        shown
    }
}

/// The month of a moment, as the provider names it.
fn month(moment: Timestamp) -> String {
    moment.strftime("%Y-%m").to_string()
}

fn first_moment(month: &str) -> Option<Timestamp> {
    format!("{month}-01T00:00:00Z").parse().ok()
}

fn metrics(all: &[Subscription], month: &str, link: Option<&HttpUrl>) -> Vec<Metric> {
    let metrics = |one: &Subscription| {
        let label = |text: &str| match all.len() {
            1 => text.to_owned(),
            _ => format!("{text} ({})", one.kind),
        };
        [
            Metric::new(Icon::Information, label("Used"), one.used(month), link.cloned()),
            Metric::left(label("Left"), one.left(month), one.entitlement, link.cloned()),
            Metric::new(Icon::Information, label("Allowed"), one.entitlement, link.cloned()),
        ]
    };
    all.iter().flat_map(metrics).collect()
}

/// What all subscriptions used in the newest months, the oldest of these first.
fn months(all: &[Subscription]) -> Vec<(String, Vec<u64>)> {
    let mut months: BTreeMap<&String, u64> = BTreeMap::new();
    for (month, used) in all.iter().flat_map(|one| &one.cycles) {
        let sum = months.entry(month).or_default();
        *sum = sum.saturating_add(u64::try_from(*used).unwrap_or_default());
    }
    let beyond = months.len().saturating_sub(MONTHS);
    months.into_iter().skip(beyond).map(|(month, used)| (month.clone(), vec![used])).collect()
}

/// The quotas of the month, as `/health` reports them.
pub(crate) fn quotas(all: &[Subscription], now: Timestamp) -> Vec<AccountQuota> {
    let month = month(now);
    let quota = |(position, one): (usize, &Subscription)| {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let name = match one.kind.as_str() {
            kind if !kind.is_empty() && kind.chars().all(is_name) => kind.to_owned(),
            _ => format!("subscription_{}", position + 1),
        };
        let used = u64::try_from(one.used(&month)).unwrap_or_default();
        let allowed = u64::try_from(one.entitlement).unwrap_or_default();
        let description = format!("Records of the X-Force Exchange API, subscription {}", one.kind);
        AccountQuota::of_month(name, description, used, allowed, now)
    };
    all.iter().enumerate().map(quota).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_has_the_name_of_its_subscription_where_that_is_one() {
        let subscription = |kind: &str| Subscription {
            kind: kind.to_owned(),
            entitlement: 1000,
            cycles: BTreeMap::default(),
        };
        let now = "2026-11-27T00:00:00Z".parse().expect("a time");
        let kinds =
            [("api_2", "api_2"), ("", "subscription_2"), ("Feed Plus", "subscription_3"), ("data", "data")];
        let all = kinds.map(|(kind, _)| subscription(kind));
        let wanted = kinds.map(|(kind, name)| {
            let description = format!("Records of the X-Force Exchange API, subscription {kind}");
            AccountQuota::of_month(name.to_owned(), description, 0, 1000, now)
        });
        assert_eq!(quotas(&all, now), wanted);
    }
}
