//! What alerts and events say: closed alerts, incidents, accounts, ports, command lines, DNS, processes, logons, prevalence.

use provider_sim::Answer;
use relay_testkit::{docs, errors};
use serde_json::{Value, json};

use crate::{MACHINE, NOTEPAD, SHA1, alert, alerts, calls, full, queries, relations, rows, setup, silent};

const PATH: &str = "/files/00000000000000000000000000000000000000aa/alerts";

/// The sighting of one alert.
async fn of_alert(more: Value) -> Value {
    let stage = setup().setting("RELAY_PROVIDER__MAX_ENRICHMENT", "0").start().await;
    alerts(&stage, PATH, &json!([alert("a1", &more)]));
    rows(&stage, &json!([]));
    docs(&stage.observe(&[("sha1", SHA1)]).await, "sightings")[0].clone()
}

/// The sighting of one event about an observable.
async fn of_row(about: (&str, &str), more: Value) -> Value {
    let stage = setup().setting("RELAY_PROVIDER__MAX_ENRICHMENT", "0").start().await;
    let mut row = json!({"Timestamp": "2026-11-02T07:55:58Z", "DeviceId": MACHINE, "DeviceName": "ws-042.corp.example",
                         "ReportId": 4713});
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    rows(&stage, &json!([row]));
    silent(&stage, about);
    let answer = stage.observe(&[about]).await;
    let [sighting] = docs(&answer, "sightings") else { panic!("{answer}") };
    sighting.clone()
}

