//! `/observe/observables`: what is asked, and what becomes of the answers.

use provider_sim::Answer;
use relay_testkit::{docs, errors};
use serde_json::{Value, json};

use crate::{SIDE, calls, far_ends, history, message, nothing, observe_with, setup};

/// Pins the history of a domain.
fn pin(stage: &relay_testkit::Stage, name: &str, a: Value, aaaa: Value) {
    stage.sim.answer(SIDE, Answer::get(&format!("/history/{name}/dns/a")).json(a));
    stage.sim.answer(SIDE, Answer::get(&format!("/history/{name}/dns/aaaa")).json(aaaa));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_a_domain_becomes_a_sighting() {
    let stage = setup().at("2026-11-20T23:39:17.8Z").start().await;
    let answer = stage.observe(&[("domain", "shop.example.com")]).await;
    let relation = |address: &str, first_seen: &str, last_seen: &str| {
        json!({
            "origin": "SecurityTrails Enrichment Module",
            "relation": "Resolved_To",
            "source": {"type": "domain", "value": "shop.example.com"},
            "related": {"type": "ip", "value": address},
            "relation_info": {"first_seen": first_seen, "last_seen": last_seen},
        })
    };
    let expected = json!({"data": {"sightings": {"count": 1, "docs": [{
        "id": "transient:sighting-2353b03b-957f-5c50-9801-460063bdb7c6",
        "type": "sighting",
        "schema_version": "1.1.3",
        "source": "SecurityTrails",
        "title": "Found in SecurityTrails",
        "confidence": "High",
        "internal": false,
        "count": 3,
        "description": "IPv4 addresses in the DNS history of shop.example.com",
        "source_uri": "https://securitytrails.com/domain/shop.example.com/dns",
        "observables": [{"type": "domain", "value": "shop.example.com"}],
        "observed_time": {"start_time": "2026-11-20T23:39:17Z", "end_time": "2026-11-20T23:39:17Z"},
        "relations": [
            relation("198.51.100.7", "2019-06-01", "2024-02-10"),
            relation("203.0.113.20", "2018-01-05", "2026-09-30"),
            relation("203.0.113.9", "2024-02-11", "2026-09-30"),
        ],
    }]}}});
    assert_eq!(answer, expected);
    let mut asked = calls(&stage);
    asked.sort();
    assert_eq!(
        asked,
        ["GET /history/shop.example.com/dns/a?page=1", "GET /history/shop.example.com/dns/aaaa?page=1"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_the_same_for_the_same_fact_always() {
    let stage = setup().start().await;
    let v6 = json!({"records": [{"values": [{"ipv6": "2001:db8::7"}]}], "pages": 1});
    pin(&stage, "shop.example.com", history(&["192.0.2.1"]), v6);
    let about = [("domain", "shop.example.com"), ("ipv6", "2001:db8::10")];
    let answer = stage.observe(&about).await;
    let sightings = docs(&answer, "sightings");
    let ids: Vec<_> = sightings.iter().filter_map(|sighting| sighting["id"].as_str()).collect();
    assert_eq!(
        ids,
        [
            "transient:sighting-2353b03b-957f-5c50-9801-460063bdb7c6",
            "transient:sighting-cfedb09c-e2a1-5801-91c0-2acbeb9e8a98",
            "transient:sighting-549fd3b6-e6cd-542a-8b99-fcec77b38d92",
        ]
    );
    assert_eq!(sightings[1]["relations"][0]["related"], json!({"type": "ipv6", "value": "2001:db8::7"}));
    let again = stage.observe(&about).await;
    for (first, second) in sightings.iter().zip(docs(&again, "sightings")) {
        assert_eq!((&first["id"], &first["relations"]), (&second["id"], &second["relations"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_domains_of_an_address_become_a_sighting() {
    let stage = setup().start().await;
    let records = json!([{"hostname": "udemy.com"}, {"hostname": "efoood.org"}, {"hostname": "udemy.com"}]);
    let page =
        json!({"records": records, "record_count": 40741, "meta": {"max_page": 100, "total_pages": 408}});
    let search =
        Answer::post("/domains/list").query("page", "1").body(json!({"filter": {"ipv4": "1.1.1.1"}}));
    stage.sim.answer(SIDE, search.json(page));
    let answer = stage.observe(&[("ip", "1.1.1.1")]).await;
    let [sighting] = docs(&answer, "sightings") else { panic!("{answer}") };
    assert_eq!(sighting["count"], 40741);
    assert_eq!(far_ends(sighting), ["efoood.org", "udemy.com"]);
    assert_eq!(sighting["relations"][0]["source"], json!({"type": "domain", "value": "efoood.org"}));
    assert_eq!(sighting["relations"][0]["related"], json!({"type": "ip", "value": "1.1.1.1"}));
    assert_eq!(sighting["source_uri"], "https://securitytrails.com/list/ip/1.1.1.1");
    assert_eq!(calls(&stage), ["POST /domains/list?page=1"]);
    let call = &stage.sim.calls_to(SIDE)[0];
    assert_eq!(call.header("content-type"), Some("application/json"));
    assert!(answer.get("errors").is_none(), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_that_cannot_be_one_is_made_from_the_names() {
    let stage = setup().claim("key", "unlimited").start().await;
    for (sent, count) in [
        (json!(40741), 40741),
        (json!("40741"), 40741),
        (json!(1), 1),
        (json!(0), 2),
        (json!(-3), 2),
        (json!(2.5), 2),
        (json!("many"), 2),
        (json!(null), 2),
    ] {
        let records = json!([{"hostname": "a.example"}, {"hostname": "b.example"}]);
        let page = json!({"records": records, "record_count": sent});
        stage.sim.answer(SIDE, Answer::post("/domains/list").json(page));
        let answer = stage.observe(&[("ip", "192.0.2.1")]).await;
        assert_eq!(docs(&answer, "sightings")[0]["count"], count, "{sent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_filter_follows_the_family_of_the_address_not_the_label() {
    let stage = setup().start().await;
    let page = json!({"records": [{"hostname": "a.example"}]});
    stage.sim.answer(SIDE, Answer::post("/domains/list").json(page));
    let about = [
        ("ipv6", "2001:0DB8:0:0:0:0:0:1"),
        ("ip", "2001:db8::2"),
        ("ipv6", "192.0.2.3"),
        ("ip", " 10.0.0.1 "),
    ];
    let answer = stage.observe(&about).await;
    let mut filters: Vec<String> =
        stage.sim.calls_to(SIDE).iter().filter_map(|call| Some(call.json()?["filter"].to_string())).collect();
    filters.sort();
    assert_eq!(
        filters,
        [
            r#"{"ipv4":"10.0.0.1"}"#,
            r#"{"ipv4":"192.0.2.3"}"#,
            r#"{"ipv6":"2001:0DB8:0:0:0:0:0:1"}"#,
            r#"{"ipv6":"2001:db8::2"}"#,
        ]
    );
    for ((kind, value), sighting) in about.iter().zip(docs(&answer, "sightings")) {
        assert_eq!(sighting["observables"], json!([{"type": kind, "value": value}]));
        assert_eq!(sighting["relations"][0]["related"], sighting["observables"][0]);
    }
    assert_eq!(docs(&answer, "sightings").len(), about.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_types_are_passed_over_in_silence() {
    let stage = setup().start().await;
    let others = [
        ("url", "https://shop.example.com/"),
        ("sha256", "0000000000000000000000000000000000000000000000000000000000000000"),
        ("hostname", "shop.example.com"),
        ("email", "a@shop.example.com"),
        ("IP", "1.1.1.1"),
    ];
    for about in [&others[..], &[]] {
        assert_eq!(stage.observe(about).await, json!({"data": {}}));
    }
    assert_eq!(calls(&stage), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_known_is_neither_data_nor_error() {
    let about = [("domain", "blank.example"), ("ip", "192.0.2.1")];
    let empty = [
        Answer::get("").json(json!({"records": []})),
        Answer::get("").json(json!({})),
        Answer::get("").json(json!({"records": null, "pages": null, "meta": 7})),
        Answer::get("").json(json!({"records": [{"values": []}, {"values": [{"ip": ""}]}]})),
        Answer::get("").status(400).text("The requested domain is invalid"),
        Answer::get("").status(404).json(json!({"message": "nothing"})),
        Answer::get("").status(404),
        Answer::get("").status(406),
    ];
    for answer in empty {
        let stage = setup().start().await;
        for (method, path) in [
            ("GET", "/history/blank.example/dns/a"),
            ("GET", "/history/blank.example/dns/aaaa"),
            ("POST", "/domains/list"),
        ] {
            let pin = Answer { method: method.to_owned(), path: path.to_owned(), ..answer.clone() };
            stage.sim.answer(SIDE, pin);
        }
        assert_eq!(stage.observe(&about).await, json!({"data": {}}), "{answer:?}");
        assert_eq!(calls(&stage).len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_asked_for_in_one_form_and_answered_as_they_came() {
    let stage = setup().start().await;
    pin(&stage, "example.com", history(&["192.0.2.1"]), nothing());
    pin(&stage, "xn--bcher-kva.example", history(&["192.0.2.2"]), nothing());
    let about = [("domain", "Example.COM."), ("domain", "bücher.example")];
    let answer = stage.observe(&about).await;
    let sightings = docs(&answer, "sightings");
    assert_eq!(sightings.len(), 2);
    for ((_, value), sighting) in about.iter().zip(sightings) {
        assert_eq!(sighting["observables"][0]["value"], *value);
        assert_eq!(sighting["relations"][0]["source"]["value"], *value);
    }
    let mut asked = calls(&stage);
    asked.sort();
    assert_eq!(
        asked,
        [
            "GET /history/example.com/dns/a?page=1",
            "GET /history/example.com/dns/aaaa?page=1",
            "GET /history/xn--bcher-kva.example/dns/a?page=1",
            "GET /history/xn--bcher-kva.example/dns/aaaa?page=1",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observable_that_comes_three_times_is_paid_for_once() {
    let stage = setup().start().await;
    let answer = stage.observe(&[("ip", "198.18.1.1"); 3]).await;
    assert_eq!(calls(&stage).len(), 1);
    assert_eq!(docs(&answer, "sightings").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sightings_come_in_the_order_of_the_request() {
    let stage = setup().start().await;
    let values: Vec<String> = (1..=20).map(|n| format!("198.18.1.{n}")).collect();
    let about: Vec<_> = values.iter().map(|value| ("ip", value.as_str())).collect();
    let answer = stage.observe(&about).await;
    let seen: Vec<_> = docs(&answer, "sightings")
        .iter()
        .filter_map(|sighting| sighting["observables"][0]["value"].as_str())
        .collect();
    assert_eq!(seen, values);
}

#[tokio::test(flavor = "multi_thread")]
async fn white_space_around_the_key_is_taken_off_and_no_call_is_made_with_what_is_no_key() {
    let stage = setup().start().await;
    observe_with(&stage, json!({"key": " demo-key\n"}), &[("ip", "198.18.1.1")]).await;
    assert_eq!(stage.sim.calls_to(SIDE)[0].header("apikey"), Some("demo-key"));
    stage.sim.reset();
    for key in [json!("ключ"), json!("a b"), json!("a\r\nX-Other: b"), json!(""), json!(null), json!(["k"])]
    {
        let answer = observe_with(&stage, json!({"key": key}), &[("ip", "198.18.1.1")]).await;
        assert_eq!(errors(&answer), [("fatal", "authorization error")], "{key}");
        let message = message(&answer);
        assert!(message.starts_with("Authorization failed: ") && message.contains("`key`"), "{message}");
        assert!(answer.get("data").is_none());
    }
    assert_eq!(calls(&stage), [""; 0]);
}
