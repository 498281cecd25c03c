//! What the Python relay did wrong, where no other test is named after it.

use std::collections::BTreeSet;

use futures::future::join_all;
use provider_sim::{Answer, Fault, What};
use relay_testkit::{Stage, asked, docs, errors};
use serde_json::{Value, json};

use crate::setup;

fn pin(stage: &Stage, path: &str, json: Value) {
    stage.sim.answer("xforce", Answer::get(path).json(json));
}

/// A field of all entities of a kind.
fn each<'a>(answer: &'a Value, kind: &str, field: &str) -> Vec<&'a Value> {
    docs(answer, kind).iter().map(|one| &one[field]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_one_tenant_does_not_become_that_of_another() {
    let stage = setup().start().await;
    let cats: serde_json::Map<String, Value> = (0..9).map(|n| (format!("c{n}"), json!(true))).collect();
    pin(&stage, "/url/shared.example", json!({"result": {"score": 8, "cats": cats}}));
    pin(&stage, "/api/resolve/shared.example", json!({}));
    pin(&stage, "/api/linkage/url/shared.example", json!({}));
    let tenants = [("demo-key", 2), ("other-key", 5)]
        .map(|(key, limit)| (stage.token_with(&json!({"key": key, "CTR_ENTITIES_LIMIT": limit})), limit));
    let body = asked(&[("domain", "shared.example")]);
    join_all((0..100).map(|number| {
        let ((token, limit), stage, body) = (&tenants[number % 2], &stage, &body);
        async move {
            let answer = stage.ask("/observe/observables", Some(token), body).await;
            assert_eq!(docs(&answer, "sightings").len(), *limit, "request {number}");
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn observables_are_not_looked_up_one_after_the_other() {
    let stage = setup().setting("RELAY_DEADLINE", "600s").start().await;
    stage.sim.faults().add(Fault::new(What::Hang).on("xforce"));
    let names: Vec<String> = (0..5).map(|n| format!("d{n}.example")).collect();
    let about: Vec<(&str, &str)> = names.iter().map(|name| ("domain", name.as_str())).collect();
    let all_under_way = async {
        while stage.sim.calls_to("xforce").len() < 15 {
            tokio::task::yield_now().await;
        }
    };
    // None of them is answered, so none of them waits for another.
    tokio::select! {
        answer = stage.observe(&about) => panic!("{answer}"),
        () = all_under_way => {}
    }
    assert_eq!(stage.sim.peak_in_flight("xforce"), 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_dns_sightings_do_not_have_one_id() {
    let stage = setup().start().await;
    let names = ["one.example", "two.example"];
    for name in names {
        pin(&stage, &format!("/api/resolve/{name}"), json!({"A": ["192.0.2.1"]}));
    }
    let answer = stage.observe(&names.map(|name| ("domain", name))).await;
    let dns = docs(&answer, "sightings").iter().filter(|one| one["title"] == "DNS Information");
    assert_eq!(dns.map(|one| one["id"].as_str().unwrap()).collect::<BTreeSet<_>>().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truth_value_is_no_tag_but_the_words_of_users_are() {
    let stage = setup().start().await;
    let answer = stage.observe(&[("domain", "login-verify.example")]).await;
    assert_eq!(docs(&answer, "indicators").len(), 4);
    let users = json!(["campaign-x"]);
    assert_eq!(each(&answer, "indicators", "tags"), [&users, &users, &Value::Null, &Value::Null]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_does_not_carry_the_ids_of_the_others() {
    let stage = setup().claim("CTR_ENTITIES_LIMIT", 2).start().await;
    let linked: Vec<Value> = ["a", "b", "c"]
        .iter()
        .zip(1..)
        .map(|(id, day)| json!({"id": id, "title": format!("T/ {id}"), "created": format!("2026-01-0{day}T00:00:00Z")}))
        .collect();
    let hash = "474b9ccf5ab9d72ca8a333889bbb34f0";
    pin(&stage, &format!("/malware/{hash}"), json!({"malware": {"risk": null}}));
    pin(&stage, &format!("/api/linkage/malware/{hash}"), json!({"linkedEntities": linked}));
    let answer = stage.observe(&[("md5", hash)]).await;
    for kind in ["sightings", "indicators"] {
        assert_eq!(each(&answer, kind, "external_ids"), [&json!(["c"]), &json!(["b"])]);
        let urls: Vec<&Value> =
            docs(&answer, kind).iter().map(|one| &one["external_references"][0]["url"]).collect();
        let base = "https://exchange.xforce.ibmcloud.com/collection/T-";
        assert_eq!(urls, [&json!(format!("{base}c-c")), &json!(format!("{base}b-b"))]);
        assert!(
            docs(&answer, kind).iter().all(|one| one["external_references"].as_array().unwrap().len() == 1)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_only_dynamic_is_not_malicious() {
    let stage = setup().start().await;
    pin(&stage, "/ipr/192.0.2.8", json!({"score": 1, "cats": {"Dynamic IPs": 100, "Spam": 100}}));
    let answer = stage.observe(&[("ip", "192.0.2.8")]).await;
    assert_eq!(each(&answer, "verdicts", "disposition_name"), ["Unknown"]);
    let judged = each(&answer, "judgements", "disposition_name").into_iter();
    let judged: Vec<_> = judged.zip(each(&answer, "judgements", "severity")).collect();
    assert_eq!(judged, [(&json!("Unknown"), &json!("Low")), (&json!("Malicious"), &json!("High"))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_where_a_list_or_object_is_expected_ends_nothing() {
    let stage = setup().at("2026-03-02T09:00:00Z").start().await;
    let collections = json!({"linkedEntities": [{"id": "c1", "owner": null}, {"id": "c2", "title": null}]});
    pin(&stage, "/url/nulls.example", json!({"result": {"score": null, "cats": null}}));
    pin(
        &stage,
        "/api/resolve/nulls.example",
        json!({"A": null, "Passive": {"records": [{"value": "192.0.2.1"}, null]}}),
    );
    pin(&stage, "/api/linkage/url/nulls.example", collections);
    let answer = stage.observe(&[("domain", "nulls.example")]).await;
    assert_eq!(errors(&answer), []);
    assert_eq!(each(&answer, "verdicts", "disposition_name"), ["Unknown"]);
    assert_eq!(each(&answer, "indicators", "producer"), ["IBM X-Force Exchange"; 2]);
    assert_eq!(each(&answer, "indicators", "title"), ["c1", "c2"]);
    for sighting in docs(&answer, "sightings") {
        assert_eq!(sighting["observed_time"]["start_time"], "2026-03-02T09:00:00Z");
        assert_eq!(sighting["internal"], false);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_score_or_risk_beyond_the_scale_is_no_failure() {
    let stage = setup().start().await;
    let hash = "474b9ccf5ab9d72ca8a333889bbb34f0";
    pin(&stage, "/ipr/192.0.2.8", json!({"score": 11}));
    pin(&stage, "/url/a.example", json!({"result": {"score": "7"}}));
    pin(&stage, &format!("/malware/{hash}"), json!({"malware": {"risk": "critical"}}));
    let answer = stage.deliberate(&[("ip", "192.0.2.8"), ("domain", "a.example"), ("md5", hash)]).await;
    assert_eq!(errors(&answer), []);
    assert_eq!(each(&answer, "verdicts", "disposition_name"), ["Malicious", "Unknown", "Unknown"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_among_addresses_does_not_become_an_address() {
    let stage = setup().start().await;
    let records = json!([{"recordType": "A", "value": "alias.example"}, {"recordType": "AAAA", "value": "2001:db8::1"}]);
    let answer =
        json!({"A": ["www.a.example", "192.0.2.1", "192.0.2.1.", ""], "Passive": {"records": records}});
    pin(&stage, "/api/resolve/a.example", answer);
    let answer = stage.observe(&[("domain", "a.example")]).await;
    let dns = docs(&answer, "sightings").iter().find(|one| one["title"] == "DNS Information").unwrap();
    let related: Vec<&Value> =
        dns["relations"].as_array().unwrap().iter().map(|one| &one["related"]).collect();
    assert_eq!(
        related,
        [&json!({"type": "ip", "value": "192.0.2.1"}), &json!({"type": "ipv6", "value": "2001:db8::1"})]
    );
}
