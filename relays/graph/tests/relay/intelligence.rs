//! Threat Intelligence: reputation and passive DNS, and tenants without it.

use provider_sim::Answer;
use relay_testkit::{Setup, Stage, docs, errors};
use serde_json::{Value, json};

use crate::{alert_about, batch, page, refusal, rows, setup};

fn with(mode: &str) -> Setup {
    setup().setting("RELAY_PROVIDER__THREAT_INTEL", mode).at("2026-11-21T12:00:00Z")
}

/// A stage on which nothing is hunted, and a batch is answered so.
async fn answered(setup: Setup, responses: &[(usize, u16, Value)]) -> Stage {
    let stage = setup.start().await;
    stage.sim.answer("graph", rows(&json!([])));
    stage.sim.answer("graph", batch(responses));
    stage
}

fn reputation(word: &str) -> Value {
    json!({"classification": word, "score": 90, "rules": [
        {"name": "Low one", "severity": "low", "relatedDetailsUrl": "https://lists.example/low"},
        {"name": "High one", "severity": "high", "relatedDetailsUrl": "no link"},
    ]})
}

fn record(kind: &str, one: &str, other: &str, day: u32) -> Value {
    json!({
        "recordType": kind, "firstSeenDateTime": "2026-01-01T00:00:00Z", "parentHost": {"id": one},
        "lastSeenDateTime": format!("2026-10-{day:02}T00:00:00Z"), "artifact": {"id": other},
    })
}

fn batches(stage: &Stage) -> usize {
    stage.sim.calls_to("graph").iter().filter(|call| call.path.ends_with("$batch")).count()
}

const NAME: &str = "c2.bad.example";

