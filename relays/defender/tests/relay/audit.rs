//! One log line for each trigger.

use std::fmt::Write;
use std::sync::{Mutex, OnceLock, PoisonError};

use log::kv::{Error, Key, Value, VisitSource};
use log::{LevelFilter, Log, Metadata, Record};
use provider_sim::{Fault, What};
use serde_json::json;

use crate::setup;

/// The audit lines of the whole test process; tests tell theirs by the device.
struct Lines(Mutex<Vec<String>>);

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "audit"
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let mut line = format!("{} {}", record.level(), record.args());
            let _ = record.key_values().visit(&mut Pairs(&mut line));
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    }

    fn flush(&self) {}
}

struct Pairs<'l>(&'l mut String);

impl<'kvs> VisitSource<'kvs> for Pairs<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let _ = write!(self.0, " {key}={value}");
        Ok(())
    }
}

/// The lines about a device.
fn lines(machine: &str) -> Vec<String> {
    lines_of().iter().filter(|line| line.contains(machine)).cloned().collect()
}

fn lines_of() -> std::sync::MutexGuard<'static, Vec<String>> {
    static LINES: OnceLock<&'static Lines> = OnceLock::new();
    let lines = LINES.get_or_init(|| {
        let lines: &'static Lines = Box::leak(Box::new(Lines(Mutex::default())));
        log::set_logger(lines).unwrap();
        log::set_max_level(LevelFilter::Info);
        lines
    });
    lines.0.lock().unwrap_or_else(PoisonError::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_trigger_leaves_one_line_without_credentials() {
    drop(lines_of());
    let machine = "a0d1700000000000000000000000000000000001";
    let stage = setup().claim("sub", "user-7\" outcome=success").claim("org_id", "org-1").start().await;
    let trigger = |action: &str| {
        json!({"action-id": format!("microsoft-defender-{action}"), "observable_type": "ms_machine_id",
               "observable_value": machine})
    };
    stage
        .sim
        .answer("defender", provider_sim::Answer::post(&format!("/machines/{machine}/isolate")).status(201));
    stage.trigger(&trigger("FullIsolation")).await;
    stage.trigger(&trigger("FullIsolation")).await;
    stage.trigger(&trigger("Nonsense\noutcome=success")).await;
    stage.sim.faults().add(Fault::new(What::Reset).on("defender"));
    stage.trigger(&trigger("RunAntiVirusScanQuick")).await;
    let lines = lines(machine);
    assert_eq!(lines.len(), 4, "{lines:#?}");
    for line in &lines {
        assert!(!line.contains("demo-secret") && !line.contains("Bearer"), "{line}");
        assert!(line.contains(r#"sub="user-7\" outcome=success" org_id="org-1""#), "{line}");
        assert!(line.contains("tenant=11111111-2222-4333-8444-555555555555"), "{line}");
    }
    let first = format!(
        "INFO response action action=microsoft-defender-FullIsolation observable_type=ms_machine_id \
         observable_value={machine} tenant="
    );
    assert!(lines[0].starts_with(&first) && lines[0].ends_with(" outcome=success"), "{}", lines[0]);
    assert!(lines[1].ends_with("repeat=answered outcome=success"), "{}", lines[1]);
    assert!(lines[2].ends_with("outcome=failure code=invalid argument"), "{}", lines[2]);
    assert!(lines[3].ends_with("outcome=failure code=connection error"), "{}", lines[3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_broken_off_leaves_its_line_and_is_not_repeated() {
    drop(lines_of());
    let machine = "a0d1700000000000000000000000000000000002";
    let stage = setup().start().await;
    let fault = stage.sim.faults().add(Fault::new(What::Hang).on("defender"));
    let body = json!({"action-id": "microsoft-defender-FullIsolation", "observable_type": "ms_machine_id",
                      "observable_value": machine});
    let url = format!("{}/respond/trigger", stage.relay.url);
    let request = stage.http.post(url).bearer_auth(stage.token()).body(body.to_string());
    let asking = tokio::spawn(request.send());
    while stage.sim.calls_to("defender").is_empty() {
        tokio::task::yield_now().await;
    }
    asking.abort();
    while lines(machine).is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(lines(machine)[0].contains("outcome=broken off"), "{:?}", lines(machine));
    stage.sim.faults().remove(fault);
    let answer = stage.trigger(&body).await;
    assert_eq!(answer["data"]["status"], "failure");
    assert!(answer["errors"][0]["message"].as_str().unwrap().contains("broken off"), "{answer}");
    assert_eq!(stage.sim.calls_to("defender").len(), 1);
}
