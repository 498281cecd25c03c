//! How the things in an alert's evidence relate.

use std::collections::HashSet;
use std::time::Duration;

use relay_core::ctim::{Observable, ObservableType, RelationType, Relations, ShortText, Timestamp};

use super::{Mapping, RELATIONS_BY, observables, typed};
use crate::model::{Alert, Evidence};

/// A process or file of the evidence.
struct Item<'a> {
    evidence: &'a Evidence,
    is_process: bool,
    hashes: Vec<Observable>,
}

impl Item<'_> {
    /// SHA-1 and SHA-256: what relations between processes are reported by.
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

/// The relations of an alert.
pub(super) fn relations(mapping: &Mapping<'_>, alert: &Alert, evidence: &[Evidence]) -> Relations {
    let items: Vec<Item<'_>> = evidence
        .iter()
        .filter_map(|evidence| {
            let is_process = match evidence.entity_type.as_deref()? {
                "Process" => true,
                "File" => false,
                _ => return None,
            };
            let hashes = observables(&mapping.details.files.completed(evidence.hashes()));
            Some(Item { evidence, is_process, hashes })
        })
        .collect();
    let addresses: Vec<_> = Alert::of_type(evidence, "Ip")
        .filter_map(|entry| typed::address(entry.ip_address.as_deref()))
        .collect();
    let urls: Vec<&str> = Alert::of_type(evidence, "Url").filter_map(|entry| entry.url.as_deref()).collect();

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
    let name = evidence.file_name.as_deref();
    let parent = evidence.parent_process_file_name.as_deref().filter(|_| item.is_process);
    for hash in &item.hashes {
        relations.add(typed::file_name(name), RelationType::FILE_NAME_OF, hash.clone());
        let path = typed::file_path(evidence.file_path.as_deref(), name);
        relations.add(path, RelationType::FILE_PATH_OF, hash.clone());
        relations.add(typed::file_name(parent), RelationType::PARENT_OF, hash.clone());
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
    alert.techniques().iter().any(technique)
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
