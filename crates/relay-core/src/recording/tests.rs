use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::*;
use crate::module::{Claim, Setting};
use crate::observable::{ObservableType, TypeCase};

const fn claim(name: &'static str, secret: bool) -> Claim {
    Claim { name, label: "", required: true, secret, help: "", only_with: None }
}

static MODULE: Module = Module {
    name: "acme",
    package: "relay-acme",
    version: "1",
    title: "Acme",
    summary: "",
    user_agent: None,
    observables: &[ObservableType::Domain],
    type_case: TypeCase::Exact,
    claims: &[claim("tenant_id", false), claim("client_secret", true)],
    settings: &[Setting::new("provider.api_url", "", "")],
};

const TENANT: &str = "AAAAAAAA-bbbb-4ccc-8ddd-eeeeeeeeeeee";
const SECRET: &str = "s3cr~t+/p&w";
const TOKEN_OF_LOGIN: &str = "eyJhbGciOi.t0k3n.sig";

/// A folder that goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("relay-core-recording-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    /// The cases in it, in order.
    fn cases(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.0.join("acme")).map(|all| all.flatten().collect::<Vec<_>>());
        let mut cases: Vec<PathBuf> =
            entries.unwrap_or_default().iter().map(|entry| entry.path().join("case.json")).collect();
        cases.sort();
        cases
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn recorder(folder: &Path, redact_values: bool) -> Recorder {
    let bases = vec![("api_url".to_owned(), "https://api.example/v1".to_owned())];
    let settings = RecordSettings { folder: folder.to_owned(), redact_values, bases, options: Vec::new() };
    Recorder::new(&MODULE, &settings).expect("random numbers")
}

fn confidential() -> Confidential {
    let claims = json!({"tenant_id": TENANT, "client_secret": SECRET, "email": "analyst@corp.example"});
    let confidential =
        Confidential::of(&MODULE, &Claims::from(claims.as_object().cloned().unwrap_or_default()));
    confidential.ask_about(&[Observable::new(ObservableType::Domain, "bad.example").expect("a domain")]);
    confidential
}

/// A call with this answer, recorded.
fn record(recorder: &Recorder, url: &str, sent: &str, body: &str) -> Option<String> {
    let mut headers = HeaderMap::new();
    for (name, value) in [("set-cookie", "session=c00kie"), ("x-ratelimit-remaining", "7"), ("link", url)] {
        headers.insert(name, value.parse().expect("a value"));
    }
    let is_login = url.contains("/token");
    let secrets = [SecretString::from(if is_login { "assertion.t0k3n" } else { TOKEN_OF_LOGIN })];
    recorder.record(
        &confidential(),
        &Recorded {
            name: "report",
            method: "POST",
            url: &Url::parse(url).expect("a URL"),
            sent: sent.as_bytes(),
            scope: is_login.then_some("https://api.example/.default"),
            secrets: &secrets,
            status: 200,
            headers: &headers,
            body: body.as_bytes(),
            now: Timestamp::UNIX_EPOCH,
        },
    )
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("a case")).expect("JSON")
}

