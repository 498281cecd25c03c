//! Records and time of whole requests to a provider that takes 300 ms for each call: `cargo bench -p relay-xforce --bench
//! calls`. Each call costs a record of the month. `BENCHMARKS.md` has the figures.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use provider_sim::Fault;
use relay_testkit::cost::{LATENCY, cost, mixed, warm};
use relay_testkit::{Setup, errors};
use serde_json::json;

const REPORT_FIRST: &str = "RELAY_PROVIDER__REPORT_FIRST";

#[tokio::main]
async fn main() {
    println!("{} ms a call, fresh values", LATENCY.as_millis());
    for (title, counts, report_first, known) in [
        ("1 domain", [1, 0, 0], "false", true),
        ("20 observables", [7, 7, 6], "false", true),
        ("20 observables, nothing known", [7, 7, 6], "false", false),
        ("20 observables, REPORT_FIRST, nothing known", [7, 7, 6], "true", false),
        ("20 observables, REPORT_FIRST, all known", [7, 7, 6], "true", true),
    ] {
        let claims = json!({"key": "demo-key", "password": "demo-password"});
        let setup = Setup::new(relay_xforce::relay, claims, &[("RELAY_PROVIDER__API_URL", "/xforce")]);
        let stage = warm(setup.setting(REPORT_FIRST, report_first)).await;
        for (path, report) in [
            ("/url/", json!({"result": {"score": 7}})),
            ("/ipr/", json!({"score": 7})),
            ("/malware/", json!({"malware": {"risk": "high"}})),
        ] {
            let answer =
                if known { Fault::status(200).body(&report.to_string()) } else { Fault::status(404) };
            stage.sim.faults().add(answer.on("xforce").path(path));
        }
        let cost = cost(&stage, "xforce", &mixed(counts)).await;
        assert_eq!(errors(&cost.answer), []);
        println!("  {title}: {} calls (records), {:.2} s", cost.calls.len(), cost.time.as_secs_f64());
    }
}
