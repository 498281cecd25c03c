//! Answers that no provider should give: they cost at most themselves, the limit holds, and texts stay texts.

use std::collections::BTreeMap;

use provider_sim::Answer;
use relay_testkit::{Stage, docs, errors};
use serde_json::{Value, json};

use crate::setup;

const HASH: &str = "474b9ccf5ab9d72ca8a333889bbb34f0";

fn pin(stage: &Stage, path: &str, body: &Value) {
    // As text: a value for each of its parts would take the simulator longer than the relay.
    stage.sim.answer("xforce", Answer::get(path).text(&body.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_changed_shows_in_the_metrics() {
    let stage = setup().start().await;
    // A field that was renamed, items of another type, and a page in place of an answer.
    pin(&stage, "/url/a.example", &json!({"result": {"score": 7, "categories": {"Spam": true}}}));
    pin(&stage, "/api/linkage/url/a.example", &json!({"linkedEntities": ["one", 2, {"id": "c"}]}));
    stage.sim.answer("xforce", Answer::get("/api/resolve/a.example").text("<html>"));
    for _ in 0..2 {
        let answer = stage.observe(&[("domain", "a.example")]).await;
        assert_eq!(docs(&answer, "verdicts").len(), 1);
    }
    let metrics = stage.metrics().await;
    for line in [
        r#"relay_provider_items_dropped_total{call="report",relay="xforce"} 1"#,
        r#"relay_provider_items_dropped_total{call="linkage",relay="xforce"} 2"#,
        r#"relay_provider_calls_total{call="report",outcome="ok",relay="xforce"} 1"#,
        // Not kept: asked for again by the second request.
        r#"relay_provider_calls_total{call="resolve",outcome="unreadable",relay="xforce"} 2"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deeply_nested_answer_costs_no_more_than_its_place() {
    const DEPTH: usize = 100_000;
    let lists = "[".repeat(DEPTH) + &"]".repeat(DEPTH);
    let objects = r#"{"a":"#.repeat(DEPTH) + "1" + &"}".repeat(DEPTH);
    let stage = setup().setting("RELAY_CACHE__TTL", "0s").start().await;
    for nested in [&lists, &objects] {
        // A field that is not read, one of another type, and one of a similar type.
        for place in ["application", "score", "cats"] {
            let report = format!(r#"{{"result":{{"{place}":{nested}}}}}"#);
            stage.sim.answer("xforce", Answer::get("/url/a.example").text(&report));
            let answer = stage.deliberate(&[("domain", "a.example")]).await;
            assert_eq!(errors(&answer), [], "{place}");
            assert_eq!(docs(&answer, "verdicts").len(), 1, "{place}");
        }
        stage.sim.answer("xforce", Answer::get("/ipr/192.0.2.1").text(nested));
        let answer = stage.deliberate(&[("ip", "192.0.2.1"), ("domain", "a.example")]).await;
        assert_eq!(docs(&answer, "verdicts").len(), if nested == &lists { 1 } else { 2 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn huge_lists_are_cut_to_the_limit() {
    const MANY: usize = 50_000;
    let stage = setup().claim("CTR_ENTITIES_LIMIT", 10).start().await;
    let cats: BTreeMap<String, u8> = (0..MANY).map(|n| (format!("category {n:06}"), 50)).collect();
    let names: Vec<String> = (0..MANY).map(|n| format!("host{n}.example")).collect();
    let linked: Vec<Value> = (0..MANY).map(|n| json!({"id": format!("{n}")})).collect();
    let rows: Vec<Value> =
        names.iter().map(|name| json!({"domain": name, "uri": format!("http://{name}/")})).collect();
    pin(&stage, "/ipr/192.0.2.1", &json!({"score": 8, "cats": cats}));
    pin(&stage, "/api/resolve/192.0.2.1", &json!({"RDNS": names}));
    pin(&stage, "/api/linkage/ip/192.0.2.1", &json!({"linkedEntities": linked}));
    pin(&stage, "/ipr/192.0.2.2", &json!({"score": 8}));
    pin(&stage, "/api/resolve/192.0.2.2", &json!({"RDNS": names}));
    pin(&stage, "/api/linkage/ip/192.0.2.2", &json!({"linkedEntities": linked}));
    let origins = json!({"CnCServers": {"rows": rows}, "downloadServers": {"rows": rows}});
    pin(&stage, &format!("/malware/{HASH}"), &json!({"malware": {"family": names, "origins": origins}}));
    pin(&stage, &format!("/api/linkage/malware/{HASH}"), &json!({"linkedEntities": linked}));
    let answer = stage.observe(&[("ip", "192.0.2.1"), ("ip", "192.0.2.2"), ("md5", HASH)]).await;
    assert_eq!(errors(&answer), []);
    for kind in ["sightings", "indicators"] {
        let of = |value: &str| {
            let about = |one: &&Value| kind == "indicators" || one["observables"][0]["value"] == value;
            docs(&answer, kind).iter().filter(about).count()
        };
        match kind {
            "sightings" => assert_eq!([of("192.0.2.1"), of("192.0.2.2"), of(HASH)], [10; 3]),
            // The second address has its DNS sighting, which has no indicator.
            _ => assert_eq!(of(""), 29),
        }
    }
    let most =
        docs(&answer, "sightings").iter().filter_map(|one| Some(one["relations"].as_array()?.len())).max();
    assert_eq!(most, Some(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_end_of_the_time_a_file_was_seen_is_that_time() {
    let stage = setup().start().await;
    for end in ["firstSeen", "lastSeen"] {
        let external = json!({"family": ["a"], end: "2026-02-01T10:00:00Z"});
        let malware = json!({"malware": {"risk": "high", "family": ["a"], "created": "2026-01-01T00:00:00Z",
                                         "origins": {"external": external}}});
        pin(&stage, &format!("/malware/{HASH}"), &malware);
        let answer = stage.observe(&[("md5", HASH)]).await;
        assert_eq!(errors(&answer), []);
        let seen = json!({"start_time": "2026-02-01T10:00:00Z", "end_time": "2026-02-01T10:00:00Z"});
        assert_eq!(docs(&answer, "sightings")[0]["observed_time"], seen, "{end}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn control_characters_in_a_providers_texts_stay_in_their_texts() {
    let stage = setup().start().await;
    let odd = "\u{1b}[2J\0\r\n\u{7f}\u{9b}\u{202e}\u{2028}\"\\</script>\u{fffe}💀";
    let mut cats = json!({});
    cats[odd] = json!(true);
    pin(
        &stage,
        "/url/a.example",
        &json!({"result": {"score": 8, "cats": cats, "categoryDescriptions": {odd: odd}}}),
    );
    let collection =
        json!({"id": odd, "title": odd, "created": odd, "category": odd, "owner": {"name": odd}});
    pin(
        &stage,
        "/api/resolve/a.example",
        &json!({"A": [odd], "Passive": {"records": [{"value": odd, "recordType": "A"}]}}),
    );
    pin(&stage, "/api/linkage/url/a.example", &json!({"linkedEntities": [collection]}));
    let answer = stage.observe(&[("domain", "a.example")]).await;
    assert_eq!(errors(&answer), []);
    let titles: Vec<&Value> = docs(&answer, "sightings").iter().map(|one| &one["title"]).collect();
    assert_eq!(titles, [&json!(odd), &json!(format!("Contained in Collection: {odd}"))]);
    assert_eq!(docs(&answer, "indicators")[1]["external_ids"], json!([odd]));
}
