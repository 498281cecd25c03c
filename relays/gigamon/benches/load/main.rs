//! Load benchmark: the relay as its own process, asked over loopback HTTP about a domain with 100 detections of 20
//! events each. `BENCHMARKS.md` explains the figures.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and panics where it cannot go on"
)]

mod answers;

use std::time::Duration;

use provider_sim::{Options, Sim};
use relay_testkit::asked;
use relay_testkit::load::{Process, Traffic, fire, provider};
use serde_json::json;

use answers::{DETECTIONS, DOMAIN, EVENTS, answers};

#[tokio::main]
async fn main() {
    let quick = std::env::args().any(|word| word == "--test" || word == "--quick");
    let sim = Sim::start(Options::default()).await.unwrap();
    println!("one domain, {DETECTIONS} detections of {EVENTS} events, 4 requests at a time");
    for (matching, limits) in [(EVENTS, [100, 1000].as_slice()), (1, &[100])] {
        let api = provide(matching);
        // Without the cache, for every request asks about the same domain.
        let settings: Vec<(&str, &str)> =
            BASES.iter().map(|name| (*name, api.as_str())).chain([("RELAY_CACHE__TTL", "0s")]).collect();
        let relay = Process::relay(env!("CARGO_BIN_EXE_relay-gigamon"), &sim, &settings).await;
        for limit in limits {
            let token = relay.token(&sim, &json!({"key": "demo-token", "CTR_ENTITIES_LIMIT": limit}));
            let traffic = Traffic::asking(&relay.url, &token, |_| asked(&[("domain", DOMAIN)]));
            fire(&traffic, 8, 4).await;
            relay.cpu_since_last();
            let times = fire(&traffic, if quick { 8 } else { 200 }, 4).await;
            let cpu = times.share_of(relay.cpu_since_last());
            println!(
                "  {matching} of {EVENTS} events match, limit {limit}: {cpu:.1} ms CPU per request; {}",
                times.line()
            );
        }
        println!("  highest resident memory {:.1} MB", relay.peak_mb());
    }
}

const BASES: [&str; 3] =
    ["RELAY_PROVIDER__DETECTIONS_URL", "RELAY_PROVIDER__EVENTS_URL", "RELAY_PROVIDER__ENTITY_URL"];

/// Starts a provider with detections of which this number of events match, and returns its base URL.
fn provide(matching: usize) -> String {
    let (list, pages) = answers(matching);
    provider(Duration::ZERO, move |asked| {
        let detection = asked.split_once("detection_uuid=").and_then(|(_, rest)| rest.get(24..36));
        match detection.and_then(|number| number.parse::<usize>().ok()) {
            Some(number) => pages[number].clone(),
            None if asked.starts_with("/v1/detections") => list.clone(),
            // No device has a name.
            None => json!({"entity_tracking_bulk_response": null}).to_string(),
        }
    })
}
