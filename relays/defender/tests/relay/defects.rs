//! A test for each known defect of the relay's predecessor that the other tests do not show.

use futures::StreamExt;
use provider_sim::{Answer, Fault};
use relay_testkit::{docs, errors};
use serde_json::{Value, json};

use crate::{MACHINE, SHA1, alert, alerts, calls, queries, relations, rows, setup};

const PATH: &str = "/files/00000000000000000000000000000000000000aa/alerts";

/// The relations of one alert with this evidence.
async fn of_evidence(techniques: Value, evidence: Value) -> Vec<String> {
    let stage = setup().setting("RELAY_PROVIDER__MAX_ENRICHMENT", "0").start().await;
    let rest = json!({"mitreTechniques": techniques, "evidence": evidence});
    alerts(&stage, PATH, &json!([alert("a1", &rest)]));
    rows(&stage, &json!([]));
    let answer = stage.observe(&[("sha1", SHA1)]).await;
    relations(&docs(&answer, "sightings")[0])
}

fn process(hash: char, id: Option<u32>, started: &str, parent: Option<u32>, parent_started: &str) -> Value {
    json!({
        "entityType": "Process", "sha1": hash.to_string().repeat(40), "processId": id, "processCreationTime": started,
        "parentProcessId": parent, "parentProcessCreationTime": parent_started,
    })
}

/// An alert, and its relations: all of them are about this digit.
fn alert_of(digit: char) -> (Value, Vec<String>) {
    let (parent, child) = (digit.to_string().repeat(40), format!("{digit}0").repeat(20));
    let (name, address) = (format!("{digit}.example"), format!("2001:db8::{digit}"));
    let mut evidence = json!([
        process(digit, Some(7), "", Some(1), ""),
        {"entityType": "Process", "sha1": child, "processId": 9, "parentProcessId": 7, "fileName": format!("{digit}.exe")},
        {"entityType": "Ip", "ipAddress": address},
        {"entityType": "Url", "url": name},
    ]);
    evidence[0]["filePath"] = json!(format!("C:\\{digit}"));
    let relations = vec![
        format!("C:\\{digit} File_Path_Of {parent}"),
        format!("{digit}.exe File_Name_Of {child}"),
        format!("{parent} Parent_Of {child}"),
        format!("{parent} Injected_Into {child}"),
        format!("{name} Resolved_To {address}"),
        format!("{child} Connect_To {name}"),
        format!("{child} Connect_To {address}"),
    ];
    let rest = json!({"mitreTechniques": ["T1055"], "evidence": evidence, "title": digit.to_string()});
    (alert(&format!("alert {digit}"), &rest), relations)
}

