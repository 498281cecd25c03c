//! The cases in `fixtures/` at the root of the repository: observables, and the answers of providers about them.
//!
//! `fixtures/<provider>/<case>/case.json` is one case. All are embedded in the binary; the simulator serves the
//! answers of all of them at once (so no two cases share observables), and the relays' tests run them one by one.
//! A folder with a `script.json` instead is only for these tests. `fixtures/observables.json` lists the observables of
//! the demonstration.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::{fs, io};

use include_dir::{Dir, include_dir};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::reply::Reply;
use crate::request::Request;

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../fixtures");

/// An invalid fixture.
#[derive(Debug, thiserror::Error)]
pub enum FixtureError {
    /// A file does not have the right format.
    #[error("fixture {place}: {reason}")]
    Unreadable {
        /// Which file.
        place: String,
        /// Why.
        reason: String,
    },
    /// Two cases answer the same call.
    #[error("fixture {place}: another case already answers {call}")]
    Ambiguous {
        /// Which case.
        place: String,
        /// The call.
        call: String,
    },
}

impl From<FixtureError> for io::Error {
    fn from(error: FixtureError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// An observable as the platform sends it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observable {
    /// Its type, such as `domain`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its value.
    pub value: String,
    /// What it shows in the demonstration.
    pub note: Option<String>,
}

/// A case: observables, the answers of the provider, and the settings of the relay.
#[derive(Clone, Debug)]
pub struct Case {
    /// The provider's name: the folder that the case is in.
    pub provider: String,
    /// The case's own folder.
    pub name: String,
    /// What it shows, in one line.
    pub about: String,
    /// What the relay is asked about.
    pub observables: Vec<Observable>,
    /// Claims besides the credentials, such as the entities limit.
    pub claims: Map<String, Value>,
    /// The relay's provider settings that differ from the default, such as `RESOLVE_ENABLED`.
    pub settings: BTreeMap<String, String>,
    /// The time of the request.
    pub now: Timestamp,
    /// What the provider answers.
    pub answers: Vec<Answer>,
}

/// The file of a case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    about: String,
    observables: Vec<Observable>,
    #[serde(default)]
    claims: Map<String, Value>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
    now: Timestamp,
    answers: Vec<Answer>,
}

