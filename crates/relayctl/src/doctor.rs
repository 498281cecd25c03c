//! `relayctl doctor`: every step between the user and a relay's provider, and what to do where one fails.

mod checks;

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use relay_core::doctor::line::{Line, Outcome};
use serde_json::json;

use crate::connections::Config;
use crate::token::claims::assignment;
use crate::ui::{BAD, BOLD, DIM, DOUBTFUL, GOOD, columns, harmless, styled, wrapped};

/// Checks every step between you and your relays' providers
///
/// Name, connection, certificate, proxy, clock, token, key set, health, quotas and APIs that are about to end, for each
/// relay of relays.toml; with --login permissions too. Every line is ok, warn or fail, with what to do. What only the
/// relay's own machine sees, `relay-… doctor` checks there.
///
/// Exit code 0: nothing fails; 1: something does; 2: there are no relays.
#[derive(Args)]
pub(crate) struct Doctor {
    /// Only this relay: a connection of relays.toml, its URL, or the name of one on this machine's usual port
    #[arg(value_name = "NAME|URL")]
    relay: Option<String>,

    #[command(flatten)]
    config: Config,

    /// Log in to the provider from here too, with the claims of the token, and check its permissions: for relays of
    /// Microsoft's APIs
    #[arg(long)]
    login: bool,

    /// A setting of the relay that the login needs, where it is not the default (repeatable; not for secrets)
    #[arg(long, value_name = "RELAY_PROVIDER__…=VALUE", value_parser = assignment, requires = "login")]
    set: Vec<(String, String)>,

    /// Print one JSON document instead
    #[arg(long)]
    json: bool,
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
            let mut lines = checks::all(relay).await;
            if self.login && !lines.iter().any(|line| line.check == "token" && line.is_fail()) {
                lines.extend(checks::login(relay, &self.set).await);
            }
            failed |= lines.iter().any(Line::is_fail);
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
    let style = match line.outcome {
        Outcome::Ok => GOOD,
        Outcome::Warn => DOUBTFUL,
        Outcome::Fail => BAD,
    };
    let mark = styled(style, line.outcome.word());
    let head = format!("  {mark}  {:<12} ", line.check);
    writeln!(out, "{}", wrapped(&head, &[harmless(&line.detail)], ""))?;
    if !line.advice.is_empty() {
        let indent = " ".repeat(columns(&head));
        writeln!(out, "{}", wrapped(&indent, &[format!("→ {}", line.advice)], ""))?;
    }
    Ok(())
}
