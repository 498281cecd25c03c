//! An investigation: queries relays for observables, all at once, and prints what they know.

mod alarm;
pub(crate) mod document;
pub(crate) mod instructions;
mod summary;
mod table;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use relay_core::endpoint::observe;
use serde::Deserialize as _;
use serde_json::Value;

use crate::answer::{Entities, Observable, Problem, words};
use crate::relay_client::RelayClient;
use crate::simulator::Simulator;

/// Requests to one relay at a time.
const AT_ONCE: usize = 8;

/// What one relay says of one observable.
pub(crate) struct Finding {
    /// The relay's name.
    pub(crate) relay: String,
    /// What it found.
    pub(crate) entities: Entities,
    /// The same, as it came.
    pub(crate) data: Value,
    /// What went wrong.
    pub(crate) errors: Vec<Problem>,
    /// The number of calls to the provider, where a simulator counts them.
    pub(crate) calls: Option<usize>,
    /// From request to answer.
    pub(crate) took: Duration,
}

/// A relay that was not asked about an observable.
pub(crate) struct NotAsked {
    /// The relay's name.
    pub(crate) relay: String,
    /// Why.
    pub(crate) why: String,
}

/// What all relays say of one observable.
pub(crate) struct Report {
    /// The observable.
    pub(crate) about: Observable,
    /// Why it is on the list.
    pub(crate) note: Option<String>,
    /// One for each relay that looks up its type.
    pub(crate) findings: Vec<Finding>,
    /// The others.
    pub(crate) not_asked: Vec<NotAsked>,
}

impl Report {
    /// A report without answers yet.
    pub(crate) fn of(about: Observable, note: Option<String>) -> Self {
        Self { about, note, findings: Vec::new(), not_asked: Vec::new() }
    }
}

impl Finding {
    /// Whether the lookup, or a part of it, failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.errors.iter().any(Problem::is_failure)
    }

    /// What it comes to, in one of the [`words`].
    pub(crate) fn outcome(&self) -> &'static str {
        match (self.entities.is_empty(), self.has_failed()) {
            (false, _) => words::FOUND,
            (true, true) => words::FAILED,
            (true, false) => words::NOTHING_KNOWN,
        }
    }
}

/// What an investigation came to.
pub(crate) struct Results {
    /// One report for each observable, in the order of the input.
    pub(crate) reports: Vec<Report>,
    /// What it took.
    pub(crate) took: Duration,
}

impl Results {
    /// Prints table and summary.
    ///
    /// # Errors
    /// The output is closed.
    pub(crate) fn print(&self, out: &mut impl Write) -> anyhow::Result<()> {
        write!(out, "{}", table::render(&self.reports))?;
        write!(out, "\n{}", summary::render(&self.reports, self.took))?;
        Ok(())
    }

    fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.reports.iter().flat_map(|report| &report.findings)
    }

    /// Whether a lookup failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.findings().any(Finding::has_failed)
    }

    /// 1: something failed; 2: nobody was asked, or nobody answered; 3: nothing is known; else 0.
    pub(crate) fn exit_code(&self) -> u8 {
        let answered = self.findings().any(|one| !one.errors.iter().any(Problem::is_no_answer));
        match (answered, self.has_failed(), self.findings().any(|one| !one.entities.is_empty())) {
            (false, ..) => 2,
            (_, true, _) => 1,
            (.., false) => 3,
            (.., true) => 0,
        }
    }
}

/// Queries all relays at once about the observables of `reports`. `done` is called after each lookup. With a simulator,
/// each relay has one lookup at a time, to count its calls.
///
/// # Errors
/// The simulator does not respond.
pub(crate) async fn run(
    relays: &[RelayClient],
    simulator: Option<&Simulator>,
    mut reports: Vec<Report>,
    done: &(dyn Fn(&Finding) + Sync),
) -> anyhow::Result<Results> {
    let started = Instant::now();
    let asked: Vec<Observable> = reports.iter().map(|report| report.about.clone()).collect();
    let lookups = relays.iter().map(|relay| ask_relay(simulator, relay, &asked, done));
    for (relay, findings) in relays.iter().zip(futures::future::try_join_all(lookups).await?) {
        for (report, finding) in reports.iter_mut().zip(findings) {
            match finding {
                Some(finding) => report.findings.push(finding),
                None => report
                    .not_asked
                    .push(NotAsked { relay: relay.name.clone(), why: relay.why_not(&report.about.kind) }),
            }
        }
    }
    Ok(Results { reports, took: started.elapsed() })
}

/// How many lookups [`run`] makes.
pub(crate) fn lookups(relays: &[RelayClient], reports: &[Report]) -> usize {
    let of = |relay: &RelayClient| {
        reports.iter().filter(|report| relay.looks_up(observe::ENDPOINT, &report.about.kind)).count()
    };
    relays.iter().map(of).sum()
}

/// What one relay says, in the order of the observables; nothing where it is not asked.
async fn ask_relay(
    simulator: Option<&Simulator>,
    relay: &RelayClient,
    observables: &[Observable],
    done: &(dyn Fn(&Finding) + Sync),
) -> anyhow::Result<Vec<Option<Finding>>> {
    let http = relay.http()?;
    let counted = simulator.zip(relay.module);
    let lookups = futures::stream::iter(observables).map(async |about| {
        if !relay.looks_up(observe::ENDPOINT, &about.kind) {
            return Ok(None);
        }
        let before = match counted {
            Some((simulator, module)) => Some(simulator.calls_to(module.name).await?),
            None => None,
        };
        let mut finding = ask_one(relay, &http, about).await;
        if let Some(((simulator, module), before)) = counted.zip(before) {
            finding.calls = Some(simulator.calls_to(module.name).await?.since(&before));
        }
        done(&finding);
        anyhow::Ok(Some(finding))
    });
    let at_once = if simulator.is_some() { 1 } else { AT_ONCE };
    lookups.buffered(at_once).collect::<Vec<_>>().await.into_iter().collect()
}

/// What a relay says of one observable; that it does not answer is a finding too.
pub(crate) async fn ask_one(relay: &RelayClient, http: &reqwest::Client, about: &Observable) -> Finding {
    let started = Instant::now();
    let answer = match serde_json::to_string(&[about]) {
        Ok(body) => relay.ask_with(http, observe::ENDPOINT, body).await,
        Err(error) => Err(error.into()),
    };
    let mut finding = Finding {
        relay: relay.name.clone(),
        entities: Entities::default(),
        data: Value::Null,
        errors: Vec::new(),
        calls: None,
        took: started.elapsed(),
    };
    match answer {
        Ok(answer) => {
            finding.errors = answer.errors;
            finding.data = answer.data.unwrap_or_default();
            match Option::<Entities>::deserialize(&finding.data) {
                Ok(entities) => finding.entities = entities.unwrap_or_default(),
                Err(error) => finding.errors.push(Problem::no_answer(&error.into())),
            }
        }
        Err(error) => finding.errors.push(Problem::no_answer(&error)),
    }
    finding
}
