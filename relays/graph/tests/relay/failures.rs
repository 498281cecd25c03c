//! What goes wrong, and what the user reads.

use provider_sim::login::directory::{EXPIRED_SECRET, SECRET, UNCONSENTED};
use provider_sim::{Answer, Fault, What};
use relay_testkit::{Setup, docs, errors, self_signed_host};
use serde_json::{Value, json};

use crate::{alert, legacy, logins, page, refusal, setup};

const ONE: &[(&str, &str)] = &[("domain", "a.example")];

async fn answered(setup: Setup, answer: Answer) -> Value {
    let stage = setup.start().await;
    stage.sim.answer("graph", answer);
    stage.observe(ONE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_status_has_its_code() {
    for (status, code) in [
        (400, "invalid argument"),
        (403, "permission denied"),
        (429, "too many requests"),
        (500, "unknown"),
        (502, "service unavailable"),
        (503, "service unavailable"),
        (504, "service unavailable"),
        (418, "unknown"),
        (302, "unknown"),
    ] {
        let answer = Answer::get("/security/alerts").status(status).header("Retry-After", "0");
        let answer = answered(legacy(), answer.json(refusal("Code", "Its own words."))).await;
        assert_eq!(errors(&answer), [("fatal", code)], "{status}");
        assert!(answer.get("data").is_none(), "{answer}");
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("Its own words"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_found_is_no_error() {
    for status in [404, 410] {
        let answer = Answer::get("/security/alerts").status(status).json(refusal("ResourceNotFound", ""));
        assert_eq!(answered(legacy(), answer).await, json!({"data": {}}), "{status}");
    }
    let answer = Answer::get("/security/alerts").json(page(&json!([])));
    assert_eq!(answered(legacy(), answer).await, json!({"data": {}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_cannot_be_read_costs_no_more_than_its_words() {
    let list = || Answer::get("/security/alerts");
    for (answer, code) in [
        (list().status(503).header("Retry-After", "0").text("<html>gateway</html>"), "service unavailable"),
        (list().status(500).json(json!({"error": "a text"})), "unknown"),
        (list().status(400).json(json!([])), "invalid argument"),
        (list().status(403).text(""), "permission denied"),
        (list().text("<html>welcome</html>"), "key error"),
        (list().json(json!({"value": {}})), "key error"),
        (list().json(json!({})), "key error"),
        (list().json(json!([alert("a")])), "key error"),
        (list().text("{\"value\": [{\"id\":"), "key error"),
    ] {
        let answer = answered(legacy(), answer).await;
        assert_eq!(errors(&answer), [("fatal", code)], "{answer}");
        assert!(!answer.to_string().contains("html"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_failing_lookup_takes_nothing_from_the_others() {
    let stage = legacy().start().await;
    let filter = |value| format!("networkConnections/any(x: x/destinationDomain eq '{value}')");
    let list = |value| Answer::get("/security/alerts").query("$filter", &filter(value));
    stage.sim.answer("graph", list("hit.example").json(page(&json!([alert("a")]))));
    stage.sim.answer("graph", list("gone.example").status(404));
    stage.sim.answer("graph", list("down.example").status(503).header("Retry-After", "0"));
    let all = [("domain", "hit.example"), ("domain", "gone.example"), ("domain", "down.example")];
    let answer = stage.observe(&all).await;
    assert_eq!(docs(&answer, "sightings").len(), 1);
    assert_eq!(errors(&answer), [("fatal", "service unavailable")]);
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("domain down.example") && !message.contains("hit.example"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_replaced_once() {
    let stage = legacy().start().await;
    stage.sim.faults().add(Fault::new(What::ExpiredTokens).on("graph").next(1));
    assert_eq!(errors(&stage.observe(&[("domain", "quiet-garden.example")]).await), []);
    assert_eq!((logins(&stage), stage.sim.calls_to("graph").len()), (2, 2));

    let stage = legacy().start().await;
    stage.sim.faults().add(Fault::new(What::ExpiredTokens).on("graph"));
    let all: Vec<(&str, &str)> = ["a", "b", "c", "d", "e"].map(|name| ("domain", name)).to_vec();
    let answer = stage.observe(&all).await;
    assert_eq!(errors(&answer), [("fatal", "authorization error")]);
    assert!(!answer["errors"][0]["message"].as_str().unwrap().contains("concerns"), "{answer}");
    assert!(logins(&stage) <= 6, "{}", logins(&stage));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_token_costs_no_login() {
    let stage = setup().start().await;
    for n in 0..5 {
        stage.observe(&[("domain", &format!("a{n}.example"))]).await;
    }
    assert_eq!(logins(&stage), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_says_which_fault_it_is() {
    for (claim, value, words) in [
        ("client_secret", "guess", "secret is wrong"),
        ("client_secret", EXPIRED_SECRET, "has expired"),
        ("tenant_id", "nobody.example", "tenant is unknown"),
        ("application_id", "nobody", "application is unknown"),
    ] {
        let stage = setup().claim(claim, value).start().await;
        for answer in
            [stage.observe(&[("domain", "a.example"), ("ip", "192.0.2.1")]).await, stage.health().await]
        {
            assert_eq!(errors(&answer), [("fatal", "authorization error")], "{claim} {value}");
            let message = answer["errors"][0]["message"].as_str().unwrap();
            assert!(message.starts_with("Authorization failed: ") && message.contains(words), "{message}");
            assert!(!message.contains("Trace ID") && !message.contains(SECRET), "{message}");
            assert!(answer.get("data").is_none(), "{answer}");
        }
        assert_eq!(stage.sim.calls_to("graph").len(), 0, "no token, no call");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_fails_otherwise_is_reported_as_what_it_is() {
    let token = || Answer::post("/legacy.example/oauth2/v2.0/token");
    for (answer, code) in [
        (token().status(404).text("<html>"), "authorization error"),
        (token().status(400).json(json!({"error": "invalid_scope"})), "authorization error"),
        (token().status(403).json(json!({})), "authorization error"),
        (token().status(429).header("Retry-After", "0"), "too many requests"),
        (token().status(503).header("Retry-After", "0").text("<html>"), "service unavailable"),
        (token().status(500), "unknown"),
        (token().text("<html>"), "key error"),
        (token().json(json!({"token_type": "Bearer"})), "key error"),
    ] {
        let stage = legacy().start().await;
        stage.sim.answer("login", answer);
        let answer = stage.observe(ONE).await;
        assert_eq!(errors(&answer), [("fatal", code)], "{answer}");
        assert_eq!(stage.sim.calls_to("graph").len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_no_name_is_refused_without_a_call() {
    for tenant in [
        "../x",
        "a/b",
        "..",
        "a..b",
        "a%2fb",
        "corp.example?x=",
        "-corp",
        "a b",
        "ä.example",
        &"a".repeat(254),
    ] {
        let stage = setup().claim("tenant_id", tenant).start().await;
        assert_eq!(errors(&stage.observe(ONE).await), [("fatal", "authorization error")], "{tenant}");
        assert_eq!(errors(&stage.health().await), [("fatal", "authorization error")], "{tenant}");
        assert_eq!(logins(&stage) + stage.sim.calls_to("graph").len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_claim_is_named() {
    for claim in ["application_id", "tenant_id", "client_secret"] {
        let stage = setup().without_claim(claim).start().await;
        let answer = stage.observe(ONE).await;
        assert_eq!(errors(&answer), [("fatal", "authorization error")]);
        assert!(answer["errors"][0]["message"].as_str().unwrap().contains(claim), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_call_names_the_permission() {
    let table = [("legacy", "SecurityEvents.Read.All"), ("v2", "SecurityAlert.Read.All")];
    for (apis, permission) in table {
        let stage = setup()
            .setting("RELAY_PROVIDER__ALERTS_API", apis)
            .claim("tenant_id", "late.example")
            .claim("application_id", UNCONSENTED.id)
            .start()
            .await;
        for answer in [stage.observe(ONE).await, stage.health().await] {
            assert_eq!(errors(&answer), [("fatal", "permission denied")]);
            assert!(answer["errors"][0]["message"].as_str().unwrap().contains(permission), "{answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_the_api_asks_for_is_kept() {
    let stage = legacy().start().await;
    let list = || Answer::get("/security/alerts");
    stage.sim.answer("graph", list().status(429).header("Retry-After", "1").times(1));
    stage.sim.answer("graph", list().json(page(&json!([alert("a")]))));
    let answer = stage.observe(ONE).await;
    assert_eq!((docs(&answer, "sightings").len(), errors(&answer)), (1, vec![]));
    let calls = stage.sim.calls_to("graph");
    let pause = calls[1].started.saturating_sub(calls[0].started);
    assert!(pause.as_millis() >= 990, "{pause:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_lasting_rate_limit_no_further_lookup_is_begun() {
    let stage = legacy().setting("RELAY_PROVIDER__MAX_CONCURRENCY", "1").start().await;
    stage.sim.answer("graph", Answer::get("/security/alerts").status(429).header("Retry-After", "100"));
    let all = ["a", "b", "c", "d"].map(|name| ("domain", name));
    let answer = stage.observe(&all).await;
    assert_eq!(errors(&answer), [("fatal", "too many requests")]);
    assert_eq!(stage.sim.calls_to("graph").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_fail_are_distinguished() {
    for (what, code) in [(What::Reset, "connection error"), (What::Hang, "timeout")] {
        let stage = legacy()
            .setting("RELAY_PROVIDER__READ_TIMEOUT", "200ms")
            .setting("RELAY_PROVIDER__RETRIES", "0")
            .start()
            .await;
        stage.sim.faults().add(Fault::new(what).on("graph"));
        let answer = stage.observe(ONE).await;
        assert_eq!(errors(&answer), [("fatal", code)], "{answer}");
    }
    for (setting, port) in [("RELAY_PROVIDER__API_URL", "1"), ("RELAY_PROVIDER__LOGIN_URL", "1")] {
        let stage = legacy()
            .setting(setting, &format!("http://127.0.0.1:{port}"))
            .setting("RELAY_PROVIDER__RETRIES", "0")
            .start()
            .await;
        let answer = stage.observe(ONE).await;
        assert_eq!(errors(&answer), [("fatal", "connection error")], "{answer}");
        assert!(answer["errors"][0]["message"].as_str().unwrap().contains("127.0.0.1"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_checked_before_the_body() {
    let stage = setup().start().await;
    for body in ["null", "{}", "[{\"type\":\"domain\"}]", "[{\"type\":\"\",\"value\":\"x\"}]", "", "x"] {
        let table = [
            (None, "authorization error"),
            (Some("nonsense".to_owned()), "authorization error"),
            (Some(stage.token()), "invalid argument"),
        ];
        for (token, code) in table {
            let answer = stage.raw("/observe/observables", token.as_deref(), body).await;
            let answer: Value = answer.json().await.unwrap();
            assert_eq!(errors(&answer), [("fatal", code)], "{body}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_credentials_is_reported_or_kept_at_the_caller() {
    let stage = legacy().start().await;
    let echo = refusal("BadRequest", &format!("you sent {SECRET}"));
    stage.sim.answer("graph", Answer::get("/security/alerts").status(400).json(echo));
    let response =
        stage.raw("/observe/observables", Some(&stage.token()), relay_testkit::asked(ONE).to_string()).await;
    assert!(response.headers().get("set-cookie").is_none());
    let call = &stage.sim.calls_to("graph")[0];
    let token = call.header("authorization").unwrap().strip_prefix("Bearer ").unwrap().to_owned();
    assert!(!response.text().await.unwrap().contains(&token));
    let login = &stage.sim.calls_to("login")[0];
    assert_eq!((login.method.as_str(), login.query.as_str()), ("POST", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_nobody_vouches_for_is_reported_as_such() {
    for base in ["RELAY_PROVIDER__API_URL", "RELAY_PROVIDER__LOGIN_URL"] {
        let url = self_signed_host();
        let stage = legacy().setting(base, &url).setting("RELAY_PROVIDER__RETRIES", "0").start().await;
        let answer = stage.observe(ONE).await;
        assert_eq!(errors(&answer), [("fatal", "unknown")], "{base}");
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.starts_with("Unable to verify SSL certificate: "), "{message}");
    }
}
