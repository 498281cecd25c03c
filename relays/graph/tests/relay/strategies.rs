//! The ways to find alerts in `alerts_v2`, and how one follows the other.

use provider_sim::Answer;
use provider_sim::login::directory::ALERTS_ONLY;
use relay_testkit::{Setup, Stage, docs, errors};
use serde_json::{Value, json};

use crate::{alert_about, calls_to, page, params, refusal, setup, v2};

/// Only `alerts_v2`, searched in whatever way works, in a tenant of the simulator.
fn auto(tenant: &str) -> Setup {
    v2("auto").claim("tenant_id", tenant)
}

/// Calls by list, hunting query and single alert.
fn counts(stage: &Stage) -> (usize, usize, usize) {
    let all = stage.sim.calls_to("graph").len();
    let (lists, hunts) = (calls_to(stage, "alerts_v2").len(), calls_to(stage, "runHuntingQuery").len());
    (lists, hunts, all - lists - hunts)
}

fn ids(answer: &Value) -> Vec<&str> {
    docs(answer, "sightings").iter().map(|one| one["external_ids"][0].as_str().unwrap()).collect()
}

const OUTBOUND: &str = "da638000000000000000_-55667788";

#[tokio::test(flavor = "multi_thread")]
async fn every_strategy_finds_the_same_alert() {
    let observables = [
        ("ip", "10.20.30.42"),
        ("domain", "login-verify.example"),
        ("url", "https://login-verify.example/p"),
        ("hostname", "ws-042"),
        ("file_name", "drop.exe"),
        ("file_path", "C:\\Temp\\drop.exe"),
        ("sha256", "323bd9118547125694702f46aa6f4bb7087cd3844d0a1db84473e4f422911ef9"),
    ];
    for search in ["filter", "hunting", "scan", "auto"] {
        let stage = v2(search).start().await;
        for (kind, value) in observables {
            let answer = stage.observe(&[(kind, value)]).await;
            assert_eq!(errors(&answer), [], "{search} {kind}");
            // Addresses of machines are no evidence of their own, so no filter finds them; and hunting knows no
            // SHA-256.
            let blind = matches!((search, kind), ("filter" | "auto", "ip") | ("hunting", "sha256"));
            assert_eq!(ids(&answer).contains(&OUTBOUND), !blind, "{search} {kind}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_carry_what_the_api_documents() {
    let stage =
        v2("scan").at("2026-11-21T10:20:30Z").setting("RELAY_PROVIDER__LOOKBACK_DAYS", "7").start().await;
    stage.observe(&[("ip", "203.0.113.9")]).await;
    let call = &calls_to(&stage, "alerts_v2")[0];
    assert_eq!(call.header("prefer"), Some("include-unknown-enum-members"));
    let expected = [("$filter", "createdDateTime ge 2026-11-14T10:20:00Z"), ("$top", "200")];
    assert_eq!(params(call), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));

    let stage = v2("hunting").start().await;
    stage.observe(&[("ip", "203.0.113.9"), ("file_path", "C:\\a \"b\"\\c.exe")]).await;
    let call = &calls_to(&stage, "runHuntingQuery")[0];
    assert_eq!(
        call.json().unwrap(),
        json!({
            "Query": "AlertEvidence\n| where Timestamp > ago(30d)\n| where RemoteIP == \"203.0.113.9\" or LocalIP == \
                      \"203.0.113.9\" or (FolderPath =~ \"C:\\\\a \\\"b\\\"\" and FileName =~ \"c.exe\") or FolderPath =~ \
                      \"C:\\\\a \\\"b\\\"\\\\c.exe\"\n| summarize LastSeen = max(Timestamp) by AlertId\n\
                      | top 1000 by LastSeen desc",
            "Timespan": "P30D",
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_filter_is_paid_for_once() {
    let stage = auto("filter-refused.example").start().await;
    let answer = stage.observe(&[("domain", "login-verify.example"), ("hostname", "ws-042")]).await;
    assert_eq!((ids(&answer), errors(&answer)), (vec![OUTBOUND, OUTBOUND], vec![]));
    assert_eq!(counts(&stage), (2, 1, 1));
    let answer = stage.observe(&[("file_name", "drop.exe")]).await;
    assert_eq!(ids(&answer), [OUTBOUND]);
    assert_eq!(counts(&stage), (2, 2, 1), "the filter is not tried again, and the alert is known");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ignored_filter_is_paid_for_once() {
    let stage = auto("filter-ignored.example").start().await;
    let lookups =
        [("domain", "made-up-1.example"), ("domain", "made-up-2.example"), ("domain", "made-up-3.example")];
    let mut found = 0;
    for (round, lookup) in lookups.into_iter().enumerate() {
        let answer = stage.observe(&[lookup]).await;
        assert_eq!(errors(&answer), []);
        found += ids(&answer).len();
        let (lists, hunts, _) = counts(&stage);
        assert_eq!((lists, hunts), (1, round + 1));
    }
    assert!(found > 0, "hunting finds what the list did not filter");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_filter_and_hunting_one_scan_serves_all_observables() {
    for (tenant, application) in [
        ("no-hunting.example", None),
        ("no-tables.example", None),
        ("filter-refused.example", Some(ALERTS_ONLY.id)),
    ] {
        let mut setup = auto(tenant);
        if let Some(application) = application {
            setup = setup.claim("application_id", application);
        }
        let stage = setup.start().await;
        let mut all: Vec<(&str, &str)> = (0..9).map(|_| ("domain", "login-verify.example")).collect();
        let names: Vec<String> = (0..9).map(|n| format!("a{n}.example")).collect();
        for (place, name) in all.iter_mut().zip(&names) {
            place.1 = name;
        }
        all.push(("domain", "login-verify.example"));
        let answer = stage.observe(&all).await;
        assert_eq!((ids(&answer), errors(&answer)), (vec![OUTBOUND], vec![]), "{tenant}");
        assert_eq!(counts(&stage), (11, 1, 0), "{tenant}: ten filters, a query, a scan");
        stage.observe(&[("domain", "other.example")]).await;
        assert!(counts(&stage).0 <= 12 && counts(&stage).1 == 1, "{tenant}: only a scan, if any call");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_the_query_names_may_be_gone() {
    let stage = auto("filter-refused.example").start().await;
    for key in ["AlertId", "alertId", "ALERTID"] {
        let rows = json!([{key: "a"}, {key: "gone"}, {key: "a"}, {key: null}, {"Other": "b"}]);
        stage.sim.answer("graph", Answer::post("/security/runHuntingQuery").json(json!({"results": rows})));
        stage.sim.answer("graph", Answer::get("/security/alerts_v2/a").json(alert_about("a", "192.0.2.1")));
        stage.sim.answer("graph", Answer::get("/security/alerts_v2/gone").status(404));
        let answer = stage.observe(&[("ip", "192.0.2.1")]).await;
        assert_eq!((ids(&answer), errors(&answer)), (vec!["a"], vec![]), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_does_not_name_the_observable_is_not_told() {
    let stage = v2("filter").start().await;
    let alerts = json!([alert_about("a", "192.0.2.99"), alert_about("b", "192.0.2.98")]);
    stage.sim.answer("graph", Answer::get("/security/alerts_v2").json(page(&alerts)));
    assert_eq!(stage.observe(&[("ip", "192.0.2.1")]).await, json!({"data": {}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn hunting_that_fails_for_a_while_is_noted_and_tried_again() {
    for (status, code) in [(429, "too many requests"), (500, "unknown"), (503, "service unavailable")] {
        let stage = auto("filter-refused.example").setting("RELAY_PROVIDER__RETRIES", "0").start().await;
        let hunt = Answer::post("/security/runHuntingQuery").status(status);
        stage.sim.answer("graph", hunt.json(refusal("UnknownError", "")));
        let answer = stage.observe(&[("domain", "login-verify.example")]).await;
        assert_eq!((ids(&answer), errors(&answer)), (vec![OUTBOUND], vec![("warning", code)]), "{status}");
        stage.observe(&[("hostname", "ws-042")]).await;
        assert_eq!(calls_to(&stage, "runHuntingQuery").len(), 2, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_that_hunting_misses_is_scanned_for() {
    let stage = auto("filter-refused.example").start().await;
    let hash = "323BD9118547125694702f46aa6f4bb7087cd3844d0a1db84473e4f422911ef9";
    let answer = stage.observe(&[("sha256", hash), ("domain", "nobody.example")]).await;
    assert!(ids(&answer).contains(&OUTBOUND), "{answer}");
    assert_eq!(counts(&stage).0, 3, "two filters and a scan");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strategy_by_name_is_used_alone_and_its_failure_told() {
    for (search, tenant, code) in [
        ("filter", "filter-refused.example", "invalid argument"),
        ("hunting", "no-hunting.example", "permission denied"),
        ("hunting", "no-tables.example", "invalid argument"),
    ] {
        let stage = v2(search).claim("tenant_id", tenant).start().await;
        let answer = stage.observe(&[("ip", "203.0.113.9")]).await;
        assert_eq!(errors(&answer), [("fatal", code)], "{search} {tenant}");
        assert_eq!(stage.sim.calls_to("graph").len(), 1, "{search} {tenant}");
    }
    let stage = v2("hunting").claim("tenant_id", "no-hunting.example").start().await;
    let answer = stage.observe(&[("ip", "203.0.113.9")]).await;
    assert!(answer["errors"][0]["message"].as_str().unwrap().contains("ThreatHunting.Read.All"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_api_is_not_searched_in_other_ways() {
    for search in ["auto", "filter", "scan"] {
        let stage = v2(search).start().await;
        let list = Answer::get("/security/alerts_v2").status(403);
        stage.sim.answer("graph", list.json(refusal("Forbidden", "No.")));
        let answer = stage.observe(&[("ip", "192.0.2.1")]).await;
        assert_eq!(errors(&answer), [("fatal", "permission denied")], "{search}");
        assert_eq!(counts(&stage), (1, 0, 0), "{search}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_that_cannot_be_fetched_are_told_beside_the_others() {
    let stage = v2("hunting").start().await;
    let rows = json!([{"AlertId": "a"}, {"AlertId": "b"}, {"AlertId": "c"}]);
    stage.sim.answer("graph", Answer::post("/security/runHuntingQuery").json(json!({"results": rows})));
    stage.sim.answer("graph", Answer::get("/security/alerts_v2/a").json(alert_about("a", "192.0.2.1")));
    stage.sim.answer("graph", Answer::get("/security/alerts_v2/b").status(500));
    stage.sim.answer("graph", Answer::get("/security/alerts_v2/c").text("<html>"));
    let answer = stage.observe(&[("ip", "192.0.2.1")]).await;
    assert_eq!(ids(&answer), ["a"]);
    assert_eq!(errors(&answer), [("fatal", "unknown"), ("fatal", "key error")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_reads_only_so_many_pages_and_stops_when_it_has_enough() {
    let page = |stage: &Stage, n: usize| {
        let next = format!("{}/graph/security/alerts_v2?$skip={}", stage.sim.url(), n + 1);
        json!({"value": [alert_about(&format!("alert-{n}"), "192.0.2.1")], "@odata.nextLink": next})
    };
    for (pages, limit, expected) in [("3", 100, 3), ("10", 2, 2)] {
        let stage = v2("scan")
            .setting("RELAY_PROVIDER__SCAN_MAX_PAGES", pages)
            .claim("CTR_ENTITIES_LIMIT", limit)
            .start()
            .await;
        stage.sim.answer("graph", Answer::get("/security/alerts_v2").json(page(&stage, 0)));
        for n in 1..12 {
            let answer = Answer::get("/security/alerts_v2").query("$skip", &n.to_string());
            stage.sim.answer("graph", answer.json(page(&stage, n)));
        }
        let answer = stage.observe(&[("ip", "192.0.2.1")]).await;
        assert_eq!((ids(&answer).len(), errors(&answer)), (expected, vec![]));
        assert_eq!(counts(&stage).0, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn further_types_are_looked_up_on_request_only() {
    let further = [
        ("ipv6", "2001:db8:85a3::8a2e:370:7334"),
        ("sha1", "ca118f05d354d16d50ffe2f421abce38d8bacffc"),
        ("md5", "474b9ccf5ab9d72ca8a333889bbb34f0"),
        ("email", "jdoe@corp.example"),
        ("user", "jdoe"),
        ("ms_machine_id", "73e7e2de709dff64ef64b1d0c30e67fab63279db"),
    ];
    let stage = setup().start().await;
    assert_eq!(stage.observe(&further).await, json!({"data": {}}));
    assert_eq!(stage.sim.calls().len(), 1, "the key set of the platform");
    for tenant in ["corp.example", "filter-refused.example"] {
        let stage = setup()
            .claim("tenant_id", tenant)
            .setting("RELAY_PROVIDER__EXTENDED_TYPES", "true")
            .start()
            .await;
        for (kind, value) in further {
            let answer = stage.observe(&[(kind, value)]).await;
            assert!(ids(&answer).contains(&OUTBOUND), "{tenant} {kind}: {answer}");
            assert_eq!(errors(&answer), [], "{tenant} {kind}");
        }
        assert_eq!(calls_to(&stage, "alerts").len(), 0, "the retired API does not know these types");
    }
}
