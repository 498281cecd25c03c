//! The observables of a command: arguments, standard input, files.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use relay_core::endpoint::Endpoint;
use relayctl::observables::{self, Observable, Parsed, kinds};

use crate::relay_client::RelayClient;
use crate::token::read;
use crate::ui::{DOUBTFUL, harmless, styled};

/// What arguments hold.
#[derive(Debug, Default)]
pub(crate) struct Input {
    parsed: Parsed,
    /// Those that an argument names; a wrong one among them ends the command.
    named: HashSet<Observable>,
}

impl Input {
    /// Reads arguments: `TYPE=VALUE`, values, `-` for standard input, `@FILE`, any text.
    ///
    /// # Errors
    /// An argument is no observable, a file cannot be read, or there is no observable at all.
    pub(crate) fn read(arguments: &[String]) -> anyhow::Result<Self> {
        let mut input = Self::default();
        for argument in arguments {
            let file = if argument == "-" { Some("-") } else { argument.strip_prefix('@') };
            if let Some(file) = file {
                let text = read(Path::new(file))?;
                input.parsed.extend(observables::in_text(&text));
            } else {
                let found = observables::in_argument(argument).map_err(|why| anyhow!(harmless(&why)))?;
                input.named.extend(found.iter().cloned());
                input.parsed.extend(Parsed { observables: found, notes: Vec::new() });
            }
        }
        if input.parsed.observables.is_empty() {
            if let Some(note) = input.parsed.notes.first() {
                bail!("no observables in the input: {}", harmless(note));
            }
            bail!("no observables given; add some, such as ip=192.0.2.1, or text that holds some");
        }
        Ok(input)
    }

    /// The observables, after a look at what the relays look up. Notes go to `err`, and are returned.
    ///
    /// # Errors
    /// No asked relay looks up the type of an argument.
    pub(crate) fn checked(
        self,
        relays: &[RelayClient],
        endpoint: Endpoint,
        err: &mut impl Write,
    ) -> anyhow::Result<(Vec<Observable>, Vec<String>)> {
        let Parsed { observables, mut notes } = self.parsed;
        let mut left: Vec<&str> = Vec::new();
        for one in &observables {
            if relays.iter().any(|relay| relay.looks_up(endpoint, &one.kind)) {
                continue;
            }
            let known: Vec<String> =
                relays.iter().filter_map(|relay| relay.types(endpoint)).flatten().collect();
            // A relay without the endpoint says so itself.
            if known.is_empty() {
                continue;
            }
            let why = unknown(&one.kind, &known);
            if self.named.contains(one) {
                return Err(anyhow!("{}={}: {why}", one.kind, harmless(&one.value)))
                    .context("nothing was asked");
            }
            if !left.contains(&one.kind.as_str()) {
                left.push(&one.kind);
                notes.push(why);
            }
        }
        for note in &notes {
            writeln!(err, "{} {}", styled(DOUBTFUL, "note:"), harmless(note))?;
        }
        Ok((observables, notes))
    }
}

/// That nobody looks up a type, and what they do look up.
fn unknown(kind: &str, known: &[String]) -> String {
    let mut types: Vec<&str> = Vec::new();
    for one in known {
        if !types.contains(&one.as_str()) {
            types.push(one);
        }
    }
    let meant = kinds::meant(kind).filter(|meant| types.contains(meant));
    let hint = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
    format!("no asked relay looks up the type {kind}{hint} (they look up {})", types.join(", "))
}
