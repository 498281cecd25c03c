//! `relayctl investigate`: looks observables up in all relays of the user, or in those of the composition.

#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, CommandFactory as _};
use futures::future::join_all;
use indicatif::{ProgressBar, ProgressStyle};
use provider_sim::fixtures;
use relay_core::endpoint::observe;
use url::Url;

use crate::client;
use crate::connections::credential::Credential;
use crate::connections::{Config, check_health};
use crate::input::Input;
use crate::investigation::{self, Report, instructions};
use crate::relay_client::{self, RelayClient};
use crate::relays::{Known, PORT_BASE, RELAYS};
use crate::simulator::Simulator;
use crate::ui::{BAD, DIM, count, harmless, styled};

/// Looks observables up in all your relays at once
///
/// Takes what you have: 8.8.8.8, ip=8.8.8.8, `hxxps://bad[.]example/x`, a report by @FILE, or any text by - (standard
/// input). The relays are those of relays.toml (see `relayctl connections`); results are printed worst first.
///
/// With --sim, the relays are those of docker-compose.yml with the simulator: it signs their tokens, and at the end
/// there are a URL, a token and a curl command for each relay. Without observables, it takes those of
/// fixtures/observables.json.
///
/// Exit code 0: something is known; 3: nothing is known (0 with --json); 1: an answer reports an error; 2: nobody was
/// asked or nobody answered.
#[derive(Debug, Args)]
pub(crate) struct Investigate {
    /// Observables, files with them (@FILE), or - for standard input
    #[arg(value_name = "OBSERVABLE")]
    observables: Vec<String>,

    #[command(flatten)]
    config: Config,

    /// Ask only this relay of relays.toml (repeatable)
    #[arg(long, value_name = "NAME")]
    relay: Vec<String>,

    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,

    /// Ask the relays of docker-compose.yml, with tokens of its simulator
    #[arg(long, conflicts_with = "relay")]
    sim: bool,

    /// With --sim: port of the first relay on this machine; the others use the following ports
    #[arg(long, value_name = "PORT", default_value_t = PORT_BASE)]
    port_base: u16,

    /// With --sim: the simulator on this machine
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9100", value_parser = client::relay_url)]
    simulator: Url,

    /// With --sim: the simulator as the relays reach it, which is the key host in the tokens
    #[arg(long, value_name = "HOST", default_value = "provider-sim:9100")]
    jwks_host: String,

    /// As --sim, and call simulator and relays by their service names, as inside the composition
    #[arg(long, env = "RELAYCTL_BY_SERVICE")]
    by_service: bool,
}

impl Investigate {
    /// Runs the command.
    ///
    /// # Errors
    /// The arguments are wrong, or nobody responds.
    pub(crate) async fn run(self, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
        if self.is_simulated() {
            let called_at = if self.by_service {
                format!("http://{}", self.jwks_host).parse().context("--jwks-host is not a host")?
            } else {
                self.simulator.clone()
            };
            let simulator = Simulator::new(called_at, self.jwks_host.clone())?;
            return self.simulated(self.targets()?, &simulator, out, err).await;
        }
        if self.observables.is_empty() {
            let mut command = crate::Arguments::command();
            let help = command.find_subcommand_mut("investigate").map(clap::Command::render_long_help);
            write!(err, "{}", help.unwrap_or_default().ansi())?;
            return Ok(ExitCode::from(2));
        }
        self.own(out, err).await
    }

    /// Whether it asks the relays of the composition.
    pub(crate) fn is_simulated(&self) -> bool {
        // A script that names neither observables nor relays means the composition.
        let by_script =
            || self.observables.is_empty() && self.config.path().is_none() && !io::stdin().is_terminal();
        self.sim || self.by_service || by_script()
    }

    /// Asks the user's relays.
    async fn own(self, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
        let mut relays = self.config.connections(err)?.relays;
        for name in &self.relay {
            if !relays.iter().any(|relay| relay.name == *name) {
                let names: Vec<&str> = relays.iter().map(|relay| relay.name.as_str()).collect();
                bail!("no connection is named `{}`; there are: {}", harmless(name), names.join(", "));
            }
        }
        relays.retain(|relay| self.relay.is_empty() || self.relay.contains(&relay.name));
        relay_client::learn(&mut relays).await;
        let (reports, notes) = reports(&self.observables, &relays, err)?;
        if !self.json {
            announce(&relays, &reports, false, out)?;
        }
        let bar = bar(investigation::lookups(&relays, &reports));
        let done = investigation::run(&relays, None, reports, &|_| bar.inc(1)).await?;
        bar.finish_and_clear();
        finish(&done, &notes, self.json, out)
    }

