//! Dashboard tiles: what a relay declares ([`Tile`]), the time that is counted ([`Window`]), and what is shown
//! ([`Shown`]).
//!
//! The builders of [`TileData`] keep the rules of the platform's contract, so that a relay only counts: every bar has
//! every series, values are the sums of their parts, indices are right, labels are safe to show.

mod answer;
mod bars;
mod data;
mod digest;
mod donut;
mod metrics;
mod period;
mod severities;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::error::{Error, Errors};

pub(crate) use answer::Answer;
pub use bars::{Bars, NamedCounts, Series, TimeCounts};
pub use data::{TileData, label, words};
pub use digest::{Count, Counted, Digest};
pub(crate) use digest::{Got, Keeping};
pub use donut::{Donut, DonutCut};
pub use metrics::{Icon, Metric};
pub use period::{Period, Window, month_end, month_start};
pub use severities::{SEVERITIES, severity};

/// The periods of most tiles.
pub const PERIODS: &[Period] = &[Period::Last24Hours, Period::Last7Days, Period::Last30Days];
/// How long the data of most tiles are valid.
pub const VALID: Duration = Duration::from_secs(5 * 60);
/// How long those of quotas are.
pub const VALID_QUOTA: Duration = Duration::from_secs(3600);
/// How long incomplete data are.
pub(crate) const VALID_PARTIAL: Duration = Duration::from_secs(60);

/// A tile as the platform lists it.
#[derive(Debug, Serialize)]
pub struct Tile {
    /// `[a-z0-9_]`, unique in the relay. Dashboards keep it, so it never changes.
    pub id: &'static str,
    /// How it is drawn.
    #[serde(rename = "type")]
    pub kind: TileKind,
    /// What it is called.
    pub title: &'static str,
    /// What it shows, in a few words.
    pub short_description: &'static str,
    /// What it shows, exactly.
    pub description: &'static str,
    /// What it is found under; the module's title first.
    pub tags: &'static [&'static str],
    /// The periods that the user can choose.
    pub periods: &'static [Period],
    /// The one that is chosen for them.
    pub default_period: Period,
    /// How long its data are valid.
    #[serde(skip)]
    pub valid: Duration,
}

/// How a tile is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TileKind {
    /// Numbers with a label.
    MetricGroup,
    /// Bars side by side, mostly over time.
    VerticalBarChart,
    /// Bars below each other, mostly one per thing.
    HorizontalBarChart,
    /// Two rings.
    DonutGraph,
    /// Text.
    Markdown,
}

/// What a tile shows of a window.
#[derive(Debug, Default)]
pub struct Shown {
    /// Nothing where all of it failed.
    pub data: Option<TileData>,
    /// Where the counting begins, if it is not where the window does.
    pub since: Option<Timestamp>,
    /// When was counted, if it is not now.
    pub until: Option<Timestamp>,
    /// What failed or was cut.
    pub errors: Errors,
    /// Whether the data are the state of now, whatever the window.
    pub snapshot: bool,
}

impl Shown {
    /// Data that are whole.
    pub fn data(data: impl Into<TileData>) -> Self {
        Self { data: Some(data.into()), ..Self::default() }
    }

    /// Metrics of which each may have failed; a failed one is left out. Nothing is shown where all of them have.
    pub fn metrics(parts: impl IntoIterator<Item = Result<Metric, Error>>) -> Self {
        let mut shown = Self::default();
        let mut metrics = Vec::new();
        for part in parts {
            match part {
                Ok(metric) => metrics.push(metric),
                Err(error) => shown.errors.add(error),
            }
        }
        if !metrics.is_empty() || shown.errors.is_empty() {
            shown.data = Some(TileData::Metrics(metrics));
        }
        shown
    }

    /// The same with the name of each metric. Where only some have failed, each error says which one is missing.
    pub fn named_metrics(parts: impl IntoIterator<Item = (&'static str, Result<Metric, Error>)>) -> Self {
        let parts: Vec<(&str, Result<Metric, Error>)> = parts.into_iter().collect();
        let any = parts.iter().any(|(_, part)| part.is_ok());
        Self::metrics(parts.into_iter().map(|(name, part)| {
            part.map_err(
                |error| if any { error.with_note(format_args!("`{name}` is missing")) } else { error },
            )
        }))
    }
}

/// Nothing but a failure.
impl From<Error> for Shown {
    fn from(error: Error) -> Self {
        Self { errors: error.into(), ..Self::default() }
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
