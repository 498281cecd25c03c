//! `relayctl demo`: simulator and relays in this process, one investigation, and what came out of it.

mod serve;
mod stage;
mod summary;
mod table;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use provider_sim::fault::spec;
use provider_sim::{Fault, Sim, fixtures};
use relay_core::endpoint::Endpoint;

use crate::answer::{Answer, Entities, Observable, Problem};
use crate::client;
use crate::ui::{DIM, LITERAL, count, styled};
use stage::{Stage, Standing};

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
    #[arg(long, value_name = "PORT", default_value_t = 9101)]
    port_base: u16,

    /// Let the simulated providers answer later, by a time such as 50ms
    #[arg(long, value_name = "TIME", value_parser = spec::time)]
    latency: Option<Duration>,

    /// Let them fail, by a fault such as xforce:status=503,rate=0.3 (repeatable)
    #[arg(long = "fault", value_name = "SPEC")]
    faults: Vec<Fault>,
}

/// The variables that lead HTTP clients to a proxy.
const PROXIES: [&str; 6] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// What one relay said of one observable.
pub(crate) struct Finding {
    /// The relay's name.
    pub(crate) relay: &'static str,
    /// What it found.
    pub(crate) entities: Entities,
    /// What went wrong.
    pub(crate) errors: Vec<Problem>,
    /// How many calls the provider got.
    pub(crate) calls: usize,
    /// From request to answer.
    pub(crate) took: Duration,
}

/// All that is known of one observable.
pub(crate) struct Dossier {
    /// The observable.
    pub(crate) about: Observable,
    /// Why it is in the list.
    pub(crate) note: Option<String>,
    /// One for each relay that looks such observables up.
    pub(crate) findings: Vec<Finding>,
}

impl Demo {
    /// Starts this program anew where a proxy is set, without it: relays call their providers by way of the
    /// proxy, but these providers are on this machine, which a proxy does not reach.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn without_proxies() -> anyhow::Result<()> {
        if PROXIES.iter().all(|name| std::env::var_os(name).is_none()) {
            return Ok(());
        }
        let mut again = Command::new(std::env::current_exe()?);
        again.args(std::env::args_os().skip(1));
        for name in PROXIES {
            again.env_remove(name);
        }
        Err(again.exec()).context("cannot leave out the proxy of the environment")
    }

    /// Does it.
    ///
    /// # Errors
    /// Simulator or relays do not start.
    pub(crate) async fn run(self, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
        let observables = fixtures::observables()?;
        let faults = self.faults.into_iter().chain(self.latency.map(Fault::latency)).collect();
        let stage = Stage::start(self.port_base, faults, err).await?;
        writeln!(
            out,
            "{}\n",
            styled(
                DIM,
                format_args!(
                    "{} asked about {}. The providers are simulated.",
                    count(stage.relays.len(), "relay"),
                    count(observables.len(), "observable")
                )
            )
        )?;
        let started = Instant::now();
        let dossiers = investigate(&stage, observables).await?;
        let took = started.elapsed();
        write!(out, "{}", table::render(&dossiers))?;
        write!(out, "\n{}", summary::render(&dossiers, took))?;
        if self.serve {
            serve::until_stopped(&stage, &dossiers, out).await?;
        } else {
            writeln!(
                out,
                "\nTo call the relays yourself, add {}: they go on serving, and you get their\n\
                 URLs, tokens and curl lines.",
                styled(LITERAL, "--serve")
            )?;
        }
        let failed = dossiers
            .iter()
            .flat_map(|dossier| &dossier.findings)
            .any(|finding| finding.errors.iter().any(Problem::is_failure));
        Ok(ExitCode::from(u8::from(failed)))
    }
}

/// Asks all relays at once. Each is asked about one observable after the other, so that calls and time can be
/// told apart by observable.
async fn investigate(stage: &Stage, observables: Vec<fixtures::Observable>) -> anyhow::Result<Vec<Dossier>> {
    let mut dossiers: Vec<Dossier> = observables
        .into_iter()
        .map(|one| Dossier {
            about: Observable { kind: one.kind, value: one.value },
            note: one.note,
            findings: Vec::new(),
        })
        .collect();
    let asked: Vec<Observable> = dossiers.iter().map(|dossier| dossier.about.clone()).collect();
    let interviews = stage.relays.iter().map(|relay| interview(&stage.sim, relay, &asked));
    for findings in futures::future::try_join_all(interviews).await? {
        for (position, finding) in findings {
            if let Some(dossier) = dossiers.get_mut(position) {
                dossier.findings.push(finding);
            }
        }
    }
    Ok(dossiers)
}

/// What one relay says of the observables that it looks up, each with its position in the list.
async fn interview(
    sim: &Sim,
    relay: &Standing,
    observables: &[Observable],
) -> anyhow::Result<Vec<(usize, Finding)>> {
    let module = relay.module;
    let http = client::http(&relay.url, Duration::from_secs(60))?;
    let mut findings = Vec::new();
    for (position, about) in observables.iter().enumerate() {
        if !module.observables.iter().any(|kind| kind.as_str() == about.kind) {
            continue;
        }
        let before = sim.calls_to(module.name).len();
        let started = Instant::now();
        let body = serde_json::to_string(&[about])?;
        let url = client::endpoint_url(&relay.url, Endpoint::Observe);
        let (status, body) = client::post(&http, url, Some(&relay.token), body).await?;
        let took = started.elapsed();
        let answer: Answer = serde_json::from_slice(&body)
            .with_context(|| format!("{} answers with status {status} and no JSON", module.package))?;
        let entities: Option<Entities> = answer
            .data
            .map(serde_json::from_value)
            .transpose()
            .with_context(|| format!("{} answers no entities", module.package))?;
        findings.push((
            position,
            Finding {
                relay: module.name,
                entities: entities.unwrap_or_default(),
                errors: answer.errors,
                calls: sim.calls_to(module.name).len() - before,
                took,
            },
        ));
    }
    Ok(findings)
}
