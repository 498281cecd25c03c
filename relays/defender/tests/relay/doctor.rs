//! `relay-defender doctor`: each fault is named, and nothing else is.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use jiff::{SignedDuration, Timestamp};
use provider_sim::login::directory::{FULL, NO_HUNTING, SECRET};
use provider_sim::{Options, Sim};
use relay_testkit::{TestLimit, self_signed_host};
use serde_json::{Value, json};

const AUDIENCE: &str = "https://defender.relays.example";

/// The program with settings and a token before a simulated world.
struct Bench {
    sim: Sim,
    settings: Vec<(&'static str, String)>,
    claims: Value,
    _limit: TestLimit,
}

impl Bench {
    /// Everything is well.
    async fn start() -> Self {
        let limit = TestLimit::start();
        let sim = Sim::start(Options::default()).await.unwrap();
        let at = |path: &str| format!("{}{path}", sim.url());
        let settings = vec![
            ("RELAY_AUTH__AUDIENCE", AUDIENCE.to_owned()),
            ("RELAY_AUTH__JWKS_HOSTS", at("")),
            ("RELAY_PROVIDER__API_URL", at("/defender")),
            ("RELAY_PROVIDER__LOGIN_URL", at("/login")),
            ("RELAY_PROVIDER__GRAPH_URL", at("/graph")),
        ];
        let claims = json!({
            "client_id": FULL.id, "tenant_id": "11111111-2222-4333-8444-555555555555", "client_secret": SECRET,
            "jwks_host": sim.host(), "aud": AUDIENCE,
        });
        Self { sim, settings, claims, _limit: limit }
    }

    fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.retain(|(set, _)| *set != name);
        self.settings.push((name, value.into()));
        self
    }

    fn claim(mut self, name: &str, value: &str) -> Self {
        self.claims[name] = json!(value);
        self
    }

    /// Exit code and output with these arguments and a token on standard input.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_relay-defender"));
        command.env_clear().envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.arg("doctor").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let token = self.sim.keys().sign(&self.claims);
        // A program that reads none closes its end.
        let _ = child.stdin.take().unwrap().write_all(token.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains(SECRET) && !text.contains(&token), "{text}");
        (output.status.code(), text)
    }

    /// Check, outcome and detail of every line that is not ok. Each has advice, and the exit code is right.
    fn faults(&self) -> Vec<(String, String, String)> {
        let (code, text) = self.run(&["--token-file", "-", "--json"]);
        let document: Value = serde_json::from_str(&text).unwrap();
        let checks = document["checks"].as_array().unwrap();
        let faults: Vec<&Value> = checks.iter().filter(|line| line["outcome"] != "ok").collect();
        assert!(checks.len() > faults.len(), "something is well: {text}");
        assert!(
            faults.iter().all(|line| line["advice"].as_str().is_some_and(|words| words.len() > 10)),
            "{text}"
        );
        let fails = faults.iter().any(|line| line["outcome"] == "fail");
        assert_eq!(code, Some(i32::from(fails)), "{text}");
        let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
        faults
            .into_iter()
            .map(|line| (text(line, "check"), text(line, "outcome"), text(line, "detail")))
            .collect()
    }

    /// One line is not ok: this one.
    fn has_only(&self, check: &str, outcome: &str, detail: &str) {
        let faults = self.faults();
        let [fault] = &faults[..] else { panic!("not one fault: {faults:?}") };
        assert_eq!((fault.0.as_str(), fault.1.as_str()), (check, outcome), "{faults:?}");
        assert!(fault.2.contains(detail), "{detail}: {faults:?}");
    }
}