/// `name: value` of each column of the table.
fn table(sighting: &Value) -> Vec<String> {
    let columns = sighting["data"]["columns"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    columns
        .iter()
        .zip(sighting["data"]["rows"][0].as_array().unwrap_or(&Vec::new()))
        .map(|(column, cell)| format!("{}: {}", text(&column["name"]), text(cell)))
        .collect()
}

fn users(sighting: &Value) -> Vec<String> {
    let observables = sighting["targets"][0]["observables"].as_array().unwrap();
    let users = observables.iter().filter(|one| one["type"] == "user");
    users.map(|one| one["value"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_alert_does_not_look_alive() {
    let closed = [
        (
            json!({"status": "Resolved", "classification": "FalsePositive"}),
            "[False positive] T",
            "None",
            "None",
        ),
        (json!({"status": "New", "classification": "falsePositive"}), "[False positive] T", "None", "None"),
        (
            json!({"status": "Resolved", "classification": "Informational, expected activity"}),
            "[Expected activity] T",
            "Low",
            "Info",
        ),
        (json!({"status": "Resolved", "classification": "TruePositive"}), "[Resolved] T", "High", "Medium"),
        (json!({"status": "Resolved"}), "[Resolved] T", "High", "Medium"),
        (json!({"status": "InProgress", "classification": "TruePositive"}), "T", "High", "Medium"),
    ];
    for (mut more, title, confidence, severity) in closed {
        more["title"] = json!("T");
        more["severity"] = json!("Medium");
        let sighting = of_alert(more.clone()).await;
        assert_eq!(sighting["title"], title, "{more}");
        assert_eq!(
            (&sighting["confidence"], &sighting["severity"]),
            (&json!(confidence), &json!(severity)),
            "{more}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_names_incident_techniques_threat_accounts_and_command_lines() {
    let long = "x".repeat(3000);
    let process = |line: &str| json!({"entityType": "Process", "processCommandLine": line});
    let evidence = json!([
        process("one"), process(&long), process("one"), process("three"), process("four"),
        {"entityType": "User", "accountName": "JDOE"}, {"entityType": "User", "accountName": "SYSTEM"},
        {"entityType": "User", "accountName": "ann"}, {"entityType": "User", "accountName": "bob"},
        {"entityType": "User", "accountName": "eve"},
    ]);
    let more = json!({
        "incidentId": 4711, "aadTenantId": "t-1", "status": "New", "classification": "null", "determination": "Malware",
        "category": "Execution", "threatName": "Emotet", "threatFamilyName": "Emo", "machineId": "m-1",
        "mitreTechniques": ["T1059.001", "T1059.001", "T1055", "TA0002", "t1"], "evidence": evidence,
        "relatedUser": {"userName": "jdoe", "domainName": "CORP"},
    });
    let sighting = of_alert(more).await;
    let cut = format!("{}…", "x".repeat(511));
    assert_eq!(
        table(&sighting),
        [
            "Status: New".to_owned(),
            "Determination: Malware".to_owned(),
            "Category: Execution".to_owned(),
            "ThreatName: Emotet".to_owned(),
            "ThreatFamily: Emo".to_owned(),
            "User: CORP\\jdoe".to_owned(),
            format!("CommandLine: one\n{cut}\nthree"),
        ]
    );
    assert_eq!(sighting["data"]["row_count"], 1);
    let references: Vec<String> = sighting["external_references"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {}", one["external_id"].as_str().unwrap(), one["url"].as_str().unwrap()))
        .collect();
    assert_eq!(
        references,
        [
            "4711 https://security.microsoft.com/incidents/4711?tid=t-1",
            "T1059.001 https://attack.mitre.org/techniques/T1059/001/",
            "T1055 https://attack.mitre.org/techniques/T1055/",
        ]
    );
    assert_eq!(users(&sighting), ["jdoe", "ann", "bob"], "no built-in account, none twice, at most three");
}

#[tokio::test(flavor = "multi_thread")]
async fn command_lines_can_be_kept_out() {
    let stage = setup().setting("RELAY_PROVIDER__COMMAND_LINES", "false").start().await;
    let evidence = json!([{"entityType": "Process", "processCommandLine": "secret"}]);
    alerts(&stage, PATH, &json!([alert("a1", &json!({"evidence": evidence}))]));
    let row = json!({"Source": "DeviceProcessEvents", "Timestamp": "2026-11-02T07:55:58Z", "DeviceId": "d", "ProcessCommandLine": "secret"});
    rows(&stage, &json!([row]));
    let answer = stage.observe(&[("sha1", SHA1)]).await;
    assert_eq!(docs(&answer, "sightings").len(), 2);
    assert!(!answer.to_string().contains("secret"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_not_what_a_name_resolved_to() {
    let row = |ip: &str, port: u32, action: &str| {
        json!({"Source": "DeviceNetworkEvents", "ActionType": action, "RemoteIP": ip, "RemotePort": port,
               "RemoteUrl": "c2.bad.example", "LocalIP": "10.20.30.42"})
    };
    let table = [
        ("203.0.113.9", 443, "ConnectionSuccess", true),
        ("10.0.0.8", 443, "ConnectionSuccess", false),
        ("203.0.113.9", 8080, "ConnectionSuccess", false),
        ("203.0.113.9", 443, "InboundConnectionAccepted", false),
        ("203.0.113.9", 443, "SslConnectionInspected", false),
    ];
    for (ip, port, action, resolved) in table {
        let sighting = of_row(("domain", "c2.bad.example"), row(ip, port, action)).await;
        let is_there = relations(&sighting).iter().any(|one| one.contains("Resolved_To"));
        assert_eq!(is_there, resolved, "{ip} {port} {action}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_direction_follows_from_action_and_further_fields() {
    let row = |action: &str, fields: Value| {
        json!({"Source": "DeviceNetworkEvents", "ActionType": action, "RemoteIP": "203.0.113.9", "LocalIP": "10.0.0.1",
               "AdditionalFields": fields, "InitiatingProcessSHA1": "d".repeat(40)})
    };
    let hash = "d".repeat(40);
    let (outbound, inbound, unknown) = (
        ["10.0.0.1 Connect_To 203.0.113.9".to_owned(), format!("{hash} Connect_To 203.0.113.9")],
        ["203.0.113.9 Connect_To 10.0.0.1".to_owned(), format!("{hash} Connected_From 203.0.113.9")],
        ["10.0.0.1 Related_To 203.0.113.9".to_owned(), format!("{hash} Related_To 203.0.113.9")],
    );
    let table = [
        ("ConnectionSuccess", json!(null), &outbound),
        ("InboundConnectionAccepted", json!(""), &inbound),
        ("NetworkSignatureInspected", json!("not json"), &unknown),
        ("NetworkSignatureInspected", json!(r#"{"direction": "Out"}"#), &outbound),
        ("SslConnectionInspected", json!({"direction": "In", "server_name": "a.example"}), &inbound),
    ];
    for (action, fields, expected) in table {
        let sighting = of_row(("ip", "203.0.113.9"), row(action, fields.clone())).await;
        assert_eq!(relations(&sighting), *expected, "{action} {fields}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_name_servers_are_read_in_any_form() {
    let inspected = json!({
        "Source": "DeviceNetworkEvents", "ActionType": "DnsConnectionInspected", "RemoteIP": "10.0.0.53", "RemotePort": 53,
        "LocalIP": "10.20.30.42", "LocalPort": 50000, "Protocol": "Udp",
        "AdditionalFields": r#"{"direction":"Out","query":"c2.bad.example","answers":"[\"203.0.113.9\"]"}"#,
    });
    let sighting = of_row(("domain", "c2.bad.example"), inspected).await;
    assert_eq!(
        relations(&sighting),
        [
            "10.20.30.42 Connect_To 10.0.0.53",
            "10.20.30.42 Queried_For c2.bad.example",
            "c2.bad.example Resolved_To 203.0.113.9",
        ]
    );
    let response = json!({
        "Source": "DeviceEvents", "ActionType": "DnsQueryResponse",
        "AdditionalFields": {"DnsQueryString": "c2.bad.example", "DnsQueryResult": [{"Result": "203.0.113.9"}, {"x": ["2001:db8::1", "c2"]}]},
    });
    let sighting = of_row(("domain", "c2.bad.example"), response).await;
    assert_eq!(
        relations(&sighting),
        [
            "ws-042.corp.example Queried_For c2.bad.example",
            "c2.bad.example Resolved_To 203.0.113.9",
            "c2.bad.example Resolved_To 2001:db8::1",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_images_and_logons_have_relations_of_their_own() {
    let (file, process) = ("a".repeat(40), "b".repeat(40));
    let program = |source: &str, action: &str| {
        json!({
            "Source": source, "ActionType": action, "FileName": "drop.exe", "FolderPath": "C:\\Temp", "SHA1": file,
            "InitiatingProcessSHA1": process, "InitiatingProcessFileName": "loader.exe",
            "InitiatingProcessCommandLine": "loader.exe -q", "ProcessCommandLine": "drop.exe -x",
            "AccountName": "jdoe", "AccountDomain": "CORP",
        })
    };
    let names = vec![
        format!("drop.exe File_Name_Of {file}"),
        format!("C:\\Temp\\drop.exe File_Path_Of {file}"),
        format!("loader.exe File_Name_Of {process}"),
    ];
    let sighting = of_row(("sha1", &file), program("DeviceProcessEvents", "ProcessCreated")).await;
    assert_eq!(relations(&sighting), [names.clone(), vec![format!("{process} Parent_Of {file}")]].concat());
    assert_eq!(
        table(&sighting),
        ["ActionType: ProcessCreated", "Account: CORP\\jdoe", "CommandLine: drop.exe -x"]
    );
    assert_eq!(users(&sighting), ["jdoe"]);
    let sighting = of_row(("sha1", &file), program("DeviceImageLoadEvents", "ImageLoaded")).await;
    assert_eq!(relations(&sighting), [names, vec![format!("{process} Used {file}")]].concat());

    let logon = |action: &str, account: &str, ip: &str| {
        json!({"Source": "DeviceLogonEvents", "ActionType": action, "LogonType": "Network", "AccountName": account,
               "AccountDomain": "CORP", "RemoteIP": ip, "FailureReason": if action == "LogonFailed" { "BadPassword" } else { "" }})
    };
    let sighting = of_row(("ip", "203.0.113.9"), logon("LogonSuccess", "jdoe", "203.0.113.9")).await;
    assert_eq!(
        relations(&sighting),
        ["203.0.113.9 Connect_To ws-042.corp.example", "jdoe Used ws-042.corp.example"]
    );
    let sighting = of_row(("ip", "203.0.113.9"), logon("LogonFailed", "SYSTEM", "203.0.113.9")).await;
    assert_eq!(relations(&sighting), ["203.0.113.9 Connect_To ws-042.corp.example"]);
    assert_eq!(
        table(&sighting),
        [
            "ActionType: LogonFailed",
            "LogonType: Network",
            "FailureReason: BadPassword",
            "Account: CORP\\SYSTEM"
        ]
    );
    assert_eq!(users(&sighting), [""; 0], "a built-in account is reported, and is no user");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_address_on_the_network_was_not_downloaded_from() {
    let row = |origin: &str, referrer: &str| {
        json!({"Source": "DeviceFileEvents", "ActionType": "FileCreated", "SHA1": SHA1, "FileOriginUrl": origin,
               "FileOriginReferrerUrl": referrer})
    };
    let url = "https://dl.bad.example/x.zip";
    for (origin, referrer, expected) in [
        ("about:internet", r"C:\Users\x.zip", vec![]),
        (url, r"C:\Users\x.zip", vec![format!("{SHA1} Downloaded_From {url}")]),
    ] {
        assert_eq!(relations(&of_row(("sha1", SHA1), row(origin, referrer)).await), expected, "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_without_adapters_has_its_last_address_and_never_that_of_its_gateway() {
    let stage = setup().start().await;
    alerts(&stage, PATH, &json!([alert("a1", &json!({"machineId": MACHINE}))]));
    rows(&stage, &json!([]));
    let machine =
        json!({"id": MACHINE, "lastIpAddress": "10.20.30.42", "lastExternalIpAddress": "198.51.100.7"});
    stage.sim.answer("defender", Answer::get(&format!("/machines/{MACHINE}")).json(machine));
    let answer = stage.observe(&[("sha1", SHA1)]).await;
    assert!(
        answer.to_string().contains("10.20.30.42") && !answer.to_string().contains("198.51.100.7"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_prevalence_of_a_file_is_its_last_sighting() {
    let stage = full().setting("RELAY_PROVIDER__VERDICTS", "off").start().await;
    let path = format!("/files/{}/stats", NOTEPAD[0]);
    let stats = json!({
        "organizationPrevalence": 3, "orgFirstSeen": "2026-01-01T00:00:00Z", "orgLastSeen": "2026-02-01T00:00:00Z",
        "globallyPrevalence": "705012", "topFileNames": ["a.exe", "", "b.exe"],
    });
    stage.sim.answer("defender", Answer::get(&path).json(stats));
    alerts(&stage, &format!("/files/{}/alerts", NOTEPAD[0]), &json!([]));
    rows(&stage, &json!([]));
    let answer = stage.observe(&[("sha1", NOTEPAD[0])]).await;
    let [sighting] = docs(&answer, "sightings") else { panic!("{answer}") };
    assert_eq!(
        (&sighting["title"], &sighting["count"]),
        (&json!("Seen on 3 devices of the organization"), &json!(3))
    );
    assert_eq!(
        table(sighting),
        ["DevicesInOrganization: 3", "DevicesWorldwide: 705012", "FileNames: a.exe, b.exe"]
    );
    assert_eq!(relations(sighting).len(), 2);
    assert!(
        calls(&stage).iter().any(|call| call.ends_with("stats?lookBackHours=720")),
        "{:?}",
        calls(&stage)
    );
    // Not for many observables, and not where it is off.
    let many: Vec<String> = (0..6).map(|n| format!("{n:040x}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|hash| ("sha1", hash.as_str())).collect();
    let stage = full().start().await;
    stage.observe(&many).await;
    assert!(!calls(&stage).iter().any(|call| call.contains("stats")));
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_accounts_urls_and_files_are_looked_up_by_their_names() {
    let stage = setup().start().await;
    let machine =
        |name: &str, id: &str| json!({"id": id, "computerDnsName": name, "lastSeen": "2026-11-01T00:00:00Z"});
    stage.sim.answer(
        "defender",
        Answer::get("/machines").json(
            json!({"value": [machine("WS-042.corp.example", "m1"), machine("ws-0421.corp.example", "m2")]}),
        ),
    );
    alerts(&stage, "/machines/m1/alerts", &json!([alert("a1", &json!({}))]));
    let user = |name: &str, domain: &str| json!({"relatedUser": {"userName": name, "domainName": domain}});
    alerts(
        &stage,
        "/users/jdoe/alerts",
        &json!([alert("a2", &user("jdoe", "CORP")), alert("a3", &user("jdoe", "LAB"))]),
    );
    let url = |url: &str| json!({"evidence": [{"entityType": "Url", "url": url}]});
    alerts(
        &stage,
        "/domains/u.example/alerts",
        &json!([alert("a4", &url("https://U.example/p")), alert("a5", &url("https://u.example/q"))]),
    );
    rows(&stage, &json!([]));
    for (about, ids) in [
        (("hostname", "ws-042"), vec!["a1"]),
        (("hostname", "WS-042.corp.example"), vec!["a1"]),
        (("user", "CORP\\jdoe"), vec!["a2"]),
        (("user", "jdoe"), vec!["a2", "a3"]),
        (("url", "https://u.example/p#x"), vec!["a4"]),
        (("ms_machine_id", "m1"), vec!["a1"]),
        (("user", "SYSTEM"), vec![]),
        (("file_name", "svchost.exe"), vec![]),
    ] {
        let before = calls(&stage).len();
        let answer = stage.observe(&[about]).await;
        assert_eq!(errors(&answer), [], "{about:?}");
        let found: Vec<_> = docs(&answer, "sightings").iter().map(|one| &one["external_ids"][0]).collect();
        assert_eq!(found, ids, "{about:?}");
        if ids.is_empty() {
            assert_eq!(calls(&stage).len(), before, "{about:?}");
        }
    }
    let asked: Vec<String> =
        calls(&stage).into_iter().filter(|call| call.contains("computerDnsName")).collect();
    assert!(asked[0].contains("startswith") && !asked[1].contains("startswith"), "{asked:?}");
    assert!(!queries(&stage).iter().any(|query| query.contains("m1") || query.contains("ws-042")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_name_is_shown_once_for_each_device_and_file() {
    let stage = setup().start().await;
    let row = |n: usize| {
        json!({"Source": "DeviceFileEvents", "Timestamp": format!("2026-11-01T00:{:02}:00Z", n), "DeviceId": format!("d{}", n % 30),
               "SHA1": "a".repeat(40), "FileName": "drop.exe", "ReportId": n})
    };
    rows(&stage, &json!((0..60).map(row).collect::<Vec<_>>()));
    let answer = stage.observe(&[("file_name", "drop.exe")]).await;
    assert_eq!(docs(&answer, "sightings").len(), 20);
    assert_eq!(docs(&answer, "sightings")[0]["observed_time"]["start_time"], "2026-11-01T00:59:00Z");
    let stage = setup().setting("RELAY_PROVIDER__HUNTING_API", "off").start().await;
    assert_eq!(stage.observe(&[("file_name", "drop.exe")]).await, json!({"data": {}}));
    assert_eq!(calls(&stage), [""; 0]);
}
