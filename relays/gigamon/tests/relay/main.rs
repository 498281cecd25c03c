//! The relay before the simulated ThreatINSIGHT, asked over HTTP.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod certificates;
mod defects;
mod endpoints;
mod failures;
mod fixtures;
mod hostile;
mod limits;
mod lookups;
mod missing_fields;
mod optional_calls;
mod planning;
mod tiles;

use relay_testkit::Setup;
use serde_json::json;

/// The relay as a tenant of the demo uses it.
fn setup() -> Setup {
    Setup::new(
        relay_gigamon::relay,
        json!({"key": "demo-token"}),
        &[
            ("RELAY_PROVIDER__DETECTIONS_URL", "/gigamon"),
            ("RELAY_PROVIDER__EVENTS_URL", "/gigamon"),
            ("RELAY_PROVIDER__ENTITY_URL", "/gigamon"),
        ],
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_the_fixtures_are_the_golden_ones() {
    relay_testkit::golden(&setup(), "gigamon", env!("CARGO_MANIFEST_DIR")).await;
}
