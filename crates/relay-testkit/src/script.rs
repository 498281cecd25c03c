//! Golden scripts: response actions offered and taken in turn, compared with their snapshot.
//!
//! `fixtures/<provider>/<case>/script.json` is one script: circumstances as in a case of `/observe/observables`,
//! answers pinned beforehand, and steps, each a body for one of the two endpoints:
//!
//! ```json
//! {"about": "a device is cut off", "now": "2026-11-02T12:00:00Z", "steps": [
//!     {"respond": [{"type": "ms_machine_id", "value": "73e7e2de709dff64ef64b1d0c30e67fab63279db"}]},
//!     {"trigger": {"action-id": "…", "observable_type": "ms_machine_id", "observable_value": "…"}}
//! ]}
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use provider_sim::{Answer, SeenCall};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{Setup, Stage, golden};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    about: String,
    now: String,
    #[serde(default)]
    claims: Map<String, Value>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
    #[serde(default)]
    answers: Vec<Answer>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Respond(Value),
    Trigger(Value),
}

/// Goes through each script of a provider with a relay and a simulator of its own, and compares with `script.snap`
/// in its folder: for every step what was asked, what the provider was then asked, and the relay's answer. A new
/// script is a new folder.
///
/// `manifest` is the `CARGO_MANIFEST_DIR` of the relay's package.
pub async fn golden_scripts(setup: &Setup, provider: &'static str, manifest: &str) {
    let root = Path::new(manifest).join("../../fixtures").join(provider);
    let scripts = scripts(&root);
    assert!(!scripts.is_empty(), "there are scripts of {provider}");
    for (folder, script) in scripts {
        let mut setup = setup.clone().at(&script.now);
        setup.claims.extend(script.claims);
        for (name, value) in &script.settings {
            setup = setup.setting(&format!("RELAY_PROVIDER__{name}"), value);
        }
        let stage = setup.start().await;
        for answer in script.answers {
            stage.sim.answer(provider, answer);
        }
        let mut outcomes = Vec::new();
        for step in &script.steps {
            outcomes.push(step.take(&stage, provider).await);
        }
        golden::settings(&folder, &script.about).bind(|| insta::assert_json_snapshot!("script", outcomes));
    }
}

fn scripts(root: &Path) -> Vec<(PathBuf, Script)> {
    let mut scripts = Vec::new();
    for entry in fs::read_dir(root).expect("a folder of fixtures") {
        let folder = entry.expect("a folder that can be read").path();
        let Ok(text) = fs::read(folder.join("script.json")) else { continue };
        let script =
            serde_json::from_slice(&text).unwrap_or_else(|fault| panic!("{}: {fault}", folder.display()));
        scripts.push((folder, script));
    }
    scripts.sort_by(|a, b| a.0.cmp(&b.0));
    scripts
}

impl Step {
    async fn take(&self, stage: &Stage, provider: &str) -> Value {
        let before = stage.sim.calls_to(provider).len();
        let (name, path, body) = match self {
            Self::Respond(body) => ("respond", "/respond/observables", body),
            Self::Trigger(body) => ("trigger", "/respond/trigger", body),
        };
        let answer = stage.ask(path, Some(&stage.token()), body).await;
        let mut calls = stage.sim.calls_to(provider).split_off(before);
        // Calls that are under way together arrive in any order.
        calls.sort_by_key(SeenCall::line);
        let calls: Vec<Value> = calls.iter().map(shown).collect();
        json!({name: body, "calls": calls, "answer": answer})
    }
}

fn shown(call: &SeenCall) -> Value {
    match call.json() {
        Some(body) => json!({"call": call.line(), "body": body}),
        None => json!({"call": call.line()}),
    }
}
