//! A failure costs its own part of the answer and is reported once.

use provider_sim::{Answer, Fault, What};
use relay_testkit::{Setup, Stage, docs, errors};
use serde_json::json;

use crate::{LOADER, MACHINE, SHA1, alert, alerts, calls, queries, rows, setup};

const PATH: &str = "/files/00000000000000000000000000000000000000aa/alerts";

/// A relay that does not try again, before one alert on a device and one event.
async fn stage(setup: Setup) -> Stage {
    let stage = setup.setting("RELAY_PROVIDER__RETRIES", "0").start().await;
    let evidence = json!([{"entityType": "File", "sha1": LOADER[0], "fileName": "x"}]);
    alerts(&stage, PATH, &json!([alert("a1", &json!({"machineId": MACHINE, "evidence": evidence}))]));
    rows(&stage, &json!([{"Timestamp": "2026-11-01T00:00:00Z", "DeviceId": MACHINE, "ReportId": 1}]));
    stage
}

fn message(answer: &serde_json::Value) -> &str {
    answer["errors"][0]["message"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_alerts_leave_the_events() {
    let table = [
        (403, ("fatal", "permission denied")),
        (429, ("fatal", "too many requests")),
        (500, ("fatal", "unknown")),
        (502, ("fatal", "unavailable")),
        (503, ("fatal", "unavailable")),
        (504, ("fatal", "unavailable")),
        (418, ("fatal", "unknown")),
        // An API that ended must not go unnoticed.
        (410, ("fatal", "unknown")),
    ];
    for (status, expected) in table {
        let stage = stage(setup()).await;
        let body = r#"{"error": {"code": "Code", "message": "Words."}}"#;
        stage.sim.faults().add(Fault::status(status).on("defender").path("/files/0000").body(body));
        let answer = stage.observe(&[("sha1", SHA1)]).await;
        assert_eq!(errors(&answer), [expected], "{status}");
        assert!(message(&answer).contains("Code: Words."), "{}", message(&answer));
        assert_eq!(docs(&answer, "sightings").len(), 1, "{status}");
        assert!(queries(&stage)[0].contains("(top 100 by"));
    }
    // A gateway in between answers in words of its own, or in none.
    for (status, body, code) in [
        (500, "<html><body>Oops</body></html>", "unknown"),
        (403, "", "permission denied"),
        (503, "\u{feff}not json", "unavailable"),
    ] {
        let stage = stage(setup()).await;
        stage.sim.faults().add(Fault::status(status).on("defender").path("/files/0000").body(body));
        let answer = stage.observe(&[("sha1", SHA1)]).await;
        assert_eq!(
            (errors(&answer), docs(&answer, "sightings").len()),
            (vec![("fatal", code)], 1),
            "{status}"
        );
    }
    for status in [400, 404] {
        let stage = stage(setup()).await;
        stage.sim.faults().add(Fault::status(status).on("defender").path("/files/0000"));
        let answer = stage.observe(&[("sha1", SHA1)]).await;
        assert_eq!((errors(&answer), docs(&answer, "sightings").len()), (vec![], 1), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_hunts_leave_the_alerts() {
    let fault = |status: u16| Fault::status(status);
    let table = [
        (
            fault(400).body(r#"{"error": {"code": "BadRequest", "message": "x"}}"#),
            "fatal",
            "invalid argument",
        ),
        (fault(403), "warning", "permission denied"),
        (
            fault(429).header("Retry-After", "3600").body(r#"{"error": "the quota"}"#),
            "fatal",
            "too many requests",
        ),
        (fault(500), "fatal", "unknown"),
        (fault(503), "fatal", "unavailable"),
        (Fault::new(What::Html), "fatal", "key error"),
        (Fault::new(What::WrongType), "fatal", "key error"),
        (Fault::new(What::Truncated), "fatal", "key error"),
        (Fault::new(What::Reset), "fatal", "connection error"),
        (Fault::new(What::Hang), "fatal", "timeout"),
    ];
    for (fault, kind, code) in table {
        let stage = stage(setup().setting("RELAY_PROVIDER__READ_TIMEOUT", "300ms")).await;
        stage.sim.faults().add(fault.clone().on("defender").path("/advancedqueries/"));
        let answer = stage.observe(&[("sha1", SHA1)]).await;
        assert_eq!(errors(&answer)[0], (kind, code), "{fault:?}");
        assert_eq!(docs(&answer, "sightings").len(), 1, "{fault:?}");
    }
    let stage = stage(setup()).await;
    for status in [404, 410] {
        stage.sim.faults().clear();
        stage.sim.faults().add(Fault::status(status).on("defender").path("/advancedqueries/"));
        let answer = stage.observe(&[("sha1", SHA1)]).await;
        assert_eq!(errors(&answer), [("warning", "permission denied")], "{status}");
        assert_eq!(docs(&answer, "sightings").len(), 1, "{status}");
        let text = message(&answer);
        assert!(text.contains("GRAPH_URL") && text.contains("GRAPH_SCOPE"), "{text}");
    }
    assert_eq!(queries(&stage).len(), 1, "remembered, and reported each time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_wait_for_the_hunting_quota_is_waited_and_a_long_one_reported() {
    let stage = stage(setup()).await;
    drop(stage);
    let stage = setup().start().await;
    alerts(&stage, PATH, &json!([]));
    rows(&stage, &json!([{"Timestamp": "2026-11-01T00:00:00Z", "DeviceName": "d"}]));
    let fault = || Fault::status(429).on("defender").path("/advancedqueries/");
    stage.sim.faults().add(fault().header("Retry-After", "1").next(1));
    let begun = std::time::Instant::now();
    let answer = stage.observe(&[("sha1", SHA1)]).await;
    assert_eq!((errors(&answer), docs(&answer, "sightings").len()), (vec![], 1));
    assert!(begun.elapsed() >= std::time::Duration::from_secs(1), "the pause was kept");
    let other = "1".repeat(40);
    stage.sim.faults().add(fault().header("Retry-After", "3600"));
    let answer = stage.observe(&[("sha1", &other)]).await;
    assert_eq!(errors(&answer), [("fatal", "too many requests")]);
    assert_eq!(queries(&stage).len(), 3, "not tried again");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_failing_observable_leaves_the_others() {
    let stage = stage(setup()).await;
    for name in ["a.example", "b.example"] {
        alerts(&stage, &format!("/domains/{name}/alerts"), &json!([alert(name, &json!({}))]));
    }
    let row = |field: &str, value: &str| json!({"Timestamp": "2026-11-01T00:00:00Z", "DeviceId": "d", field: value});
    rows(
        &stage,
        &json!([row("RemoteUrl", "a.example"), row("RemoteUrl", "https://b.example/x"), row("SHA1", SHA1)]),
    );
    stage.sim.faults().add(Fault::status(500).on("defender").path("/domains/b.example"));
    let answer = stage.observe(&[("domain", "a.example"), ("domain", "b.example"), ("sha1", SHA1)]).await;
    assert_eq!(errors(&answer), [("fatal", "unknown")]);
    assert!(message(&answer).contains("(concerns domain b.example)"), "{}", message(&answer));
    assert_eq!(docs(&answer, "sightings").len(), 5, "two alerts and an event of each");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_devices_and_files_are_no_failure() {
    for (status, queried) in [(404, true), (400, false), (403, false)] {
        let stage = stage(setup()).await;
        for path in ["/machines/", "/files/2f"] {
            stage.sim.faults().add(Fault::status(status).on("defender").path(path));
        }
        let answer = stage.observe(&[("sha1", SHA1)]).await;
        assert_eq!(errors(&answer), [], "{status}");
        let [first, _] = docs(&answer, "sightings") else { panic!("{answer}") };
        assert!(first["targets"][0].get("os").is_none());
        assert_eq!(first["relations"].as_array().unwrap().len(), 1, "with the hash that is known");
        // Adapters of devices that are gone may still be found by hunting.
        let adapters = queries(&stage).iter().any(|query| query.starts_with("DeviceNetworkInfo"));
        assert_eq!(adapters, queried, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_details_are_reported_once_for_each_kind_of_failure() {
    let faults = [
        (Fault::status(429), "too many requests"),
        (Fault::status(500), "unknown"),
        (Fault::status(503), "unavailable"),
        (Fault::new(What::Html), "key error"),
        (Fault::new(What::Reset), "connection error"),
    ];
    for (fault, code) in faults {
        let stage = stage(setup()).await;
        for path in ["/machines/", "/files/2f"] {
            stage.sim.faults().add(fault.clone().on("defender").path(path));
        }
        let answer = stage.observe(&[("sha1", SHA1)]).await;
        assert_eq!(errors(&answer), [("warning", code)]);
        assert_eq!(docs(&answer, "sightings").len(), 2);
        assert!(docs(&answer, "sightings")[0]["targets"][0].get("os").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_used_up_quota_no_further_device_is_asked_for() {
    let setup =
        setup().setting("RELAY_PROVIDER__RETRIES", "0").setting("RELAY_PROVIDER__MAX_CONCURRENCY", "1");
    let stage = setup.start().await;
    let all: Vec<_> =
        (0..9).map(|n| alert(&format!("a{n}"), &json!({"machineId": format!("{n:040}")}))).collect();
    alerts(&stage, PATH, &json!(all));
    rows(&stage, &json!([]));
    stage.sim.faults().add(Fault::status(429).on("defender").path("/machines").header("Retry-After", "3600"));
    let answer = stage.observe(&[("sha1", SHA1)]).await;
    assert_eq!(errors(&answer), [("warning", "too many requests")]);
    assert_eq!(docs(&answer, "sightings").len(), 9);
    assert_eq!(calls(&stage).iter().filter(|call| call.contains("/machines")).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_replaced_once() {
    let stage = stage(setup()).await;
    stage.sim.faults().add(Fault::status(401).on("defender").path("/files/0000").next(1));
    let answer = stage.observe(&[("sha1", SHA1)]).await;
    assert_eq!((errors(&answer), docs(&answer, "sightings").len()), (vec![], 2));
    assert_eq!(stage.sim.calls_to("login").len(), 2);

    stage.sim.reset();
    stage.sim.faults().add(Fault::status(401).on("defender"));
    let answer = stage.observe(&[("domain", "new.example")]).await;
    assert_eq!(errors(&answer), [("fatal", "authorization error")], "{answer}");
    let mut made = calls(&stage);
    made.sort();
    let twice = ["GET /domains/new.example/alerts", "POST /advancedqueries/run"].map(|call| [call; 2]);
    assert_eq!(made, twice.concat(), "each kind is tried once more with a fresh token");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_without_any_consent_learns_which_permission_it_lacks() {
    let stage = setup().claim("client_id", "22222222-3333-4444-8555-000000000003").start().await;
    let answer = stage.observe(&[("ip", "192.0.2.50")]).await;
    assert_eq!(errors(&answer), [("fatal", "permission denied"), ("fatal", "permission denied")]);
    let text = answer["errors"].to_string();
    assert!(text.contains("Alert.Read.All") && text.contains("AdvancedQuery.Read.All"), "{text}");
    // One call of the request succeeds: then the rest is only a warning.
    let stage = setup().claim("client_id", "22222222-3333-4444-8555-000000000001").start().await;
    stage.sim.answer("defender", Answer::get("/ips/192.0.2.50/alerts").json(json!({"value": []})));
    let answer = stage.observe(&[("ip", "192.0.2.50")]).await;
    assert_eq!(errors(&answer), [("warning", "permission denied")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_deadline_the_answer_is_what_there_is() {
    let stage = stage(setup().setting("RELAY_DEADLINE", "400ms")).await;
    stage.sim.faults().add(Fault::new(What::Hang).on("defender").path("/machines/"));
    let answer = stage.observe(&[("sha1", SHA1)]).await;
    assert_eq!(errors(&answer), [("warning", "timeout")]);
    assert_eq!(docs(&answer, "sightings").len(), 2);
}
