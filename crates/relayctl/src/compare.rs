//! `relayctl compare`: what two relays answer to the same observables, entity by entity.

pub(crate) mod entities;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use clap::Args;
use jiff::Timestamp;
use relay_core::endpoint::observe;
use serde_json::{Value, json};

use crate::answer::Observable;
use crate::connections::Config;
use crate::input::Input;
use crate::investigation::{Finding, ask_one};
use crate::relay_client::{RelayClient, learn};
use crate::token::read;
use crate::ui::{BAD, BOLD, DIM, GOOD, count, harmless, styled, wrapped};
use entities::Difference;

/// Compares the answers of two relays, such as an old one and its replacement
///
/// Both are asked about the same observables, one after the other. Ids are left out, and times near the clock's are
/// taken for the clock's.
///
/// Exit code 0: the answers are equal; 1: they differ; 2: one of the relays does not answer, or invalid arguments.
#[derive(Args)]
pub(crate) struct Compare {
    /// The old relay: a connection of relays.toml, or its URL
    #[arg(value_name = "OLD")]
    old: String,

    /// The new one
    #[arg(value_name = "NEW")]
    new: String,

    /// Observables, files with them (@FILE), or - for standard input
    #[arg(value_name = "OBSERVABLE", required = true)]
    observables: Vec<String>,

    #[command(flatten)]
    config: Config,

    /// The token for both, where they are URLs
    #[arg(long, env = "RELAY_TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// File with the token for the old one
    #[arg(long, value_name = "FILE")]
    old_token_file: Option<PathBuf>,

    /// File with the token for the new one
    #[arg(long, value_name = "FILE")]
    new_token_file: Option<PathBuf>,

    /// Print one JSON document instead
    #[arg(long)]
    json: bool,
}

impl Compare {
    /// Runs the command.
    ///
    /// # Errors
    /// The arguments are wrong, or a relay does not answer.
    pub(crate) async fn run(self, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
        let input = Input::read(&self.observables)?;
        let mut relays = [
            self.relay(&self.old, self.old_token_file.as_ref(), err)?,
            self.relay(&self.new, self.new_token_file.as_ref(), err)?,
        ];
        learn(&mut relays).await;
        let (observables, _) = input.checked(&relays, observe::ENDPOINT, err)?;
        let [old, new] = &relays;
        let mut rows = Vec::new();
        for about in &observables {
            let (old, new) = (answer(old, about).await?, answer(new, about).await?);
            rows.push((about, entities::compare(&document(&old), &document(&new), Timestamp::now())));
        }
        let different = rows.iter().any(|(_, differences)| !differences.is_empty());
        if self.json {
            let row = |(about, differences): &(&Observable, Vec<Difference>)| json!({"type": about.kind, "value": about.value, "differences": differences});
            writeln!(out, "{:#}", json!({"observables": rows.iter().map(row).collect::<Vec<_>>()}))?;
        } else {
            for (about, differences) in &rows {
                print(about, differences, out)?;
            }
        }
        Ok(ExitCode::from(u8::from(different)))
    }

    fn relay(&self, name: &str, file: Option<&PathBuf>, err: &mut impl Write) -> anyhow::Result<RelayClient> {
        let token = file.map(|file| read(file)).transpose()?.or_else(|| self.token.clone());
        let relay = self.config.relay(name, token.as_deref(), err)?;
        ensure!(
            relay.credential.is_some(),
            "{name} needs a token: set --token, --old-token-file or --new-token-file"
        );
        Ok(relay)
    }
}

async fn answer(relay: &RelayClient, about: &Observable) -> anyhow::Result<Finding> {
    let finding = ask_one(relay, &relay.http()?, about).await;
    if let Some(problem) = finding.errors.iter().find(|problem| problem.is_no_answer()) {
        anyhow::bail!("{}", problem.message);
    }
    Ok(finding)
}

fn document(finding: &Finding) -> Value {
    json!({"data": finding.data, "errors": finding.errors})
}

fn print(about: &Observable, differences: &[Difference], out: &mut impl Write) -> anyhow::Result<()> {
    let value = styled(BOLD, harmless(&about.value));
    if differences.is_empty() {
        writeln!(out, "{value}  {}  {}", styled(DIM, &about.kind), styled(GOOD, "equal"))?;
        return Ok(());
    }
    let number = styled(BAD, count(differences.len(), "difference"));
    writeln!(out, "{value}  {}  {number}", styled(DIM, &about.kind))?;
    for one in differences {
        let (mark, lines) = match one {
            Difference::Missing { entity, what } => (format!("  - {entity}: "), vec![what.clone()]),
            Difference::Added { entity, what } => (format!("  + {entity}: "), vec![what.clone()]),
            Difference::Changed { entity, what, fields } => {
                let fields =
                    fields.iter().map(|field| format!("{}: {} → {}", field.path, field.old, field.new));
                (format!("  ~ {entity}: "), [what.clone()].into_iter().chain(fields).collect())
            }
        };
        for (position, line) in lines.iter().enumerate() {
            let head = if position == 0 { mark.clone() } else { "      ".to_owned() };
            writeln!(out, "{}", wrapped(&head, &[harmless(line)], ""))?;
        }
    }
    Ok(())
}
