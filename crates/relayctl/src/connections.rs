//! `relays.toml`: a user's own relays, and `relayctl connections`, which lists them.

pub(crate) mod credential;
mod file;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use relay_core::endpoint::health;
use serde_json::{Value, json};

use crate::answer::{Answer, Problem};
use crate::client;
use crate::relay_client::RelayClient;
use crate::relays;
use crate::ui::{Align, BAD, BOLD, Cell, DIM, DOUBTFUL, GOOD, PLAIN, Table, harmless, styled};
use credential::Credential;
pub(crate) use file::Connections;

/// Where the file with the connections is.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Config {
    /// The file with your relays; otherwise ./relays.toml, or relayctl/relays.toml in your configuration folder
    #[arg(long = "config", value_name = "FILE", env = "RELAYCTL_CONFIG")]
    file: Option<PathBuf>,
}

impl Config {
    /// The file that is named, or the first of the usual ones that exists.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        let folder = directories::ProjectDirs::from("", "", "relayctl");
        let usual =
            [Some(PathBuf::from("relays.toml")), folder.map(|of| of.config_dir().join("relays.toml"))];
        self.file.clone().or_else(|| usual.into_iter().flatten().find(|path| path.is_file()))
    }

    /// The connections.
    ///
    /// # Errors
    /// There is no file, or it is wrong; the message names the line.
    pub(crate) fn connections(&self, err: &mut impl Write) -> anyhow::Result<Connections> {
        let Some(path) = self.path() else {
            bail!(
                "no relays are known: there is no relays.toml here or in your configuration folder; write one \
                 (docs/relayctl.md) or name it with --config. To try without one: relayctl demo"
            );
        };
        let connections = Connections::read(&path)?;
        for warning in &connections.warnings {
            writeln!(err, "{} {}", styled(DOUBTFUL, "warning:"), harmless(warning))?;
        }
        Ok(connections)
    }

    /// One relay: a connection's name, or a URL with a token; the name of a relay stands for its usual port here.
    ///
    /// # Errors
    /// There is no such connection, and it is no URL.
    pub(crate) fn relay(
        &self,
        name: &str,
        token: Option<&str>,
        err: &mut impl Write,
    ) -> anyhow::Result<RelayClient> {
        if let Ok(url) = client::relay_url(name) {
            return Ok(RelayClient::at(name, None, url, token.map(Credential::token)));
        }
        let mut names = Vec::new();
        if self.path().is_some() {
            let connections = self.connections(err)?;
            if let Some(found) = connections.relays.iter().find(|relay| relay.name == name) {
                let mut found = found.clone();
                if let Some(token) = token {
                    found.credential = Some(Credential::token(token));
                }
                return Ok(found);
            }
            names = connections.relays.into_iter().map(|relay| relay.name).collect();
        }
        let Ok(known) = relays::named(name) else {
            names.extend(relays::RELAYS.iter().map(|known| known.name.to_owned()));
            bail!(
                "`{}` is neither the name of a connection nor a URL such as https://relay.example; there are: {}",
                harmless(name),
                names.join(", ")
            );
        };
        let url = format!("http://127.0.0.1:{}", known.port).parse()?;
        Ok(RelayClient::at(name, Some(known.module()), url, token.map(Credential::token)))
    }
}

/// Lists your relays of relays.toml, with their health
///
/// Exit code 0: all are healthy; 1: at least one is not; 2: there is no file, or it is wrong.
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    config: Config,

    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
}

impl List {
    /// Runs the command.
    ///
    /// # Errors
    /// There is no file, or it is wrong.
    pub(crate) async fn run(self, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
        let Connections { path, relays, .. } = self.config.connections(err)?;
        let healths = futures::future::join_all(relays.iter().map(check_health)).await;
        let failed = healths.iter().any(Result::is_err);
        if self.json {
            let rows: Vec<Value> =
                relays.iter().zip(&healths).map(|(relay, health)| row(relay, health)).collect();
            let document = json!({"file": path.display().to_string(), "relays": rows});
            writeln!(out, "{document:#}")?;
        } else {
            writeln!(out, "{}", styled(DIM, path.display()))?;
            write!(out, "{}", table(&relays, &healths))?;
        }
        Ok(ExitCode::from(u8::from(failed)))
    }
}

fn row(relay: &RelayClient, health: &anyhow::Result<()>) -> Value {
    json!({
        "name": relay.name,
        "relay": relay.kind(),
        "url": relay.url,
        "token": relay.credential.as_ref().map(Credential::source),
        "health": if health.is_ok() { "ok" } else { "failed" },
        "problem": health.as_ref().err().map(|problem| format!("{problem:#}")),
    })
}

fn table(relays: &[RelayClient], healths: &[anyhow::Result<()>]) -> String {
    let head = ["NAME", "RELAY", "URL", "TOKEN", "HEALTH"].map(|head| (head, Align::Left));
    let mut table = Table::new(head, 0, 2);
    for (relay, health) in relays.iter().zip(healths) {
        let (style, word) = match health {
            Ok(()) => (GOOD, "ok".to_owned()),
            Err(problem) => (BAD, harmless(&format!("{problem:#}"))),
        };
        table.row([
            Cell::new(BOLD, harmless(&relay.name)),
            Cell::new(PLAIN, relay.kind()),
            Cell::new(PLAIN, harmless(relay.url.as_str().trim_end_matches('/'))),
            Cell::new(DIM, relay.credential.as_ref().map(Credential::source).unwrap_or_default()),
            Cell::new(style, word),
        ]);
    }
    table.to_string()
}

/// The health of a relay. One that uses the real provider reports an error to a token of the simulator.
///
/// # Errors
/// It does not respond, or reports an error.
pub(crate) async fn check_health(relay: &RelayClient) -> anyhow::Result<()> {
    let Answer { data, errors } = relay.ask(health::ENDPOINT, String::new()).await?;
    if let Some(problem) = errors.iter().find(|problem| Problem::is_failure(problem)) {
        bail!("{}: {}", problem.code, problem.message);
    }
    match data.as_ref().and_then(|data| data.get("status")).and_then(Value::as_str) {
        Some("ok") => Ok(()),
        _ => bail!("{} responds {}", relay.called_at, json!(data)),
    }
}

/// The text of a file of the user's, with the path in the error.
fn text_of(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
