//! Judgements and verdicts from the evidence of alerts.

use provider_sim::Answer;
use relay_testkit::{Setup, docs, errors};
use serde_json::{Value, json};

use crate::{page, v2};

fn setup() -> Setup {
    v2("scan").at("2026-11-21T12:00:00Z")
}

fn alert(id: &str, last: &str, evidence: Value) -> Value {
    json!({
        "id": id, "title": format!("Alert {id}"), "severity": "high", "createdDateTime": last,
        "firstActivityDateTime": last, "lastActivityDateTime": last, "evidence": Value::from(vec![evidence]),
    })
}

fn evidence(kind: &str, verdict: &str, fields: Value) -> Value {
    let mut evidence = fields;
    evidence["@odata.type"] = json!(format!("#microsoft.graph.security.{kind}Evidence"));
    evidence["verdict"] = json!(verdict);
    evidence
}

async fn observe(alerts: Value, observable: (&str, &str)) -> Value {
    let stage = setup().start().await;
    stage.sim.answer("graph", Answer::get("/security/alerts_v2").json(page(&alerts)));
    stage.observe(&[observable]).await
}

const NEW: &str = "2026-11-20T08:00:00Z";
const OLD: &str = "2026-10-20T08:00:00Z";
const ADDRESS: &str = "203.0.113.9";

fn address(verdict: &str) -> Value {
    evidence("ip", verdict, json!({"ipAddress": ADDRESS}))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graver_verdict_of_the_newest_alert_decides() {
    let alerts = json!([
        alert("a", "2026-11-19T08:00:00Z", address("malicious")),
        alert("b", NEW, address("suspicious")),
        alert("c", "2026-11-19T09:00:00Z", address("malicious")),
    ]);
    let answer = observe(alerts, ("ip", ADDRESS)).await;
    assert_eq!((docs(&answer, "judgements").len(), docs(&answer, "verdicts").len()), (1, 1));
    let judgement = &docs(&answer, "judgements")[0];
    assert_eq!(judgement["external_ids"], json!(["c"]));
    assert_eq!((&judgement["disposition"], &judgement["priority"]), (&json!(2), &json!(80)));
    assert_eq!((&judgement["confidence"], &judgement["severity"]), (&json!("High"), &json!("High")));
    assert_eq!(
        judgement["valid_time"],
        json!({"start_time": "2026-11-19T09:00:00Z", "end_time": "2026-12-19T09:00:00Z"})
    );
    assert!(judgement["reason"].as_str().unwrap().contains("2 alerts"), "{judgement}");
    let verdict = &docs(&answer, "verdicts")[0];
    assert_eq!(
        (&verdict["judgement_id"], &verdict["disposition_name"]),
        (&judgement["id"], &json!("Malicious"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_evidence_that_is_the_observable_counts() {
    let hash = "a".repeat(64);
    let file = json!({"sha256": hash});
    let mut dismissed = alert("a", NEW, address("malicious"));
    dismissed["classification"] = json!("falsePositive");
    for (name, alerts, observable, expected) in [
        ("a false positive", json!([dismissed]), ("ip", ADDRESS), None),
        ("no threat", json!([alert("a", NEW, address("noThreatsFound"))]), ("ip", ADDRESS), None),
        ("an old alert", json!([alert("a", OLD, address("malicious"))]), ("ip", ADDRESS), None),
        (
            "a process",
            json!([alert("a", NEW, evidence("process", "malicious", json!({"imageFile": file})))]),
            ("sha256", hash.as_str()),
            None,
        ),
        (
            "a file of an old alert",
            json!([alert("a", OLD, evidence("file", "malicious", json!({"fileDetails": file})))]),
            ("sha256", hash.as_str()),
            Some("2525-01-01T00:00:00Z"),
        ),
        (
            "the host of a longer URL",
            json!([alert("a", NEW, evidence("url", "malicious", json!({"url": "https://c2.example/p"})))]),
            ("domain", "c2.example"),
            None,
        ),
        (
            "a name as a URL",
            json!([alert("a", NEW, evidence("url", "malicious", json!({"url": "https://C2.example/"})))]),
            ("domain", "c2.example"),
            Some("2026-12-20T08:00:00Z"),
        ),
        (
            "a private address",
            json!([alert("a", NEW, evidence("ip", "malicious", json!({"ipAddress": "10.0.0.1"})))]),
            ("ip", "10.0.0.1"),
            None,
        ),
    ] {
        let answer = observe(alerts, observable).await;
        assert_eq!((docs(&answer, "sightings").len(), errors(&answer)), (1, vec![]), "{name}: {answer}");
        let end = docs(&answer, "verdicts").first().map(|one| one["valid_time"]["end_time"].clone());
        assert_eq!(end, expected.map(|end| json!(end)), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opinions_can_be_switched_off() {
    let stage = setup().setting("RELAY_PROVIDER__VERDICTS", "off").start().await;
    let alerts = json!([alert("a", NEW, address("malicious"))]);
    stage.sim.answer("graph", Answer::get("/security/alerts_v2").json(page(&alerts)));
    let answer = stage.observe(&[("ip", ADDRESS)]).await;
    assert_eq!((docs(&answer, "judgements").len(), docs(&answer, "sightings").len()), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nothing_to_judge_by_there_is_no_deliberation() {
    let off = || setup().setting("RELAY_PROVIDER__VERDICTS", "off");
    let stage = off().start().await;
    assert_eq!(stage.raw("/deliberate/observables", Some(&stage.token()), "[]").await.status(), 404);
    let stage = off().setting("RELAY_PROVIDER__THREAT_INTEL", "auto").start().await;
    assert_eq!(stage.raw("/deliberate/observables", Some(&stage.token()), "[]").await.status(), 200);
    let before = stage.sim.calls_to("graph").len();
    assert_eq!(stage.deliberate(&[("sha256", &"a".repeat(64))]).await, json!({"data": {}}));
    assert_eq!(stage.sim.calls_to("graph").len(), before, "no host among them");
}
