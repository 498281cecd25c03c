//! Why a request failed stands in its line of the log, and no secret does.

use std::net::TcpListener;

use provider_sim::{Options, Sim};
use serde_json::{Value, json};

use crate::process::{Program, SECRET, token};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const BODY: &str = r#"[{"type": "domain", "value": "hush-hush.example"}]"#;

/// The line of the only request with this id.
fn line<'a>(log: &'a [Value], id: &str) -> &'a Value {
    let lines: Vec<&Value> = log.iter().filter(|line| line["request_id"] == id).collect();
    let requests: Vec<&&Value> = lines.iter().filter(|line| line["message"] == "request").collect();
    assert_eq!(requests.len(), 1, "{lines:?}");
    requests[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_of_a_failed_request_says_which_check_of_its_token_failed() {
    let sim = Sim::start(Options::default()).await.expect("a simulator");
    let program = Program::start(&[]);
    let good = json!({"key": "demo-key", "password": "demo-password"});
    let keys = sim.keys();
    let signed = |secret: &[u8], more: Value| {
        let mut claims = good.clone();
        claims.as_object_mut().expect("claims").extend(more.as_object().expect("claims").clone());
        keys.hs256(secret, &claims)
    };
    let own = SECRET.as_bytes();
    let table = [
        ("cut", "nonsense".to_owned(), "form", "the token is not a JWT"),
        ("forged", signed(b"another secret", json!({})), "signature", "the token's signature is wrong"),
        ("old", signed(own, json!({"exp": 1})), "time", "expired"),
        ("elsewhere", signed(own, json!({"aud": "https://other.example"})), "audience", "wrong audience"),
        ("bare", keys.hs256(own, &json!({"key": "demo-key"})), "claims", "`password`"),
        ("stranger", keys.sign(&good), "key host", "the token lacks the claim `jwks_host`"),
    ];
    for (id, token, ..) in &table {
        let headers =
            format!("Authorization: Bearer {token}\r\ntraceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\n");
        program.ask_with("/observe/observables", id, &headers, BODY);
    }
    program.ask_with(
        "/observe/observables",
        "nobody",
        "traceparent: 00-s3cr3t-00f067aa0ba902b7-01\r\n",
        BODY,
    );
    program.terminate();
    let (_, log) = program.ended();
    for (id, _, check, words) in table {
        let line = line(&log, id);
        assert_eq!((&line["check"], &line["outcome"]), (&json!(check), &json!("error")), "{line}");
        assert_eq!(line["error_codes"], "authorization error", "{line}");
        let messages = line["error_messages"].as_str().expect("the messages");
        assert!(messages.starts_with("authorization error: Authorization failed: "), "{messages}");
        assert!(messages.contains(words), "{messages}");
        for (field, value) in [("relay", "xforce"), ("endpoint", "observe"), ("trace_id", TRACE)] {
            assert_eq!(line[field], value, "{line}");
        }
    }
    let nobody = line(&log, "nobody");
    assert_eq!((&nobody["check"], &nobody["trace_id"]), (&json!("header"), &Value::Null), "{nobody}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_of_a_failed_request_says_what_its_user_read() {
    let sim = Sim::start(Options::default()).await.expect("a simulator");
    let nobody = {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        free.local_addr().expect("an address")
    };
    let api = format!("http://{nobody}");
    let program = Program::start(&[("RELAY_PROVIDER__API_URL", &api), ("RELAY_PROVIDER__RETRIES", "0")]);
    let authorization = format!("Authorization: Bearer {}\r\n", token(&sim, "demo-key", "demo-password"));
    program.ask_with("/observe/observables", "away", &authorization, BODY);
    program.ask_with("/observe/observables", "body", &authorization, r#"[{"type": "domain", "value": 7}]"#);
    program.ask_with("/hush", "path", &authorization, "");
    let good = program.ask_with("/refer/observables", "good", "", BODY);
    assert!(good.starts_with("HTTP/1.1 200 "), "{good}");
    program.terminate();
    let (_, log) = program.ended();
    let away = line(&log, "away");
    assert_eq!(away["error_codes"], "connection error", "{away}");
    let messages = away["error_messages"].as_str().expect("the messages");
    assert!(
        messages.contains("127.0.0.1 cannot be reached") && !messages.contains("hush-hush"),
        "{messages}"
    );
    let body = line(&log, "body");
    assert_eq!(body["error_codes"], "invalid argument", "{body}");
    assert!(body["error_messages"].as_str().is_some_and(|words| words.contains("[0].value")), "{body}");
    let path = line(&log, "path");
    assert_eq!(
        (&path["error_codes"], &path["endpoint"], &path["outcome"]),
        (&json!("not found"), &json!("other"), &json!("refused")),
        "{path}"
    );
    let good = line(&log, "good");
    assert_eq!(
        (&good["errors"], &good["error_codes"], &good["check"]),
        (&json!(0), &Value::Null, &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_in_no_line_and_no_metric_wherever_a_caller_puts_it() {
    const CANARY: &str = "s3cr3t-canary";
    let sim = Sim::start(Options::default()).await.expect("a simulator");
    let api = format!("{}/xforce", sim.url());
    let program = Program::start(&[("RELAY_PROVIDER__API_URL", &api), ("RELAY_LOG", "trace")]);
    let keys = sim.keys();
    let own = SECRET.as_bytes();
    let claims = json!({"key": format!("{CANARY}-key"), "password": format!("{CANARY}-word"), "other": CANARY,
        "CTR_ENTITIES_LIMIT": CANARY});
    let tokens = [
        keys.hs256(own, &claims),
        keys.hs256(CANARY.as_bytes(), &claims),
        format!("{CANARY}.{CANARY}.{CANARY}"),
        CANARY.to_owned(),
    ];
    for token in &tokens {
        for path in ["/health", "/observe/observables", "/respond/trigger", "/tiles/tile-data"] {
            let path = format!("{path}?key={CANARY}#{CANARY}");
            for scheme in ["Bearer", "Basic"] {
                let headers = format!(
                    "Authorization: {scheme} {token}\r\nX-Api-Key: {CANARY}\r\n\
                    Cookie: key={CANARY}\r\ntraceparent: 00-{CANARY}-{CANARY}-01\r\nX-Forwarded-Host: {CANARY}\r\n"
                );
                program.ask_with(&path, "canary", &headers, BODY);
            }
        }
    }
    let metrics = program.probe("/metrics");
    assert!(metrics.contains("relay_requests_total") && !metrics.contains(CANARY), "{metrics}");
    program.terminate();
    let (_, log) = program.ended();
    assert!(log.iter().any(|line| line["level"] == "TRACE"), "the finest level is on");
    let leaks: Vec<&Value> = log.iter().filter(|line| line.to_string().contains(CANARY)).collect();
    assert!(leaks.is_empty(), "{leaks:?}");
}