#[test]
fn an_exchange_is_written_for_nobody_else_and_without_what_is_confidential() {
    let folder = Folder::new("written");
    let recorder = recorder(&folder.0, true);
    let encoded: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let url = format!("https://api.example/v1/{TENANT}/bad.example?key={encoded}&host=www.BAD.example");
    let body = json!({
        "tenant": TENANT.to_lowercase(), "plain": TENANT.replace('-', ""), "token": TOKEN_OF_LOGIN,
        "basic": BASE64_STANDARD.encode(SECRET), "nested": json!({"secret": SECRET}).to_string(),
        "url": "https:\\/\\/bad.example\\/x", "by": "analyst@corp.example",
        "next": "https://api.example/v1/page?2", "kept": "8.8.8.8",
    });
    assert_eq!(record(&recorder, &url, r#"{"query": "host == 'bad.example'"}"#, &body.to_string()), None);
    let cases = folder.cases();
    assert_eq!(fs::metadata(&cases[0]).expect("a file").permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&cases[0]).expect("a case").to_lowercase();
    for canary in [TENANT, SECRET, TOKEN_OF_LOGIN, &encoded, "bad.example", "analyst", "c00kie"] {
        assert!(!text.contains(&canary.to_lowercase()), "{canary}: {text}");
    }
    let case = read(&cases[0]);
    let answer = &case["answers"][0];
    assert_eq!(answer["base"], "api_url");
    assert_eq!(answer["path"], "/00000001-0000-4000-8000-000000000001/value00005.example");
    assert_eq!(answer["raw_query"], "key=value00002&host=www.value00005.example");
    assert_eq!(answer["body"]["query"], "host == 'value00005.example'");
    assert_eq!(answer["headers"]["x-ratelimit-remaining"], "7");
    assert_eq!(answer["json"]["next"], "{{api_url}}/page?2");
    assert_eq!(answer["json"]["kept"], "8.8.8.8");
    assert_eq!(case["claims"]["tenant_id"], "00000001-0000-4000-8000-000000000001");
    assert_eq!(case["observables"], json!([{"type": "domain", "value": "value00005.example"}]));
}

#[test]
fn a_login_is_written_without_proof_and_token() {
    let folder = Folder::new("login");
    let recorder = recorder(&folder.0, false);
    let answer = json!({"access_token": TOKEN_OF_LOGIN, "refresh_token": "r3fr3sh", "expires_in": 3599});
    let url = format!("https://login.example/{TENANT}/oauth2/v2.0/token");
    assert_eq!(record(&recorder, &url, "", &answer.to_string()), None);
    let case = read(&folder.cases()[0]);
    let answer = &case["answers"][0];
    assert_eq!(answer["base"], "login.example");
    assert_eq!(answer["body_contains"], json!(["scope=https%3A%2F%2Fapi.example%2F.default"]));
    assert_eq!(answer["json"], json!({"access_token": TOKEN, "expires_in": 3599}));
    assert_eq!(case["observables"][0]["value"], "bad.example", "kept unless replaced");
}

#[test]
fn the_bounds_are_kept_and_reported_once() {
    let folder = Folder::new("bounds");
    let mut recorder = recorder(&folder.0, false);
    recorder.bounds = Bounds { exchanges: 2, bytes: 1 << 20, body: 100 };
    let next = |body: &str| record(&recorder, "https://api.example/v1/x", "", body);
    let large = next(&format!("\"{}\"", "x".repeat(200))).expect("a warning");
    assert!(large.contains("the call report is not recorded, since it is larger than 100 bytes"), "{large}");
    assert_eq!(next(&"x".repeat(200)), None, "said once");
    assert_eq!((next("{}"), next("no JSON")), (None, None));
    let full = next("{}").expect("a warning");
    assert!(full.starts_with("RELAY_RECORD: 2 provider calls and "), "{full}");
    assert_eq!((next("{}"), folder.cases().len()), (None, 2));
    recorder.bounds = Bounds { exchanges: 9, bytes: 9, body: 100 };
    assert_eq!(record(&recorder, "https://api.example/v1/x", "", "{}"), None);
    assert_eq!(folder.cases().len(), 2);
}

#[test]
fn a_folder_that_cannot_be_written_is_reported_once() {
    let file = Folder::new("file");
    fs::write(&file.0, "not a folder").expect("a file");
    let recorder = recorder(&file.0, false);
    let warning = record(&recorder, "https://api.example/v1/x", "", "{}").expect("a warning");
    assert!(warning.contains("requests are answered all the same"), "{warning}");
    assert_eq!(record(&recorder, "https://api.example/v1/x", "", "{}"), None);
    assert_eq!(fs::read_to_string(&file.0).expect("the file"), "not a folder");
    fs::remove_file(&file.0).expect("its own file");
}

#[test]
fn a_file_that_is_there_is_not_overwritten() {
    let folder = Folder::new("foreign");
    assert!(case::write(&folder.0, b"first").is_ok());
    assert!(case::write(&folder.0, b"second").is_err());
    assert_eq!(fs::read(folder.0.join("case.json")).expect("a file"), b"first");
}

#[test]
fn what_cannot_be_redacted_is_left_out() {
    let folder = Folder::new("unsound");
    let recorder = recorder(&folder.0, false);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, "text/plain".parse().expect("a value"));
    let exchange = Recorded {
        name: "report",
        method: "GET",
        url: &Url::parse("https://api.example/v1/x").expect("a URL"),
        sent: b"",
        scope: None,
        secrets: &[],
        status: 200,
        headers: &headers,
        body: &[0xff, 0xfe],
        now: Timestamp::UNIX_EPOCH,
    };
    assert!(recorder.record(&confidential(), &exchange).is_some());
    assert!(folder.cases().is_empty());
}
