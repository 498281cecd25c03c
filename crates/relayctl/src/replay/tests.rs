//! Each relay records its calls to the simulator, and another one is answered from the recording.

use std::fs;
use std::net::Ipv6Addr;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use tokio::time::timeout;

use super::*;
use crate::compare::entities;
use crate::relays::RELAYS;

/// Longer than any step takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("relayctl-replay-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    /// The text of everything in it, in lower case.
    fn text(&self) -> String {
        let read = |case: Case| {
            let file = self.0.join(case.provider).join(case.name).join("case.json");
            fs::read_to_string(file).unwrap().to_lowercase()
        };
        fixtures::folder(&self.0).unwrap().into_iter().map(read).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
        let _ = fs::remove_file(&self.0);
    }
}

/// A relay that records its calls to a simulator.
struct Recorded {
    sim: Sim,
    relay: RelayClient,
    _running: Running,
}

impl Recorded {
    async fn start(known: &'static Known, folder: &Path, redact_values: bool) -> Self {
        let sim = Sim::start(Options::default()).await.unwrap();
        let addresses = known.addresses.iter().map(|(name, path)| (*name, format!("{}{path}", sim.url())));
        let others = [
            ("RELAY_AUTH__JWKS_HOSTS", sim.url()),
            ("RELAY_RECORD", folder.display().to_string()),
            ("RELAY_RECORD_REDACT_VALUES", redact_values.to_string()),
        ];
        let running = start_here(known, 0, Environment::of(addresses.chain(others))).unwrap();
        let words = if redact_values { "credentials and observables are" } else { "credentials are" };
        let is_warning = |line: &&String| line.starts_with("RELAY_RECORD: ") && line.contains(words);
        assert_eq!(running.warnings.iter().filter(is_warning).count(), 1, "{:?}", running.warnings);
        let url: Url = format!("http://{}", running.address).parse().unwrap();
        let claims: Map<String, Value> =
            known.claims.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let token = sim.token(url.as_str().trim_end_matches('/'), &Value::Object(claims));
        let relay = RelayClient::at(known.name, Some(known.module()), url, Some(Credential::token(&token)));
        Self { sim, relay, _running: running }
    }

    async fn ask(&self, observables: &Value) -> Answer {
        let answer = self.relay.ask(observe::ENDPOINT, observables.to_string());
        timeout(PATIENCE, answer).await.unwrap().unwrap()
    }
}

/// The observables of the demonstration.
fn observables() -> Value {
    let all = fixtures::observables().unwrap();
    all.iter().map(|one| json!({"type": one.kind, "value": one.value})).collect()
}

fn value(observable: &Value) -> String {
    observable["value"].as_str().unwrap().to_owned()
}

/// A text inside a JSON string.
fn in_json(text: &str) -> String {
    let json = json!(text).to_string();
    json[1..json.len() - 1].to_owned()
}

/// A text in every form in which it might be written, in lower case.
fn forms(text: &str) -> Vec<String> {
    let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let base64 = [BASE64_STANDARD.encode(text), BASE64_URL_SAFE_NO_PAD.encode(text)];
    let forms = [text.to_owned(), encoded.replace('+', "%20"), encoded, in_json(text)];
    forms.into_iter().chain(base64).map(|form| form.to_lowercase()).collect()
}

/// Whether a text holds a value, and not only a longer number that begins with it, as addresses do.
fn holds(text: &str, value: &str) -> bool {
    text.match_indices(value).any(|(at, _)| {
        let next = text[at + value.len()..].bytes().next();
        !(value.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit())
            && next.is_some_and(|byte| byte.is_ascii_digit()))
    })
}

/// Everything that the simulator got as a credential, and what identifies the tenant.
fn confidential(known: &Known, sim: &Sim) -> Vec<String> {
    let claims = known.claims.iter().map(|(_, value)| (*value).to_owned());
    let sent = sim.calls().into_iter().filter_map(|call| {
        let value = call.header("authorization").or_else(|| call.header("apikey"))?;
        value.rsplit(' ').next().map(str::to_owned)
    });
    claims.chain(sent).collect()
}

fn document(answer: &Answer) -> Value {
    json!({"data": answer.data, "errors": answer.errors})
}

