//! An alert as a sighting.

use std::collections::HashSet;
use std::time::Duration;

use relay_core::ctim::{
    HttpUrl, LongText, Observable, ObservableType, ObservedTime, RelationType, Relations, Severity,
    ShortText, Sighting, Timestamp,
};
use relay_core::escape::UrlBuilder;
use url::Url;

use super::{Mapping, RELATIONS_BY, observables, target, typed};
use crate::model::{Alert, Evidence};

/// When an alert was raised and what it covers.
#[derive(Clone, Copy, Debug)]
pub struct AlertTimes {
    /// From the first event to the last.
    pub seen: ObservedTime,
    /// When it was raised; what alerts are sorted by.
    pub raised: Option<Timestamp>,
    changed: Option<Timestamp>,
}

impl AlertTimes {
    /// The times of an alert; nothing where none can be read, and then the alert is of no use.
    pub fn of(alert: &Alert) -> Option<Self> {
        let read = |text: &Option<String>| text.as_deref().and_then(Timestamp::parse);
        let raised = read(&alert.alert_creation_time);
        let updated = read(&alert.last_update_time);
        let start = read(&alert.first_event_time).or(raised).or(updated)?;
        let seen = match read(&alert.last_event_time) {
            Some(end) if end >= start => ObservedTime::between(start, end),
            _ => ObservedTime::at(start),
        };
        Some(Self { seen, raised, changed: updated.or(raised) })
    }
}

/// The sighting of an alert.
pub fn alert(mapping: &Mapping<'_>, alert: &Alert, times: &AlertTimes) -> Option<Sighting> {
    let id = alert.id.as_deref()?;
    let device = alert.machine_id.as_ref().and_then(|id| mapping.details.devices.get(id));
    let mut sighting = mapping
        .sighting(id, times.seen)
        .title(alert.title.as_deref())
        .description(LongText::new(alert.description.as_deref()))
        .severity(alert.severity.as_deref().and_then(severity))
        .timestamp(times.changed)
        .source_uri(page(mapping.portal, id, alert.aad_tenant_id.as_deref()))
        .external_id(id)
        .keep_empty_targets()
        .keep_empty_relations()
        .relations(relations(mapping, alert));
    let (name, machine) = (alert.computer_dns_name.as_deref(), alert.machine_id.as_deref());
    if let Some(target) = target::target(name, machine, device, times.seen) {
        sighting = sighting.target(target);
    }
    Some(sighting)
}

fn severity(word: &str) -> Option<Severity> {
    match word {
        "Informational" => Some(Severity::Info),
        "Low" => Some(Severity::Low),
        "Medium" => Some(Severity::Medium),
        "High" => Some(Severity::High),
        "UnSpecified" => Some(Severity::Unknown),
        _ => None,
    }
}

/// The alert's page in the portal.
fn page(portal: &Url, id: &str, tenant: Option<&str>) -> Option<HttpUrl> {
    let mut url = UrlBuilder::new(portal).path("alerts").segment(id);
    if let Some(tenant) = tenant.filter(|tenant| !tenant.trim().is_empty()) {
        url = url.param("tid", tenant);
    }
    url.link()
}

/// A process or file of the evidence.
struct Item<'a> {
    evidence: &'a Evidence,
    is_process: bool,
    hashes: Vec<Observable>,
}

impl Item<'_> {
    /// SHA-1 and SHA-256: what relations between processes are told by.
    fn strong_hashes(&self) -> impl Iterator<Item = &Observable> + Clone {
        self.hashes.iter().filter(|hash| hash.kind() != ObservableType::Md5)
    }

    /// Whether this process started the other one. Ids of processes are used again, so the times must agree.
    fn started(&self, other: &Item<'_>) -> bool {
        let (parent, child) = (self.evidence, other.evidence);
        let same_id = parent.process_id.is_some() && parent.process_id == child.parent_process_id;
        let started = parent.process_creation_time.as_deref().and_then(Timestamp::parse);
        let claimed = child.parent_process_creation_time.as_deref().and_then(Timestamp::parse);
        let same_time = match (started, claimed) {
            (Some(started), Some(claimed)) => {
                let apart = started.instant().duration_since(claimed.instant());
                apart.unsigned_abs() <= Duration::from_secs(1)
            }
            _ => true,
        };
        self.is_process && other.is_process && same_id && same_time
    }
}

