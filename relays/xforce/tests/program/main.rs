//! The program itself: its flags, what stops its start, its log, its probe and its orderly end.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod process;

mod doctor;
mod failures;
mod log;
mod start;
mod stop;

use provider_sim::{Options, Sim};
use relay_core::settings::{SETTINGS, listing, markdown};
use serde_json::Value;

use process::{Program, run, text, token};

#[test]
fn the_version_is_printed() {
    let output = run(&["--version"], &[]);
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), concat!("relay-xforce ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn the_help_lists_every_setting_and_wraps() {
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for columns in ["60", "100"] {
        let output = run(&["--help"], &[("COLUMNS", columns)]);
        assert!(output.status.success());
        let help = text(&output.stdout);
        let words = flat(help);
        for setting in SETTINGS.iter().chain(relay_xforce::relay().module().settings) {
            let row = flat(&listing([setting]));
            assert!(words.contains(&row), "{row} is not in the help");
        }
        for word in
            ["run", "healthcheck", "settings", "--version", "RELAY_CONFIG", "SECRET_KEY", "HTTPS_PROXY"]
        {
            assert!(help.contains(word), "{word} is not in the help");
        }
        let room: usize = columns.parse().expect("a number");
        // One word may be longer than a line.
        let long = help
            .lines()
            .find(|line| line.chars().count() > room && line.trim().contains(char::is_whitespace));
        assert_eq!(long, None);
    }
    let short = run(&["-h"], &[]);
    assert!(short.status.success() && !text(&short.stdout).contains("RELAY_LISTEN"), "{short:?}");
}

#[test]
fn settings_are_listed_for_people_and_for_documents() {
    let module = relay_xforce::relay().module();
    let listed = run(&["settings"], &[]);
    assert_eq!(text(&listed.stdout), listing(SETTINGS.iter().chain(module.settings)));
    let tables = run(&["settings", "--markdown"], &[]);
    for rows in [SETTINGS, module.settings] {
        assert!(text(&tables.stdout).contains(&format!("\n\n{}", markdown(rows))), "{tables:?}");
    }
}

#[test]
fn an_unknown_argument_is_refused() {
    for argument in ["--serve", "serve"] {
        let output = run(&[argument], &[]);
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(said.contains(argument) && said.contains("--help"), "{said}");
    }
}

#[test]
fn run_is_what_it_does_without_a_command() {
    for arguments in [&[][..], &["run"]] {
        let output = run(arguments, &[("RELAY_DEADLINE", "soon")]);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).contains("RELAY_DEADLINE: `soon` is not a time"), "{output:?}");
    }
}

#[test]
fn the_start_says_what_an_operator_should_know() {
    let program = Program::start(&[("RELAY_DEADLIN", "9s"), ("SECRET_KEY", "short")]);
    program.terminate();
    let (code, log) = program.ended();
    assert_eq!(code, Some(0));
    let warnings: Vec<&str> = log
        .iter()
        .filter(|line| line["level"] == "WARN")
        .filter_map(|line| line["message"].as_str())
        .collect();
    for expected in [
        "RELAY_DEADLIN is not a setting of relay-xforce and is ignored",
        "RELAY_AUTH__AUDIENCE is not set: the Host header",
        "RELAY_AUTH__SECRET_KEY is shorter than 32 bytes",
    ] {
        assert!(warnings.iter().any(|warning| warning.starts_with(expected)), "{expected}: {warnings:?}");
    }
    let started: Vec<&str> = log
        .iter()
        .filter_map(|line| line["message"].as_str())
        .filter(|message| message.starts_with(concat!("relay-xforce ", env!("CARGO_PKG_VERSION"), " serves")))
        .collect();
    assert_eq!(started.len(), 1, "{log:?}");
    assert!(started[0].ends_with("accepts tokens: RS256 and HS256"), "{started:?}");
    let others: Vec<&Value> = log.iter().filter(|line| line["level"] == "INFO").skip(1).collect();
    assert_eq!(others.len(), 2, "a start is one line, an end two: {others:?}");
}

#[test]
fn a_healthcheck_asks_the_running_relay() {
    let program = Program::start(&[]);
    let healthy = run(&["healthcheck"], &[("RELAY_ADMIN_LISTEN", &program.admin)]);
    assert!(healthy.status.success(), "{healthy:?}");
    // Without an admin port, the other listener shows that the process lives.
    let healthy = run(&["healthcheck"], &[("RELAY_ADMIN_LISTEN", "off"), ("RELAY_LISTEN", &program.address)]);
    assert!(healthy.status.success(), "{healthy:?}");
    // What answers there is no relay's admin port.
    let wrong = run(&["healthcheck"], &[("RELAY_ADMIN_LISTEN", &program.address)]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("does not answer with status 200"), "{wrong:?}");
    let admin = program.admin.clone();
    program.terminate();
    assert_eq!(program.ended().0, Some(0));
    let gone = run(&["healthcheck"], &[("RELAY_ADMIN_LISTEN", &admin)]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(text(&gone.stderr).contains(&format!("nothing answers on {admin}")), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn local_time_is_not_reported_as_utc() {
    let sim = Sim::start(Options::default()).await.expect("a simulator");
    let api = format!("{}/xforce", sim.url());
    let program = Program::start(&[("RELAY_PROVIDER__API_URL", &api), ("TZ", "EAST-14")]);
    let answer = program.ask(
        "/deliberate/observables",
        &token(&sim, "demo-key", "demo-password"),
        r#"[{"type": "domain", "value": "login-verify.example"}]"#,
    );
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let body: Value = serde_json::from_str(body).expect("JSON");
    let start = body["data"]["verdicts"]["docs"][0]["valid_time"]["start_time"].as_str().expect("a time");
    let start: jiff::Timestamp = start.parse().expect("a time");
    let apart = start.duration_until(jiff::Timestamp::now()).abs();
    assert!(apart < jiff::SignedDuration::from_mins(30), "{start} is {apart} from now");
}
