//! Details that alerts and events lack: devices, files, evidence, prevalence. Each thing is asked for once per platform
//! request, several in one call where the provider takes lists, and a failure costs only the details.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::join_all;
use relay_core::error::{Code, Error};
use relay_core::provider::Failure;

use super::{Asked, Findings};
use crate::api::DefenderApi;
use crate::api::failures;
use crate::api::hunting::HuntFailure;
use crate::api::read::{Failed, IDS, Listed};
use crate::mapping::{Details, Device, Files};
use crate::memory::{HOUR, ListCall, MACHINE};
use crate::model::{Alert, Evidence, Hashes, Machine, Prevalence, text};
use crate::query;
use crate::settings::Stats;
use crate::subject::{MachineId, Subject};

/// Most calls that complete the hashes of files, divided by the observables of the request.
const FILES: usize = 40;
/// Prevalence is looked up in requests of at most this number of observables.
const PREVALENT: usize = 5;
/// Adapters are hunted for in requests of at most this number of observables.
const WITH_ADAPTERS: usize = 20;

/// The details of one platform request.
pub(super) struct Enrichment<'a> {
    api: &'a DefenderApi<'a>,
    /// How many observables are looked up.
    asked: usize,
    /// One for each code.
    warnings: Mutex<BTreeMap<&'static str, Error>>,
}

impl<'a> Enrichment<'a> {
    /// For a request about this many observables.
    pub(super) fn new(api: &'a DefenderApi<'a>, asked: usize) -> Self {
        Self { api, asked, warnings: Mutex::default() }
    }

