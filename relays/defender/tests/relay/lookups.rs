//! What is asked about which observable, and what is made of the answers.

use provider_sim::Answer;
use relay_testkit::{docs, errors};
use serde_json::{Value, json};

use crate::{LOADER, MACHINE, NOTEPAD, SHA1, alert, alerts, calls, queries, relations, rows, setup};

const ALERTS: &str = "/files/00000000000000000000000000000000000000aa/alerts";

#[tokio::test(flavor = "multi_thread")]
async fn another_hash_is_looked_up_by_the_sha1_of_its_file() {
    let stage = setup().start().await;
    let (sha256, file) = ("7".repeat(64), json!({"sha1": SHA1, "sha256": null, "md5": "x"}));
    stage.sim.answer("defender", Answer::get(&format!("/files/{sha256}")).json(file));
    alerts(&stage, ALERTS, &json!([alert("a1", &json!({}))]));
    rows(&stage, &json!([]));
    let answer = stage.observe(&[("sha256", &sha256.to_uppercase())]).await;
    let [sighting] = docs(&answer, "sightings") else { panic!("{answer}") };
    assert_eq!(sighting["observables"], json!([{"type": "sha256", "value": sha256.to_uppercase()}]));
    assert!(queries(&stage)[0].contains(&format!(r#"let H = dynamic(["{sha256}","{SHA1}"]);"#)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_file_is_hunted_by_its_own_hash() {
    for (kind, digits, status) in
        [("sha256", 64, 404), ("md5", 32, 404), ("md5", 32, 400), ("sha256", 64, 200)]
    {
        let stage = setup().start().await;
        let hash = "7".repeat(digits);
        stage.sim.answer("defender", Answer::get(&format!("/files/{hash}")).status(status).json(json!({})));
        rows(&stage, &json!([]));
        let answer = stage.observe(&[(kind, &hash)]).await;
        assert_eq!(answer, json!({"data": {}}), "{kind} {status}");
        assert_eq!(calls(&stage), [format!("GET /files/{hash}"), "POST /advancedqueries/run".to_owned()]);
        assert!(queries(&stage)[0].contains(&format!(r#"let H = dynamic(["{hash}"]);"#)), "{kind} {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn types_are_folded_duplicates_asked_once_and_others_skipped() {
    let stage = setup().start().await;
    alerts(&stage, "/ips/192.0.2.50/alerts", &json!([alert("a1", &json!({}))]));
    rows(&stage, &json!([]));
    let about = [("IP", "192.0.2.50"), ("ip", "192.0.2.50"), ("mutex", "x"), ("email", "a@b.example")];
    let answer = stage.observe(&about).await;
    let [sighting] = docs(&answer, "sightings") else { panic!("{answer}") };
    assert_eq!(sighting["observables"], json!([{"type": "ip", "value": "192.0.2.50"}]));
    assert_eq!(calls(&stage), ["GET /ips/192.0.2.50/alerts", "POST /advancedqueries/run"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_keeps_the_newest_and_spares_the_hunt() {
    let stage = setup().claim("CTR_ENTITIES_LIMIT", "2").start().await;
    let at = |id: &str, time: Value| {
        alert(id, &json!({"alertCreationTime": time, "firstEventTime": "2026-10-01T00:00:00Z"}))
    };
    alerts(
        &stage,
        ALERTS,
        &json!([
            at("old", json!("2026-11-01T00:00:00Z")),
            at("none", json!(null)),
            at("new", json!("2026-11-02T00:00:00.1Z")),
            at("newest", json!("2026-11-02T00:00:00.1234567Z")),
            at("newest", json!("2026-11-02T00:00:00.1234567Z")),
        ]),
    );
    let answer = stage.observe(&[("sha1", SHA1)]).await;
    let ids: Vec<_> = docs(&answer, "sightings").iter().map(|one| &one["external_ids"][0]).collect();
    assert_eq!(ids, ["newest", "new"]);
    assert_eq!(errors(&answer), []);
    assert_eq!(queries(&stage), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_fill_what_alerts_leave_of_the_limit() {
    let stage = setup().claim("CTR_ENTITIES_LIMIT", 3).start().await;
    alerts(&stage, ALERTS, &json!([alert("a1", &json!({}))]));
    let row = |minute: u32| json!({"Timestamp": format!("2026-11-01T00:{minute:02}:00Z"), "DeviceId": "d", "ReportId": minute});
    // Unordered and repeated, as the provider must not but may.
    rows(&stage, &json!([row(1), row(5), row(5), row(3), row(2), row(4)]));
    let answer = stage.observe(&[("sha1", SHA1)]).await;
    assert!(queries(&stage)[0].contains("(top 2 by Timestamp desc)"));
    let times: Vec<_> =
        docs(&answer, "sightings")[1..].iter().map(|one| &one["observed_time"]["start_time"]).collect();
    assert_eq!(times, ["2026-11-01T00:05:00Z", "2026-11-01T00:04:00Z"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_without_evidence_is_asked_for_by_itself() {
    for (status, expected) in [(200, 2), (404, 0), (403, 0)] {
        let stage = setup().start().await;
        alerts(&stage, ALERTS, &json!([alert("a1", &json!({"evidence": []}))]));
        rows(&stage, &json!([]));
        let [sha1, sha256, _] = LOADER;
        let evidence = json!([{"entityType": "File", "sha1": sha1, "sha256": sha256, "md5": LOADER[2], "fileName": "x"}]);
        let whole = alert("a1", &json!({"evidence": evidence}));
        stage.sim.answer("defender", Answer::get("/alerts/a1").status(status).json(whole));
        let answer = stage.observe(&[("sha1", SHA1)]).await;
        let [sighting] = docs(&answer, "sightings") else { panic!("{answer}") };
        let names = relations(sighting).iter().filter(|one| one.contains("File_Name_Of")).count();
        assert_eq!(names, if expected > 0 { 3 } else { 0 }, "{status}");
        assert!(sighting["relations"].is_array(), "kept when empty");
        assert_eq!(errors(&answer), [], "{status}");
        assert_eq!(calls(&stage).iter().filter(|call| *call == "GET /alerts/a1").count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_device_and_file_is_asked_for_once() {
    let stage = setup().start().await;
    let file = json!([{"entityType": "File", "sha1": NOTEPAD[0], "fileName": "x"}]);
    let all: Vec<Value> =
        (0..5).map(|n| alert(&format!("a{n}"), &json!({"machineId": MACHINE, "evidence": file}))).collect();
    for path in [ALERTS, "/domains/c2.bad.example/alerts", "/ips/192.0.2.50/alerts"] {
        alerts(&stage, path, &json!(all));
    }
    rows(
        &stage,
        &json!([
            {"Timestamp": "2026-11-01T00:00:00Z", "DeviceId": MACHINE, "RemoteUrl": "c2.bad.example",
             "RemoteIP": "192.0.2.50"},
            {"Timestamp": "2026-11-01T00:00:00Z", "DeviceId": MACHINE, "SHA1": SHA1},
        ]),
    );
    let answer = stage.observe(&[("sha1", SHA1), ("domain", "c2.bad.example"), ("ip", "192.0.2.50")]).await;
    assert_eq!(docs(&answer, "sightings").len(), 18);
    let calls = calls(&stage);
    let count = |line: &str| calls.iter().filter(|call| *call == line).count();
    assert_eq!(count(&format!("GET /machines/{MACHINE}")), 1);
    assert_eq!(count(&format!("GET /files/{}", NOTEPAD[0])), 1);
}

/// The calls about devices.
fn about_devices(stage: &relay_testkit::Stage) -> Vec<String> {
    calls(stage).into_iter().filter(|call| call.starts_with("GET /machines")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_are_asked_for_in_one_list_of_at_most_thirty() {
    for (alerts_on, most, expected) in [(10, "", 10), (60, "", 30), (60, "7", 7), (60, "0", 0), (1, "", 1)] {
        let stage = setup().setting("RELAY_PROVIDER__MAX_ENRICHMENT", most).start().await;
        let all: Vec<Value> = (0..60)
            .map(|n| alert(&format!("a{n}"), &json!({"machineId": format!("{:040x}", n % alerts_on)})))
            .collect();
        alerts(&stage, ALERTS, &json!(all));
        rows(&stage, &json!([]));
        let answer = stage.observe(&[("sha1", SHA1)]).await;
        assert_eq!((docs(&answer, "sightings").len(), errors(&answer)), (60, vec![]));
        let made = about_devices(&stage);
        let ids: usize = made.iter().map(|call| call.matches("%27").count() / 2).sum();
        match expected {
            0 => assert_eq!(made, [""; 0]),
            1 => assert_eq!(made, [format!("GET /machines/{:040x}", 0)]),
            _ => assert_eq!((made.len(), ids), (1, expected), "{made:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_takes_no_lists_is_asked_for_each_thing_and_no_list_again() {
    for status in [400, 404, 405, 501] {
        let stage = setup().setting("RELAY_CACHE__TTL", "0s").start().await;
        let all: Vec<Value> = (0..3)
            .map(|n| alert(&format!("a{n}"), &json!({"machineId": format!("{n:040x}"), "evidence": []})))
            .collect();
        alerts(&stage, ALERTS, &json!(all));
        rows(&stage, &json!([]));
        for path in ["/machines", "/alerts"] {
            stage.sim.answer("defender", Answer::get(path).status(status));
        }
        for lists in [2, 0] {
            let before = calls(&stage).len();
            let answer = stage.observe(&[("sha1", SHA1)]).await;
            assert_eq!((docs(&answer, "sightings").len(), errors(&answer)), (3, vec![]), "{status}");
            let made = calls(&stage).split_off(before);
            assert_eq!(made.iter().filter(|call| call.contains("filter")).count(), lists, "{made:?}");
            let single = |path: &str| made.iter().filter(|call| call.starts_with(path)).count();
            assert_eq!((single("GET /machines/"), single("GET /alerts/")), (3, 3), "{made:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_of_several_alerts_is_one_list() {
    let stage = setup().start().await;
    let bare = |id: &str| alert(id, &json!({"evidence": []}));
    alerts(&stage, ALERTS, &json!([bare("a1"), bare("a2"), bare("a3")]));
    rows(&stage, &json!([]));
    let url = json!([{"entityType": "File", "sha1": LOADER[0], "sha256": LOADER[1], "md5": LOADER[2], "fileName": "x"}]);
    let whole = |id: &str| alert(id, &json!({"evidence": url}));
    alerts(&stage, "/alerts", &json!([whole("a3"), whole("a1")]));
    let answer = stage.observe(&[("sha1", SHA1)]).await;
    let related: Vec<usize> = docs(&answer, "sightings").iter().map(|one| relations(one).len()).collect();
    assert_eq!(related.iter().sum::<usize>(), 6, "{related:?}");
    let made: Vec<String> =
        calls(&stage).into_iter().filter(|call| call.starts_with("GET /alerts")).collect();
    let [list] = made.as_slice() else { panic!("{made:?}") };
    assert!(list.contains("%24expand=evidence") || list.contains("$expand=evidence"), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn further_pages_are_read_from_the_same_host_only() {
    let stage = setup().start().await;
    let page = |id: &str, next: String| json!({"value": [alert(id, &json!({}))], "@odata.nextLink": next});
    let next = format!("{}/defender{ALERTS}?$skip=1", stage.sim.url());
    let first = Answer::get(ALERTS).json(page("a1", next)).times(1);
    stage.sim.answer("defender", first);
    stage.sim.answer(
        "defender",
        Answer::get(ALERTS).query("$skip", "1").json(page("a2", "http://127.0.0.1:1/".to_owned())),
    );
    rows(&stage, &json!([]));
    let answer = stage.observe(&[("sha1", SHA1)]).await;
    assert_eq!(docs(&answer, "sightings").len(), 2);
    assert_eq!(errors(&answer), [("warning", "key error")]);
    assert!(answer["errors"][0]["message"].as_str().unwrap().contains("(127.0.0.1)"), "{answer}");
    // One that leads to itself ends the list too.
    let stage = setup().start().await;
    let link = format!("{}/defender{ALERTS}?$skip=1", stage.sim.url());
    stage.sim.answer("defender", Answer::get(ALERTS).json(page("a1", link.clone())));
    rows(&stage, &json!([]));
    let answer = stage.observe(&[("sha1", SHA1)]).await;
    assert_eq!((docs(&answer, "sightings").len(), errors(&answer)), (1, vec![("warning", "key error")]));
    assert_eq!(calls(&stage).iter().filter(|call| call.contains("/alerts")).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nullable_fields_cost_nothing_but_their_own_part() {
    let stage = setup().start().await;
    alerts(
        &stage,
        ALERTS,
        &json!([
            alert("a1", &json!({"severity": "Extreme", "machineId": null, "computerDnsName": null, "title": 7,
                                "evidence": [{"entityType": "Mailbox"}, null, "x"]})),
            {"id": "timeless"}, {"alertCreationTime": "2026-11-02T08:00:00Z"}, null,
        ]),
    );
    rows(
        &stage,
        &json!([{"Timestamp": "2026-11-01T00:00:00Z", "NewColumn": {"x": 1}}, {"Timestamp": ""}, null]),
    );
    let answer = stage.observe(&[("sha1", SHA1)]).await;
    assert_eq!(docs(&answer, "sightings").len(), 2);
    assert_eq!(errors(&answer), [("warning", "key error")], "one for all of them");
    let sighting = &docs(&answer, "sightings")[0];
    assert!(sighting.get("severity").is_none() && sighting.get("title").is_none());
    assert_eq!((&sighting["targets"], &sighting["relations"]), (&json!([]), &json!([])));
    assert!(docs(&answer, "sightings")[1].get("data").is_none(), "no table without a row");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_without_a_usable_address_is_hunted_for_its_adapters() {
    for addresses in [
        json!(null),
        json!([]),
        json!([{"ipAddress": "127.0.0.1", "macAddress": "00"}, {"ipAddress": null, "macAddress": "02A1B2C3D4E5"}, null]),
    ] {
        let stage = setup().start().await;
        alerts(&stage, ALERTS, &json!([alert("a1", &json!({"machineId": MACHINE}))]));
        let machine = json!({"id": MACHINE, "osPlatform": "Windows11", "ipAddresses": addresses});
        stage.sim.answer("defender", Answer::get(&format!("/machines/{MACHINE}")).json(machine));
        let adapter = json!({"DeviceId": MACHINE, "MacAddress": "02A1B2C3D4E5", "IPAddresses": r#"[{"IPAddress":"10.20.30.42"}]"#});
        rows(&stage, &json!([adapter]));
        let answer = stage.observe(&[("sha1", SHA1)]).await;
        let target = &docs(&answer, "sightings")[0]["targets"][0];
        let types: Vec<_> =
            target["observables"].as_array().unwrap().iter().map(|one| &one["type"]).collect();
        assert_eq!(types, ["ms_machine_id", "mac_address", "ip"], "{addresses}");
        assert!(queries(&stage)[1].starts_with("DeviceNetworkInfo | "), "{:?}", queries(&stage));
    }
}
