//! Answers of about 5 kB, full of what the relay maps.

use std::time::Duration;

use relay_testkit::load;
use serde_json::{Value, json};

/// Size of each answer.
pub(crate) const BYTES: usize = 5000;

/// Starts a provider that gives them after a pause, and returns the base URL of its API.
pub(crate) fn start(pause: Duration) -> String {
    let (report, resolve, linkage) = (report(), resolve(), linkage());
    load::provider(pause, move |asked| match asked {
        path if path.starts_with("/api/resolve/") => resolve.clone(),
        path if path.starts_with("/api/linkage/") => linkage.clone(),
        _ => report.clone(),
    })
}

fn report() -> String {
    let cats = json!({"Phishing URLs": true, "Early Warning": true, "Malware": true});
    let associated = |n: usize| json!({"url": format!("www{n}.example"), "cats": {}, "score": null});
    filled(|n| {
        json!({
            "result": {"url": "a.example", "score": 7.1, "cats": cats, "categoryDescriptions": {"Malware": "Bad."}},
            "associated": (0..n).map(associated).collect::<Vec<_>>(),
        })
    })
}

fn resolve() -> String {
    let record = |n: usize| {
        json!({
            "value": format!("198.18.{}.{}", n / 250, n % 250), "type": "ip", "recordType": "A",
            "first": "2026-01-05T10:00:00Z", "last": "2026-02-20T10:00:00Z",
        })
    };
    filled(|n| json!({"A": ["192.0.2.1"], "Passive": {"records": (0..n).map(record).collect::<Vec<_>>()}}))
}

fn linkage() -> String {
    let linked = |n: usize| {
        json!({
            "title": format!("Collection number {n}"), "created": "2026-02-10T08:15:30.120Z", "type": "casefile",
            "shared": "public", "category": "3public", "owner": {"name": "A. Analyst", "verified": "ibmexpert"},
            "id": format!("{n:032x}"), "iocs": {"MAL": 275, "IP": 7, "URL": 1},
        })
    };
    filled(|n| json!({"linkedEntities": (0..n).map(linked).collect::<Vec<_>>()}))
}

/// As many items as fit.
fn filled(of: impl Fn(usize) -> Value) -> String {
    (1..BYTES).map(|n| of(n).to_string()).take_while(|text| text.len() <= BYTES).last().unwrap()
}
