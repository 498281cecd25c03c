//! The simulator as a process: its flags, its health check and how it ends.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use provider_sim::Keys;
use reqwest::Client;
use serde_json::Value;

/// A simulator on a free port, killed when it is dropped.
struct Process {
    child: Child,
    address: String,
}

impl Process {
    fn start(flags: &[&str]) -> Self {
        let mut command = command();
        command.args(["--listen", "127.0.0.1:0"]).args(flags).env("RUST_LOG", "info").stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address =
            lines.find_map(|line| line.unwrap().split_once(" on http://").map(|(_, at)| at.to_owned()));
        Self { child, address: address.unwrap() }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let client = Client::builder().no_proxy().build().unwrap();
        let call = client.get(format!("http://{}{path}", self.address)).header("Accept", "application/json");
        let answer = call.basic_auth("demo-key", Some("demo-password")).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_provider-sim"))
}

fn run(arguments: &[&str]) -> Output {
    command().args(arguments).output().unwrap()
}

/// A directory of this test's own.
fn directory(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn the_health_check_tells_a_living_process_from_none() {
    let process = Process::start(&[]);
    let healthy = || run(&["healthcheck", "--listen", &process.address]).status.success();
    assert!(healthy());
    let address = process.address.clone();
    drop(process);
    assert!(!run(&["healthcheck", "--listen", &address]).status.success());
}

#[test]
fn sigterm_ends_it_in_order() {
    let mut process = Process::start(&[]);
    let kill = Command::new("kill").args(["-TERM", &process.child.id().to_string()]).status().unwrap();
    assert!(kill.success() && process.child.wait().unwrap().success());
}

#[tokio::test]
async fn the_key_file_is_used() {
    let keys = Keys::generate().unwrap();
    let file = directory("key").join("key.pem");
    fs::write(&file, keys.private_pem().unwrap()).unwrap();
    let process = Process::start(&["--key", file.to_str().unwrap()]);
    assert_eq!(process.get("/.well-known/jwks").await.1, keys.jwks());
}

#[tokio::test]
async fn faults_and_latency_are_in_force_from_the_start() {
    let process = Process::start(&["--fault", "xforce:status=503", "--latency", "60ms"]);
    let start = Instant::now();
    assert_eq!(process.get("/xforce/ipr/203.0.113.9").await.0, 503);
    assert!(start.elapsed() >= Duration::from_millis(60));
}

#[test]
fn mistakes_end_the_start_with_a_reason() {
    let missing = directory("none").join("missing.pem");
    for (arguments, words) in [
        (["--fault", "xforce:boom"], "is not a fault"),
        (["--fault", "xforces:hang"], "no service is named"),
        (["--latency", "soon"], "is not a time"),
        (["--listen", "here"], "invalid socket address"),
        (["--key", missing.to_str().unwrap()], "missing.pem"),
    ] {
        let output = run(&arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(words), "{arguments:?}: {said}");
    }
    let version = run(&["--version"]);
    assert_eq!(
        String::from_utf8_lossy(&version.stdout),
        format!("provider-sim {}\n", env!("CARGO_PKG_VERSION"))
    );
}
