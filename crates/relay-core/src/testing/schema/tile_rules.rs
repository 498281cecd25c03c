//! The rules of the data of tiles: every bar has every series, sums are right, indices lead somewhere.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// What is wrong with the data of a tile.
pub(super) fn findings(data: &Map<String, Value>) -> Vec<String> {
    let mut findings = Vec::new();
    let entries = data.get("data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if let Some(series) = data.get("keys").and_then(Value::as_array) {
        let keys: Vec<&Value> = series.iter().map(|one| &one["key"]).collect();
        bars(entries, &keys, &mut findings);
        if data.get("key_type") == Some(&"timestamp".into()) {
            let moments: Vec<Option<i64>> = entries.iter().map(|bar| bar["key"].as_i64()).collect();
            if moments.contains(&None) || !moments.is_sorted() {
                findings.push("/data: bars over time are not in order".to_owned());
            }
        }
    }
    if let Some(labels) = data.get("labels") {
        donut(entries, labels, &mut findings);
    }
    if Value::Object(data.clone()).to_string().contains(":null") {
        findings.push("/data: there is a null".to_owned());
    }
    let time = |field: &str, end: &str| data.get(field).and_then(|time| time[end].as_str()).unwrap_or("");
    for field in ["observed_time", "valid_time"] {
        if time(field, "start_time") > time(field, "end_time") {
            findings.push(format!("/data/{field}: it ends before it begins"));
        }
    }
    findings
}

fn sum(parts: &Value) -> u64 {
    parts.as_array().into_iter().flatten().filter_map(|part| part["value"].as_u64()).sum()
}

fn bars(bars: &[Value], keys: &[&Value], findings: &mut Vec<String>) {
    for (at, bar) in bars.iter().enumerate() {
        let values = bar["values"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !values.iter().map(|value| &value["key"]).eq(keys.iter().copied()) {
            findings.push(format!("/data/data/{at}: its values are not those of the series"));
        }
        if bar["value"].as_u64() != Some(sum(&bar["values"])) {
            findings.push(format!("/data/data/{at}: value is not the sum of its values"));
        }
    }
    let distinct: HashSet<String> = bars.iter().map(|bar| bar["key"].to_string()).collect();
    if distinct.len() != bars.len() {
        findings.push("/data: two bars have one key".to_owned());
    }
}

fn donut(entries: &[Value], labels: &Value, findings: &mut Vec<String>) {
    let mut check = |place: String, entry: &Value, ring: usize| {
        let label =
            entry["key"].as_u64().and_then(|at| labels[ring].get(usize::try_from(at).ok()?)?.as_str());
        let Some(label) = label else { return findings.push(format!("{place}: key leads to no label")) };
        if entry["tooltip"] != format!("{label}: {}", entry["value"]).as_str() {
            findings.push(format!("{place}: the tooltip is not of label and value"));
        }
    };
    for (at, entry) in entries.iter().enumerate() {
        check(format!("/data/data/{at}"), entry, 0);
        for (part, segment) in entry["segments"].as_array().into_iter().flatten().enumerate() {
            check(format!("/data/data/{at}/segments/{part}"), segment, 1);
        }
    }
    for (at, entry) in entries.iter().enumerate() {
        if entry["value"].as_u64() != Some(sum(&entry["segments"])) {
            findings.push(format!("/data/data/{at}: value is not the sum of its segments"));
        }
    }
}
