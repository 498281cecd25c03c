//! The relay's worked examples, checked to the letter.

use provider_sim::Answer;
use relay_testkit::docs;
use serde_json::{Value, json};

use crate::{LOADER, MACHINE, NOTEPAD, alerts, calls, relations, rows, setup};

/// The observables of the target, `type value` each.
fn target(sighting: &Value) -> Vec<String> {
    let list = sighting["targets"][0]["observables"].as_array().unwrap();
    list.iter()
        .map(|one| format!("{} {}", one["type"].as_str().unwrap(), one["value"].as_str().unwrap()))
        .collect()
}

const TARGET: [&str; 5] = [
    "hostname ws-042.corp.example",
    "ms_machine_id 73e7e2de709dff64ef64b1d0c30e67fab63279db",
    "mac_address 02A1B2C3D4E5",
    "ip 10.20.30.42",
    "ipv6 fe80::1",
];

fn by(hash: &str, name: &str, path: &str) -> [String; 2] {
    [format!("{name} File_Name_Of {hash}"), format!("{path} File_Path_Of {hash}")]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_becomes_the_documented_sighting() {
    let stage = setup().start().await;
    let answer = stage.observe(&[("sha1", NOTEPAD[0])]).await;
    let [sighting] = docs(&answer, "sightings") else { panic!("{answer}") };
    assert_eq!(sighting["id"], "transient:sighting-93568a4b-eb85-5d4d-94f3-7558bc597977");
    let mut with_user = TARGET.to_vec();
    with_user.insert(2, "user jdoe");
    assert_eq!(target(sighting), with_user);
    assert_eq!(sighting["targets"][0]["os"], "Windows11x64 version: 23H2");
    let mut expected = Vec::new();
    expected.extend(LOADER.iter().flat_map(|hash| by(hash, "loader.exe", "C:\\Temp\\loader.exe")));
    expected.extend(
        NOTEPAD.iter().flat_map(|hash| by(hash, "notepad.exe", "C:\\Windows\\System32\\notepad.exe")),
    );
    for relation in ["Parent_Of", "Injected_Into"] {
        for parent in &LOADER[..2] {
            expected.extend(NOTEPAD[..2].iter().map(|child| format!("{parent} {relation} {child}")));
        }
    }
    expected.push("c2.bad.example Resolved_To 203.0.113.9".to_owned());
    for hash in NOTEPAD {
        expected.extend(["c2.bad.example", "203.0.113.9"].map(|to| format!("{hash} Connect_To {to}")));
    }
    assert_eq!(relations(sighting), expected);
    assert!(
        sighting["relations"].as_array().unwrap().iter().all(|one| one["origin"] == "WindowsDefenderAtp")
    );

    let mut made = calls(&stage);
    made.sort();
    let mut expected = vec![
        format!("GET /files/{}/alerts", NOTEPAD[0]),
        "POST /advancedqueries/run".to_owned(),
        format!("GET /machines/{MACHINE}"),
        format!("GET /files/{}", LOADER[0]),
        format!("GET /files/{}", NOTEPAD[0]),
    ];
    expected.sort();
    assert_eq!(made, expected, "and no query for network adapters");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_becomes_the_documented_sighting() {
    let stage = setup().start().await;
    let mut machine: Value =
        json!({"id": MACHINE, "osPlatform": "Windows11", "osProcessor": "x64", "version": "23H2"});
    machine["ipAddresses"] = json!([]);
    stage.sim.answer("defender", Answer::get(&format!("/machines/{MACHINE}")).json(machine));
    let adapters = "DeviceNetworkInfo | where DeviceId in ('73e7e2de709dff64ef64b1d0c30e67fab63279db') | \
                    summarize arg_max(Timestamp, IPAddresses) by DeviceId, MacAddress";
    let found = json!({"Results": [{"DeviceId": MACHINE, "MacAddress": "02A1B2C3D4E5", "IPAddresses":
        r#"[{"IPAddress":"10.20.30.42","SubnetPrefix":24,"AddressType":"Private"},{"IPAddress":"fe80::1"}]"#}]});
    stage.sim.answer(
        "defender",
        Answer::post("/advancedqueries/run").body(json!({"Query": adapters})).json(found),
    );
    let answer = stage.observe(&[("domain", "c2.bad.example")]).await;
    let [sighting] = docs(&answer, "sightings") else { panic!("{answer}") };
    assert_eq!(sighting["id"], "transient:sighting-722f0cfa-d3a1-53bd-aea9-579a4b715b44");
    assert_eq!(target(sighting), TARGET);
    assert_eq!(
        sighting["data"],
        json!({
            "columns": [
                {"name": "ActionType", "type": "string"}, {"name": "Protocol", "type": "string"},
                {"name": "LocalPort", "type": "integer"}, {"name": "RemotePort", "type": "integer"},
            ],
            "rows": [["ConnectionSuccess", "Tcp", 51544, 443]], "row_count": 1,
        })
    );
    let mut expected = vec![
        "c2.bad.example Resolved_To 203.0.113.9".to_owned(),
        "10.20.30.42 Connect_To 203.0.113.9".to_owned(),
    ];
    for hash in LOADER {
        expected.extend([
            format!("{hash} Connect_To c2.bad.example"),
            format!("{hash} Connect_To 203.0.113.9"),
            format!("loader.exe File_Name_Of {hash}"),
            format!("explorer.exe Parent_Of {hash}"),
            format!("c:\\temp\\loader.exe File_Path_Of {hash}"),
        ]);
    }
    assert_eq!(relations(sighting), expected);
    let queries = crate::queries(&stage);
    assert_eq!(queries.len(), 2, "{queries:?}");
    assert_eq!(queries[1], adapters);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_file_becomes_the_documented_sighting() {
    let stage = setup().start().await;
    alerts(&stage, &format!("/files/{}/alerts", NOTEPAD[0]), &json!([]));
    rows(
        &stage,
        &json!([{
            "Timestamp": "2026-11-02T07:54:58.2222222Z", "DeviceId": MACHINE, "DeviceName": "ws-042.corp.example",
            "ActionType": "FileRenamed", "FileName": "drop.exe", "PreviousFileName": "drop.tmp",
            "FolderPath": "C:\\Temp\\drop.exe", "SHA1": NOTEPAD[0], "SHA256": NOTEPAD[1], "MD5": NOTEPAD[2],
            "FileOriginUrl": "https://dl.bad.example/drop.exe", "FileOriginReferrerUrl": "https://bad.example/",
            "InitiatingProcessSHA1": LOADER[0], "InitiatingProcessSHA256": LOADER[1],
            "InitiatingProcessMD5": LOADER[2], "InitiatingProcessFileName": "loader.exe",
            "InitiatingProcessFolderPath": "c:\\temp\\loader.exe",
            "InitiatingProcessParentFileName": "explorer.exe", "ReportId": 4712,
        }]),
    );
    let answer = stage.observe(&[("sha1", NOTEPAD[0])]).await;
    let [sighting] = docs(&answer, "sightings") else { panic!("{answer}") };
    assert_eq!(sighting["id"], "transient:sighting-fa9e3294-1789-5c48-98d5-0cc0015420e0");
    let url = "https://dl.bad.example/drop.exe";
    let mut expected = Vec::new();
    for hash in NOTEPAD {
        expected.extend(by(hash, "drop.exe", "C:\\Temp\\drop.exe"));
        expected.push(format!("{hash} Downloaded_From {url}"));
        if hash == NOTEPAD[0] {
            expected.push(format!("https://bad.example/ Refers_To {url}"));
        }
    }
    for hash in LOADER {
        expected.extend([
            format!("loader.exe File_Name_Of {hash}"),
            format!("explorer.exe Parent_Of {hash}"),
            format!("c:\\temp\\loader.exe File_Path_Of {hash}"),
        ]);
    }
    for file in NOTEPAD {
        expected.extend(LOADER.iter().map(|by| format!("{by} Renamed {file}")));
    }
    expected.push("drop.tmp Renamed_To drop.exe".to_owned());
    assert_eq!(relations(sighting), expected);
    assert_eq!(expected.len(), 29);
    assert!(!calls(&stage).iter().any(|call| call.starts_with("GET /files/2f")), "all hashes are known");
}
