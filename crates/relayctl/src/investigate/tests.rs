//! An investigation with relays that somebody else started.

use super::*;
use crate::demo::Demonstration;

/// What it printed, and its exit code.
struct Output {
    code: ExitCode,
    out: String,
    err: String,
}

async fn run(demonstration: &Demonstration, targets: Vec<Target>) -> anyhow::Result<Output> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    // An address that is only printed; calls must use the other one.
    let shown = "http://simulator.invalid".parse().unwrap();
    let arguments = Investigate { simulator: shown, ..arguments() };
    let code = arguments.simulated(targets, &demonstration.simulator, &mut out, &mut err).await?;
    let plain = |bytes: &[u8]| anstream::adapter::strip_str(std::str::from_utf8(bytes).unwrap()).to_string();
    Ok(Output { code, out: plain(&out), err: plain(&err) })
}

fn arguments() -> Investigate {
    Investigate {
        observables: Vec::new(),
        config: Config::default(),
        relay: Vec::new(),
        json: false,
        sim: true,
        port_base: 9101,
        simulator: "http://127.0.0.1:9100".parse().unwrap(),
        jwks_host: "provider-sim:9100".to_owned(),
        by_service: false,
    }
}

async fn demonstration() -> (Demonstration, Vec<Target>) {
    let demonstration = Demonstration::start(0, Vec::new(), &mut Vec::new()).await.unwrap();
    let targets = RELAYS.iter().zip(&demonstration.relays);
    let targets = targets
        .map(|(known, relay)| Target { known, url: relay.url.clone(), called_at: relay.called_at.clone() })
        .collect();
    (demonstration, targets)
}

fn code(code: u8) -> String {
    format!("{:?}", ExitCode::from(code))
}

#[tokio::test(flavor = "multi_thread")]
async fn all_relays_answer_and_each_can_be_called_by_what_is_printed() {
    let (demonstration, targets) = demonstration().await;
    let output = run(&demonstration, targets).await.unwrap();
    assert_eq!((format!("{:?}", output.code), output.err.as_str()), (code(0), ""), "{}", output.out);
    assert!(output.out.starts_with("5 relays asked about "), "{}", output.out);
    assert!(output.out.contains("What stands out\nMalicious  login-verify.example\n"), "{}", output.out);
    for relay in &demonstration.relays {
        let head = format!("\n{}  {}  ", relay.name, relay.url.as_str().trim_end_matches('/'));
        let printed = output.out.split_once(&head).map(|(_, rest)| rest).unwrap_or_default();
        let token = printed.lines().find_map(|line| line.strip_prefix("TOKEN=")).unwrap();
        let relay = RelayClient { credential: Some(Credential::token(token)), ..relay.clone() };
        check_health(&relay).await.unwrap();
    }
    assert!(output.out.contains("curl -s http://simulator.invalid/_control/calls"), "{}", output.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_cannot_be_asked_is_named_and_the_others_answer() {
    let (demonstration, mut targets) = demonstration().await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    targets[0].called_at = format!("http://{gone}").parse().unwrap();
    // As of a relay that expects the platform's tokens for its public address.
    targets[1].url = "https://defender.example".parse().unwrap();
    let output = run(&demonstration, targets).await.unwrap();
    assert_eq!(format!("{:?}", output.code), code(1), "{}", output.err);
    assert!(output.err.contains("note: relay-graph is skipped: http://"), "{}", output.err);
    assert!(output.err.contains("does not respond"), "{}", output.err);
    assert!(output.err.contains("note: relay-defender is skipped: authorization error: "), "{}", output.err);
    assert!(output.err.contains("https://defender.example"), "{}", output.err);
    assert!(output.out.starts_with("3 relays asked about "), "{}", output.out);
    assert!(output.out.contains("Malicious  login-verify.example"), "{}", output.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_relay_there_is_no_empty_table() {
    let (demonstration, mut targets) = demonstration().await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for target in &mut targets {
        target.called_at = format!("http://{gone}").parse().unwrap();
    }
    let problem = run(&demonstration, targets).await.map(|output| output.out).unwrap_err();
    assert!(problem.to_string().contains("docker compose ps"), "{problem:#}");
}

#[test]
fn inside_the_composition_relays_have_two_addresses() {
    let addresses = |by_service: bool| -> Vec<String> {
        let targets = Investigate { by_service, ..arguments() }.targets().unwrap();
        targets.iter().map(|target| format!("{} {}", target.url, target.called_at)).collect()
    };
    assert_eq!(addresses(false)[4], "http://127.0.0.1:9105/ http://127.0.0.1:9105/");
    assert_eq!(addresses(true)[0], "http://127.0.0.1:9101/ http://relay-graph:9090/");
    assert_eq!(addresses(true)[4], "http://127.0.0.1:9105/ http://relay-xforce:9090/");
    let all_taken = Investigate { port_base: u16::MAX, ..arguments() };
    assert!(all_taken.targets().is_err());
}
