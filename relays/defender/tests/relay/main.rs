//! The relay before the simulated Defender for Endpoint, asked over HTTP.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod audit;
mod batches;
mod defects;
mod demo;
mod doctor;
mod examples;
mod facts;
mod failures;
mod health;
mod hostile;
mod hunting;
mod links;
mod logins;
mod lookups;
mod offers;
mod opinions;
mod quotas;
mod replicas;
mod respond;
mod tiles;
mod triggers;
mod values;

use provider_sim::Answer;
use provider_sim::login::directory::{FULL, SECRET};
use relay_testkit::{Setup, Stage};
use serde_json::{Value, json};

/// Loader and notepad of the worked examples, by all their hashes.
const LOADER: [&str; 3] = [
    "2f00000000000000000000000000000000000b02",
    "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3",
    "d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4",
];
const NOTEPAD: [&str; 3] = [
    "1f00000000000000000000000000000000000a01",
    "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1",
    "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2",
];
/// The device of the worked examples.
const MACHINE: &str = "73e7e2de709dff64ef64b1d0c30e67fab63279db";
/// A file of which nothing is known by itself: each test says what there is.
const SHA1: &str = "00000000000000000000000000000000000000aa";

/// The relay as a tenant of the demo uses it.
fn full() -> Setup {
    setup_with(&[])
}

/// The same with alerts and events only, for tests that count calls.
fn setup() -> Setup {
    plain(full())
}

/// The same, with Microsoft Graph to hunt by.
fn setup_with_graph() -> Setup {
    plain(full_with_graph())
}

fn full_with_graph() -> Setup {
    setup_with(&[("RELAY_PROVIDER__GRAPH_URL", "/graph")])
}

fn plain(setup: Setup) -> Setup {
    setup
        .setting("RELAY_PROVIDER__VERDICTS", "off")
        .setting("RELAY_PROVIDER__STATS", "off")
        .setting("RELAY_PROVIDER__ACTIONS", "indicators,isolate,restrict,scan,collect,investigate")
}

fn setup_with(more: &[(&str, &str)]) -> Setup {
    let mut bases = vec![("RELAY_PROVIDER__API_URL", "/defender"), ("RELAY_PROVIDER__LOGIN_URL", "/login")];
    bases.extend(more);
    let claims = json!({
        "client_id": FULL.id,
        "tenant_id": "11111111-2222-4333-8444-555555555555",
        "client_secret": SECRET,
    });
    Setup::new(relay_defender::relay, claims, &bases)
}

/// Path and query of the calls to the API, in order, the prefix left out.
fn calls(stage: &Stage) -> Vec<String> {
    let calls = stage.sim.calls_to("defender");
    calls.iter().map(|call| call.line().replacen("/defender", "", 1)).collect()
}

/// Pins the alerts of a path.
fn alerts(stage: &Stage, path: &str, alerts: &Value) {
    stage.sim.answer("defender", Answer::get(path).json(json!({ "value": alerts })));
}

/// Pins that there is no alert about an observable, and that a file is unknown.
fn silent(stage: &Stage, (kind, value): (&str, &str)) {
    let collection = match kind {
        "ip" | "ipv6" => "ips",
        "domain" => "domains",
        "user" => "users",
        "md5" | "sha256" => {
            return stage.sim.answer("defender", Answer::get(&format!("/files/{value}")).status(404));
        }
        _ => "files",
    };
    alerts(stage, &format!("/{collection}/{value}/alerts"), &json!([]));
}

/// Pins what every hunting query finds.
fn rows(stage: &Stage, rows: &Value) {
    stage.sim.answer("defender", Answer::post("/advancedqueries/run").json(json!({ "Results": rows })));
}

/// The queries that were sent.
fn queries(stage: &Stage) -> Vec<String> {
    let calls = stage.sim.calls_to("defender");
    let query = |call: &provider_sim::SeenCall| Some(call.json()?["Query"].as_str()?.to_owned());
    calls.iter().filter_map(query).collect()
}

/// An alert with an id, a time and the given rest.
fn alert(id: &str, rest: &Value) -> Value {
    let mut alert =
        json!({"id": id, "alertCreationTime": "2026-11-02T08:00:00Z", "evidence": [{"entityType": "User"}]});
    for (name, value) in rest.as_object().unwrap() {
        alert[name.as_str()] = value.clone();
    }
    alert
}

/// `source relation related` of each relation, types left out.
fn relations(sighting: &Value) -> Vec<String> {
    let text = |value: &Value| value["value"].as_str().unwrap_or("?").to_owned();
    let list = sighting["relations"].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter()
        .map(|one| {
            format!(
                "{} {} {}",
                text(&one["source"]),
                one["relation"].as_str().unwrap(),
                text(&one["related"])
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_the_fixtures_are_the_golden_ones() {
    relay_testkit::golden(&full(), "defender", env!("CARGO_MANIFEST_DIR")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_the_same_golden_ones_by_microsoft_graph() {
    let setup = full_with_graph().setting("RELAY_PROVIDER__HUNTING_API", "graph");
    relay_testkit::golden(&setup, "defender", env!("CARGO_MANIFEST_DIR")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_are_offered_and_taken_as_in_the_golden_scripts() {
    // What can be cancelled names the time at which it was asked for: today.
    let setup = full().setting(
        "RELAY_PROVIDER__ACTIONS",
        "indicators,isolate,restrict,scan,collect,investigate,quarantine",
    );
    relay_testkit::golden_scripts(&setup, "defender", env!("CARGO_MANIFEST_DIR")).await;
}
