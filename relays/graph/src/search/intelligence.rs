//! Threat Intelligence: reputation and passive DNS of hosts, in batches, while alerts are searched for. It is never
//! a reason for the rest to fail, and is not asked where the tenant does not have it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures::future::join_all;
use relay_core::call::Call;
use relay_core::error::{Code, Error, Severity};
use relay_core::lookup;
use relay_core::observable::Observable;
use relay_core::provider::Failure;

use crate::api::{BATCH, HostCall, intelligence_error};
use crate::credentials::GraphCredentials;
use crate::mapping::value::public_host;
use crate::model::intelligence::Report;
use crate::module::{SERVICE_UNAVAILABLE, UNPROCESSED};
use crate::settings::Intelligence;
use crate::{Graph, Lack};

/// How long it is not asked again where the tenant does not have it.
const REST: Duration = Duration::from_secs(3600);
/// Without batches, as many hosts are asked about.
const MOST_SINGLE: usize = 10;
/// When as many hosts in a row are unknown, and none was ever known, there is nothing behind the address.
const NOTHING_THERE: u32 = 20;
/// How long it is remembered that hosts were known or unknown.
const HOSTS: Duration = Duration::from_secs(30 * 24 * 3600);

const NAME: &str = "Microsoft Threat Intelligence";

/// What is known of hosts.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// By host.
    pub(super) reputation: HashMap<String, Report>,
    /// By host.
    pub(super) passive_dns: HashMap<String, Report>,
    /// What is missing.
    pub(super) errors: Vec<Error>,
}

/// The answer to one call.
enum Answer {
    Known(Box<Report>),
    Nothing,
    /// The tenant does not have it.
    Denied(Error),
    Failed(Error),
    /// The request is over; others report it.
    Silent,
}

/// Asks about the hosts among observables. Without `passive_dns` for their reputation alone.
pub(super) async fn ask(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    about: &[Observable],
    passive_dns: bool,
) -> Known {
    let mut known = Known::default();
    let (mode, owner) = (relay.settings.intelligence, call.credentials.owner());
    if mode == Intelligence::Off {
        return known;
    }
    let mut hosts: Vec<String> = Vec::new();
    for host in about.iter().filter_map(public_host) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    if hosts.is_empty() {
        return known;
    }
    let key = (owner, Lack::Intelligence);
    if relay.lacks.holds(&key, call.now()) {
        known.errors.extend((mode == Intelligence::On).then(resting));
        return known;
    }
    let over = hosts.len().saturating_sub(relay.settings.intelligence_hosts);
    if over > 0 {
        hosts.truncate(relay.settings.intelligence_hosts);
        let message =
            format!("{NAME} was not asked about {over} further hosts (RELAY_PROVIDER__THREAT_INTEL_HOSTS)");
        known.errors.push(Error::warning(UNPROCESSED, message));
    }
    let calls: Vec<HostCall<'_>> = hosts.iter().flat_map(|host| HostCall::all(host, passive_dns)).collect();
    let answers = answers(relay, call, &calls, &mut known.errors).await;
    known.take(relay, call, answers);
    known
}

/// The answers, call by call, of those that were made.
async fn answers<'h>(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    calls: &[HostCall<'h>],
    errors: &mut Vec<Error>,
) -> Vec<(HostCall<'h>, Answer)> {
    let key = (call.credentials.owner(), Lack::Batches);
    if !relay.lacks.holds(&key, call.now()) {
        match in_batches(relay, call, calls).await {
            Some(answers) => return answers,
            None => relay.lacks.remember(key, (), REST, call.now()),
        }
    }
    let per_host = calls.iter().take_while(|one| one.host == calls[0].host).count();
    let few = &calls[..calls.len().min(MOST_SINGLE * per_host)];
    let over = (calls.len() - few.len()) / per_host.max(1);
    if over > 0 {
        let message =
            format!("{NAME} was not asked about {over} further hosts, since the API takes no batches");
        errors.push(Error::warning(UNPROCESSED, message));
    }
    let single = lookup::gather(call, few, |one| async move {
        match relay.host(call, *one).await {
            Ok(Some(report)) => Answer::Known(Box::new(report)),
            Ok(None) => Answer::Nothing,
            Err(failure) => failed(&failure),
        }
    });
    let late = || Answer::Failed(call.out_of_time().with_severity(Severity::Warning));
    few.iter().copied().zip(single.await.into_iter().map(|answer| answer.unwrap_or_else(late))).collect()
}

