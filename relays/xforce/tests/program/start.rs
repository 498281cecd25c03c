//! What keeps the program from its start, and what it says of itself when it starts.

use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::TcpListener;

use provider_sim::{Options, Sim};
use serde_json::Value;

use crate::process::{Program, Provider, run, text, token};

/// With backtraces on: they are for faults of the program.
const TEXT: [(&str, &str); 2] = [("RELAY_LOG_FORMAT", "text"), ("RUST_BACKTRACE", "1")];

/// The lines of a start that fails with these settings.
fn refused(settings: &[(&str, &str)]) -> Vec<String> {
    let output = run(&[], settings);
    assert_eq!(output.status.code(), Some(1), "{settings:?}");
    text(&output.stderr).lines().map(str::to_owned).collect()
}

#[test]
fn a_bad_setting_stops_the_start_with_one_line_that_names_it() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = holder.local_addr().expect("an address").to_string();
    let table = [
        ("RELAY_DEADLINE", "soon", "`soon` is not a time"),
        ("RELAY_WORKERS", "0", "`0` is not a whole number from 1 to 1024"),
        ("RELAY_LOG", "inof", "`inof` is neither a level"),
        ("RELAY_CONFIG", "/no/such/file.toml", "/no/such/file.toml cannot be used"),
        ("RELAY_AUTH__SECRET_KEY_FILE", "/no/such/file", "cannot read /no/such/file"),
        ("RELAY_AUTH__JWKS_HOSTS", "keys.example/path", "`keys.example/path` is neither a host"),
        ("RELAY_AUTH__AUDIENCE", "relay.example", "`relay.example` has no scheme"),
        ("RELAY_PROVIDER__CA_FILE", "/no/such/file", "/no/such/file: "),
        ("RELAY_PROVIDER__CA_FILE", "/dev/null", "/dev/null: holds no certificate"),
        ("RELAY_PROVIDER__API_URL", "xforce", "`xforce` is not a URL"),
        ("RELAY_PROVIDER__RESOLVE_ENABLED", "perhaps", "`perhaps` is not `true` or `false`"),
        ("HTTPS_PROXY", "http://proxy example", "is not a URL ("),
        ("RELAY_LISTEN", taken.as_str(), "cannot listen on 127.0.0.1:"),
        ("RELAY_ADMIN_LISTEN", taken.as_str(), "cannot listen on 127.0.0.1:"),
    ];
    for (name, value, problem) in table {
        let lines = refused(&[(name, value), TEXT[0], TEXT[1]]);
        assert!(lines[0].starts_with(&format!("Error: {name}: {problem}")), "{lines:?}");
        assert_eq!(lines.len(), 1, "{lines:?}");
        let lines = refused(&[(name, value), ("RELAY_LOG_FORMAT", "json"), TEXT[1]]);
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line: Value = serde_json::from_str(&lines[0]).expect("a JSON line");
        assert_eq!(line["level"], "ERROR");
        let message = line["message"].as_str().expect("a message");
        assert!(message.starts_with(&format!("{name}: {problem}")), "{message}");
    }
    let lines = refused(&[("RELAY_LOG_FORMAT", "xml")]);
    assert!(lines[0].starts_with("Error: RELAY_LOG_FORMAT: `xml` is neither"), "{lines:?}");
}

#[test]
fn all_settings_that_are_wrong_are_told_at_once() {
    let wrong = [
        ("RELAY_DEADLINE", "soon"),
        ("RELAY_PROVIDER__CA_FILE", "/dev/null"),
        ("RELAY_PROVIDER__RESOLVE_ENABLED", "perhaps"),
        ("RELAY_PROVIDER__COLLECTIONS", "0"),
        ("RELAY_AUTH__JWKS_HOSTS", "keys.example/path"),
        ("HTTPS_PROXY", "http://user:s3cr3t@"),
    ];
    let lines = refused(&[wrong.as_slice(), &TEXT].concat());
    assert_eq!(lines.len(), wrong.len(), "{lines:?}");
    for (name, _) in wrong {
        let named: Vec<&String> =
            lines.iter().filter(|line| line.starts_with(&format!("Error: {name}: "))).collect();
        assert_eq!(named.len(), 1, "{name}: {lines:?}");
    }
    assert!(lines.iter().all(|line| !line.contains("s3cr3t")), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_proxy_is_blamed_and_not_the_provider() {
    let sim = Sim::start(Options::default()).await.expect("a simulator");
    let dead = {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        free.local_addr().expect("an address")
    };
    let proxy = format!("http://user:s3cr3t@{dead}");
    let provider =
        [("RELAY_PROVIDER__API_URL", "https://provider.example"), ("RELAY_PROVIDER__RETRIES", "0")];
    let program =
        Program::start(&[provider[0], provider[1], ("https_proxy", &proxy), ("NO_PROXY", "localhost")]);
    let answer = program.ask("/health", &token(&sim, "demo-key", "demo-password"), "");
    let blamed = format!("cannot connect to the proxy http://{dead} (");
    assert!(answer.contains(&blamed) && !answer.contains("s3cr3t"), "{answer}");
    program.terminate();
    let (_, log) = program.ended();
    let note = format!(
        "calls to https addresses go through the proxy http://{dead} (https_proxy), except those to localhost (NO_PROXY)"
    );
    assert!(log.iter().any(|line| line["message"] == note.as_str() && line["level"] == "INFO"), "{log:?}");
    assert!(log.iter().all(|line| !line.to_string().contains("s3cr3t")), "{log:?}");
}

/// What the user reads of a call to `https://provider.example` through a proxy that answers with these bytes, and with
/// others to what is sent next.
async fn through_a_proxy_that_answers(bytes: &[u8], then: &[u8]) -> (String, String) {
    let sim = Sim::start(Options::default()).await.expect("a simulator");
    let proxy = Provider::listen();
    let url = proxy.url();
    let provider =
        [("RELAY_PROVIDER__API_URL", "https://provider.example"), ("RELAY_PROVIDER__RETRIES", "0")];
    let program = Program::start(&[provider[0], provider[1], ("HTTPS_PROXY", &url)]);
    let token = token(&sim, "demo-key", "demo-password");
    let answer = std::thread::scope(|scope| {
        let request = scope.spawn(|| program.ask("/health", &token, ""));
        let mut call = proxy.call();
        let asked = BufReader::new(call.try_clone().expect("the same connection"));
        assert!(asked.lines().any(|line| line.is_ok_and(|line| line.is_empty())), "the call broke off");
        call.write_all(bytes).expect("the proxy's answer");
        if !then.is_empty() {
            let mut next = [0; 1];
            call.read_exact(&mut next).expect("what comes next");
            call.write_all(then).expect("the answer to it");
        }
        request.join().expect("an answer")
    });
    (answer, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_refuses_is_blamed_too() {
    let refused = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
    let (answer, url) = through_a_proxy_that_answers(refused, b"").await;
    let blamed = format!(
        "the proxy {url} does not connect to provider.example (tunnel error: proxy authorization required)"
    );
    assert!(answer.contains(&blamed), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_not_blamed_for_a_provider_that_refuses_the_handshake() {
    let handshake_failure = b"\x15\x03\x03\x00\x02\x02\x28";
    let (answer, url) = through_a_proxy_that_answers(b"HTTP/1.1 200 OK\r\n\r\n", handshake_failure).await;
    assert!(answer.contains("provider.example cannot be reached ("), "{answer}");
    assert!(!answer.contains(&url), "{answer}");
}
