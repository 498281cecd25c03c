//! The relay before the simulated X-Force Exchange, asked over HTTP.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod defects;
mod failures;
mod health;
mod hostile;
mod links;
mod lookups;
mod odd_answers;
mod records;
mod tiles;

use relay_testkit::Setup;
use serde_json::json;

/// The relay as a tenant of the demo uses it.
fn setup() -> Setup {
    Setup::new(
        relay_xforce::relay,
        json!({"key": "demo-key", "password": "demo-password"}),
        &[("RELAY_PROVIDER__API_URL", "/xforce")],
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_the_fixtures_are_the_golden_ones() {
    relay_testkit::golden(&setup(), "xforce", env!("CARGO_MANIFEST_DIR")).await;
}
