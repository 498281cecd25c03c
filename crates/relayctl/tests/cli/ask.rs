//! `relayctl token` and `relayctl ask` against a relay that runs.

use std::net::TcpListener;

use provider_sim::{Fault, Options, Sim};
use relay_core::server::{self, Running};
use relay_core::settings::{Environment, Settings};
use serde_json::Value;

use crate::{Ran, Scratch, program, ran, relayctl};

const CLAIMS: &str = r#"{"key": "demo-key", "password": "demo-password"}"#;

/// The X-Force relay before the simulator, accepting tokens by a secret that `relayctl token` made.
pub(crate) struct TestBed {
    pub(crate) sim: Sim,
    _running: Running,
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) scratch: Scratch,
}

impl TestBed {
    pub(crate) async fn start(test: &str) -> Self {
        let scratch = Scratch::new(test);
        let secret_file = scratch.path("secret");
        let made = token(&["--relay", "xforce", "--file", "-", "--secret-file", &secret_file], CLAIMS);
        assert_eq!(made.code, Some(0), "{}", made.err);
        let sim = Sim::start(Options::default()).await.unwrap();
        let relay = relay_xforce::relay();
        let environment = Environment::of([
            ("RELAY_LISTEN", "127.0.0.1:0".to_owned()),
            ("RELAY_ADMIN_LISTEN", "off".to_owned()),
            ("RELAY_WORKERS", "1".to_owned()),
            ("RELAY_AUTH__SECRET_KEY_FILE", secret_file),
            ("RELAY_PROVIDER__API_URL", format!("{}/xforce", sim.url())),
            ("RELAY_PROVIDER__RETRIES", "0".to_owned()),
        ]);
        let loaded = Settings::load(relay.module(), environment).unwrap();
        let running = server::start(&relay, &loaded.settings).unwrap();
        let url = format!("http://{}", running.address);
        Self { sim, _running: running, url, token: made.out.trim().to_owned(), scratch }
    }

    /// Asks with a good token.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Ran {
        let arguments: Vec<&str> = ["ask", &self.url].iter().chain(arguments).copied().collect();
        ran(program(&arguments).env("RELAY_TOKEN", &self.token), "")
    }
}

fn token(arguments: &[&str], input: &str) -> Ran {
    let arguments: Vec<&str> = ["token"].iter().chain(arguments).copied().collect();
    ran(&mut program(&arguments), input)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_made_here_is_accepted() {
    let bed = TestBed::start("round-trip").await;
    let observed = bed.ask(&["observe", "domain=login-verify.example"]);
    assert_eq!((observed.code, observed.err.as_str()), (Some(0), ""), "{}", observed.out);
    for shown in ["1 verdict\n  Malicious  login-verify.example  until ", "Phishing URLs", "Resolved To"] {
        assert!(observed.out.contains(shown), "{shown}: {}", observed.out);
    }
    let health = bed.ask(&["health"]);
    assert_eq!((health.code, health.out.as_str()), (Some(0), "ok\n"), "{}", health.err);
    // As it stands in the header of a request.
    let copied = format!("Bearer {}\n", bed.token);
    let health = ran(program(&["ask", &bed.url, "health"]).env("RELAY_TOKEN", copied), "");
    assert_eq!((health.code, health.out.as_str()), (Some(0), "ok\n"), "{}", health.err);
    let verdict = bed.ask(&["deliberate", "domain=login-verify.example", "ip=203.0.113.9"]);
    assert!(verdict.out.starts_with("2 verdicts\n  Malicious "), "{}", verdict.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_printed_as_it_came() {
    let bed = TestBed::start("json").await;
    let answered = bed.ask(&["--json", "observe", "domain=login-verify.example"]);
    let answer: Value = serde_json::from_str(&answered.out).unwrap();
    assert_eq!(answer["data"]["verdicts"]["docs"][0]["disposition_name"], "Malicious");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_need_no_token() {
    let bed = TestBed::start("links").await;
    let asked = relayctl(&["ask", &bed.url, "refer", "domain=login-verify.example"]);
    assert_eq!(asked.code, Some(0), "{}", asked.err);
    assert!(asked.out.contains("https://exchange.xforce.ibmcloud.com/"), "{}", asked.out);
    let asked = relayctl(&["ask", &bed.url, "observe", "domain=login-verify.example"]);
    assert_eq!(asked.code, Some(2));
    assert!(asked.err.contains("observe needs a token"), "{}", asked.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_the_answer_is_printed_and_sets_the_exit_code() {
    let bed = TestBed::start("errors").await;
    bed.sim.faults().add(Fault::status(500).on("xforce").path("/api/linkage/"));
    let asked = bed.ask(&["observe", "domain=login-verify.example"]);
    assert_eq!(asked.code, Some(1));
    assert!(asked.err.starts_with("fatal unknown: "), "{}", asked.err);
    assert!(asked.out.contains("Malicious"), "what was found is shown: {}", asked.out);

    let file = bed.scratch.path("token");
    std::fs::write(&file, format!("{}x\n", bed.token)).unwrap();
    let asked = bed.ask(&["observe", "domain=login-verify.example", "--token-file", &file]);
    assert_eq!((asked.code, asked.out.as_str()), (Some(1), ""));
    assert!(asked.err.contains("authorization error: Authorization failed: "), "{}", asked.err);
    assert!(!asked.err.contains(&bed.token), "{}", asked.err);

    let asked = bed.ask(&["respond", "domain=login-verify.example"]);
    assert_eq!(asked.code, Some(1));
    assert!(asked.err.contains("not found"), "{}", asked.err);
}

#[test]
fn where_no_relay_answers_the_place_is_named() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let asked = relayctl(&["ask", &format!("http://{closed}"), "refer", "ip=192.0.2.1"]);
    assert_eq!(asked.code, Some(2));
    assert!(
        asked.err.contains(&format!("http://{closed}/refer/observables does not respond")),
        "{}",
        asked.err
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_is_not_taken_for_a_relay() {
    let sim = Sim::start(Options::default()).await.unwrap();
    sim.answer("jwks", provider_sim::Answer::post("/jwks/refer/observables").text("<html>"));
    let asked = relayctl(&["ask", &format!("{}/.well-known/jwks", sim.url()), "refer", "ip=192.0.2.1"]);
    assert_eq!(asked.code, Some(2));
    assert!(asked.err.contains("not the JSON of a relay"), "{}", asked.err);
}

#[test]
fn a_question_that_is_not_right_is_not_sent() {
    for (arguments, expected) in [
        (&["ask", "relay.example", "health"][..], "https://relay.example"),
        (&["ask", "https://relay.example", "observe", "domian=bad.example"], "did you mean `domain`?"),
        (&["ask", "https://relay.example", "observe", "ip"], "ip=192.0.2.1"),
        (&["ask", "https://relay.example", "refer"], "no observables given"),
        (&["ask", "https://relay.example", "tile"], "takes the id of a tile"),
        (&["ask", "https://relay.example", "tile-data", "a", "b", "c"], "perhaps a period"),
        (&["ask", "https://relay.example", "tiles", "quota"], "no other arguments"),
        (&["ask", "https://relay.example", "trigger", "ip=192.0.2.1"], "possible values"),
        (&["ask", "https://relay.example", "health", "ip=192.0.2.1", "--token", "x"], "no observable"),
    ] {
        let asked = relayctl(arguments);
        assert_eq!(asked.code, Some(2));
        assert!(asked.err.contains(expected), "{expected}: {}", asked.err);
    }
}
