//! The ways to find alerts in `alerts_v2`, and how one follows the other.

use provider_sim::Answer;
use provider_sim::login::directory::{ALERTS_ONLY, FULL, HUNTING_ONLY};
use relay_testkit::{Setup, Stage, docs, errors};
use serde_json::{Value, json};

use crate::{alert_about, api_calls, calls_to, ids, page, params, refusal, row_about, rows, setup, v2};

/// Calls by list, by hunting query, and others.
fn counts(stage: &Stage) -> (usize, usize, usize) {
    let (lists, hunts) = (calls_to(stage, "alerts_v2").len(), calls_to(stage, "runHuntingQuery").len());
    (lists, hunts, api_calls(stage) - lists - hunts)
}

fn tenant(name: &str) -> Setup {
    setup().claim("tenant_id", name)
}

const OUTBOUND: &str = "da638000000000000000_-55667788";

#[tokio::test(flavor = "multi_thread")]
async fn every_strategy_finds_the_same_alert() {
    let observables = [
        ("ip", "10.20.30.42"),
        ("ipv6", "2001:db8:85a3:0:0:8a2e:370:7334"),
        ("domain", "login-verify.example"),
        ("url", "https://login-verify.example/p"),
        ("hostname", "ws-042"),
        ("file_name", "drop.exe"),
        ("file_path", "C:\\Temp\\drop.exe"),
        ("sha256", "323bd9118547125694702f46aa6f4bb7087cd3844d0a1db84473e4f422911ef9"),
        ("sha1", "ca118f05d354d16d50ffe2f421abce38d8bacffc"),
        ("md5", "474b9ccf5ab9d72ca8a333889bbb34f0"),
        ("email", "jdoe@corp.example"),
        ("user", "CORP\\jdoe"),
        ("ms_machine_id", "73e7e2de709dff64ef64b1d0c30e67fab63279db"),
    ];
    for search in ["filter", "hunting", "scan", "auto"] {
        let stage = v2(search).start().await;
        for (kind, value) in observables {
            let answer = stage.observe(&[(kind, value)]).await;
            assert_eq!(errors(&answer), [], "{search} {kind}");
            // Addresses of machines are no evidence of their own and domains of accounts no property, so no filter
            // finds them; and hunting alone knows no MD5 and hardly a SHA-256.
            let is_blind =
                matches!((search, kind), ("filter", "ip" | "user") | ("hunting", "sha256" | "md5"));
            assert_eq!(ids(&answer).contains(&OUTBOUND), !is_blind, "{search} {kind}: {answer}");
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

    let stage = setup().setting("RELAY_PROVIDER__LOOKBACK_DAYS", "90").start().await;
    stage.observe(&[("ip", "203.0.113.9")]).await;
    let body = calls_to(&stage, "runHuntingQuery")[0].json().unwrap();
    assert_eq!(body["Timespan"], "P30D");
    assert!(
        body["Query"].as_str().unwrap().starts_with("let E = AlertEvidence | where Timestamp > ago(30d)")
    );
    let calls = stage.sim.calls_to("graph");
    let requests = calls.last().unwrap().json().unwrap();
    let expected = json!({"id": "1", "method": "GET", "url": format!("/security/alerts_v2/{OUTBOUND}"),
                          "headers": {"Prefer": "include-unknown-enum-members"}});
    assert_eq!(requests["requests"][0], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_hunting_one_scan_serves_all_observables() {
    for (name, application, expected) in [
        ("no-hunting.example", None, 1),
        ("no-tables.example", None, 1),
        ("filter-refused.example", Some(ALERTS_ONLY.id), 1),
        ("plain.example", Some(ALERTS_ONLY.id), 1),
    ] {
        let mut setup = tenant(name).setting("RELAY_PROVIDER__THREAT_INTEL", "auto");
        if let Some(application) = application {
            setup = setup.claim("application_id", application);
        }
        let stage = setup.start().await;
        let names: Vec<String> = (0..9).map(|n| format!("a{n}.internal")).collect();
        let mut all: Vec<(&str, &str)> = names.iter().map(|name| ("domain", name.as_str())).collect();
        all.push(("hostname", "ws-042"));
        let answer = stage.observe(&all).await;
        assert_eq!((ids(&answer), errors(&answer)), (vec![OUTBOUND], vec![]), "{name}");
        assert_eq!(counts(&stage), (expected, 1, 0), "{name}: a query, a scan");
        stage.observe(&[("domain", "other.internal")]).await;
        assert!(counts(&stage).0 <= 2 && counts(&stage).1 == 1, "{name}: only a scan, if any call");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hunting_is_tried_again_after_its_time() {
    for (name, minutes) in [("no-hunting.example", 60), ("no-tables.example", 15)] {
        // The clock of a relay is fixed, so each request has a relay of its own; what lapses is tested in the core.
        let stage = tenant(name).start().await;
        for _ in 0..3 {
            stage.observe(&[("hostname", "ws-042")]).await;
        }
        assert_eq!(counts(&stage).1, 1, "{name}: not within {minutes} minutes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_read_whatever_their_columns_are_called() {
    let stage = setup().setting("RELAY_PROVIDER__ALERT_DETAILS", "0").start().await;
    for key in ["AlertId", "alertId", "ALERTID"] {
        let mut row = row_about("a", "0", "192.0.2.1", 2);
        let id = row.as_object_mut().unwrap().remove("AlertId").unwrap();
        row[key] = id;
        let evidence: Value = serde_json::from_str(row["Evidence"].as_str().unwrap()).unwrap();
        let mut listed = row.clone();
        listed["Evidence"] = evidence;
        for row in [row, listed] {
            let all = json!([row, {key: null}, {key: " "}, {"Other": "b"}]);
            stage.sim.answer("graph", rows(&all));
            let answer = stage.observe(&[("ip", "192.0.2.1")]).await;
            assert_eq!((ids(&answer), errors(&answer)), (vec!["a"], vec![]), "{key}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_text_search_found_has_to_be_confirmed() {
    let stage = setup().setting("RELAY_PROVIDER__ALERT_DETAILS", "0").start().await;
    let cut: Vec<Value> =
        (0..60).map(|n| json!({"EntityType": "Ip", "RemoteIP": format!("10.0.0.{n}")})).collect();
    let mut long = row_about("cut", "0", "192.0.2.1", 3);
    long["Evidence"] = json!(cut);
    stage.sim.answer("graph", rows(&json!([row_about("other", "0,1", "192.0.2.99", 2), long])));
    let answer = stage.observe(&[("ip", "192.0.2.1"), ("hostname", "ws-1")]).await;
    assert_eq!(ids(&answer), ["cut", "other"], "the name of a host is no text search");
    assert_eq!(docs(&answer, "sightings")[1]["observables"][0]["type"], "hostname");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_does_not_name_the_observable_is_not_reported() {
    let stage = v2("filter").start().await;
    let alerts = json!([alert_about("a", "192.0.2.99"), alert_about("b", "192.0.2.98")]);
    stage.sim.answer("graph", Answer::get("/security/alerts_v2").json(page(&alerts)));
    assert_eq!(stage.observe(&[("ip", "192.0.2.1")]).await, json!({"data": {}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn hunting_that_fails_for_a_while_is_mentioned_and_tried_again() {
    for (status, code) in [(429, "too many requests"), (500, "unknown"), (503, "service unavailable")] {
        let stage = setup().setting("RELAY_PROVIDER__RETRIES", "0").start().await;
        let hunt = Answer::post("/security/runHuntingQuery").status(status);
        stage.sim.answer("graph", hunt.json(refusal("UnknownError", "")));
        let answer = stage.observe(&[("hostname", "ws-042")]).await;
        assert_eq!((ids(&answer), errors(&answer)), (vec![OUTBOUND], vec![("warning", code)]), "{status}");
        stage.observe(&[("file_name", "drop.exe")]).await;
        assert_eq!(calls_to(&stage, "runHuntingQuery").len(), 2, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_that_hunting_misses_is_scanned_for() {
    let stage = setup().start().await;
    let hash = "323BD9118547125694702F46AA6F4BB7087CD3844D0A1DB84473E4F422911EF9";
    let answer = stage.observe(&[("sha256", hash), ("hostname", "nobody")]).await;
    assert!(ids(&answer).contains(&OUTBOUND), "{answer}");
    assert_eq!((counts(&stage).0, errors(&answer)), (1, vec![]));
    let list = Answer::get("/security/alerts_v2").status(500);
    stage.sim.answer("graph", list.json(refusal("UnknownError", "")));
    let answer = stage.observe(&[("md5", &"0".repeat(32))]).await;
    assert_eq!(answer, json!({"data": {}}), "its failure is no error");
    let stage = setup().setting("RELAY_PROVIDER__HASH_SCAN_PAGES", "0").start().await;
    stage.observe(&[("sha256", hash)]).await;
    assert_eq!(counts(&stage).0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strategy_by_name_is_used_alone_and_its_failure_reported() {
    for (search, name, code) in [
        ("filter", "filter-refused.example", "invalid argument"),
        ("hunting", "no-hunting.example", "permission denied"),
        ("hunting", "no-tables.example", "invalid argument"),
    ] {
        let stage = v2(search).claim("tenant_id", name).start().await;
        let answer = stage.observe(&[("ip", "203.0.113.9")]).await;
        assert_eq!(errors(&answer), [("fatal", code)], "{search} {name}");
        assert_eq!(api_calls(&stage), 1, "{search} {name}");
    }
    let stage = v2("hunting").claim("tenant_id", "no-hunting.example").start().await;
    let answer = stage.observe(&[("ip", "203.0.113.9")]).await;
    assert!(answer["errors"][0]["message"].as_str().unwrap().contains("ThreatHunting.Read.All"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_api_is_not_searched_in_other_ways() {
    for search in ["filter", "scan"] {
        let stage = v2(search).start().await;
        let list = Answer::get("/security/alerts_v2").status(403);
        stage.sim.answer("graph", list.json(refusal("Forbidden", "No.")));
        let answer = stage.observe(&[("ip", "192.0.2.1")]).await;
        assert_eq!(errors(&answer), [("fatal", "permission denied")], "{search}");
        assert_eq!(counts(&stage), (1, 0, 0), "{search}");
    }
}

/// A list of which each page has an alert, and leads to the next.
fn endless(stage: &Stage, link: impl Fn(usize) -> String) {
    let page = |n: usize| json!({"value": [alert_about(&format!("alert-{n}"), "192.0.2.1")], "@odata.nextLink": link(n + 1)});
    stage.sim.answer("graph", Answer::get("/security/alerts_v2").json(page(0)));
    for n in 1..12 {
        let answer = Answer::get("/security/alerts_v2").query("$skip", &n.to_string());
        stage.sim.answer("graph", answer.json(page(n)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_says_what_it_left_unread() {
    for (pages, limit, expected, errors_expected) in
        [("3", 100, 3, vec![("warning", "unprocessed records")]), ("10", 2, 2, vec![])]
    {
        let stage = v2("scan")
            .setting("RELAY_PROVIDER__SCAN_MAX_PAGES", pages)
            .claim("CTR_ENTITIES_LIMIT", limit)
            .start()
            .await;
        let base = stage.sim.url();
        endless(&stage, |n| format!("{base}/graph/security/alerts_v2?$skip={n}"));
        let answer = stage.observe(&[("ip", "192.0.2.1")]).await;
        assert_eq!((ids(&answer).len(), errors(&answer)), (expected, errors_expected), "{answer}");
        assert_eq!(counts(&stage).0, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_a_circle_or_to_another_host_ends_the_list() {
    for (link, calls) in [("/graph/security/alerts_v2?$skip=1", 2), ("https://evil.example/x", 1)] {
        let stage = v2("scan").start().await;
        let base = stage.sim.url();
        let link = if link.starts_with('/') { format!("{base}{link}") } else { link.to_owned() };
        endless(&stage, |_| link.clone());
        let answer = stage.observe(&[("ip", "192.0.2.1")]).await;
        assert_eq!(errors(&answer), [("warning", "key error")], "{link}");
        assert_eq!((counts(&stage).0, ids(&answer).len()), (calls, calls), "{link}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_settings_can_search_is_looked_up() {
    for (search, kind, value, calls) in [
        ("filter", "email_subject", "Invoice 4711", 0),
        ("auto", "email_subject", "Invoice 4711", 2),
        ("auto", "email_messageid", "<invoice-4711@mail.invoice-portal.example>", 2),
        ("auto", "user", "SYSTEM", 0),
        ("auto", "ip", "not an address", 0),
        ("auto", "sha256", "xyz", 0),
        ("auto", "email", "a@b@c", 0),
        ("auto", "mac_address", "00:00:00:00:00:00", 0),
    ] {
        let stage = v2(search).start().await;
        let answer = stage.observe(&[(kind, value)]).await;
        assert_eq!(
            (api_calls(&stage), errors(&answer)),
            (calls, vec![]),
            "{search} {kind} {value}: {answer}"
        );
        assert_eq!(ids(&answer).is_empty(), calls == 0, "{kind} {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lookup_without_a_place_in_the_quota_is_an_error_that_names_the_quota() {
    let stage = v2("filter").start().await;
    let names: Vec<String> = (0..152).map(|n| format!("n{n}.quiet.example")).collect();
    let all: Vec<(&str, &str)> = names.iter().map(|name| ("domain", name.as_str())).collect();
    let answer = stage.observe(&all).await;
    assert_eq!(errors(&answer), [("error", "too many requests")], "{answer}");
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("150 calls for alerts a minute") && message.contains("n151.quiet.example"),
        "{message}"
    );
    assert_eq!(api_calls(&stage), 150);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tenant_lacks_costs_no_alert_and_is_never_fatal() {
    let no_permission = ("warning", "permission denied");
    for (name, application, mode, expected) in [
        ("corp.example", &FULL, "on", vec![]),
        ("corp.example", &ALERTS_ONLY, "auto", vec![]),
        ("corp.example", &ALERTS_ONLY, "on", vec![no_permission]),
        ("no-hunting.example", &FULL, "on", vec![]),
        ("no-tables.example", &FULL, "on", vec![]),
        ("no-batches.example", &FULL, "on", vec![]),
        ("no-license.example", &FULL, "auto", vec![]),
        ("no-license.example", &FULL, "on", vec![("warning", "unknown")]),
        ("no-intelligence.example", &FULL, "on", vec![no_permission]),
        ("plain.example", &FULL, "auto", vec![]),
        ("plain.example", &ALERTS_ONLY, "auto", vec![]),
        ("plain.example", &ALERTS_ONLY, "on", vec![no_permission]),
        // Without alerts themselves, the rows of the query.
        ("corp.example", &HUNTING_ONLY, "auto", vec![no_permission]),
    ] {
        let case = format!("{name} {} {mode}", application.id);
        let stage = tenant(name)
            .setting("RELAY_PROVIDER__THREAT_INTEL", mode)
            .claim("application_id", application.id)
            .start()
            .await;
        let answer = stage.observe(&[("hostname", "ws-042"), ("ip", "203.0.113.9")]).await;
        assert_eq!(errors(&answer), expected, "{case}: {answer}");
        let statuses: Vec<&Value> = docs(&answer, "sightings")
            .iter()
            .filter(|one| one["external_ids"][0] == OUTBOUND)
            .map(|one| &one["data"]["rows"][0][1])
            .collect();
        let status = if application == &HUNTING_ONLY { "not read" } else { "new" };
        assert_eq!(statuses, [status, status], "{case}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_large_is_asked_for_in_halves() {
    let stage = setup()
        .setting("RELAY_PROVIDER__MAX_ANSWER", "20000")
        .setting("RELAY_PROVIDER__ALERT_DETAILS", "0")
        .setting("RELAY_PROVIDER__MAX_CONCURRENCY", "1")
        .start()
        .await;
    let mut large = row_about("a", "0", "192.0.2.1", 2);
    large["Padding"] = json!("x".repeat(50_000));
    stage.sim.answer("graph", rows(&json!([large])).times(1));
    stage.sim.answer("graph", rows(&json!([row_about("a", "0", "192.0.2.1", 2)])).times(1));
    stage.sim.answer("graph", rows(&json!([row_about("b", "1", "192.0.2.3", 3)])).times(1));
    let answer = stage.observe(&[("ip", "192.0.2.1"), ("ip", "192.0.2.2"), ("ip", "192.0.2.3")]).await;
    assert_eq!((ids(&answer), errors(&answer)), (vec!["a", "b"], vec![]));
    let legs = |call: &provider_sim::SeenCall| {
        call.json().unwrap()["Query"].as_str().unwrap().matches("| top ").count()
    };
    let hunts = calls_to(&stage, "runHuntingQuery");
    assert_eq!(hunts.iter().map(legs).collect::<Vec<_>>(), [3, 1, 2]);
    assert_eq!(api_calls(&stage), 3);
}
