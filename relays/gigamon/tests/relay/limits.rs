//! How much is read at most, and for whom.

use provider_sim::Answer;
use relay_testkit::{docs, errors};
use serde_json::{Value, json};

use crate::fixtures::{self, calls_to, detection, event, found, listed, of_detection, pin, seen};
use crate::setup;

const DOMAIN: &str = "a.example";

/// A hundred of them, of an account that is not shown.
fn hidden(one: impl Fn(usize) -> Value, account: &str) -> Vec<Value> {
    let hide = |number| {
        let mut one = one(number);
        one[account] = json!(fixtures::DEMO);
        one
    };
    (0..100).map(hide).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_detections_that_does_not_end_is_left_after_ten_pages() {
    let stage = setup().setting("RELAY_PROVIDER__EVENTS_URL", "off").start().await;
    fixtures::empty(&stage);
    let mut page = listed(&hidden(|number| detection(number, DOMAIN), "account_uuid"));
    page["total_count"] = json!(1_000_000);
    pin(&stage, Answer::get("/v1/detections").json(page));
    assert_eq!(stage.observe(&[("domain", DOMAIN)]).await, json!({"data": {}}));
    let calls = stage.sim.calls_to("gigamon");
    let offset = |query: &str| {
        query.split_once("offset=").and_then(|(_, rest)| rest.split('&').next()).map(str::to_owned)
    };
    let offsets: Vec<String> = calls.iter().filter_map(|call| offset(&call.query)).collect();
    assert_eq!(offsets, ["0", "100", "200", "300", "400", "500", "600", "700", "800", "900"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_ends_with_a_short_page_or_its_total_whatever_the_other_says() {
    for (items, total, calls) in [
        (100, json!(100), 1),
        (99, json!(100_000), 1),
        (100, json!(150), 2),
        (100, json!(null), 10),
        (100, json!(-1), 1),
        (0, json!(100_000), 1),
    ] {
        let stage = setup().setting("RELAY_PROVIDER__EVENTS_URL", "off").start().await;
        fixtures::empty(&stage);
        let events: Vec<Value> = (0..items).map(|number| event(number, "other.example")).collect();
        let mut page = of_detection(&events);
        page["total_count"] = total.clone();
        pin(&stage, Answer::get("/v1/detections").json(listed(&[detection(0, DOMAIN)])));
        pin(&stage, Answer::get("/v1/events").json(page));
        let answer = stage.observe(&[("domain", DOMAIN)]).await;
        assert_eq!(calls_to(&stage, "/v1/events"), calls, "{items} of {total}");
        // None of them matched: if that is known for all, the detection stands for itself.
        assert_eq!(docs(&answer, "sightings").len(), usize::from(calls < 10), "{items} of {total}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_does_not_end_is_asked_for_three_times() {
    let stage = setup().at("2026-03-02T09:00:00Z").setting("RELAY_PROVIDER__EVENT_DAYS", "1").start().await;
    fixtures::empty(&stage);
    for (end, newest) in
        [("09:00:00.000", 900), ("00:13:21.001", 800), ("00:11:41.001", 700), ("00:10:01.001", 600)]
    {
        // A hundred seconds of events up to this one, newest first.
        let events = hidden(|number| event(newest - number, DOMAIN), "customer_id");
        let mut page = found(&events);
        page["total"] = json!(100_000);
        let body = json!({"end_date": format!("2026-03-02T{end}Z")});
        pin(&stage, Answer::post("/v2/query").body_includes(body).json(page));
    }
    assert_eq!(stage.observe(&[("domain", DOMAIN)]).await, json!({"data": {}}));
    let calls = stage.sim.calls_to("gigamon");
    let ends = calls.iter().filter(|call| call.path.ends_with("/v2/query")).map(|call| call.json().unwrap());
    let ends: Vec<String> = ends.map(|body| body["end_date"].as_str().unwrap()[11..].to_owned()).collect();
    assert_eq!(ends, ["09:00:00.000Z", "00:13:21.001Z", "00:11:41.001Z"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_events_of_the_search_survive_the_cut_in_whatever_order_they_come() {
    let stage =
        setup().claim("CTR_ENTITIES_LIMIT", 2).setting("RELAY_PROVIDER__EVENT_DAYS", "1").start().await;
    fixtures::empty(&stage);
    let events = [1, 4, 2, 5, 3].map(|number| event(number, DOMAIN));
    pin(&stage, Answer::post("/v2/query").json(found(&events)));
    assert_eq!(seen(&stage.observe(&[("domain", DOMAIN)]).await), ["event-00005", "event-00004"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_claim_of_an_account_holds_for_rules_summaries_and_health() {
    let stage = setup()
        .claim("account_uuid", fixtures::ACME)
        .setting("RELAY_PROVIDER__ENTITY_SUMMARY", "true")
        .start()
        .await;
    fixtures::empty(&stage);
    stage.health().await;
    let answer = stage.observe(&[("domain", "unheard-of.example")]).await;
    assert_eq!(errors(&answer), []);
    pin(&stage, Answer::get("/v1/detections").json(json!({"detections": [detection(0, DOMAIN)]})));
    stage.observe(&[("domain", DOMAIN)]).await;
    let calls = stage.sim.calls_to("gigamon");
    for path in ["/v1/detections", "/v1/rules/", "/v1/events", "/v1/entity/"] {
        let of_path: Vec<_> = calls.iter().filter(|call| call.path.contains(path)).collect();
        let restricted = format!("account_uuid={}", fixtures::ACME);
        assert!(!of_path.is_empty() && of_path.iter().all(|call| call.query.contains(&restricted)), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_detection_are_read_no_further_than_the_limit() {
    let stage =
        setup().claim("CTR_ENTITIES_LIMIT", 3).setting("RELAY_PROVIDER__EVENTS_URL", "off").start().await;
    fixtures::empty(&stage);
    let events: Vec<Value> = (0..100).map(|number| event(number, DOMAIN)).collect();
    let mut page = of_detection(&events);
    page["total_count"] = json!(100_000);
    pin(&stage, Answer::get("/v1/detections").json(listed(&[detection(0, DOMAIN)])));
    pin(&stage, Answer::get("/v1/events").json(page));
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    assert_eq!(seen(&answer), ["event-00099", "event-00098", "event-00097"]);
    assert_eq!(calls_to(&stage, "/v1/events"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_its_detection_names_is_not_asked_for() {
    let stage = setup().setting("RELAY_PROVIDER__EVENTS_URL", "off").start().await;
    fixtures::empty(&stage);
    let mut named = detection(0, DOMAIN);
    named["hostname"] = json!("fin-ws-12");
    pin(&stage, Answer::get("/v1/detections").json(listed(&[named])));
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    let device = &docs(&answer, "sightings")[0]["targets"][0]["observables"];
    assert_eq!(device[1], json!({"type": "hostname", "value": "fin-ws-12"}));
    assert_eq!(calls_to(&stage, "/v2/entity/tracking/bulk/get/ip"), 0);
}
