//! Bodies of requests: their size, their form, and what is checked before them.

use relay_testkit::{Stage, asked, docs};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::acme::{setup, thing};
use crate::manners::{json_of, stage};
use crate::mock::Mock;
use crate::only_error;

#[tokio::test(flavor = "multi_thread")]
async fn a_body_larger_than_allowed_is_refused() {
    let stage = stage().await;
    for size in [1_048_577, 4 << 20] {
        let response = stage.raw("/observe/observables", Some(&stage.token()), vec![b' '; size]).await;
        assert_eq!(response.status(), 413);
        let answer = json_of(response).await;
        let message = only_error(&answer, "fatal", "payload too large");
        assert_eq!(message, "The request body is larger than 1048576 bytes (RELAY_MAX_BODY).");
    }
    let mut largest = b"[]".to_vec();
    largest.resize(1_048_576, b' ');
    let response = stage.raw("/observe/observables", Some(&stage.token()), largest).await;
    assert_eq!(json_of(response).await, json!({"data": {}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_unknown_length_is_bounded_too() {
    let provider = Mock::always(thing(true, &[])).await;
    let stage = setup(&provider).setting("RELAY_MAX_BODY", "1000").start().await;
    let mut socket = connect(&stage).await;
    let head = "POST /observe/observables HTTP/1.1\r\nHost: x\r\nAuthorization: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("400\r\n{}\r\n", " ".repeat(0x400));
    socket.write_all(format!("{head}{chunk}").as_bytes()).await.expect("a connection");
    assert!(read_head(&mut socket).await.starts_with("HTTP/1.1 413 "));
}

async fn connect(stage: &Stage) -> TcpStream {
    TcpStream::connect(stage.relay.url.trim_start_matches("http://")).await.expect("a connection")
}

async fn read_head(socket: &mut TcpStream) -> String {
    let mut head = vec![0; 64];
    let read = socket.read(&mut head).await.expect("an answer");
    String::from_utf8_lossy(&head[..read]).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_read_whatever_its_content_type_says() {
    let stage = stage().await;
    let body = asked(&[("domain", "a.example")]).to_string();
    for content_type in ["application/json", "text/plain", "application/x-www-form-urlencoded", "not/ä type"]
    {
        let request = stage.http.post(format!("{}/observe/observables", stage.relay.url));
        let request = request.bearer_auth(stage.token()).header("Content-Type", content_type.as_bytes());
        let answer = json_of(request.body(body.clone()).send().await.expect("an answer")).await;
        assert_eq!(docs(&answer, "verdicts").len(), 1, "{content_type}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_list_of_observables_says_where() {
    let stage = stage().await;
    let table = [
        ("", "The body is empty."),
        ("{", "The body is not JSON: "),
        ("\u{feff}[]", "The body is not JSON: "),
        ("{}", "The body must be a list of observables."),
        ("[1]", "[0]: must be an object"),
        (r#"[{"type": "ip", "value": "1.1.1.1"}, {"type": "ip"}]"#, "[1].value: is missing"),
        (r#"[{"type": "ip", "value": " "}]"#, "[0].value: must not be blank"),
        (r#"[{"type": 7, "value": "x"}]"#, "[0].type: must be a string"),
    ];
    for (body, place) in table {
        for path in
            ["/observe/observables", "/deliberate/observables", "/refer/observables", "/respond/observables"]
        {
            let answer = json_of(stage.raw(path, Some(&stage.token()), body).await).await;
            let message = only_error(&answer, "fatal", "invalid argument");
            let rest = message.strip_prefix("Invalid JSON payload received. ");
            assert!(rest.is_some_and(|rest| rest.starts_with(place)), "{path} {body}: {message}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_checked_before_the_claims_and_they_before_the_body() {
    let stage = stage().await;
    let without_claim = stage.token_with(&json!({"key": null}));
    for path in
        ["/observe/observables", "/deliberate/observables", "/respond/observables", "/respond/trigger"]
    {
        for (token, problem) in [(None, "header is missing"), (Some(&without_claim), "lacks the claim `key`")]
        {
            let answer = json_of(stage.raw(path, token.map(String::as_str), "nonsense").await).await;
            let message = only_error(&answer, "fatal", "authorization error");
            assert!(message.contains(problem), "{path}: {message}");
        }
        let answer = json_of(stage.raw(path, Some(&stage.token()), "nonsense").await).await;
        only_error(&answer, "fatal", "invalid argument");
    }
}
