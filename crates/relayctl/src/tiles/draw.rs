//! Tiles as text: bars, and tables for rings and numbers.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::ui::{
    Align, BAD, BOLD, Cell, DIM, DOUBTFUL, GOOD, LITERAL, PLAIN, Style, Table, columns, cut, harmless,
    styled, width,
};

/// Columns of a label.
const LABEL: usize = 24;

/// Columns of the longest bar: what a terminal has left beside a label and a number, at most 48.
fn longest_bar() -> usize {
    (width().saturating_sub(LABEL + 32)).clamp(8, 48)
}

/// A tile with its data.
pub(crate) fn tile(tile: &Value, data: Option<&Value>) -> String {
    let mut out = String::new();
    let tag = tile["tags"][0].as_str().unwrap_or_default();
    let _ = writeln!(out, "\n{} {}", styled(BOLD, text(&tile["title"])), styled(DIM, harmless(tag)));
    let Some(data) = data else { return out };
    let moment = |of: &str, end: &str| day(data[of][end].as_str().unwrap_or_default());
    let (start, end) = (moment("observed_time", "start_time"), moment("observed_time", "end_time"));
    let span = if start == end { end } else { format!("{start} to {end}") };
    let _ = writeln!(out, "{}", styled(DIM, span));
    let entries = data["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    match tile["type"].as_str() {
        Some("metric_group") => entries.iter().for_each(|one| metric(&mut out, one)),
        Some("vertical_bar_chart" | "horizontal_bar_chart") => bars(&mut out, data, entries),
        Some("donut_graph") => donut(&mut out, data, entries),
        _ => {
            for line in entries {
                let _ = writeln!(out, "  {}", text(line));
            }
        }
    }
    if entries.is_empty() {
        let _ = writeln!(out, "  nothing");
    }
    out
}

/// The data of a tile of which nothing else is known; their fields say how it is drawn.
pub(crate) fn unnamed(data: &Value) -> String {
    let kind = match (data.get("keys"), data.get("labels"), &data["data"][0]) {
        (Some(_), ..) => "horizontal_bar_chart",
        (_, Some(_), _) => "donut_graph",
        (.., Value::String(_)) => "markdown",
        _ => "metric_group",
    };
    tile(&json!({"title": data["tile_id"], "tags": [data["period"]], "type": kind}), Some(data))
}

/// The tiles of a list.
pub(crate) fn list(tiles: &[Value]) -> String {
    let mut table = Table::new([("", Align::Left); 3], 2, 2);
    for tile in tiles {
        let periods = tile["periods"].as_array().into_iter().flatten();
        let periods: Vec<String> = periods.map(text).collect();
        table.row([
            Cell::new(LITERAL, text(&tile["id"])),
            Cell::new(PLAIN, text(&tile["title"])),
            Cell::new(DIM, periods.join(", ")),
        ]);
    }
    table.to_string()
}

fn text(value: &Value) -> String {
    harmless(value.as_str().unwrap_or_default())
}

