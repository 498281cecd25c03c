//! What a lookup costs of the month's queries, and what is asked on request only.

use provider_sim::Answer;
use relay_testkit::cost::mixed;
use relay_testkit::{Stage, docs, errors};
use serde_json::{Value, json};

use crate::{SIDE, calls, far_ends, message, one_by_one, setup};

fn asked(stage: &Stage) -> Vec<String> {
    let mut calls = calls(stage);
    calls.sort();
    calls
}

/// Pins the answer to a history call.
fn pin(stage: &Stage, name: &str, record: &str, records: &Value) {
    let path = format!("/history/{name}/dns/{record}");
    stage.sim.answer(SIDE, Answer::get(&path).json(json!({"records": records, "pages": 1})));
}

fn absent(stage: &Stage, name: &str, record: &str) {
    stage.sim.answer(SIDE, Answer::get(&format!("/history/{name}/dns/{record}")).status(404));
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_observables_cost_what_the_readme_says() {
    for (settings, expected) in [
        (vec![], 21),
        (vec![("RELAY_PROVIDER__HISTORY_TYPES", "a")], 14),
        (vec![("RELAY_PROVIDER__EXTRA_RECORD_TYPES", "mx, NS")], 35),
        (vec![("RELAY_PROVIDER__GET_SUBDOMAINS", "true")], 28),
    ] {
        let setup = settings.iter().fold(setup(), |setup, (name, value)| setup.setting(name, value));
        let stage = setup.start().await;
        let answer = stage.ask("/observe/observables", Some(&stage.token()), &mixed([7, 7, 6])).await;
        assert_eq!(errors(&answer), [], "{answer}");
        assert_eq!(stage.sim.calls_to(SIDE).len(), expected, "{settings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spellings_of_one_value_share_their_queries() {
    let stage = one_by_one().start().await;
    pin(&stage, "login.example", "a", &json!([{"values": [{"ip": "192.0.2.1"}]}]));
    absent(&stage, "login.example", "aaaa");
    let search = json!({"records": [{"hostname": "a.example"}]});
    stage.sim.answer(SIDE, Answer::post("/domains/list").json(search));
    let about = [
        ("domain", "Login.EXAMPLE."),
        ("ip", "203.0.113.9"),
        ("domain", "login.example"),
        ("ipv6", "::ffff:203.0.113.9"),
    ];
    let answer = stage.observe(&about).await;
    assert_eq!(
        asked(&stage),
        [
            "GET /history/login.example/dns/a?page=1",
            "GET /history/login.example/dns/aaaa?page=1",
            "POST /domains/list?page=1",
        ]
    );
    let body: Value =
        serde_json::from_slice(&stage.sim.calls_to(SIDE).last().expect("a call").body).expect("JSON");
    assert_eq!(body, json!({"filter": {"ipv4": "203.0.113.9"}}));
    let seen: Vec<&Value> =
        docs(&answer, "sightings").iter().map(|one| &one["observables"][0]["value"]).collect();
    assert_eq!(seen, ["Login.EXAMPLE.", "203.0.113.9", "login.example", "::ffff:203.0.113.9"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn spellings_of_one_related_value_count_once() {
    let stage = setup().start().await;
    absent(&stage, "six.example", "a");
    pin(
        &stage,
        "six.example",
        "aaaa",
        &json!([
            {"values": [{"ipv6": "2001:DB8:0::A"}], "first_seen": "2015-02-03", "last_seen": "2021-04-30"},
            {"values": [{"ipv6": "2001:db8::a"}, {"ipv6": "none"}], "first_seen": "2021-05-01", "last_seen": "2026-10-01"},
        ]),
    );
    let names =
        ["www.example.com", "WWW.Example.com", "www.example.com.", "203.0.113.9", "", "*.example.org"];
    let records: Vec<Value> = names.iter().map(|name| json!({"hostname": name})).collect();
    stage.sim.answer(SIDE, Answer::post("/domains/list").json(json!({"records": records})));
    let answer = stage.observe(&[("domain", "six.example"), ("ip", "192.0.2.9")]).await;
    let [history, search] = docs(&answer, "sightings") else { panic!("{answer}") };
    assert_eq!(far_ends(history), ["2001:db8::a"], "the newest spelling");
    assert_eq!(history["count"], 1);
    assert_eq!(
        history["relations"][0]["relation_info"],
        json!({"first_seen": "2015-02-03", "last_seen": "2026-10-01"})
    );
    assert_eq!(far_ends(search), ["*.example.org", "www.example.com"]);
    assert_eq!(search["count"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_and_subdomains_are_asked_for_by_the_token() {
    let stage = setup().claim("EXTRA_RECORD_TYPES", "MX, ns,txt").claim("GET_SUBDOMAINS", true).start().await;
    absent(&stage, "a.example", "a");
    absent(&stage, "a.example", "aaaa");
    let mail = json!([
        {"values": [{"host": "MX1.mail.example.", "priority": 10}, {"hostname": "192.0.2.1"}, {"host": "."}],
         "first_seen": "2024-01-01", "last_seen": "2024-12-31"},
        {"values": {"hostname": "mx1.mail.example"}, "first_seen": "2023-01-01", "last_seen": "2023-12-31"},
    ]);
    pin(&stage, "a.example", "mx", &mail);
    pin(
        &stage,
        "a.example",
        "ns",
        &json!([{"values": [{"nameserver": "ns2.b.example"}, {"nameserver": "ns1.b.example"}]}]),
    );
    let subdomains = json!({
        "subdomains": ["www", "api.eu", "*.cdn", "www", "a b"], "subdomain_count": 312,
        "meta": {"limit_reached": true},
    });
    stage.sim.answer(SIDE, Answer::get("/domain/a.example/subdomains").json(subdomains));
    let answer = stage.observe(&[("domain", "a.example"), ("ip", "192.0.2.77")]).await;
    let about_domain: Vec<&Value> = docs(&answer, "sightings")
        .iter()
        .filter(|one| one["observables"][0]["value"] == "a.example")
        .collect();
    let [mx, ns, sub] = about_domain[..] else { panic!("{answer}") };
    assert_eq!(far_ends(mx), ["mx1.mail.example"]);
    assert_eq!(mx["relations"][0]["relation"], "Related_To");
    assert_eq!(
        mx["relations"][0]["relation_info"],
        json!({"first_seen": "2023-01-01", "last_seen": "2024-12-31", "record_type": "MX"})
    );
    assert_eq!(far_ends(ns), ["ns1.b.example", "ns2.b.example"]);
    assert_eq!(ns["relations"][0]["relation_info"], json!({"record_type": "NS"}));
    assert_eq!(far_ends(sub), ["api.eu.a.example", "www.a.example"]);
    assert_eq!((&sub["count"], &sub["relations"][0]["relation"]), (&json!(312), &json!("Supra-domain_Of")));
    assert_eq!(errors(&answer), [("warning", "unprocessed relations")]);
    assert!(message(&answer).contains("312"), "{}", message(&answer));
    let domain_calls: Vec<String> =
        asked(&stage).into_iter().filter(|call| call.starts_with("GET")).collect();
    assert_eq!(
        domain_calls,
        [
            "GET /domain/a.example/subdomains?children_only=true&include_inactive=false",
            "GET /history/a.example/dns/a?page=1",
            "GET /history/a.example/dns/aaaa?page=1",
            "GET /history/a.example/dns/mx?page=1",
            "GET /history/a.example/dns/ns?page=1",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_domains_of_an_address_have_a_table_on_request() {
    let stage = setup().setting("RELAY_PROVIDER__DOMAINS_TABLE", "true").start().await;
    let records = json!([
        {"hostname": "b.example", "host_provider": ["Example CDN, Inc.", "Example Hosting LLC"],
         "computed": {"company_name": "Example Org"},
         "whois": {"registrar": null, "createdDate": 1_104_537_600_000_i64, "expiresDate": null}},
        {"hostname": "a.example", "host_provider": [], "mail_provider": null},
    ]);
    stage.sim.answer(SIDE, Answer::post("/domains/list").json(json!({"records": records})));
    let answer = stage.observe(&[("ip", "192.0.2.9")]).await;
    let column = |name: &str| json!({"name": name, "type": "string", "required": false});
    assert_eq!(
        docs(&answer, "sightings")[0]["data"],
        json!({
            "columns": [{"name": "Domain", "type": "string"}, column("Hosting provider"), column("Company"), column("Created")],
            "rows": [
                ["a.example", null, null, null],
                ["b.example", "Example CDN, Inc., Example Hosting LLC", "Example Org", "2005-01-01"],
            ],
            "row_count": 2,
        })
    );
}
