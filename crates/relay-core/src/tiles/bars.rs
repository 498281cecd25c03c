//! Bars: one per step of a window, or one per thing.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::Window;
use super::data::label;
use crate::ctim::{HttpUrl, Observable};

/// One of the parts that bars are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Series {
    /// Its name in the data.
    pub key: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// Whether it is left out where nothing belongs to it.
    #[serde(skip)]
    pub optional: bool,
}

impl Series {
    /// A series that is always shown.
    pub const fn new(key: &'static str, label: &'static str) -> Self {
        Self { key, label, optional: false }
    }

    /// One that is shown where something belongs to it.
    pub const fn optional(key: &'static str, label: &'static str) -> Self {
        Self { key, label, optional: true }
    }
}

/// Counts by step of a window and series, the latter by its position.
#[derive(Clone, Debug)]
pub struct TimeCounts {
    window: Window,
    counts: Vec<Vec<u64>>,
}

impl TimeCounts {
    /// Nothing yet.
    pub fn new(window: &Window, series: &[Series]) -> Self {
        Self { window: *window, counts: vec![vec![0; series.len()]; window.buckets] }
    }

    /// Counts what happened at a moment; what is outside of the window is not counted.
    pub fn add(&mut self, moment: Timestamp, series: usize, number: u64) {
        let bucket = self.window.bucket(moment).and_then(|bucket| self.counts.get_mut(bucket));
        if let Some(count) = bucket.and_then(|bucket| bucket.get_mut(series)) {
            *count = count.saturating_add(number);
        }
    }
}

/// Counts by the name of a thing and series, the latter by its position.
#[derive(Clone, Debug, Default)]
pub struct NamedCounts(BTreeMap<String, Vec<u64>>);

impl NamedCounts {
    /// Counts something of a name.
    pub fn add(&mut self, name: &str, series: usize, number: u64) {
        let counts = self.0.entry(name.to_owned()).or_default();
        if counts.len() <= series {
            counts.resize(series + 1, 0);
        }
        counts[series] = counts[series].saturating_add(number);
    }
}

/// A bar chart.
#[derive(Clone, Debug)]
pub struct Bars {
    series: Vec<Series>,
    is_time: bool,
    all: Vec<Bar>,
}

#[derive(Clone, Debug)]
struct Bar {
    key: Key,
    label: Cow<'static, str>,
    counts: Vec<u64>,
    link: Option<HttpUrl>,
    observables: Vec<Observable>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Key {
    Milliseconds(i64),
    Text(Cow<'static, str>),
}

impl Bars {
    /// A bar for each step of the window, the oldest first. Where the counting begins later, the bars wholly before
    /// that are left out.
    pub fn over_time(
        counts: &TimeCounts,
        series: &[Series],
        since: Option<Timestamp>,
        link: Option<&HttpUrl>,
    ) -> Self {
        let window = &counts.window;
        let first = since.and_then(|since| window.bucket(since)).unwrap_or(0);
        let bars = counts.counts.iter().enumerate().skip(first).map(|(bucket, counts)| {
            let start = window.bucket_start(bucket);
            Bar {
                key: Key::Milliseconds(start.as_millisecond()),
                label: window.label(start).into(),
                counts: counts.clone(),
                link: link.cloned(),
                observables: Vec::new(),
            }
        });
        Self::of(series, true, bars.collect())
    }

    /// A bar for each of the `most` things with the highest counts, the highest first. Link and observable belong to a
    /// name.
    pub fn highest(
        counts: &NamedCounts,
        series: &[Series],
        most: usize,
        link: impl Fn(&str) -> Option<HttpUrl>,
        observable: impl Fn(&str) -> Option<Observable>,
    ) -> Self {
        let total = |counts: &[u64]| counts.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
        let mut names: Vec<(&String, &Vec<u64>)> =
            counts.0.iter().filter(|(_, counts)| total(counts) > 0).collect();
        // The map is sorted by text, and this keeps the order of equal counts.
        names.sort_by_key(|(_, counts)| std::cmp::Reverse(total(counts)));
        let bars = names.into_iter().take(most).map(|(name, counts)| {
            let shown = label(name.clone());
            Bar {
                key: Key::Text(shown.clone()),
                label: shown,
                counts: counts.clone(),
                link: link(name),
                observables: observable(name).into_iter().collect(),
            }
        });
        Self::of(series, false, bars.collect())
    }

    /// A bar for each name, in this order.
    pub fn in_order(
        bars: impl IntoIterator<Item = (String, Vec<u64>)>,
        series: &[Series],
        link: Option<&HttpUrl>,
    ) -> Self {
        let bars = bars.into_iter().map(|(name, counts)| {
            let shown = label(name);
            let (key, link) = (Key::Text(shown.clone()), link.cloned());
            Bar { key, label: shown, counts, link, observables: Vec::new() }
        });
        Self::of(series, false, bars.collect())
    }

    /// Gives every bar every series, but for those that are optional and empty.
    fn of(series: &[Series], is_time: bool, mut bars: Vec<Bar>) -> Self {
        for bar in &mut bars {
            bar.counts.resize(series.len(), 0);
        }
        let shown: Vec<usize> = (0..series.len())
            .filter(|at| !series[*at].optional || bars.iter().any(|bar| bar.counts[*at] > 0))
            .collect();
        for bar in &mut bars {
            bar.counts = shown.iter().map(|at| bar.counts[*at]).collect();
        }
        Self { series: shown.iter().map(|at| series[*at]).collect(), is_time, all: bars }
    }

    pub(super) fn key_type(&self) -> &'static str {
        if self.is_time { "timestamp" } else { "string" }
    }

    pub(super) fn series(&self) -> &[Series] {
        &self.series
    }

    pub(super) fn written(&self) -> Vec<Written<'_>> {
        self.all.iter().map(|bar| bar.written(&self.series)).collect()
    }
}

