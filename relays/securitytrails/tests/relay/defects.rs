//! Defects of the relay's predecessor, and the tests that fail where one comes back. Those that have no better home
//! are here.
//!
//! | what was wrong | shown by |
//! |---|---|
//! | a value reaches another path | `hostile::a_domain_that_is_no_name_makes_no_call_with_the_customers_key`, `hostile::no_value_reaches_another_path`, `refer::a_value_with_a_path_in_it_stays_one_segment` |
//! | pages of one request drive another's | `paging::one_tenants_pages_do_not_drive_anothers_lookups` |
//! | an odd number of pages is reported as a missing key | `paging::an_odd_number_of_pages_is_one_page_and_no_error_about_keys` |
//! | an empty switch means all pages | `paging::an_empty_switch_does_not_mean_all_pages` |
//! | every call is padded | `limits::no_call_is_padded_with_a_pause` |
//! | one call waits for the other | `observables_do_not_wait_for_each_other`, `paging::both_histories_are_asked_for_at_once_and_then_all_further_pages` |
//! | one error ends the request | `failures::an_error_on_one_call_keeps_what_the_others_found` |
//! | one page's error loses all pages | `paging::an_error_on_one_page_keeps_the_pages_before`, `a_page_that_fails_in_any_way_keeps_the_pages_before_and_says_what_is_missing` |
//! | what is not JSON is status 500 | `a_refusal_that_is_not_json_is_no_crash`, `failures::broken_answers_are_errors_and_not_a_crash` |
//! | nothing ends a call | `failures::a_provider_that_never_answers_is_not_waited_for` |
//! | nothing is tried again | `failures::what_passes_by_itself_is_tried_again`, `limits::an_account_that_was_too_fast_is_asked_again_after_a_second`, `a_second_that_the_deadline_does_not_leave_is_not_waited_for` |
//! | a plan that lacks a call is reported as a bad key | `stops::a_plan_without_a_call_is_not_a_bad_key_and_stops_that_kind_only` |
//! | a bad key has two codes | `health::a_bad_key_is_an_authorization_error_whatever_its_status` |
//! | a wrong address is healthy | `health::a_wrong_address_or_a_ping_without_success_is_not_healthy` |
//! | a missing field is status 500, or overwrites warnings | `a_field_of_the_history_that_is_missing_costs_its_address_only`, `a_field_of_a_search_that_is_missing_costs_its_domain_only`, `an_error_does_not_overwrite_the_warnings_before_it` |
//! | paging begins with a ping | `paging::no_ping_is_made_before_paging` |
//! | pages left are overcounted | `paging::without_a_number_of_pages_none_is_counted_as_left` |
//! | messages lack spaces and repeat whole bodies | `paging::as_many_pages_are_read_as_the_token_says_and_there_are`, `failures::the_providers_words_are_short_plain_and_without_the_key` |
//! | local time is labelled as UTC | `times_are_in_utc_also_where_local_time_is_not` |
//! | ids are random | `lookups::ids_are_the_same_for_the_same_fact_always` |
//! | duplicates are paid for | `lookups::an_observable_that_comes_three_times_is_paid_for_once` |
//! | pages and relations have no bound | `paging::pages_and_relations_have_bounds_whatever_the_token_asks_for` |
//! | keys come from any host, without an end, each time | `a_host_that_a_token_names_is_not_called_and_keys_are_not_fetched_for_every_request`, `a_key_host_that_never_answers_does_not_hang_the_request` |
//! | an unknown field refuses the request | `requests::further_fields_of_an_observable_do_not_matter` |
//! | logs hold tracebacks and the key | `logs::the_key_is_never_logged_and_a_failure_is_one_line` |
//! | the documentation names other fields | `domains_of_an_address_are_read_where_they_are_not_where_the_documentation_looked` |

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use provider_sim::{Answer, Fault, Options, Sim, What};
use relay_testkit::{asked, damaged, docs, errors};
use serde_json::json;

