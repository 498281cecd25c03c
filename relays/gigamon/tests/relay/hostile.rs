//! Observables and provider answers that try to be more than a value.

use proptest::prelude::*;
use provider_sim::{Answer, SeenCall};
use relay_testkit::{asked, docs, errors};
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

/// Values of every form, and such as try to end their literal or their list.
const VALUES: &str = "\\PC{1,12}|[a-z0-9.'\"\\\\ %:=(),-]{1,24}|[a-z]{1,8}\\.example|[a-z]{1,4}' ?, ?'[a-z]{1,4}\\.example\
    |[a-z]{1,4}'\\) OR ip = '1\\.1\\.1\\.1|[0-9a-fA-F]{32}|198\\.51\\.100\\.[0-9]{1,3}|2001:db8::[0-9a-f]{1,4}";

/// What may stand between the literals of a query.
const BETWEEN: [&str; 5] = [" = ", " IN (", ", ", ")", ""];

/// The simulator reads queries by a strict grammar, in which the next quote ends a literal, and refuses all others. What
/// it accepts is split here at the quotes.
#[test]
fn no_value_of_a_list_is_more_than_a_literal() {
    let kinds = prop::sample::select(vec!["ip", "ipv6", "domain", "md5", "sha1", "sha256"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stage = runtime.block_on(setup().start());
    let values = prop::collection::vec((kinds, VALUES), 2..20);
    proptest!(ProptestConfig::with_cases(64), |(values in values)| {
        let about: Vec<(&str, &str)> = values
            .iter()
            .map(|(kind, value)| (*kind, value.as_str()))
            .filter(|(_, value)| !value.trim().is_empty())
            .collect();
        stage.sim.reset();
        let body = asked(&about);
        let answer = runtime.block_on(stage.ask("/observe/observables", Some(&stage.token()), &body));
        prop_assert_eq!(errors(&answer), []);
        let calls = stage.sim.calls_to("gigamon");
        let searches = calls.iter().filter(|call| call.path.ends_with("/v2/query")).filter_map(SeenCall::json);
        for query in searches.filter_map(|body| body["query"].as_str().map(str::to_owned)) {
            let parts: Vec<&str> = query.split('\'').collect();
            prop_assert!(parts.len() % 2 == 1 && parts.len() / 2 <= about.len(), "{}", query);
            for (number, part) in parts.iter().enumerate() {
                let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._:-".contains(c);
                if number % 2 == 1 {
                    prop_assert!(!part.is_empty() && part.chars().all(is_plain), "{}", query);
                    continue;
                }
                // A new clause begins with its field.
                let clause = part.trim_start_matches(')').trim_start_matches(" OR ");
                let operator = clause.trim_start_matches(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
                prop_assert!(BETWEEN.contains(&operator), "{} in {}", part, query);
            }
        }
    });
}
