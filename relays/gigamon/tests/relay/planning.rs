//! How few calls answer for many observables, and how fairly these share them.

use std::time::Duration;

use provider_sim::{Answer, Fault, SeenCall, What};
use relay_testkit::cost::mixed;
use relay_testkit::{Stage, docs, errors};
use serde_json::{Value, json};

use crate::fixtures::{self, calls_to, detection, event, found, listed, of_detection, pin, seen};
use crate::setup;

const NOW: &str = "2026-03-02T09:00:00Z";
const TRACKING: &str = "/v2/entity/tracking/bulk/get/ip";

/// The bodies of the searches, in the order in which they came.
fn searches(stage: &Stage) -> Vec<Value> {
    let calls = stage.sim.calls_to("gigamon");
    calls.iter().filter(|call| call.path.ends_with("/v2/query")).filter_map(SeenCall::json).collect()
}

fn queries(stage: &Stage) -> Vec<String> {
    searches(stage).iter().map(|body| body["query"].as_str().unwrap().to_owned()).collect()
}

fn pin_search(stage: &Stage, body: Value, events: &[Value], total: usize) {
    let mut page = found(events);
    page["total"] = json!(total);
    pin(stage, Answer::post("/v2/query").body_includes(body).json(page));
}

fn about(names: &[String]) -> Vec<(&str, &str)> {
    names.iter().map(|name| ("domain", name.as_str())).collect()
}

