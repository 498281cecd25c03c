//! Load benchmark: the relay as its own process, asked over loopback HTTP, side by side with a bare program
//! that makes the same provider calls and nothing else. `BENCHMARKS.md` explains the figures.
//!
//! CPU time is what the kernel counts for the process, so the load generator and the provider, which run in
//! this one, do not blur it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a benchmark prints, and panics where it cannot go on"
)]

mod bare;
mod process;
mod provider;
mod traffic;

use std::time::Duration;

use provider_sim::{Options, Sim};
use serde_json::{Value, json};

use process::Process;
use traffic::{Traffic, fire};

const RELAY: &str = env!("CARGO_BIN_EXE_relay-xforce");

#[tokio::main]
async fn main() {
    // The bare program is this one again, with a word that says what to be.
    let mut words = std::env::args().skip(1);
    if words.next().as_deref() == Some(bare::WORD) {
        let (listen, api) = (words.next().unwrap(), words.next().unwrap());
        return bare::serve(&listen, &api).await;
    }
    let quick = std::env::args().any(|word| word == "--test" || word == "--quick");
    let requests = if quick { 50 } else { 4000 };

    let sim = Sim::start(Options::default()).await.unwrap();
    let provider = provider::start(Duration::ZERO);
    let slow_provider = provider::start(Duration::from_millis(50));

    println!(
        "one observable, three provider calls with answers of {} bytes, 16 requests at a time",
        provider::BYTES
    );
    let relay = Process::relay(RELAY, &sim, &provider).await;
    let token = token(&sim, &relay);
    println!("  started and ready in {:.1} ms, {:.1} MB resident", relay.ready_after_ms, relay.resident_mb());
    let bare = Process::bare(&provider).await;
    for round in 1..=2 {
        let observe = traffic::observe(&relay.url, &token, 1, round);
        report("relay", &relay, &fire(&observe, requests, 16).await);
        let asked = traffic::observe(&bare.url, &token, 1, round);
        report("bare program", &bare, &fire(&asked, requests, 16).await);
    }

    println!("/version, 16 requests at a time");
    let versions = if quick { 200 } else { 40_000 };
    for (name, process) in [("relay", &relay), ("bare actix-web", &bare)] {
        let traffic = Traffic::get(&format!("{}/version", process.url));
        let (cpu, took) = fire_counted(process, &traffic, versions).await;
        println!(
            "  {name:<16} {:>8.0} requests per second of CPU, {:>8.0} per second of the clock",
            versions as f64 / cpu.as_secs_f64().max(1e-9),
            versions as f64 / took.as_secs_f64(),
        );
    }

    drop(relay);

    println!("200 requests at a time");
    let relay = Process::relay(RELAY, &sim, &provider).await;
    let token = self::token(&sim, &relay);
    let busy = traffic::observe(&relay.url, &token, 1, 9);
    fire(&busy, if quick { 200 } else { 1000 }, 200).await;
    println!("  highest resident memory {:.1} MB", relay.peak_mb());
    drop(relay);

    println!("20 observables, 60 calls of 50 ms, 16 at a time");
    let relay = Process::relay(RELAY, &sim, &slow_provider).await;
    let token = self::token(&sim, &relay);
    let observe = traffic::observe(&relay.url, &token, 20, 3);
    let times = fire(&observe, if quick { 2 } else { 20 }, 1).await;
    println!("  {}", times.line());
}

fn token(sim: &Sim, relay: &Process) -> String {
    let claims: Value = json!({
        "jwks_host": sim.host(), "aud": relay.url, "key": "demo-key", "password": "demo-password",
    });
    sim.keys().sign(&claims)
}

fn report(name: &str, process: &Process, times: &traffic::Times) {
    let cpu = process.cpu_since_last();
    println!(
        "  {name:<16} {:.3} ms CPU per request; {}",
        cpu.as_secs_f64() * 1000.0 / times.len() as f64,
        times.line()
    );
}

async fn fire_counted(process: &Process, traffic: &Traffic, requests: usize) -> (Duration, Duration) {
    process.cpu_since_last();
    let times = fire(traffic, requests, 16).await;
    (process.cpu_since_last(), times.took)
}
