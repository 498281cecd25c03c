//! Inputs and dictionaries that follow from the fixtures, so that they never have to be kept in step with them.

use std::collections::BTreeSet;

use provider_sim::fixtures::{self, Case};
use serde_json::{Value, json};

/// The relays, by the names of their targets.
const RELAYS: [&str; 5] = ["defender", "gigamon", "graph", "securitytrails", "xforce"];

/// Inputs of a target: of a relay one for each observable of its cases, with all that the provider answers there.
pub fn of(target: &str) -> Vec<(String, Vec<u8>)> {
    if !RELAYS.contains(&target) {
        return Vec::new();
    }
    let mut seeds = Vec::new();
    for case in cases(target) {
        let answers: Vec<String> = lines(&case);
        for (position, about) in case.observables.iter().enumerate() {
            let first = format!("{} {}", about.kind, about.value.replace('\n', "\\n"));
            let text = [std::slice::from_ref(&first), answers.as_slice()].concat().join("\n");
            seeds.push((format!("{}-{position}", case.name), text.into_bytes()));
        }
    }
    seeds
}

/// A dictionary of a relay's target: names of fields, words, and the names of answers.
pub fn dictionary(target: &str) -> Option<String> {
    if !RELAYS.contains(&target) {
        return None;
    }
    let mut words = BTreeSet::new();
    for case in cases(target) {
        for line in lines(&case) {
            let Some((name, text)) = line.split_once(' ') else { continue };
            words.insert(format!("\n{name} "));
            collect(&serde_json::from_str(text).unwrap_or_default(), &mut words);
        }
    }
    let escaped = |word: &String| {
        let byte = |byte: u8| match byte {
            b'"' | b'\\' => format!("\\{}", char::from(byte)),
            b' '..=b'~' => char::from(byte).to_string(),
            byte => format!("\\x{byte:02x}"),
        };
        format!("\"{}\"", word.bytes().map(byte).collect::<String>())
    };
    Some(words.iter().map(escaped).collect::<Vec<_>>().join("\n") + "\n")
}

fn cases(target: &str) -> Vec<Case> {
    fixtures::cases(target).expect("cases of the right form")
}

fn collect(value: &Value, words: &mut BTreeSet<String>) {
    /// Longer texts are no words.
    const WORD: usize = 24;
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                words.insert(format!("\"{name}\":"));
                collect(value, words);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
        Value::String(text) if text.len() <= WORD && !text.contains(|c: char| c.is_ascii_digit()) => {
            words.insert(format!("\"{text}\""));
        }
        _ => {}
    }
}

/// The answers of a case as lines of an input.
fn lines(case: &Case) -> Vec<String> {
    let mut lines = Vec::new();
    for answer in &case.answers {
        let Some(json) = &answer.json else { continue };
        let sent =
            answer.body.as_ref().or(answer.body_includes.as_ref()).map(Value::to_string).unwrap_or_default();
        let sent = format!("{sent}{}", answer.body_contains.concat());
        lines.extend(named(&case.provider, &answer.path, &sent, json));
    }
    lines
}

fn named(provider: &str, path: &str, sent: &str, json: &Value) -> Vec<String> {
    let is = |part: &str| path.contains(part);
    let name = match provider {
        "defender" if is("/advancedqueries") && sent.contains("DeviceNetworkInfo") => "adapters",
        "defender" if is("/advancedqueries") || is("/runHuntingQuery") => "hunting",
        "defender" if is("/stats") => "stats",
        "defender" if path.ends_with("/alerts") => "alerts",
        "defender" if is("/alerts/") => return vec![format!("alerts {}", json!({"value": [json]}))],
        "defender" if is("/files/") => "file",
        "defender" if is("/machines/") => "machine",
        "defender" => "indicators",
        "gigamon" if is("/v1/detections") => "detections",
        "gigamon" if is("/v1/events") => "events",
        "gigamon" if is("/v1/rules") => "rule",
        "gigamon" if is("/v2/query") => "search",
        "gigamon" if is("/tracking/") => "tracking",
        "gigamon" => "summary",
        "graph" if is("$batch") => {
            let responses = json["responses"].as_array().into_iter().flatten().map(|one| &one["body"]);
            let line = |body: &Value| match body.get("evidence") {
                Some(_) => format!("alerts_v2 {}", json!({"value": [body]})),
                None => format!("host {body}"),
            };
            return responses.map(line).collect();
        }
        "graph" if is("alerts_v2") => "alerts_v2",
        "graph" if is("alerts") => "alerts",
        "graph" if is("HuntingQuery") => "hunting",
        "graph" => "host",
        "securitytrails" if is("/domains/list") => "domains",
        "securitytrails" if is("/subdomains") => "subdomains",
        "securitytrails" => path.rsplit('/').next().unwrap_or_default(),
        _ if is("/resolve/") => "resolve",
        _ if is("/linkage/") => "linkage",
        _ => "report",
    };
    vec![format!("{name} {json}")]
}
