//! The first steps of each observable: the file or device that it names, then its alerts.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::future::join_all;
use relay_core::ctim::Timestamp;
use relay_core::lookup;
use relay_core::observable::Observable;

use super::{Asked, Progress};
use crate::api::DefenderApi;
use crate::api::failures::Failures;
use crate::api::read::{Alerts, AlertsOf};
use crate::mapping::AlertTimes;
use crate::memory::DeniedSource;
use crate::model::{Alert, Evidence, File, text};
use crate::network::{self, url_forms};
use crate::subject::{Account, MachineId, Subject};

/// Most devices of one name that alerts are looked up for: those seen last.
const DEVICES: usize = 3;

/// What the first steps of one observable found.
#[derive(Default)]
pub(super) struct FirstSteps {
    /// The newest alerts.
    pub(super) alerts: Vec<(Alert, AlertTimes)>,
    /// The file that it is a hash of.
    pub(super) file: Option<Arc<File>>,
    /// That file's SHA-1.
    pub(super) sha1: Option<String>,
    /// There were alerts that cannot be read.
    pub(super) some_unreadable: bool,
    /// What failed.
    pub(super) failures: Failures,
}

/// The first steps of all observables; nothing for those that the deadline cut off.
pub(super) async fn of_all(
    api: &DefenderApi<'_>,
    asked: &[Asked<'_>],
    progress: &Progress,
) -> Vec<Option<FirstSteps>> {
    let about: Vec<Observable> = asked.iter().map(|one| one.about.clone()).collect();
    let places: HashMap<&Observable, usize> =
        about.iter().enumerate().map(|(place, one)| (one, place)).collect();
    lookup::gather(api.call, &about, |one| {
        let place = places.get(one).copied().unwrap_or_default();
        steps(api, &asked[place], place, progress)
    })
    .await
}

async fn steps(api: &DefenderApi<'_>, asked: &Asked<'_>, place: usize, progress: &Progress) -> FirstSteps {
    let mut found = FirstSteps::default();
    let about = asked.about;
    let alerts_of = |of| async move {
        progress.alerts_are_asked_for();
        api.alerts(of, api.call.limit(), about).await
    };
    let answers = match &asked.subject {
        Subject::Sha1(hash) => {
            let (alerts, file) = futures::join!(alerts_of(AlertsOf::File(hash)), determination(api, hash));
            found.file = file;
            found.sha1 = Some(hash.clone());
            vec![alerts]
        }
        Subject::Sha256(hash) | Subject::Md5(hash) => {
            match api.file(hash).await {
                Ok(file) => found.file = file,
                Err((kind, failure)) => found.failures.call(kind, failure, std::slice::from_ref(about)),
            }
            found.sha1 = found.file.as_ref().and_then(|file| file.hashes().sha1);
            match &found.sha1 {
                Some(sha1) => {
                    progress.file_is_known(place, sha1);
                    vec![alerts_of(AlertsOf::File(sha1)).await]
                }
                None => Vec::new(),
            }
        }
        Subject::Address(address) => vec![alerts_of(AlertsOf::Address(&address.to_string())).await],
        Subject::Domain(name) => vec![alerts_of(AlertsOf::Domain(name)).await],
        Subject::Url(url) => match (network::host(url), network::url_address(url)) {
            (Some(name), _) => vec![alerts_of(AlertsOf::Domain(&name)).await],
            (None, Some(address)) => vec![alerts_of(AlertsOf::Address(&address.to_string())).await],
            (None, None) => Vec::new(),
        },
        Subject::Machine(id) => vec![alerts_of(AlertsOf::Machine(id)).await],
        Subject::User(account) => vec![alerts_of(AlertsOf::User(&account.name)).await],
        Subject::Hostname(name) => match api.machines_named(name, true).await {
            Ok(machines) => {
                let mut machines: Vec<_> = machines
                    .iter()
                    .filter_map(|machine| {
                        let seen = text(&machine.last_seen).and_then(Timestamp::parse);
                        Some((Reverse(seen), MachineId::parse(machine.id.as_deref()?)?))
                    })
                    .collect();
                machines.sort();
                machines.dedup_by(|one, other| one.1 == other.1);
                machines.truncate(DEVICES);
                join_all(machines.iter().map(|(_, id)| alerts_of(AlertsOf::Machine(id)))).await
            }
            Err((kind, failure)) => {
                found.failures.call(kind, failure, std::slice::from_ref(about));
                Vec::new()
            }
        },
        Subject::FileName(_) | Subject::FilePath(_) => Vec::new(),
    };
    found.take(&asked.subject, answers, api.call.limit());
    progress.alerts_are_there(place, found.alerts.len());
    found
}

/// Defender's determination of a file of known SHA-1. A failure costs only the opinion.
async fn determination(api: &DefenderApi<'_>, hash: &str) -> Option<Arc<File>> {
    let key = (api.call.credential(), DeniedSource::Files);
    if !api.relay.settings.verdicts.files || api.relay.memory.denied_opinions.holds(&key, api.call.now()) {
        return None;
    }
    api.file(hash).await.unwrap_or_else(|(_, failure)| {
        log::debug!(status = failure.status(); "the determination of a file is missing");
        None
    })
}

impl FirstSteps {
    /// Keeps the newest alerts, each once.
    fn take(&mut self, subject: &Subject, answers: Vec<Alerts>, limit: usize) {
        let mut seen = HashSet::new();
        for answer in answers {
            self.some_unreadable |= answer.some_unreadable;
            self.failures.extend(answer.failures);
            for alert in answer.alerts {
                match (text(&alert.id).map(str::to_owned), AlertTimes::of(&alert)) {
                    (Some(id), Some(times)) => {
                        let evidence = alert.evidence.as_slice();
                        if is_about(subject, &alert, evidence, evidence.is_empty()) && seen.insert(id) {
                            self.alerts.push((alert, times));
                        }
                    }
                    _ => self.some_unreadable = true,
                }
            }
        }
        self.alerts.sort_by_key(|(_, times)| Reverse(times.raised));
        self.alerts.truncate(limit);
    }

    /// Leaves out the alerts that turned out, by evidence fetched since, not to be about the observable.
    pub(super) fn keep_those_about(&mut self, subject: &Subject, evidence: &HashMap<String, Vec<Evidence>>) {
        self.alerts.retain(|(alert, _)| {
            let known = alert.id.as_ref().and_then(|id| evidence.get(id)).map(Vec::as_slice);
            let own = if alert.evidence.is_empty() { known.unwrap_or_default() } else { &alert.evidence };
            is_about(subject, alert, own, false)
        });
    }
}

/// Whether an alert that was found by a host, or by an account's name alone, is about the URL or the account. `open` is
/// the answer while its evidence is not known.
fn is_about(subject: &Subject, alert: &Alert, evidence: &[Evidence], open: bool) -> bool {
    match subject {
        Subject::Url(url) => {
            let forms = url_forms(url);
            let is_it = |entry: &Evidence| {
                text(&entry.url)
                    .is_some_and(|url| url_forms(url.trim()).iter().any(|form| forms.contains(form)))
            };
            open || Alert::of_type(evidence, "Url").any(is_it)
        }
        Subject::User(account) => of_account(account, alert, evidence),
        _ => true,
    }
}

/// Whether no mention of the account's name says another domain, or at least one says this one.
fn of_account(account: &Account, alert: &Alert, evidence: &[Evidence]) -> bool {
    let related = alert.related_user.as_ref();
    let related = related.map(|user| (text(&user.user_name), text(&user.domain_name), None));
    let entries = Alert::of_type(evidence, "User")
        .map(|entry| (text(&entry.account_name), text(&entry.domain_name), text(&entry.user_principal_name)));
    let same_name =
        |name: Option<&str>| name.is_some_and(|name| name.trim().eq_ignore_ascii_case(&account.name));
    let mut mentions = related.into_iter().chain(entries).filter(|(name, ..)| same_name(*name)).peekable();
    mentions.peek().is_none() || mentions.any(|(name, domain, upn)| account.is(name, domain, upn))
}
