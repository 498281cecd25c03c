//! How many calls a request makes and how long it takes, before the simulator with a latency of 300 ms and the quotas of
//! the real provider: 1, 20 and 50 observables that were not asked about before, and three requests of 50 within a
//! minute. It ends with an error where an answer has one, or where a figure is above its aim. `BENCHMARKS.md` explains
//! the figures.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and panics where it cannot go on"
)]

use std::time::{Duration, Instant};

use provider_sim::login::directory::{FULL, SECRET};
use provider_sim::{Fault, Options, Sim};
use relay_testkit::load::Process;
use serde_json::{Value, json};

const PAUSE: Duration = Duration::from_millis(300);
/// Observables, tenant, and the aims: calls after the login, hunts, time. Hashes are completed
/// by up to 40 calls divided by the number of observables. The last tenant asks three times within a minute.
const REQUESTS: [(usize, &str, usize, usize, Duration); 6] = [
    (1, "corp.example", 35, 2, Duration::from_secs(2)),
    (20, "other.example", 35, 2, Duration::from_millis(2500)),
    (50, "plain.example", 73, 2, Duration::from_secs(5)),
    (50, "legacy.example", 73, 2, Duration::from_secs(5)),
    (50, "legacy.example", 73, 2, Duration::from_secs(5)),
    (50, "legacy.example", 73, 2, Duration::from_secs(5)),
];

#[tokio::main]
async fn main() {
    let slow = Fault::latency(PAUSE);
    let apis = vec![slow.clone().on("defender"), slow.on("login")];
    let sim = Sim::start(Options { faults: apis, ..Options::default() }).await.unwrap();
    let (api, login) = (format!("{}/defender", sim.url()), format!("{}/login", sim.url()));
    let settings = [("RELAY_PROVIDER__API_URL", api.as_str()), ("RELAY_PROVIDER__LOGIN_URL", login.as_str())];
    let relay = Process::relay(env!("CARGO_BIN_EXE_relay-defender"), &sim, &settings).await;
    let http = reqwest::Client::builder().build().unwrap();
    let (begin, mut fits) = (Instant::now(), true);
    for (round, (count, tenant, most_calls, most_hunts, longest)) in REQUESTS.into_iter().enumerate() {
        let claims = json!({"client_id": FULL.id, "tenant_id": tenant, "client_secret": SECRET});
        let before = sim.calls_to("defender").len();
        let body: Value = (0..count).map(|number| observable(round, number)).collect();
        let request = http
            .post(format!("{}/observe/observables", relay.url))
            .bearer_auth(relay.token(&sim, &claims))
            .body(body.to_string());
        let start = Instant::now();
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        let took = start.elapsed();
        let calls = sim.calls_to("defender").split_off(before);
        let hunts = calls.iter().filter(|call| call.path.ends_with("/advancedqueries/run")).count();
        println!(
            "{count} observables: {} calls after the login, {hunts} of them hunts, {:.1} s, {} sightings, errors: {}",
            calls.len(),
            took.as_secs_f64(),
            answer["data"]["sightings"]["count"],
            answer["errors"],
        );
        fits &=
            answer["errors"].is_null() && calls.len() <= most_calls && hunts <= most_hunts && took <= longest;
    }
    assert!(fits && begin.elapsed() < Duration::from_secs(60), "a figure is above its aim");
}

/// A third domains, addresses and hashes each, of which no request shares any.
fn observable(round: usize, number: usize) -> Value {
    match number % 3 {
        0 => json!({"type": "domain", "value": format!("n{number}.r{round}.example")}),
        1 => json!({"type": "ip", "value": format!("203.0.{round}.{}", number + 1)}),
        _ => json!({"type": "sha256", "value": format!("{:032x}{number:032x}", round + 1)}),
    }
}