    /// The evidence of the alerts that came without, by their ids.
    pub(super) async fn evidence<'f>(
        &self,
        alerts: impl Iterator<Item = &'f Alert>,
    ) -> HashMap<String, Vec<Evidence>> {
        let most = self.api.relay.settings.max_enrichment;
        let mut ids: Vec<String> = Vec::new();
        for id in alerts.filter(|alert| alert.evidence.is_empty()).filter_map(|alert| text(&alert.id)) {
            if ids.len() < most && !ids.iter().any(|known| known == id) {
                ids.push(id.to_owned());
            }
        }
        let list = |ids: Vec<String>| async move { self.api.alert_list(&ids).await };
        let single = |id: String| async move { self.api.alert(&id).await };
        let found = self.several(ListCall::Alerts, &ids, list, single).await;
        let evidence = |alert: Alert| Some((alert.id?, alert.evidence));
        found.into_iter().filter_map(evidence).collect()
    }

    /// Asks for several things by one list, or for each by itself: one alone, and all of them where the provider takes
    /// no lists, which is remembered for an hour.
    async fn several<K, T, L, S>(
        &self,
        call: ListCall,
        keys: &[K],
        list: impl Fn(Vec<K>) -> L,
        one: impl Fn(K) -> S,
    ) -> Vec<T>
    where
        K: Clone,
        L: Future<Output = Result<Listed<T>, Failed>>,
        S: Future<Output = Result<Option<T>, Failed>>,
    {
        let (credential, now) = (self.api.call.credential(), self.api.call.now());
        let memory = &self.api.relay.memory.refused_lists;
        let (mut found, mut singly) = (Vec::new(), Vec::new());
        if keys.len() < 2 || memory.holds(&(credential, call), now) {
            singly.extend_from_slice(keys);
        } else {
            let chunks: Vec<&[K]> = keys.chunks(IDS).collect();
            let outcomes = join_all(chunks.iter().map(|keys| list(keys.to_vec()))).await;
            for (keys, outcome) in chunks.into_iter().zip(outcomes) {
                match self.known(outcome) {
                    Some(Listed::Items(items)) => found.extend(items),
                    Some(Listed::Refused) => {
                        memory.remember((credential, call), (), HOUR, now);
                        singly.extend_from_slice(keys);
                    }
                    None => {}
                }
            }
        }
        let outcomes = join_all(singly.into_iter().map(one)).await;
        found.extend(outcomes.into_iter().filter_map(|outcome| self.known(outcome).flatten()));
        found
    }

    /// A detail if there is one. That a call failed is worth a warning, once for each code; a refusal is not.
    fn known<T>(&self, outcome: Result<T, Failed>) -> Option<T> {
        let (kind, failure) = match outcome {
            Ok(detail) => return Some(detail),
            Err(failure) => failure,
        };
        if let Some(status @ (400 | 401 | 403 | 404)) = failure.status() {
            log::debug!(api:? = kind, status; "details are missing");
            return None;
        }
        let error = failures::error(kind, &failure);
        let is_refusal = matches!(error.code(), Code::AUTHORIZATION | Code::PERMISSION_DENIED);
        if !(is_refusal && matches!(failure, Failure::Stopped(_))) {
            self.warn(&error, "Details of devices or files may be missing");
        }
        None
    }

    fn warn(&self, error: &Error, what: &str) {
        let message = format!("{what}: {}", error.message());
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        warnings.entry(error.code().as_str()).or_insert_with(|| Error::warning(error.code(), message));
    }

    /// How widely the observables are seen, by their places: with what names the thing that is seen.
    pub(super) async fn prevalence<'f>(
        &self,
        asked: &'f [Asked<'f>],
        sha1: &'f [Option<String>],
    ) -> HashMap<usize, (String, Prevalence)> {
        let stats = self.api.relay.settings.stats;
        if stats == Stats::Off || asked.len() > PREVALENT {
            return HashMap::new();
        }
        let one = |(place, (asked, sha1)): (usize, (&'f Asked<'f>, &'f Option<String>))| async move {
            let (key, outcome) = match (&asked.subject, sha1) {
                (Subject::Sha1(_) | Subject::Sha256(_) | Subject::Md5(_), Some(sha1)) => {
                    (sha1.clone(), self.api.file_prevalence(sha1).await)
                }
                (Subject::Domain(name), _) if stats == Stats::All => {
                    (name.clone(), self.api.domain_prevalence(name).await)
                }
                (Subject::Address(address), _) if stats == Stats::All => {
                    let address = address.to_string();
                    let outcome = self.api.address_prevalence(&address).await;
                    (address, outcome)
                }
                _ => return None,
            };
            Some((place, (key, self.known(outcome).flatten()?)))
        };
        let all = join_all(asked.iter().zip(sha1).enumerate().map(one)).await;
        all.into_iter().flatten().collect()
    }

    /// Everything that is known now, and what the user should know of what is not. `may_hunt` allows one more query,
    /// for network adapters.
    pub(super) async fn finish(
        self,
        findings: &[Findings<'_>],
        evidence: HashMap<String, Vec<Evidence>>,
        may_hunt: bool,
    ) -> (Details, Vec<Error>) {
        let mut details = Details { evidence, ..Details::default() };
        let (devices, files) =
            futures::join!(self.devices(findings, may_hunt), self.files(findings, &details));
        details.devices = devices;
        details.files = files;
        let warnings = self.warnings.into_inner().unwrap_or_else(PoisonError::into_inner);
        (details, warnings.into_values().collect())
    }

    async fn devices(&self, findings: &[Findings<'_>], may_hunt: bool) -> HashMap<String, Device> {
        let machines = self.machines(&self.machine_ids(findings)).await;
        let mut devices: HashMap<MachineId, Device> = machines
            .into_iter()
            .map(|(id, machine)| (id, machine.as_deref().map(Device::from).unwrap_or_default()))
            .collect();
        if may_hunt && self.asked <= WITH_ADAPTERS && self.api.may_hunt() {
            self.adapters(&mut devices).await;
        }
        devices.into_iter().map(|(id, device)| (id.as_str().to_owned(), device)).collect()
    }

    /// The devices of alerts and events, in the order of the sightings.
    fn machine_ids(&self, findings: &[Findings<'_>]) -> Vec<MachineId> {
        let mut ids: Vec<MachineId> = Vec::new();
        let of_alerts = |one: &Findings<'_>| {
            one.alerts.iter().filter_map(|(alert, _)| alert.machine_id.clone()).collect::<Vec<_>>()
        };
        let of_events = |one: &Findings<'_>| {
            one.events.iter().filter_map(|event| event.device().map(str::to_owned)).collect::<Vec<_>>()
        };
        let all = findings.iter().flat_map(|one| of_alerts(one).into_iter().chain(of_events(one)));
        for id in all.filter_map(|id| MachineId::parse(&id)) {
            if ids.len() == self.api.relay.settings.max_enrichment {
                break;
            }
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }

    /// The devices that the provider answered about; inside, nothing for those that it does not know.
    async fn machines(&self, ids: &[MachineId]) -> Vec<(MachineId, Option<Arc<Machine>>)> {
        let (credential, now) = (self.api.call.credential(), self.api.call.now());
        let memory = &self.api.relay.memory;
        let mut all = Vec::new();
        let mut wanted = Vec::new();
        for id in ids {
            match memory.machines.recall(credential, id.clone(), now) {
                Some(known) => all.push((id.clone(), known)),
                None => wanted.push(id.clone()),
            }
        }
        let list = |ids: Vec<MachineId>| async move {
            Ok(match self.api.machine_list(&ids).await? {
                Listed::Items(machines) => Listed::Items(matched(&ids, machines)),
                Listed::Refused => Listed::Refused,
            })
        };
        let single = |id: MachineId| async move {
            let machine = self.api.machine(&id).await?;
            Ok(Some((id, machine.map(Arc::new))))
        };
        let found = self.several(ListCall::Machines, &wanted, list, single).await;
        for (id, machine) in &found {
            memory.machines.keep(credential, id.clone(), machine.clone(), MACHINE, now);
        }
        all.extend(found);
        all
    }

    /// Asks for the network adapters of the devices that came without a usable address, of all together.
    async fn adapters(&self, devices: &mut HashMap<MachineId, Device>) {
        let bare = devices.iter().filter(|(_, device)| device.adapters.is_empty());
        let mut bare: Vec<MachineId> = bare.map(|(id, _)| id.clone()).collect();
        bare.sort();
        let Some(query) = query::adapters(&bare) else { return };
        match self.api.hunt(&query).await {
            Ok(rows) => {
                for row in rows.items {
                    let id = row.text("deviceid").and_then(MachineId::parse).filter(|id| bare.contains(id));
                    if let Some(device) = id.and_then(|id| devices.get_mut(&id)) {
                        device.add_row(&row);
                    }
                }
            }
            Err(
                HuntFailure::Refused(kind, failure)
                | HuntFailure::Denied(kind, failure)
                | HuntFailure::TooLarge(kind, failure)
                | HuntFailure::Failed(kind, failure),
            ) => drop(self.known::<()>(Err((kind, failure)))),
            Err(HuntFailure::Gone(_)) => {}
        }
    }

    /// All hashes of the files of the sightings: from what the request knows already, and then from the provider.
    async fn files(&self, findings: &[Findings<'_>], details: &Details) -> Files {
        let mut files = Files::default();
        let mut seen: Vec<Hashes> = Vec::new();
        for one in findings {
            if let Some(file) = &one.file {
                files.add(&file.hashes());
            }
            for (alert, _) in &one.alerts {
                seen.extend(details.evidence(alert).iter().map(Evidence::hashes));
            }
            seen.extend(one.events.iter().flat_map(|event| [event.file(), event.process()]));
        }
        for hashes in &seen {
            files.add(hashes);
        }
        let most = self.api.relay.settings.max_enrichment.min(FILES / self.asked.max(1));
        let mut wanted: Vec<String> = Vec::new();
        for hashes in seen {
            let hashes = files.completed(hashes);
            if let Some(key) = hashes.key_to_rest().filter(|_| wanted.len() < most)
                && !wanted.contains(key)
            {
                wanted.push(key.clone());
            }
        }
        for outcome in join_all(wanted.iter().map(|hash| self.api.file(hash))).await {
            if let Some(file) = self.known(outcome).flatten() {
                files.add(&file.hashes());
            }
        }
        files
    }
}

/// The devices of a list, each with the id that it was asked for by; those that are missing in it are unknown.
fn matched(ids: &[MachineId], machines: Vec<Machine>) -> Vec<(MachineId, Option<Arc<Machine>>)> {
    let mut known: HashMap<String, Arc<Machine>> = machines
        .into_iter()
        .filter_map(|machine| Some((machine.id.clone()?.to_ascii_lowercase(), Arc::new(machine))))
        .collect();
    ids.iter().map(|id| (id.clone(), known.remove(&id.as_str().to_ascii_lowercase()))).collect()
}
