//! Providers' answers to CTIM: whatever an answer holds, reading and mapping it does not panic, and each entity that
//! comes out is one that the platform accepts.

pub mod defender;
pub mod gigamon;
pub mod graph;
pub mod securitytrails;
pub mod xforce;

use jiff::Timestamp;
use relay_core::ctim::Bundle;
use relay_core::observable::Observable;
use relay_core::testing::schema::{self, AnswerKind, Expect};
use serde_json::{Value, json};
use url::Url;

/// The clock of all requests.
fn now() -> Timestamp {
    Timestamp::from_second(1_772_442_000).expect("a time")
}

/// The base of links.
fn portal() -> Url {
    Url::parse("https://portal.example").expect("a URL")
}

/// Checks what an answer became: the schema and the rules beyond it, unique ids among them, and texts.
fn accepted(bundle: &Bundle, about: &Observable) {
    if bundle.is_empty() {
        return;
    }
    let answer = json!({"data": bundle});
    let asked = [(about.kind().as_str(), about.value())];
    let expect = Expect { asked: Some(&asked), ..Expect::default() };
    schema::check_with(&answer, AnswerKind::Observe, &expect);
    plain(&answer["data"], about.value());
}

/// No text has control characters, the value that was asked about aside: it goes back as it came.
fn plain(value: &Value, asked: &str) {
    match value {
        Value::String(text) => assert!(
            text == asked || !text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')),
            "control characters: {text:?}"
        ),
        Value::Array(items) => items.iter().for_each(|item| plain(item, asked)),
        Value::Object(fields) => fields.values().for_each(|item| plain(item, asked)),
        _ => {}
    }
}