/// The embedded cases of a provider, by name; none for a provider without a folder.
///
/// # Errors
/// One of them does not have the right format.
pub fn cases(provider: &str) -> Result<Vec<Case>, FixtureError> {
    let Some(folder) = EMBEDDED.get_dir(provider) else { return Ok(Vec::new()) };
    let mut cases = Vec::new();
    for folder in folder.dirs() {
        if let Some(file) = folder.get_file(folder.path().join("case.json")) {
            cases.push(read(provider, &name_of(folder.path()), file.contents())?);
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
}

/// The observables of the demonstration.
///
/// # Errors
/// The list does not have the right format.
pub fn observables() -> Result<Vec<Observable>, FixtureError> {
    let place = "observables.json";
    let file = EMBEDDED.get_file(place).ok_or_else(|| unreadable(place, "is missing"))?;
    parse(place, file.contents())
}

/// The cases in a folder and the folders below it, in the order of their paths: what a relay has recorded.
///
/// # Errors
/// There is none, or one that cannot be read or does not have the right format.
pub fn folder(path: &Path) -> Result<Vec<Case>, FixtureError> {
    let place = path.display().to_string();
    let mut files = Vec::new();
    find(path, DEPTH, &mut files).map_err(|error| unreadable(&place, &error.to_string()))?;
    files.sort();
    if files.is_empty() {
        return Err(unreadable(&place, "no folder in it has a case.json; name the folder of RELAY_RECORD"));
    }
    let case = |file: &PathBuf| {
        let place = file.display().to_string();
        let text = fs::read(file).map_err(|error| unreadable(&place, &error.to_string()))?;
        let folder = file.parent().unwrap_or(path);
        read(&name_of(folder.parent().unwrap_or(folder)), &name_of(folder), &text)
    };
    files.iter().map(case).collect()
}

/// How deep cases may be: `<relay>/<case>/case.json`, and a folder around each.
const DEPTH: usize = 4;

fn find(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && depth > 0 {
            find(&entry.path(), depth - 1, files)?;
        } else if entry.file_name() == "case.json" {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn name_of(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn read(provider: &str, name: &str, text: &[u8]) -> Result<Case, FixtureError> {
    let place = format!("{provider}/{name}");
    let file: File = parse(&place, text)?;
    if let Some(answer) = file.answers.iter().find(|answer| !is_sound(answer)) {
        return Err(unreadable(&place, &format!("answer to {} has a bad path or two bodies", answer.path)));
    }
    Ok(Case {
        provider: provider.to_owned(),
        name: name.to_owned(),
        about: file.about,
        observables: file.observables,
        claims: file.claims,
        settings: file.settings,
        now: file.now,
        answers: file.answers,
    })
}

/// Whether an answer is valid: a path as it occurs on the wire, and at most one body.
fn is_sound(answer: &Answer) -> bool {
    let path =
        answer.path.starts_with('/') && !answer.path.contains(['?', '#', ' ']) && answer.path.is_ascii();
    path && answer.times.is_none() && (answer.json.is_none() || answer.text.is_none())
}

fn parse<T: DeserializeOwned>(place: &str, text: &[u8]) -> Result<T, FixtureError> {
    serde_json::from_slice(text).map_err(|error| unreadable(place, &error.to_string()))
}

fn unreadable(place: &str, reason: &str) -> FixtureError {
    FixtureError::Unreadable { place: place.to_owned(), reason: reason.to_owned() }
}

/// The answers of all cases, by provider, method and path.
#[derive(Debug, Default)]
pub(crate) struct Store {
    answers: HashMap<(String, String, String), Vec<Answer>>,
}

impl Store {
    /// All embedded answers of these providers.
    pub(crate) fn load<'a>(providers: impl Iterator<Item = &'a str>) -> Result<Self, FixtureError> {
        let mut store = Self::default();
        for provider in providers {
            cases(provider)?.into_iter().try_for_each(|case| store.add(case))?;
        }
        Ok(store)
    }

    fn add(&mut self, case: Case) -> Result<(), FixtureError> {
        for answer in case.answers {
            let call = format!("{} {}", answer.method, answer.path);
            let key = (case.provider.clone(), answer.method.clone(), answer.path.clone());
            let known = self.answers.entry(key).or_default();
            if known.iter().any(|other| other.same_call(&answer)) {
                return Err(FixtureError::Ambiguous {
                    place: format!("{}/{}", case.provider, case.name),
                    call,
                });
            }
            known.push(answer);
        }
        Ok(())
    }

    pub(crate) fn find(&self, provider: &str, request: &Request) -> Option<Reply> {
        let key = (provider.to_owned(), request.method.clone(), request.path.clone());
        let fitting = self.answers.get(&key)?.iter().filter(|answer| answer.matches(request));
        fitting.max_by_key(|answer| answer.specificity()).map(Answer::reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: &str = r#"{"about": "x", "observables": [{"type": "ip", "value": "192.0.2.1"}],
        "now": "2026-03-02T09:00:00Z", "answers": [{"path": "/ipr/192.0.2.1", "json": {"score": 1}}]}"#;

    #[test]
    fn a_case_is_read_with_its_defaults() {
        let case = read("xforce", "one", CASE.as_bytes()).unwrap();
        assert_eq!((case.provider.as_str(), case.name.as_str()), ("xforce", "one"));
        assert_eq!(case.answers, [Answer::get("/ipr/192.0.2.1").json(serde_json::json!({"score": 1}))]);
        assert!(case.claims.is_empty() && case.settings.is_empty());
    }

    #[test]
    fn a_mistake_in_a_case_is_named() {
        for (from, to) in [
            ("about", "abuot"),
            ("/ipr/192.0.2.1", "ipr/192.0.2.1"),
            ("/ipr/192.0.2.1", "/ipr/ü"),
            ("\"json\"", "\"text\": \"\", \"json\""),
            ("09:00:00Z", "09:00"),
        ] {
            let error = read("xforce", "one", CASE.replace(from, to).as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with("fixture xforce/one: "), "{error}");
        }
    }

    #[test]
    fn two_cases_cannot_answer_the_same_call() {
        let mut store = Store::default();
        store.add(read("xforce", "one", CASE.as_bytes()).unwrap()).unwrap();
        let again = store.add(read("xforce", "two", CASE.as_bytes()).unwrap());
        assert_eq!(
            again.unwrap_err().to_string(),
            "fixture xforce/two: another case already answers GET /ipr/192.0.2.1"
        );
    }

    #[test]
    fn every_embedded_case_can_be_used() {
        let providers: Vec<_> = EMBEDDED.dirs().map(|folder| name_of(folder.path())).collect();
        Store::load(providers.iter().map(String::as_str)).unwrap();
        for provider in &providers {
            for case in cases(provider).unwrap() {
                assert!(!case.about.is_empty() && !case.observables.is_empty(), "{provider}/{}", case.name);
            }
        }
        assert!(!observables().unwrap().is_empty());
        assert!(cases("nobody").unwrap().is_empty());
    }
}
