//! An investigation: several relays before the simulator are asked about a list of observables, and what they know
//! is printed.

pub(crate) mod invitation;
mod summary;
mod table;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use provider_sim::fixtures;
use relay_core::endpoint::Endpoint;
use relay_core::module::Module;
use url::Url;

use crate::answer::{Answer, Entities, Observable, Problem};
use crate::client;
use crate::simulator::Simulator;
use crate::ui::{DIM, count, styled};

/// How long a relay may take to answer. Longer than any deadline of its own.
const PATIENCE: Duration = Duration::from_secs(60);

/// A relay that is asked.
pub(crate) struct Respondent {
    /// What it is.
    pub(crate) module: &'static Module,
    /// Its address for users, and the audience of its tokens.
    pub(crate) url: Url,
    /// Where this program calls it, which differs from its address inside a network of containers.
    pub(crate) called_at: Url,
    /// A token that it accepts.
    pub(crate) token: String,
}

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

impl Respondent {
    /// What it answers to a call with its token.
    ///
    /// # Errors
    /// There is no answer, or none that can be read.
    pub(crate) async fn ask(&self, endpoint: Endpoint, body: String) -> anyhow::Result<Answer> {
        let http = client::http(&self.called_at, PATIENCE)?;
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
        serde_json::from_slice(&body)
            .with_context(|| format!("{} answers with status {status} and no JSON", self.module.package))
    }
}

/// Asks these relays about the observables of fixtures/observables.json and prints what they know.
///
/// # Errors
/// A relay or the simulator does not answer, or the output is closed.
pub(crate) async fn conduct(
    relays: &[Respondent],
    simulator: &Simulator,
    out: &mut impl Write,
) -> anyhow::Result<Vec<Dossier>> {
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
    let dossiers = ask_all(relays, simulator, observables).await?;
    let took = started.elapsed();
    write!(out, "{}", table::render(&dossiers))?;
    write!(out, "\n{}", summary::render(&dossiers, took))?;
    Ok(dossiers)
}

/// Whether a relay answered with an error.
pub(crate) fn has_failed(dossiers: &[Dossier]) -> bool {
    let mut findings = dossiers.iter().flat_map(|dossier| &dossier.findings);
    findings.any(|finding| finding.errors.iter().any(Problem::is_failure))
}

/// Asks all relays at once. Each is asked about one observable after the other, so that calls and time can be
/// told apart by observable.
async fn ask_all(
    relays: &[Respondent],
    simulator: &Simulator,
    observables: Vec<fixtures::Observable>,
) -> anyhow::Result<Vec<Dossier>> {
    let mut dossiers: Vec<Dossier> = observables
        .into_iter()
        .map(|one| Dossier {
            about: Observable { kind: one.kind, value: one.value },
            note: one.note,
            findings: Vec::new(),
        })
        .collect();
    let asked: Vec<Observable> = dossiers.iter().map(|dossier| dossier.about.clone()).collect();
    let interviews = relays.iter().map(|relay| interview(simulator, relay, &asked));
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
    simulator: &Simulator,
    relay: &Respondent,
    observables: &[Observable],
) -> anyhow::Result<Vec<(usize, Finding)>> {
    let module = relay.module;
    let http = client::http(&relay.called_at, PATIENCE)?;
    let mut seen = simulator.calls_to(module.name).await?;
    let mut findings = Vec::new();
    for (position, about) in observables.iter().enumerate() {
        if !module.observables.iter().any(|kind| kind.as_str() == about.kind) {
            continue;
        }
        let started = Instant::now();
        let answer = relay.ask_with(&http, Endpoint::Observe, serde_json::to_string(&[about])?).await?;
        let took = started.elapsed();
        let entities: Option<Entities> = answer
            .data
            .map(serde_json::from_value)
            .transpose()
            .with_context(|| format!("{} answers no entities", module.package))?;
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
