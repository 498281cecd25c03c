//! `/respond/observables`.

use provider_sim::{Answer, Fault};
use relay_testkit::errors;
use serde_json::{Value, json};

use crate::{MACHINE, NOTEPAD, calls, setup};

fn of(answer: &Value, field: &str) -> Vec<String> {
    let list = answer["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|action| action[field].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn indicators_can_be_added_where_there_are_none() {
    let stage = setup().start().await;
    let all = [
        ("alert", "Alert"),
        ("alert-and-block", "Alert and Block"),
        ("allowed", "Allow"),
        ("warn", "Warn"),
        ("block-and-remediate", "Block and Remediate"),
    ];
    let table = [
        ("domain", "a.example", 4),
        ("ip", "192.0.2.1", 4),
        ("ipv6", "2001:db8::1", 4),
        ("url", "https://a.example/x", 4),
        ("sha1", NOTEPAD[0], 5),
        ("sha256", NOTEPAD[1], 5),
        ("MD5", NOTEPAD[2], 5),
    ];
    for (kind, value, count) in table {
        let answer = stage.respond(&[(kind, value)]).await;
        let ids = all[..count].iter().map(|(id, _)| format!("microsoft-defender-add-indicator-{id}"));
        assert_eq!(of(&answer, "id"), ids.collect::<Vec<_>>(), "{kind}");
        let titles = all[..count].iter().map(|(_, title)| format!("Add indicator: {title}"));
        assert_eq!(of(&answer, "title"), titles.collect::<Vec<_>>(), "{kind}");
        for action in answer["data"].as_array().unwrap() {
            assert_eq!(action["categories"], json!(["Microsoft Defender for Endpoint", "Add Indicator"]));
            let params = json!({"observable_type": kind.to_lowercase(), "observable_value": value});
            assert_eq!(action["query-params"], params);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_indicator_that_is_there_can_be_removed() {
    let entry = |kind: &str, id: Value, action: &str, title: Value| json!({"id": id, "indicatorType": kind, "action": action, "title": title});
    let table = [
        (
            entry("DomainName", json!("13"), "AlertAndBlock", json!("Wave")),
            "Remove indicator: Alert and Block - Wave",
        ),
        (
            entry("DomainName", json!(13), "BlockAndRemediate", json!("")),
            "Remove indicator: Block and Remediate",
        ),
        (entry("DomainName", json!("13"), "Audit", json!(null)), "Remove indicator: Audit"),
    ];
    for (indicator, title) in table {
        let stage = setup().start().await;
        // One of another type with the same value does not count.
        let other = entry("Url", json!("7"), "Block", json!("x"));
        let list = json!({"value": [other, indicator]});
        stage.sim.answer("defender", Answer::get("/indicators").json(list));
        let answer = stage.respond(&[("domain", "a.example")]).await;
        assert_eq!(of(&answer, "title"), [title]);
        let action = &answer["data"][0];
        assert_eq!(action["id"], "microsoft-defender-remove-indicator");
        assert_eq!(action["categories"], json!(["Microsoft Defender for Endpoint", "Remove Indicator"]));
        let params =
            json!({"observable_type": "domain", "observable_value": "a.example", "indicator_id": "13"});
        assert_eq!(action["query-params"], params);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_lookup_offers_nothing() {
    let table = [
        (400, "invalid argument"),
        (401, "authorization error"),
        (403, "permission denied"),
        (429, "too many requests"),
        (500, "unknown"),
        (503, "unavailable"),
    ];
    for (status, code) in table {
        let stage = setup().setting("RELAY_PROVIDER__RETRIES", "0").start().await;
        stage.sim.faults().add(Fault::status(status).on("defender"));
        for about in [("domain", "a.example"), ("ms_machine_id", MACHINE)] {
            let answer = stage.respond(&[about]).await;
            assert_eq!(errors(&answer), [("fatal", code)], "{status} {about:?}");
            assert!(answer.get("data").is_none());
        }
    }
    let stage = setup().start().await;
    stage.sim.answer("defender", Answer::get("/indicators").status(404));
    assert_eq!(of(&stage.respond(&[("domain", "a.example")]).await, "id").len(), 4, "404: there is none");
}

const FORWARD: [&str; 7] = [
    "Collect investigation package",
    "Initiate automated investigation",
    "Isolate Device: Full",
    "Isolate Device: Selective",
    "Restrict app execution",
    "Run antivirus scan: Full",
    "Run antivirus scan: Quick",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_a_device_decides() {
    let stage = setup().start().await;
    let about = [("ms_machine_id", MACHINE)];
    let answer = stage.respond(&about).await;
    assert_eq!(of(&answer, "title"), FORWARD);
    assert_eq!(of(&answer, "description"), FORWARD);
    let ids = [
        "CollectInvestigationPackage",
        "InitiateInvestigation",
        "FullIsolation",
        "SelectiveIsolation",
        "RestrictCodeExecution",
        "RunAntiVirusScanFull",
        "RunAntiVirusScanQuick",
    ];
    assert_eq!(of(&answer, "id"), ids.map(|id| format!("microsoft-defender-{id}")));
    assert_eq!(
        answer["data"][0]["categories"],
        json!(["Microsoft Defender for Endpoint", "Machine Actions"])
    );

    let trigger = |id: &str| json!({"action-id": format!("microsoft-defender-{id}"), "observable_type": "ms_machine_id", "observable_value": MACHINE});
    let success = json!({"data": {"status": "success"}});
    assert_eq!(stage.trigger(&trigger("SelectiveIsolation")).await, success);
    let isolated = of(&stage.respond(&about).await, "title");
    assert_eq!(
        isolated,
        [FORWARD[0], FORWARD[1], FORWARD[4], FORWARD[5], FORWARD[6], "Release from isolation"]
    );
    assert_eq!(stage.trigger(&trigger("RestrictCodeExecution")).await, success);
    let both = of(&stage.respond(&about).await, "title");
    assert_eq!(both[4..], ["Release from isolation", "Remove app restrictions"]);
    assert_eq!(stage.trigger(&trigger("Unisolate")).await, success);
    assert_eq!(stage.trigger(&trigger("UnrestrictCodeExecution")).await, success);
    assert_eq!(of(&stage.respond(&about).await, "title"), FORWARD);
    let histories: Vec<_> =
        calls(&stage).into_iter().filter(|call| call.contains("/machineactions?")).collect();
    assert_eq!(histories.len(), 8, "two each time: nothing comes from the cache");
}

fn available(names: &[&str]) -> Answer {
    let list: Vec<Value> = names
        .iter()
        .map(|name| json!({"action": name, "isAvailable": true, "notSupportedReason": null}))
        .collect();
    let mut list = list;
    list.push(json!({"action": "RunAntiVirusScan", "isAvailable": false}));
    list.push(json!({"action": "OffBoard", "isAvailable": true}));
    Answer::get(&format!("/machines/{MACHINE}/availableMachineActions")).json(json!({ "value": list }))
}

fn history(kinds: &str, last: &str) -> Answer {
    Answer::get(&format!("/machines/{MACHINE}/machineactions"))
        .query("$filter", &format!("type in ({kinds}) and status eq 'Succeeded'"))
        .query("$top", "1")
        .json(json!({"value": [{"id": "x", "type": last, "status": "Succeeded"}]}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_decides_on_the_reverse_action() {
    let stage = setup().start().await;
    stage.sim.answer("defender", available(&["FullIsolation"]));
    stage.sim.answer("defender", history("'Unisolate', 'Isolate'", "Isolate"));
    let about = [("ms_machine_id", MACHINE)];
    assert_eq!(of(&stage.respond(&about).await, "title"), ["Release from isolation"]);
    stage.sim.answer("defender", available(&["RestrictCodeExecution", "SelectiveIsolation"]));
    stage.sim.answer("defender", history("'Unisolate', 'Isolate'", "Unisolate"));
    stage.sim.answer(
        "defender",
        history("'UnrestrictCodeExecution', 'RestrictCodeExecution'", "RestrictCodeExecution"),
    );
    assert_eq!(
        of(&stage.respond(&about).await, "title"),
        ["Isolate Device: Selective", "Remove app restrictions"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_history_leaves_what_is_available() {
    for (status, expected) in [(503, vec![("warning", "unavailable")]), (404, vec![])] {
        let stage = setup().setting("RELAY_PROVIDER__RETRIES", "0").start().await;
        stage.sim.faults().add(Fault::status(status).on("defender").path("/machineactions"));
        let answer = stage.respond(&[("ms_machine_id", MACHINE)]).await;
        assert_eq!(of(&answer, "title"), FORWARD, "{status}");
        assert_eq!(errors(&answer), expected, "{status}");
    }
    let stage = setup().start().await;
    stage.sim.faults().add(Fault::status(404).on("defender").path("/availableMachineActions"));
    assert_eq!(stage.respond(&[("ms_machine_id", MACHINE)]).await, json!({"data": []}));
}
