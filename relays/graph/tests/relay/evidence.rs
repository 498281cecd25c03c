//! Evidence in all its forms: what it is found by, and what is reported of it.

use provider_sim::Answer;
use relay_testkit::{Stage, docs, errors};
use serde_json::{Value, json};

use crate::{page, v2};

/// A relay that finds an alert with this evidence and further fields by a scan.
async fn alert(evidence: Value, fields: Value) -> Stage {
    let stage = v2("scan").start().await;
    let mut alert = json!({
        "id": "a", "title": "An alert", "severity": "high", "createdDateTime": "2026-11-02T08:00:00Z",
        "evidence": evidence,
    });
    alert.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    stage.sim.answer("graph", Answer::get("/security/alerts_v2").json(page(&json!([alert]))));
    stage
}

fn evidence(kind: &str, fields: Value) -> Value {
    let mut evidence = fields;
    evidence["@odata.type"] = json!(format!("#microsoft.graph.security.{kind}Evidence"));
    evidence
}

async fn finds(stage: &Stage, observables: &[(&str, &str)], expected: bool) {
    for observable in observables {
        let answer = stage.observe(&[*observable]).await;
        assert_eq!(errors(&answer), [], "{observable:?}");
        assert_eq!(docs(&answer, "sightings").len(), usize::from(expected), "{observable:?}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapped_address_is_the_address() {
    let mapped = "::ffff:203.0.113.9";
    for one in [
        evidence("ip", json!({"ipAddress": mapped})),
        evidence("networkConnection", json!({"sourceAddress": {"ipAddress": mapped}})),
        evidence("networkConnection", json!({"destinationAddress": {"ipAddress": mapped}})),
        evidence("dns", json!({"ipAddresses": [{"ipAddress": mapped}]})),
        evidence("dns", json!({"dnsServerIp": {"ipAddress": mapped}})),
        evidence("dns", json!({"hostIpAddress": {"ipAddress": mapped}})),
        evidence("device", json!({"ipInterfaces": [mapped]})),
        evidence("device", json!({"lastIpAddress": mapped})),
        evidence("device", json!({"lastExternalIpAddress": mapped})),
        evidence("analyzedMessage", json!({"senderIp": mapped})),
        evidence("url", json!({"url": "https://[::ffff:203.0.113.9]/a"})),
        evidence("url", json!({"url": mapped})),
    ] {
        let stage = alert(json!([one]), json!({})).await;
        finds(&stage, &[("ip", "203.0.113.9"), ("ipv6", mapped)], true).await;
        finds(&stage, &[("ip", "203.0.113.90")], false).await;
    }
    let device = evidence("device", json!({"hostName": "ws-1", "lastExternalIpAddress": mapped}));
    let stage = alert(json!([device]), json!({})).await;
    let answer = stage.observe(&[("ipv6", mapped)]).await;
    let sighting = &docs(&answer, "sightings")[0];
    assert_eq!(sighting["observables"], json!([{"type": "ipv6", "value": mapped}]), "as asked");
    assert_eq!(sighting["targets"][0]["observables"][0], json!({"type": "ip", "value": "203.0.113.9"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn international_names_are_found_in_either_form() {
    let names = [("domain", "b\u{fc}cher.example"), ("domain", "xn--bcher-kva.example.")];
    for url in ["https://XN--BCHER-KVA.example:8443/a", "https://B\u{fc}cher.example/", "b\u{fc}cher.example"]
    {
        let stage = alert(json!([evidence("url", json!({"url": url}))]), json!({})).await;
        finds(&stage, &names, true).await;
        finds(&stage, &[("domain", "example")], false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_found_by_all_that_it_names() {
    let mail = evidence(
        "analyzedMessage",
        json!({
            "internetMessageId": "<m1@mail.bad.example>", "networkMessageId": "n1", "subject": "Invoice 4711",
            "senderIp": "198.51.100.25", "recipientEmailAddress": "jdoe@corp.example", "urls": ["https://login.bad.example/a"],
            "p1Sender": {"emailAddress": "bounce@mail.bad.example", "domainName": "mail.bad.example"},
            "p2Sender": {"emailAddress": "billing@bad.example"}, "deliveryAction": "delivered", "deliveryLocation": "inbox",
        }),
    );
    let stage = alert(json!([mail]), json!({})).await;
    let found = [
        ("email", "billing@BAD.example"),
        ("email", "bounce@mail.bad.example"),
        ("email", "jdoe@corp.example"),
        ("domain", "bad.example"),
        ("domain", "mail.bad.example"),
        ("domain", "login.bad.example"),
        ("url", "https://login.bad.example/a"),
        ("ip", "198.51.100.25"),
        ("email_subject", "invoice 4711"),
        ("email_messageid", "m1@mail.bad.example"),
        ("email_messageid", "<m1@mail.bad.example>"),
        ("email_messageid", "N1"),
    ];
    finds(&stage, &found, true).await;
    finds(&stage, &[("domain", "example"), ("email", "corp.example@x.example"), ("user", "jdoe")], false)
        .await;
    let answer = stage.observe(&[("email_subject", "Invoice 4711")]).await;
    let sighting = &docs(&answer, "sightings")[0];
    let relations: Vec<String> = sighting["relations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            format!("{} {} {}", one["source"]["value"], one["relation"], one["related"]["value"])
                .replace('"', "")
        })
        .collect();
    let id = "<m1@mail.bad.example>";
    assert_eq!(
        relations,
        [
            format!("billing@bad.example Sent {id}"),
            format!("bounce@mail.bad.example Sent {id}"),
            format!("bad.example Sent {id}"),
            format!("mail.bad.example Sent {id}"),
            format!("{id} Sent_To jdoe@corp.example"),
            format!("{id} Received_From 198.51.100.25"),
            format!("{id} Contains https://login.bad.example/a"),
            format!("Invoice 4711 Characterizes {id}"),
        ]
    );
    assert_eq!(
        sighting["targets"][0]["observables"],
        json!([{"type": "email", "value": "jdoe@corp.example"}])
    );
    assert_eq!(sighting["data"]["rows"], json!([["Delivery", "delivered to inbox"]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_targets_and_system_accounts_are_nobody() {
    let user = |roles: Value, name: &str, sid: &str| {
        evidence(
            "user",
            json!({"roles": roles, "userAccount": {"accountName": name, "userSid": sid, "domainName": "CORP",
                   "userPrincipalName": "jdoe@corp.example"}}),
        )
    };
    let system = json!({"userAccount": {"accountName": "SYSTEMKONTO", "userSid": "S-1-5-18"}, "imageFile": {"fileName": "a.exe"}});
    let mailbox = evidence(
        "mailbox",
        json!({"primaryAddress": "jdoe@corp.example", "upn": "jdoe@corp.example", "userAccount": {"accountName": ""}}),
    );
    let all = json!([
        user(json!([]), "jdoe", "S-1-5-21-1"),
        user(json!(["attacker"]), "mallory", "S-1-5-21-2"),
        evidence("process", system),
        mailbox,
    ]);
    let stage = alert(all, json!({})).await;
    let answer = stage.observe(&[("user", "jdoe")]).await;
    let sighting = &docs(&answer, "sightings")[0];
    assert_eq!(sighting["targets"].as_array().unwrap().len(), 1, "{sighting}");
    let account = json!([{"type": "user", "value": "jdoe"}, {"type": "email", "value": "jdoe@corp.example"}]);
    assert_eq!(sighting["targets"][0]["observables"], account);
    assert_eq!(sighting["relations"], json!([]));
    finds(&stage, &[("user", "CORP\\jdoe"), ("user", "jdoe@corp.example"), ("user", "mallory")], true).await;
    finds(&stage, &[("user", "OTHER\\jdoe"), ("user", "systemkonto")], false).await;
    let nowhere = evidence("user", json!({"userAccount": {"accountName": "jdoe"}}));
    finds(&alert(json!([nowhere]), json!({})).await, &[("user", "CORP\\jdoe")], true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_alert_says_so() {
    let verdict = evidence("ip", json!({"ipAddress": "203.0.113.9", "verdict": "suspicious"}));
    for (fields, title, confidence, severity) in [
        (json!({"classification": "falsePositive"}), "[False positive] An alert", "None", "None"),
        (
            json!({"classification": "informationalExpectedActivity", "status": "resolved"}),
            "[Expected activity] An alert",
            "Low",
            "Info",
        ),
        (json!({"status": "resolved"}), "[Resolved] An alert", "Medium", "High"),
        (
            json!({"status": "resolved", "classification": "truePositive"}),
            "[Resolved] An alert",
            "High",
            "High",
        ),
        (json!({"status": "new", "classification": "truePositive"}), "An alert", "High", "High"),
        (json!({"status": "inProgress"}), "An alert", "Medium", "High"),
        (json!({"status": "resolved", "title": null}), "[Resolved]", "Medium", "High"),
    ] {
        let stage = alert(json!([verdict]), fields.clone()).await;
        let answer = stage.observe(&[("ip", "203.0.113.9")]).await;
        let sighting = &docs(&answer, "sightings")[0];
        assert_eq!(sighting["title"], title, "{fields}");
        assert_eq!(
            (&sighting["confidence"], &sighting["severity"]),
            (&json!(confidence), &json!(severity)),
            "{fields}"
        );
        let has_severity =
            sighting["data"]["rows"].as_array().unwrap().contains(&json!(["Severity", "high"]));
        assert_eq!(has_severity, severity != "High", "{fields}");
        let judged = docs(&answer, "verdicts").len();
        assert_eq!(judged, usize::from(!title.contains("False") && !title.contains("Expected")) * judged);
    }
}
