//! Observables and provider answers that try to be more than a value.

use provider_sim::Answer;
use relay_testkit::docs;
use serde_json::json;

use crate::fixtures::{self, detection, event, listed, pin};
use crate::setup;

#[tokio::test(flavor = "multi_thread")]
async fn a_value_cannot_change_a_query_or_a_path() {
    let stage = setup().setting("RELAY_PROVIDER__ENTITY_SUMMARY", "true").start().await;
    let long = "a".repeat(5000);
    let values = [
        "a' OR ip = '1.1.1.1",
        "a\" OR ip = \"1.1.1.1",
        "a\\",
        "..",
        ".",
        "%2e%2e",
        "../v1/rules/x",
        "a/b",
        "a?b=c",
        "a#b",
        "a&status=resolved",
        "a\nb",
        "a\0b",
        "\u{202e}elpmaxe",
        "\u{1f480}'",
        &long,
    ];
    for value in values {
        for kind in ["domain", "ip", "ipv6", "md5", "sha1", "sha256"] {
            stage.observe(&[(kind, value)]).await;
        }
    }
    assert_eq!(stage.sim.calls_to("gigamon").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_query_that_is_sent_has_a_comparison_for_each_value() {
    let stage = setup().start().await;
    let hash = "AB".repeat(32);
    stage.observe(&[("domain", "BÜCHER.example."), ("ipv6", "2001:DB8::1"), ("sha256", &hash)]).await;
    let queries: Vec<String> = stage
        .sim
        .calls_to("gigamon")
        .iter()
        .filter(|call| call.path.ends_with("/v2/query"))
        .map(|call| call.json().unwrap()["query"].as_str().unwrap().to_owned())
        .collect();
    let hash = "ab".repeat(32);
    let query = format!("ip = '2001:db8::1' OR domain = 'xn--bcher-kva.example' OR sha256 = '{hash}'");
    assert_eq!(queries, [query]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_the_provider_cannot_change_a_call_or_a_link() {
    let stage = setup().start().await;
    fixtures::empty(&stage);
    let mut odd = detection(0, "a.example");
    odd["uuid"] = json!("x&limit=1#");
    odd["rule_uuid"] = json!("../../v1/detections");
    odd["account_uuid"] = json!("a&b='");
    pin(&stage, Answer::get("/v1/detections").json(listed(&[odd])));
    let mut traffic = event(1, "a.example");
    traffic["uuid"] = json!("e' OR uuid != '");
    pin(&stage, Answer::get("/v1/events").json(fixtures::of_detection(&[traffic])));
    let answer = stage.observe(&[("domain", "a.example")]).await;
    let sighting = &docs(&answer, "sightings")[0];
    assert!(sighting.get("source_uri").is_none() && sighting["external_references"][0].get("url").is_none());
    for call in stage.sim.calls_to("gigamon") {
        assert!(!call.path.contains("/../") && !call.query.contains("x&limit=1"), "{}", call.line());
    }
    assert_eq!(fixtures::calls_to(&stage, "/v1/rules/..%2F..%2Fv1%2Fdetections"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_rule_has_no_page_the_events_page_is_left() {
    let stage = setup().start().await;
    fixtures::empty(&stage);
    let mut odd = detection(0, "a.example");
    odd["rule_uuid"] = json!("a/b");
    let mut list = listed(&[odd]);
    list["rules"][0]["uuid"] = json!("a/b");
    pin(&stage, Answer::get("/v1/detections").json(list));
    pin(&stage, Answer::get("/v1/events").json(fixtures::of_detection(&[event(1, "a.example")])));
    let answer = stage.observe(&[("domain", "a.example")]).await;
    let sighting = &docs(&answer, "sightings")[0];
    assert_eq!(sighting["source_uri"], "https://portal.icebrg.io/search?query=uuid+%3D+%27event-00001%27");
    assert!(sighting["external_references"][1].get("url").is_none(), "{sighting}");
    assert!(docs(&answer, "indicators")[0].get("source_uri").is_none());
}