#[tokio::test(flavor = "multi_thread")]
async fn a_reputation_is_a_judgement_and_a_verdict() {
    for (word, expected) in [
        ("malicious", Some((2, "High", "High", 85))),
        ("suspicious", Some((3, "Medium", "Medium", 85))),
        ("neutral", Some((5, "Low", "Info", 50))),
        ("unknown", None),
    ] {
        let stage = answered(with("auto"), &[(2, 404, refusal("x", "")), (1, 200, reputation(word))]).await;
        let answer = stage.observe(&[("domain", "C2.bad.example.")]).await;
        assert_eq!(errors(&answer), [], "{word}");
        let judgement = docs(&answer, "judgements").first();
        let found = judgement.map(|one| {
            (
                one["disposition"].clone(),
                one["confidence"].clone(),
                one["severity"].clone(),
                one["priority"].clone(),
            )
        });
        let expected = expected.map(|(number, confidence, severity, priority)| {
            (json!(number), json!(confidence), json!(severity), json!(priority))
        });
        assert_eq!(found, expected, "{word}: {answer}");
        if let Some(judgement) = judgement {
            assert_eq!(judgement["source"], "Microsoft Threat Intelligence");
            assert_eq!(judgement["reason_uri"], "https://lists.example/low");
            assert!(judgement["reason"].as_str().unwrap().contains("High one; Low one"), "{judgement}");
            assert_eq!(judgement["valid_time"]["end_time"], "2026-11-28T12:00:00Z");
            assert_eq!(docs(&answer, "verdicts")[0]["judgement_id"], judgement["id"]);
        }
        let asked = stage.sim.calls_to("graph");
        let asked = asked.iter().find(|call| call.path.ends_with("$batch")).unwrap().json().unwrap();
        let hosts = format!("/security/threatIntelligence/hosts/{NAME}");
        assert_eq!(asked["requests"][0]["url"], format!("{hosts}/reputation"));
        assert_eq!(asked["requests"][1]["url"], format!("{hosts}/passiveDns"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn passive_dns_is_read_either_way_round() {
    for (kind, value, records) in [
        ("domain", NAME, json!([record("A", NAME, "203.0.113.9", 3), record("CNAME", NAME, "x.example", 4)])),
        ("ip", "203.0.113.9", json!([record("A", NAME, "203.0.113.9", 3)])),
        ("ip", "203.0.113.9", json!([record("A", "203.0.113.9", NAME, 3)])),
    ] {
        let stage = answered(with("auto"), &[(2, 200, json!({"value": records}))]).await;
        let answer = stage.observe(&[(kind, value)]).await;
        let sighting = &docs(&answer, "sightings")[0];
        assert_eq!((&sighting["title"], &sighting["internal"]), (&json!("Passive DNS"), &json!(false)));
        assert_eq!(sighting["relations"].as_array().unwrap().len(), 1);
        let relation = &sighting["relations"][0];
        assert_eq!(relation["source"], json!({"type": "domain", "value": NAME}));
        assert_eq!(relation["related"], json!({"type": "ip", "value": "203.0.113.9"}));
        assert_eq!(sighting["observed_time"]["end_time"], "2026-10-03T00:00:00Z");
        assert_eq!(errors(&answer), [("warning", "key error")], "the reputation is missing in the batch");
    }
    let many: Vec<Value> = (0..80).map(|n| record("A", NAME, &format!("192.0.2.{n}"), 1 + n % 28)).collect();
    let stage = answered(with("auto"), &[(1, 404, json!({})), (2, 200, json!({"value": many}))]).await;
    let answer = stage.observe(&[("domain", NAME)]).await;
    assert_eq!(docs(&answer, "sightings")[0]["relations"].as_array().unwrap().len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_without_it_is_not_asked_again() {
    for (status, code, body) in [
        (403, "permission denied", refusal("Forbidden", "")),
        (401, "permission denied", refusal("InvalidAuthenticationToken", "")),
        (400, "permission denied", refusal("BadRequest", "")),
        (500, "unknown", refusal("generalException", "Error retrieving reputation")),
    ] {
        for (mode, expected) in [("auto", vec![]), ("on", vec![("warning", code)])] {
            let stage = answered(with(mode), &[(1, status, body.clone()), (2, status, body.clone())]).await;
            let answer = stage.observe(&[("domain", NAME)]).await;
            assert_eq!(errors(&answer), expected, "{status} {mode}");
            let answer = stage.observe(&[("domain", "other.bad.example")]).await;
            assert_eq!(errors(&answer).len(), usize::from(mode == "on"), "{status} {mode}");
            // A refused token is replaced once.
            assert_eq!(batches(&stage), if status == 401 { 2 } else { 1 }, "{status} {mode}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_failures_are_mentioned_once_and_not_remembered() {
    for (status, code) in [(429, "too many requests"), (503, "service unavailable"), (200, "key error")] {
        let body = if status == 200 { json!(7) } else { refusal("x", "") };
        let stage = answered(with("auto"), &[(1, status, body.clone()), (2, status, body)]).await;
        for n in 0..2 {
            let answer = stage.observe(&[("domain", &format!("c{n}.bad.example"))]).await;
            assert_eq!(errors(&answer), [("warning", code)], "{status}");
        }
        assert_eq!(batches(&stage), 2, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_hosts_of_the_internet_are_asked_about() {
    let stage = with("auto").start().await;
    stage.sim.answer("graph", rows(&json!([])));
    let none = [
        ("ip", "10.0.0.1"),
        ("ipv6", "fd00::1"),
        ("domain", "printer.local"),
        ("domain", "localhost"),
        ("hostname", "ws-042.corp.example"),
        ("url", "https://c2.bad.example/"),
    ];
    stage.observe(&none).await;
    assert_eq!(batches(&stage), 0);
    let names: Vec<String> = (0..60).map(|n| format!("n{n}.bad.example")).collect();
    let all: Vec<(&str, &str)> = names.iter().map(|name| ("domain", name.as_str())).collect();
    let answer = stage.deliberate(&all).await;
    assert_eq!(batches(&stage), 2, "forty hosts, reputation alone");
    assert_eq!(errors(&answer), [("warning", "unprocessed records")]);
    assert!(answer["errors"][0]["message"].as_str().unwrap().contains("20 further hosts"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_batches_a_few_hosts_are_asked_one_by_one() {
    let stage = with("auto").start().await;
    stage.sim.answer("graph", rows(&json!([])));
    stage.sim.answer("graph", Answer::post("/$batch").status(404).json(refusal("ResourceNotFound", "")));
    let names: Vec<String> = (0..12).map(|n| format!("n{n}.bad.example")).collect();
    let all: Vec<(&str, &str)> = names.iter().map(|name| ("domain", name.as_str())).collect();
    let answer = stage.observe(&all).await;
    let calls = stage.sim.calls_to("graph");
    let hosts = calls.iter().filter(|call| call.path.contains("threatIntelligence")).count();
    assert_eq!((hosts, errors(&answer)), (20, vec![("warning", "unprocessed records")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graver_opinion_wins_and_of_equal_ones_that_of_threat_intelligence() {
    let by_evidence = ("Microsoft Graph Security", 80);
    let by_hosts = ("Microsoft Threat Intelligence", 85);
    for (evidence, classification, judgements, expected) in [
        ("malicious", Some("neutral"), 2, Some((by_evidence, "Malicious"))),
        ("suspicious", Some("malicious"), 2, Some((by_hosts, "Malicious"))),
        ("malicious", Some("malicious"), 2, Some((by_hosts, "Malicious"))),
        ("suspicious", None, 1, Some((by_evidence, "Suspicious"))),
        ("suspicious", Some("unknown"), 1, Some((by_evidence, "Suspicious"))),
        ("noThreatsFound", Some("neutral"), 1, Some((("Microsoft Threat Intelligence", 50), "Unknown"))),
        ("noThreatsFound", None, 0, None),
    ] {
        let case = format!("{evidence} {classification:?}");
        let stage = with("auto").setting("RELAY_PROVIDER__V2_SEARCH", "scan").start().await;
        let mut alert = alert_about("a", "203.0.113.9");
        alert["evidence"][0]["verdict"] = json!(evidence);
        stage.sim.answer("graph", Answer::get("/security/alerts_v2").json(page(&json!([alert]))));
        let report = match classification {
            Some(word) => (1, 200, reputation(word)),
            None => (1, 404, refusal("ResourceNotFound", "")),
        };
        stage.sim.answer("graph", batch(&[report, (2, 404, refusal("ResourceNotFound", ""))]));
        let answer = stage.observe(&[("ip", "203.0.113.9")]).await;
        assert_eq!((docs(&answer, "judgements").len(), errors(&answer)), (judgements, vec![]), "{case}");
        let verdict = docs(&answer, "verdicts").first();
        let winner = verdict.map(|verdict| {
            let of = |one: &&Value| one["id"] == verdict["judgement_id"];
            let judgement = docs(&answer, "judgements").iter().find(of).unwrap();
            let (source, priority) =
                (judgement["source"].as_str().unwrap(), judgement["priority"].as_i64().unwrap());
            ((source, priority), verdict["disposition_name"].as_str().unwrap())
        });
        assert_eq!(winner, expected, "{case}");
        let judged = stage.deliberate(&[("ip", "203.0.113.9")]).await;
        let of_both = [&answer, &judged]
            .map(|answer| docs(answer, "verdicts").first().map(|one| one["disposition"].clone()));
        assert_eq!(of_both[0], of_both[1], "{case}");
    }
}