/// Nothing where the API has no batches.
async fn in_batches<'h>(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    calls: &[HostCall<'h>],
) -> Option<Vec<(HostCall<'h>, Answer)>> {
    let batches = join_all(calls.chunks(BATCH).map(|part| relay.hosts(call, part))).await;
    let mut all = Vec::with_capacity(calls.len());
    for (part, batch) in calls.chunks(BATCH).zip(batches) {
        match batch {
            Ok(responses) => {
                let mut of_batch: Vec<Option<Answer>> = part.iter().map(|_| None).collect();
                for (place, response) in responses {
                    if let Some(answer) = of_batch.get_mut(place) {
                        *answer = Some(inner(response.status, response.body));
                    }
                }
                let missing =
                    || Answer::Failed(warning(Code::BAD_RESPONSE, "left a call of a batch unanswered"));
                all.extend(
                    part.iter()
                        .copied()
                        .zip(of_batch.into_iter().map(|answer| answer.unwrap_or_else(missing))),
                );
            }
            Err(failure) if matches!(failure.status(), Some(400 | 404 | 405 | 501)) => return None,
            Err(failure) => all.extend(part.iter().map(|one| (*one, failed(&failure)))),
        }
    }
    Some(all)
}

fn inner(status: Option<i64>, body: Option<Report>) -> Answer {
    let is_general = |report: &Report| {
        let code = report.error.as_ref().and_then(|problem| problem.code.as_deref());
        code.is_some_and(|code| code.eq_ignore_ascii_case("generalException"))
    };
    match (status, body) {
        (Some(200..=299), Some(report)) => Answer::Known(Box::new(report)),
        (Some(404), _) => Answer::Nothing,
        (Some(400 | 401 | 403), _) => Answer::Denied(denied(Code::PERMISSION_DENIED)),
        (Some(500), Some(report)) if is_general(&report) => Answer::Denied(denied(Code::UNKNOWN)),
        (Some(429), _) => Answer::Failed(warning(Code::TOO_MANY_REQUESTS, "allows no more calls now")),
        (Some(502..=504), _) => Answer::Failed(warning(SERVICE_UNAVAILABLE, "is not available")),
        (Some(200..=299) | None, _) => {
            Answer::Failed(warning(Code::BAD_RESPONSE, "gave an unreadable answer"))
        }
        (Some(_), _) => Answer::Failed(warning(Code::UNKNOWN, "failed")),
    }
}

fn failed(failure: &Failure) -> Answer {
    match failure {
        Failure::Login(_) | Failure::Stopped(_) => Answer::Silent,
        Failure::Rejected(rejection) if matches!(rejection.status, 400 | 401 | 403) => {
            Answer::Denied(denied(Code::PERMISSION_DENIED))
        }
        Failure::Rejected(rejection)
            if rejection.status == 500
                && rejection
                    .text_at(&["/error/code"])
                    .is_some_and(|code| code.eq_ignore_ascii_case("generalException")) =>
        {
            Answer::Denied(denied(Code::UNKNOWN))
        }
        _ => {
            let error = intelligence_error(failure).with_severity(Severity::Warning);
            Answer::Failed(error.with_note("what Threat Intelligence knows is missing"))
        }
    }
}

fn warning(code: Code, what: &str) -> Error {
    Error::warning(code, format!("{NAME} {what}; what it knows is missing"))
}

fn denied(code: Code) -> Error {
    Error::warning(
        code,
        format!(
            "{NAME} refuses the call; an administrator has to grant the application the permission \
             ThreatIntelligence.Read.All, and the tenant needs a license for Defender XDR or Sentinel"
        ),
    )
}

fn resting() -> Error {
    denied(Code::PERMISSION_DENIED).with_note("it was refused less than an hour ago and is not asked now")
}

impl Known {
    fn take(&mut self, relay: &Graph, call: &Call<GraphCredentials>, answers: Vec<(HostCall<'_>, Answer)>) {
        let owner = call.credentials.owner();
        // None: one was known at some time.
        let mut unknown = relay.unknown_hosts.recall(&owner, call.now()).unwrap_or(Some(0));
        let mut denial: Option<Error> = None;
        let mut failures: BTreeMap<&'static str, Error> = BTreeMap::new();
        for (one, answer) in answers {
            match answer {
                Answer::Known(report) => {
                    unknown = None;
                    let reports = if one.passive_dns { &mut self.passive_dns } else { &mut self.reputation };
                    reports.insert(one.host.to_owned(), *report);
                }
                Answer::Nothing if !one.passive_dns => unknown = unknown.map(|count| count + 1),
                Answer::Nothing | Answer::Silent => {}
                Answer::Denied(error) => denial = denial.or(Some(error)),
                Answer::Failed(error) => {
                    failures.entry(error.code().as_str()).or_insert(error);
                }
            }
        }
        self.errors.extend(failures.into_values());
        relay.unknown_hosts.remember(owner.clone(), unknown, HOSTS, call.now());
        let is_nothing_there = unknown.is_some_and(|count| count >= NOTHING_THERE);
        if denial.is_some() || is_nothing_there {
            log::info!("Threat Intelligence is refused to this tenant and is not asked for an hour");
            relay.lacks.remember((owner, Lack::Intelligence), (), REST, call.now());
            relay.unknown_hosts.forget(&call.credentials.owner());
        }
        if relay.settings.intelligence == Intelligence::On {
            let nothing_there = is_nothing_there.then(|| denied(Code::PERMISSION_DENIED));
            self.errors.extend(denial.or(nothing_there));
        }
    }
}
