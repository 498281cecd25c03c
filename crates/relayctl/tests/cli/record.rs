//! `relayctl record` and `relayctl replay`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use provider_sim::{Options, Sim};
use serde_json::{Value, json};

use crate::{Ran, Scratch, Serving, program, ran, relayctl};

const CREDENTIALS: [&str; 2] = ["k3y-of-the-user", "p4ssw0rd"];

async fn simulator() -> Sim {
    Sim::start(Options::default()).await.unwrap()
}

/// Records what X-Force knows of two observables.
fn record(sim: &Sim, folder: &Scratch, arguments: &[&str]) -> Ran {
    let claims = json!({"key": "demo-key", "password": "demo-password"});
    fs::write(folder.path("claims.json"), claims.to_string()).unwrap();
    let (to, file) = (folder.path("recording"), folder.path("claims.json"));
    let fixed = ["record", "xforce", &to, "203.0.113.9", "login-verify.example", "--claims-file", &file];
    let mut command = program(&[&fixed, arguments].concat());
    ran(command.env("RELAY_PROVIDER__API_URL", format!("{}/xforce", sim.url())), "")
}

fn text_of(folder: &Scratch) -> String {
    let cases = fs::read_dir(folder.path("recording/xforce")).unwrap();
    cases.map(|case| fs::read_to_string(case.unwrap().path().join("case.json")).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_is_answered_again_without_the_provider() {
    let (sim, folder) = (simulator().await, Scratch::new("record"));
    let recorded = record(&sim, &folder, &["--redact-values"]);
    assert_eq!(recorded.code, Some(0), "{}{}", recorded.out, recorded.err);
    assert!(recorded.out.contains("provider calls recorded in "), "{}", recorded.out);
    sim.stop().await;
    let text = text_of(&folder);
    for canary in ["demo-key", "demo-password", "203.0.113.9", "login-verify"] {
        assert!(!text.contains(canary), "{canary}");
    }
    let replayed = relayctl(&["replay", &folder.path("recording")]);
    assert_eq!(replayed.code, Some(0), "{}{}", replayed.out, replayed.err);
    assert!(replayed.out.contains("198.18.0."), "{}", replayed.out);
    assert!(
        replayed.out.contains("judgements: ") && replayed.out.contains("No call was missing."),
        "{}",
        replayed.out
    );
    let json = relayctl(&["replay", &folder.path("recording"), "--json"]);
    let document: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(document["missing_calls"], json!([]));
    assert!(document["answers"][0]["data"]["verdicts"]["count"].as_u64().unwrap() > 0, "{document}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_missing_is_named() {
    let (sim, folder) = (simulator().await, Scratch::new("record-missing"));
    assert_eq!(record(&sim, &folder, &[]).code, Some(0));
    let report = fs::read_dir(folder.path("recording/xforce")).unwrap().map(|case| case.unwrap().path());
    let is_report = |case: &std::path::PathBuf| {
        fs::read_to_string(case.join("case.json")).unwrap().contains("\"path\": \"/ipr/203.0.113.9\"")
    };
    fs::remove_dir_all(report.into_iter().find(is_report).unwrap()).unwrap();
    let replayed = relayctl(&["replay", &folder.path("recording")]);
    assert_eq!(replayed.code, Some(1), "{}", replayed.out);
    assert!(
        replayed.out.contains("1 call not recorded:\n  GET /api_url/ipr/203.0.113.9\n"),
        "{}",
        replayed.out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_of_ones_own_can_be_pointed_at_a_recording() {
    let (sim, folder) = (simulator().await, Scratch::new("record-serve"));
    assert_eq!(record(&sim, &folder, &[]).code, Some(0));
    let mut child = Serving(
        program(&["replay", &folder.path("recording"), "--serve"]).stdout(Stdio::piped()).spawn().unwrap(),
    );
    let lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let printed: Vec<String> = lines.take_while(|line| !line.starts_with("TOKEN=")).collect();
    let setting = |name: &str| {
        printed
            .iter()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .unwrap_or_default()
            .to_owned()
    };
    let keys = setting("RELAY_AUTH__JWKS_HOSTS");
    assert_eq!(setting("RELAY_PROVIDER__API_URL"), format!("{keys}/api_url"), "{printed:?}");
    let stopped = Command::new("kill").args(["-TERM", &child.0.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_is_recorded_without_the_credentials() {
    let (sim, folder) = (simulator().await, Scratch::new("record-refused"));
    let [key, password] = CREDENTIALS;
    let (to, file) = (folder.path("recording"), folder.path("claims.json"));
    fs::write(&file, json!({"key": key, "password": password}).to_string()).unwrap();
    let mut command = program(&["record", "xforce", &to, "203.0.113.9", "--claims-file", &file]);
    let recorded = ran(command.env("RELAY_PROVIDER__API_URL", format!("{}/xforce", sim.url())), "");
    assert_eq!(recorded.code, Some(1), "{}", recorded.out);
    assert!(recorded.err.contains("authorization error"), "{}", recorded.err);
    let text = text_of(&folder);
    assert!(text.contains("\"status\": 401"), "{text}");
    for canary in CREDENTIALS {
        assert!(!text.contains(canary), "{canary}: {text}");
    }
}

#[test]
fn a_folder_without_a_recording_is_an_error() {
    let folder = Scratch::new("record-none");
    let ran = relayctl(&["replay", &folder.path("")]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("no folder in it has a case.json"), "{}", ran.err);
}
