//! Checks answers against CTIM: its JSON Schema, and the rules that JSON Schema cannot express.
//!
//! `ctim.schema.json` holds CTIM as published together with the stricter profile of what relays may emit.

mod rules;
#[cfg(test)]
mod tests;
mod tile_rules;

use std::sync::OnceLock;

use jsonschema::{Draft, Validator};
use serde_json::Value;

use crate::ctim::SCHEMA;

/// Which endpoint an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// `/observe/observables`
    Observe,
    /// `/deliberate/observables`
    Deliberate,
    /// `/refer/observables`
    Refer,
    /// `/respond/observables`
    RespondObservables,
    /// `/respond/trigger`
    RespondTrigger,
    /// `/health`
    Health,
    /// `/tiles`
    Tiles,
    /// `/tiles/tile`
    Tile,
    /// `/tiles/tile-data`
    TileData,
    /// `/version`
    Version,
    /// `/watchdog`
    Watchdog,
    /// Any endpoint, when it has errors only.
    Error,
}

impl AnswerKind {
    const COUNT: usize = 12;

    /// The definition in the schema.
    fn definition(self) -> &'static str {
        match self {
            Self::Observe => "ObserveResponse",
            Self::Deliberate => "DeliberateResponse",
            Self::Refer => "ReferResponse",
            Self::RespondObservables => "RespondObservablesResponse",
            Self::RespondTrigger => "RespondTriggerResponse",
            Self::Health => "HealthResponse",
            Self::Tiles => "TilesResponse",
            Self::Tile => "TileResponse",
            Self::TileData => "TileDataResponse",
            Self::Version => "VersionResponse",
            Self::Watchdog => "WatchdogResponse",
            Self::Error => "ErrorResponse",
        }
    }

    /// Compiling the schema takes longer than most tests, so it is done once.
    fn validator(self) -> &'static Validator {
        static VALIDATORS: [OnceLock<Validator>; AnswerKind::COUNT] =
            [const { OnceLock::new() }; AnswerKind::COUNT];
        VALIDATORS[self as usize].get_or_init(|| compile(self.definition()))
    }
}

#[expect(clippy::expect_used, reason = "the schema is part of the source, and this is a test helper")]
pub(crate) fn compile(definition: &str) -> Validator {
    let mut schema: Value = serde_json::from_str(SCHEMA).expect("schema is JSON");
    let root = schema.as_object_mut().expect("schema is an object");
    // The root accepts the answer of any endpoint; this selects one.
    root.remove("anyOf");
    root.insert("$ref".to_owned(), format!("#/$defs/{definition}").into());
    jsonschema::options().with_draft(Draft::Draft202012).build(&schema).expect("schema is valid")
}

/// What is known of an answer beyond its own text.
#[derive(Clone, Copy, Debug)]
pub struct Expect<'a> {
    /// The observables of the request, type and value, when they are known: entities are then about these
    /// only. They go out as they came, so an `ip` among them may be anything; all other `ip` and `ipv6`
    /// observables have to be addresses of their family.
    pub asked: Option<&'a [(&'a str, &'a str)]>,
    /// The lists whose entities each have to be an end of a relationship.
    pub related: &'a [&'a str],
}

impl Default for Expect<'_> {
    /// Unknown observables; no indicator without a relationship.
    fn default() -> Self {
        Self { asked: None, related: &["indicators"] }
    }
}

/// Panics with all findings when an answer is not what the platform accepts.
///
/// # Panics
/// When there are findings.
pub fn check(answer: &Value, kind: AnswerKind) {
    check_with(answer, kind, &Expect::default());
}

/// As [`check`], with what is known of the answer.
///
/// # Panics
/// When there are findings.
pub fn check_with(answer: &Value, kind: AnswerKind, expect: &Expect<'_>) {
    let findings = findings(answer, kind, expect);
    assert!(findings.is_empty(), "{kind:?} answer:\n- {}\n{answer:#}", findings.join("\n- "));
}

/// All that is wrong with an answer, each finding with its place.
pub fn findings(answer: &Value, kind: AnswerKind, expect: &Expect<'_>) -> Vec<String> {
    let mut findings: Vec<String> = kind
        .validator()
        .iter_errors(answer)
        .map(|error| sanitized(format!("{}: {error}", error.instance_path())))
        .collect();
    if let Some(data) = answer.get("data").and_then(Value::as_object) {
        findings.extend(match kind {
            AnswerKind::TileData => tile_rules::findings(data),
            _ => rules::findings(data, expect),
        });
    }
    findings
}

/// The messages of `anyOf` repeat the whole instance.
fn sanitized(message: String) -> String {
    const ENOUGH: usize = 400;
    match message.char_indices().nth(ENOUGH) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
}
