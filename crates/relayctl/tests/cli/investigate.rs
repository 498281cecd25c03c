//! `relayctl investigate`. What it does with relays that run is tested beside its code.

use std::net::TcpListener;

use provider_sim::{Options, Sim};

use crate::relayctl;

#[test]
fn where_nothing_runs_it_says_what_to_start() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ran = relayctl(&["investigate", "--simulator", &format!("http://{closed}")]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
    assert!(ran.err.contains("docker compose up --build --detach"), "{}", ran.err);
    assert!(ran.err.contains(&format!("{closed}/_control/token does not respond")), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_is_not_taken_for_the_simulator() {
    let sim = Sim::start(Options::default()).await.unwrap();
    let ran = relayctl(&["investigate", "--simulator", &format!("{}/elsewhere", sim.url())]);
    assert_eq!(ran.code, Some(2), "{}", ran.out);
    assert!(ran.err.contains("status 404, so it is not the simulator"), "{}", ran.err);
}
