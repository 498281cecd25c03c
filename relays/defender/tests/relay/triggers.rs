//! `/respond/trigger`.

use provider_sim::{Answer, Fault, What};
use relay_testkit::errors;
use serde_json::{Value, json};

use crate::{MACHINE, NOTEPAD, calls, setup};

fn body(action: &str, kind: &str, value: &str) -> Value {
    json!({"action-id": format!("microsoft-defender-{action}"), "observable_type": kind, "observable_value": value})
}

fn on_machine(action: &str) -> Value {
    body(action, "ms_machine_id", MACHINE)
}

fn success() -> Value {
    json!({"data": {"status": "success"}})
}

/// The last call: method, path, and body without the words that are free.
fn last(stage: &relay_testkit::Stage) -> (String, Value) {
    let call = stage.sim.calls_to("defender").pop().unwrap();
    let mut body = call.json().unwrap_or_default();
    if let Some(fields) = body.as_object_mut() {
        for free in ["Comment", "title", "description"] {
            if let Some(text) = fields.remove(free) {
                assert!(text.as_str().unwrap().contains("Cisco XDR"), "{text}");
            }
        }
    }
    (call.line().replacen("/defender", "", 1), body)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_machine_action_makes_its_call() {
    let table = [
        ("FullIsolation", "isolate", json!({"IsolationType": "Full"})),
        ("SelectiveIsolation", "isolate", json!({"IsolationType": "Selective"})),
        ("Unisolate", "unisolate", json!({})),
        ("RestrictCodeExecution", "restrictCodeExecution", json!({})),
        ("UnrestrictCodeExecution", "unrestrictCodeExecution", json!({})),
        ("RunAntiVirusScanQuick", "runAntiVirusScan", json!({"ScanType": "Quick"})),
        ("RunAntiVirusScanFull", "runAntiVirusScan", json!({"ScanType": "Full"})),
        ("CollectInvestigationPackage", "collectInvestigationPackage", json!({})),
        ("InitiateInvestigation", "startInvestigation", json!({})),
    ];
    let stage = setup().start().await;
    for (action, path, parameters) in table {
        let path = format!("/machines/{MACHINE}/{path}");
        stage.sim.answer("defender", Answer::post(&path).status(201).times(1));
        assert_eq!(stage.trigger(&on_machine(action)).await, success(), "{action}");
        assert_eq!(last(&stage), (format!("POST {path}"), parameters), "{action}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_indicator_action_makes_its_call() {
    let current = [
        ("alert", json!({"action": "Audit", "severity": "High", "generateAlert": true})),
        ("alert-and-block", json!({"action": "Block", "severity": "High", "generateAlert": true})),
        ("allowed", json!({"action": "Allowed"})),
        ("warn", json!({"action": "Warn", "severity": "Medium", "generateAlert": true})),
        (
            "block-and-remediate",
            json!({"action": "BlockAndRemediate", "severity": "High", "generateAlert": true}),
        ),
    ];
    let legacy = [
        ("alert", json!({"action": "Alert", "severity": "High"})),
        ("alert-and-block", json!({"action": "AlertAndBlock", "severity": "High"})),
        ("allowed", json!({"action": "Allowed"})),
    ];
    for (words, table) in [("current", &current[..]), ("legacy", &legacy[..])] {
        let stage = setup().setting("RELAY_PROVIDER__INDICATOR_ACTIONS", words).start().await;
        for (action, rest) in table {
            let mut expected = rest.clone();
            expected["indicatorValue"] = json!(NOTEPAD[0]);
            expected["indicatorType"] = json!("FileSha1");
            let trigger = body(&format!("add-indicator-{action}"), "SHA1", &NOTEPAD[0].to_uppercase());
            assert_eq!(stage.trigger(&trigger).await, success(), "{words} {action}");
            assert_eq!(last(&stage), ("POST /indicators".to_owned(), expected), "{words} {action}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_observable_type_has_its_indicator_type() {
    let stage = setup().start().await;
    let table = [
        ("sha1", NOTEPAD[0], "FileSha1"),
        ("sha256", NOTEPAD[1], "FileSha256"),
        ("md5", NOTEPAD[2], "FileMd5"),
        ("ip", "192.0.2.1", "IpAddress"),
        ("ipv6", "2001:db8::1", "IpAddress"),
        ("domain", "a.example", "DomainName"),
        ("url", "https://a.example/'x", "Url"),
    ];
    for (kind, value, indicator) in table {
        assert_eq!(stage.trigger(&body("add-indicator-alert", kind, value)).await, success(), "{kind}");
        let (_, sent) = last(&stage);
        assert_eq!((&sent["indicatorType"], &sent["indicatorValue"]), (&json!(indicator), &json!(value)));
        // And the simulated provider has it: now it can be removed, and then added again.
        let answer = stage.respond(&[(kind, value)]).await;
        let id = answer["data"][0]["query-params"]["indicator_id"].clone();
        assert_eq!(answer["data"][0]["title"], "Remove indicator: Audit - From Cisco XDR", "{kind}");
        let mut removal = body("remove-indicator", kind, value);
        removal["indicator_id"] = id;
        assert_eq!(stage.trigger(&removal).await, success(), "{kind}");
        assert!(stage.respond(&[(kind, value)]).await["data"].as_array().unwrap().len() >= 4, "{kind}");
    }
    let answer = stage.trigger(&body("add-indicator-alert", "email", "a@b.example")).await;
    assert_eq!(answer["data"], json!({"status": "failure"}));
    assert_eq!(errors(&answer), [("fatal", "unsupported type")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_is_one_call_and_a_missing_indicator_no_failure() {
    for (id, status) in [(json!(13), 204), (json!("13"), 204), (json!("13"), 200), (json!(13), 404)] {
        let stage = setup().start().await;
        stage.sim.answer("defender", Answer::to("DELETE", "/indicators/13").status(status));
        let mut removal = body("remove-indicator", "domain", "a.example");
        removal["indicator_id"] = id;
        assert_eq!(stage.trigger(&removal).await, success(), "{status}");
        assert_eq!(calls(&stage), ["DELETE /indicators/13"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_is_running_already_is_declined_in_plain_words() {
    // Another isolation of the same device, so not a repetition of the first.
    let stage = setup().start().await;
    assert_eq!(stage.trigger(&on_machine("FullIsolation")).await, success());
    let answer = stage.trigger(&on_machine("SelectiveIsolation")).await;
    assert_eq!(answer["data"], json!({"status": "failure"}));
    assert_eq!(errors(&answer), [("fatal", "invalid argument")]);
    assert!(answer["errors"][0]["message"].as_str().unwrap().contains("already running"));
    // Without a repeat window, the same goes for an identical action.
    let stage = setup().setting("RELAY_PROVIDER__REPEAT_WINDOW", "0s").start().await;
    assert_eq!(stage.trigger(&on_machine("FullIsolation")).await, success());
    assert_eq!(errors(&stage.trigger(&on_machine("FullIsolation")).await), [("fatal", "invalid argument")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn identical_triggers_are_one_call() {
    // Longer than the test takes on any machine.
    let stage = setup().setting("RELAY_PROVIDER__REPEAT_WINDOW", "10m").start().await;
    stage.sim.faults().add("defender/isolate:latency=150ms".parse::<Fault>().unwrap());
    let trigger = on_machine("FullIsolation");
    let (one, other, third) =
        tokio::join!(stage.trigger(&trigger), stage.trigger(&trigger), stage.trigger(&trigger));
    assert_eq!([one, other, third], [success(), success(), success()]);
    assert_eq!(stage.trigger(&trigger).await, success());
    assert_eq!(calls(&stage).len(), 1);
    // A failure is a result too: it is not known what it did.
    stage.sim.answer("defender", Answer::post(&format!("/machines/{MACHINE}/runAntiVirusScan")).status(500));
    for _ in 0..2 {
        assert_eq!(
            errors(&stage.trigger(&on_machine("RunAntiVirusScanQuick")).await),
            [("fatal", "unknown")]
        );
    }
    assert_eq!(calls(&stage).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_undone_in_between_can_be_done_again() {
    let stage = setup().start().await;
    for action in ["FullIsolation", "Unisolate", "FullIsolation"] {
        assert_eq!(stage.trigger(&on_machine(action)).await, success(), "{action}");
        stage.respond(&[("ms_machine_id", MACHINE)]).await;
    }
    let posts = calls(&stage).into_iter().filter(|call| call.starts_with("POST ")).count();
    assert_eq!(posts, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_tenants_are_not_answered_from_the_first_ones_result() {
    let stage = setup().start().await;
    let trigger = on_machine("CollectInvestigationPackage");
    let other = stage.token_with(&json!({"tenant_id": "other.example"}));
    assert_eq!(stage.trigger(&trigger).await, success());
    assert_eq!(stage.ask("/respond/trigger", Some(&other), &trigger).await, success());
    assert_eq!(calls(&stage).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_arrived_is_never_sent_again() {
    let table = [
        (Fault::new(What::Reset), "connection error"),
        (Fault::new(What::ResetLate), "connection error"),
        (Fault::new(What::Hang), "timeout"),
        (Fault::status(500), "unknown"),
        (Fault::status(502), "unavailable"),
        (Fault::status(503), "unavailable"),
        (Fault::status(504), "unavailable"),
        // Declined, but by whom is not said: a gateway may count calls that it passed on.
        (Fault::status(429).header("Retry-After", "0"), "too many requests"),
    ];
    for (fault, code) in table {
        for trigger in [on_machine("FullIsolation"), body("add-indicator-alert", "domain", "a.example")] {
            let stage = setup().setting("RELAY_PROVIDER__READ_TIMEOUT", "300ms").start().await;
            stage.sim.faults().add(fault.clone().on("defender"));
            let answer = stage.trigger(&trigger).await;
            assert_eq!(answer["data"], json!({"status": "failure"}), "{fault:?}");
            assert_eq!(errors(&answer), [("fatal", code)], "{fault:?}");
            assert_eq!(calls(&stage).len(), 1, "{fault:?}");
            let message = answer["errors"][0]["message"].as_str().unwrap();
            assert_eq!(message.contains("may have been done"), code != "too many requests", "{message}");
        }
    }
    // A declined token means that the call was not carried out: one fresh token, one more try.
    let stage = setup().start().await;
    stage.sim.faults().add(Fault::status(401).on("defender").next(1));
    assert_eq!(stage.trigger(&on_machine("FullIsolation")).await, success());
    assert_eq!((calls(&stage).len(), stage.sim.calls_to("login").len()), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_providers_refusal_is_reported() {
    for (status, code) in [
        (400, "invalid argument"),
        (401, "authorization error"),
        (403, "permission denied"),
        (404, "not found"),
        (429, "too many requests"),
    ] {
        let stage = setup().setting("RELAY_PROVIDER__RETRIES", "0").start().await;
        let words = r#"{"error": {"code": "Code", "message": "Words."}}"#;
        stage.sim.faults().add(Fault::status(status).on("defender").body(words));
        let answer = stage.trigger(&on_machine("FullIsolation")).await;
        assert_eq!(errors(&answer), [("fatal", code)], "{status}");
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("Code: Words.") && !message.contains("may have been done"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_calls_nothing_and_still_refuses_nonsense() {
    let stage = setup().setting("RELAY_PROVIDER__DRY_RUN", "true").start().await;
    for trigger in [on_machine("FullIsolation"), body("add-indicator-warn", "domain", "a.example")] {
        for _ in 0..2 {
            let answer = stage.trigger(&trigger).await;
            assert_eq!(answer["data"], json!({"status": "failure"}));
            assert_eq!(errors(&answer), [("warning", "dry run")]);
        }
    }
    assert_eq!(errors(&stage.trigger(&on_machine("Nonsense")).await), [("fatal", "invalid argument")]);
    assert_eq!(calls(&stage), [""; 0]);
    assert!(stage.sim.calls_to("login").is_empty());
}
