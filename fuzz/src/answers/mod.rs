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
use serde_json::json;
use url::Url;

/// The clock of all requests.
fn now() -> Timestamp {
    Timestamp::from_second(1_772_442_000).expect("a time")
}

/// The base of links.
fn portal() -> Url {
    Url::parse("https://portal.example").expect("a URL")
}

/// Checks what an answer became: the schema and the rules beyond it, unique ids among them.
fn accepted(bundle: &Bundle, about: &Observable) {
    if bundle.is_empty() {
        return;
    }
    let answer = json!({"data": bundle});
    let asked = [(about.kind().as_str(), about.value())];
    let expect = Expect { asked: Some(&asked), ..Expect::default() };
    schema::check_with(&answer, AnswerKind::Observe, &expect);
}
