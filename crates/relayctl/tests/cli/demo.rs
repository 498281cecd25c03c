//! `relayctl demo`.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use crate::{Serving, program, ran, relayctl};

const FREE_PORTS: [&str; 3] = ["demo", "--port-base", "0"];

#[test]
fn the_table_shows_the_verdicts_and_nothing_spoils_it() {
    let ran = relayctl(&FREE_PORTS);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", ran.out);
    assert!(!ran.out.contains('\x1b'), "no styles where the output is no terminal");
    let of = |value: &str| -> Vec<String> {
        let lines = ran.out.lines().skip_while(|line| !line.contains(&format!("● {value}")));
        let row = lines.skip(1).find(|line| line.contains("xforce")).unwrap_or_default();
        row.split_whitespace().map(str::to_owned).collect()
    };
    let row = of("login-verify.example");
    assert_eq!(row[..2], ["xforce", "Malicious"], "{}", ran.out);
    assert_eq!(row[6], "3", "report, resolutions and collections: {}", ran.out);
    assert_eq!(of("203.0.113.9")[1], "Suspicious", "{}", ran.out);
    assert!(ran.out.contains("What stands out\nMalicious  login-verify.example\n"), "{}", ran.out);
    let titles = ran.out.split_once("What stands out").unwrap().1;
    // Of Graph: a closed alert, an account, a link.
    for expected in [
        "Phishing URLs",
        "[Resolved] ",
        "\njdoe  Used  ws-042  (graph)\n",
        "  https://security.microsoft.com/alerts/",
    ] {
        assert!(titles.contains(expected), "{expected}: {}", ran.out);
    }
    for line in ran.out.lines() {
        // Links are shown in full, so that they can be followed.
        let fits = line.chars().count() <= 80 || line.contains("  https://");
        assert!(fits, "wider than a terminal: {line}");
    }
}

#[test]
fn it_ends_with_a_tile_of_each_relay_and_none_is_empty() {
    let ran = relayctl(&FREE_PORTS);
    let (_, tiles) = ran.out.split_once("On a dashboard\n").unwrap();
    let (tiles, _) = tiles.split_once("\nTo call the relays yourself").unwrap();
    let shown: Vec<&str> = tiles.trim().split("\n\n").collect();
    for (tile, title) in shown.iter().zip([
        "Alerts by severity Microsoft Graph Security",
        "Alerts by severity Microsoft Defender for Endpoint",
        "Queries of the month SecurityTrails",
        "Detections by severity Gigamon ThreatINSIGHT",
        "Records of the month IBM X-Force Exchange",
    ]) {
        let (first, data) = tile.split_once('\n').unwrap();
        assert!(first.starts_with(title), "{title}: {first}");
        // The last word of a line is a number; the first ones may be a day's.
        let last = |line: &str| line.split_whitespace().next_back().and_then(|word| word.parse().ok());
        assert!(data.lines().skip(1).filter_map(last).any(|number: u64| number > 0), "{tile}");
    }
    assert_eq!(shown.len(), 5, "{tiles}");
}

#[test]
fn a_proxy_in_the_environment_does_not_reach_the_demonstration() {
    let proxy = "http://127.0.0.1:1";
    let ran = ran(program(&FREE_PORTS).env("HTTP_PROXY", proxy).env("all_proxy", proxy), "");
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("Malicious"), "{}", ran.out);
}

#[test]
fn it_runs_where_the_system_has_no_certificate_authorities() {
    let nowhere = "/nonexistent";
    let ran = ran(program(&FREE_PORTS).env("SSL_CERT_FILE", nowhere).env("SSL_CERT_DIR", nowhere), "");
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
}

#[test]
fn a_relay_that_answers_with_an_error_shows_in_table_and_exit_code() {
    let ran = relayctl(&["demo", "--port-base", "0", "--fault", "xforce/api/linkage:status=500"]);
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    assert!(ran.out.contains("    fatal unknown: "), "{}", ran.out);
    assert!(ran.out.contains("Malicious"), "what others found stays: {}", ran.out);
}

#[test]
fn a_taken_port_is_named_and_replaced() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ran = relayctl(&["demo", "--port-base", &port]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(ran.err.contains(&format!("cannot listen on 127.0.0.1:{port} ")), "{}", ran.err);
    assert!(ran.err.contains("Set --port-base"), "{}", ran.err);
}

#[test]
fn another_shell_investigates_with_the_command_that_is_printed() {
    // Another program may take a port in between; then others are tried.
    for _ in 0..5 {
        let base =
            TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().min(60_000).to_string();
        let demo = program(&["demo", "--port-base", &base, "--serve"]).stdout(Stdio::piped()).spawn();
        let mut child = Serving(demo.unwrap());
        let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap);
        let printed =
            lines.find_map(|line| line.strip_prefix("To investigate in another shell:  ").map(str::to_owned));
        let printed = printed.unwrap();
        let Some(command) = printed.strip_prefix("relayctl ") else { continue };
        let ran = relayctl(&command.split(' ').collect::<Vec<_>>());
        assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
        assert!(ran.out.contains("5 relays asked") && ran.out.contains("Malicious"), "{}", ran.out);
        return;
    }
    panic!("no five ports in a row were free");
}

#[test]
fn the_help_lists_the_words_of_faults() {
    let ran = relayctl(&["demo", "--help"]);
    for word in
        ["status=503", "reset-late", "drip=20ms", "expired-tokens", "redirect=URL", "rate=0.1", "next=3"]
    {
        assert!(ran.out.contains(word), "{word}: {}", ran.out);
    }
}

#[test]
fn served_relays_answer_the_lines_that_are_printed_until_they_are_stopped() {
    let mut child =
        Serving(program(&["demo", "--port-base", "0", "--serve"]).stdout(Stdio::piped()).spawn().unwrap());
    let lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let printed: Vec<String> = lines
        .skip_while(|line| !line.starts_with("xforce  http://127.0.0.1:"))
        .take_while(|line| !line.starts_with("The calls to the providers"))
        .collect();
    let token = printed[1].strip_prefix("TOKEN=").unwrap();
    let curl = printed[2].as_str();
    let words: Vec<&str> = curl.split_whitespace().collect();
    assert_eq!(words[..2], ["curl", "-s"], "{curl}");
    assert_eq!(words[3..6], ["-H", "\"Authorization:", "Bearer"], "{curl}");
    assert!(curl.contains(r#" -d '[{"type":""#) && curl.ends_with('\''), "{curl}");

    let url = words[2].strip_suffix("/observe/observables").unwrap();
    let asked =
        ran(program(&["ask", url, "observe", "domain=login-verify.example"]).env("RELAY_TOKEN", token), "");
    assert_eq!(asked.code, Some(0), "{}", asked.err);
    assert!(asked.out.contains("Malicious  login-verify.example"), "{}", asked.out);

    let stopped = Command::new("kill").args(["-TERM", &child.0.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
}
