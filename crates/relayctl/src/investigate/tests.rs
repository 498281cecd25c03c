//! An investigation with relays that somebody else started.

use super::*;
use crate::demo::Stage;

/// What it printed, and its exit code.
struct Told {
    code: ExitCode,
    out: String,
    err: String,
}

async fn run(stage: &Stage, places: Vec<Place>) -> anyhow::Result<Told> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    // An address that only a user sees: everything else has to go by the other one.
    let shown = "http://simulator.invalid".parse().unwrap();
    let code = investigate(places, &stage.simulator, &shown, &mut out, &mut err).await?;
    let plain = |bytes: &[u8]| anstream::adapter::strip_str(std::str::from_utf8(bytes).unwrap()).to_string();
    Ok(Told { code, out: plain(&out), err: plain(&err) })
}

async fn stage() -> (Stage, Vec<Place>) {
    let stage = Stage::start(0, Vec::new(), &mut Vec::new()).await.unwrap();
    let places = RELAYS.iter().zip(&stage.relays);
    let places = places
        .map(|(known, relay)| Place { known, url: relay.url.clone(), called_at: relay.called_at.clone() })
        .collect();
    (stage, places)
}

fn code(code: u8) -> String {
    format!("{:?}", ExitCode::from(code))
}

#[tokio::test(flavor = "multi_thread")]
async fn all_relays_answer_and_each_can_be_called_by_what_is_printed() {
    let (stage, places) = stage().await;
    let told = run(&stage, places).await.unwrap();
    assert_eq!((format!("{:?}", told.code), told.err.as_str()), (code(0), ""), "{}", told.out);
    assert!(told.out.starts_with("5 relays asked about "), "{}", told.out);
    assert!(told.out.contains("What stands out\nMalicious  login-verify.example\n"), "{}", told.out);
    for relay in &stage.relays {
        let head = format!("\n{}  {}  ", relay.module.name, relay.url.as_str().trim_end_matches('/'));
        let printed = told.out.split_once(&head).map(|(_, rest)| rest).unwrap_or_default();
        let token = printed.lines().find_map(|line| line.strip_prefix("TOKEN=")).unwrap();
        let relay = Respondent {
            module: relay.module,
            url: relay.url.clone(),
            called_at: relay.called_at.clone(),
            token: token.to_owned(),
        };
        state(&relay).await.unwrap();
    }
    assert!(told.out.contains("curl -s http://simulator.invalid/_control/calls"), "{}", told.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_cannot_be_asked_is_named_and_the_others_answer() {
    let (stage, mut places) = stage().await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    places[0].called_at = format!("http://{gone}").parse().unwrap();
    // As of a relay that expects the platform's tokens for its public address.
    places[1].url = "https://defender.example".parse().unwrap();
    let told = run(&stage, places).await.unwrap();
    assert_eq!(format!("{:?}", told.code), code(1), "{}", told.err);
    assert!(told.err.contains("note: relay-graph is left out: http://"), "{}", told.err);
    assert!(told.err.contains("does not answer"), "{}", told.err);
    assert!(told.err.contains("note: relay-defender is left out: authorization error: "), "{}", told.err);
    assert!(told.err.contains("https://defender.example"), "{}", told.err);
    assert!(told.out.starts_with("3 relays asked about "), "{}", told.out);
    assert!(told.out.contains("Malicious  login-verify.example"), "{}", told.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_relay_there_is_no_empty_table() {
    let (stage, mut places) = stage().await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for place in &mut places {
        place.called_at = format!("http://{gone}").parse().unwrap();
    }
    let problem = run(&stage, places).await.map(|told| told.out).unwrap_err();
    assert!(problem.to_string().contains("docker compose ps"), "{problem:#}");
}

#[test]
fn inside_the_composition_relays_have_two_addresses() {
    let arguments = |by_service| Investigate {
        port_base: 9101,
        simulator: "http://127.0.0.1:9100".parse().unwrap(),
        jwks_host: "provider-sim:9100".to_owned(),
        by_service,
    };
    let addresses = |by_service: bool| -> Vec<String> {
        let places = arguments(by_service).places().unwrap();
        places.iter().map(|place| format!("{} {}", place.url, place.called_at)).collect()
    };
    assert_eq!(addresses(false)[4], "http://127.0.0.1:9105/ http://127.0.0.1:9105/");
    assert_eq!(addresses(true)[0], "http://127.0.0.1:9101/ http://relay-graph:9090/");
    assert_eq!(addresses(true)[4], "http://127.0.0.1:9105/ http://relay-xforce:9090/");
    let all_taken = Investigate { port_base: u16::MAX, ..arguments(false) };
    assert!(all_taken.places().is_err());
}
