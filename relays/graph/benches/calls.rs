//! What a request costs: provider calls and time, where each call of the provider takes 300 ms.
//! `cargo bench -p relay-graph --bench calls`.

#![expect(clippy::print_stdout, reason = "what it prints is its result")]

use std::time::{Duration, Instant};

use provider_sim::login::directory::{FULL, SECRET};
use provider_sim::{Answer, Fault};
use relay_testkit::{Setup, docs};
use serde_json::{Value, json};

const LATENCY: Duration = Duration::from_millis(300);

/// Rows of alerts, dealt out to observables.
fn rows(observables: usize, alerts: usize) -> Value {
    (0..alerts)
        .map(|number| {
            let position = number % observables;
            let time = format!("2026-11-{:02}T08:00:00Z", 1 + number / observables);
            json!({
                "AlertId": format!("a{number}"), "Asked": position.to_string(), "Seen": time, "First": time,
                "Last": time, "Title": "An alert", "Severity": "Medium", "ServiceSource": "", "Evidence":
                json!([{"EntityType": "Ip", "RemoteIP": format!("203.0.113.{position}")}]).to_string(),
            })
        })
        .collect()
}

#[tokio::main]
async fn main() {
    println!("{:>12} {:>7} {:>6} {:>9} {:>10}", "observables", "alerts", "calls", "time", "sightings");
    for intelligence in ["off", "auto"] {
        println!("Threat Intelligence: {intelligence}");
        for (observables, alerts) in [(1, 3), (20, 12), (50, 0), (50, 250)] {
            let claims =
                json!({"application_id": FULL.id, "tenant_id": "corp.example", "client_secret": SECRET});
            let bases = [("RELAY_PROVIDER__API_URL", "/graph"), ("RELAY_PROVIDER__LOGIN_URL", "/login")];
            let setup = Setup::new(relay_graph::relay, claims, &bases);
            let stage = setup.setting("RELAY_PROVIDER__THREAT_INTEL", intelligence).start().await;
            stage.health().await;
            stage.sim.faults().add(Fault::latency(LATENCY).on("graph"));
            let before = stage.sim.calls_to("graph").len();
            let results = json!({"results": rows(observables, alerts)});
            stage.sim.answer("graph", Answer::post("/security/runHuntingQuery").json(results));
            let names: Vec<String> = (0..observables).map(|n| format!("203.0.113.{n}")).collect();
            let all: Vec<(&str, &str)> = names.iter().map(|name| ("ip", name.as_str())).collect();
            let start = Instant::now();
            let answer = stage.observe(&all).await;
            let took = start.elapsed();
            let calls = stage.sim.calls_to("graph").len() - before;
            let sightings = docs(&answer, "sightings").len();
            println!("{observables:>12} {alerts:>7} {calls:>6} {:>6} ms {sightings:>10}", took.as_millis());
            assert!(calls <= 10, "{calls} calls");
            assert!(took <= Duration::from_millis(2500), "{took:?}");
        }
    }
}
