//! `/health`: a ping that has to succeed.

use provider_sim::Answer;
use relay_testkit::{errors, self_signed_host};
use serde_json::json;

use crate::{SIDE, calls, message, setup};

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_proves_address_and_key() {
    let stage = setup().start().await;
    assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}));
    assert_eq!(calls(&stage), ["GET /ping"], "the key is not in the URL");
    let calls = stage.sim.calls_to(SIDE);
    stage.sim.answer(SIDE, Answer::get("/ping").json(json!([{"success": true}])));
    assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}), "in a list");
    assert_eq!(calls[0].header("apikey"), Some("demo-key"));
    assert_eq!(calls[0].header("accept"), Some("application/json"));
    assert!(calls[0].header("user-agent").is_some_and(|agent| agent.starts_with("relay-securitytrails/")));
}

/// Today's gateway refuses a key with 401 and plain text, an older one with 403 and JSON.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_key_is_an_authorization_error_whatever_its_status() {
    for (key, message) in [
        ("retired", "Authorization failed: Invalid authentication credentials"),
        ("nobodys", "Authorization failed: Please check user credentials"),
    ] {
        let stage = setup().claim("key", key).start().await;
        assert_eq!(
            stage.health().await,
            json!({"errors": [{"type": "fatal", "code": "authorization error", "message": message}]})
        );
        assert_eq!(calls(&stage).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_address_or_a_ping_without_success_is_not_healthy() {
    let ping = || Answer::get("/ping");
    for (answer, code) in [
        (ping().status(400).json(json!({"message": "no"})), "invalid argument"),
        (ping().status(404), "not found"),
        (ping().status(406), "unknown"),
        (ping().status(302).header("Location", "https://elsewhere.example/"), "unknown"),
        (ping().status(403).json(json!({"message": "Not in your package."})), "permission denied"),
        (ping().status(500), "unknown"),
        (ping().json(json!({"success": false})), "key error"),
        (ping().json(json!({"success": "true"})), "key error"),
        (ping().json(json!({})), "key error"),
        (ping().json(json!([])), "key error"),
        (ping().json(json!([{"success": false}, {"success": true}])), "key error"),
        (ping().text("<html>It works!</html>").header("Content-Type", "text/html"), "key error"),
        (ping(), "key error"),
    ] {
        let stage = setup().start().await;
        stage.sim.answer(SIDE, answer.clone());
        let health = stage.health().await;
        assert_eq!(errors(&health), [("fatal", code)], "{answer:?}");
        assert!(health.get("data").is_none(), "{health}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_self_signed_certificate_is_reported() {
    let url = self_signed_host();
    let stage = setup()
        .setting("RELAY_PROVIDER__API_URL", &url)
        .setting("RELAY_PROVIDER__RETRIES", "0")
        .start()
        .await;
    let health = stage.health().await;
    assert_eq!(errors(&health), [("fatal", "unknown")]);
    let message = message(&health);
    assert!(message.starts_with("Unable to verify SSL certificate: "), "{message}");
}