/// Values and their stand-ins, their parts included.
fn pairs(
    known: &Known,
    claims: &Map<String, Value>,
    asked: &[Value],
    stand_ins: &Value,
) -> Vec<(String, String)> {
    let of_claim =
        |(name, value): &(&str, &str)| ((*value).to_owned(), claims[*name].as_str().unwrap().to_owned());
    let mut pairs: Vec<(String, String)> = known.claims.iter().map(of_claim).collect();
    for (original, stand_in) in asked.iter().zip(stand_ins.as_array().unwrap()) {
        let (original, stand_in) = (value(original), value(stand_in));
        if let (Ok(old), Ok(new)) = (Url::parse(&original), Url::parse(&stand_in))
            && let (Some(old), Some(new)) = (old.host_str(), new.host_str())
        {
            pairs.push((old.to_owned(), new.to_owned()));
            let path = |url: &str, host: &str| url.split_once(host).unwrap().1.to_owned();
            let (old, new) = (path(&original, old), path(&stand_in, new));
            let encoded = |path: &str| url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
            pairs.push((encoded(&old), encoded(&new)));
            pairs.push((old, new));
        }
        if let (Ok(old), Ok(new)) = (original.parse::<Ipv6Addr>(), stand_in.parse::<Ipv6Addr>()) {
            pairs.push((old.to_string(), new.to_string()));
        }
        if let (Some((old, _)), Some((new, _))) = (original.rsplit_once('\\'), stand_in.rsplit_once('\\')) {
            pairs.push((old.to_owned(), new.to_owned()));
        }
        pairs.push((original, stand_in));
    }
    let lower = |(old, new): &(String, String)| (old.to_lowercase(), new.to_lowercase());
    pairs.extend(pairs.iter().map(lower).collect::<Vec<_>>());
    pairs.sort_by_key(|(_, stand_in)| std::cmp::Reverse(stand_in.len()));
    pairs
}

/// The answer with the original values in place of stand-ins.
fn restored(answer: &Answer, pairs: &[(String, String)]) -> Value {
    let mut text = document(answer).to_string();
    for (original, stand_in) in pairs {
        text = text.replace(&in_json(stand_in), &in_json(original));
    }
    serde_json::from_str(&text).unwrap()
}

/// Lists in one order: relays sort some by values.
fn ordered(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(ordered).collect();
            items.sort_by_cached_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, ordered(value))).collect())
        }
        other => other,
    }
}

async fn records_and_replays(name: &str, redact_values: bool) {
    let known = relays::named(name).unwrap();
    let folder = Folder::new(&format!("{name}-{redact_values}"));
    let recorded = Recorded::start(known, &folder.0, redact_values).await;
    let all = observables();
    let types: Vec<&str> = known.module().observables.iter().map(|kind| kind.as_str()).collect();
    let is_asked = |one: &&Value| types.contains(&one["type"].as_str().unwrap());
    let asked: Vec<Value> = all.as_array().unwrap().iter().filter(is_asked).cloned().collect();
    let first = recorded.ask(&all).await;
    let counts = first.data.as_ref().and_then(Value::as_object).into_iter().flatten();
    assert!(counts.count() > 0, "something is known: {:?}", first.errors);

    let text = folder.text();
    let mut absent = confidential(known, &recorded.sim);
    if redact_values {
        absent.extend(asked.iter().map(value));
    }
    for form in absent.iter().flat_map(|text| forms(text)) {
        assert!(!holds(&text, &form), "{form}");
    }

    let recording = Recording::read(&folder.0, None).unwrap();
    assert_eq!(recording.requests.len(), 1, "one request was recorded");
    let stand_ins = recording.requests[0].clone();
    let listen = "127.0.0.1:0".parse().unwrap();
    let playing = timeout(PATIENCE, Playing::start(recording, &folder.0, listen)).await.unwrap().unwrap();
    let second = timeout(PATIENCE, playing.ask(&stand_ins)).await.unwrap().unwrap();
    assert_eq!(playing.sim.missing_calls(), Vec::<String>::new());
    let again = restored(&second, &pairs(known, &playing.recording.claims, &asked, &stand_ins));
    let (first, again) = (ordered(document(&first)), ordered(again));
    assert_eq!(entities::compare(&first, &again, Timestamp::now()), []);
}

macro_rules! relays {
    ($($name:ident)*) => { $(
        mod $name {
            #[tokio::test(flavor = "multi_thread")]
            async fn answers_from_its_recording_as_from_the_provider() {
                super::records_and_replays(stringify!($name), false).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn answers_about_stand_ins_what_the_provider_answers_about_the_values() {
                super::records_and_replays(stringify!($name), true).await;
            }
        }
    )* };
}

relays! { graph defender securitytrails gigamon xforce }

#[test]
fn every_relay_is_recorded_and_replayed() {
    let names: Vec<&str> = RELAYS.iter().map(|known| known.name).collect();
    assert_eq!(names, ["graph", "defender", "securitytrails", "gigamon", "xforce"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_fails_no_request() {
    let file = Folder::new("file");
    fs::write(&file.0, "not a folder").unwrap();
    let recorded = Recorded::start(relays::named("xforce").unwrap(), &file.0, false).await;
    let answer = recorded.ask(&json!([{"type": "ip", "value": "203.0.113.9"}])).await;
    assert!(answer.errors.is_empty() && answer.data.is_some(), "{:?}", answer.errors);
}
