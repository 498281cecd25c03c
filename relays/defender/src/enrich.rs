//! Details that alerts and events lack: devices, files, evidence. Each thing is asked for once per platform
//! request, whichever observables need it, and a failure costs only the details.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::join_all;
use relay_core::error::Error;
use tokio::sync::OnceCell;

use crate::client::Ask;
use crate::client::calls::Detail;
use crate::kql;
use crate::mapping::{Details, Device, Event};
use crate::model::{Alert, Evidence, Hashes, Machine};
use crate::subject::MachineId;

/// What was looked up for one platform request.
pub struct Enrichment<'a> {
    ask: &'a Ask<'a>,
    machines: Things<MachineId, Machine>,
    files: Things<String, Hashes>,
    evidence: Things<String, Vec<Evidence>>,
    warnings: Mutex<BTreeMap<&'static str, Error>>,
}

/// Things of one kind, each with the one call that is made about it.
struct Things<K, V> {
    most: usize,
    asked: Mutex<HashMap<K, Arc<OnceCell<Option<V>>>>>,
}

impl<K: Clone + Eq + std::hash::Hash, V> Things<K, V> {
    fn new(most: usize) -> Self {
        Self { most, asked: Mutex::default() }
    }

    /// Those of the keys that may be asked about, with the place for their answer: in order, and no more than
    /// `share` of them newly.
    fn places(&self, keys: impl IntoIterator<Item = K>, share: usize) -> Vec<(K, Arc<OnceCell<Option<V>>>)> {
        let mut asked = locked(&self.asked);
        let most = self.most.min(asked.len().saturating_add(share));
        let mut places = Vec::new();
        for key in keys {
            if let Some(place) = asked.get(&key) {
                places.push((key, Arc::clone(place)));
            } else if asked.len() < most {
                let place = Arc::default();
                asked.insert(key.clone(), Arc::clone(&place));
                places.push((key, place));
            }
        }
        places
    }

    /// Asks about the keys, all at once and none twice.
    async fn fetch<F, T>(&self, keys: impl IntoIterator<Item = K>, share: usize, ask: F)
    where
        F: Fn(K) -> T,
        T: Future<Output = Option<V>>,
    {
        let places = self.places(keys, share);
        join_all(places.iter().map(|(key, place)| place.get_or_init(|| ask(key.clone())))).await;
    }

    /// What was answered.
    fn into_answers(self) -> impl Iterator<Item = (K, V)> {
        let asked = self.asked.into_inner().unwrap_or_else(PoisonError::into_inner);
        asked.into_iter().filter_map(|(key, place)| Some((key, Arc::into_inner(place)?.into_inner()??)))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Enrichment<'a> {
    /// For the calls of a request.
    pub fn new(ask: &'a Ask<'a>) -> Self {
        let most = ask.relay.settings.max_enrichment;
        Self {
            ask,
            machines: Things::new(most),
            files: Things::new(most),
            evidence: Things::new(most),
            warnings: Mutex::default(),
        }
    }

    /// Looks up what alerts and events need, in their order, at most `share` new things of each kind.
    pub async fn fetch(&self, alerts: &[&Alert], events: &[&Event], share: usize) {
        futures::join!(self.fetch_machines(alerts, events, share), async {
            // Evidence first: it names files.
            self.fetch_evidence(alerts, share).await;
            self.fetch_files(alerts, events, share).await;
        });
    }

    async fn fetch_machines(&self, alerts: &[&Alert], events: &[&Event], share: usize) {
        let of_alerts = alerts.iter().filter_map(|alert| alert.machine_id.as_deref());
        let of_events = events.iter().filter_map(|event| event.device());
        let ids = of_alerts.chain(of_events).filter_map(MachineId::parse);
        let ask = async |id: MachineId| match self.ask.machine(&id).await {
            // Known to be unknown: its adapters may be found elsewhere.
            Ok(Detail::Unknown) => Some(Machine::default()),
            other => self.detail(other),
        };
        self.machines.fetch(ids, share, ask).await;
    }

    async fn fetch_evidence(&self, alerts: &[&Alert], share: usize) {
        let bare =
            alerts.iter().filter(|alert| alert.evidence.is_empty()).filter_map(|alert| alert.id.clone());
        self.evidence.fetch(bare, share, async |id: String| self.detail(self.ask.evidence(&id).await)).await;
    }

    async fn fetch_files(&self, alerts: &[&Alert], events: &[&Event], share: usize) {
        let mut hashes = Vec::new();
        let fetched = self.known_evidence();
        for alert in alerts {
            let evidence = match alert.id.as_ref().and_then(|id| fetched.get(id)) {
                Some(fetched) if alert.evidence.is_empty() => fetched,
                _ => &alert.evidence,
            };
            hashes.extend(evidence.iter().filter_map(|entry| entry.hashes().key_to_rest()));
        }
        for event in events {
            hashes.extend([event.file(), event.process()].iter().filter_map(Hashes::key_to_rest));
        }
        self.files.fetch(hashes, share, async |hash: String| self.detail(self.ask.hashes(&hash).await)).await;
    }

    fn known_evidence(&self) -> HashMap<String, Vec<Evidence>> {
        let asked = locked(&self.evidence.asked);
        asked.iter().filter_map(|(id, place)| Some((id.clone(), place.get()?.clone()?))).collect()
    }

    /// A detail where there is one. Where the call failed, the user is told so, once for each kind of failure.
    fn detail<T>(&self, outcome: Result<Detail<T>, Error>) -> Option<T> {
        match outcome {
            Ok(Detail::Known(detail)) => Some(detail),
            Ok(Detail::Unknown | Detail::Refused) => None,
            Err(error) => {
                let message = format!("Details of devices or files may be missing. {}", error.message());
                let warning = || Error::warning(error.code(), message);
                locked(&self.warnings).entry(error.code().as_str()).or_insert_with(warning);
                None
            }
        }
    }

    /// Everything that is known now, and what the user should know of what is not. `hunt` allows one more query,
    /// for network adapters.
    pub async fn finish(self, hunt: bool) -> (Details, Vec<Error>) {
        let Self { ask, machines, files, evidence, warnings } = self;
        let mut warnings = warnings.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut devices: HashMap<MachineId, Device> =
            machines.into_answers().map(|(id, machine)| (id, Device::from(&machine))).collect();
        if hunt && let Err(error) = adapters(ask, &mut devices).await {
            let message = format!("Addresses of devices may be missing. {}", error.message());
            warnings.entry(error.code().as_str()).or_insert_with(|| Error::warning(error.code(), message));
        }
        let details = Details {
            devices: devices.into_iter().map(|(id, device)| (id.as_str().to_owned(), device)).collect(),
            files: files.into_answers().collect(),
            evidence: evidence.into_answers().collect(),
        };
        (details, warnings.into_values().collect())
    }
}

/// Asks for the network adapters of the devices that came without a usable address, of all together.
async fn adapters(ask: &Ask<'_>, devices: &mut HashMap<MachineId, Device>) -> Result<(), Error> {
    let bare = devices.iter().filter(|(_, device)| device.adapters.is_empty());
    let mut bare: Vec<MachineId> = bare.map(|(id, _)| id.clone()).collect();
    bare.sort();
    let Some(query) = kql::adapters(&bare) else { return Ok(()) };
    for row in ask.hunt(&query).await?.rows {
        let id = row.text("deviceid").and_then(MachineId::parse).filter(|id| bare.contains(id));
        if let Some(device) = id.and_then(|id| devices.get_mut(&id)) {
            device.add_row(&row);
        }
    }
    Ok(())
}
