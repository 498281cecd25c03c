//! Actions on devices by name and address, on files, on what is pending; what the operator allows.

use provider_sim::{Answer, Fault};
use relay_testkit::errors;
use serde_json::{Value, json};

use crate::{MACHINE, NOTEPAD, calls, full};

fn titles(answer: &Value) -> Vec<String> {
    let list = answer["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|action| action["title"].as_str().unwrap().to_owned()).collect()
}

fn machine(id: &str, name: &str, seen: &str, os: &str) -> Value {
    json!({"id": id, "computerDnsName": name, "lastSeen": seen, "osPlatform": os, "onboardingStatus": "Onboarded"})
}

fn devices(path: &str, machines: &Value) -> Answer {
    Answer::get(path).json(json!({ "value": machines }))
}

const SEEN: &str = "2026-11-01T00:00:00Z";
const NOW: &str = "2026-11-02T12:00:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_found_by_its_name_where_there_is_one() {
    let one = machine(MACHINE, "ws-042.corp.example", SEEN, "Windows11");
    let stage = full().at(NOW).start().await;
    // The same twice, one long gone, one that was never onboarded.
    let mut other = machine("m3", "ws-042.corp.example", SEEN, "Windows11");
    other["onboardingStatus"] = json!("CanBeOnboarded");
    let gone = machine("m2", "ws-042.corp.example", "2026-01-01T00:00:00Z", "Windows11");
    stage.sim.answer("defender", devices("/machines", &json!([one, one, gone, other])));
    let answer = stage.respond(&[("hostname", "WS-042")]).await;
    let all = titles(&answer);
    assert_eq!((errors(&answer), all.len()), (vec![], 7), "{all:?}");
    assert!(all.iter().all(|title| title.ends_with(" - ws-042.corp.example")), "{all:?}");
    let params = &answer["data"][0]["query-params"];
    assert_eq!(
        *params,
        json!({"observable_type": "hostname", "observable_value": "WS-042", "machine_id": MACHINE,
               "machine_name": "ws-042.corp.example"})
    );
    let mut trigger = params.clone();
    trigger["action-id"] = answer["data"][2]["id"].clone();
    assert_eq!(stage.trigger(&trigger).await, json!({"data": {"status": "success"}}));
    assert_eq!(calls(&stage).last().unwrap(), &format!("POST /machines/{MACHINE}/isolate"));

    let stage = full().at(NOW).start().await;
    stage.sim.answer(
        "defender",
        devices("/machines", &json!([one, machine("m2", "ws-042.lab.example", SEEN, "Linux")])),
    );
    let answer = stage.respond(&[("hostname", "ws-042")]).await;
    assert_eq!((errors(&answer), titles(&answer).len()), (vec![("warning", "invalid argument")], 0));
    assert!(
        answer.to_string().contains("2 devices have this name: ws-042.corp.example, ws-042.lab.example"),
        "{answer}"
    );
    assert_eq!(stage.respond(&[("hostname", "unknown-host")]).await, json!({"data": []}));
    // What a look-up of alerts found a moment ago is asked again.
    let stage = full().at(NOW).start().await;
    stage.sim.answer("defender", devices("/machines", &json!([one])));
    stage.observe(&[("hostname", "ws-042")]).await;
    stage.respond(&[("hostname", "ws-042")]).await;
    assert_eq!(calls(&stage).iter().filter(|call| call.contains("computerDnsName")).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_is_a_device_and_a_public_one_is_not() {
    let stage = full().at(NOW).start().await;
    let path = "/machines/findbyip(ip='10.0.0.8',timestamp=2026-11-02T11:45:00Z)";
    let one = machine(MACHINE, "ws-042.corp.example", SEEN, "Windows11");
    stage.sim.answer("defender", devices(path, &json!([one])).times(2));
    let answer = stage.respond(&[("ip", "10.0.0.8")]).await;
    assert_eq!((errors(&answer), titles(&answer).len()), (vec![], 7), "no indicator can be added: {answer}");
    stage.sim.answer("defender", devices(&path.replace("10.0.0.8", "10.0.0.9"), &json!([])));
    assert_eq!(
        stage.respond(&[("ip", "10.0.0.9")]).await,
        json!({"data": []}),
        "neither device nor indicator"
    );
    let answer = stage.respond(&[("ip", "203.0.113.9")]).await;
    assert!(titles(&answer).iter().all(|title| title.starts_with("Add indicator")), "{answer}");
    assert_eq!(calls(&stage).iter().filter(|call| call.contains("findbyip")).count(), 2);
    // The address is asked for again before anything is done.
    let trigger = |action: &str| {
        json!({"action-id": format!("microsoft-defender-{action}"), "observable_type": "ip", "observable_value": "10.0.0.8",
               "machine_id": MACHINE})
    };
    assert_eq!(stage.trigger(&trigger("FullIsolation")).await, json!({"data": {"status": "success"}}));
    let moved = machine("m2", "other.corp.example", SEEN, "Windows11");
    for (now, expected) in
        [(json!([moved]), "other.corp.example"), (json!([]), "no device"), (json!([one, moved]), "several")]
    {
        stage.sim.answer("defender", devices(path, &now));
        let answer = stage.trigger(&trigger("RunAntiVirusScanQuick")).await;
        assert_eq!(errors(&answer), [("fatal", "invalid argument")]);
        assert!(answer.to_string().contains(expected), "{answer}");
    }
    assert_eq!(calls(&stage).iter().filter(|call| call.starts_with("POST")).count(), 1);
    // Without a machine there is no such action.
    let mut nameless = trigger("FullIsolation");
    nameless.as_object_mut().unwrap().remove("machine_id");
    assert_eq!(errors(&stage.trigger(&nameless).await), [("fatal", "invalid argument")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_quarantined_on_the_devices_seen_last() {
    let stage = full().at(NOW).setting("RELAY_PROVIDER__ACTIONS", "quarantine").start().await;
    let mut all: Vec<Value> = (1..=7)
        .map(|n| {
            machine(
                &format!("m{n}"),
                &format!("ws-{n}.example"),
                &format!("2026-11-01T00:0{n}:00Z"),
                "Windows11",
            )
        })
        .collect();
    all.push(machine("m8", "linux.example", "2026-11-02T00:00:00Z", "Linux"));
    stage.sim.answer("defender", devices(&format!("/files/{}/machines", NOTEPAD[0]), &json!(all)));
    let file = Answer::get(&format!("/files/{}", NOTEPAD[1])).json(json!({"sha1": NOTEPAD[0]}));
    stage.sim.answer("defender", file);
    let answer = stage.respond(&[("sha256", NOTEPAD[1])]).await;
    let expected = [7, 6, 5, 4, 3].map(|n| format!("Stop and quarantine file: ws-{n}.example"));
    assert_eq!((errors(&answer), titles(&answer)), (vec![], expected.to_vec()));
    let action = &answer["data"][0];
    assert_eq!(action["id"], "microsoft-defender-StopAndQuarantineFile");
    let mut trigger = action["query-params"].clone();
    trigger["action-id"] = action["id"].clone();
    stage.sim.answer("defender", Answer::post("/machines/m7/StopAndQuarantineFile").status(201));
    assert_eq!(stage.trigger(&trigger).await, json!({"data": {"status": "success"}}));
    let sent = stage.sim.calls_to("defender").pop().unwrap();
    assert_eq!(sent.path, "/defender/machines/m7/StopAndQuarantineFile");
    assert_eq!(sent.json().unwrap()["Sha1"], NOTEPAD[0]);
    // A SHA-1 must be the one that is quarantined.
    let other = json!({"action-id": action["id"], "observable_type": "sha1", "observable_value": NOTEPAD[0],
                       "machine_id": "m7", "sha1": "2".repeat(40)});
    assert_eq!(errors(&stage.trigger(&other).await), [("fatal", "invalid argument")]);
    stage.sim.faults().add(Fault::status(403).on("defender").path("/machines"));
    let answer = stage.respond(&[("sha1", NOTEPAD[0])]).await;
    assert_eq!((errors(&answer), titles(&answer).len()), (vec![("warning", "permission denied")], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_action_can_be_cancelled() {
    let stage = full().start().await;
    let body = |action: &str| json!({"action-id": format!("microsoft-defender-{action}"), "observable_type": "ms_machine_id", "observable_value": MACHINE});
    stage.trigger(&body("RunAntiVirusScanQuick")).await;
    let answer = stage.respond(&[("ms_machine_id", MACHINE)]).await;
    let actions = answer["data"].as_array().unwrap();
    let cancel = actions.last().unwrap();
    let title = cancel["title"].as_str().unwrap();
    assert!(title.starts_with("Cancel: RunAntiVirusScan (Pending since 2"), "{title}");
    let mut trigger = cancel["query-params"].clone();
    trigger["action-id"] = cancel["id"].clone();
    assert_eq!(stage.trigger(&trigger).await, json!({"data": {"status": "success"}}));
    assert_eq!(
        calls(&stage).last().unwrap(),
        &format!("POST /machineactions/{}/cancel", trigger["machine_action_id"].as_str().unwrap())
    );
    let answer = stage.respond(&[("ms_machine_id", MACHINE)]).await;
    assert!(!titles(&answer).iter().any(|title| title.starts_with("Cancel")), "{answer}");
    let mut gone = body("cancel-action");
    gone["machine_action_id"] = json!("00000000-0000-4000-8000-000000000000");
    assert_eq!(errors(&stage.trigger(&gone).await), [("fatal", "not found")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_off_is_neither_offered_nor_done() {
    let stage = full().setting("RELAY_PROVIDER__ACTIONS", "indicators,scan").start().await;
    let answer = stage.respond(&[("ms_machine_id", MACHINE)]).await;
    assert_eq!(titles(&answer), ["Run antivirus scan: Full", "Run antivirus scan: Quick"]);
    assert!(
        !calls(&stage).iter().any(|call| call.contains("machineactions")),
        "no look-up that only others need"
    );
    let isolate = json!({"action-id": "microsoft-defender-FullIsolation", "observable_type": "ms_machine_id", "observable_value": MACHINE});
    let before = calls(&stage).len();
    let answer = stage.trigger(&isolate).await;
    assert_eq!(
        (&answer["data"]["status"], errors(&answer)),
        (&json!("failure"), vec![("fatal", "permission denied")])
    );
    assert!(answer.to_string().contains("RELAY_PROVIDER__ACTIONS"), "{answer}");
    assert_eq!(calls(&stage).len(), before);
    let stage = full().setting("RELAY_PROVIDER__ACTIONS", "none").start().await;
    assert_eq!(
        stage.respond(&[("domain", "a.example"), ("ms_machine_id", MACHINE)]).await,
        json!({"data": []})
    );
    assert_eq!(calls(&stage), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_is_named_in_every_title() {
    let stage = full().setting("RELAY_PROVIDER__DRY_RUN", "true").start().await;
    let answer = stage
        .respond(&[("domain", "a.example"), ("ms_machine_id", MACHINE), ("domain", "known-bad.example")])
        .await;
    let all = titles(&answer);
    assert_eq!(all.len(), 12, "{all:?}");
    assert!(
        all.iter().all(|title| title.starts_with("Dry run: ") && title.matches("Dry run").count() == 1),
        "{all:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn indicators_can_end_and_be_limited() {
    let stage = full()
        .at(NOW)
        .setting("RELAY_PROVIDER__INDICATOR_DAYS", "30")
        .setting("RELAY_PROVIDER__INDICATOR_GROUPS", "a, b")
        .start()
        .await;
    let trigger = json!({"action-id": "microsoft-defender-add-indicator-alert", "observable_type": "domain", "observable_value": "a.example"});
    assert_eq!(stage.trigger(&trigger).await, json!({"data": {"status": "success"}}));
    let sent = stage.sim.calls_to("defender").pop().unwrap().json().unwrap();
    assert_eq!(
        (&sent["expirationTime"], &sent["rbacGroupNames"]),
        (&json!("2026-12-02T12:00:00Z"), &json!(["a", "b"]))
    );
    let answer = stage.respond(&[("domain", "a.example")]).await;
    let description = answer["data"][0]["description"].as_str().unwrap();
    assert!(description.contains("2026-12-02T12:00:00Z") && description.contains("a, b"), "{description}");
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_of_another_form_are_refused_as_a_body() {
    let stage = full().start().await;
    for (name, value) in
        [("machine_id", "../x"), ("machine_action_id", "a b"), ("sha1", "12"), ("machine_id", "")]
    {
        let mut trigger = json!({"action-id": "microsoft-defender-FullIsolation", "observable_type": "hostname", "observable_value": "a"});
        trigger[name] = json!(value);
        let answer = stage.trigger(&trigger).await;
        assert_eq!(errors(&answer), [("fatal", "invalid argument")], "{name} {value}");
        assert!(answer.get("data").is_none(), "{name} {value}");
    }
    assert_eq!(calls(&stage), [""; 0]);
}
