//! What the alerts and the dashboard of `deploy` ask for is what a running relay exports: names, labels and their values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::acme::{setup, thing};
use crate::mock::Mock;

const RULES: &str = include_str!("../../../../deploy/prometheus/rules.yml");
const DASHBOARD: &str = include_str!("../../../../deploy/grafana/dashboards/relays.json");

/// Exported only by a relay with a certificate, and by one whose provider says its quotas: their own tests look for them.
const ELSEWHERE: [&str; 2] = ["relay_certificate_expires_timestamp_seconds", "relay_quota_left"];
/// Labels that Prometheus adds, or that the user chooses from.
const NOT_OURS: [&str; 3] = ["job", "instance", "relay"];

/// By name of the metric, the values of each of its labels.
type Exported = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Each metric in a text of Prometheus' or about it, with what stands in its braces.
fn metrics(text: &str) -> Vec<(String, &str)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_name) {
        let after = &rest[start..];
        let name = &after[..after.find(|c| !is_name(c)).unwrap_or(after.len())];
        rest = &after[name.len()..];
        if name.starts_with("relay_") || name.starts_with("process_") {
            let braces = rest.strip_prefix('{').and_then(|inside| inside.split_once('}'));
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            found.push((family.unwrap_or(name).to_owned(), braces.map_or("", |(inside, _)| inside)));
        }
    }
    found
}

/// Label, operator and value of each matcher in the braces.
fn matchers(braces: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    braces.split("\",").filter_map(|part| {
        let (left, value) = part.trim().trim_end_matches('"').split_once('"')?;
        let at = left.find(['=', '!'])?;
        Some((left[..at].trim(), left[at..].trim(), value))
    })
}

fn exported(text: &str) -> Exported {
    let mut exported = Exported::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        for (name, braces) in metrics(line) {
            let labels = exported.entry(name).or_default();
            for (label, _, value) in matchers(braces) {
                labels.entry(label.to_owned()).or_default().insert(value.to_owned());
            }
        }
    }
    exported
}

/// All expressions of the dashboard.
fn expressions(panel: &Value, found: &mut Vec<String>) {
    match panel {
        Value::Object(fields) => {
            found.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| expressions(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

/// What of a text a relay does not export.
fn missing(text: &str, exported: &Exported) -> Vec<String> {
    let mut missing = Vec::new();
    for (name, braces) in metrics(text).into_iter().filter(|(name, _)| !ELSEWHERE.contains(&name.as_str())) {
        let Some(labels) = exported.get(&name) else {
            missing.push(name);
            continue;
        };
        for (label, operator, value) in matchers(braces).filter(|(label, ..)| !NOT_OURS.contains(label)) {
            let known = labels.get(label);
            let values = if operator.ends_with('~') { value.split('|').collect() } else { vec![value] };
            let unknown = values.into_iter().filter(|one| known.is_none_or(|known| !known.contains(*one)));
            missing.extend(unknown.map(|one| format!("{name}{{{label}={one}}}")));
        }
    }
    missing
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_and_dashboard_use_what_a_relay_exports_after_a_request_or_two() {
    let provider = Mock::always(thing(true, &[])).await;
    let stage = setup(&provider)
        // A store that is not there: its metrics are.
        .setting("RELAY_SHARED__URL", "redis://127.0.0.1:1")
        .setting("RELAY_SHARED__KEY", "a-key-of-more-than-thirty-two-bytes")
        .start()
        .await;
    stage.observe(&[("domain", "a.example")]).await;
    let nowhere = stage.http.get(format!("{}/nowhere", stage.relay.url)).send().await.expect("an answer");
    assert_eq!(nowhere.status(), 404);
    let exported = exported(&stage.metrics().await);
    let mut shown = Vec::new();
    expressions(&serde_json::from_str(DASHBOARD).expect("JSON"), &mut shown);
    assert!(metrics(RULES).len() > 20 && shown.len() > 40, "the files are read");
    assert_eq!(missing(RULES, &exported), Vec::<String>::new(), "rules.yml");
    assert_eq!(missing(&shown.join("\n"), &exported), Vec::<String>::new(), "the dashboard");
    let version = &exported["relay_build_info"]["version"];
    assert_eq!(version.len(), 1, "{version:?}");
}

#[test]
fn a_name_or_value_that_no_relay_exports_is_found() {
    let exported =
        exported("relay_things_total{kind=\"a\",relay=\"acme\"} 0\nrelay_seconds_bucket{le=\"1\"} 2\n");
    let text =
        "rate(relay_things_total{kind=~\"a|b\", relay=~\"$relay\"}[5m]) > relay_seconds_sum + relay_other";
    assert_eq!(missing(text, &exported), ["relay_things_total{kind=b}", "relay_other"]);
}
