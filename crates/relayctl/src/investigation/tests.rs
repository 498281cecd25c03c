//! Table and summary of an investigation by several relays.

use serde_json::{Value, json};

use super::*;

fn report(kind: &str, value: &str, findings: Vec<Finding>) -> Report {
    let about = Observable { kind: kind.to_owned(), value: value.to_owned() };
    Report { about, note: Some("a note".to_owned()), findings }
}

fn finding(relay: &'static str, entities: Value) -> Finding {
    let entities = serde_json::from_value(entities).unwrap();
    Finding { relay, entities, errors: Vec::new(), calls: 3, took: Duration::from_millis(12) }
}

fn opinion(name: &str) -> Value {
    json!({"docs": [{"disposition_name": name}]})
}

/// Five relays and four observables, the good ones first.
fn investigation() -> Vec<Report> {
    let related = |value: &str| {
        let end = |kind: &str, value: &str| json!({"type": kind, "value": value});
        json!({"source": end("domain", "bad.example"), "relation": "Resolved_To", "related": end("ip", value)})
    };
    let mut failed = finding("gigamon", json!({}));
    failed.errors.push(Problem {
        severity: "fatal".to_owned(),
        code: "unavailable".to_owned(),
        message: "The provider is down for a while and answers with status 503; try again later.".to_owned(),
    });
    vec![
        report("domain", "clean.example", vec![finding("xforce", json!({"verdicts": opinion("Clean")}))]),
        report("hostname", "ws-042", vec![finding("securitytrails", json!({}))]),
        report("user_agent", "curl", Vec::new()),
        report("ip", "192.0.2.1", vec![finding("defender", json!({"judgements": opinion("Suspicious")}))]),
        report(
            "domain",
            "bad.example",
            vec![
                finding(
                    "graph",
                    json!({"sightings": {"docs": [
                        {"title": "Mail with a bad link", "source_uri": "https://portal.example/alerts/1"},
                        {"source_uri": "https://portal.example/alerts/2"}
                    ]}}),
                ),
                finding(
                    "securitytrails",
                    json!({"sightings": {"docs": [{
                        "title": "Found in SecurityTrails", "relations": [related("192.0.2.1"), related("192.0.2.9")]
                    }]}}),
                ),
                failed,
                finding(
                    "xforce",
                    json!({
                        "verdicts": opinion("Malicious"), "judgements": opinion("Suspicious"),
                        "sightings": {"docs": [{"title": "Phishing"}]}, "indicators": {"docs": [{"title": "Phishing"}]}
                    }),
                ),
            ],
        ),
    ]
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn the_worst_comes_first_and_every_relay_has_its_row() {
    let expected = "  RELAY          VERDICT    SIGHTINGS INDICATORS JUDGEMENTS RELATIONS CALLS MS

● bad.example  domain  a note
  graph          –                  2          ·          ·         ·     3 12
  securitytrails –                  1          ·          ·         2     3 12
  gigamon        failed             ·          ·          ·         ·     3 12
    fatal unavailable: The provider is down for a while and answers with status
                       503; try again later.
  xforce         Malicious          1          1          1         ·     3 12

● 192.0.2.1  ip  a note
  defender       Suspicious         ·          ·          1         ·     3 12

● clean.example  domain  a note
  xforce         Clean              ·          ·          ·         ·     3 12

○ ws-042  hostname  a note
  securitytrails nothing            ·          ·          ·         ·     3 12
";
    assert_eq!(plain(&table::render(&investigation())), expected);
}

#[test]
fn the_summary_has_reasons_and_relations() {
    let expected = "\
What stands out
Malicious  bad.example
  graph           Mail with a bad link
  securitytrails  Found in SecurityTrails
  xforce          Phishing
Suspicious  192.0.2.1

Relations between them
bad.example  Resolved To  192.0.2.1  (securitytrails)

Where to read on
  graph  https://portal.example/alerts/1

7 lookups; 21 provider calls; 1.50 s in total; not looked up by any relay:
user_agent
";
    assert_eq!(plain(&summary::render(&investigation(), Duration::from_millis(1500))), expected);
}

#[test]
fn what_a_stranger_wrote_does_not_reach_the_terminal() {
    let hostile = "\x1b]0;owned\x07";
    let entities = json!({"verdicts": opinion("Malicious"), "indicators": {"docs": [{"title": hostile}]}});
    let reports = [report("domain", hostile, vec![finding("xforce", entities)])];
    for text in [table::render(&reports), summary::render(&reports, Duration::ZERO)] {
        assert!(!text.contains("\x1b]") && !text.contains('\x07'), "{text:?}");
    }
}
