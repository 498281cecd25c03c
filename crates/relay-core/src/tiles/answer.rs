//! The data of a tile as the platform reads it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::json;

use super::{Shown, Tile, TileData, VALID_PARTIAL, Window};

/// What is shown, of which tile and when.
pub(crate) struct Answer<'a> {
    pub(crate) tile: &'static Tile,
    pub(crate) window: &'a Window,
    pub(crate) shown: &'a Shown,
    pub(crate) data: &'a TileData,
}

impl Answer<'_> {
    /// How long it holds: not long where something is missing.
    pub(crate) fn valid(&self) -> Duration {
        if self.shown.errors.is_empty() { self.tile.valid } else { VALID_PARTIAL }
    }

    /// What was counted.
    fn observed(&self) -> (Timestamp, Timestamp) {
        let end = self.shown.until.unwrap_or(self.window.end);
        let start = if self.shown.snapshot { end } else { self.shown.since.unwrap_or(self.window.start) };
        (start.min(end), end)
    }
}

impl Serialize for Answer<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let between = |start, end| json!({"start_time": time(start), "end_time": time(end)});
        let (start, end) = self.observed();
        let now = self.window.end;
        let until = SignedDuration::try_from(self.valid()).unwrap_or(SignedDuration::ZERO);
        let until = now.saturating_add(until).unwrap_or(now);
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("tile_id", self.tile.id)?;
        out.serialize_entry("period", &self.window.period)?;
        out.serialize_entry("observed_time", &between(start, end))?;
        out.serialize_entry("valid_time", &between(now, until))?;
        out.serialize_entry("cache_scope", if self.shown.errors.is_empty() { "org" } else { "none" })?;
        match self.data {
            TileData::Metrics(metrics) => out.serialize_entry("data", metrics)?,
            TileData::Markdown(lines) => out.serialize_entry("data", lines)?,
            TileData::Bars(bars) => {
                out.serialize_entry("key_type", bars.key_type())?;
                out.serialize_entry("keys", bars.series())?;
                out.serialize_entry("data", &bars.written())?;
            }
            TileData::Donut(donut) => {
                out.serialize_entry("labels", &donut.labels())?;
                out.serialize_entry("label_headers", &donut.headers())?;
                out.serialize_entry("data", &donut.entries())?;
            }
        }
        out.end()
    }
}
