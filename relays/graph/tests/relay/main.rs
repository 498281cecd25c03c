//! The relay before the simulated Microsoft Graph, asked over HTTP.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod apis;
mod failures;
mod hostile;
mod legacy;
mod strategies;

use provider_sim::SeenCall;
use provider_sim::login::directory::{FULL, SECRET};
use relay_testkit::{Setup, Stage};
use serde_json::{Value, json};

/// The relay as a tenant of the demo uses it.
fn setup() -> Setup {
    Setup::new(
        relay_graph::relay,
        json!({"application_id": FULL.id, "tenant_id": "corp.example", "client_secret": SECRET}),
        &[("RELAY_PROVIDER__API_URL", "/graph"), ("RELAY_PROVIDER__LOGIN_URL", "/login")],
    )
}

/// The same with the retired API alone, for a tenant that still has it.
fn legacy() -> Setup {
    setup().setting("RELAY_PROVIDER__ALERTS_API", "legacy").claim("tenant_id", "legacy.example")
}

/// The same with `alerts_v2` alone, searched in one way.
fn v2(search: &str) -> Setup {
    setup().setting("RELAY_PROVIDER__ALERTS_API", "v2").setting("RELAY_PROVIDER__V2_SEARCH", search)
}

/// Calls of an API, by the end of their path.
fn calls_to(stage: &Stage, path: &str) -> Vec<SeenCall> {
    let calls = stage.sim.calls_to("graph").into_iter();
    calls.filter(|call| call.path == format!("/graph/security/{path}")).collect()
}

/// How often the login service was asked.
fn logins(stage: &Stage) -> usize {
    stage.sim.calls_to("login").len()
}

/// The decoded parameters of a call.
fn params(call: &SeenCall) -> Vec<(String, String)> {
    let query = url::form_urlencoded::parse(call.query.as_bytes());
    query.map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// A page of alerts.
fn page(alerts: &Value) -> Value {
    json!({"value": alerts})
}

/// A legacy alert of which little is known.
fn alert(id: &str) -> Value {
    json!({"id": id, "eventDateTime": "2026-01-01T00:00:00Z"})
}

/// An alert of `alerts_v2` about an address.
fn alert_about(id: &str, address: &str) -> Value {
    json!({
        "id": id,
        "createdDateTime": "2026-11-02T08:00:00Z",
        "evidence": [{"@odata.type": "#microsoft.graph.security.ipEvidence", "ipAddress": address}],
    })
}

/// An error body of the API.
fn refusal(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message, "innererror": {"request-id": "1"}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_the_fixtures_are_the_golden_ones() {
    relay_testkit::golden(&setup(), "graph", env!("CARGO_MANIFEST_DIR")).await;
}
