//! How observables and answers are written as an input: lines of text, so that libFuzzer can put lines of several
//! inputs together and people can read what it found.
//!
//! ```text
//! domain login-verify.example
//! report {"result": {"score": 7.1}}
//! resolve {"A": ["198.51.100.7"]}
//! ```

use relay_core::observable::{Observable, Received, TypeCase};
use relay_core::relay::Relay;

/// An observable, and what a provider answers about it.
pub struct Input<'i> {
    /// What was asked about.
    pub about: Observable,
    answers: Vec<(&'i str, &'i str)>,
}

impl<'i> Input<'i> {
    /// Reads an input. Nothing where it does not begin with an observable of a type that the relay looks up.
    pub fn read(data: &'i [u8], relay: &Relay) -> Option<Self> {
        let mut lines = std::str::from_utf8(data).ok()?.split('\n');
        let about = observable(lines.next()?, relay)?;
        Some(Self { about, answers: lines.filter_map(|line| line.split_once(' ')).collect() })
    }

    /// The answers to calls of this name.
    pub fn answers(&self, call: &'static str) -> impl Iterator<Item = &'i str> {
        self.answers.iter().filter(move |(name, _)| *name == call).map(|(_, text)| *text)
    }
}

/// The observables of an input, one in each line.
pub fn observables(data: &[u8], relay: &Relay) -> Vec<Observable> {
    let text = String::from_utf8_lossy(data);
    text.split('\n').filter_map(|line| observable(line, relay)).collect()
}

/// The observable of a line: its type, a space, its value, in which `\n`, `\t` and `\0` stand for themselves.
fn observable(line: &str, relay: &Relay) -> Option<Observable> {
    let (kind, value) = line.split_once(' ')?;
    let value = value.replace("\\n", "\n").replace("\\t", "\t").replace("\\0", "\0");
    Received { kind: kind.to_owned(), value }.supported(relay.module().observables, TypeCase::Exact)
}
