//! Both APIs together, and health.

use provider_sim::login::directory::{ALERTS_ONLY, FULL, LEGACY_ONLY, SECRET, UNCONSENTED};
use provider_sim::{Answer, Fault};
use relay_testkit::{Setup, docs, errors};
use serde_json::{Value, json};

use crate::{alert, alert_about, both, calls_to, ids, page, refusal, setup};

/// A tenant with both APIs, before the simulator's own alerts.
fn late() -> Setup {
    both().claim("tenant_id", "late.example").setting("RELAY_PROVIDER__V2_SEARCH", "filter")
}

fn legacy_list() -> Answer {
    Answer::get("/security/alerts")
}

fn v2_list() -> Answer {
    Answer::get("/security/alerts_v2")
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_of_both_apis_are_merged_by_id() {
    let stage = late().start().await;
    let mut renamed = alert_about("new-2", "192.0.2.1");
    renamed["providerAlertId"] = json!("old-2");
    stage
        .sim
        .answer("graph", legacy_list().json(page(&json!([alert("old-1"), alert("both"), alert("old-2")]))));
    stage.sim.answer("graph", v2_list().json(page(&json!([alert_about("both", "192.0.2.1"), renamed]))));
    let answer = stage.observe(&[("ip", "192.0.2.1")]).await;
    assert_eq!((ids(&answer), errors(&answer)), (vec!["both", "new-2", "old-1"], vec![]));
    assert_eq!(docs(&answer, "sightings")[0]["internal"], true, "the form of alerts_v2 is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_holds_for_both_apis_together() {
    let stage = late().claim("CTR_ENTITIES_LIMIT", 3).start().await;
    stage.sim.answer("graph", legacy_list().json(page(&json!([alert("a"), alert("b")]))));
    let new = json!([alert_about("c", "192.0.2.1"), alert_about("d", "192.0.2.1")]);
    stage.sim.answer("graph", v2_list().json(page(&new)));
    assert_eq!(ids(&stage.observe(&[("ip", "192.0.2.1")]).await), ["c", "d", "a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_legacy_api_that_is_gone_for_good_is_asked_once() {
    for (tenant, asked_again) in [
        ("corp.example", false),
        ("retired-403.example", false),
        ("retired-404.example", true),
        ("retired-empty.example", true),
    ] {
        let stage = both().claim("tenant_id", tenant).start().await;
        for (round, address) in ["203.0.113.9", "198.51.100.7"].into_iter().enumerate() {
            let answer = stage.observe(&[("ip", address)]).await;
            assert!(
                !docs(&answer, "sightings").is_empty() && errors(&answer).is_empty(),
                "{tenant} {answer}"
            );
            let expected = if asked_again { round + 1 } else { 1 };
            assert_eq!(calls_to(&stage, "alerts").len(), expected, "{tenant}");
            assert_eq!(calls_to(&stage, "runHuntingQuery").len(), round + 1, "{tenant}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dead_for_one_tenant_lives_for_another() {
    let stage = both().start().await;
    stage.observe(&[("ip", "198.51.100.7")]).await;
    let other = stage.token_with(&json!({"tenant_id": "late.example"}));
    let body = relay_testkit::asked(&[("hostname", "dt-aldom")]);
    let answer = stage.ask("/observe/observables", Some(&other), &body).await;
    assert!(ids(&answer).contains(&"da637700000000000001_-100200301"), "{answer}");
    assert_eq!(calls_to(&stage, "alerts").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_without_the_new_api_is_served_by_the_old_one() {
    let stage = both().claim("tenant_id", "legacy.example").start().await;
    for name in ["ws-042", "DT-ALDOM"] {
        let answer = stage.observe(&[("hostname", name)]).await;
        assert!(!ids(&answer).is_empty(), "{answer}");
        assert_eq!(errors(&answer), []);
    }
    assert_eq!(calls_to(&stage, "alerts_v2").len(), 2, "a 404 is not remembered");
    assert_eq!(calls_to(&stage, "runHuntingQuery").len(), 1, "what is remembered is hunting alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn permission_for_one_api_is_enough() {
    for (application, dead) in [(ALERTS_ONLY.id, "alerts"), (LEGACY_ONLY.id, "alerts_v2")] {
        let stage = late().claim("application_id", application).start().await;
        for name in ["ws-042", "ws-042.corp.example"] {
            let answer = stage.observe(&[("hostname", name)]).await;
            assert_eq!(errors(&answer), [], "{dead}");
        }
        assert_eq!(calls_to(&stage, dead).len(), 1, "it is not asked again");
    }
    let stage = late().claim("application_id", UNCONSENTED.id).start().await;
    for _ in 0..2 {
        let answer = stage.observe(&[("hostname", "ws-042"), ("ip", "192.0.2.1")]).await;
        assert_eq!(errors(&answer), [("fatal", "permission denied")], "{answer}");
    }
    assert_eq!((calls_to(&stage, "alerts").len(), calls_to(&stage, "alerts_v2").len()), (4, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_lacks_is_reported_when_the_other_api_is_not_there() {
    let stage =
        both().claim("tenant_id", "legacy.example").claim("application_id", ALERTS_ONLY.id).start().await;
    let answer = stage.observe(&[("hostname", "ws-042")]).await;
    assert_eq!(errors(&answer), [("fatal", "permission denied")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_failures_are_reported_beside_the_data_of_the_other_api() {
    for (failing, working) in [(legacy_list(), v2_list()), (v2_list(), legacy_list())] {
        let stage = late().start().await;
        stage.sim.answer("graph", failing.status(500).json(refusal("UnknownError", "")));
        let alerts = if working.path.ends_with('2') {
            json!([alert_about("a", "192.0.2.1")])
        } else {
            json!([alert("a")])
        };
        stage.sim.answer("graph", working.json(page(&alerts)));
        let answer = stage.observe(&[("ip", "192.0.2.1")]).await;
        assert_eq!((ids(&answer), errors(&answer)), (vec!["a"], vec![("fatal", "unknown")]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_at_the_same_time_keep_their_limits_and_tokens() {
    let stage = late().start().await;
    let alerts: Vec<Value> = (0..60).map(|n| alert_about(&n.to_string(), "192.0.2.1")).collect();
    stage.sim.answer("graph", v2_list().json(page(&json!(alerts))));
    stage.sim.answer("graph", legacy_list().json(page(&json!([]))));
    let body = relay_testkit::asked(&[("ip", "192.0.2.1")]);
    let ask = async |tenant: &str, limit: u32| {
        let token = stage.token_with(&json!({"tenant_id": tenant, "CTR_ENTITIES_LIMIT": limit}));
        stage.ask("/observe/observables", Some(&token), &body).await["data"]["sightings"]["count"].clone()
    };
    let counts = futures::join!(ask("late.example", 1), ask("other.example", 50), ask("late.example", 7));
    assert_eq!(counts, (json!(1), json!(50), json!(7)));
    assert_eq!(stage.sim.calls_to("login").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_a_real_call_of_each_api_in_use() {
    let stage = late().start().await;
    assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}));
    let lines: Vec<String> = stage.sim.calls_to("graph").iter().map(provider_sim::SeenCall::line).collect();
    assert!(lines.contains(&"GET /graph/security/alerts?$top=0".to_owned()), "{lines:?}");
    assert!(lines.contains(&"GET /graph/security/alerts_v2?$top=1".to_owned()), "{lines:?}");
    for (apis, lines) in [("legacy", 1), ("v2", 1)] {
        let stage = late().setting("RELAY_PROVIDER__ALERTS_API", apis).start().await;
        assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}));
        assert_eq!(stage.sim.calls_to("graph").len(), lines);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_reports_the_failure_that_says_most() {
    for (legacy, v2, expected) in [
        (404, 404, Some("not found")),
        (410, 404, Some("not found")),
        (403, 404, Some("permission denied")),
        (404, 403, Some("permission denied")),
        (503, 403, Some("permission denied")),
        (503, 429, Some("too many requests")),
        (503, 404, Some("service unavailable")),
        (410, 200, None),
        (200, 403, None),
    ] {
        let stage = late().start().await;
        let answer = |answer: Answer, status| {
            answer.status(status).header("Retry-After", "0").json(json!({"value": []}))
        };
        stage.sim.answer("graph", answer(legacy_list(), legacy));
        stage.sim.answer("graph", answer(v2_list(), v2));
        let health = stage.health().await;
        let expected: Vec<_> = expected.into_iter().map(|code| ("fatal", code)).collect();
        assert_eq!(errors(&health), expected, "{legacy} {v2}: {health}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_survives_one_expired_token() {
    let stage = late().start().await;
    stage.sim.faults().add(Fault::new(provider_sim::What::ExpiredTokens).on("graph").next(2));
    assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_the_api_leaves_out_lead_to_the_portal_of_the_settings() {
    let stage = late().setting("RELAY_PROVIDER__UI_URL", "https://portal.example/x/").start().await;
    stage.sim.answer("graph", v2_list().json(page(&json!([alert_about("a/b", "192.0.2.1")]))));
    let answer = stage.observe(&[("ip", "192.0.2.1")]).await;
    assert_eq!(docs(&answer, "sightings")[0]["source_uri"], "https://portal.example/x/alerts/a%2Fb");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_reach_the_login_service_alone() {
    let stage = setup().start().await;
    stage.observe(&[("ip", "203.0.113.9")]).await;
    for call in stage.sim.calls_to("graph") {
        let sent = format!("{} {:?} {:?}", call.line(), call.headers, call.body);
        assert!(!sent.contains(SECRET) && !sent.contains(FULL.id), "{sent}");
        assert_eq!(call.header("accept"), Some("application/json"));
    }
}
