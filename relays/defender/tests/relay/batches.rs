//! One query for many observables: which rows belong to which, how many calls are made, and what a refused query leads to.

use provider_sim::{Answer, Fault, What};
use relay_testkit::{Setup, Stage, docs, errors};
use serde_json::{Value, json};

use crate::{MACHINE, SHA1, alert, alerts, calls, full, queries, rows, setup, silent};

/// Observables with different values, a third domains, addresses and SHA-256 each; `run` makes them new ones.
fn fresh(count: usize, run: usize) -> Vec<(&'static str, String)> {
    (0..count)
        .map(|n| match n % 3 {
            0 => ("domain", format!("host-{run}-{n}.example")),
            1 => ("ip", format!("203.{}.{run}.{}", n / 250, n % 250 + 1)),
            _ => ("sha256", format!("{run:032x}{n:032x}")),
        })
        .collect()
}

async fn observe(stage: &Stage, about: &[(&str, String)]) -> Value {
    let about: Vec<(&str, &str)> = about.iter().map(|(kind, value)| (*kind, value.as_str())).collect();
    stage.observe(&about).await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_observables_make_few_calls() {
    for (count, most) in [(20, 35), (50, 73)] {
        let stage = full().start().await;
        let answer = observe(&stage, &fresh(count, 1)).await;
        assert_eq!(errors(&answer), [], "{count}");
        let made = calls(&stage);
        assert!(made.len() <= most, "{count}: {} calls, {made:#?}", made.len());
        // Three such requests have to fit into the 100 calls a minute of each API.
        for (first, last) in [("/files/", "/alerts"), ("/domains/", ""), ("/ips/", ""), ("/indicators", "")] {
            let is_it = |call: &&String| {
                let path = call.trim_start_matches("GET ");
                path.starts_with(first) && path.ends_with(last)
            };
            assert!(made.iter().filter(is_it).count() <= 33, "{first} {last}: {made:#?}");
        }
        assert!(queries(&stage).len() <= 2, "{count}: {:?}", queries(&stage));
        assert!(!docs(&answer, "sightings").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_large_requests_within_a_minute_are_answered_whole() {
    let stage = full().start().await;
    for run in 1..=3 {
        let answer = observe(&stage, &fresh(50, run)).await;
        assert_eq!(errors(&answer), [], "{run}");
    }
    assert!(queries(&stage).len() <= 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_observable_leaves_the_quiet_ones_their_events() {
    busy_with_quiet_ones("busy.example", 3).await;
    // As many events as a query asks for at most.
    busy_with_quiet_ones("busiest.example", 100).await;
}

async fn busy_with_quiet_ones(busy: &str, limit: usize) {
    let setup = setup().claim("CTR_ENTITIES_LIMIT", limit).setting("RELAY_PROVIDER__MAX_ENRICHMENT", "0");
    let quiet: Vec<(&str, String)> = (0..19).map(|n| ("domain", format!("quiet-{n}.example"))).collect();
    let mut about = vec![("domain", busy.to_owned())];
    about.extend(quiet.clone());
    let together = setup.clone().start().await;
    let answer = observe(&together, &about).await;
    assert_eq!(errors(&answer), []);
    assert_eq!(queries(&together).iter().filter(|query| query.contains("partition")).count(), 1);
    let of = |answer: &Value, name: &str| {
        let all = docs(answer, "sightings").iter();
        all.filter(|one| one["observables"][0]["value"] == name).cloned().collect::<Vec<_>>()
    };
    assert_eq!(of(&answer, busy).len(), limit);
    let mut facts = 0;
    let alone = setup.start().await;
    for (_, name) in &quiet {
        let expected = alone.observe(&[("domain", name)]).await;
        facts += docs(&expected, "sightings").len();
        assert_eq!(of(&answer, name), docs(&expected, "sightings"), "{name}");
    }
    assert!(facts > 19, "{facts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_reported_for_every_observable_that_it_is_about() {
    let stage = setup().start().await;
    let (sha256, md5) = ("7".repeat(64), "8".repeat(32));
    let row = |report: u32, more: Value| {
        let mut row = json!({"Timestamp": "2026-11-01T00:00:00Z", "DeviceId": MACHINE, "ReportId": report});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        row
    };
    rows(
        &stage,
        &json!([
            row(
                1,
                json!({"Source": "DeviceNetworkEvents", "RemoteUrl": "https://A.example:8443/p",
                          "RemoteIP": "::ffff:203.0.113.9"})
            ),
            row(2, json!({"Source": "DeviceFileEvents", "SHA256": sha256.to_uppercase(), "MD5": md5})),
            row(
                3,
                json!({"Source": "DeviceNetworkEvents", "RemoteUrl": "ba.example", "RemoteIP": "10.0.0.1",
                          "LocalIP": "198.51.100.7"})
            ),
            row(
                4,
                json!({"Source": "DeviceNetworkEvents", "RemoteUrl": "https://url.example/p", "RemoteIP": "192.0.2.7"})
            ),
            // Once more, as for another key.
            row(
                1,
                json!({"Source": "DeviceNetworkEvents", "RemoteUrl": "https://A.example:8443/p",
                          "RemoteIP": "::ffff:203.0.113.9"})
            ),
        ]),
    );
    let about = [
        ("domain", "a.example"),
        ("ip", "203.0.113.9"),
        ("sha256", sha256.as_str()),
        ("md5", md5.as_str()),
        ("ip", "198.51.100.7"),
        ("url", "https://url.example/p"),
        ("url", "https://url.example/other"),
        ("domain", "b.example"),
    ];
    for one in about {
        silent(&stage, one);
    }
    silent(&stage, ("domain", "url.example"));
    let answer = stage.observe(&about).await;
    assert_eq!(errors(&answer), []);
    let found: Vec<&str> = docs(&answer, "sightings")
        .iter()
        .map(|one| one["observables"][0]["value"].as_str().unwrap())
        .collect();
    assert_eq!(found, ["a.example", "203.0.113.9", &sha256, &md5, "198.51.100.7", "https://url.example/p"]);
    let ids: std::collections::HashSet<String> =
        docs(&answer, "sightings").iter().map(|one| one["id"].to_string()).collect();
    assert_eq!(ids.len(), 6);
    assert_eq!(queries(&stage).iter().filter(|query| query.contains("union")).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_table_costs_its_own_events_and_is_named() {
    let stage = setup().claim("tenant_id", "no-device-events.example").start().await;
    let mut before = 0;
    for (name, hunts) in [("host-1.example", 5), ("host-2.example", 3)] {
        let answer = stage.observe(&[("domain", name), ("ip", "203.0.113.20")]).await;
        assert_eq!(errors(&answer), [("fatal", "invalid argument")], "{name}");
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("DeviceEvents") && !message.contains("DeviceNetworkEvents"), "{message}");
        assert!(!docs(&answer, "sightings").is_empty());
        let legs = queries(&stage).iter().filter(|query| !query.contains("DeviceNetworkInfo")).count();
        // The union, three tables, and the refused one once more without the fair cut; then without the union.
        assert_eq!(legs - before, hunts, "{name}");
        before = legs;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_fair_cut_events_are_found_and_a_full_answer_is_reported() {
    let tenant =
        |limit: u32| setup().claim("tenant_id", "no-partition.example").claim("CTR_ENTITIES_LIMIT", limit);
    let stage = tenant(2).start().await;
    let answer = stage.observe(&[("domain", "busy.example"), ("domain", "host-1.example")]).await;
    assert_eq!(errors(&answer), [("warning", "unprocessed records")]);
    assert!(answer.to_string().contains("busy observable"), "{answer}");
    assert!(queries(&stage).iter().any(|query| !query.contains("partition") && query.contains("| top 4 by")));
    let stage = tenant(100).start().await;
    assert_eq!(errors(&stage.observe(&[("domain", "host-1.example")]).await), []);
}

/// A relay with one alert, before a provider that refuses hunts.
async fn refused(setup: Setup, fault: Fault) -> (Stage, Value) {
    let stage = setup.setting("RELAY_PROVIDER__RETRIES", "0").start().await;
    alerts(&stage, &format!("/files/{SHA1}/alerts"), &json!([alert("a1", &json!({}))]));
    stage.sim.faults().add(fault.on("defender").path("/advancedqueries/"));
    let answer = stage.observe(&[("sha1", SHA1)]).await;
    (stage, answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_licence_is_no_word_against_the_credentials() {
    let body = r#"{"error": {"code": "Unauthorized", "message": "Account mode is inactive"}}"#;
    let (stage, answer) = refused(setup(), Fault::status(401).body(body)).await;
    assert_eq!(errors(&answer), [("warning", "permission denied")]);
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("licence") && message.contains("Account mode is inactive"), "{message}");
    assert_eq!(docs(&answer, "sightings").len(), 1);
    assert_eq!(queries(&stage).len(), 2, "once more with a fresh token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_quota_says_what_and_until_when() {
    let body = r#"{"error": {"code": "TooManyRequests", "message": "maximum allowed 1500 per 01:00:00"}}"#;
    let (stage, answer) = refused(setup(), Fault::status(429).body(body)).await;
    assert_eq!(errors(&answer), [("fatal", "too many requests")]);
    assert!(answer.to_string().contains("1500 per 01:00:00"), "{answer}");
    assert_eq!(queries(&stage).len(), 1);
    let (_, answer) = refused(setup(), Fault::status(429).header("Retry-After", "40")).await;
    assert!(answer.to_string().contains("room again in 40 s"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hunting_does_not_wait_for_the_slowest_alerts() {
    let stage =
        setup().setting("RELAY_DEADLINE", "5s").setting("RELAY_PROVIDER__READ_TIMEOUT", "4s").start().await;
    stage.sim.faults().add(Fault::new(What::Hang).on("defender").path("/domains/slow.example"));
    alerts(&stage, "/domains/quick.example/alerts", &json!([alert("a1", &json!({}))]));
    rows(
        &stage,
        &json!([{"Timestamp": "2026-11-01T00:00:00Z", "DeviceName": "d", "RemoteUrl": "slow.example"}]),
    );
    let answer = stage.observe(&[("domain", "quick.example"), ("domain", "slow.example")]).await;
    assert_eq!(errors(&answer), [("fatal", "timeout")]);
    assert_eq!(docs(&answer, "sightings").len(), 2, "{answer}");
    let [query] = queries(&stage).try_into().unwrap();
    assert!(
        query.contains("slow.example") && query.contains("quick.example") && query.contains("top 100"),
        "{query}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn details_that_cannot_be_read_are_reported_once() {
    for body in ["[]", "\"text\"", "null"] {
        let stage = setup().start().await;
        alerts(
            &stage,
            &format!("/files/{SHA1}/alerts"),
            &json!([alert("a1", &json!({"machineId": MACHINE}))]),
        );
        rows(&stage, &json!([]));
        stage.sim.answer("defender", Answer::get(&format!("/machines/{MACHINE}")).text(body));
        let answer = stage.observe(&[("sha1", SHA1)]).await;
        assert_eq!(errors(&answer), [("warning", "key error")], "{body}");
        assert_eq!(docs(&answer, "sightings").len(), 1, "{body}");
    }
}
