//! Two rings: an outer one, and its segments.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::data::label;
use crate::ctim::HttpUrl;

/// A donut of counts by an outer and an inner label.
#[derive(Clone, Debug)]
pub struct Donut {
    headers: [&'static str; 2],
    outer: Vec<Cow<'static, str>>,
    inner: Vec<Cow<'static, str>>,
    entries: Vec<Entry>,
}

/// How many labels are shown; what is beyond is `Other`.
#[derive(Clone, Copy, Debug)]
pub struct DonutCut {
    /// Of the outer ring.
    pub outer: usize,
    /// Of each segment of it.
    pub inner: usize,
}

#[derive(Clone, Debug, Serialize)]
struct Entry {
    key: usize,
    value: u64,
    tooltip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    link_uri: Option<HttpUrl>,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, Serialize)]
struct Segment {
    key: usize,
    value: u64,
    tooltip: String,
}

/// What all that is beyond the cut is called.
const OTHER: &str = "Other";

type Counts = BTreeMap<Cow<'static, str>, u64>;

impl Donut {
    /// The rings of these counts, `(outer, inner, number)`; the same labels may come more than once. The largest are
    /// first, equal ones by text, and what is beyond the cut last.
    pub fn of(
        headers: [&'static str; 2],
        counts: impl IntoIterator<Item = (String, String, u64)>,
        cut: DonutCut,
        link: Option<&HttpUrl>,
    ) -> Self {
        let mut all: BTreeMap<Cow<'static, str>, Counts> = BTreeMap::new();
        for (outer, inner, number) in counts.into_iter().filter(|(.., number)| *number > 0) {
            let count = all.entry(label(outer)).or_default().entry(label(inner)).or_default();
            *count = count.saturating_add(number);
        }
        let totals: Counts = all.iter().map(|(outer, inner)| (outer.clone(), sum(inner))).collect();
        let (shown, beyond) = largest(totals, cut.outer);
        let mut rings: Vec<(Cow<'static, str>, Counts)> = shown
            .into_iter()
            .map(|(outer, _)| (outer.clone(), all.remove(&outer).unwrap_or_default()))
            .collect();
        if beyond > 0 {
            let mut rest = Counts::new();
            for (inner, number) in all.into_values().flatten() {
                *rest.entry(inner).or_default() += number;
            }
            // A label of the provider's may be called so too.
            match rings.iter_mut().find(|(outer, _)| outer == OTHER) {
                Some((_, inner)) => {
                    for (label, number) in rest {
                        *inner.entry(label).or_default() += number;
                    }
                }
                None => rings.push((OTHER.into(), rest)),
            }
        }
        let mut donut = Self { headers, outer: Vec::new(), inner: Vec::new(), entries: Vec::new() };
        for (outer, inner) in rings {
            donut.push(outer, inner, cut.inner, link);
        }
        donut
    }

    fn push(&mut self, outer: Cow<'static, str>, inner: Counts, cut: usize, link: Option<&HttpUrl>) {
        let value = sum(&inner);
        let (mut shown, beyond) = largest(inner, cut);
        if beyond > 0 {
            match shown.iter_mut().find(|(label, _)| label == OTHER) {
                Some((_, number)) => *number += beyond,
                None => shown.push((OTHER.into(), beyond)),
            }
        }
        let segments = shown.into_iter().map(|(label, value)| {
            let tooltip = format!("{label}: {value}");
            Segment { key: position(&mut self.inner, label), value, tooltip }
        });
        let segments = segments.collect();
        let tooltip = format!("{outer}: {value}");
        let key = position(&mut self.outer, outer);
        self.entries.push(Entry { key, value, tooltip, link_uri: link.cloned(), segments });
    }

    pub(super) fn labels(&self) -> [&[Cow<'static, str>]; 2] {
        [&self.outer, &self.inner]
    }

    pub(super) fn headers(&self) -> [&'static str; 2] {
        self.headers
    }

    pub(super) fn entries(&self) -> impl Serialize {
        &self.entries
    }
}

fn sum(counts: &Counts) -> u64 {
    counts.values().fold(0_u64, |sum, number| sum.saturating_add(*number))
}

/// The largest, equal ones by text; and the sum of the others.
fn largest(counts: Counts, most: usize) -> (Vec<(Cow<'static, str>, u64)>, u64) {
    let mut sorted: Vec<_> = counts.into_iter().collect();
    sorted.sort_by_key(|(_, number)| Reverse(*number));
    let beyond = sorted.split_off(most.min(sorted.len()));
    (sorted, beyond.into_iter().fold(0, |sum, (_, number)| sum.saturating_add(number)))
}

/// The place of a label in its list, which it is added to when it is new.
fn position(labels: &mut Vec<Cow<'static, str>>, label: Cow<'static, str>) -> usize {
    labels.iter().position(|known| *known == label).unwrap_or_else(|| {
        labels.push(label);
        labels.len() - 1
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const ALL: DonutCut = DonutCut { outer: 9, inner: 20 };

    fn donut(counts: &[(&str, &str, u64)], cut: DonutCut) -> (Value, Value) {
        let counts =
            counts.iter().map(|(outer, inner, number)| ((*outer).to_owned(), (*inner).to_owned(), *number));
        let donut = Donut::of(["Category", "Severity"], counts, cut, None);
        (json!(donut.labels()), json!(donut.entries))
    }

    #[test]
    fn equal_entries_are_by_text_and_labels_by_first_use() {
        let (labels, entries) = donut(&[("Malware", "High", 1), ("Execution", "Low", 1)], ALL);
        assert_eq!(labels, json!([["Execution", "Malware"], ["Low", "High"]]));
        assert_eq!(
            entries,
            json!([
                {"key": 0, "value": 1, "tooltip": "Execution: 1", "segments": [{"key": 0, "value": 1, "tooltip": "Low: 1"}]},
                {"key": 1, "value": 1, "tooltip": "Malware: 1", "segments": [{"key": 1, "value": 1, "tooltip": "High: 1"}]},
            ])
        );
        assert_eq!(donut(&[("a", "b", 0)], ALL), (json!([[], []]), json!([])));
    }

    #[test]
    fn what_is_beyond_the_cut_is_other_and_last() {
        let cut = DonutCut { outer: 1, inner: 1 };
        let (labels, entries) = donut(&[("a", "x", 3), ("a", "y", 2), ("b", "x", 4), ("c", "z", 4)], cut);
        assert_eq!(labels, json!([["a", "Other"], ["x", "Other"]]));
        let values: Vec<&Value> =
            entries.as_array().expect("entries").iter().map(|one| &one["value"]).collect();
        assert_eq!(values, [5, 8]);
    }

    proptest! {
        #[test]
        fn whatever_is_counted_nothing_is_lost_and_indices_are_right(
            counts in prop::collection::vec(("[a-e\n ]{0,2}|Other", "[a-e]{0,2}|Other", 0_u64..9), 0..40),
            outer in 1_usize..4,
            inner in 1_usize..4,
        ) {
            let all: u64 = counts.iter().map(|(.., number)| number).sum();
            let donut = Donut::of(["A", "B"], counts, DonutCut { outer, inner }, None);
            prop_assert_eq!(donut.entries.iter().map(|entry| entry.value).sum::<u64>(), all);
            prop_assert!(donut.entries.len() <= outer + 1);
            prop_assert!(!serde_json::to_string(&donut.entries).expect("JSON").contains("null"));
            for entry in &donut.entries {
                prop_assert!(entry.key < donut.outer.len());
                prop_assert_eq!(entry.segments.iter().map(|one| one.value).sum::<u64>(), entry.value);
                prop_assert!(entry.segments.iter().all(|one| one.key < donut.inner.len() && one.value > 0));
            }
        }
    }
}
