//! The relay before the simulated Microsoft Graph, asked over HTTP.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod apis;
mod calls;
mod details;
mod evidence;
mod failures;
mod hostile;
mod incidents;
mod intelligence;
mod legacy;
mod links;
mod logins;
mod opinions;
mod respond;
mod strategies;
mod tiles;
mod triggers;

use provider_sim::login::directory::{FULL, SECRET};
use provider_sim::{Answer, SeenCall};
use relay_testkit::{Setup, Stage, docs};
use serde_json::{Value, json};

/// The relay as a tenant of the demo uses it.
fn setup() -> Setup {
    Setup::new(
        relay_graph::relay,
        json!({"application_id": FULL.id, "tenant_id": "corp.example", "client_secret": SECRET}),
        &[("RELAY_PROVIDER__API_URL", "/graph"), ("RELAY_PROVIDER__LOGIN_URL", "/login")],
    )
    .setting("RELAY_PROVIDER__THREAT_INTEL", "off")
}

/// The same with both alert APIs.
fn both() -> Setup {
    setup().setting("RELAY_PROVIDER__ALERTS_API", "auto")
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

/// The rows of a hunting query.
fn rows(rows: &Value) -> Answer {
    Answer::post("/security/runHuntingQuery").json(json!({"schema": [], "results": rows}))
}

/// A row of a hunting query about an address.
fn row_about(id: &str, asked: &str, address: &str, day: u32) -> Value {
    let time = format!("2026-11-{day:02}T08:00:00Z");
    json!({
        "AlertId": id, "Asked": asked, "Seen": time, "First": time, "Last": time, "Title": format!("Alert {id}"),
        "Severity": "Medium", "ServiceSource": "Microsoft Defender for Endpoint", "DetectionSource": "EDR",
        "Categories": "[\"Execution\"]", "AttackTechniques": "",
        "Evidence": json!([{"EntityType": "Ip", "RemoteIP": address}]).to_string(),
    })
}

/// The answer to a batch: place, status and body of each of its calls.
fn batch(responses: &[(usize, u16, Value)]) -> Answer {
    let response = |(id, status, body): &(usize, u16, Value)| json!({"id": id.to_string(), "status": status, "body": body});
    let responses: Vec<Value> = responses.iter().map(response).collect();
    Answer::post("/$batch").json(json!({"responses": responses}))
}

/// The ids of the alerts that sightings are of.
fn ids(answer: &Value) -> Vec<&str> {
    docs(answer, "sightings").iter().map(|one| one["external_ids"][0].as_str().unwrap()).collect()
}

/// How often the API was asked.
fn api_calls(stage: &Stage) -> usize {
    stage.sim.calls_to("graph").len()
}

/// An error body of the API.
fn refusal(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message, "innererror": {"request-id": "1"}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_the_fixtures_are_the_golden_ones() {
    relay_testkit::golden(&setup(), "graph", env!("CARGO_MANIFEST_DIR")).await;
}
