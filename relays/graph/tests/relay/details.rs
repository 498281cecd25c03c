//! Reading the alerts that hunting names: batches, their failures, and the rows in the place of what was not read.

use provider_sim::Answer;
use relay_testkit::{Stage, docs, errors};
use serde_json::{Value, json};

use crate::{alert_about, api_calls, batch, calls_to, ids, logins, refusal, row_about, rows, setup};

const ADDRESS: &str = "192.0.2.1";

/// Rows of as many alerts about the address, the newest first.
fn alerts(count: u32) -> Value {
    (0..count).map(|n| row_about(&format!("a{n}"), "0", ADDRESS, 28 - n)).collect()
}

fn read(n: usize) -> (usize, u16, Value) {
    (n + 1, 200, alert_about(&format!("a{n}"), ADDRESS))
}

async fn observe(stage: &Stage) -> Value {
    stage.observe(&[("ip", ADDRESS)]).await
}

/// The ids of alerts that are shown as far as hunting knows them.
fn not_read(answer: &Value) -> Vec<&str> {
    let rows = docs(answer, "sightings")
        .iter()
        .filter(|one| one["data"]["rows"][0] == json!(["Status", "not read"]));
    rows.map(|one| one["external_ids"][0].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_a_batch_come_in_any_order_and_fail_one_by_one() {
    let stage = setup().start().await;
    stage.sim.answer("graph", rows(&alerts(5)));
    let responses = [
        read(4),
        (4, 404, refusal("ResourceNotFound", "")),
        (3, 429, refusal("TooManyRequests", "")),
        (2, 403, refusal("Forbidden", "")),
        read(0),
    ];
    stage.sim.answer("graph", batch(&responses));
    let answer = observe(&stage).await;
    assert_eq!(ids(&answer), ["a0", "a1", "a2", "a4"], "one is gone");
    assert_eq!(not_read(&answer), ["a1", "a2"]);
    assert_eq!(errors(&answer), [("warning", "permission denied"), ("warning", "too many requests")]);
    assert!(answer.to_string().contains("SecurityAlert.Read.All"), "{answer}");
    assert_eq!(api_calls(&stage), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_or_unreadable_answer_of_a_batch_is_mentioned_once() {
    let stage = setup().start().await;
    stage.sim.answer("graph", rows(&alerts(3)));
    stage.sim.answer("graph", batch(&[read(0), (2, 200, json!("x"))]));
    let answer = observe(&stage).await;
    assert_eq!((ids(&answer), not_read(&answer)), (vec!["a0", "a1", "a2"], vec!["a1", "a2"]));
    assert_eq!(errors(&answer), [("warning", "key error")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_no_id_is_known_the_rows_are_reported() {
    for (count, expected) in [(3, 3), (2, 0)] {
        let stage = setup().start().await;
        stage.sim.answer("graph", rows(&alerts(count)));
        let gone: Vec<_> = (1..=3).map(|id| (id, 404, refusal("ResourceNotFound", ""))).collect();
        stage.sim.answer("graph", batch(&gone));
        let answer = observe(&stage).await;
        assert_eq!((ids(&answer).len(), errors(&answer)), (expected, vec![]), "{count}");
    }
    let stage = setup().claim("tenant_id", "other-ids.example").start().await;
    let answer = stage.observe(&[("hostname", "ws-042"), ("ip", "198.51.100.7"), ("user", "jdoe")]).await;
    assert!(!ids(&answer).is_empty() && not_read(&answer).len() == ids(&answer).len(), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_are_no_batches_a_few_alerts_are_read_one_by_one() {
    let stage = setup().start().await;
    stage.sim.answer("graph", rows(&alerts(15)));
    stage.sim.answer("graph", Answer::post("/$batch").status(404).json(refusal("ResourceNotFound", "")));
    for n in 0..15 {
        let path = format!("/security/alerts_v2/a{n}");
        stage.sim.answer("graph", Answer::get(&path).json(alert_about(&format!("a{n}"), ADDRESS)));
    }
    for round in 0..2 {
        let answer = observe(&stage).await;
        assert_eq!((ids(&answer).len(), not_read(&answer).len()), (15, 5), "{round}");
        assert_eq!(errors(&answer), [("warning", "unprocessed records")]);
        assert_eq!(api_calls(&stage), 12, "{round}: a query, a batch, ten alerts; then all from the cache");
    }
    let other = [("ip", "198.51.100.7")];
    stage.observe(&other).await;
    let batches = stage.sim.calls_to("graph").into_iter().filter(|call| call.path.ends_with("$batch"));
    assert_eq!(batches.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_batch_costs_the_details_alone() {
    for (status, code) in [(500, "unknown"), (503, "service unavailable"), (429, "too many requests")] {
        let stage = setup().setting("RELAY_PROVIDER__RETRIES", "0").start().await;
        stage.sim.answer("graph", rows(&alerts(2)));
        stage.sim.answer("graph", Answer::post("/$batch").status(status).json(refusal("x", "")));
        let answer = observe(&stage).await;
        assert_eq!((ids(&answer).len(), not_read(&answer).len()), (2, 2), "{status}");
        assert_eq!(errors(&answer), [("warning", code)], "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_alone_are_the_operators_choice() {
    let stage = setup().setting("RELAY_PROVIDER__ALERT_DETAILS", "0").start().await;
    let mut row = row_about("a", "0", ADDRESS, 2);
    row["ServiceSource"] = json!("Microsoft Defender for Office 365");
    row["AttackTechniques"] = json!("[\"Phishing (T1566)\",\"Spearphishing Link (T1566.002)\"]");
    row["Evidence"] = json!(json!([
        {"EntityType": "Ip", "RemoteIP": ADDRESS, "EvidenceDirection": "Destination"},
        {"EntityType": "Machine", "DeviceName": "ws-042.corp.example", "DeviceId": "m1", "LocalIP": "10.0.0.1"},
        {"EntityType": "User", "AccountName": "jdoe", "AccountUpn": "jdoe@corp.example"},
        {"EntityType": "User", "AccountName": "SYSTEM", "AccountSid": "S-1-5-18"},
    ]).to_string());
    stage.sim.answer("graph", rows(&json!([row])));
    let answer = observe(&stage).await;
    assert_eq!((api_calls(&stage), errors(&answer)), (1, vec![]));
    let sighting = &docs(&answer, "sightings")[0];
    assert_eq!(sighting["confidence"], "Unknown");
    assert_eq!(sighting["severity"], "Medium");
    assert_eq!(sighting["sensor"], "process.email-service");
    assert_eq!(sighting["internal"], true);
    assert!(sighting.get("resolution").is_none());
    assert_eq!(sighting["source_uri"], "https://security.microsoft.com/alerts/a");
    let targets: Vec<&Value> =
        sighting["targets"].as_array().unwrap().iter().map(|one| &one["type"]).collect();
    assert_eq!(targets, ["endpoint", "user"], "system accounts are nobody");
    assert_eq!(sighting["relations"][0]["source"]["value"], "ws-042");
    let references = sighting["external_references"].as_array().unwrap();
    assert_eq!(references.len(), 3);
    assert_eq!(references[2]["url"], "https://attack.mitre.org/techniques/T1566/002/");

    // The same alert, read, is the same sighting.
    let read_in_full = setup().start().await;
    read_in_full.sim.answer("graph", rows(&json!([row_about("a", "0", ADDRESS, 2)])));
    read_in_full.sim.answer("graph", batch(&[(1, 200, alert_about("a", ADDRESS))]));
    let full = observe(&read_in_full).await;
    assert_eq!(docs(&full, "sightings")[0]["id"], sighting["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_without_a_time_is_left_out() {
    let stage = setup().setting("RELAY_PROVIDER__ALERT_DETAILS", "0").start().await;
    let mut timeless = row_about("a", "0", ADDRESS, 2);
    for name in ["Seen", "First", "Last"] {
        timeless[name] = json!("never");
    }
    let mut only_seen = row_about("b", "0", ADDRESS, 3);
    only_seen["First"] = json!(null);
    only_seen["Last"] = json!("");
    stage.sim.answer("graph", rows(&json!([timeless, only_seen])));
    let answer = observe(&stage).await;
    assert_eq!((ids(&answer), errors(&answer)), (vec!["b"], vec![("warning", "key error")]));
    assert_eq!(calls_to(&stage, "runHuntingQuery").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_a_batch_refuses_is_replaced_once() {
    let refused = |id| (id, 401, refusal("InvalidAuthenticationToken", ""));
    let stage = setup().start().await;
    stage.sim.answer("graph", rows(&alerts(2)));
    stage.sim.answer("graph", batch(&[refused(1), read(1)]).times(1));
    stage.sim.answer("graph", batch(&[read(0), read(1)]));
    let answer = observe(&stage).await;
    assert_eq!((ids(&answer), not_read(&answer), errors(&answer)), (vec!["a0", "a1"], vec![], vec![]));
    assert_eq!((api_calls(&stage), logins(&stage)), (3, 2));

    let stage = setup().start().await;
    stage.sim.answer("graph", rows(&alerts(2)));
    stage.sim.answer("graph", batch(&[refused(1), refused(2)]));
    let answer = observe(&stage).await;
    assert_eq!((ids(&answer).len(), not_read(&answer).len()), (2, 2), "the rows are there all the same");
    assert_eq!(errors(&answer), [("fatal", "authorization error")]);
    assert_eq!((api_calls(&stage), logins(&stage)), (3, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_failed_in_parts_is_asked_for_again() {
    for (status, calls) in [(200, 2), (404, 2), (403, 3), (429, 3), (500, 3), (503, 3)] {
        let stage = setup().start().await;
        stage.sim.answer("graph", rows(&alerts(2)));
        let second = if status == 200 { read(1) } else { (2, status, refusal("x", "")) };
        stage.sim.answer("graph", batch(&[read(0), second]).times(1));
        stage.sim.answer("graph", batch(&[read(0), read(1)]));
        observe(&stage).await;
        let answer = observe(&stage).await;
        assert_eq!(errors(&answer), [], "{status}");
        assert_eq!(not_read(&answer), [""; 0], "{status}");
        assert_eq!(api_calls(&stage), calls, "{status}: the query and whole batches come from the cache");
    }
    // So is one that leaves an alert out.
    let stage = setup().start().await;
    stage.sim.answer("graph", rows(&alerts(2)));
    stage.sim.answer("graph", batch(&[read(0)]).times(1));
    stage.sim.answer("graph", batch(&[read(0), read(1)]));
    assert_eq!(errors(&observe(&stage).await), [("warning", "key error")]);
    assert_eq!((errors(&observe(&stage).await), api_calls(&stage)), (vec![], 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_alert_of_a_batch_takes_a_place_in_the_quota() {
    let stage = setup().setting("RELAY_DEADLINE", "5s").start().await;
    // Seven batches of twenty, of 150 calls a minute.
    for request in 0..7 {
        let of = |n: usize| format!("r{request}n{n}");
        let named: Value =
            (0..20).map(|n| row_about(&of(n), "0", ADDRESS, 28 - u32::try_from(n).unwrap())).collect();
        let read: Vec<_> = (0..20).map(|n| (n + 1, 200, alert_about(&of(n), ADDRESS))).collect();
        stage.sim.answer("graph", rows(&named).times(1));
        stage.sim.answer("graph", batch(&read).times(1));
        // Another spelling is another query, and the same address.
        let asked = format!("::ffff:192.0.2.{}", request + 1);
        let answer = stage.observe(&[("ipv6", &asked), ("ip", ADDRESS)]).await;
        assert_eq!(errors(&answer), [], "{request}");
    }
    stage.sim.answer("graph", rows(&alerts(20)));
    let started = std::time::Instant::now();
    let answer = observe(&stage).await;
    assert!(started.elapsed().as_secs() < 4, "it does not wait for what cannot come in time");
    assert_eq!((ids(&answer).len(), not_read(&answer).len()), (20, 20));
    assert_eq!(errors(&answer), [("warning", "too many requests")]);
    assert!(answer.to_string().contains("150 calls for alerts a minute"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_about_many_may_be_twice_as_large() {
    let padding = |bytes: usize| "x".repeat(bytes);
    for (bytes, fits) in [(30_000, true), (50_000, false)] {
        let small = || setup().setting("RELAY_PROVIDER__MAX_ANSWER", "20000");
        // Hunting.
        let stage = small().setting("RELAY_PROVIDER__ALERT_DETAILS", "0").start().await;
        let mut row = row_about("a", "0", ADDRESS, 2);
        row["Padding"] = json!(padding(bytes));
        stage.sim.answer("graph", rows(&json!([row])));
        stage.sim.answer("graph", Answer::get("/security/alerts_v2").json(json!({"value": []})));
        let answer = observe(&stage).await;
        let expected = if fits { vec![] } else { vec![("warning", "too large")] };
        assert_eq!((ids(&answer).len(), errors(&answer)), (usize::from(fits), expected), "hunting, {bytes}");
        // A batch.
        let stage = small().start().await;
        stage.sim.answer("graph", rows(&alerts(1)));
        let mut alert = alert_about("a0", ADDRESS);
        alert["padding"] = json!(padding(bytes));
        stage.sim.answer("graph", batch(&[(1, 200, alert.clone())]));
        let answer = observe(&stage).await;
        let expected = if fits { vec![] } else { vec![("warning", "too large")] };
        assert_eq!(
            (not_read(&answer).len(), errors(&answer)),
            (usize::from(!fits), expected),
            "a batch, {bytes}"
        );
        // A listing.
        let stage = small().setting("RELAY_PROVIDER__V2_SEARCH", "scan").start().await;
        stage.sim.answer("graph", Answer::get("/security/alerts_v2").json(json!({"value": [alert]})));
        let answer = observe(&stage).await;
        let expected = if fits { vec![] } else { vec![("fatal", "too large")] };
        assert_eq!((ids(&answer).len(), errors(&answer)), (usize::from(fits), expected), "a scan, {bytes}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_bad_quality_cost_details_and_no_alert() {
    let stage = setup().claim("tenant_id", "flaky.example").start().await;
    let answer = stage.observe(&[("ip", "198.51.100.250")]).await;
    let codes: Vec<&str> = errors(&answer).iter().map(|(_, code)| *code).collect();
    for code in ["too many requests", "unknown", "key error", "unprocessed records"] {
        assert!(codes.contains(&code), "{code}: {codes:?}");
    }
    assert!(errors(&answer).iter().all(|(kind, _)| *kind == "warning"), "{answer}");
    // Of a hundred, sixty are asked for; those that are gone are no alerts any more.
    let (shown, unread) = (ids(&answer).len(), not_read(&answer).len());
    assert!((80..100).contains(&shown) && (40..60).contains(&unread), "{shown} {unread}");
    let stage = setup()
        .claim("tenant_id", "flaky.example")
        .setting("RELAY_PROVIDER__V2_SEARCH", "scan")
        .start()
        .await;
    assert_eq!(
        errors(&stage.observe(&[("user", "jdoe")]).await),
        [("warning", "key error")],
        "a list in a circle"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_page_on_another_host_is_not_asked_for() {
    let stage = setup().claim("tenant_id", "foreign-links.example").start().await;
    let answer = stage.observe(&[("hostname", "ws-042")]).await;
    assert!(errors(&answer).contains(&("warning", "key error")), "{answer}");
    assert!(!docs(&answer, "sightings").is_empty(), "{answer}");
    assert_eq!(calls_to(&stage, "alerts_v2").len(), 1, "{answer}");
}
