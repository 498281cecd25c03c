//! `/health`, `/refer`, `/respond`: the answers of the smaller endpoints.

use relay_testkit::{Setup, errors};
use serde_json::{Value, json};

use crate::acme::{setup, thing, unjudging_relay};
use crate::mock::{Mock, Reply};
use crate::only_error;

#[tokio::test(flavor = "multi_thread")]
async fn health_makes_a_real_call_with_the_users_credentials() {
    let provider = Mock::always(Reply::json(&json!({}))).await;
    let stage = setup(&provider).start().await;
    assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}));
    assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}));
    let calls = provider.calls();
    assert_eq!(calls.len(), 2, "health is never answered from memory");
    assert_eq!((calls[0].method.as_str(), calls[0].target.as_str()), ("GET", "/me"));
    assert_eq!(calls[0].header("x-acme-key"), "key-one");
    assert_eq!(calls[0].header("user-agent"), "relay-acme/1.2.3");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_tells_what_is_wrong_and_needs_no_body() {
    let provider = Mock::always(Reply::status(401)).await;
    let stage = setup(&provider).start().await;
    for body in ["", "nonsense", "[]"] {
        let response = stage.raw("/health", Some(&stage.token()), body).await;
        let answer: Value = response.json().await.expect("JSON");
        only_error(&answer, "fatal", "authorization error");
    }
    let answer = stage.ask("/health", None, &Value::Null).await;
    only_error(&answer, "fatal", "authorization error");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_need_neither_token_nor_provider() {
    let provider = Mock::silent().await;
    let stage = setup(&provider).start().await;
    // A user has no page, although other endpoints look it up.
    let asked = [("domain", "a b&c.example"), ("sha1", "x"), ("ip", "1.1.1.1"), ("user", "u")];
    let answer = stage.refer(&asked).await;
    let links = answer["data"].as_array().expect("links");
    assert_eq!(links.len(), 2);
    assert_eq!(links[0]["url"], format!("{}/search?q=a%20b%26c.example", provider.url));
    assert_eq!(stage.refer(&[]).await, json!({"data": []}));
    assert_eq!(provider.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_are_offered_beside_the_errors_of_other_observables() {
    let provider = Mock::start(|call| async move {
        match call.last_segment() {
            "a.example" => Reply::json(&json!(["isolate", "scan"])),
            _ => Reply::status(403),
        }
    })
    .await;
    let stage = setup(&provider).start().await;
    let answer = stage.respond(&[("domain", "b.example"), ("domain", "a.example")]).await;
    assert_eq!(errors(&answer), [("fatal", "permission denied")]);
    let ids: Vec<&Value> = answer["data"].as_array().expect("actions").iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, ["isolate", "scan"]);
    assert_eq!(answer["data"][0]["query-params"]["observable_value"], "a.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_says_whether_it_worked() {
    let provider = Mock::in_turn([Reply::json(&json!({})), Reply::status(500)]).await;
    let stage = setup(&provider).start().await;
    let body = json!({"action-id": "isolate", "observable_type": "ip", "observable_value": "1.1.1.1"});
    assert_eq!(stage.trigger(&body).await, json!({"data": {"status": "success"}}));
    let answer = stage.trigger(&body).await;
    assert_eq!(answer["data"], json!({"status": "failure"}));
    assert_eq!(errors(&answer), [("fatal", "unknown")]);
    let calls = provider.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!((calls[0].method.as_str(), calls[0].target.as_str()), ("POST", "/actions/isolate"));
    assert_eq!(calls[0].body, br#"{"value":"1.1.1.1"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_without_its_fields_is_not_carried_out() {
    let provider = Mock::always(Reply::json(&json!({}))).await;
    let stage = setup(&provider).start().await;
    for (body, place) in [
        (json!([]), "The body must be an object."),
        (json!({"observable_type": "ip", "observable_value": "1.1.1.1"}), "action-id: is missing."),
        (
            json!({"action-id": "x", "observable_type": "ip", "observable_value": ""}),
            "observable_value: must not be blank.",
        ),
        (
            json!({"action-id": "x", "observable_type": "ip", "observable_value": "1.1.1.1", "count": "many"}),
            "count: must be a whole number.",
        ),
    ] {
        let answer: Value = stage
            .raw("/respond/trigger", Some(&stage.token()), body.to_string())
            .await
            .json()
            .await
            .expect("JSON");
        let message = only_error(&answer, "fatal", "invalid argument");
        assert_eq!(message, format!("Invalid JSON payload received. {place}"));
    }
    assert_eq!(provider.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_has_an_empty_answer_and_asks_nobody() {
    let provider = Mock::always(thing(true, &[])).await;
    let stage = setup(&provider).start().await;
    assert_eq!(stage.observe(&[]).await, json!({"data": {}}));
    assert_eq!(stage.deliberate(&[]).await, json!({"data": {}}));
    assert_eq!(stage.respond(&[]).await, json!({"data": []}));
    assert_eq!(stage.observe(&[("sha1", "x"), ("DOMAIN", "a.example")]).await, json!({"data": {}}));
    assert_eq!(provider.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_without_verdicts_checks_the_token_and_reads_no_body() {
    let stage = Setup::new(unjudging_relay, json!({"key": "key-one"}), &[]).start().await;
    for body in [json!([{"type": "domain", "value": "a.example"}]), json!([]), json!("nonsense")] {
        let answer = stage.ask("/deliberate/observables", Some(&stage.token()), &body).await;
        assert_eq!(answer, json!({"data": {}}), "{body}");
    }
    let answer = stage.ask("/deliberate/observables", None, &json!([])).await;
    assert_eq!(errors(&answer), [("fatal", "authorization error")]);
}
