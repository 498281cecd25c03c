//! Queries and time of whole requests to a provider that takes 300 ms for each call: `cargo bench -p relay-securitytrails
//! --bench calls`. Each call costs a query of the month. `BENCHMARKS.md` has the figures.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use provider_sim::Answer;
use relay_testkit::cost::{LATENCY, cost, mixed, warm};
use relay_testkit::{Setup, errors};
use serde_json::json;

const HISTORY_TYPES: &str = "RELAY_PROVIDER__HISTORY_TYPES";

#[tokio::main]
async fn main() {
    println!("{} ms a call, fresh values, nothing known", LATENCY.as_millis());
    for (title, counts, key, history_types) in [
        ("1 domain", [1, 0, 0], "demo-key", "a,aaaa"),
        ("20 observables", [7, 7, 6], "demo-key", "a,aaaa"),
        ("20 observables, HISTORY_TYPES=a", [7, 7, 6], "demo-key", "a"),
        ("20 observables, an account of 5 calls a second", [7, 7, 6], "five-a-second", "a,aaaa"),
        ("20 observables, an account of 2 calls a second", [7, 7, 6], "two-a-second", "a,aaaa"),
    ] {
        let base = ("RELAY_PROVIDER__API_URL", "/securitytrails");
        let setup = Setup::new(relay_securitytrails::relay, json!({"key": key}), &[base]);
        let stage = warm(setup.setting(HISTORY_TYPES, history_types)).await;
        let nothing = json!({"records": [], "pages": 0});
        for record in ["a", "aaaa"] {
            for number in 0..counts[0] {
                let path = format!("/history/d{number}.example/dns/{record}");
                stage.sim.answer("securitytrails", Answer::get(&path).json(nothing.clone()));
            }
        }
        stage.sim.answer("securitytrails", Answer::post("/domains/list").json(nothing));
        let cost = cost(&stage, "securitytrails", &mixed(counts)).await;
        assert_eq!(errors(&cost.answer), []);
        println!("  {title}: {} calls (queries), {:.2} s", cost.calls.len(), cost.time.as_secs_f64());
    }
}
