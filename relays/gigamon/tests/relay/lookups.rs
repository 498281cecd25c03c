//! Which calls are made, and which of what they find is kept.

use provider_sim::{Answer, Fault, SeenCall, What};
use relay_testkit::{docs, errors};
use serde_json::{Value, json};

use crate::fixtures::{self, calls_to, detection, event, found, listed, of_detection, pin, seen};
use crate::setup;

const DOMAIN: &str = "a.example";

#[tokio::test(flavor = "multi_thread")]
async fn the_worked_example_takes_one_call_for_each_of_list_events_search_and_device() {
    let stage = setup().at("2026-03-02T09:00:00Z").start().await;
    stage.observe(&[("domain", "cdn-update.example")]).await;
    assert_eq!(calls_to(&stage, "/v1/detections"), 1);
    assert_eq!(calls_to(&stage, "/v1/events"), 1);
    assert_eq!(calls_to(&stage, "/v2/query"), 1);
    assert_eq!(calls_to(&stage, "/v2/entity/tracking/bulk/get/ip"), 1);
    let calls = stage.sim.calls_to("gigamon");
    assert_eq!(calls.len(), 4);
    assert!(calls.iter().all(|call| call.header("authorization") == Some("IBToken demo-token")));
    assert_eq!(
        calls.iter().find(|call| call.path.ends_with("/v1/detections")).unwrap().query,
        "indicator_value=cdn-update.example&status=active&include=indicators&include=rules\
         &sort_by=last_seen&sort_order=desc&limit=100&offset=0&muted=false&muted_rule=false&muted_device=false"
    );
    let search = calls.iter().find(|call| call.path.ends_with("/v2/query")).and_then(SeenCall::json).unwrap();
    assert_eq!(
        search,
        json!({
            "query": "domain = 'cdn-update.example'", "start_date": "2026-02-23T09:00:00.000Z",
            "end_date": "2026-03-02T09:00:00.000Z", "limit": 100, "order_by": "timestamp", "order": "desc",
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_cannot_hold_is_never_asked() {
    let stage = setup().start().await;
    let answer = stage
        .observe(&[
            ("user", "x"),
            ("url", "https://a.example/"),
            ("domain", "a' OR ip = '1.1.1.1"),
            ("ip", "10.0.0.0/8"),
            ("md5", "0123456789abcdef0123456789abcde"),
        ])
        .await;
    assert_eq!(answer, json!({"data": {}}));
    assert_eq!(stage.sim.calls_to("gigamon").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_found_nobody_is_asked_for_devices() {
    let stage = setup().start().await;
    fixtures::empty(&stage);
    assert_eq!(stage.observe(&[("domain", DOMAIN)]).await, json!({"data": {}}));
    assert_eq!(calls_to(&stage, "/v2/entity/tracking/bulk/get/ip"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn detections_go_before_newer_events_and_the_newest_of_each_survive_the_cut() {
    let stage = setup().claim("CTR_ENTITIES_LIMIT", 2).start().await;
    fixtures::empty(&stage);
    fixtures::one_detection(&stage, DOMAIN, &[event(1, DOMAIN), event(3, DOMAIN), event(2, DOMAIN)]);
    let newer: Vec<Value> = (10..15).map(|number| event(number, DOMAIN)).collect();
    pin(&stage, Answer::post("/v2/query").json(found(&newer)));
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    assert_eq!(seen(&answer), ["event-00003", "event-00002"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_detections_that_the_search_repeats_do_not_take_the_place_of_others() {
    let stage = setup().claim("CTR_ENTITIES_LIMIT", 3).start().await;
    fixtures::empty(&stage);
    let events: Vec<Value> = (1..=5).map(|number| event(number, DOMAIN)).collect();
    fixtures::one_detection(&stage, DOMAIN, &events[3..]);
    pin(&stage, Answer::post("/v2/query").json(found(&events)));
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    assert_eq!(seen(&answer), ["event-00005", "event-00004", "event-00003"]);
    assert_eq!(docs(&answer, "relationships").len(), 2, "those of the detection");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_answer_is_newest_first_by_instant_not_by_text() {
    let stage = setup().start().await;
    fixtures::empty(&stage);
    fixtures::one_detection(&stage, DOMAIN, &[event(2, DOMAIN)]);
    let mut others = [event(1, DOMAIN), event(3, DOMAIN), event(4, DOMAIN)];
    // Texts that sort otherwise than the moments that they mean.
    others[1]["timestamp"] = json!("2026-03-02T00:00:03Z");
    others[2]["timestamp"] = json!("2026-03-01T23:00:02.5-01:00");
    pin(&stage, Answer::post("/v2/query").json(found(&others)));
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    assert_eq!(seen(&answer), ["event-00003", "event-00004", "event-00002", "event-00001"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_above_a_hundred_is_asked_for_and_reached() {
    let stage = setup().claim("CTR_ENTITIES_LIMIT", 1000).start().await;
    fixtures::empty(&stage);
    let many: Vec<Value> = (0..1000).map(|number| event(number, DOMAIN)).collect();
    let mut first = found(&many);
    first["total"] = json!(5000);
    pin(&stage, Answer::post("/v2/query").json(first));
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    assert_eq!((docs(&answer, "sightings").len(), errors(&answer)), (1000, vec![]));
    let calls = stage.sim.calls_to("gigamon");
    let searches: Vec<Value> =
        calls.iter().filter(|call| call.path.ends_with("/query")).filter_map(SeenCall::json).collect();
    let [search] = searches.as_slice() else { panic!("no second search: {searches:?}") };
    assert_eq!(search["limit"], 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_is_read_leniently() {
    let many: Vec<Value> = (0..1200).map(|number| event(number, DOMAIN)).collect();
    for (claim, limit) in [
        (None, 100),
        (Some(Value::Null), 100),
        (Some(json!("50")), 50),
        (Some(json!(0)), 100),
        (Some(json!(-5)), 100),
        (Some(json!(2.5)), 2),
        (Some(json!("x")), 100),
        (Some(json!(true)), 100),
        (Some(json!(5000)), 1000),
    ] {
        let mut setup = setup().setting("RELAY_PROVIDER__EVENT_DAYS", "1");
        if let Some(claim) = &claim {
            setup = setup.claim("CTR_ENTITIES_LIMIT", claim.clone());
        }
        let stage = setup.start().await;
        fixtures::empty(&stage);
        pin(&stage, Answer::post("/v2/query").json(found(&many)));
        let answer = stage.observe(&[("domain", DOMAIN)]).await;
        assert_eq!((docs(&answer, "sightings").len(), errors(&answer)), (limit, vec![]), "{claim:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn detections_are_read_page_by_page_until_enough_may_be_shown() {
    let stage = setup().setting("RELAY_PROVIDER__EVENTS_URL", "off").start().await;
    fixtures::empty(&stage);
    let all: Vec<Value> = (0..150)
        .map(|number| {
            let mut detection = detection(number, DOMAIN);
            if number < 40 {
                detection["account_uuid"] = json!(fixtures::DEMO);
            }
            detection
        })
        .collect();
    for (offset, page) in [("0", &all[..100]), ("100", &all[100..])] {
        let mut page = listed(page);
        page["total_count"] = json!(150);
        pin(&stage, Answer::get("/v1/detections").query("limit", "100").query("offset", offset).json(page));
    }
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    assert_eq!(calls_to(&stage, "/v1/detections"), 2);
    assert_eq!(calls_to(&stage, "/v1/events"), 100, "at most as many detections as a page holds");
    assert_eq!(docs(&answer, "sightings").len(), 100);
    assert_eq!(docs(&answer, "indicators").len(), 1);
    assert_eq!(docs(&answer, "relationships").len(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_detection_are_read_page_by_page() {
    let stage = setup().setting("RELAY_PROVIDER__EVENTS_URL", "off").start().await;
    fixtures::empty(&stage);
    fixtures::one_detection(&stage, DOMAIN, &[]);
    let others: Vec<Value> = (0..100).map(|number| event(number, "other.example")).collect();
    let mut first = of_detection(&others);
    first["total_count"] = json!(101);
    let mut second = of_detection(&[event(100, DOMAIN)]);
    second["total_count"] = json!(101);
    for (offset, page) in [("0", first), ("100", second)] {
        pin(&stage, Answer::get("/v1/events").query("offset", offset).json(page));
    }
    assert_eq!(seen(&stage.observe(&[("domain", DOMAIN)]).await), ["event-00100"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_that_one_answer_cannot_hold_is_asked_for() {
    let stage = setup().at("2026-03-02T09:00:00Z").setting("RELAY_PROVIDER__EVENT_DAYS", "1").start().await;
    fixtures::empty(&stage);
    let hidden: Vec<Value> = (100..200)
        .map(|number| {
            let mut event = event(number, DOMAIN);
            event["customer_id"] = json!("dmo");
            event
        })
        .collect();
    let mut cut = found(&hidden);
    cut["total"] = json!(101);
    pin(&stage, Answer::post("/v2/query").json(cut));
    let rest = json!({"end_date": "2026-03-02T00:01:40.001Z"});
    pin(&stage, Answer::post("/v2/query").body_includes(rest).json(found(&[event(50, DOMAIN)])));
    assert_eq!(seen(&stage.observe(&[("domain", DOMAIN)]).await), ["event-00050"]);
    assert_eq!(calls_to(&stage, "/v2/query"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_several_stretches_return_is_one_sighting() {
    let stage = setup().setting("RELAY_PROVIDER__EVENT_DAYS", "30").start().await;
    fixtures::empty(&stage);
    pin(&stage, Answer::post("/v2/query").json(found(&[event(1, DOMAIN)])));
    assert_eq!(seen(&stage.observe(&[("domain", DOMAIN)]).await).len(), 1);
    assert_eq!(calls_to(&stage, "/v2/query"), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_test_accounts_is_hidden_by_default_and_shown_on_request() {
    for (claim, shown) in [(None, 1), (Some(json!("maybe")), 1), (Some(json!("true")), 4)] {
        let mut setup = setup();
        if let Some(claim) = claim {
            setup = setup.claim("GTI_ALLOW_TEST_ACCOUNTS", claim);
        }
        let stage = setup.start().await;
        fixtures::empty(&stage);
        let mut test = detection(0, DOMAIN);
        test["account_uuid"] = json!(fixtures::DEMO);
        pin(&stage, Answer::get("/v1/detections").json(listed(&[test])));
        pin(&stage, Answer::get("/v1/events").json(of_detection(&[event(1, DOMAIN)])));
        let mut events = [event(2, DOMAIN), event(3, DOMAIN), event(4, DOMAIN)];
        events[1]["customer_id"] = json!("dmo");
        events[2]["customer_id"] = json!("f6f6f836-8bcd-4f5d-bd61-68d303c4f634");
        pin(&stage, Answer::post("/v2/query").json(found(&events)));
        assert_eq!(seen(&stage.observe(&[("domain", DOMAIN)]).await).len(), shown);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_the_same_time_keep_their_own_limits_and_switches() {
    let stage = setup().start().await;
    fixtures::empty(&stage);
    let mut events: Vec<Value> = (0..20).map(|number| event(number, DOMAIN)).collect();
    for event in &mut events[10..] {
        event["customer_id"] = json!("dmo");
    }
    pin(&stage, Answer::post("/v2/query").json(found(&events)));
    let body = relay_testkit::asked(&[("domain", DOMAIN)]);
    let tokens = [
        (stage.token_with(&json!({"CTR_ENTITIES_LIMIT": 3})), 3),
        (stage.token_with(&json!({"CTR_ENTITIES_LIMIT": 15, "GTI_ALLOW_TEST_ACCOUNTS": true})), 15),
        (stage.token(), 10),
    ];
    let asks = (0..12).map(|number| {
        let (token, expected) = &tokens[number % 3];
        let (stage, body) = (&stage, &body);
        async move {
            let answer = stage.ask("/observe/observables", Some(token), body).await;
            assert_eq!(docs(&answer, "sightings").len(), *expected);
        }
    });
    futures::future::join_all(asks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_twice_has_the_same_answer() {
    let stage = setup().at("2026-03-02T09:00:00Z").start().await;
    let about = [("domain", "login-verify.example"), ("ip", "203.0.113.9")];
    let first = stage.observe(&about).await;
    assert!(!docs(&first, "sightings").is_empty());
    assert_eq!(first, stage.observe(&about).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_found_by_its_detections_as_far_as_the_setting_goes() {
    let devices = [("ip", "10.1.1.1"), ("ip", "198.51.100.9")];
    for (setting, found) in
        [("true", vec!["10.1.1.1", "198.51.100.9"]), ("local", vec!["10.1.1.1"]), ("false", vec![])]
    {
        let stage = setup().setting("RELAY_PROVIDER__DEVICE_DETECTIONS", setting).start().await;
        fixtures::empty(&stage);
        for (number, (_, device)) in devices.iter().enumerate() {
            let on_device = Answer::get("/v1/detections").query("device_ip", device);
            pin(&stage, on_device.json(listed(&[detection(number, DOMAIN)])));
            let mut traffic = event(number, DOMAIN);
            traffic["src"]["ip"] = json!(device);
            let events = Answer::get("/v1/events").query("detection_uuid", &format!("detection-{number:04}"));
            pin(&stage, events.json(of_detection(&[traffic])));
        }
        let answer = stage.observe(&devices).await;
        let about: Vec<&Value> =
            docs(&answer, "sightings").iter().map(|one| &one["observables"][0]["value"]).collect();
        assert_eq!(about, found, "{setting}");
        let asked =
            stage.sim.calls_to("gigamon").iter().filter(|call| call.query.contains("device_ip=")).count();
        assert_eq!(asked, found.len(), "{setting}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_claim_of_an_account_is_sent_on_every_detections_call() {
    let account = "3B1F8A52-6A0D-4A44-8F5B-9D8A5A7B1E01";
    let stage = setup().claim("account_uuid", account).start().await;
    fixtures::empty(&stage);
    fixtures::one_detection(&stage, DOMAIN, &[event(1, DOMAIN)]);
    stage.observe(&[("domain", DOMAIN)]).await;
    for call in stage.sim.calls_to("gigamon") {
        let restricted = call.query.contains(&format!("account_uuid={}", fixtures::ACME));
        assert_eq!(restricted, call.path.starts_with("/gigamon/v1/"), "{}", call.line());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_calls_are_under_way_as_the_setting_says() {
    let stage = setup().setting("RELAY_PROVIDER__MAX_CONCURRENCY", "10").start().await;
    stage.sim.faults().add(Fault::latency(std::time::Duration::from_millis(20)).on("gigamon"));
    let about: Vec<String> = (0..20).map(|number| format!("d{number}.example")).collect();
    let about: Vec<(&str, &str)> = about.iter().map(|name| ("domain", name.as_str())).collect();
    stage.observe(&about).await;
    assert_eq!(stage.sim.peak_in_flight("gigamon"), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_answer_does_not_wait_for_the_search() {
    let stage = setup().claim("CTR_ENTITIES_LIMIT", 1).start().await;
    fixtures::empty(&stage);
    fixtures::one_detection(&stage, DOMAIN, &[event(1, DOMAIN)]);
    stage.sim.faults().add(Fault::new(What::Hang).on("gigamon").path("/v2/query"));
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    assert_eq!((seen(&answer), errors(&answer)), (vec!["event-00001"], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_name_cannot_leave_its_code_span() {
    let stage = setup().start().await;
    fixtures::empty(&stage);
    fixtures::one_detection(&stage, DOMAIN, &[event(1, DOMAIN)]);
    let mut list = listed(&[detection(0, DOMAIN)]);
    list["rules"][0]["name"] = json!(format!("a ` b\n# {}", "x".repeat(3000)));
    pin(&stage, Answer::get("/v1/detections").json(list));
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    let description = docs(&answer, "sightings")[0]["description"].as_str().unwrap();
    assert_eq!(description.matches('`').count(), 4, "two code spans");
    assert!(description.contains("- Rule: `a ' b # x") && description.ends_with("…`"), "{description}");
    let title = docs(&answer, "indicators")[0]["title"].as_str().unwrap();
    assert_eq!(title.chars().count(), 1024);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_the_cache_is_not_asked_for_again_and_the_search_asks_until_now() {
    let stage = setup().start().await;
    fixtures::empty(&stage);
    fixtures::one_detection(&stage, DOMAIN, &[event(1, DOMAIN)]);
    for _ in 0..2 {
        assert_eq!(seen(&stage.observe(&[("domain", DOMAIN)]).await), ["event-00001"]);
    }
    let paths = ["/v1/detections", "/v1/events", "/v2/entity/tracking/bulk/get/ip", "/v2/query"];
    assert_eq!(paths.map(|path| calls_to(&stage, path)), [1, 1, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_shows_detections_and_events() {
    let stage = setup().at("2026-03-02T09:00:00Z").start().await;
    let about = provider_sim::fixtures::observables().unwrap();
    let about: Vec<_> = about.iter().map(|one| (one.kind.as_str(), one.value.as_str())).collect();
    let answer = stage.observe(&about).await;
    assert_eq!(errors(&answer), []);
    assert!(docs(&answer, "sightings").len() >= 20 && docs(&answer, "indicators").len() >= 3, "{answer}");
    let of = |value: &str| {
        let sightings = docs(&answer, "sightings").iter();
        sightings.filter(|sighting| sighting["observables"][0]["value"] == value).count()
    };
    assert!(of("login-verify.example") > 0 && of("198.51.100.7") > 0);
    assert_eq!(of("quiet-garden.example"), 0);
}
