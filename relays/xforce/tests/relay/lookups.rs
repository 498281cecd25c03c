//! Which calls are made, and what of their answers comes out.

use provider_sim::Answer;
use relay_testkit::{Stage, docs, errors};
use serde_json::{Value, json};

use crate::setup;

/// The calls that the simulator saw, sorted, without the prefix.
fn calls(stage: &Stage) -> Vec<String> {
    let mut calls: Vec<String> =
        stage.sim.calls_to("xforce").iter().map(|call| call.line().replace("/xforce", "")).collect();
    calls.sort();
    calls
}

fn pin(stage: &Stage, path: &str, json: Value) {
    stage.sim.answer("xforce", Answer::get(path).json(json));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_is_one_escaped_segment_and_is_not_resolved() {
    let stage = setup().start().await;
    stage.observe(&[("url", "http://shop.example/x?y=1#z")]).await;
    assert_eq!(
        calls(&stage),
        [
            "GET /api/linkage/url/http:%2F%2Fshop.example%2Fx%3Fy%3D1%23z?maxpertype=20",
            "GET /url/http:%2F%2Fshop.example%2Fx%3Fy%3D1%23z",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_reported_resolved_and_linked_with_its_colons() {
    let stage = setup().start().await;
    stage.observe(&[("ipv6", "2001:db8::7")]).await;
    assert_eq!(
        calls(&stage),
        [
            "GET /api/linkage/ip/2001:db8::7?maxpertype=20",
            "GET /api/resolve/2001:db8::7?basicResolve=true",
            "GET /ipr/2001:db8::7",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_written_with_0x_is_looked_up_without_and_echoed_with_it() {
    let stage = setup().start().await;
    let hash = "0x5C11EE95649AAC7A4DE06BC83CE45C15448F44E0";
    let path = "/malware/5C11EE95649AAC7A4DE06BC83CE45C15448F44E0";
    pin(&stage, path, json!({"malware": {"risk": "high"}}));
    let answer = stage.observe(&[("sha1", hash)]).await;
    assert_eq!(docs(&answer, "verdicts")[0]["observable"], json!({"type": "sha1", "value": hash}));
    assert!(calls(&stage).contains(&format!("GET {path}")), "{:?}", calls(&stage));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_ends_with_api_is_not_doubled() {
    let stage = setup().start().await;
    let base = format!("{}/xforce/api/", stage.sim.url());
    let stage = setup().setting("RELAY_PROVIDER__API_URL", &base).before(stage.sim);
    stage.observe(&[("ip", "192.0.2.1")]).await;
    assert_eq!(
        calls(&stage),
        [
            "GET /api/ipr/192.0.2.1",
            "GET /api/linkage/ip/192.0.2.1?maxpertype=20",
            "GET /api/resolve/192.0.2.1?basicResolve=true",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_need_the_report_only() {
    let stage = setup().start().await;
    let (url, ip, md5) = ("https://known.example/a", "192.0.2.99", "474b9ccf5ab9d72ca8a333889bbb34f0");
    pin(&stage, "/url/https:%2F%2Fknown.example%2Fa", json!({"result": {"score": 5}}));
    stage
        .sim
        .answer("xforce", Answer::get("/ipr/192.0.2.99").status(404).json(json!({"error": "Not found."})));
    let answer = stage.deliberate(&[("url", url), ("ip", ip), ("md5", md5)]).await;
    let verdicts: Vec<(&Value, &Value)> = docs(&answer, "verdicts")
        .iter()
        .map(|verdict| (&verdict["observable"]["value"], &verdict["disposition_name"]))
        .collect();
    assert_eq!(verdicts, [(&json!(url), &json!("Suspicious")), (&json!(md5), &json!("Malicious"))]);
    assert_eq!(errors(&answer), []);
    assert_eq!(calls(&stage).len(), 3, "{:?}", calls(&stage));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_of_observe_is_the_one_of_deliberate() {
    let stage = setup().at("2026-03-02T09:00:00Z").start().await;
    let about = [("domain", "login-verify.example"), ("ip", "203.0.113.9")];
    let (observed, deliberated) = (stage.observe(&about).await, stage.deliberate(&about).await);
    assert_eq!(observed["data"]["verdicts"], deliberated["data"]["verdicts"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn types_that_are_not_supported_make_no_call() {
    let stage = setup().start().await;
    let others = [("hostname", "ws-1"), ("email", "a@b.example"), ("nonsense_type", "x")];
    assert_eq!(stage.observe(&others).await, json!({"data": {}}));
    assert_eq!(stage.deliberate(&others).await, json!({"data": {}}));
    assert_eq!(stage.refer(&others).await, json!({"data": []}));
    assert_eq!(stage.observe(&[]).await, json!({"data": {}}));
    assert_eq!(calls(&stage), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observable_given_twice_is_asked_and_answered_once() {
    let stage = setup().start().await;
    let answer = stage.observe(&[("ip", "203.0.113.9"), ("ip", "203.0.113.9")]).await;
    assert_eq!(docs(&answer, "verdicts").len(), 1);
    assert_eq!(calls(&stage).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_differ_between_observables_and_stay_between_runs() {
    let stage = setup().setting("RELAY_CACHE__TTL", "0s").at("2026-03-02T09:00:00Z").start().await;
    let about = [("domain", "twin-one.example"), ("domain", "twin-two.example")];
    let (first, second) = (stage.observe(&about).await, stage.observe(&about).await);
    assert_eq!(first, second);
    let ids: Vec<&Value> = docs(&first, "sightings").iter().map(|sighting| &sighting["id"]).collect();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_is_of_each_observable_and_never_costs_a_verdict() {
    let stage = setup().claim("CTR_ENTITIES_LIMIT", 1).start().await;
    for name in ["one", "two"] {
        let cats = json!({"result": {"score": 8, "cats": {"Malware": true, "Phishing URLs": true}}});
        pin(&stage, &format!("/url/{name}.example"), cats);
    }
    let answer = stage.observe(&[("domain", "one.example"), ("domain", "two.example")]).await;
    for (kind, count) in [("verdicts", 2), ("judgements", 2), ("sightings", 2), ("indicators", 2)] {
        assert_eq!(docs(&answer, kind).len(), count, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_claim_is_read_leniently() {
    let names: serde_json::Map<String, Value> =
        (0..1200).map(|n| (format!("category {n:04}"), json!(true))).collect();
    let report = json!({"result": {"score": 8, "cats": names}});
    let table = [
        (json!(null), 100),
        (json!(0), 100),
        (json!(-3), 100),
        (json!("abc"), 100),
        (json!("7"), 7),
        (json!(5000), 1000),
    ];
    let stage = setup().start().await;
    pin(&stage, "/url/many.example", report);
    for (limit, expected) in table {
        let token = stage.sim.keys().sign(&{
            let mut claims = stage.claims();
            claims["CTR_ENTITIES_LIMIT"] = limit.clone();
            claims
        });
        let body = relay_testkit::asked(&[("domain", "many.example")]);
        let answer = stage.ask("/observe/observables", Some(&token), &body).await;
        assert_eq!(docs(&answer, "sightings").len(), expected, "{limit}");
    }
    let absent = stage.observe(&[("domain", "many.example")]).await;
    assert_eq!(docs(&absent, "sightings").len(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn dns_comes_before_collections_where_the_limit_leaves_room_for_one() {
    let stage = setup().claim("CTR_ENTITIES_LIMIT", 1).start().await;
    let linked = json!([
        {"id": "older", "created": "2026-01-01T00:00:00Z"},
        {"id": "newer", "created": "2026-02-01T00:00:00Z"},
    ]);
    pin(&stage, "/url/one.example", json!({"result": {"score": 2, "cats": {}}}));
    pin(&stage, "/api/resolve/one.example", json!({"A": ["192.0.2.1"]}));
    pin(&stage, "/api/linkage/url/one.example", json!({"linkedEntities": linked}));
    let titles = |answer: &Value| -> Vec<String> {
        docs(answer, "sightings").iter().map(|one| one["title"].as_str().unwrap().to_owned()).collect()
    };
    let one = stage.observe(&[("domain", "one.example")]).await;
    assert_eq!(titles(&one), ["DNS Information"]);
    assert_eq!((docs(&one, "indicators").len(), docs(&one, "relationships").len()), (0, 0));
    let token = stage.token_with(&json!({"CTR_ENTITIES_LIMIT": 2}));
    let body = relay_testkit::asked(&[("domain", "one.example")]);
    let two = stage.ask("/observe/observables", Some(&token), &body).await;
    assert_eq!(titles(&two), ["DNS Information", "Contained in Collection: newer"]);
    assert_eq!((docs(&two, "indicators").len(), docs(&two, "relationships").len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn passive_dns_is_bounded_and_keeps_the_live_answers() {
    let stage = setup().start().await;
    let records: Vec<Value> = (0..1500)
        .map(|n| {
            let last = format!("2025-{:02}-01T00:00:00Z", n % 12 + 1);
            json!({"value": format!("198.18.{}.{}", n / 250, n % 250), "recordType": "A", "last": last})
        })
        .collect();
    let live = ["203.0.113.200", "192.0.2.200"];
    pin(&stage, "/api/resolve/busy.example", json!({"A": live, "Passive": {"records": records}}));
    let answer = stage.observe(&[("domain", "busy.example")]).await;
    let dns = docs(&answer, "sightings").iter().find(|one| one["title"] == "DNS Information").unwrap();
    let related: Vec<&str> = dns["relations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["related"]["value"].as_str().unwrap())
        .collect();
    assert_eq!(related.len(), 100);
    assert!(live.iter().all(|address| related.contains(address)));
    assert!(related.is_sorted());
    let newest = related.iter().filter(|address| address.starts_with("198.18.")).count();
    assert_eq!(newest, 98, "the latest of the past ones fill the rest");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_lookup_costs_no_record_of_the_quota() {
    let stage = setup().start().await;
    let about = [("domain", "login-verify.example")];
    stage.observe(&about).await;
    stage.observe(&about).await;
    stage.deliberate(&about).await;
    assert_eq!(calls(&stage).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_of_an_observable_are_ignored() {
    let stage = setup().start().await;
    let body = json!([{"type": "domain", "value": "login-verify.example", "origin": "me", "n": [1]}]);
    let answer = stage.ask("/deliberate/observables", Some(&stage.token()), &body).await;
    assert_eq!(docs(&answer, "verdicts").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolution_says_when_it_was_seen_over_all_its_records() {
    let stage = setup().start().await;
    let record = |value: &str, first: Value, last: Value| json!({"value": value, "recordType": "A", "first": first, "last": last});
    let records = json!([
        record("192.0.2.1", json!("2026-01-05T12:00:00+02:00"), json!("2026-02-20T10:00:00Z")),
        record("192.0.2.1", json!("2024-03-01T00:00:00Z"), json!("2024-04-01T00:00:00Z")),
        record("192.0.2.1", json!("soon"), json!("2026-03-01T00:00:00Z")),
        record("192.0.2.2", json!(null), json!("later")),
    ]);
    pin(&stage, "/api/resolve/seen.example", json!({"A": ["192.0.2.3"], "Passive": {"records": records}}));
    let answer = stage.observe(&[("domain", "seen.example")]).await;
    let dns = docs(&answer, "sightings").iter().find(|one| one["title"] == "DNS Information").unwrap();
    let info: Vec<(&Value, Option<&Value>)> = dns["relations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["related"]["value"], one.get("relation_info")))
        .collect();
    let seen = json!({"first_seen": "2024-03-01T00:00:00Z", "last_seen": "2026-03-01T00:00:00Z"});
    assert_eq!(
        info,
        [(&json!("192.0.2.1"), Some(&seen)), (&json!("192.0.2.2"), None), (&json!("192.0.2.3"), None),]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_is_named_with_each_of_its_companies() {
    let stage = setup().start().await;
    let subnets = json!([
        {"asns": {"64501": {"Company": "Zeta Net"}, "64500": {"Company": "Example Net"}}},
        {"asns": {"64500": {"Company": "Example Net", "cidr": 16}, "9": {"Company": "Old Net", "removed": true}}},
        {"asns": {"64500": {"Company": "Example Transit"}, "64502": {}, "x": {"Company": "No Net"}}},
    ]);
    pin(&stage, "/ipr/192.0.2.8", json!({"score": 2, "cats": {"Spam": 10}, "subnets": subnets}));
    let answer = stage.observe(&[("ip", "192.0.2.8")]).await;
    let table = &docs(&answer, "sightings")[0]["data"];
    assert_eq!(table["columns"], json!([{"name": "Network", "type": "string"}]));
    let networks = "AS64500 Example Net; AS64500 Example Transit; AS64501 Zeta Net; AS64502";
    assert_eq!(table["rows"], json!([[networks]]));
}
