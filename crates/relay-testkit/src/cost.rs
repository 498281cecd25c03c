//! What whole requests cost before a provider that takes its time for each call: calls, and how long they take.

use std::time::{Duration, Instant};

use provider_sim::{Fault, SeenCall};
use serde_json::{Value, json};

use crate::{Setup, Stage};

/// How long the provider takes for each call.
pub const LATENCY: Duration = Duration::from_millis(300);

/// What a request cost.
pub struct Cost {
    /// What it was answered.
    pub answer: Value,
    /// The calls that the provider got.
    pub calls: Vec<SeenCall>,
    /// How long it took.
    pub time: Duration,
}

/// A request body with this many domains, addresses and file hashes.
pub fn mixed([domains, addresses, hashes]: [usize; 3]) -> Value {
    let one = |kind: &str, value: String| json!({"type": kind, "value": value});
    let domains = (0..domains).map(|number| one("domain", format!("d{number}.example")));
    let addresses = (1..=addresses).map(|number| one("ip", format!("198.51.100.{number}")));
    let hashes = (0..hashes).map(|number| one("sha1", format!("{number:040}")));
    domains.chain(addresses).chain(hashes).collect()
}

/// A relay with what is there in practice: the connection, the platform's keys, and what the provider says of its rate.
pub async fn warm(setup: Setup) -> Stage {
    let stage = setup.start().await;
    stage.health().await;
    stage.sim.reset();
    stage
}

/// Looks up what the body asks for, at a provider that has become slow.
pub async fn cost(stage: &Stage, provider: &'static str, body: &Value) -> Cost {
    stage.sim.faults().add(Fault::latency(LATENCY).on(provider));
    let token = stage.token();
    let started = Instant::now();
    let answer = stage.ask("/observe/observables", Some(&token), body).await;
    Cost { time: started.elapsed(), calls: stage.sim.calls_to(provider), answer }
}