fn relations(mapping: &Mapping<'_>, alert: &Alert) -> Relations {
    let known = alert.id.as_ref().and_then(|id| mapping.details.evidence.get(id));
    let evidence = match known {
        Some(known) if alert.evidence.is_empty() => known,
        _ => &alert.evidence,
    };
    let of_type =
        |kind: &'static str| evidence.iter().filter(move |entry| entry.entity_type.as_deref() == Some(kind));
    let items: Vec<Item<'_>> = evidence
        .iter()
        .filter_map(|evidence| {
            let is_process = match evidence.entity_type.as_deref()? {
                "Process" => true,
                "File" => false,
                _ => return None,
            };
            let hashes = observables(&mapping.details.complete(evidence.hashes()));
            Some(Item { evidence, is_process, hashes })
        })
        .collect();
    let addresses: Vec<_> =
        of_type("Ip").filter_map(|entry| typed::address(entry.ip_address.as_deref())).collect();
    let urls: Vec<&str> = of_type("Url").filter_map(|entry| entry.url.as_deref()).collect();

    let origin = ShortText::new(alert.detection_source.as_deref()).unwrap_or(RELATIONS_BY);
    let mut relations = Relations::new(&origin);
    for item in &items {
        named(&mut relations, item);
    }
    let parents = descent(&mut relations, &items, is_injection(alert));
    if let Some(host) = common_host(&urls) {
        for address in &addresses {
            relations.add(host.clone(), RelationType::RESOLVED_TO, address.clone());
        }
    }
    // What connected: processes that started no other one, as those mostly hand the work on.
    let any_process = items.iter().any(|item| item.is_process);
    for (place, item) in items.iter().enumerate() {
        if item.is_process != any_process || parents.contains(&place) {
            continue;
        }
        for hash in &item.hashes {
            let peers = urls.iter().filter_map(|url| typed::web(Some(url))).chain(addresses.iter().cloned());
            for peer in peers {
                relations.add(hash.clone(), RelationType::CONNECT_TO, peer);
            }
        }
    }
    relations
}

/// What a file is called, where it is, and what started it.
fn named(relations: &mut Relations, item: &Item<'_>) {
    let evidence = item.evidence;
    let parent = evidence.parent_process_file_name.as_deref().filter(|_| item.is_process);
    let name = |text: Option<&str>| Observable::new(ObservableType::FileName, text);
    for hash in &item.hashes {
        relations.add(name(evidence.file_name.as_deref()), RelationType::FILE_NAME_OF, hash.clone());
        let path = Observable::new(ObservableType::FilePath, evidence.file_path.as_deref());
        relations.add(path, RelationType::FILE_PATH_OF, hash.clone());
        relations.add(name(parent), RelationType::PARENT_OF, hash.clone());
    }
}

/// Which process started which, and which of them are parents.
fn descent(relations: &mut Relations, items: &[Item<'_>], injection: bool) -> HashSet<usize> {
    let mut parents = HashSet::new();
    let kinds = [RelationType::PARENT_OF, RelationType::INJECTED_INTO];
    for child in items {
        for (place, parent) in items.iter().enumerate() {
            if std::ptr::eq(parent, child) || !parent.started(child) {
                continue;
            }
            parents.insert(place);
            for kind in kinds.iter().take(if injection { 2 } else { 1 }) {
                for by in parent.strong_hashes() {
                    for into in child.strong_hashes() {
                        relations.add(by.clone(), kind.clone(), into.clone());
                    }
                }
            }
        }
    }
    parents
}

/// Whether the alert is about process injection (<https://attack.mitre.org/techniques/T1055/>).
fn is_injection(alert: &Alert) -> bool {
    let technique = |name: &String| name == "T1055" || name.starts_with("T1055.");
    alert.mitre_techniques.iter().any(technique)
}

/// The host that all URLs lead to, where it is one and a name.
fn common_host(urls: &[&str]) -> Option<Observable> {
    let mut hosts = urls.iter().map(|url| typed::host(Some(url)));
    let first = hosts.next()??;
    let same = |other: Option<Observable>| {
        other.is_some_and(|other| other.value().eq_ignore_ascii_case(first.value()))
    };
    hosts.all(same).then_some(first)
}
