//! How many calls a request makes and how long it takes, before the simulator with a latency of 300 ms: 1, 20 and 50
//! observables that were not asked about before. `BENCHMARKS.md` explains the figures.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and panics where it cannot go on"
)]

use std::time::Duration;

use provider_sim::login::directory::{FULL, SECRET};
use provider_sim::{Fault, Options, Sim};
use relay_testkit::load::{Process, Traffic, fire};
use serde_json::{Value, json};

const PAUSE: Duration = Duration::from_millis(300);

#[tokio::main]
async fn main() {
    let slow = Fault::latency(PAUSE);
    let apis = vec![slow.clone().on("defender"), slow.on("login")];
    let sim = Sim::start(Options { faults: apis, ..Options::default() }).await.unwrap();
    let (api, login) = (format!("{}/defender", sim.url()), format!("{}/login", sim.url()));
    let settings = [("RELAY_PROVIDER__API_URL", api.as_str()), ("RELAY_PROVIDER__LOGIN_URL", login.as_str())];
    let relay = Process::relay(env!("CARGO_BIN_EXE_relay-defender"), &sim, &settings).await;
    let claims = json!({
        "client_id": FULL.id,
        "tenant_id": "11111111-2222-4333-8444-555555555555",
        "client_secret": SECRET,
    });
    for count in [1, 20, 50] {
        let before = sim.calls_to("defender").len();
        let body = move |_| (0..count).map(|number| observable(count, number)).collect::<Value>();
        let times = fire(&Traffic::asking(&relay.url, &relay.token(&sim, &claims), body), 1, 1).await;
        let calls = sim.calls_to("defender").split_off(before);
        let hunts = calls.iter().filter(|call| call.path.ends_with("/advancedqueries/run")).count();
        println!(
            "{count} observables: {} calls after the login, {hunts} of them hunts, {:.0} ms",
            calls.len(),
            times.at(50)
        );
    }
}

/// A third domains, addresses and hashes each.
fn observable(round: usize, number: usize) -> Value {
    match number % 3 {
        0 => json!({"type": "domain", "value": format!("n{number}.r{round}.example")}),
        1 => json!({"type": "ip", "value": format!("203.0.{round}.{}", number + 1)}),
        _ => json!({"type": "sha256", "value": format!("{round:032x}{number:032x}")}),
    }
}
