//! An investigation: queries relays for a list of observables and prints the results.

pub(crate) mod instructions;
mod summary;
mod table;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use provider_sim::fixtures;
use relay_core::endpoint::{Endpoint, observe};
use relay_core::module::Module;
use url::Url;

use crate::answer::{Answer, Entities, Observable, Problem};
use crate::client;
use crate::simulator::Simulator;
use crate::ui::{DIM, count, styled};

/// Longer than the deadline of any relay.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A running relay, with a token for it.
pub(crate) struct RelayClient {
    /// What it is.
    pub(crate) module: &'static Module,
    /// Its address for users, and the audience of its tokens.
    pub(crate) url: Url,
    /// Where this program calls it, which differs from its address inside a network of containers.
    pub(crate) called_at: Url,
    /// A token that it accepts.
    pub(crate) token: String,
}

/// What one relay found about one observable.
pub(crate) struct Finding {
    /// The relay's name.
    pub(crate) relay: &'static str,
    /// What it found.
    pub(crate) entities: Entities,
    /// What went wrong.
    pub(crate) errors: Vec<Problem>,
    /// The number of calls to the provider.
    pub(crate) calls: usize,
    /// From request to answer.
    pub(crate) took: Duration,
}

/// The findings about one observable.
pub(crate) struct Report {
    /// The observable.
    pub(crate) about: Observable,
    /// Why it is on the list.
    pub(crate) note: Option<String>,
    /// One for each relay that supports its type.
    pub(crate) findings: Vec<Finding>,
}

impl RelayClient {
    /// Its response to a request with its token.
    ///
    /// # Errors
    /// There is no readable response.
    pub(crate) async fn ask(&self, endpoint: Endpoint, body: String) -> anyhow::Result<Answer> {
        let http = client::http(&self.called_at, TIMEOUT)?;
        self.ask_with(&http, endpoint, body).await
    }

    async fn ask_with(
        &self,
        http: &reqwest::Client,
        endpoint: Endpoint,
        body: String,
    ) -> anyhow::Result<Answer> {
        let url = client::endpoint_url(&self.called_at, endpoint);
        let (status, body) = client::post(http, url, Some(&self.token), body).await?;
        serde_json::from_slice(&body).with_context(|| {
            format!("{} answered with status {status} and a body that is not JSON", self.module.package)
        })
    }
}

/// Queries these relays for the observables of fixtures/observables.json and prints the results.
///
/// # Errors
/// A relay or the simulator does not respond, or the output is closed.
pub(crate) async fn run(
    relays: &[RelayClient],
    simulator: &Simulator,
    out: &mut impl Write,
) -> anyhow::Result<Vec<Report>> {
    let observables = fixtures::observables()?;
    writeln!(
        out,
        "{}\n",
        styled(
            DIM,
            format_args!(
                "{} asked about {}. The providers are simulated.",
                count(relays.len(), "relay"),
                count(observables.len(), "observable")
            )
        )
    )?;
    let started = Instant::now();
    let reports = ask_all(relays, simulator, observables).await?;
    let took = started.elapsed();
    write!(out, "{}", table::render(&reports))?;
    write!(out, "\n{}", summary::render(&reports, took))?;
    Ok(reports)
}

/// Whether a relay answered with an error.
pub(crate) fn has_failed(reports: &[Report]) -> bool {
    let mut findings = reports.iter().flat_map(|report| &report.findings);
    findings.any(|finding| finding.errors.iter().any(Problem::is_failure))
}

/// Queries all relays at once, but each of them for one observable at a time, to measure calls and time per observable.
async fn ask_all(
    relays: &[RelayClient],
    simulator: &Simulator,
    observables: Vec<fixtures::Observable>,
) -> anyhow::Result<Vec<Report>> {
    let mut reports: Vec<Report> = observables
        .into_iter()
        .map(|one| Report {
            about: Observable { kind: one.kind, value: one.value },
            note: one.note,
            findings: Vec::new(),
        })
        .collect();
    let asked: Vec<Observable> = reports.iter().map(|report| report.about.clone()).collect();
    let lookups = relays.iter().map(|relay| ask_relay(simulator, relay, &asked));
    for findings in futures::future::try_join_all(lookups).await? {
        for (position, finding) in findings {
            if let Some(report) = reports.get_mut(position) {
                report.findings.push(finding);
            }
        }
    }
    Ok(reports)
}

/// The findings of one relay, each with the position of its observable.
async fn ask_relay(
    simulator: &Simulator,
    relay: &RelayClient,
    observables: &[Observable],
) -> anyhow::Result<Vec<(usize, Finding)>> {
    let module = relay.module;
    let http = client::http(&relay.called_at, TIMEOUT)?;
    let mut seen = simulator.calls_to(module.name).await?;
    let mut findings = Vec::new();
    for (position, about) in observables.iter().enumerate() {
        if !module.observables.iter().any(|kind| kind.as_str() == about.kind) {
            continue;
        }
        let started = Instant::now();
        let answer = relay.ask_with(&http, observe::ENDPOINT, serde_json::to_string(&[about])?).await?;
        let took = started.elapsed();
        let entities: Option<Entities> = answer
            .data
            .map(serde_json::from_value)
            .transpose()
            .with_context(|| format!("{} returned data that are not entities", module.package))?;
        let before = seen;
        seen = simulator.calls_to(module.name).await?;
        findings.push((
            position,
            Finding {
                relay: module.name,
                entities: entities.unwrap_or_default(),
                errors: answer.errors,
                calls: seen.since(&before),
                took,
            },
        ));
    }
    Ok(findings)
}