use crate::{SIDE, calls, far_ends, history, message, one_by_one, setup};

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_a_token_names_is_not_called_and_keys_are_not_fetched_for_every_request() {
    let stage = setup().start().await;
    let elsewhere = Sim::start(Options::default()).await.expect("a simulator that starts");
    let mut claims = stage.claims();
    claims["jwks_host"] = json!(elsewhere.host());
    // Signed with the very key that the other host offers.
    let token = elsewhere.keys().sign(&claims);
    let answer = stage.ask("/observe/observables", Some(&token), &asked(&[("ip", "198.18.1.1")])).await;
    assert_eq!(errors(&answer), [("fatal", "authorization error")]);
    assert_eq!((elsewhere.calls().len(), stage.sim.calls().len()), (0, 0));
    for _ in 0..3 {
        assert_eq!(docs(&stage.observe(&[("ip", "198.18.1.1")]).await, "sightings").len(), 1);
    }
    assert_eq!(stage.sim.calls_to("jwks").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_host_that_never_answers_does_not_hang_the_request() {
    let stage = setup().setting("RELAY_DEADLINE", "300ms").start().await;
    stage.sim.faults().add(Fault::new(What::Hang).on("jwks"));
    let answer = tokio::time::timeout(Duration::from_secs(20), stage.observe(&[("ip", "198.18.1.1")])).await;
    assert_eq!(errors(&answer.expect("an answer")).len(), 1);
    assert_eq!(calls(&stage), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn observables_do_not_wait_for_each_other() {
    let stage = setup().start().await;
    // The first answers grant the rate: without it, only two calls a second are made.
    stage.health().await;
    stage.sim.reset();
    // Long enough that calls which are made at once overlap on a busy machine too.
    stage.sim.faults().add(Fault::latency(Duration::from_millis(500)).on(SIDE));
    stage.observe(&[("ip", "198.18.1.1"), ("domain", "pages-1.example"), ("ip", "198.18.1.2")]).await;
    assert_eq!((calls(&stage).len(), stage.sim.peak_in_flight(SIDE)), (4, 4));
}

#[test]
fn times_are_in_utc_also_where_local_time_is_not() {
    relay_testkit::passes_far_from_utc("defects::a_sighting_is_of_this_moment_in_utc");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sighting_is_of_this_moment_in_utc() {
    let stage = setup().start().await;
    let before = Timestamp::now();
    let answer = stage.observe(&[("ip", "198.18.1.1")]).await;
    let after = Timestamp::now();
    let seen = &docs(&answer, "sightings")[0]["observed_time"];
    assert_eq!(seen["start_time"], seen["end_time"]);
    let text = seen["start_time"].as_str().expect("a time");
    assert_eq!(text.len(), "2026-11-20T23:39:17Z".len(), "{text}");
    let moment: Timestamp = text.parse().expect("a time");
    // Cut to whole seconds.
    assert!(before - SignedDuration::from_secs(1) <= moment && moment <= after, "{moment} at {before}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_does_not_overwrite_the_warnings_before_it() {
    let stage = one_by_one().claim("NUMBER_OF_PAGES", 2).start().await;
    let search = |address: &str| Answer::post("/domains/list").body(json!({"filter": {"ipv4": address}}));
    let meta = json!({"max_page": 1, "total_pages": 9});
    let cut = json!({"records": [{"hostname": "a.example"}], "record_count": 900, "meta": meta});
    stage.sim.answer(SIDE, search("192.0.2.1").json(cut));
    stage.sim.answer(SIDE, search("192.0.2.2").json(json!({"records": "none"})));
    let answer = stage.observe(&[("ip", "192.0.2.1"), ("ip", "192.0.2.2")]).await;
    let mut reported = errors(&answer);
    reported.sort_unstable();
    assert_eq!(reported, [("fatal", "key error"), ("warning", "unprocessed pages")]);
    assert_eq!(docs(&answer, "sightings").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_the_history_that_is_missing_costs_its_address_only() {
    let whole = json!({
        "type": "a/ipv4", "pages": 1, "endpoint": "/v1/history/torn.example/dns/a",
        "records": [
            {"values": [{"ip": "192.0.2.1", "ip_count": 3}, {"ip": "192.0.2.2", "ip_count": 1}], "type": "a",
             "organizations": ["Example Transit"], "first_seen": "2024-01-01", "last_seen": "2024-02-01"},
            {"values": [{"ip": "192.0.2.3", "ip_count": 1}], "type": "a", "organizations": []},
        ],
    });
    let stage =
        setup().setting("RELAY_PROVIDER__HISTORY_TABLE", "true").claim("key", "unlimited").start().await;
    stage.sim.answer(SIDE, Answer::get("/history/torn.example/dns/aaaa").status(404));
    for (done, copy) in damaged(&whole, &["/records"]) {
        stage.sim.answer(SIDE, Answer::get("/history/torn.example/dns/a").json(copy));
        let answer = stage.observe(&[("domain", "torn.example")]).await;
        assert_eq!(errors(&answer), [], "{done}");
        let [sighting] = docs(&answer, "sightings") else { panic!("{done}: {answer}") };
        // What is damaged is one of two records, one of their values, or what no address depends on.
        let place = done.rsplit_once(' ').map_or("", |(_, place)| place);
        let lost: &[&str] = match place {
            "/records/0" | "/records/0/values" => &["192.0.2.1", "192.0.2.2"],
            "/records/0/values/0" | "/records/0/values/0/ip" => &["192.0.2.1"],
            "/records/0/values/1" | "/records/0/values/1/ip" => &["192.0.2.2"],
            "/records/1" | "/records/1/values" | "/records/1/values/0" | "/records/1/values/0/ip" => {
                &["192.0.2.3"]
            }
            _ => &[],
        };
        let left: Vec<&str> =
            ["192.0.2.1", "192.0.2.2", "192.0.2.3"].into_iter().filter(|one| !lost.contains(one)).collect();
        assert_eq!(far_ends(sighting), left, "{done}");
        assert_eq!(sighting["count"], left.len(), "{done}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_a_search_that_is_missing_costs_its_domain_only() {
    let domain = |name: &str| json!({"hostname": name, "alexa_rank": null, "host_provider": ["x"], "whois": {"createdDate": 1}});
    let whole = json!({
        "records": [domain("a.example"), domain("b.example")], "record_count": 2,
        "meta": {"page": 1, "max_page": 1, "total_pages": 1, "query": "ipv4 = '192.0.2.1'"},
        "endpoint": "/v1/domains/list",
    });
    let stage = setup().claim("key", "unlimited").claim("GET_ALL_PAGES", true).start().await;
    for (done, copy) in damaged(&whole, &["/records", "/meta/max_page", "/meta/total_pages"]) {
        // A count is the provider's word, whatever it is.
        if done.starts_with("7 at /record_count") {
            continue;
        }
        stage.sim.answer(SIDE, Answer::post("/domains/list").json(copy));
        let answer = stage.observe(&[("ip", "192.0.2.1")]).await;
        assert_eq!(errors(&answer), [], "{done}");
        let [sighting] = docs(&answer, "sightings") else { panic!("{done}: {answer}") };
        let left: &[&str] = match done.rsplit_once(' ').map_or("", |(_, place)| place) {
            "/records/0" | "/records/0/hostname" => &["b.example"],
            "/records/1" | "/records/1/hostname" => &["a.example"],
            _ => &["a.example", "b.example"],
        };
        assert_eq!(far_ends(sighting), left, "{done}");
        assert_eq!(sighting["count"], 2, "{done}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn domains_of_an_address_are_read_where_they_are_not_where_the_documentation_looked() {
    let stage = setup().start().await;
    let records = json!([{"hostname": "a.example", "values": [{"ip": "192.0.2.9", "ipv4": "192.0.2.8"}]}]);
    stage.sim.answer(SIDE, Answer::post("/domains/list").json(json!({"records": records})));
    let mut both = history(&["192.0.2.1"]);
    both["records"][0]["values"] = json!([{"ipv4": "192.0.2.1"}, {"ipv4": "192.0.2.7", "ip": "192.0.2.2"}]);
    stage.sim.answer(SIDE, Answer::get("/history/a.example/dns/a").json(both));
    stage.sim.answer(SIDE, Answer::get("/history/a.example/dns/aaaa").status(404));
    let answer = stage.observe(&[("ip", "192.0.2.9"), ("domain", "a.example")]).await;
    let [search, history] = docs(&answer, "sightings") else { panic!("{answer}") };
    assert_eq!(far_ends(search), ["a.example"]);
    assert_eq!(far_ends(history), ["192.0.2.1", "192.0.2.2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_is_not_json_is_no_crash() {
    for (status, body, code, words) in [
        (401, "<html>Unauthorized</html>", "authorization error", "401"),
        (403, "<html>Forbidden</html>", "permission denied", "403"),
        (403, "<title>Attention Required!</title>", "permission denied", "`Attention Required!`"),
        (403, "error code: 1020", "permission denied", "A gateway before"),
        (403, "Not for your plan", "permission denied", "Not for your plan"),
        (429, "busy", "too many requests", "busy"),
        (500, "\u{0}\u{1}", "unknown", "500"),
    ] {
        let stage = setup().setting("RELAY_PROVIDER__RETRIES", "0").start().await;
        stage.sim.answer(SIDE, Answer::post("/domains/list").status(status).text(body));
        let answer = stage.observe(&[("ip", "192.0.2.1")]).await;
        assert_eq!(errors(&answer), [("fatal", code)], "{status} {body}");
        assert!(message(&answer).contains(words), "{status} {body}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_that_the_deadline_does_not_leave_is_not_waited_for() {
    let stage = setup().setting("RELAY_DEADLINE", "900ms").start().await;
    let busy = Answer::post("/domains/list").status(429).json(json!({"message": "API rate limit exceeded"}));
    stage.sim.answer(SIDE, busy);
    let answer = stage.observe(&[("ip", "198.18.1.1")]).await;
    assert_eq!(errors(&answer), [("fatal", "too many requests")], "reported as what it is, not as a timeout");
    assert_eq!(calls(&stage).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_fails_in_any_way_keeps_the_pages_before_and_says_what_is_missing() {
    let page = |number: &str| Answer::post("/domains/list").query("page", number);
    for (second, code) in [
        (page("2").status(401).text("Please check user credentials"), "authorization error"),
        (page("2").status(403).json(json!({"message": "Not in your package."})), "permission denied"),
        (page("2").status(429).json(json!({"message": "API rate limit exceeded"})), "too many requests"),
        (page("2").status(500), "unknown"),
        (page("2").status(504).text("<html>Gateway timeout</html>"), "unavailable"),
        (page("2").text("<html>It works!</html>"), "key error"),
        (page("2").json(json!({"records": "none"})), "key error"),
    ] {
        let stage =
            setup().claim("GET_ALL_PAGES", true).setting("RELAY_PROVIDER__RETRIES", "0").start().await;
        for number in ["1", "3"] {
            let records = json!([{"hostname": format!("p{number}.example")}]);
            stage.sim.answer(SIDE, page(number).json(json!({"records": records, "meta": {"max_page": 3}})));
        }
        stage.sim.answer(SIDE, second.clone());
        let answer = stage.observe(&[("ip", "192.0.2.1")]).await;
        assert_eq!(far_ends(&docs(&answer, "sightings")[0]), ["p1.example"], "{second:?}");
        assert_eq!(errors(&answer), [("warning", code)], "{second:?}");
        let words = message(&answer);
        assert!(words.starts_with("2 of 3 pages of the domains that point to 192.0.2.1 "), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_changed_shows_in_the_metrics() {
    let stage = setup().start().await;
    stage
        .sim
        .answer(SIDE, Answer::post("/domains/list").json(json!({"domains": [{"hostname": "a.example"}]})));
    stage.sim.answer(
        SIDE,
        Answer::get("/history/a.example/dns/a").json(json!({"records": ["x", {"values": [7]}]})),
    );
    stage.sim.answer(SIDE, Answer::get("/history/a.example/dns/aaaa").json(json!({"records": "x"})));
    let answer = stage.observe(&[("ip", "192.0.2.1"), ("domain", "a.example")]).await;
    assert_eq!(errors(&answer), [("fatal", "key error")], "{answer}");
    let metrics = stage.metrics().await;
    for line in [
        r#"relay_provider_items_dropped_total{call="domains_list",relay="securitytrails"} 1"#,
        r#"relay_provider_items_dropped_total{call="history_a",relay="securitytrails"} 2"#,
        r#"relay_provider_calls_total{call="history_aaaa",outcome="unreadable",relay="securitytrails"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}
