//! `relayctl connections` and `relayctl investigate` with relays of the user's own, and `relayctl compare`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use provider_sim::login::directory::{FULL, NO_HUNTING, SECRET};
use provider_sim::{Fault, Options, Sim};
use relay_core::server;
use relay_core::settings::{Environment, Settings};
use serde_json::{Value, json};

use crate::ask::TestBed;
use crate::{Ran, Scratch, program, ran, relayctl};

/// The X-Force relay as a connection of this name.
fn connected(bed: &TestBed, more: &str) -> String {
    let file = bed.scratch.path("relays.toml");
    fs::write(bed.scratch.path("x.jwt"), &bed.token).unwrap();
    fs::set_permissions(bed.scratch.path("x.jwt"), fs::Permissions::from_mode(0o600)).unwrap();
    let text =
        format!("[relays.mine]\nrelay = \"xforce\"\nurl = \"{}\"\ntoken_file = \"x.jwt\"\n{more}", bed.url);
    fs::write(&file, text).unwrap();
    file
}

fn investigate(file: &str, arguments: &[&str], input: &str) -> Ran {
    let arguments: Vec<&str> = ["investigate", "--config", file].iter().chain(arguments).copied().collect();
    ran(&mut program(&arguments), input)
}

const GONE: &str =
    "[relays.gone]\nrelay = \"xforce\"\nurl = \"http://127.0.0.1:1\"\ntoken_file = \"x.jwt\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn own_relays_are_listed_with_their_health() {
    let bed = TestBed::start("connections").await;
    let file = connected(&bed, "");
    let listed = relayctl(&["connections", "--config", &file]);
    assert_eq!((listed.code, listed.err.as_str()), (Some(0), ""), "{}", listed.out);
    assert!(listed.out.contains("mine") && listed.out.contains("ok"), "{}", listed.out);
    assert!(!listed.out.contains(&bed.token), "{}", listed.out);

    let file = connected(&bed, GONE);
    let listed = relayctl(&["connections", "--config", &file, "--json"]);
    assert_eq!(listed.code, Some(1), "{}", listed.err);
    let document: Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!(document["relays"][0]["health"], "ok");
    assert_eq!(document["relays"][1]["health"], "failed");
    assert!(document["relays"][1]["problem"].as_str().unwrap().contains("does not respond"), "{document}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_on_standard_input_is_looked_up_in_own_relays() {
    let bed = TestBed::start("investigate").await;
    let file = connected(&bed, "");
    let report =
        "Seen: hxxps://login-verify[.]example, login-verify[.]example, who@bad.example and 10.0.0.0/8.";
    let done = investigate(&file, &["-"], report);
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
    for shown in ["Malicious", "login-verify.example", "not asked: mine: this relay does not look up email"] {
        assert!(done.out.contains(shown), "{shown}: {}", done.out);
    }
    for note in ["10.0.0.0/8 is a network", "no asked relay looks up the type email"] {
        assert!(done.err.contains(note), "{note}: {}", done.err);
    }
    let done = investigate(&file, &["--json", "domain=login-verify.example"], "");
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{}", done.out);
    let document: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(document["observables"][0]["relays"][0]["outcome"], "found");
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_say_what_came_of_it() {
    let bed = TestBed::start("exit-codes").await;
    let file = connected(&bed, GONE);
    for (arguments, code, words) in [
        (&["quiet-garden.example", "--relay", "mine"][..], 3, "nothing known"),
        (&["quiet-garden.example", "--relay", "mine", "--json"], 0, "nothing known"),
        (&["quiet-garden.example"], 1, "does not respond"),
        (&["quiet-garden.example", "--relay", "gone"], 2, "failed"),
        (&["user=jdoe"], 2, "no asked relay looks up the type user"),
        (&["domian=bad.example"], 2, "did you mean `domain`?"),
        (&["ip=bad"], 2, "does not fit the type ip"),
        (&["192.0.2.1", "--relay", "other"], 2, "there are: mine, gone"),
    ] {
        let done = investigate(&file, arguments, "");
        let text = format!("{}{}", done.out, done.err);
        assert_eq!(done.code, Some(code), "{arguments:?}: {text}");
        assert!(text.contains(words), "{arguments:?}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_fit_the_terminal() {
    let bed = TestBed::start("widths").await;
    let file = connected(&bed, "");
    for columns in ["40", "80", "200"] {
        let arguments = ["investigate", "--config", &file, "login-verify.example", "203.0.113.9"];
        let done = ran(program(&arguments).env("COLUMNS", columns), "");
        assert_eq!(done.code, Some(0), "{}", done.err);
        let room: usize = columns.parse().unwrap();
        for line in done.out.lines().filter(|line| !line.contains("https://")) {
            assert!(line.chars().count() <= room, "{columns}: {line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_equals_itself() {
    let bed = TestBed::start("compare").await;
    let file = connected(&bed, GONE);
    let compared = relayctl(&["compare", "--config", &file, "mine", "mine", "login-verify.example"]);
    assert_eq!(compared.code, Some(0), "{}{}", compared.out, compared.err);
    assert!(compared.out.contains("equal"), "{}", compared.out);
    let compared = relayctl(&["compare", "--config", &file, "mine", "gone", "login-verify.example"]);
    assert_eq!(compared.code, Some(2), "{}", compared.out);
    assert!(compared.err.contains("does not respond"), "{}", compared.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_names_the_step_that_fails() {
    let bed = TestBed::start("doctor").await;
    let file = connected(&bed, "");
    let checked = relayctl(&["doctor", "--config", &file]);
    assert_eq!((checked.code, checked.err.as_str()), (Some(0), ""), "{}", checked.out);
    for check in ["connection", "clock", "answer", "token", "health"] {
        assert!(checked.out.contains(&format!("  ok    {check}")), "{check}: {}", checked.out);
    }
    let file = connected(&bed, GONE);
    let checked = relayctl(&["doctor", "--config", &file, "--json"]);
    assert_eq!(checked.code, Some(1), "{}", checked.err);
    let document: Value = serde_json::from_str(&checked.out).unwrap();
    let fails =
        document["relays"][1]["checks"].as_array().unwrap().iter().find(|line| line["outcome"] == "fail");
    assert_eq!(fails.unwrap()["check"], "connection");
    assert!(fails.unwrap()["advice"].as_str().unwrap().contains("the relay runs"), "{document}");
}

/// What the doctor says of the one relay of a file, besides what is ok: check, outcome, detail.
fn faults(file: &str, arguments: &[&str]) -> Vec<(String, String, String)> {
    let all: Vec<&str> = ["doctor", "--config", file, "--json"].iter().chain(arguments).copied().collect();
    let checked = relayctl(&all);
    let document: Value = serde_json::from_str(&checked.out).unwrap();
    let lines =
        document["relays"][0]["checks"].as_array().unwrap().iter().filter(|line| line["outcome"] != "ok");
    let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    lines
        .map(|line| {
            assert!(!text(line, "advice").is_empty(), "{document}");
            (text(line, "check"), text(line, "outcome"), text(line, "detail"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_sees_from_outside_what_the_relay_says_of_itself() {
    let bed = TestBed::start("doctor-outside").await;
    let file = connected(&bed, "");
    assert_eq!(faults(&file, &[]), []);
    // What the provider refuses.
    bed.sim.faults().add(Fault::status(401).on("xforce"));
    let found = faults(&file, &[]);
    assert_eq!((found.len(), found[0].0.as_str(), found[0].1.as_str()), (1, "health", "fail"), "{found:?}");
    assert!(found[0].2.starts_with("authorization error: "), "{found:?}");
}

/// A relay that says this of itself, and answers this to health checks.
fn pretended(about: &'static str, health: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut head = [0; 8192];
            // One that only tries whether somebody listens sends nothing.
            let Ok(length @ 1..) = connection.read(&mut head) else { continue };
            let body = if head[..length].starts_with(b"GET") { about } else { health };
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = connection.write_all(format!("{head}{body}").as_bytes());
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_names_what_ends_and_what_is_used_up() {
    const RELAY: &str = r#"{"name": "relay-xforce", "version": "1"}"#;
    const ENDS: &str = r#"{"name": "relay-xforce", "version": "1", "retiring":
        [{"what": "The old API", "ends": "2020-02-01", "advice": "set the new one"}]}"#;
    const WELL: &str = r#"{"data": {"status": "ok"}}"#;
    const USED_UP: &str = r#"{"data": {"status": "ok", "quotas": {"x": {"description": "Records", "values":
        {"bucket_limit": 10, "current_bucket_consumption": 10}}}}}"#;
    let bed = TestBed::start("doctor-ends").await;
    let file = connected(&bed, "");
    let text = fs::read_to_string(&file).unwrap();
    for (about, health, check, detail) in [
        (ENDS, WELL, "api", "The old API ended on 1 February 2020"),
        (RELAY, USED_UP, "quota", "Records: 10 of 10 used"),
    ] {
        fs::write(&file, text.replace(&bed.url, &pretended(about, health))).unwrap();
        let found = faults(&file, &[]);
        assert_eq!((found.len(), found[0].0.as_str(), found[0].1.as_str()), (1, check, "fail"), "{found:?}");
        assert!(found[0].2.starts_with(detail), "{found:?}");
    }
}

/// With `--login` it logs in itself, where the provider has a login.
#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_checks_permissions_from_here_where_it_is_asked_to() {
    let scratch = Scratch::new("doctor-login");
    let sim = Sim::start(Options::default()).await.unwrap();
    let relay = relay_graph::relay();
    let at = |path: &str| format!("{}{path}", sim.url());
    let secret = "a-shared-secret-of-more-than-32-bytes";
    let loaded = Settings::load(
        relay.module(),
        Environment::of([
            ("RELAY_LISTEN", "127.0.0.1:0".to_owned()),
            ("RELAY_ADMIN_LISTEN", "off".to_owned()),
            ("RELAY_WORKERS", "1".to_owned()),
            ("RELAY_AUTH__SECRET_KEY", secret.to_owned()),
            ("RELAY_PROVIDER__API_URL", at("/graph")),
            ("RELAY_PROVIDER__LOGIN_URL", at("/login")),
        ]),
    );
    let running = server::start(&relay, &loaded.unwrap().settings).unwrap();
    let private = |name: &str, text: &str| {
        fs::write(scratch.path(name), text).unwrap();
        fs::set_permissions(scratch.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    };
    private("secret", secret);
    let file = scratch.path("relays.toml");
    let text = format!(
        "[relays.g]\nrelay = \"graph\"\nurl = \"http://{}\"\nclaims_file = \"claims\"\nsecret_file = \"secret\"\n",
        running.address
    );
    fs::write(&file, text).unwrap();
    let set = ["--set", &format!("RELAY_PROVIDER__LOGIN_URL={}", at("/login"))];
    for (application, secret, expected) in [
        (FULL.id, SECRET, None),
        (NO_HUNTING.id, SECRET, Some(("permission", "hunting: ThreatHunting.Read.All missing"))),
        (
            FULL.id,
            "wrong-secret",
            Some(("login", "Microsoft Graph Security: Authorization failed: The client secret")),
        ),
    ] {
        let claims =
            json!({"application_id": application, "tenant_id": "corp.example", "client_secret": secret});
        private("claims", &claims.to_string());
        // The relay itself sees that the secret is wrong.
        let mut found = faults(&file, &["--login", set[0], set[1]]);
        found.retain(|(check, ..)| check != "health");
        match expected {
            None => assert_eq!(found, []),
            Some((check, detail)) => {
                assert_eq!((found.len(), found[0].0.as_str()), (1, check), "{found:?}");
                assert!(found[0].2.starts_with(detail), "{found:?}");
            }
        }
    }
}

#[test]
fn without_a_file_it_says_how_to_write_one() {
    let listed = relayctl(&["connections"]);
    assert_eq!(listed.code, Some(2), "{}", listed.out);
    assert!(listed.err.contains("relays.toml"), "{}", listed.err);
}

#[test]
fn shells_and_manuals_know_every_command() {
    for arguments in
        [&["completions", "bash"][..], &["completions", "zsh"], &["completions", "fish"], &["man"]]
    {
        let printed = relayctl(arguments);
        assert_eq!(printed.code, Some(0), "{}", printed.err);
        for command in ["investigate", "respond", "connections"] {
            assert!(printed.out.contains(command), "{arguments:?}: {command}");
        }
    }
}
