//! Defects of the relay's predecessor, and the tests that fail where one comes back. Those that have no better home
//! are here.
//!
//! | what was wrong | shown by |
//! |---|---|
//! | a value changes the query or a link | `hostile::a_value_cannot_change_a_query_or_a_path`, `endpoints::a_link_is_encoded_whatever_the_value` |
//! | limit and switch of one request apply to another | `lookups::requests_at_the_same_time_keep_their_own_limits_and_switches` |
//! | a token without the switch is refused | `lookups::data_of_test_accounts_is_hidden_by_default_and_shown_on_request` |
//! | an odd limit is reported as a missing key | `lookups::the_limit_is_read_leniently` |
//! | an odd Authorization header is status 500 | `endpoints::odd_authorization_headers_are_refused_in_words` |
//! | keys come from any host, without an end, each time | `a_host_that_a_token_names_is_not_called_and_keys_are_not_fetched_for_every_request`, `a_key_host_that_never_answers_does_not_hang_the_request` |
//! | a hundred detections at most, in any order | `lookups::detections_are_read_page_by_page_until_enough_may_be_shown` |
//! | a hundred events of a detection at most | `lookups::events_of_a_detection_are_read_page_by_page` |
//! | a hundred events of a search at most | `lookups::a_limit_above_a_hundred_is_asked_for_and_reached` |
//! | the cut comes before the order, which is random | `lookups::detections_go_before_newer_events_and_the_newest_of_each_survive_the_cut`, `which_detections_survive_the_cut_does_not_depend_on_which_call_was_faster` |
//! | local time is labelled as UTC | `dates_are_in_utc_also_where_local_time_is_not` |
//! | a whole second has no seconds | `query::tests::the_last_days_are_stretches_of_a_week_with_milliseconds_also_at_a_whole_second` |
//! | one call waits for the other | `observables_and_the_search_do_not_wait_for_each_other` |
//! | a failing observable ends the request | `failures::a_failing_observable_leaves_those_after_it` |
//! | a failed search or device call discards all | `failures::a_part_that_fails_takes_nothing_from_the_others` |
//! | failed events of a detection are not reported | `failures::a_detection_whose_events_fail_stands_for_itself` |
//! | health searches a week | `endpoints::health_is_one_small_call` |
//! | faults of the provider are status 500, or no end | `no_fault_of_the_provider_is_an_http_500`, `failures::a_call_that_hangs_ends_in_time` |
//! | faults of TLS are status 500 | `certificates::another_fault_of_a_certificate_is_reported_as_well`, `certificates::a_connection_that_is_no_tls_at_all_is_no_crash` |
//! | a rule that is not listed is status 500 | `failures::a_rule_that_cannot_be_had_costs_the_detections_part` |
//! | a missing field is status 500 | `missing_fields::an_event_that_lacks_a_field_is_a_sighting_nevertheless`, … |
//! | an unknown severity is status 500 | `missing_fields::a_severity_or_confidence_that_is_not_known_is_left_out` |
//! | cells of the table are null | `missing_fields::a_field_that_is_null_has_neither_column_nor_cell` |
//! | URLs without or with a wrong host | `http::tests::urls_are_made_of_host_and_target`, `http::tests::what_names_no_page_is_no_url` |
//! | ids are random | `lookups::the_same_request_twice_has_the_same_answer` |
//! | a rule is listed again and again; values asked twice | `a_rule_that_several_observables_meet_is_listed_once_and_each_value_asked_once` |
//! | an event of several days or windows is repeated | `lookups::an_event_that_several_stretches_return_is_one_sighting` |
//! | case hides detections | `a_value_in_another_case_than_the_providers_has_its_detections` |
//! | times are compared as text | `lookups::the_whole_answer_is_newest_first_by_instant_not_by_text` |
//! | codes of the provider are passed on, all as fatal | `failures::a_revoked_token_is_reported_in_the_providers_words_and_ends_the_calls`, `failures::a_part_that_fails_takes_nothing_from_the_others` |
//! | devices of no sighting are asked for, all at once | `only_devices_of_sightings_are_asked_for_and_never_more_than_a_hundred_at_once` |
//! | time grows with the square | measured: the group `gigamon/a rule for every event` of `benches/mapping.rs` |
//! | a 404 ends everything | `failures::a_part_that_fails_takes_nothing_from_the_others` |
//! | spaces are a value | `a_value_of_spaces_is_no_value` |
//! | the target is the source even where the detection is on the destination; files go by `GET` or not; a proxy is the site; muted detections are live | the fixtures `domain-device-is-the-destination`, `http-…`, `domain-muted-shown` |