/// How many sightings each observable has.
fn sightings_of(answer: &Value, value: &str) -> usize {
    let of = |sighting: &&Value| sighting["observables"][0]["value"] == value;
    docs(answer, "sightings").iter().filter(of).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_quiet_observables_take_one_search_and_their_lists() {
    let all = mixed([7, 7, 6]);
    for (device_detections, calls) in [("true", 28), ("local", 21), ("false", 21)] {
        let stage = setup().setting("RELAY_PROVIDER__DEVICE_DETECTIONS", device_detections).start().await;
        fixtures::empty(&stage);
        let answer = stage.ask("/observe/observables", Some(&stage.token()), &all).await;
        assert_eq!(answer, json!({"data": {}}));
        let queries = queries(&stage);
        let [query] = queries.as_slice() else { panic!("{queries:?}") };
        assert!(
            query.starts_with("ip IN ('198.51.100.1', ") && query.contains(") OR domain IN ('d0.example', ")
        );
        assert!(query.contains(") OR sha1 IN ('0000"), "{query}");
        assert_eq!(stage.sim.calls_to("gigamon").len(), calls, "{device_detections}");
        assert_eq!(calls_to(&stage, TRACKING), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_started_in_the_order_of_the_observables_after_the_search() {
    let stage = setup().setting("RELAY_PROVIDER__MAX_CONCURRENCY", "1").start().await;
    fixtures::empty(&stage);
    stage.observe(&[("domain", "a.example"), ("ip", "198.51.100.7"), ("domain", "b.example")]).await;
    let first = |call: &SeenCall| {
        let parameter = call.query.split('&').next().unwrap_or_default().to_owned();
        if call.path.ends_with("/v2/query") { "search".to_owned() } else { parameter }
    };
    let calls: Vec<String> = stage.sim.calls_to("gigamon").iter().map(first).collect();
    assert_eq!(
        calls,
        [
            "search",
            "indicator_value=a.example",
            "indicator_value=198.51.100.7",
            "device_ip=198.51.100.7",
            "indicator_value=b.example",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_packed_by_the_setting_and_the_limit() {
    let names: Vec<String> = (0..120).map(|number| format!("d{number}.example")).collect();
    for (setting, limit, sizes) in
        [("50", 100, vec![50, 50, 20]), ("50", 1000, vec![5; 24]), ("1", 100, vec![1; 120])]
    {
        let stage = setup()
            .setting("RELAY_PROVIDER__SEARCH_VALUES", setting)
            .claim("CTR_ENTITIES_LIMIT", limit)
            .start()
            .await;
        fixtures::empty(&stage);
        assert_eq!(errors(&stage.observe(&about(&names)).await), []);
        let mut values: Vec<usize> =
            queries(&stage).iter().map(|query| query.matches(".example'").count()).collect();
        values.sort_unstable_by(|one, other| other.cmp(one));
        assert_eq!(values, sizes, "{setting} {limit}");
        let limits: Vec<u64> = searches(&stage).iter().map(|body| body["limit"].as_u64().unwrap()).collect();
        assert!(limits.iter().all(|limit| (100..=5000).contains(limit)), "{limits:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_value_is_not_pushed_out_by_a_busy_one() {
    let stage = setup().at(NOW).start().await;
    fixtures::empty(&stage);
    let (busy, quiet) = ("busy.example", "quiet.example");
    let newest: Vec<Value> = (300..500).map(|number| event(number, busy)).rev().collect();
    pin_search(&stage, json!({"limit": 200}), &newest, 503);
    let rest =
        json!({"query": "domain = 'quiet.example'", "end_date": "2026-03-02T00:05:00.001Z", "limit": 100});
    pin_search(&stage, rest, &[event(3, quiet), event(2, quiet), event(1, quiet)], 3);
    let answer = stage.observe(&[("domain", busy), ("domain", quiet)]).await;
    assert_eq!((sightings_of(&answer, busy), sightings_of(&answer, quiet)), (100, 3));
    assert_eq!((errors(&answer), queries(&stage).len()), (vec![], 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_two_rounds_together_values_are_asked_for_one_by_one() {
    let stage = setup().at(NOW).start().await;
    fixtures::empty(&stage);
    let (one, two, quiet) = ("one.example", "two.example", "quiet.example");
    let page = |first: usize, count: usize, name| {
        (first..first + count).map(|number| event(number, name)).rev().collect::<Vec<_>>()
    };
    pin_search(&stage, json!({"limit": 300}), &page(1000, 300, one), 2000);
    let round = json!({"query": "domain IN ('two.example', 'quiet.example')", "limit": 200});
    pin_search(&stage, round, &page(700, 200, two), 1000);
    let last = json!({"query": "domain = 'quiet.example'", "end_date": "2026-03-02T00:11:40.001Z"});
    pin_search(&stage, last, &page(0, 5, quiet), 5);
    let answer = stage.observe(&[("domain", one), ("domain", two), ("domain", quiet)]).await;
    let counts = [one, two, quiet].map(|name| sightings_of(&answer, name));
    assert_eq!((counts, queries(&stage).len()), ([100, 100, 5], 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_belongs_to_every_value_in_it_and_to_no_other() {
    let stage = setup().start().await;
    fixtures::empty(&stage);
    let mut both = event(2, "a.example");
    both["answers"] = json!([{"ip": "198.51.100.7"}]);
    let mut wildcard = event(1, "other.example");
    wildcard["san_dns"] = json!(["*.a.example"]);
    pin(&stage, Answer::post("/v2/query").json(found(&[both, wildcard, event(0, "stranger.example")])));
    let answer = stage.observe(&[("domain", "A.example"), ("ip", "198.51.100.7")]).await;
    assert_eq!(seen(&answer), ["event-00002", "event-00001", "event-00002"]);
    assert_eq!((errors(&answer), queries(&stage).len()), (vec![], 1));
    let metrics = stage.metrics().await;
    assert!(
        metrics.lines().any(|line| {
            line.starts_with("relay_provider_items_dropped_total")
                && line.contains("event_search")
                && line.ends_with(" 1")
        }),
        "{metrics}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_lists_are_asked_value_by_value_and_not_tried_again() {
    let stage = setup().claim("key", "no-lists-token").setting("RELAY_CACHE__TTL", "0s").start().await;
    fixtures::empty(&stage);
    let names = ["a.example", "b.example", "c.example"].map(str::to_owned);
    for (number, name) in names.iter().enumerate() {
        let query = json!({"query": format!("domain = '{name}'")});
        pin_search(&stage, query, &[event(number, name)], 1);
    }
    for calls in [4, 7] {
        let answer = stage.observe(&about(&names)).await;
        assert_eq!(seen(&answer), ["event-00000", "event-00001", "event-00002"]);
        assert_eq!((errors(&answer), queries(&stage).len()), (vec![], calls));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_refused_by_itself_is_an_error_about_it() {
    let stage = setup().setting("RELAY_PROVIDER__RETRIES", "0").start().await;
    fixtures::empty(&stage);
    let refused = Answer::post("/v2/query").status(400).json(json!({"error": {"message": "Bad query."}}));
    pin(&stage, refused);
    pin_search(&stage, json!({"query": "domain = 'a.example'"}), &[event(1, "a.example")], 1);
    let answer = stage.observe(&[("domain", "a.example"), ("domain", "b.example")]).await;
    assert_eq!(
        (seen(&answer), errors(&answer)),
        (vec!["event-00001"], vec![("warning", "invalid argument")])
    );
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("Bad query") && message.contains("(concerns domain b.example)"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_large_is_asked_for_in_halves() {
    let stage = setup().setting("RELAY_PROVIDER__MAX_ANSWER", "20000").start().await;
    fixtures::empty(&stage);
    let names: Vec<String> = (0..4).map(|number| format!("d{number}.example")).collect();
    let page =
        |first: usize| (first..first + 2).map(|number| event(number, &names[number])).collect::<Vec<_>>();
    let mut padded = found(&page(0));
    padded["padding"] = json!("x".repeat(60_000));
    pin(&stage, Answer::post("/v2/query").json(padded));
    for first in [0, 2] {
        let query = format!("domain IN ('d{first}.example', 'd{}.example')", first + 1);
        pin_search(&stage, json!({"query": query}), &page(first), 2);
    }
    let answer = stage.observe(&about(&names)).await;
    assert_eq!(seen(&answer), ["event-00000", "event-00001", "event-00002", "event-00003"]);
    assert_eq!((errors(&answer), queries(&stage).len()), (vec![], 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detection_of_two_values_is_read_once_and_one_call_names_all_devices() {
    let stage = setup().start().await;
    fixtures::empty(&stage);
    let mut shared = detection(0, "a.example");
    shared["indicators"] = json!([
        {"field": "dns:query.domain", "values": ["a.example"]}, {"field": "dns:answers.ip", "values": ["198.51.100.7"]},
    ]);
    pin(&stage, Answer::get("/v1/detections").json(listed(&[shared])));
    pin(&stage, Answer::get("/v1/detections").query("device_ip", "198.51.100.7").json(listed(&[])));
    let mut both = event(1, "a.example");
    both["answers"] = json!([{"ip": "198.51.100.7"}]);
    pin(&stage, Answer::get("/v1/events").json(of_detection(&[both])));
    let devices: Vec<Value> = (2..7)
        .map(|number| {
            let mut event = event(number, "a.example");
            event["src"]["ip"] = json!(format!("10.1.1.{number}"));
            event
        })
        .collect();
    pin(&stage, Answer::post("/v2/query").json(found(&devices)));
    let answer = stage.observe(&[("domain", "a.example"), ("ip", "198.51.100.7")]).await;
    assert_eq!((sightings_of(&answer, "a.example"), sightings_of(&answer, "198.51.100.7")), (6, 1));
    assert_eq!((docs(&answer, "indicators").len(), docs(&answer, "relationships").len()), (1, 2));
    assert_eq!((calls_to(&stage, "/v1/events"), calls_to(&stage, TRACKING)), (1, 1));
    let calls = stage.sim.calls_to("gigamon");
    let body = calls.iter().find(|call| call.path.ends_with(TRACKING)).and_then(SeenCall::json).unwrap();
    assert_eq!(body["entities"].as_array().unwrap().len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_of_detections_are_dealt_in_rounds() {
    let stage = setup().setting("RELAY_PROVIDER__EVENTS_URL", "off").start().await;
    fixtures::empty(&stage);
    let names = ["a.example", "b.example", "c.example"].map(str::to_owned);
    for name in &names {
        let of = |number| {
            let mut one = detection(number, name);
            one["uuid"] = json!(format!("{name}-{number:02}"));
            one
        };
        let list = listed(&(0..60).map(of).collect::<Vec<_>>());
        pin(&stage, Answer::get("/v1/detections").query("indicator_value", name).json(list));
    }
    let answer = stage.observe(&about(&names)).await;
    assert_eq!((errors(&answer), docs(&answer, "sightings").len()), (vec![], 180), "each stands for itself");
    let calls = stage.sim.calls_to("gigamon");
    let reads = |name: &str| {
        let uuid = format!("detection_uuid={name}-");
        calls.iter().filter(|call| call.query.contains(&uuid)).count()
    };
    assert_eq!(names.each_ref().map(|name| reads(name)), [34, 33, 33]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_has_enough_takes_no_further_turn() {
    let stage = setup()
        .claim("CTR_ENTITIES_LIMIT", 1)
        .setting("RELAY_PROVIDER__EVENTS_URL", "off")
        .setting("RELAY_PROVIDER__MAX_CONCURRENCY", "1")
        .setting("RELAY_PROVIDER__DETECTION_READS", "3")
        .start()
        .await;
    fixtures::empty(&stage);
    for (name, first) in [("a.example", 0), ("b.example", 10)] {
        let list: Vec<Value> = (first..first + 4).map(|number| detection(number, name)).collect();
        pin(&stage, Answer::get("/v1/detections").query("indicator_value", name).json(listed(&list)));
    }
    let read =
        |number: usize| Answer::get("/v1/events").query("detection_uuid", &format!("detection-{number:04}"));
    pin(&stage, read(0).json(of_detection(&[event(0, "a.example")])));
    let answer = stage.observe(&[("domain", "a.example"), ("domain", "b.example")]).await;
    // The first value has enough after one read; the other one gets the two that are left.
    assert_eq!(calls_to(&stage, "/v1/events"), 3);
    assert_eq!(seen(&answer), ["event-00000", "detection-0010"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_hangs_leaves_the_newest_day_and_time_for_the_devices() {
    let stage = setup().at(NOW).setting("RELAY_DEADLINE", "3s").start().await;
    fixtures::empty(&stage);
    let day = json!({"start_date": "2026-03-01T09:00:00.000Z", "end_date": "2026-03-02T09:00:00.000Z"});
    pin_search(&stage, day, &[event(1, "a.example")], 1);
    stage.sim.faults().add(Fault::new(What::Hang).on("gigamon").path("/v2/query").next(1));
    let answer = stage.observe(&[("domain", "a.example")]).await;
    assert_eq!((seen(&answer), errors(&answer)), (vec!["event-00001"], vec![("warning", "timeout")]));
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("older ones are missing"), "{message}");
    assert_eq!((calls_to(&stage, TRACKING), queries(&stage).len()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_search_that_answers_is_what_counts() {
    let stage = setup().at(NOW).setting("RELAY_DEADLINE", "4s").start().await;
    fixtures::empty(&stage);
    let week = json!({"start_date": "2026-02-23T09:00:00.000Z"});
    pin_search(&stage, week, &[event(2, "a.example")], 1);
    let slow = Fault::latency(Duration::from_millis(2400)).on("gigamon").path("/v2/query");
    stage.sim.faults().add(slow.next(1));
    let answer = stage.observe(&[("domain", "a.example")]).await;
    assert_eq!((seen(&answer), errors(&answer)), (vec!["event-00002"], vec![]));
    assert_eq!(queries(&stage).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stretch_of_days_that_hangs_does_not_hold_up_those_before() {
    let stage = setup()
        .at(NOW)
        .setting("RELAY_DEADLINE", "4s")
        .setting("RELAY_PROVIDER__EVENT_DAYS", "30")
        .start()
        .await;
    fixtures::empty(&stage);
    let days = ["02-16", "02-09", "02-02", "01-31"];
    for (number, day) in days.iter().enumerate() {
        let body = json!({"start_date": format!("2026-{day}T09:00:00.000Z")});
        pin_search(&stage, body, &[event(number, "a.example")], 1);
    }
    stage.sim.faults().add(Fault::new(What::Hang).on("gigamon").path("/v2/query").next(1));
    let answer = stage.observe(&[("domain", "a.example")]).await;
    assert_eq!(seen(&answer), ["event-00003", "event-00002", "event-00001", "event-00000"]);
    assert_eq!(errors(&answer), [("warning", "timeout")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn muted_detections_are_not_asked_for_unless_setting_or_token_say_so() {
    for (setting, claim, shown) in [
        ("false", Value::Null, false),
        ("true", Value::Null, true),
        ("true", json!(false), false),
        ("false", json!("TRUE"), true),
        ("true", json!("maybe"), true),
    ] {
        let stage = setup()
            .setting("RELAY_PROVIDER__SHOW_MUTED", setting)
            .claim("SHOW_MUTED", claim.clone())
            .start()
            .await;
        fixtures::empty(&stage);
        let mut muted = detection(0, "a.example");
        muted["muted_rule"] = json!(true);
        pin(&stage, Answer::get("/v1/detections").json(listed(&[muted])));
        let answer = stage.observe(&[("domain", "a.example")]).await;
        assert_eq!(docs(&answer, "sightings").len(), usize::from(shown), "{setting} {claim}");
        let calls = stage.sim.calls_to("gigamon");
        let list = calls.iter().find(|call| call.path.ends_with("/v1/detections")).unwrap();
        assert_eq!(list.query.contains("&muted=false&muted_rule=false&muted_device=false"), !shown);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_one_warning_for_a_request() {
    let stage = setup().setting("RELAY_PROVIDER__EVENTS_URL", "off").start().await;
    fixtures::empty(&stage);
    let both: Vec<Value> = (0..2).map(|number| detection(number, "a.example")).collect();
    pin(&stage, Answer::get("/v1/detections").json(listed(&both)));
    pin(&stage, Answer::get("/v1/events").query("detection_uuid", "detection-0000").text("[]"));
    pin(&stage, Answer::get("/v1/events").query("detection_uuid", "detection-0001").text("{} x"));
    pin(&stage, Answer::post(TRACKING).text("not json"));
    let answer = stage.observe(&[("domain", "a.example")]).await;
    assert_eq!(errors(&answer), [("warning", "key error")]);
    let message = answer["errors"][0]["message"].as_str().unwrap();
    let end = "events of some detections and the names of some devices are missing";
    assert!(message.ends_with(end), "{message}");
    assert_eq!(seen(&answer), ["detection-0000", "detection-0001"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_token_is_reported_before_a_bad_body() {
    let stage = setup().start().await;
    let response = stage.raw("/observe/observables", Some("no.good.token"), "not json").await;
    let answer: Value = response.json().await.unwrap();
    assert_eq!(errors(&answer), [("fatal", "authorization error")]);
}
