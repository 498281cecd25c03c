//! What the program logs.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use provider_sim::{Options, Sim};
use relay_testkit::eventually_blocking;
use serde_json::{Value, json};

use crate::process::{Program, Provider, SECRET, token};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_nobody_waits_for_any_more_is_in_the_log() {
    let sim = Sim::start(Options::default()).await.expect("a simulator");
    let provider = Provider::listen();
    let url = provider.url();
    let program = Program::start(&[("RELAY_PROVIDER__API_URL", &url)]);
    let mut socket = TcpStream::connect(&program.address).expect("a connection");
    let token = token(&sim, "demo-key", "demo-password");
    write!(
        socket,
        "POST /health HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nX-Request-Id: given-up\r\n\
         traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nContent-Length: 0\r\n\r\n"
    )
    .expect("a request");
    let _call = provider.call();
    drop(socket);
    eventually_blocking("the request counts as aborted", || {
        program
            .probe("/metrics")
            .contains(r#"relay_requests_total{endpoint="health",outcome="aborted",relay="xforce"} 1"#)
    });
    program.terminate();
    let (_, log) = program.ended();
    let lines: Vec<&Value> = log.iter().filter(|line| line["request_id"] == "given-up").collect();
    assert_eq!(lines.len(), 1, "{log:?}");
    assert_eq!(lines[0]["message"], "the client went away before its answer");
    for (field, value) in [
        ("relay", "xforce"),
        ("method", "POST"),
        ("path", "/health"),
        ("endpoint", "health"),
        ("outcome", "aborted"),
        ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
    ] {
        assert_eq!(lines[0][field], value, "{}", lines[0]);
    }
}

/// Good and bad requests, and the log of them.
async fn log_of_requests(settings: &[(&str, &str)]) -> (Vec<Value>, Vec<String>) {
    let sim = Sim::start(Options::default()).await.expect("a simulator");
    let api = format!("{}/xforce", sim.url());
    let origin = sim.url();
    let mut all =
        vec![("RELAY_PROVIDER__API_URL", api.as_str()), ("RELAY_AUTH__JWKS_HOSTS", origin.as_str())];
    all.extend(settings);
    let program = Program::start(&all);

    let good = token(&sim, "demo-key", "demo-password");
    let platforms = {
        let aud = format!("http://{}", program.address);
        let claims =
            json!({"key": "demo-key", "password": "demo-password", "jwks_host": sim.host(), "aud": aud});
        sim.keys().sign(&claims)
    };
    let refused = token(&sim, "wrong-key-1234", "wrong-password-1234");
    let forged =
        sim.keys().hs256(b"another secret", &json!({"key": "forged-key", "password": "forged-password"}));
    let tokens = [good, platforms, refused, forged];
    let body =
        r#"[{"type": "domain", "value": "hush-hush.example"}, {"type": "ip", "value": "203.0.113.77"}]"#;
    for token in &tokens {
        for path in ["/health", "/observe/observables", "/deliberate/observables", "/refer/observables"] {
            assert!(program.ask(path, token, body).starts_with("HTTP/1.1 200 "));
        }
        assert!(
            program.ask("/observe/observables", token, "not json").contains(r#"{"errors":[{"type":"fatal""#)
        );
        assert!(program.ask("/hush-path", token, body).starts_with("HTTP/1.1 404 "));
    }
    assert!(program.probe("/metrics").starts_with("HTTP/1.1 200 "));
    program.terminate();
    let (code, log) = program.ended();
    assert_eq!(code, Some(0));

    let mut secrets: Vec<String> = [
        "demo-key",
        "demo-password",
        "wrong-key-1234",
        "wrong-password-1234",
        "forged-key",
        "forged-password",
        SECRET,
        // The same as HTTP Basic: `demo-key:demo-password`, `wrong-key-1234:...`.
        "ZGVtby1rZXk6",
        "d3Jvbmcta2V5LTEyMzQ6",
    ]
    .map(str::to_owned)
    .into();
    // The payload of a token holds the credentials, its signature makes it valid.
    secrets
        .extend(tokens.iter().flat_map(|token| token.split('.').skip(1)).map(|part| part[..20].to_owned()));
    (log, secrets)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_is_logged_at_any_level() {
    let (log, secrets) = log_of_requests(&[("RELAY_LOG", "trace")]).await;
    assert!(log.iter().any(|line| line["level"] == "TRACE"), "the finest level is on");
    for line in &log {
        let line = line.to_string();
        for secret in &secrets {
            assert!(!line.contains(secret.as_str()), "{secret} is in {line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_one_line_with_its_id_and_without_its_observables() {
    let (log, secrets) = log_of_requests(&[]).await;
    let lines: Vec<&Value> = log.iter().filter(|line| line["message"] == "request").collect();
    assert_eq!(lines.len(), 4 * 6);
    for line in &lines {
        assert_eq!(line["request_id"], "request-7", "{line}");
        for field in ["method", "path", "status", "ms", "observables", "entities", "provider_calls", "errors"]
        {
            assert!(!line[field].is_null(), "{field} is missing in {line}");
        }
    }
    let observe = lines.iter().find(|line| line["path"] == "/observe/observables").expect("a line");
    assert_eq!((&observe["status"], &observe["observables"]), (&json!(200), &json!(2)), "{observe}");
    assert!(
        observe["provider_calls"].as_u64() > Some(3) && observe["entities"].as_u64() > Some(0),
        "{observe}"
    );
    for line in &log {
        assert!(line["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
        let line = line.to_string();
        for hidden in secrets.iter().map(String::as_str).chain(["hush-hush", "203.0.113.77"]) {
            assert!(!line.contains(hidden), "{hidden} is in {line}");
        }
    }
}

/// How many lines the program counts as dropped.
fn dropped_lines(program: &Program) -> u64 {
    let metrics = program.probe("/metrics");
    let line = metrics.lines().find(|line| line.starts_with("relay_log_lines_dropped_total{"));
    let count = line.and_then(|line| line.rsplit(' ').next()).expect("the metric is there from the start");
    count.parse().expect("a number")
}

/// A program with a log that is not read, and of which lines were dropped.
fn with_a_full_log() -> Program {
    // At this level a request has dozens of lines.
    let program = Program::start_unread(&[("RELAY_LOG", "trace"), ("RELAY_LOG_QUEUE", "50")]);
    assert_eq!(dropped_lines(&program), 0);
    eventually_blocking("lines are dropped", || {
        assert!(program.ask("/refer/observables", "", "[]").starts_with("HTTP/1.1 200 "));
        dropped_lines(&program) > 0
    });
    program
}

#[test]
fn a_log_that_nobody_reads_stops_neither_requests_nor_the_end() {
    let mut program = with_a_full_log();
    for _ in 0..20 {
        let start = Instant::now();
        assert!(program.ask("/refer/observables", "", "[]").starts_with("HTTP/1.1 200 "));
        assert!(start.elapsed() < Duration::from_secs(5), "a request waits for the reader of the log");
        assert!(program.probe("/readyz").starts_with("HTTP/1.1 200 "));
    }
    let start = Instant::now();
    program.terminate();
    assert_eq!(program.exit_code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(15), "the end waits for the reader of the log");
}

#[test]
fn a_reader_that_goes_on_learns_how_many_lines_it_missed() {
    let mut program = with_a_full_log();
    program.read_log();
    // Once the queue is empty, lines are dropped no more.
    let mut dropped = dropped_lines(&program);
    eventually_blocking("the reader has caught up", || {
        let before = std::mem::replace(&mut dropped, dropped_lines(&program));
        before == dropped
    });
    program.terminate();
    let (code, log) = program.ended();
    assert_eq!(code, Some(0));
    let notices = log.iter().filter(|line| {
        line["message"].as_str().is_some_and(|message| message.starts_with("log lines were dropped"))
    });
    let missed: u64 = notices.map(|notice| notice["lines"].as_u64().expect("a number")).sum();
    assert!(missed >= dropped && dropped > 0, "{missed} reported, {dropped} counted");
    assert!(log.iter().any(|line| line["message"] == "stopped"), "the last lines were lost at the end");
}
