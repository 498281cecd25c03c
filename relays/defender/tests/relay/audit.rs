//! One log line for each trigger.

use provider_sim::{Fault, What};
use relay_testkit::audit_lines;
use serde_json::json;

use crate::setup;

#[tokio::test(flavor = "multi_thread")]
async fn every_trigger_leaves_one_line_without_credentials() {
    let machine = "a0d1700000000000000000000000000000000001";
    assert_eq!(audit_lines(machine), [""; 0]);
    let stage = setup().claim("sub", "user-7\" outcome=success").claim("org_id", "org-1").start().await;
    let trigger = |action: &str| {
        json!({"action-id": format!("microsoft-defender-{action}"), "observable_type": "ms_machine_id",
               "observable_value": machine})
    };
    stage
        .sim
        .answer("defender", provider_sim::Answer::post(&format!("/machines/{machine}/isolate")).status(201));
    stage.trigger(&trigger("FullIsolation")).await;
    stage.trigger(&trigger("FullIsolation")).await;
    stage.trigger(&trigger("Nonsense\noutcome=success")).await;
    stage.sim.faults().add(Fault::new(What::Reset).on("defender"));
    stage.trigger(&trigger("RunAntiVirusScanQuick")).await;
    let lines = audit_lines(machine);
    assert_eq!(lines.len(), 4, "{lines:#?}");
    for line in &lines {
        assert!(!line.contains("demo-secret") && !line.contains("Bearer"), "{line}");
        assert!(line.contains(r#"sub="user-7\" outcome=success" org_id="org-1""#), "{line}");
        assert!(line.contains("tenant=11111111-2222-4333-8444-555555555555"), "{line}");
    }
    let first = format!(
        "INFO response action action=microsoft-defender-FullIsolation observable_type=ms_machine_id \
         observable_value={machine} tenant="
    );
    assert!(lines[0].starts_with(&first) && lines[0].ends_with(" outcome=success"), "{}", lines[0]);
    assert!(lines[1].ends_with("repeat=answered outcome=success"), "{}", lines[1]);
    assert!(lines[2].ends_with("outcome=failure code=invalid argument"), "{}", lines[2]);
    assert!(lines[3].ends_with("outcome=failure code=connection error"), "{}", lines[3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_of_a_trigger_are_fields_of_its_line() {
    let machine = "a0d1700000000000000000000000000000000003";
    assert_eq!(audit_lines(machine), [""; 0]);
    let stage = setup().setting("RELAY_PROVIDER__DRY_RUN", "true").start().await;
    let sha1 = "a".repeat(40);
    let trigger = json!({
        "action-id": "microsoft-defender-FullIsolation", "observable_type": "hostname", "observable_value": "ws-042",
        "machine_id": machine, "machine_name": "ws 042\noutcome=success", "indicator_id": 13,
        "machine_action_id": "b590", "sha1": sha1, "other": "x",
    });
    stage.trigger(&trigger).await;
    let [line] = audit_lines(machine).try_into().unwrap();
    let fields = format!(
        "observable_value=ws-042 machine_id={machine} machine_name=ws 042\noutcome=success indicator_id=13 \
         machine_action_id=b590 sha1={sha1} tenant="
    );
    assert!(line.contains(&fields) && !line.contains("other"), "{line}");
    assert!(line.ends_with(" dry_run=true outcome=failure code=dry run"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_broken_off_leaves_its_line_and_is_not_repeated() {
    let machine = "a0d1700000000000000000000000000000000002";
    assert_eq!(audit_lines(machine), [""; 0]);
    let stage = setup().start().await;
    let fault = stage.sim.faults().add(Fault::new(What::Hang).on("defender"));
    let body = json!({"action-id": "microsoft-defender-FullIsolation", "observable_type": "ms_machine_id",
                      "observable_value": machine});
    let url = format!("{}/respond/trigger", stage.relay.url);
    let request = stage.http.post(url).bearer_auth(stage.token()).body(body.to_string());
    let asking = tokio::spawn(request.send());
    while stage.sim.calls_to("defender").is_empty() {
        tokio::task::yield_now().await;
    }
    asking.abort();
    while audit_lines(machine).is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(audit_lines(machine)[0].contains("outcome=broken off"), "{:?}", audit_lines(machine));
    stage.sim.faults().remove(fault);
    let answer = stage.trigger(&body).await;
    assert_eq!(answer["data"]["status"], "failure");
    assert!(answer["errors"][0]["message"].as_str().unwrap().contains("broken off"), "{answer}");
    assert_eq!(stage.sim.calls_to("defender").len(), 1);
}
