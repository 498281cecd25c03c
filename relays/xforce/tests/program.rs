//! The program itself: its flags, what stops its start, its log, its probe and its orderly end.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;

use provider_sim::{Options, Sim};
use relay_core::settings::SETTINGS;
use serde_json::{Value, json};

const SECRET: &str = "a-shared-secret-of-more-than-32-bytes";

/// The program with an environment of its own, on free ports.
fn command(settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relay-xforce"));
    command.env_clear().envs([
        ("RELAY_LISTEN", "127.0.0.1:0"),
        ("RELAY_ADMIN_LISTEN", "127.0.0.1:0"),
        ("RELAY_WORKERS", "1"),
        ("RELAY_LOG_FORMAT", "json"),
        ("SECRET_KEY", SECRET),
    ]);
    command.envs(settings.iter().copied());
    command
}

/// Runs the program to its end.
fn run(arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    command(settings).args(arguments).output().expect("the program")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// A running relay.
struct Program {
    child: Child,
    address: String,
    admin: String,
    log: Option<JoinHandle<Vec<Value>>>,
}

/// A test that fails leaves no process behind.
impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    /// Starts it and waits for the line that tells its addresses.
    fn start(settings: &[(&str, &str)]) -> Self {
        let mut child = command(settings).stderr(Stdio::piped()).spawn().expect("the program");
        let stderr = child.stderr.take().expect("its log");
        let (started, addresses) = mpsc::channel();
        let log = std::thread::spawn(move || {
            let mut lines = Vec::new();
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let line: Value =
                    serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON line: {line}"));
                if let Some(addresses) = addresses_in(line["message"].as_str().expect("a message")) {
                    // Nobody waits for a second one.
                    let _ = started.send(addresses);
                }
                lines.push(line);
            }
            lines
        });
        let (address, admin) = addresses.recv().expect("the line that is logged at start");
        Self { child, address, admin, log: Some(log) }
    }

    /// Ends it as an orchestrator does.
    fn terminate(&self) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().expect("kill");
        assert!(sent.success());
    }

    /// Its exit code and its log.
    fn ended(mut self) -> (Option<i32>, Vec<Value>) {
        let status = self.child.wait().expect("its end");
        let log = self.log.take().expect("a log that nobody took");
        (status.code(), log.join().expect("its log"))
    }

    /// Asks it on behalf of a user; gives the body of the answer.
    fn ask(&self, path: &str, token: &str, body: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).expect("a connection");
        write!(
            socket,
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nX-Request-Id: request-7\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len(),
        )
        .expect("a request");
        read(socket)
    }

    fn probe(&self, path: &str) -> String {
        let mut socket = TcpStream::connect(&self.admin).expect("a connection");
        write!(socket, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("a request");
        read(socket)
    }
}

/// The whole answer on a connection that is closed after it.
fn read(mut socket: TcpStream) -> String {
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    answer
}

/// Both addresses in `... on 127.0.0.1:1, probes and metrics on 127.0.0.1:2, ...`.
fn addresses_in(message: &str) -> Option<(String, String)> {
    let (before, after) = message.split_once(", probes and metrics on ")?;
    let address = before.rsplit(' ').next()?;
    Some((address.to_owned(), after.split(',').next()?.to_owned()))
}

/// A token of the shared secret.
fn token(sim: &Sim, key: &str, password: &str) -> String {
    sim.keys().hs256(SECRET.as_bytes(), &json!({"key": key, "password": password}))
}

#[test]
fn the_version_is_printed() {
    let output = run(&["--version"], &[]);
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), concat!("relay-xforce ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn the_help_lists_every_setting() {
    let output = run(&["--help"], &[]);
    assert!(output.status.success());
    let help = text(&output.stdout);
    for setting in SETTINGS.iter().chain(relay_xforce::relay().module().settings) {
        let row =
            help.lines().find(|line| line.trim_start().starts_with(&format!("{} ", setting.variable())));
        let row = row.unwrap_or_else(|| panic!("{} is not in the help", setting.variable()));
        assert!(row.contains(setting.help) && row.contains(setting.default), "{row}");
    }
    for word in
        ["healthcheck", "--version", "RELAY_CONFIG", "SECRET_KEY", "CTR_ENTITIES_LIMIT", "HTTPS_PROXY"]
    {
        assert!(help.contains(word), "{word} is not in the help");
    }
}

