//! `relayctl respond` against Defender's relay.

use provider_sim::{Options, Sim};
use relay_core::server::{self, Running};
use relay_core::settings::{Environment, Settings};

use crate::{Ran, Scratch, program, ran};

const CLAIMS: &str = r#"{"client_id": "22222222-3333-4444-8555-666666666666",
    "tenant_id": "11111111-2222-4333-8444-555555555555", "client_secret": "demo-secret"}"#;
/// A device that the simulator knows.
pub(crate) const MACHINE: &str = "ms_machine_id=73e7e2de709dff64ef64b1d0c30e67fab63279db";

/// Defender's relay before the simulator.
pub(crate) struct TestBed {
    _sim: Sim,
    _running: Running,
    pub(crate) url: String,
    pub(crate) token: String,
}

pub(crate) async fn start(test: &str, dry_run: bool) -> TestBed {
    let scratch = Scratch::new(test);
    let secret_file = scratch.path("secret");
    let arguments = ["token", "--relay", "defender", "--file", "-", "--secret-file", &secret_file];
    let made = ran(&mut program(&arguments), CLAIMS);
    assert_eq!(made.code, Some(0), "{}", made.err);
    let sim = Sim::start(Options::default()).await.unwrap();
    let relay = relay_defender::relay();
    let environment = Environment::of([
        ("RELAY_LISTEN", "127.0.0.1:0".to_owned()),
        ("RELAY_ADMIN_LISTEN", "off".to_owned()),
        ("RELAY_WORKERS", "1".to_owned()),
        ("RELAY_AUTH__SECRET_KEY_FILE", secret_file),
        ("RELAY_PROVIDER__API_URL", format!("{}/defender", sim.url())),
        ("RELAY_PROVIDER__LOGIN_URL", format!("{}/login", sim.url())),
        ("RELAY_PROVIDER__DRY_RUN", dry_run.to_string()),
    ]);
    let loaded = Settings::load(relay.module(), environment).unwrap();
    let running = server::start(&relay, &loaded.settings).unwrap();
    let url = format!("http://{}", running.address);
    TestBed { _sim: sim, _running: running, url, token: made.out.trim().to_owned() }
}

impl TestBed {
    fn respond(&self, arguments: &[&str]) -> Ran {
        let arguments: Vec<&str> = ["respond", &self.url, MACHINE].iter().chain(arguments).copied().collect();
        ran(program(&arguments).env("RELAY_TOKEN", &self.token), "")
    }

    fn first_action(&self) -> String {
        let listed = self.respond(&["--json"]);
        assert_eq!(listed.code, Some(0), "{}", listed.err);
        let document: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
        document["actions"][0]["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_is_shown_confirmed_and_carried_out() {
    let bed = start("respond", false).await;
    let listed = bed.respond(&[]);
    assert_eq!(listed.code, Some(0), "{}", listed.err);
    assert!(listed.out.contains("  1  "), "{}", listed.out);
    let action = bed.first_action();

    let unconfirmed = bed.respond(&[&action]);
    assert_eq!(unconfirmed.code, Some(2), "{}", unconfirmed.out);
    assert!(unconfirmed.err.contains("This changes things at Microsoft Defender"), "{}", unconfirmed.err);
    assert!(unconfirmed.err.contains("add --yes"), "{}", unconfirmed.err);

    let done = bed.respond(&["1", "--yes"]);
    assert_eq!((done.code, done.out.as_str()), (Some(0), "done\n"), "{}", done.err);

    let wrong = bed.respond(&["nonsense", "--yes"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.out);
    assert!(wrong.err.contains("no action `nonsense` is offered; there are: "), "{}", wrong.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_is_named_before_and_after() {
    let bed = start("respond-dry", true).await;
    let action = bed.first_action();
    let done = bed.respond(&[&action, "--yes"]);
    assert_eq!((done.code, done.out.as_str()), (Some(0), "dry run: nothing was done\n"), "{}", done.err);
    assert!(done.err.contains("Dry run: the relay only checks"), "{}", done.err);
}
