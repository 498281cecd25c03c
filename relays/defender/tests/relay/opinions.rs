//! Verdicts and judgements.

use provider_sim::{Answer, Fault};
use relay_testkit::{Stage, docs, errors};
use serde_json::{Value, json};

use crate::{calls, full, rows};

const NOW: &str = "2026-11-02T12:00:00Z";

fn indicator(id: u32, kind: &str, value: &str, action: &str, more: Value) -> Value {
    let mut indicator = json!({
        "id": id.to_string(), "indicatorType": kind, "indicatorValue": value, "action": action, "severity": "High",
        "title": "Wave", "creationTimeDateTimeUtc": "2026-05-01T00:00:00Z", "expirationTime": null, "rbacGroupNames": [],
    });
    if let Value::Object(more) = more {
        indicator.as_object_mut().unwrap().extend(more);
    }
    indicator
}

async fn stage(indicators: Value) -> Stage {
    let stage = full().at(NOW).setting("RELAY_CACHE__TTL", "0s").start().await;
    stage.sim.answer("defender", Answer::get("/indicators").json(json!({ "value": indicators })));
    stage
}

/// `value disposition` of each verdict.
fn verdicts(answer: &Value) -> Vec<String> {
    let verdict = |one: &Value| {
        format!(
            "{} {}",
            one["observable"]["value"].as_str().unwrap(),
            one["disposition_name"].as_str().unwrap()
        )
    };
    docs(answer, "verdicts").iter().map(verdict).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_customers_indicators_are_verdicts_asked_for_in_one_call() {
    let md5 = "e".repeat(32);
    let none = json!({});
    let stage = stage(json!([
        indicator(1, "DomainName", "B.example.", "Block", none.clone()),
        indicator(2, "IpAddress", "192.0.2.1", "Audit", none.clone()),
        indicator(3, "FileSha256", &"A".repeat(64), "Allowed", none.clone()),
        indicator(4, "FileMd5", &md5, "Block", json!({"expirationTime": "2026-11-02T11:59:59Z"})),
        indicator(5, "Url", "b.example", "Block", none),
    ]))
    .await;
    let sha256 = "a".repeat(64);
    for hash in [&sha256, &md5] {
        stage.sim.answer("defender", Answer::get(&format!("/files/{hash}")).status(404));
    }
    let about = [
        ("domain", "b.example"),
        ("ip", "192.0.2.1"),
        ("sha256", sha256.as_str()),
        ("url", "https://c.example/"),
        ("md5", md5.as_str()),
        ("hostname", "b.example"),
    ];
    let answer = stage.deliberate(&about).await;
    assert_eq!(errors(&answer), []);
    assert_eq!(
        verdicts(&answer),
        ["b.example Malicious".to_owned(), "192.0.2.1 Suspicious".to_owned(), format!("{sha256} Clean")]
    );
    let verdict = &docs(&answer, "verdicts")[0];
    assert_eq!(
        verdict["valid_time"],
        json!({"start_time": "2026-05-01T00:00:00Z", "end_time": "2525-01-01T00:00:00Z"})
    );
    assert!(verdict.get("judgement_id").is_none());
    assert_eq!(calls(&stage).iter().filter(|call| call.contains("indicators")).count(), 1);
    assert_eq!(stage.deliberate(&[]).await, json!({"data": {}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_indicators_the_one_counts_that_defender_goes_by() {
    let both = |kind: &str, value: &str| {
        json!([
            indicator(1, kind, value, "Allowed", json!({})),
            indicator(2, kind, value, "Block", json!({})),
            indicator(3, kind, value, "Warn", json!({})),
        ])
    };
    let hash = "b".repeat(40);
    let one = stage(both("FileSha1", &hash)).await;
    one.sim.answer("defender", Answer::get(&format!("/files/{hash}")).status(404));
    assert_eq!(verdicts(&one.deliberate(&[("sha1", &hash)]).await), [format!("{hash} Malicious")]);
    let other = stage(both("DomainName", "b.example")).await;
    assert_eq!(verdicts(&other.deliberate(&[("domain", "b.example")]).await), ["b.example Clean"]);
    let limited = stage(json!([
        indicator(1, "DomainName", "b.example", "Allowed", json!({"rbacGroupNames": ["Lab"]})),
        indicator(2, "DomainName", "b.example", "Block", json!({})),
    ]))
    .await;
    assert_eq!(verdicts(&limited.deliberate(&[("domain", "b.example")]).await), ["b.example Malicious"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_defender_makes_of_a_file_is_a_verdict_after_the_indicators() {
    let hash = "b".repeat(40);
    let table = [
        ("Pua", "PUA:Win32/FusionCore", json!([]), Some("Suspicious")),
        ("MALWARE", "", json!([]), Some("Malicious")),
        ("Unknown", "", json!([]), None),
        ("Whatever", "", json!([]), None),
        ("Malware", "", json!([indicator(1, "FileSha1", &hash, "Allowed", json!({}))]), Some("Clean")),
    ];
    for (kind, value, indicators, expected) in table {
        let stage = stage(indicators).await;
        let file = json!({"sha1": hash, "determinationType": kind, "determinationValue": value});
        stage.sim.answer("defender", Answer::get(&format!("/files/{hash}")).json(file));
        let answer = stage.deliberate(&[("sha1", &hash)]).await;
        let expected: Vec<String> = expected.map(|word| format!("{hash} {word}")).into_iter().collect();
        assert_eq!(verdicts(&answer), expected, "{kind}");
        rows(&stage, &json!([]));
        let observed = stage.observe(&[("sha1", &hash)]).await;
        assert_eq!(verdicts(&observed), expected, "{kind}");
        if kind == "Pua" {
            let judgement = &docs(&observed, "judgements")[0];
            assert_eq!(judgement["reason"], "Defender determination: Pua (PUA:Win32/FusionCore)");
            assert_eq!((&judgement["priority"], &judgement["confidence"]), (&json!(85), &json!("Medium")));
            assert_eq!(
                judgement["valid_time"],
                json!({"start_time": "2026-11-02T12:00:00Z", "end_time": "2026-11-09T12:00:00Z"})
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judgement_says_why_and_for_whom() {
    let more = json!({"rbacGroupNames": ["Lab", "Test"], "severity": "Informational", "expirationTime": "2099-06-01T00:00:00Z"});
    let stage = stage(json!([indicator(7, "DomainName", "b.example", "Block", more)])).await;
    rows(&stage, &json!([]));
    let answer = stage.observe(&[("domain", "b.example")]).await;
    let [judgement] = docs(&answer, "judgements") else { panic!("{answer}") };
    assert_eq!(judgement["reason"], "Custom indicator: Block - Wave (device groups: Lab, Test)");
    assert_eq!(
        (
            &judgement["priority"],
            &judgement["confidence"],
            &judgement["severity"],
            &judgement["external_ids"]
        ),
        (&json!(88), &json!("Medium"), &json!("Info"), &json!(["7"]))
    );
    let [verdict] = docs(&answer, "verdicts") else { panic!("{answer}") };
    assert_eq!(verdict["judgement_id"], judgement["id"]);
    assert_eq!(verdict["valid_time"]["end_time"], "2099-06-01T00:00:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_values_that_are_refused_are_asked_for_one_by_one() {
    let stage = full().claim("tenant_id", "no-lists.example").setting("RELAY_CACHE__TTL", "0s").start().await;
    for (most, lists) in [(3, 1), (2, 0)] {
        let before = calls(&stage).len();
        let answer = stage.deliberate(&[("domain", "known-bad.example"), ("ip", "203.0.113.99")]).await;
        assert_eq!((verdicts(&answer).len(), errors(&answer)), (2, vec![]));
        let made = calls(&stage).split_off(before);
        assert_eq!(
            (made.len(), made.iter().filter(|call| call.contains("%20in%20")).count()),
            (most, lists),
            "{made:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_not_permitted_is_reported_and_not_asked_again() {
    let hash = "b".repeat(40);
    let stage = full().start().await;
    stage
        .sim
        .answer("defender", Answer::get(&format!("/files/{hash}")).json(json!({"determinationType": "Pua"})));
    stage.sim.faults().add(Fault::status(403).on("defender").path("/indicators"));
    for _ in 0..2 {
        let answer = stage.deliberate(&[("sha1", &hash)]).await;
        assert_eq!(errors(&answer), [("warning", "permission denied")]);
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("VERDICTS=files") && message.contains("Ti.ReadWrite"), "{message}");
        assert_eq!(verdicts(&answer), [format!("{hash} Suspicious")]);
    }
    rows(&stage, &json!([]));
    assert_eq!(errors(&stage.observe(&[("sha1", &hash)]).await), []);
    assert_eq!(calls(&stage).iter().filter(|call| call.contains("indicators")).count(), 1);
    let stage = full().start().await;
    stage.sim.faults().add(Fault::status(403).on("defender"));
    let answer = stage.deliberate(&[("sha1", &hash)]).await;
    assert_eq!(errors(&answer), [("fatal", "permission denied"); 2]);
}
