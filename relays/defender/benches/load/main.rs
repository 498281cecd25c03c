//! Load benchmark: the relay as its own process, asked over loopback HTTP about a file with 100 alerts on 10 devices.
//! `BENCHMARKS.md` explains the figures.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and panics where it cannot go on"
)]

mod answers;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use provider_sim::{Options, Sim};
use relay_testkit::asked;
use relay_testkit::load::{Process, Traffic, fire, provider};
use serde_json::json;

use answers::{ALERTS, Answers, DEVICES, FILES, answers};

#[tokio::main]
async fn main() {
    let quick = std::env::args().any(|word| word == "--test" || word == "--quick");
    let requests = if quick { 5 } else { 200 };
    let sim = Sim::start(Options::default()).await.unwrap();
    let Answers { alerts, machines, file } = answers();
    let bytes = alerts.len();
    let about_devices = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&about_devices);
    let api = provider(Duration::ZERO, move |asked| {
        if asked.contains("/machines") {
            counted.fetch_add(1, Ordering::Relaxed);
            machines.clone()
        } else if asked.contains("/files/") && asked.contains("/alerts") {
            alerts.clone()
        } else if asked.contains("/files/") {
            file.clone()
        } else if asked.contains("token") {
            json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "a.b.c"}).to_string()
        } else {
            json!({"Schema": [], "Results": [], "value": []}).to_string()
        }
    });
    // Without the cache, for every request asks about the same file.
    let settings = [
        ("RELAY_PROVIDER__API_URL", api.as_str()),
        ("RELAY_PROVIDER__LOGIN_URL", api.as_str()),
        ("RELAY_CACHE__TTL", "0s"),
    ];
    let relay = Process::relay(env!("CARGO_BIN_EXE_relay-defender"), &sim, &settings).await;
    let tenant = "11111111-2222-4333-8444-555555555555";
    let token = |client: usize| {
        let client = format!("22222222-3333-4444-8555-{client:012}");
        relay.token(&sim, &json!({"client_id": client, "tenant_id": tenant, "client_secret": "demo-secret"}))
    };
    // Signed beforehand. The provider's quota is used up by a few requests of one tenant.
    let tokens: Vec<String> = (0..requests).map(token).collect();
    let traffic = Traffic::asking(&relay.url, "", |_| asked(&[("sha1", FILES[1])]))
        .tenants(move |number| tokens[number].clone());

    println!(
        "one file, {ALERTS} alerts on {DEVICES} devices, {bytes} bytes of alerts, one request at a time"
    );
    relay.cpu_since_last();
    let times = fire(&traffic, requests, 1).await;
    let cpu = times.share_of(relay.cpu_since_last());
    println!(
        "  {cpu:.1} ms CPU per request, {:.1} calls about devices; {}",
        about_devices.load(Ordering::Relaxed) as f64 / requests as f64,
        times.line()
    );
    println!("  highest resident memory {:.1} MB", relay.peak_mb());
}
