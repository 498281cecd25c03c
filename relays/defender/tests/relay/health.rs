//! `/health`.

use provider_sim::{Answer, Fault};
use relay_testkit::{errors, self_signed_host};
use serde_json::json;

use crate::{MACHINE, calls, setup};

#[tokio::test(flavor = "multi_thread")]
async fn the_score_or_else_the_alerts_show_that_all_is_well() {
    // Status of the score, status of the alerts, the error, and whether the alerts are asked at all.
    let table = [
        (200, 200, None, false),
        (403, 200, None, true),
        (404, 200, None, true),
        (403, 403, Some("permission denied"), true),
        (404, 404, Some("not found"), true),
        (401, 200, None, true),
        (401, 401, Some("authorization error"), true),
        (429, 200, Some("too many requests"), false),
        (500, 200, Some("unknown"), false),
        (503, 200, Some("unavailable"), false),
    ];
    for (score, alerts, code, asked) in table {
        let stage = setup().setting("RELAY_PROVIDER__RETRIES", "0").start().await;
        let pin = |path: &str, status| {
            let body = json!({"error": {"code": "Code", "message": "Words."}});
            stage.sim.answer("defender", Answer::get(path).status(status).json(body));
        };
        pin("/exposureScore", score);
        pin("/alerts", alerts);
        let answer = stage.health().await;
        match code {
            None => assert_eq!(answer, json!({"data": {"status": "ok"}})),
            Some(code) => assert_eq!(errors(&answer), [("fatal", code)], "{score} {alerts}"),
        }
        let lines = calls(&stage);
        assert_eq!(
            lines.iter().any(|line| line == "GET /alerts?%24top=1" || line == "GET /alerts?$top=1"),
            asked,
            "{lines:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_without_the_score_permission_is_healthy() {
    let stage = setup().claim("client_id", "22222222-3333-4444-8555-000000000001").start().await;
    assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}));
    let stage = setup().claim("client_id", "22222222-3333-4444-8555-000000000003").start().await;
    assert_eq!(errors(&stage.health().await), [("fatal", "permission denied")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_logins_are_authorization_errors() {
    let stage = setup().claim("client_secret", "wrong").start().await;
    let answer = stage.health().await;
    assert_eq!(errors(&answer), [("fatal", "authorization error")]);
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("AADSTS7000215") && !message.contains("wrong\""), "{message}");
    assert_eq!(calls(&stage), [""; 0]);

    for (status, code) in [
        (400, "authorization error"),
        (404, "authorization error"),
        (403, "authorization error"),
        (503, "unavailable"),
    ] {
        let stage = setup().setting("RELAY_PROVIDER__RETRIES", "0").start().await;
        stage.sim.faults().add(Fault::status(status).on("login"));
        assert_eq!(errors(&stage.health().await), [("fatal", code)], "{status}");
    }
    let stage = setup().start().await;
    let path = "/11111111-2222-4333-8444-555555555555/oauth2/v2.0/token";
    stage.sim.answer("login", Answer::post(path).json(json!({"token_type": "Bearer"})));
    assert_eq!(errors(&stage.health().await), [("fatal", "key error")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_cannot_be_verified_is_reported_as_such() {
    for base in ["RELAY_PROVIDER__API_URL", "RELAY_PROVIDER__LOGIN_URL"] {
        let stage = setup()
            .setting(base, &self_signed_host())
            .setting("RELAY_PROVIDER__RETRIES", "0")
            .setting("RELAY_PROVIDER__HUNTING_API", "off")
            .start()
            .await;
        for answer in [stage.health().await, stage.observe(&[("domain", "a.example")]).await] {
            assert_eq!(errors(&answer), [("fatal", "unknown")], "{base}");
            let message = answer["errors"][0]["message"].as_str().unwrap();
            assert!(message.starts_with("Unable to verify SSL certificate: "), "{message}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_asked_for_by_post_once_and_kept() {
    let stage = setup().start().await;
    for _ in 0..3 {
        stage.health().await;
    }
    let logins = stage.sim.calls_to("login");
    assert_eq!(logins.len(), 1);
    assert_eq!(logins[0].method, "POST");
    assert_eq!(logins[0].path, "/login/11111111-2222-4333-8444-555555555555/oauth2/v2.0/token");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_says_who_asks_and_what_it_wants() {
    let stage = setup().start().await;
    stage.observe(&[("domain", "c2.bad.example")]).await;
    stage.respond(&[("ms_machine_id", MACHINE)]).await;
    stage
        .trigger(&json!({"action-id": "microsoft-defender-remove-indicator", "observable_type": "domain",
                          "observable_value": "c2.bad.example", "indicator_id": 13}))
        .await;
    let made = stage.sim.calls_to("defender");
    let methods: Vec<&str> = made.iter().map(|call| call.method.as_str()).collect();
    assert!(["GET", "POST", "DELETE"].iter().all(|method| methods.contains(method)), "{methods:?}");
    let product =
        concat!("Cisco-SecureXThreatResponseMicrosoftDefenderForEndpoint/", env!("CARGO_PKG_VERSION"));
    for call in made {
        assert!(call.header("authorization").unwrap().starts_with("Bearer "), "{}", call.line());
        assert_eq!(call.header("accept"), Some("application/json"), "{}", call.line());
        assert_eq!(call.header("user-agent"), Some(product), "{}", call.line());
        let has_body = call.method == "POST";
        assert_eq!(call.header("content-type"), has_body.then_some("application/json"), "{}", call.line());
    }
}
