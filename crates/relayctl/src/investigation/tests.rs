//! Table and summary of an investigation by several relays.

use serde_json::{Value, json};

use super::*;

fn report(kind: &str, value: &str, findings: Vec<Finding>) -> Report {
    let about = Observable { kind: kind.to_owned(), value: value.to_owned() };
    Report { findings, ..Report::of(about, Some("a note".to_owned())) }
}

fn finding(relay: &str, data: Value) -> Finding {
    Finding {
        relay: relay.to_owned(),
        entities: serde_json::from_value(data.clone()).unwrap(),
        data,
        errors: Vec::new(),
        calls: Some(3),
        took: Duration::from_millis(12),
    }
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
        Report {
            not_asked: ["xforce", "graph"]
                .map(|relay| NotAsked {
                    relay: relay.to_owned(),
                    why: "this relay does not look up user_agent".to_owned(),
                })
                .into(),
            ..report("user_agent", "curl", Vec::new())
        },
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
    let expected = "  RELAY          VERDICT       SEEN INDICATORS JUDGEMENTS RELATIONS CALLS MS

● bad.example  domain  a note
  graph          –                2          ·          ·         ·     3 12
  securitytrails –                1          ·          ·         2     3 12
  gigamon        failed           ·          ·          ·         ·     3 12
    fatal unavailable: The provider is down for a while and answers with status
                       503; try again later.
  xforce         Malicious        1          1          1         ·     3 12

● 192.0.2.1  ip  a note
  defender       Suspicious       ·          ·          1         ·     3 12

● clean.example  domain  a note
  xforce         Clean            ·          ·          ·         ·     3 12

○ ws-042  hostname  a note
  securitytrails nothing known    ·          ·          ·         ·     3 12

○ curl  user_agent  a note
  not asked: xforce, graph: this relay does not look up user_agent
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

What failed
  gigamon  unavailable: The provider is down for a while and answers with status
           503; try again later.

7 lookups; 21 provider calls; 1.50 s in total; not looked up by any relay:
user_agent
";
    assert_eq!(plain(&summary::render(&investigation(), Duration::from_millis(1500))), expected);
}

#[test]
fn alerts_of_high_severity_stand_out_without_a_verdict() {
    let alert = |severity: &str| json!({"sightings": {"docs": [{"title": "Alert", "severity": severity}]}});
    let reports = [
        report("ip", "192.0.2.1", vec![finding("defender", alert("Low"))]),
        report("ip", "192.0.2.2", vec![finding("defender", alert("Medium"))]),
        report("ip", "192.0.2.3", vec![finding("xforce", json!({"verdicts": opinion("Suspicious")}))]),
        report("ip", "192.0.2.4", vec![finding("defender", alert("High"))]),
    ];
    let text = plain(&summary::render(&reports, Duration::ZERO));
    assert!(
        text.starts_with(
            "What stands out\nAlert of high severity  192.0.2.4\n  defender  Alert\nSuspicious  192.0.2.3\n\
             Alert of medium severity  192.0.2.2\n  defender  Alert\n"
        ),
        "{text}"
    );
}

#[test]
fn the_document_has_the_same_words_as_the_table() {
    let results = Results { reports: investigation(), took: Duration::from_millis(1500) };
    let document = results.document(&["a note".to_owned()]);
    let outcome =
        |position: usize, relay: usize| &document["observables"][position]["relays"][relay]["outcome"];
    assert_eq!(outcome(0, 0), "found");
    assert_eq!(outcome(1, 0), "nothing known");
    assert_eq!(outcome(2, 0), "not asked");
    assert_eq!(outcome(4, 2), "failed");
    assert_eq!(document["observables"][4]["verdict"], "Malicious");
    assert_eq!(document["observables"][4]["relays"][2]["errors"][0]["type"], "fatal");
    assert_eq!(document["notes"], json!(["a note"]));
    assert_eq!(results.exit_code(), 1);
}

#[test]
fn exit_codes_tell_nothing_known_from_nobody_asked() {
    let code = |findings: Vec<Finding>| {
        let reports = vec![report("ip", "192.0.2.1", findings)];
        Results { reports, took: Duration::ZERO }.exit_code()
    };
    let unreachable = || {
        let errors = vec![Problem::no_answer(&anyhow::anyhow!("no answer"))];
        Finding { errors, ..finding("xforce", json!({})) }
    };
    assert_eq!(code(Vec::new()), 2);
    assert_eq!(code(vec![unreachable()]), 2);
    assert_eq!(code(vec![unreachable(), finding("graph", json!({}))]), 1);
    assert_eq!(code(vec![finding("graph", json!({}))]), 3);
    assert_eq!(code(vec![finding("graph", json!({"verdicts": opinion("Clean")}))]), 0);
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
