//! How values are read, compared and reported: mapped addresses, names of devices, accounts, hashes that complete others.

use relay_testkit::{docs, errors};
use serde_json::{Value, json};

use crate::{LOADER, MACHINE, NOTEPAD, alert, alerts, calls, queries, relations, rows, setup};

#[tokio::test(flavor = "multi_thread")]
async fn an_ipv4_address_in_ipv6_form_is_looked_up_and_reported_as_ipv4() {
    let stage = setup().setting("RELAY_PROVIDER__MAX_ENRICHMENT", "0").start().await;
    let evidence = json!([
        {"entityType": "File", "sha1": LOADER[0]}, {"entityType": "Ip", "ipAddress": "::ffff:203.0.113.9"},
    ]);
    alerts(&stage, "/ips/203.0.113.9/alerts", &json!([alert("a1", &json!({"evidence": evidence}))]));
    let row = json!({"Timestamp": "2026-11-01T00:00:00Z", "DeviceId": "d", "ActionType": "ConnectionSuccess",
                     "RemoteIP": "::FFFF:203.0.113.9", "LocalIP": "::ffff:10.0.0.1"});
    rows(&stage, &json!([row]));
    let answer = stage.observe(&[("ip", "::ffff:203.0.113.9")]).await;
    let [of_alert, of_event] = docs(&answer, "sightings") else { panic!("{answer}") };
    assert_eq!(relations(of_alert), [format!("{} Connect_To 203.0.113.9", LOADER[0])]);
    assert_eq!(relations(of_event), ["10.0.0.1 Connect_To 203.0.113.9"]);
    for sighting in [of_alert, of_event] {
        assert_eq!(sighting["observables"], json!([{"type": "ip", "value": "::ffff:203.0.113.9"}]));
        assert_eq!(sighting["relations"][0]["related"]["type"], "ip");
    }
    assert!(queries(&stage)[0].contains(r#"let A = dynamic(["203.0.113.9","::ffff:203.0.113.9"]);"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_no_device_has_makes_no_further_call() {
    let stage = setup().start().await;
    stage.sim.answer("defender", provider_sim::Answer::get("/machines").json(json!({"value": []})));
    assert_eq!(stage.observe(&[("hostname", "ws-999")]).await, json!({"data": {}}));
    assert_eq!(calls(&stage).len(), 1, "{:?}", calls(&stage));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_looked_up_by_its_name_and_seen_on_each_device() {
    for account in ["CORP\\jdoe", "jdoe@corp.example", "jdoe"] {
        let stage = setup().setting("RELAY_PROVIDER__MAX_ENRICHMENT", "0").start().await;
        alerts(&stage, "/users/jdoe/alerts", &json!([]));
        let logon = |device: &str| {
            json!({"Source": "DeviceLogonEvents", "Timestamp": "2026-11-01T00:00:00Z", "DeviceId": device,
                   "DeviceName": format!("{device}.corp.example"), "ActionType": "LogonSuccess",
                   "LogonType": "Interactive", "AccountName": "jdoe", "AccountDomain": "CORP"})
        };
        let mut elsewhere = logon("d3");
        elsewhere["AccountDomain"] = json!("LAB");
        rows(&stage, &json!([logon("d1"), logon("d2"), elsewhere]));
        let answer = stage.observe(&[("user", account)]).await;
        let related: Vec<Vec<String>> = docs(&answer, "sightings").iter().map(relations).collect();
        let mut expected =
            vec![["jdoe Used d1.corp.example".to_owned()], ["jdoe Used d2.corp.example".to_owned()]];
        // A domain is compared where the answer has one too; a UPN says nothing of the other form.
        if !account.starts_with("CORP") {
            expected.push(["jdoe Used d3.corp.example".to_owned()]);
        }
        assert_eq!(related, expected, "{account}");
        assert_eq!(calls(&stage)[0], "GET /users/jdoe/alerts", "{account}");
        assert!(queries(&stage)[0].contains(r#"let N = dynamic(["jdoe"]);"#), "{account}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hashes_that_the_request_knows_already_are_not_asked_for() {
    let stage = setup().start().await;
    let [sha1, sha256, md5] = NOTEPAD;
    let evidence = json!([{"entityType": "File", "sha1": sha1, "sha256": sha256, "md5": md5}]);
    alerts(&stage, "/domains/a.example/alerts", &json!([alert("a1", &json!({"evidence": evidence}))]));
    let row = json!({"Source": "DeviceFileEvents", "Timestamp": "2026-11-01T00:00:00Z", "DeviceName": "d",
                     "FileName": "x.exe", "SHA1": sha1});
    rows(&stage, &json!([row]));
    let answer = stage.observe(&[("domain", "a.example")]).await;
    let [_, event] = docs(&answer, "sightings") else { panic!("{answer}") };
    assert_eq!(relations(event), NOTEPAD.map(|hash| format!("x.exe File_Name_Of {hash}")));
    assert!(!calls(&stage).iter().any(|call| call.starts_with("GET /files/")), "{:?}", calls(&stage));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_command_line_of_a_process_is_cut() {
    let stage = setup().setting("RELAY_PROVIDER__MAX_ENRICHMENT", "0").start().await;
    let row = json!({"Source": "DeviceProcessEvents", "Timestamp": "2026-11-01T00:00:00Z", "DeviceId": MACHINE,
                     "SHA1": NOTEPAD[0], "ProcessCommandLine": "x".repeat(3000)});
    alerts(&stage, &format!("/files/{}/alerts", NOTEPAD[0]), &json!([]));
    rows(&stage, &json!([row]));
    let answer = stage.observe(&[("sha1", NOTEPAD[0])]).await;
    let line = |answer: &Value| {
        let data = &docs(answer, "sightings")[0]["data"];
        assert_eq!(data["columns"], json!([{"name": "CommandLine", "type": "string"}]));
        data["rows"][0][0].as_str().unwrap().to_owned()
    };
    assert_eq!((line(&answer).chars().count(), errors(&answer)), (512, vec![]));
}
