//! The endpoints around the lookups, and requests that are not as they should be.

use relay_testkit::errors;
use serde_json::{Value, json};

use crate::{SIDE, calls, message, setup};

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_body_is_reported_after_a_bad_token() {
    let stage = setup().start().await;
    let body = json!([{"type": "domain"}]);
    let answer = stage.ask("/observe/observables", Some(&stage.token()), &body).await;
    assert_eq!(errors(&answer), [("fatal", "invalid argument")]);
    let message = message(&answer);
    assert!(
        message.starts_with("Invalid JSON payload received.") && message.contains("[0].value"),
        "{message}"
    );
    for token in [None, Some("no token"), Some(stage.token_with(&json!({"key": null})).as_str())] {
        let answer = stage.ask("/observe/observables", token, &body).await;
        assert_eq!(errors(&answer), [("fatal", "authorization error")], "{token:?}");
    }
    assert_eq!(calls(&stage), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn further_fields_of_an_observable_do_not_matter() {
    let stage = setup().start().await;
    let body = json!([{"type": "ip", "value": "198.18.1.1", "disposition": 2, "seen": null}]);
    let answer = stage.ask("/observe/observables", Some(&stage.token()), &body).await;
    assert_eq!(answer["data"]["sightings"]["count"], 1);
    assert_eq!(stage.sim.calls_to(SIDE).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_relay_does_not_do_is_not_found() {
    let stage = setup().start().await;
    for path in ["/deliberate/observables", "/respond/observables", "/respond/trigger"] {
        let answer = stage.raw(path, Some(&stage.token()), "[]").await;
        assert_eq!(answer.status(), 404, "{path}");
        let answer: Value = answer.json().await.expect("JSON");
        assert_eq!(errors(&answer), [("fatal", "not found")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn version_and_watchdog_need_no_token() {
    let stage = setup().start().await;
    let version: Value = stage.raw("/version", None, "").await.json().await.expect("JSON");
    assert_eq!(version, json!({"version": env!("CARGO_PKG_VERSION")}));
    let watchdog = stage.http.get(format!("{}/watchdog", stage.relay.url));
    let echoed = watchdog.try_clone().expect("a copy").header("Health-Check", "woof").send().await;
    assert_eq!(echoed.expect("an answer").json::<Value>().await.expect("JSON"), json!({"data": "woof"}));
    let silent: Value = watchdog.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(errors(&silent), [("fatal", "health check failed")]);
    assert_eq!(calls(&stage), [""; 0]);
}
