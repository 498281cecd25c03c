//! How many pages are read, what is reported of the others, and when.

use std::time::Duration;

use provider_sim::{Answer, Fault, What};
use relay_testkit::{docs, errors};
use serde_json::json;

use crate::{SIDE, calls, far_ends, message, nothing, observe_with, one_by_one, setup};

/// The warning about pages that are out of reach.
const BEYOND: (&str, &str) = ("warning", "unprocessed pages");

#[tokio::test(flavor = "multi_thread")]
async fn as_many_pages_are_read_as_the_token_says_and_there_are() {
    let stage = setup().start().await;
    let meta = json!({"max_page": 5, "total_pages": 8});
    let page = json!({"records": [{"hostname": "a.example"}], "record_count": 777, "meta": meta});
    stage.sim.answer(SIDE, Answer::post("/domains/list").json(page));
    let one = (1, None);
    let all = (5, Some(3));
    for (claims, (pages, left)) in [
        (json!({}), one),
        (json!({"NUMBER_OF_PAGES": 1}), one),
        (json!({"NUMBER_OF_PAGES": 4}), (4, None)),
        (json!({"NUMBER_OF_PAGES": 5}), all),
        (json!({"NUMBER_OF_PAGES": 10}), all),
        (json!({"NUMBER_OF_PAGES": 0}), all),
        (json!({"GET_ALL_PAGES": true}), all),
        (json!({"GET_ALL_PAGES": "true", "NUMBER_OF_PAGES": 1}), all),
        (json!({"NUMBER_OF_PAGES": "3", "GET_ALL_PAGES": "False"}), (3, None)),
    ] {
        let before = calls(&stage).len();
        let answer = observe_with(&stage, claims.clone(), &[("ip", "192.0.2.9")]).await;
        assert_eq!(calls(&stage).len() - before, pages, "{claims}");
        assert_eq!(docs(&answer, "sightings")[0]["count"], 777);
        assert_eq!(errors(&answer), left.map(|_| BEYOND).into_iter().collect::<Vec<_>>(), "{claims}");
        if let Some(left) = left {
            let words = message(&answer);
            assert!(
                words.starts_with(&format!("{left} of 8 pages of the domains that point to 192.0.2.9 ")),
                "{words}"
            );
            assert!(words.contains("support@securitytrails.com") && !words.contains("  "), "{words}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_odd_number_of_pages_is_one_page_and_no_error_about_keys() {
    let stage = setup().start().await;
    for odd in [json!(null), json!(""), json!(-1), json!(2.7), json!("abc"), json!([1])] {
        let before = calls(&stage).len();
        let claims = json!({"NUMBER_OF_PAGES": odd});
        let answer = observe_with(&stage, claims, &[("ip", "198.18.4.1")]).await;
        assert_eq!(errors(&answer), [], "{odd}");
        assert_eq!(calls(&stage).len() - before, 1, "{odd}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_switch_does_not_mean_all_pages() {
    let stage = setup().start().await;
    for no in [json!(null), json!(""), json!("0"), json!(0), json!("no"), json!("False"), json!([])] {
        let before = calls(&stage).len();
        observe_with(&stage, json!({"GET_ALL_PAGES": no}), &[("ip", "198.18.4.1")]).await;
        assert_eq!(calls(&stage).len() - before, 1, "{no}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tenants_pages_do_not_drive_anothers_lookups() {
    let stage = setup().start().await;
    let (all, one) = tokio::join!(
        observe_with(&stage, json!({"GET_ALL_PAGES": true}), &[("ip", "198.18.6.1")]),
        observe_with(&stage, json!({"key": "demo-key.other"}), &[("ip", "198.18.7.1")]),
    );
    assert_eq!((errors(&all), errors(&one)), (vec![], vec![]));
    let asked_by = |key: &str| {
        let calls = stage.sim.calls_to(SIDE);
        calls.iter().filter(|call| call.header("apikey") == Some(key)).count()
    };
    assert_eq!((asked_by("demo-key"), asked_by("demo-key.other")), (6, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_ping_is_made_before_paging() {
    let stage = one_by_one().claim("NUMBER_OF_PAGES", 3).start().await;
    stage.observe(&[("ip", "198.18.4.1")]).await;
    let pages = [1, 2, 3].map(|page| format!("POST /domains/list?page={page}"));
    assert_eq!(calls(&stage), pages);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_number_of_pages_none_is_counted_as_left() {
    let stage = setup().claim("GET_ALL_PAGES", true).start().await;
    let page = json!({"records": [{"hostname": "a.example"}], "record_count": 1});
    stage.sim.answer(SIDE, Answer::post("/domains/list").json(page));
    let answer = stage.observe(&[("ip", "192.0.2.9")]).await;
    assert_eq!((calls(&stage).len(), errors(&answer)), (1, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_ends_with_its_first_empty_page() {
    let empty = [Answer::get("").json(nothing()), Answer::get("").status(404), Answer::get("").status(400)];
    for answer in empty {
        let stage = setup().claim("GET_ALL_PAGES", true).start().await;
        let path = "/history/short.example/dns/a";
        for page in 1..=5 {
            let records = json!([{"values": [{"ip": format!("192.0.2.{page}")}]}]);
            let pin = Answer::get(path).query("page", &page.to_string());
            stage.sim.answer(SIDE, pin.json(json!({"records": records, "pages": 5})));
        }
        let pin = Answer { path: path.to_owned(), ..answer.clone() };
        stage.sim.answer(SIDE, pin.query("page", "3"));
        stage.sim.answer(SIDE, Answer::get("/history/short.example/dns/aaaa").status(404));
        let found = stage.observe(&[("domain", "short.example")]).await;
        assert_eq!(far_ends(&docs(&found, "sightings")[0]), ["192.0.2.1", "192.0.2.2"], "{answer:?}");
        assert_eq!(errors(&found), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_on_one_page_keeps_the_pages_before() {
    let stage = setup().claim("GET_ALL_PAGES", true).start().await;
    let found = stage.observe(&[("domain", "torn-book.example")]).await;
    assert_eq!(far_ends(&docs(&found, "sightings")[0]), ["203.0.113.61", "203.0.113.62"]);
    assert_eq!(errors(&found), [("warning", "unknown")]);
    let words = message(&found);
    assert!(words.contains("2 of 4 pages") && words.contains("torn-book.example"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_relations_have_bounds_whatever_the_token_asks_for() {
    let stage = setup()
        .setting("RELAY_PROVIDER__MAX_PAGES", "2")
        .setting("RELAY_PROVIDER__MAX_RELATIONS", "50")
        .claim("NUMBER_OF_PAGES", 1_000_000_000)
        .start()
        .await;
    let answer = stage.observe(&[("ip", "198.18.200.1")]).await;
    assert_eq!(calls(&stage).len(), 2);
    let sighting = &docs(&answer, "sightings")[0];
    assert_eq!((far_ends(sighting).len(), &sighting["count"]), (50, &json!(19_932)));
    assert_eq!(errors(&answer), [BEYOND, ("warning", "unprocessed relations")]);
    assert!(message(&answer).starts_with("198 of 200 pages of "), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_the_quota_has_no_place_for_in_time_are_left_out_at_once() {
    // Two calls are made at once; the third would have to wait a second.
    let stage = setup()
        .claim("key", "two-a-second")
        .claim("GET_ALL_PAGES", true)
        .setting("RELAY_DEADLINE", "900ms")
        .start()
        .await;
    let answer = stage.observe(&[("domain", "pages-10.example")]).await;
    assert!(!far_ends(&docs(&answer, "sightings")[0]).is_empty());
    assert_eq!(errors(&answer), [("warning", "too many requests")]);
    let words = message(&answer);
    assert!(words.contains("9 of 10 pages") && words.contains("pages-10.example"), "{words}");
    assert!(words.contains("SecurityTrails sets a quota of 2 calls a second"), "{words}");
    assert_eq!(calls(&stage).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_histories_are_asked_for_at_once_and_then_all_further_pages() {
    let stage = setup().claim("GET_ALL_PAGES", true).start().await;
    // Long enough that calls which are made at once overlap on a busy machine too.
    stage.sim.faults().add(Fault::latency(Duration::from_millis(300)).on(SIDE));
    stage.observe(&[("domain", "pages-10.example")]).await;
    let calls = stage.sim.calls_to(SIDE);
    assert_eq!(calls.len(), 11);
    let first_answer = calls[..2].iter().filter_map(|call| call.ended).min().expect("an answer");
    assert!(calls[..2].iter().all(|call| call.started < first_answer), "A and AAAA at once");
    let next_answer = calls[2..].iter().filter_map(|call| call.ended).min().expect("an answer");
    assert!(calls[2..].iter().all(|call| call.started < next_answer), "pages 2 to 10 at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_hangs_is_a_timeout_and_keeps_the_pages_before() {
    let stage = setup()
        .setting("RELAY_CACHE__TTL", "300s")
        .setting("RELAY_PROVIDER__READ_TIMEOUT", "300ms")
        .setting("RELAY_PROVIDER__RETRIES", "0")
        .start()
        .await;
    for page in 1..=4 {
        let records = json!([{"hostname": format!("p{page}.example")}]);
        let answer = Answer::post("/domains/list").query("page", &page.to_string());
        stage.sim.answer(SIDE, answer.json(json!({"records": records, "meta": {"max_page": 4}})));
    }
    let about = [("ip", "192.0.2.9")];
    // The first two pages come from the cache afterwards.
    observe_with(&stage, json!({"NUMBER_OF_PAGES": 2}), &about).await;
    stage.sim.faults().add(Fault::new(What::Hang).on(SIDE));
    let answer = observe_with(&stage, json!({"GET_ALL_PAGES": true}), &about).await;
    assert_eq!(far_ends(&docs(&answer, "sightings")[0]), ["p1.example", "p2.example"]);
    assert_eq!(errors(&answer), [("warning", "timeout")]);
    let words = message(&answer);
    assert!(words.starts_with("2 of 4 pages of the domains that point to 192.0.2.9 "), "{words}");
}