    fn targets(&self) -> anyhow::Result<Vec<Target>> {
        let target = |known: &'static Known| {
            let url: Url = format!("http://127.0.0.1:{}", known.port(self.port_base)?).parse()?;
            let called_at = if self.by_service {
                format!("http://{}:9090", known.module().package).parse()?
            } else {
                url.clone()
            };
            Ok(Target { known, url, called_at })
        };
        RELAYS.iter().map(target).collect()
    }

    /// Asks the relays of the composition.
    async fn simulated(
        &self,
        targets: Vec<Target>,
        simulator: &Simulator,
        out: &mut impl Write,
        err: &mut impl Write,
    ) -> anyhow::Result<ExitCode> {
        let all = targets.len();
        let mut relays = healthy(targets, simulator, err).await?;
        relay_client::learn(&mut relays).await;
        let (reports, notes) = reports(&self.observables, &relays, err)?;
        if !self.json {
            announce(&relays, &reports, true, out)?;
        }
        let done = investigation::run(&relays, Some(simulator), reports, &|_| {}).await?;
        let code = finish(&done, &notes, self.json, out)?;
        if !self.json {
            instructions::print("To call the relays yourself", &relays, &done.reports, &self.simulator, out)?;
        }
        Ok(if relays.len() < all { ExitCode::from(1) } else { code })
    }
}

/// A relay of the composition and its addresses.
struct Target {
    known: &'static Known,
    /// Its address for users, and the audience of its tokens.
    url: Url,
    /// Where this program calls it.
    called_at: Url,
}

/// The relays that can be asked; `err` names the others.
async fn healthy(
    targets: Vec<Target>,
    simulator: &Simulator,
    err: &mut impl Write,
) -> anyhow::Result<Vec<RelayClient>> {
    let mut relays = Vec::new();
    for Target { known, url, called_at } in targets {
        let token = simulator.token(known, &url).await.context(
            "no simulator is running to sign tokens. Start it with the relays: docker compose up --build --detach. \
             Without containers: relayctl demo",
        )?;
        let relay = RelayClient::at(known.name, Some(known.module()), url, Some(Credential::token(&token)));
        relays.push(RelayClient { called_at, ..relay });
    }
    let outcomes = join_all(relays.iter().map(check_health)).await;
    let mut healthy = Vec::new();
    for (relay, outcome) in relays.into_iter().zip(outcomes) {
        match outcome {
            Ok(()) => healthy.push(relay),
            Err(problem) => writeln!(
                err,
                "{} relay-{} is skipped: {}",
                styled(BAD, "note:"),
                relay.name,
                harmless(&format!("{problem:#}"))
            )?,
        }
    }
    if healthy.is_empty() {
        bail!("no relay can be queried; `docker compose ps` shows whether they are running");
    }
    Ok(healthy)
}

/// A report for each observable of the arguments, or for those of the demonstration, and notes about the input.
///
/// # Errors
/// An argument is no observable, or its type is one that no relay looks up.
pub(crate) fn reports(
    arguments: &[String],
    relays: &[RelayClient],
    err: &mut impl Write,
) -> anyhow::Result<(Vec<Report>, Vec<String>)> {
    if arguments.is_empty() {
        let listed = fixtures::observables()?.into_iter().map(|one| {
            let about = crate::answer::Observable { kind: one.kind, value: one.value };
            Report::of(about, one.note)
        });
        return Ok((listed.collect(), Vec::new()));
    }
    let (observables, notes) = Input::read(arguments)?.checked(relays, observe::ENDPOINT, err)?;
    Ok((observables.into_iter().map(|about| Report::of(about, None)).collect(), notes))
}

/// Says who is asked about how much.
///
/// # Errors
/// The output is closed.
pub(crate) fn announce(
    relays: &[RelayClient],
    reports: &[Report],
    simulated: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let (relays, observables) = (count(relays.len(), "relay"), count(reports.len(), "observable"));
    let note = if simulated { ". The providers are simulated." } else { "" };
    writeln!(out, "{}\n", styled(DIM, format_args!("{relays} asked about {observables}{note}")))?;
    out.flush()
}

fn finish(
    done: &investigation::Results,
    notes: &[String],
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<ExitCode> {
    let code = done.exit_code();
    if json {
        writeln!(out, "{:#}", done.document(notes))?;
        return Ok(ExitCode::from(if code == 3 { 0 } else { code }));
    }
    done.print(out)?;
    Ok(ExitCode::from(code))
}

/// A bar on standard error, if that is a terminal.
fn bar(lookups: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(lookups).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} lookups, {elapsed}") {
        bar.set_style(style);
    }
    bar
}
