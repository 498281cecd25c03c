//! `relayctl doctor`: every step between the user and a relay's provider, and what to do where one fails.

mod checks;

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::connections::Config;
use crate::ui::{BAD, BOLD, DIM, DOUBTFUL, GOOD, columns, harmless, styled, wrapped};

/// Checks every step between you and your relays' providers
///
/// Name, connection, certificate, proxy, clock, token, key set, health and quotas, for each relay of relays.toml. Every
/// line is ok, warn or fail, with what to do.
///
/// Exit code 0: nothing fails; 1: something does; 2: there are no relays.
#[derive(Args)]
pub(crate) struct Doctor {
    /// Only this relay: a connection of relays.toml, its URL, or the name of one on this machine's usual port
    #[arg(value_name = "NAME|URL")]
    relay: Option<String>,

    #[command(flatten)]
    config: Config,

    /// Print one JSON document instead
    #[arg(long)]
    json: bool,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    /// All is well.
    Ok,
    /// It works, but should not stay so.
    Warn,
    /// It does not work.
    Fail,
}

/// A check of a relay.
#[derive(Debug, Serialize)]
struct Line {
    check: &'static str,
    outcome: Outcome,
    detail: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    advice: &'static str,
}

impl Doctor {
    /// Runs the command.
    ///
    /// # Errors
    /// There are no relays.
    pub(crate) async fn run(self, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
        let relays = match &self.relay {
            Some(name) => vec![self.config.relay(name, None, err)?],
            None => self.config.connections(err)?.relays,
        };
        let (mut failed, mut rows) = (false, Vec::new());
        for relay in &relays {
            let lines = checks::all(relay).await;
            failed |= lines.iter().any(|line| line.outcome == Outcome::Fail);
            if !self.json {
                let url = harmless(relay.url.as_str());
                writeln!(out, "{}  {}", styled(BOLD, harmless(&relay.name)), styled(DIM, url))?;
                for line in &lines {
                    print(line, out)?;
                }
                out.flush()?;
            }
            rows.push(json!({"relay": relay.name, "url": relay.url, "checks": lines}));
        }
        if self.json {
            writeln!(out, "{:#}", json!({"relays": rows}))?;
        }
        Ok(ExitCode::from(u8::from(failed)))
    }
}

fn print(line: &Line, out: &mut impl Write) -> std::io::Result<()> {
    let mark = match line.outcome {
        Outcome::Ok => styled(GOOD, "ok  "),
        Outcome::Warn => styled(DOUBTFUL, "warn"),
        Outcome::Fail => styled(BAD, "fail"),
    };
    let head = format!("  {mark}  {:<12} ", line.check);
    writeln!(out, "{}", wrapped(&head, &[harmless(&line.detail)], ""))?;
    if !line.advice.is_empty() {
        let indent = " ".repeat(columns(&head));
        writeln!(out, "{}", wrapped(&indent, &[format!("→ {}", line.advice)], ""))?;
    }
    Ok(())
}