/// A moment without its seconds.
fn day(moment: &str) -> String {
    harmless(&moment.chars().take(16).collect::<String>().replace('T', " "))
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

fn padded(label: &str) -> String {
    let label = cut(label, LABEL);
    let room = LABEL.saturating_sub(columns(&label));
    format!("{label}{:room$}", "")
}

fn metric(out: &mut String, one: &Value) {
    let style: Style = match one["icon"].as_str() {
        Some("critical-stop") => BAD,
        Some("warning") => DOUBTFUL,
        _ => PLAIN,
    };
    let value = format!("{:>10}", number(&one["value"]));
    let _ = writeln!(out, "  {} {}", padded(&text(&one["label"])), styled(style, value));
}

fn bars(out: &mut String, data: &Value, bars: &[Value]) {
    let longest = bars.iter().map(|bar| number(&bar["value"])).max().unwrap_or_default().max(1);
    let series = data["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    for bar in bars {
        let value = number(&bar["value"]);
        let parts: Vec<String> = bar["values"]
            .as_array()
            .into_iter()
            .flatten()
            .zip(series)
            .filter(|(part, _)| number(&part["value"]) != 0 && series.len() > 1)
            .map(|(part, series)| format!("{} {}", text(&series["label"]), number(&part["value"])))
            .collect();
        let columns = usize::try_from(value.max(0)).unwrap_or_default() * longest_bar();
        let columns = columns.div_ceil(usize::try_from(longest).unwrap_or(1)).min(longest_bar());
        let line = format!("  {} {}", padded(&text(&bar["label"])), styled(GOOD, "█".repeat(columns)));
        let used = 2 + LABEL + 1 + columns;
        let rest = format!(" {value}{}{}", if parts.is_empty() { "" } else { "  " }, parts.join(", "));
        let _ = writeln!(out, "{line}{}", cut(&rest, width().saturating_sub(used)));
    }
}

fn donut(out: &mut String, data: &Value, entries: &[Value]) {
    let label = |ring: usize, key: &Value| {
        let at = key.as_u64().and_then(|key| usize::try_from(key).ok()).unwrap_or(usize::MAX);
        text(&data["labels"][ring][at])
    };
    let all: i64 = entries.iter().map(|entry| number(&entry["value"])).sum();
    for entry in entries {
        let value = number(&entry["value"]);
        let segments: Vec<String> = entry["segments"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| format!("{} {}", label(1, &one["key"]), number(&one["value"])))
            .collect();
        let share = value.saturating_mul(100) / all.max(1);
        let line =
            format!("  {} {value:>6} {share:>3}%  {}", padded(&label(0, &entry["key"])), segments.join(", "));
        let _ = writeln!(out, "{}", cut(&line, width()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(kind: &str, mut data: Value) -> String {
        data["observed_time"] =
            json!({"start_time": "2026-11-20T00:00:00Z", "end_time": "2026-11-26T15:07:30Z"});
        let tile = json!({"type": kind, "title": "Title", "tags": ["Acme"]});
        anstream::adapter::strip_str(&super::tile(&tile, Some(&data))).to_string()
    }

    #[test]
    fn each_kind_is_drawn_within_the_width_of_a_terminal() {
        let values =
            |high: i64, low: i64| json!([{"key": "high", "value": high}, {"key": "low", "value": low}]);
        let bars = drawn(
            "vertical_bar_chart",
            json!({
                "keys": [{"key": "high", "label": "High"}, {"key": "low", "label": "Low"}],
                "data": [{"label": "Nov 25", "value": 4, "values": values(1, 3)},
                         {"label": "Nov 26", "value": 0, "values": values(0, 0)}],
            }),
        );
        assert_eq!(
            bars,
            format!(
                "\nTitle Acme\n2026-11-20 00:00 to 2026-11-26 15:07\n  {:24} {} 4  High 1, Low 3\n  {:24}  0\n",
                "Nov 25",
                "█".repeat(24),
                "Nov 26"
            )
        );
        let donut = drawn(
            "donut_graph",
            json!({
                "labels": [["Malware"], ["High", "Low"]],
                "data": [{"key": 0, "value": 3, "segments": [{"key": 1, "value": 2}, {"key": 0, "value": 1}]}],
            }),
        );
        assert!(donut.ends_with(&format!("  {:24}      3 100%  Low 2, High 1\n", "Malware")), "{donut}");
        let metrics = drawn(
            "metric_group",
            json!({"data": [{"icon": "warning", "label": "Left\u{1b}[31m", "value": 4}]}),
        );
        assert!(metrics.contains(&format!("{:>10}", 4)) && !metrics.contains('\u{1b}'), "{metrics}");
        assert!(drawn("markdown", json!({"data": ["a line"]})).contains("  a line\n"));
        let long = json!({"labels": [["x".repeat(90)], ["y".repeat(90)]],
            "data": [{"key": 0, "value": 1, "segments": [{"key": 0, "value": 1}]}]});
        for text in
            [drawn("donut_graph", long), drawn("donut_graph", json!({"labels": [[], []], "data": []}))]
        {
            assert!(text.lines().all(|line| columns(line) <= width()), "{text}");
        }
    }
}
