//! `relayctl demo`: simulator and relays in this process, one investigation, and what came out of it.

mod stage;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use provider_sim::Fault;
use provider_sim::fault::spec;
use tokio::signal::unix::{SignalKind, signal};

use crate::investigation::{self, invitation};
use crate::relays::PORT_BASE;
use crate::ui::{LITERAL, styled};
pub(crate) use stage::Stage;

/// Runs every relay against simulated providers, without network or accounts, and investigates with them
///
/// Starts the simulator and all relays in this process, asks every relay about the observables of
/// fixtures/observables.json with tokens signed by a key made on the spot, and shows what they found, the worst
/// first. Exit code 1 when a relay answered with an error.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Keep serving afterwards, until Ctrl-C, and print for each relay its URL, a token and a curl line
    #[arg(long)]
    serve: bool,

    /// Port of the first relay; each next one takes the next port. 0 takes free ports
    #[arg(long, value_name = "PORT", default_value_t = PORT_BASE)]
    port_base: u16,

    /// Let the simulated providers answer later, by a time such as 50ms
    #[arg(long, value_name = "TIME", value_parser = spec::time)]
    latency: Option<Duration>,

    /// Let them fail, by a fault such as xforce:status=503,rate=0.3 (repeatable)
    #[arg(long = "fault", value_name = "SPEC")]
    faults: Vec<Fault>,
}

impl Demo {
    /// Does it.
    ///
    /// # Errors
    /// Simulator or relays do not start.
    pub(crate) async fn run(self, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
        let faults = self.faults.into_iter().chain(self.latency.map(Fault::latency)).collect();
        let stage = Stage::start(self.port_base, faults, err).await?;
        let dossiers = investigation::conduct(&stage.relays, &stage.simulator, out).await?;
        if self.serve {
            // Caught from the first line on: whoever reads it may stop the program at once.
            let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
            let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
            let headline = "The relays serve until Ctrl-C";
            invitation::print(headline, &stage.relays, &dossiers, &stage.sim.url().parse()?, out)?;
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        } else {
            writeln!(
                out,
                "\nTo call the relays yourself, add {}: they go on serving, and you get their\n\
                 URLs, tokens and curl lines.",
                styled(LITERAL, "--serve")
            )?;
        }
        Ok(ExitCode::from(u8::from(investigation::has_failed(&dossiers))))
    }
}