/// A bar as the platform reads it.
#[derive(Serialize)]
pub(super) struct Written<'a> {
    key: &'a Key,
    label: &'a str,
    value: u64,
    values: Vec<Part<'a>>,
}

#[derive(Serialize)]
struct Part<'a> {
    key: &'static str,
    value: u64,
    tooltip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    link_uri: Option<&'a HttpUrl>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    observables: &'a [Observable],
}

impl Bar {
    fn written<'a>(&'a self, series: &[Series]) -> Written<'a> {
        let values = series.iter().zip(&self.counts).map(|(series, count)| Part {
            key: series.key,
            value: *count,
            tooltip: format!("{}: {count}", series.label),
            link_uri: self.link.as_ref(),
            observables: &self.observables,
        });
        let value = self.counts.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
        Written { key: &self.key, label: &self.label, value, values: values.collect() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::observable::ObservableType;
    use crate::tiles::Period;

    const SERIES: &[Series] =
        &[Series::new("high", "High"), Series::new("low", "Low"), Series::optional("other", "Other")];

    fn window() -> Window {
        Window::of(Period::Last7Days, "2026-11-26T15:07:30Z".parse().expect("a time"))
    }

    fn written(bars: &Bars) -> serde_json::Value {
        serde_json::to_value(bars.written()).expect("JSON")
    }

    #[test]
    fn there_is_a_bar_for_each_step_and_an_optional_series_where_it_is_needed() {
        let window = window();
        let mut counts = TimeCounts::new(&window, SERIES);
        let empty = Bars::over_time(&counts, SERIES, None, None);
        assert_eq!((empty.series().len(), empty.written().len()), (2, 7));
        for (moment, series) in
            [("2026-11-26T09:30:00Z", 0), ("2026-11-20T08:01:00Z", 2), ("2026-11-19T23:59:59Z", 1)]
        {
            counts.add(moment.parse().expect("a time"), series, 1);
        }
        let bars = Bars::over_time(&counts, SERIES, None, HttpUrl::parse("https://ui.example/").as_ref());
        let bars = written(&bars);
        assert_eq!(bars[0]["key"], 1_795_132_800_000_i64);
        assert_eq!(bars[0]["label"], "Nov 20");
        assert_eq!(
            bars[0]["values"],
            json!([
                {"key": "high", "value": 0, "tooltip": "High: 0", "link_uri": "https://ui.example/"},
                {"key": "low", "value": 0, "tooltip": "Low: 0", "link_uri": "https://ui.example/"},
                {"key": "other", "value": 1, "tooltip": "Other: 1", "link_uri": "https://ui.example/"},
            ])
        );
        assert_eq!((&bars[6]["key"], &bars[6]["value"]), (&json!(1_795_651_200_000_i64), &json!(1)));
    }

    #[test]
    fn bars_wholly_before_the_oldest_record_that_was_counted_are_left_out() {
        let since = "2026-11-24T05:00:00Z".parse().expect("a time");
        let bars = Bars::over_time(&TimeCounts::new(&window(), SERIES), SERIES, Some(since), None);
        assert_eq!(written(&bars)[0]["label"], "Nov 24");
        assert_eq!(bars.written().len(), 3);
    }

    #[test]
    fn the_highest_are_first_and_equal_ones_by_text() {
        let mut counts = NamedCounts::default();
        for (name, series, number) in [("b", 1, 2), ("a", 0, 2), ("c", 0, 1), ("c", 1, 4), ("d", 0, 1)] {
            counts.add(name, series, number);
        }
        let observable = |name: &str| Observable::new(ObservableType::Hostname, name);
        let bars = written(&Bars::highest(&counts, SERIES, 3, |_| None, observable));
        let names: Vec<&str> =
            bars.as_array().expect("bars").iter().filter_map(|bar| bar["key"].as_str()).collect();
        assert_eq!(names, ["c", "a", "b"]);
        assert_eq!(bars[0]["value"], 5);
        assert_eq!(bars[0]["values"][1]["observables"], json!([{"type": "hostname", "value": "c"}]));
    }

    proptest! {
        #[test]
        fn whatever_is_counted_every_bar_has_every_series_and_the_sum(
            counted in prop::collection::vec((-1_000_000_i64..1_000_000, 0_usize..4, 0_u64..1000), 0..60)
        ) {
            let window = window();
            let (mut over_time, mut named) = (TimeCounts::new(&window, SERIES), NamedCounts::default());
            for (seconds, series, number) in counted {
                let moment = window.end.saturating_add(jiff::SignedDuration::from_secs(seconds)).expect("a time");
                over_time.add(moment, series, number);
                named.add(&format!("{}", seconds % 7), series.min(2), number);
            }
            for bars in [
                Bars::over_time(&over_time, SERIES, None, None),
                Bars::highest(&named, SERIES, 5, |_| None, |_| None),
            ] {
                for bar in bars.written() {
                    prop_assert!(bar.values.iter().map(|value| value.key).eq(bars.series().iter().map(|one| one.key)));
                    prop_assert_eq!(bar.value, bar.values.iter().map(|value| value.value).sum::<u64>());
                }
                prop_assert!(!written(&bars).to_string().contains("null"));
            }
        }
    }
}