#[tokio::test(flavor = "multi_thread")]
async fn relations_of_different_sightings_do_not_mix() {
    let stage = setup().setting("RELAY_PROVIDER__MAX_ENRICHMENT", "0").start().await;
    let (one, other) = (alert_of('a'), alert_of('b'));
    alerts(&stage, PATH, &json!([one.0, other.0]));
    rows(&stage, &json!([]));
    let answer = stage.observe(&[("sha1", SHA1)]).await;
    let [first, second] = docs(&answer, "sightings") else { panic!("{answer}") };
    assert_eq!((relations(first), relations(second)), (one.1, other.1));
    assert_eq!((&first["count"], &second["count"]), (&json!(1), &json!(1)), "not the number of hits");
    // The same a thousand times, many in parallel: to the byte.
    let (token, body) = (stage.token(), json!([{"type": "sha1", "value": SHA1}]).to_string());
    let ask = |_| async {
        let answer = stage.raw("/observe/observables", Some(&token), body.clone()).await;
        answer.json::<Value>().await.unwrap()
    };
    let mut answers = futures::stream::iter(0..1000).map(ask).buffer_unordered(32);
    let mut count = 0;
    while let Some(again) = answers.next().await {
        assert_eq!(again, answer);
        count += 1;
    }
    assert_eq!(count, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_with_several_adapters_does_not_multiply_its_events() {
    let stage = setup().start().await;
    alerts(&stage, "/domains/a.example/alerts", &json!([]));
    let row = |n: u32| json!({"Timestamp": format!("2026-11-01T00:00:{n:02}Z"), "DeviceId": MACHINE, "ReportId": n});
    rows(&stage, &json!([row(1), row(1), row(1), row(2), row(2), row(2)]));
    let answer = stage.observe(&[("domain", "a.example")]).await;
    assert_eq!(docs(&answer, "sightings").len(), 2);
    let query = &queries(&stage)[0];
    assert!(!query.contains("join") && query.contains("by Timestamp desc"), "{query}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_carries_over_from_one_piece_of_evidence_to_the_next() {
    let evidence = json!([
        {"entityType": "File", "sha1": "a".repeat(40), "fileName": "a.exe"},
        {"entityType": "File", "fileName": "without hash.exe"},
        {"entityType": "Process", "sha1": "b".repeat(40)},
        {"entityType": "Ip", "ipAddress": "203.0.113.9"},
        {"entityType": "File", "sha1": "c".repeat(40), "fileName": "c.exe"},
    ]);
    let (a, b, c) = ("a".repeat(40), "b".repeat(40), "c".repeat(40));
    assert_eq!(
        of_evidence(json!([]), evidence).await,
        [
            format!("a.exe File_Name_Of {a}"),
            format!("c.exe File_Name_Of {c}"),
            format!("{b} Connect_To 203.0.113.9"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn parents_are_known_by_id_and_time_and_injection_by_technique() {
    let (early, later, much_later) =
        ("2026-11-02T07:00:00Z", "2026-11-02T07:00:00.9Z", "2026-11-02T08:00:00Z");
    let (a, b) = ("a".repeat(40), "b".repeat(40));
    let parent = format!("{a} Parent_Of {b}");
    let injected = format!("{a} Injected_Into {b}");
    let table = [
        // Technique, id of the parent, when it started by its own word and by the child's; what follows.
        (json!(["T1055.012"]), Some(7), early, later, vec![parent.clone(), injected.clone()]),
        (json!(["T1055"]), Some(7), early, "", vec![parent.clone(), injected]),
        (json!(["T1059"]), Some(7), early, early, vec![parent.clone()]),
        (json!(["T10555"]), Some(7), early, early, vec![parent.clone()]),
        (json!(null), Some(7), early, early, vec![parent]),
        // The id of a process that ended is used again.
        (json!(["T1055"]), Some(7), early, much_later, vec![]),
        (json!(["T1055"]), None, early, early, vec![]),
        (json!(["T1055"]), Some(8), early, early, vec![]),
    ];
    for (techniques, id, own, claimed, expected) in table {
        let evidence =
            json!([process('a', id, own, Some(1), early), process('b', Some(9), later, Some(7), claimed)]);
        assert_eq!(of_evidence(techniques.clone(), evidence).await, expected, "{techniques} {own} {claimed}");
    }
    let without_ids = json!([process('a', None, early, None, early), process('b', None, early, None, early)]);
    assert_eq!(of_evidence(json!(["T1055"]), without_ids).await, [""; 0], "unknown ids are not equal");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_those_of_a_host_only_where_there_is_one_host() {
    let with = |urls: &[&str]| {
        let mut evidence = vec![json!({"entityType": "Ip", "ipAddress": "2001:db8::9"})];
        evidence.extend(urls.iter().map(|url| json!({"entityType": "Url", "url": url})));
        Value::from(evidence)
    };
    let one = of_evidence(json!([]), with(&["https://A.example/x", "a.example"])).await;
    assert_eq!(one, ["a.example Resolved_To 2001:db8::9"]);
    assert_eq!(of_evidence(json!([]), with(&["a.example", "b.example"])).await, [""; 0]);
    assert_eq!(of_evidence(json!([]), with(&["a.example", "203.0.113.9"])).await, [""; 0]);
    assert_eq!(of_evidence(json!([]), with(&[])).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_connects_to_every_host_and_address_of_its_alert() {
    let evidence = json!([
        {"entityType": "Process", "sha1": "a".repeat(40)},
        {"entityType": "Url", "url": "a.example"},
        {"entityType": "Ip", "ipAddress": "203.0.113.9"},
        {"entityType": "Url", "url": "https://b.example/x"},
    ]);
    let hash = "a".repeat(40);
    let expected =
        ["a.example", "https://b.example/x", "203.0.113.9"].map(|to| format!("{hash} Connect_To {to}"));
    assert_eq!(
        of_evidence(json!([]), evidence).await,
        expected,
        "and no address is said to be of either host"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn directions_are_those_of_the_connection() {
    let stage = setup().setting("RELAY_PROVIDER__MAX_ENRICHMENT", "0").start().await;
    alerts(&stage, "/ips/203.0.113.9/alerts", &json!([]));
    let hash = "d".repeat(40);
    let row = |action: &str, url: &str, report: u32| {
        json!({
            "Timestamp": format!("2026-11-01T00:00:0{}Z", 9 - report), "DeviceId": "d", "ReportId": report,
            "ActionType": action, "RemoteIP": "::ffff:203.0.113.9", "RemoteUrl": url, "LocalIP": "10.0.0.1",
            "InitiatingProcessSHA1": hash,
        })
    };
    let list = [
        row("ConnectionSuccess", "https://c2.bad.example/p", 1),
        row("InboundConnectionAccepted", "c2.bad.example", 2),
        row("ConnectionSuccess", "", 3),
    ];
    rows(&stage, &json!(list));
    let answer = stage.observe(&[("ip", "203.0.113.9")]).await;
    let [outbound, inbound, bare] = docs(&answer, "sightings") else { panic!("{answer}") };
    assert_eq!(
        relations(outbound),
        [
            "c2.bad.example Resolved_To 203.0.113.9".to_owned(),
            "10.0.0.1 Connect_To 203.0.113.9".to_owned(),
            format!("{hash} Connect_To https://c2.bad.example/p"),
            format!("{hash} Connect_To 203.0.113.9"),
        ]
    );
    assert_eq!(
        relations(inbound),
        ["203.0.113.9 Connect_To 10.0.0.1".to_owned(), format!("{hash} Connected_From 203.0.113.9")]
    );
    assert_eq!(relations(bare).len(), 2);
    let types: Vec<_> =
        outbound["relations"].as_array().unwrap().iter().map(|one| &one["related"]["type"]).collect();
    assert_eq!(types, ["ip", "ip", "url", "ip"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ipv6_events_have_relations_of_their_type() {
    let stage = setup().start().await;
    let row = json!({"Timestamp": "2026-11-01T00:00:00Z", "DeviceId": "d", "ActionType": "ConnectionSuccess",
                     "RemoteIP": "2001:db8::9", "LocalIP": "fe80::1"});
    rows(&stage, &json!([row]));
    // The simulated provider refuses addresses of that family with 400, as the real one.
    let answer = stage.observe(&[("ipv6", "2001:db8::9")]).await;
    assert_eq!(errors(&answer), []);
    let relation = &docs(&answer, "sightings")[0]["relations"][0];
    assert_eq!((&relation["source"]["type"], &relation["related"]["type"]), (&json!("ipv6"), &json!("ipv6")));
    assert_eq!(calls(&stage)[0], "GET /ips/2001:db8::9/alerts");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_the_same_each_time_and_different_for_each_observable() {
    let stage = setup().setting("RELAY_CACHE__TTL", "0s").start().await;
    for path in [PATH, "/domains/a.example/alerts"] {
        alerts(&stage, path, &json!([alert("a1", &json!({}))]));
    }
    rows(&stage, &json!([]));
    let about = [("sha1", SHA1), ("domain", "a.example")];
    let ids = |answer: &Value| {
        docs(answer, "sightings").iter().map(|one| one["id"].to_string()).collect::<Vec<_>>()
    };
    let first = ids(&stage.observe(&about).await);
    assert_eq!(first, ids(&stage.observe(&about).await));
    assert_ne!(first[0], first[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_observable_is_no_failure() {
    let stage = setup().start().await;
    stage.sim.answer("defender", Answer::get(PATH).status(404));
    rows(&stage, &json!([]));
    assert_eq!(stage.observe(&[("sha1", SHA1)]).await, json!({"data": {}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_looked_up_serves_the_next_request_of_the_same_tenant_alone() {
    let stage = setup().start().await;
    let about = [("sha256", "323bd9118547125694702f46aa6f4bb7087cd3844d0a1db84473e4f422911ef9")];
    let first = stage.observe(&about).await;
    let made = calls(&stage).len();
    assert!(made >= 5, "{:?}", calls(&stage));
    assert_eq!(stage.observe(&about).await, first);
    assert_eq!(calls(&stage).len(), made, "devices and files included");
    let other = stage.token_with(&json!({"tenant_id": "other.example"}));
    let body = relay_testkit::asked(&about);
    assert_eq!(stage.ask("/observe/observables", Some(&other), &body).await, first);
    assert_eq!(calls(&stage).len(), made * 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn observables_are_looked_up_at_the_same_time() {
    for (most, expected) in [("16", 5), ("1", 1)] {
        let stage = setup().setting("RELAY_PROVIDER__MAX_CONCURRENCY", most).start().await;
        stage.sim.faults().add("defender/alerts:latency=200ms".parse::<Fault>().unwrap());
        let about: Vec<(&str, String)> = (1..=5).map(|n| ("ip", format!("192.0.2.{n}"))).collect();
        for (_, address) in &about {
            alerts(&stage, &format!("/ips/{address}/alerts"), &json!([]));
        }
        rows(&stage, &json!([]));
        let about: Vec<(&str, &str)> = about.iter().map(|(kind, value)| (*kind, value.as_str())).collect();
        assert_eq!(stage.observe(&about).await, json!({"data": {}}));
        assert_eq!(stage.sim.peak_in_flight("defender"), expected, "{most}");
    }
}
