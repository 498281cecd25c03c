//! `doctor`: quotas, and what is wrong with its arguments.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use provider_sim::{Answer, Options, Sim};
use relay_testkit::identity::Folder;
use serde_json::{Value, json};

use crate::process::{run, text};

/// The lines that are not ok, of a relay whose account has used this number of its 10,000 records.
async fn faults(used: u32) -> Vec<Value> {
    let sim = Sim::start(Options::default()).await.expect("a simulator");
    let month = Timestamp::now().to_zoned(TimeZone::UTC).strftime("%Y-%m").to_string();
    let usage = json!([{"subscriptionType": "api", "usageData": {
        "type": "premium", "entitlement": 10000, "usage": [{"cycle": month, "usage": used}]}}]);
    sim.answer("xforce", Answer::get("/all-subscriptions/usage").json(usage));
    let folder = Folder::default();
    let claims = folder.write("claims.json", r#"{"key": "demo-key", "password": "demo-password"}"#);
    let api = format!("{}/xforce", sim.url());
    let settings = [
        ("RELAY_PROVIDER__API_URL", api.as_str()),
        ("RELAY_AUTH__JWKS_HOSTS", &sim.url()),
        ("RELAY_AUTH__AUDIENCE", "https://xforce.relays.example"),
    ];
    let output = run(&["doctor", "--claims-file", &claims, "--json"], &settings);
    let said = text(&output.stdout);
    assert!(!said.contains("demo-password"), "{said}");
    let document: Value = serde_json::from_str(said).expect("a document");
    let lines = document["checks"].as_array().expect("checks");
    assert!(lines.iter().any(|line| line["check"] == "quota"), "{said}");
    let fails = lines.iter().any(|line| line["outcome"] == "fail");
    assert_eq!(output.status.code(), Some(i32::from(fails)), "{said}");
    lines.iter().filter(|line| line["outcome"] != "ok").cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_is_used_up_is_the_only_fault() {
    assert_eq!(faults(100).await, Vec::<Value>::new());
    for (used, outcome) in [(9500, "warn"), (10_000, "fail")] {
        let faults = faults(used).await;
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(
            (&faults[0]["check"], &faults[0]["outcome"]),
            (&json!("quota"), &json!(outcome)),
            "{faults:?}"
        );
        assert!(
            faults[0]["detail"].as_str().is_some_and(|words| words.contains("of 10000 used")),
            "{faults:?}"
        );
        assert!(faults[0]["advice"].as_str().is_some_and(|words| !words.is_empty()), "{faults:?}");
    }
}

#[test]
fn a_certificate_that_is_not_trusted_is_named_with_the_reason() {
    let (base, certificate) = relay_testkit::host_with_certificate("127.0.0.1", |_| ());
    let folder = Folder::default();
    let trusted = folder.write("ca.pem", &certificate);
    let claims = folder.write("claims.json", r#"{"key": "demo-key", "password": "demo-password"}"#);
    let line = |trusted: &str| {
        let settings = [("RELAY_PROVIDER__API_URL", base.as_str()), ("RELAY_PROVIDER__CA_FILE", trusted)];
        let output = run(&["doctor", "--claims-file", &claims, "--json"], &settings);
        let document: Value = serde_json::from_str(text(&output.stdout)).expect("a document");
        let lines = document["checks"].as_array().expect("checks");
        let connected = |line: &Value| line["check"] == "connection" && line["outcome"] == "ok";
        assert!(lines.iter().any(connected), "{document}");
        lines.iter().find(|line| line["check"] == "tls").cloned()
    };
    assert_eq!(line(&trusted), None);
    let line = line("").expect("a line about the certificate");
    assert_eq!(line["outcome"], "fail", "{line}");
    assert!(line["detail"].as_str().is_some_and(|words| words.contains("Self signed")), "{line}");
    assert!(line["advice"].as_str().is_some_and(|words| words.contains("RELAY_PROVIDER__CA_FILE")), "{line}");
}

#[test]
fn a_file_that_holds_no_claims_is_named_and_not_repeated() {
    let folder = Folder::default();
    let odd = folder.write("claims.json", r#""hush""#);
    for (file, problem) in
        [(odd.as_str(), "does not hold a JSON object of claims"), ("/no/such/file", "cannot read")]
    {
        let output = run(&["doctor", "--claims-file", file], &[]);
        assert_eq!(output.status.code(), Some(1));
        let said = text(&output.stderr);
        assert!(said.contains(problem) && said.contains(file) && !said.contains("hush"), "{said}");
    }
    let both = run(&["doctor", "--claims-file", "x", "--token-file", "y"], &[]);
    assert_eq!(both.status.code(), Some(2), "{both:?}");
}
