//! `relayctl demo`: runs simulator and relays in this process, and one investigation with them.

mod demonstration;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use provider_sim::Fault;
use provider_sim::fault::spec;
use tokio::signal::unix::{SignalKind, signal};

use crate::investigate;
use crate::investigation::{self, instructions};
use crate::relays::PORT_BASE;
use crate::tiles;
use crate::ui::{LITERAL, styled};
pub(crate) use demonstration::{Demonstration, start_here};

/// Runs all relays against simulated providers, without network or accounts, and an investigation
///
/// Starts the simulator and all relays in this process, queries every relay for the observables of
/// fixtures/observables.json with tokens signed by a new key, and prints the results, worst first. Exit code 1 if a
/// relay responds with an error.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Keep running until Ctrl-C, and print the URL, a token and a curl command for each relay
    #[arg(long)]
    serve: bool,

    /// Port of the first relay; the others use the following ports. 0 uses free ports
    #[arg(long, value_name = "PORT", default_value_t = PORT_BASE)]
    port_base: u16,

    /// Delay the responses of the simulated providers, for example by 50ms
    #[arg(long, value_name = "TIME", value_parser = spec::time)]
    latency: Option<Duration>,

    /// Let them fail, for example xforce:status=503,rate=0.3 (repeatable)
    #[arg(long = "fault", value_name = "SPEC", long_help = spec::HELP)]
    faults: Vec<Fault>,

    /// Observables to look up instead: 8.8.8.8, ip=8.8.8.8, `hxxps://bad[.]example`, - for standard input, @FILE
    #[arg(value_name = "OBSERVABLE")]
    observables: Vec<String>,

    /// Print one JSON document instead of tables
    #[arg(long, conflicts_with = "serve")]
    json: bool,
}

impl Demo {
    /// Runs the command.
    ///
    /// # Errors
    /// Simulator or relays do not start.
    pub(crate) async fn run(self, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
        let faults = self.faults.into_iter().chain(self.latency.map(Fault::latency)).collect();
        let demonstration = Demonstration::start(self.port_base, faults, err).await?;
        let relays = &demonstration.relays;
        let (reports, notes) = investigate::reports(&self.observables, relays, err)?;
        if !self.json {
            investigate::announce(relays, &reports, true, out)?;
        }
        let done = investigation::run(relays, Some(&demonstration.simulator), reports, &|_| {}).await?;
        let code = ExitCode::from(u8::from(done.has_failed()));
        if self.json {
            writeln!(out, "{:#}", done.document(&notes))?;
            return Ok(code);
        }
        done.print(out)?;
        tiles::demonstrate(relays, out).await?;
        if self.serve {
            // Before the first line is printed: its reader may stop the program at once.
            let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
            let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
            let again = match demonstration.port_base {
                Some(base) => {
                    let (url, host) = (demonstration.sim.url(), demonstration.sim.host());
                    format!(
                        "relayctl investigate --sim --simulator {url} --jwks-host {host} --port-base {base}"
                    )
                }
                None => "start it with a --port-base whose ports are free".to_owned(),
            };
            writeln!(out, "\nTo investigate in another shell:  {}", styled(LITERAL, again))?;
            let headline = "The relays run until Ctrl-C";
            instructions::print(
                headline,
                &demonstration.relays,
                &done.reports,
                &demonstration.sim.url().parse()?,
                out,
            )?;
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        } else {
            writeln!(
                out,
                "\nTo call the relays yourself, add {}. They keep running, and you get\n\
                 their URLs, tokens and curl commands.",
                styled(LITERAL, "--serve")
            )?;
        }
        Ok(code)
    }
}
