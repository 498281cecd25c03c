//! Load benchmark: the relay as its own process, asked over loopback HTTP, side by side with a bare program
//! that makes the same provider calls and nothing else. `BENCHMARKS.md` explains the figures.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and panics where it cannot go on"
)]

mod bare;
mod provider;

use std::time::Duration;

use provider_sim::{Options, Sim};
use relay_testkit::Store;
use relay_testkit::load::{Process, Times, Traffic, fire, free_address};
use serde_json::json;

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
    let relay = relay(&sim, &provider).await;
    let token = token_of(&sim, &relay);
    println!("  started and ready in {:.1} ms, {:.1} MB resident", relay.ready_after_ms, relay.resident_mb());
    let bare = bare_program(&provider).await;
    // Where no program of a store is installed, there is no figure of it.
    let store = Store::start();
    let sharing = match &store {
        Some(store) => Some(sharing_relay(&sim, &provider, store).await),
        None => None,
    };
    let mut programs = vec![("relay", &relay), ("bare program", &bare)];
    programs.extend(sharing.as_ref().map(|sharing| ("relay, store", sharing)));
    compare(&programs, |program| token_of(&sim, program), if quick { 2 } else { 9 }, requests / 4).await;
    let packed = Traffic::observe(&relay.url, &token, 1, 100).packed();
    report("relay, gzip", &relay, &fire(&packed, requests, 16).await);

    println!("/version, 16 requests at a time");
    let versions = if quick { 200 } else { 40_000 };
    for (name, process) in [("relay", &relay), ("bare actix-web", &bare)] {
        let traffic = Traffic::get(&format!("{}/version", process.url));
        process.cpu_since_last();
        let times = fire(&traffic, versions, 16).await;
        println!(
            "  {name:<16} {:>8.0} requests per second of CPU; {}",
            1000.0 / times.share_of(process.cpu_since_last()).max(1e-9),
            times.line(),
        );
    }

    println!("200 requests at a time");
    for (name, gzip) in [("plain", false), ("gzip", true)] {
        let relay = self::relay(&sim, &provider).await;
        let busy = Traffic::observe(&relay.url, &token_of(&sim, &relay), 1, 9);
        let busy = if gzip { busy.packed() } else { busy };
        fire(&busy, if quick { 200 } else { 1000 }, 200).await;
        println!("  {name:<16} highest resident memory {:.1} MB", relay.peak_mb());
    }

    println!("20 observables, 60 calls of 50 ms, 16 at a time");
    let relay = self::relay(&sim, &slow_provider).await;
    let observe = Traffic::observe(&relay.url, &token_of(&sim, &relay), 20, 3);
    let times = fire(&observe, if quick { 2 } else { 20 }, 1).await;
    println!("  {}", times.line());
}

async fn relay(sim: &Sim, api: &str) -> Process {
    Process::relay(RELAY, sim, &[("RELAY_PROVIDER__API_URL", api)]).await
}

/// A relay that shares its state in a store.
async fn sharing_relay(sim: &Sim, api: &str, store: &Store) -> Process {
    let url = store.url();
    let settings = [
        ("RELAY_PROVIDER__API_URL", api),
        ("RELAY_SHARED__URL", &url),
        ("RELAY_SHARED__KEY", "a key of benchmarks, which has enough bytes"),
    ];
    Process::relay(RELAY, sim, &settings).await
}

fn token_of(sim: &Sim, relay: &Process) -> String {
    relay.token(sim, &json!({"key": "demo-key", "password": "demo-password"}))
}

async fn bare_program(api: &str) -> Process {
    let listen = free_address();
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args([bare::WORD, &listen, api]);
    Process::start(command, &listen, &format!("http://{listen}/version")).await
}

/// Asks these programs in turn, and prints the median of the rounds: what else the machine does changes from one to the next.
async fn compare(
    programs: &[(&str, &Process)],
    token: impl Fn(&Process) -> String,
    rounds: usize,
    requests: usize,
) {
    let mut costs = vec![Vec::new(); programs.len()];
    let mut lines = vec![String::new(); programs.len()];
    for round in 1..=rounds {
        for (number, (_, program)) in programs.iter().enumerate() {
            let observe = Traffic::observe(&program.url, &token(program), 1, round);
            program.cpu_since_last();
            let times = fire(&observe, requests, 16).await;
            costs[number].push(times.share_of(program.cpu_since_last()));
            lines[number] = times.line();
        }
    }
    for ((name, _), (mut costs, line)) in programs.iter().zip(costs.into_iter().zip(lines)) {
        costs.sort_by(f64::total_cmp);
        let (least, median) = (costs[0], costs[costs.len() / 2]);
        println!(
            "  {name:<16} {median:.3} ms CPU per request, at least {least:.3} ms; in the last round {line}"
        );
    }
}

fn report(name: &str, process: &Process, times: &Times) {
    let cpu = times.share_of(process.cpu_since_last());
    println!("  {name:<16} {cpu:.3} ms CPU per request; {}", times.line());
}
