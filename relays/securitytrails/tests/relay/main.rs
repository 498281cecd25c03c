//! The relay before the simulated SecurityTrails, asked over HTTP.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod defects;
mod failures;
mod health;
mod hostile;
mod limits;
mod logs;
mod lookups;
mod paging;
mod queries;
mod refer;
mod replicas;
mod requests;
mod stops;
mod tiles;

use relay_testkit::{Setup, Stage, asked};
use serde_json::{Value, json};

/// The provider's side of the simulator.
const SIDE: &str = "securitytrails";

/// The relay as a tenant of the demo uses it, without a cache: tests count calls.
fn setup() -> Setup {
    Setup::new(
        relay_securitytrails::relay,
        json!({"key": "demo-key"}),
        &[("RELAY_PROVIDER__API_URL", "/securitytrails")],
    )
    .setting("RELAY_CACHE__TTL", "0s")
}

/// The same, with one call at a time: tests look at the order of calls.
fn one_by_one() -> Setup {
    setup().setting("RELAY_PROVIDER__MAX_CONCURRENCY", "1")
}

/// A page of history that is the only one, with a period for each address.
fn history(addresses: &[&str]) -> Value {
    let records: Value = addresses.iter().map(|address| json!({"values": [{"ip": address}]})).collect();
    json!({"records": records, "pages": 1})
}

/// A page that says that nothing is known.
fn nothing() -> Value {
    json!({"records": [], "pages": 0})
}

/// The calls that the provider got, in order.
fn calls(stage: &Stage) -> Vec<String> {
    let calls = stage.sim.calls_to(SIDE);
    calls.iter().map(|call| call.line().replacen("/securitytrails", "", 1)).collect()
}

/// The words of an answer's first error.
fn message(answer: &Value) -> &str {
    answer["errors"][0]["message"].as_str().expect("a message")
}

/// The far ends of a sighting's relations: addresses of a domain, or domains of an address.
fn far_ends(sighting: &Value) -> Vec<&str> {
    let about = &sighting["observables"][0];
    let relations = sighting["relations"].as_array().expect("relations");
    let far_end = |relation: &'_ Value| if relation["source"] == *about { "related" } else { "source" };
    relations.iter().filter_map(|relation| relation[far_end(relation)]["value"].as_str()).collect()
}

/// The answer to a request with other claims than the usual ones; `null` is sent as `null`.
async fn observe_with(stage: &Stage, changes: Value, observables: &[(&str, &str)]) -> Value {
    let (Value::Object(mut claims), Value::Object(changes)) = (stage.claims(), changes) else {
        panic!("claims are objects");
    };
    claims.extend(changes);
    let token = stage.sim.keys().sign(&Value::Object(claims));
    stage.ask("/observe/observables", Some(&token), &asked(observables)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_the_fixtures_are_the_golden_ones() {
    relay_testkit::golden(&setup(), SIDE, env!("CARGO_MANIFEST_DIR")).await;
}