#[test]
fn an_unknown_argument_is_refused() {
    let output = run(&["--serve"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "Error: unknown arguments: --serve; `relay-xforce --help` lists what there is\n"
    );
}

#[test]
fn a_bad_setting_stops_the_start_with_one_line_that_names_it() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = holder.local_addr().expect("an address").to_string();
    let table = [
        ("RELAY_DEADLINE", "soon", "`soon` is not a time"),
        ("RELAY_WORKERS", "0", "`0` is not a whole number from 1 to 1024"),
        ("RELAY_LOG_FORMAT", "xml", "`xml` is neither"),
        ("RELAY_CONFIG", "/no/such/file.toml", "/no/such/file.toml cannot be used"),
        ("RELAY_AUTH__SECRET_KEY_FILE", "/no/such/file", "cannot read /no/such/file"),
        ("RELAY_AUTH__JWKS_HOSTS", "keys.example/path", "`keys.example/path` is neither a host"),
        ("RELAY_PROVIDER__CA_FILE", "/no/such/file", "/no/such/file: "),
        ("RELAY_PROVIDER__CA_FILE", "/dev/null", "/dev/null: holds no certificate"),
        ("RELAY_PROVIDER__API_URL", "xforce", "`xforce` is not a URL"),
        ("RELAY_PROVIDER__RESOLVE_ENABLED", "perhaps", "`perhaps` is not `true` or `false`"),
        ("RELAY_LISTEN", taken.as_str(), "cannot listen on 127.0.0.1:"),
        ("RELAY_ADMIN_LISTEN", taken.as_str(), "cannot listen on 127.0.0.1:"),
    ];
    for (name, value, problem) in table {
        let output = run(&[], &[(name, value)]);
        assert_eq!(output.status.code(), Some(1), "{name}={value}");
        let told = text(&output.stderr);
        assert!(told.starts_with(&format!("Error: {name}: {problem}")), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[test]
fn the_start_says_what_an_operator_should_know() {
    let program = Program::start(&[("RELAY_DEADLIN", "9s"), ("SECRET_KEY", "short")]);
    program.terminate();
    let (code, log) = program.ended();
    assert_eq!(code, Some(0));
    let warnings: Vec<&str> = log
        .iter()
        .filter(|line| line["level"] == "WARN")
        .filter_map(|line| line["message"].as_str())
        .collect();
    for expected in [
        "RELAY_DEADLIN is not a setting of relay-xforce and is ignored",
        "RELAY_AUTH__AUDIENCE is not set: the Host header",
        "RELAY_AUTH__SECRET_KEY is shorter than 32 bytes",
    ] {
        assert!(warnings.iter().any(|warning| warning.starts_with(expected)), "{expected}: {warnings:?}");
    }
    let started: Vec<&str> = log
        .iter()
        .filter_map(|line| line["message"].as_str())
        .filter(|message| message.starts_with(concat!("relay-xforce ", env!("CARGO_PKG_VERSION"), " serves")))
        .collect();
    assert_eq!(started.len(), 1, "{log:?}");
    assert!(started[0].ends_with("accepts tokens: RS256 and HS256"), "{started:?}");
    let others: Vec<&Value> = log.iter().filter(|line| line["level"] == "INFO").skip(1).collect();
    assert_eq!(others.len(), 2, "a start is one line, an end two: {others:?}");
}

#[test]
fn a_healthcheck_asks_the_running_relay() {
    let program = Program::start(&[]);
    let healthy = run(&["healthcheck"], &[("RELAY_ADMIN_LISTEN", &program.admin)]);
    assert!(healthy.status.success(), "{healthy:?}");
    // Without an admin port, the other listener shows that the process lives.
    let healthy = run(&["healthcheck"], &[("RELAY_ADMIN_LISTEN", "off"), ("RELAY_LISTEN", &program.address)]);
    assert!(healthy.status.success(), "{healthy:?}");
    // What answers there is no relay's admin port.
    let wrong = run(&["healthcheck"], &[("RELAY_ADMIN_LISTEN", &program.address)]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("does not answer with status 200"), "{wrong:?}");
    let admin = program.admin.clone();
    program.terminate();
    assert_eq!(program.ended().0, Some(0));
    let gone = run(&["healthcheck"], &[("RELAY_ADMIN_LISTEN", &admin)]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(text(&gone.stderr).contains(&format!("nothing answers on {admin}")), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_a_running_request_finish() {
    let sim = Sim::start(Options::default()).await.expect("a simulator");
    let token = token(&sim, "demo-key", "demo-password");
    // A provider that answers when the test says so.
    let provider = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", provider.local_addr().expect("an address"));
    let program = Program::start(&[("RELAY_PROVIDER__API_URL", &url)]);
    assert!(program.probe("/readyz").starts_with("HTTP/1.1 200 "));

    let answer = std::thread::scope(|scope| {
        let request = scope.spawn(|| program.ask("/health", &token, ""));
        let (mut call, _) = provider.accept().expect("the provider call");
        // An answer that comes before the question would be no answer.
        let question = BufReader::new(call.try_clone().expect("the same connection"));
        assert!(question.lines().any(|line| line.is_ok_and(|line| line.is_empty())), "the call broke off");
        program.terminate();
        while !program.probe("/readyz").starts_with("HTTP/1.1 503 ") {}
        assert!(program.probe("/livez").starts_with("HTTP/1.1 200 "));
        call.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").expect("the provider's answer");
        request.join().expect("an answer")
    });
    assert!(answer.ends_with(r#"{"data":{"status":"ok"}}"#), "{answer}");
    let (address, admin) = (program.address.clone(), program.admin.clone());
    let (code, log) = program.ended();
    assert_eq!(code, Some(0));
    // The server's own threads may still have a word after it.
    assert!(log.iter().any(|line| line["message"] == "stopped"), "{log:?}");
    for gone in [address, admin] {
        assert!(TcpStream::connect(gone).is_err(), "it still listens");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn local_time_is_not_told_as_utc() {
    let sim = Sim::start(Options::default()).await.expect("a simulator");
    let api = format!("{}/xforce", sim.url());
    let program = Program::start(&[("RELAY_PROVIDER__API_URL", &api), ("TZ", "EAST-14")]);
    let answer = program.ask(
        "/deliberate/observables",
        &token(&sim, "demo-key", "demo-password"),
        r#"[{"type": "domain", "value": "login-verify.example"}]"#,
    );
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let body: Value = serde_json::from_str(body).expect("JSON");
    let start = body["data"]["verdicts"]["docs"][0]["valid_time"]["start_time"].as_str().expect("a time");
    let start: jiff::Timestamp = start.parse().expect("a time");
    let apart = start.duration_until(jiff::Timestamp::now()).abs();
    assert!(apart < jiff::SignedDuration::from_mins(30), "{start} is {apart} from now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_nobody_waits_for_any_more_is_in_the_log() {
    let sim = Sim::start(Options::default()).await.expect("a simulator");
    let provider = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", provider.local_addr().expect("an address"));
    let program = Program::start(&[("RELAY_PROVIDER__API_URL", &url)]);
    let mut socket = TcpStream::connect(&program.address).expect("a connection");
    let token = token(&sim, "demo-key", "demo-password");
    write!(
        socket,
        "POST /health HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nX-Request-Id: given-up\r\n\
         Content-Length: 0\r\n\r\n"
    )
    .expect("a request");
    let _call = provider.accept().expect("the provider call");
    drop(socket);
    while !program.probe("/metrics").contains(r#"outcome="aborted""#) {}
    program.terminate();
    let (_, log) = program.ended();
    let lines: Vec<&Value> = log.iter().filter(|line| line["request_id"] == "given-up").collect();
    assert_eq!(lines.len(), 1, "{log:?}");
    assert_eq!(lines[0]["message"], "the client went away before its answer");
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