/// A port that nobody listens at.
fn closed() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server whose clock is wrong by this much.
fn server_with_clock(off: SignedDuration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut head = [0; 4096];
            // One that only tries whether somebody listens sends nothing.
            if !matches!(connection.read(&mut head), Ok(1..)) {
                continue;
            }
            let date = (Timestamp::now() + off).strftime("%a, %d %b %Y %H:%M:%S GMT");
            let _ = write!(
                connection,
                "HTTP/1.1 401 Unauthorized\r\nDate: {date}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_is_well_every_step_says_so() {
    let bench = Bench::start().await;
    assert_eq!(bench.faults(), []);
    let (code, text) = bench.run(&["--token-file", "-"]);
    assert_eq!(code, Some(0), "{text}");
    for check in ["settings", "name", "connection", "clock", "keys", "token", "login", "health"] {
        assert!(text.contains(&format!("\n  ok    {check} ")), "{check}: {text}");
    }
    assert!(text.contains("Microsoft Graph: permissions ") && text.contains("1 key"), "{text}");
    // Without a token there is no login, and the output says so.
    let (code, text) = bench.run(&[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("  login ") && text.contains("--token-file"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_does_not_resolve() {
    // A label that no name server is asked about: it is too long.
    let host = format!("{}.example", "x".repeat(64));
    let bench = Bench::start().await.set("RELAY_PROVIDER__API_URL", format!("http://{host}/api"));
    bench.has_only("name", "fail", &host);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_connection() {
    let port = closed();
    let bench = Bench::start().await.set("RELAY_PROVIDER__API_URL", format!("http://127.0.0.1:{port}/api"));
    bench.has_only("connection", "fail", &format!("127.0.0.1 port {port}: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_proxy() {
    let port = closed();
    let bench = Bench::start().await.set("http_proxy", format!("http://user:hush@127.0.0.1:{port}"));
    bench.has_only("proxy", "fail", &format!("127.0.0.1 port {port}: "));
    let (_, text) = bench.run(&[]);
    assert!(text.contains("HTTPS_PROXY") && !text.contains("hush"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_is_not_trusted() {
    let bench = Bench::start().await.set("RELAY_PROVIDER__API_URL", self_signed_host());
    bench.has_only("tls", "fail", "127.0.0.1: Self signed certificate or unknown issuer");
    let (_, text) = bench.run(&[]);
    assert!(text.contains("RELAY_PROVIDER__CA_FILE"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_an_hour_off() {
    for hours in [-1, 1] {
        let url = server_with_clock(SignedDuration::from_hours(hours));
        let bench = Bench::start().await.set("RELAY_PROVIDER__API_URL", url);
        bench.has_only("clock", "fail", "s apart");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_host_that_is_not_listed() {
    let other = Sim::start(Options::default()).await.unwrap();
    let bench = Bench::start().await.set("RELAY_AUTH__JWKS_HOSTS", other.url());
    bench.has_only("token", "fail", "is not in RELAY_AUTH__JWKS_HOSTS");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audience_that_is_not_the_relays() {
    let bench = Bench::start().await.claim("aud", "https://other.relays.example");
    bench.has_only("token", "fail", "wrong audience: this relay is `https://defender.relays.example`");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret() {
    let bench = Bench::start().await.claim("client_secret", "wrong-secret");
    bench.has_only("login", "fail", "The client secret is wrong");
    assert!(!bench.run(&["--token-file", "-"]).1.contains("wrong-secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_is_missing_for_hunting() {
    let bench = Bench::start().await.claim("client_id", NO_HUNTING.id);
    bench.has_only("permission", "fail", "hunting: ThreatHunting.Read.All missing (Microsoft Graph)");
    // Claims alone do as well as a token.
    let file = relay_testkit::identity::Folder::default();
    let file = (file.write("claims.json", &bench.claims.to_string()), file);
    let (code, text) = bench.run(&["--claims-file", &file.0]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("  fail  permission   hunting: ThreatHunting.Read.All missing"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_is_about_to_end() {
    let bench = Bench::start().await.set("RELAY_PROVIDER__GRAPH_URL", "off");
    // From the day on it has ended.
    let faults = bench.faults();
    let [(check, outcome, detail)] = &faults[..] else { panic!("not one fault: {faults:?}") };
    assert_eq!(check, "api");
    assert!(["warn", "fail"].contains(&outcome.as_str()), "{faults:?}");
    assert!(detail.contains("hunting API") && detail.contains("1 February 2027"), "{faults:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_down() {
    let port = closed();
    let bench = Bench::start().await.set("RELAY_SHARED__URL", format!("redis://:hush@127.0.0.1:{port}/0"));
    let bench = bench.set("RELAY_SHARED__KEY", "a key of tests that all replicas have");
    bench.has_only("store", "fail", &format!("127.0.0.1:{port}: connection"));
    assert!(!bench.run(&[]).1.contains("hush"));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_with_which_the_relay_does_not_start() {
    for (name, value, detail) in [
        ("RELAY_DEADLINE", "soon", "RELAY_DEADLINE: `soon` is not a time"),
        ("RELAY_PROVIDER__API_URL", "defender", "RELAY_PROVIDER__API_URL: `defender` is not a URL"),
    ] {
        let (code, text) = Bench::start().await.set(name, value).run(&[]);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(&format!("  fail  settings     {detail}")), "{text}");
    }
    let bench = Bench::start().await.set("RELAY_DEADLIN", "9s");
    bench.has_only("settings", "warn", "RELAY_DEADLIN is not a setting");
}
