//! Nothing that is logged holds the key, down to the level `debug` and of any crate; nor more than a line.

use std::fmt::Write;
use std::sync::Mutex;

use log::kv::{Key, Value, VisitSource};
use log::{LevelFilter, Log, Metadata, Record};
use provider_sim::{Answer, Fault, What};
use relay_testkit::docs;
use serde_json::json;

use crate::{SIDE, setup};

/// Only this test uses it; other tests of the program log at the same time.
const KEY: &str = "demo-key.s3cr3t-0f-the-l0gs";
const SECRET: &str = "s3cr3t-0f-the-l0gs";
/// What each call to the provider is logged with.
const CALL: &str = "provider call";

/// The lines that matter here.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Collector;

impl Log for Collector {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        struct Append<'a>(&'a mut String);
        impl VisitSource<'_> for Append<'_> {
            fn visit_pair(&mut self, key: Key<'_>, value: Value<'_>) -> Result<(), log::kv::Error> {
                write!(self.0, " {key}={value}").map_err(|_| log::kv::Error::msg("no room"))
            }
        }
        let mut line = format!("{} {}", record.target(), record.args());
        record.key_values().visit(&mut Append(&mut line)).expect("pairs");
        if !line.contains(SECRET) && !line.contains(CALL) && !line.contains('\n') {
            return;
        }
        LINES.lock().expect("no test panics with it").push(line);
    }

    fn flush(&self) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_never_logged_and_a_failure_is_one_line() {
    log::set_logger(&Collector).expect("the only logger");
    log::set_max_level(LevelFilter::Debug);
    let stage = setup()
        .claim("key", KEY)
        .setting("RELAY_PROVIDER__READ_TIMEOUT", "500ms")
        .setting("RELAY_PROVIDER__RETRIES", "0")
        .start()
        .await;
    stage.health().await;
    let answer = stage.observe(&[("domain", "login-verify.example"), ("ip", "203.0.113.9")]).await;
    assert_eq!(docs(&answer, "sightings").len(), 3);
    let search = || Answer::post("/domains/list").times(1);
    for refusal in [
        search().status(401).text(&format!("{KEY} is no key")),
        search().status(500).json(json!({"message": format!("cannot serve {KEY}")})),
        search().text(&format!("{{\"{KEY}")),
    ] {
        stage.sim.answer(SIDE, refusal);
        let answer = stage.observe(&[("ip", "192.0.2.1")]).await;
        assert!(answer.get("errors").is_some() && !answer.to_string().contains(KEY), "{answer}");
    }
    for what in [What::Reset, What::Hang, What::Truncated] {
        stage.sim.faults().add(Fault::new(what).on(SIDE).next(1));
        stage.observe(&[("ip", "192.0.2.2")]).await;
    }
    let lines = LINES.lock().expect("no test panics with it");
    assert!(lines.iter().any(|line| line.contains(CALL)), "calls are logged");
    let leaks: Vec<_> = lines.iter().filter(|line| line.contains(SECRET)).collect();
    assert!(leaks.is_empty(), "{leaks:?}");
    let traces: Vec<_> = lines.iter().filter(|line| line.contains('\n')).collect();
    assert!(traces.is_empty(), "{traces:?}");
}