use std::net::TcpListener;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use provider_sim::{Answer, Fault, Options, Sim, What};
use relay_testkit::{asked, docs, errors};
use serde_json::{Value, json};

use crate::fixtures::{self, calls_to, detection, event, found, listed, of_detection, pin, seen};
use crate::setup;

const DOMAIN: &str = "a.example";
const TRACKING: &str = "/v2/entity/tracking/bulk/get/ip";

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_a_token_names_is_not_called_and_keys_are_not_fetched_for_every_request() {
    let stage = setup().start().await;
    fixtures::empty(&stage);
    let elsewhere = Sim::start(Options::default()).await.unwrap();
    let mut claims = stage.claims();
    claims["jwks_host"] = json!(elsewhere.host());
    // Signed with the very key that the other host offers.
    let token = elsewhere.keys().sign(&claims);
    let body = asked(&[("domain", DOMAIN)]);
    let answer = stage.ask("/observe/observables", Some(&token), &body).await;
    assert_eq!(errors(&answer), [("fatal", "authorization error")]);
    assert_eq!((elsewhere.calls().len(), stage.sim.calls().len()), (0, 0));
    for _ in 0..3 {
        assert_eq!(stage.observe(&[("domain", DOMAIN)]).await, json!({"data": {}}));
    }
    assert_eq!(stage.sim.calls_to("jwks").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_host_that_never_answers_does_not_hang_the_request() {
    let stage = setup().setting("RELAY_DEADLINE", "300ms").start().await;
    stage.sim.faults().add(Fault::new(What::Hang).on("jwks"));
    let answer = tokio::time::timeout(Duration::from_secs(20), stage.observe(&[("domain", DOMAIN)])).await;
    assert_eq!(errors(&answer.unwrap()).len(), 1);
    assert_eq!(stage.sim.calls_to("gigamon").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn which_detections_survive_the_cut_does_not_depend_on_which_call_was_faster() {
    let stage = setup()
        .claim("CTR_ENTITIES_LIMIT", 2)
        .setting("RELAY_PROVIDER__EVENTS_URL", "off")
        .setting("RELAY_CACHE__TTL", "0s")
        .start()
        .await;
    fixtures::empty(&stage);
    let five: Vec<Value> = (0..5).map(|number| detection(number, DOMAIN)).collect();
    pin(&stage, Answer::get("/v1/detections").json(listed(&five)));
    for number in 0..5 {
        let events = Answer::get("/v1/events").query("detection_uuid", &format!("detection-{number:04}"));
        pin(&stage, events.json(of_detection(&[event(number, DOMAIN)])));
    }
    for step in [0, 60] {
        stage.sim.faults().clear();
        for calls in 1..5 {
            // They add up: of five calls at once, the first is answered last.
            let late = Fault::latency(Duration::from_millis(step)).on("gigamon").path("/v1/events");
            stage.sim.faults().add(late.next(calls));
        }
        let answer = stage.observe(&[("domain", DOMAIN)]).await;
        assert_eq!(seen(&answer), ["event-00001", "event-00000"], "of the newest detections, {step}");
    }
}

#[test]
fn dates_are_in_utc_also_where_local_time_is_not() {
    relay_testkit::passes_far_from_utc("defects::days_that_are_searched_end_at_this_moment_in_utc");
}

#[tokio::test(flavor = "multi_thread")]
async fn days_that_are_searched_end_at_this_moment_in_utc() {
    let stage = setup().start().await;
    fixtures::empty(&stage);
    let before = Timestamp::now();
    stage.observe(&[("domain", DOMAIN)]).await;
    let after = Timestamp::now();
    let calls = stage.sim.calls_to("gigamon");
    let bodies =
        calls.iter().filter(|call| call.path.ends_with("/v2/query")).map(|call| call.json().unwrap());
    let mut ends: Vec<String> = bodies.map(|body| body["end_date"].as_str().unwrap().to_owned()).collect();
    ends.sort();
    assert!(ends.iter().all(|end| end.len() == "2026-03-02T08:15:30.000Z".len()), "{ends:?}");
    let newest: Timestamp = ends.last().unwrap().parse().unwrap();
    // Dates have milliseconds, clocks more than that.
    assert!(before - SignedDuration::from_millis(1) <= newest && newest <= after, "{newest} at {before}");
}

#[tokio::test(flavor = "multi_thread")]
async fn observables_and_the_search_do_not_wait_for_each_other() {
    let stage = setup().start().await;
    fixtures::empty(&stage);
    // Long enough that calls which are made at once overlap on a busy machine too.
    stage.sim.faults().add(Fault::latency(Duration::from_millis(500)).on("gigamon"));
    let about: Vec<String> = (0..7).map(|number| format!("d{number}.example")).collect();
    let about: Vec<(&str, &str)> = about.iter().map(|name| ("domain", name.as_str())).collect();
    stage.observe(&about).await;
    assert_eq!(stage.sim.calls_to("gigamon").len(), 8);
    assert_eq!(stage.sim.peak_in_flight("gigamon"), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fault_of_the_provider_is_an_http_500() {
    let html = "<html><h1>Bad gateway</h1></html>";
    for (fault, code) in [
        (Fault::new(What::Hang), "timeout"),
        (Fault::new(What::Reset), "connection error"),
        (Fault::new(What::ResetLate), "connection error"),
        (Fault::new(What::Truncated), "key error"),
        (Fault::new(What::Html), "key error"),
        (Fault::new(What::WrongType), "key error"),
        (Fault::new(What::Redirect("https://elsewhere.example/".to_owned())), "unknown"),
        (Fault::status(400).body(html), "invalid argument"),
        (Fault::status(401).body(html), "authorization error"),
        (Fault::status(403).body(""), "permission denied"),
        (Fault::status(418).body("[]"), "unknown"),
        (Fault::status(429).body(r#"{"error": "slow down"}"#), "too many requests"),
        (Fault::status(500).body(""), "unknown"),
        (Fault::status(502).body(html), "unavailable"),
        (Fault::status(504).body(r#"{"error": {"message": 7}}"#), "unavailable"),
    ] {
        // Short only where no answer comes: on a busy machine others take their time.
        let patience = if fault.what == What::Hang { "300ms" } else { "10s" };
        let stage = setup()
            .setting("RELAY_PROVIDER__EVENTS_URL", "off")
            .setting("RELAY_PROVIDER__READ_TIMEOUT", patience)
            .setting("RELAY_PROVIDER__RETRIES", "0")
            .start()
            .await;
        stage.sim.faults().add(fault.clone().on("gigamon"));
        // These fail for any other status than 200, and for errors that are not in the envelope.
        assert_eq!(errors(&stage.observe(&[("domain", DOMAIN)]).await), [("fatal", code)], "{fault:?}");
        assert_eq!(errors(&stage.health().await), [("fatal", code)], "{fault:?}");
    }
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stage = setup()
        .setting("RELAY_PROVIDER__DETECTIONS_URL", &format!("http://{closed}"))
        .setting("RELAY_PROVIDER__EVENTS_URL", "off")
        .setting("RELAY_PROVIDER__RETRIES", "0")
        .start()
        .await;
    assert_eq!(errors(&stage.observe(&[("domain", DOMAIN)]).await), [("fatal", "connection error")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_several_observables_meet_is_listed_once_and_each_value_asked_once() {
    let stage = setup().setting("RELAY_CACHE__TTL", "0s").start().await;
    fixtures::empty(&stage);
    let names = ["a.example", "b.example"];
    for (number, name) in names.into_iter().enumerate() {
        let about = Answer::get("/v1/detections").query("indicator_value", name);
        pin(&stage, about.json(listed(&[detection(number, name)])));
        let events = Answer::get("/v1/events").query("detection_uuid", &format!("detection-{number:04}"));
        pin(&stage, events.json(of_detection(&[event(number, name)])));
    }
    let answer = stage.observe(&[("domain", names[0]), ("domain", names[1]), ("domain", names[0])]).await;
    let [rule] = docs(&answer, "indicators") else { panic!("{answer}") };
    assert_eq!(seen(&answer), ["event-00000", "event-00001"]);
    let relations = docs(&answer, "relationships");
    assert_eq!(relations.len(), 2);
    assert!(relations.iter().all(|relation| relation["target_ref"] == rule["id"]), "{answer}");
    assert_eq!((calls_to(&stage, "/v1/detections"), calls_to(&stage, "/v2/query")), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_in_another_case_than_the_providers_has_its_detections() {
    let hash = "ab".repeat(20);
    for (kind, value, field, event_part) in [
        ("domain", "CDN.Example", "dns:query.domain", json!({"query": {"domain": "cdn.example"}})),
        ("sha1", &*hash.to_uppercase(), "http:files.sha1", json!({"files": [{"sha1": hash}]})),
    ] {
        let stage = setup().setting("RELAY_PROVIDER__EVENTS_URL", "off").start().await;
        fixtures::empty(&stage);
        let lower = value.to_lowercase();
        let mut about = detection(0, &lower);
        about["indicators"] = json!([{"field": field, "values": [lower]}]);
        pin(&stage, Answer::get("/v1/detections").query("indicator_value", &lower).json(listed(&[about])));
        let mut traffic = event(1, "other.example");
        traffic.as_object_mut().unwrap().extend(event_part.as_object().unwrap().clone());
        pin(&stage, Answer::get("/v1/events").json(of_detection(&[traffic])));
        let answer = stage.observe(&[(kind, value)]).await;
        assert_eq!(seen(&answer), ["event-00001"], "{kind}");
        assert_eq!(docs(&answer, "sightings")[0]["observables"], json!([{"type": kind, "value": value}]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_devices_of_sightings_are_asked_for_and_never_more_than_a_hundred_at_once() {
    let stage = setup().claim("CTR_ENTITIES_LIMIT", 250).start().await;
    fixtures::empty(&stage);
    let events: Vec<Value> = (0..300)
        .map(|number| {
            let mut event = event(number, DOMAIN);
            event["src"]["ip"] = json!(format!("10.1.{}.{}", number / 100, number % 100));
            // Internal too, but the sighting's target is the source.
            event["dst"] = json!({"ip": "10.9.9.9", "internal": true});
            event
        })
        .collect();
    pin(&stage, Answer::post("/v2/query").json(found(&events)));
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    assert_eq!(docs(&answer, "sightings").len(), 250);
    let calls = stage.sim.calls_to("gigamon");
    let asked: Vec<Vec<String>> = calls
        .iter()
        .filter(|call| call.path.ends_with(TRACKING))
        .map(|call| {
            let body = call.json().unwrap();
            let entities = body["entities"].as_array().unwrap().iter();
            entities.map(|entity| entity["ip"].as_str().unwrap().to_owned()).collect()
        })
        .collect();
    let mut sizes: Vec<usize> = asked.iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [50, 100, 100]);
    let all = asked.concat();
    assert!(!all.contains(&"10.9.9.9".to_owned()), "no device of a sighting");
    assert!(!all.contains(&"10.1.0.49".to_owned()), "its event was cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_spaces_is_no_value() {
    let stage = setup().start().await;
    for (body, place) in [
        (json!([{"type": "ip", "value": "192.0.2.1"}, {"type": "ip", "value": " \t"}]), "[1].value"),
        (json!([{"type": "  ", "value": "192.0.2.1"}]), "[0].type"),
    ] {
        let answer = stage.ask("/observe/observables", Some(&stage.token()), &body).await;
        assert_eq!(errors(&answer), [("fatal", "invalid argument")]);
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(
            message.starts_with("Invalid JSON payload received.") && message.contains(place),
            "{message}"
        );
    }
    assert_eq!(stage.sim.calls_to("gigamon").len(), 0);
}
