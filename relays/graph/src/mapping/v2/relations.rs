//! What the evidence of an alert says of how observables belong together.

use relay_core::ctim::{Observable, ObservableType, RelationType, Relations, ShortText};

use super::devices;
use crate::model::v2::{Address, Alert, Evidence, File, Kind};

/// More than these nobody looks at.
const MOST: usize = 100;

/// The relations of an alert in the order of its evidence.
pub(super) fn of(alert: &Alert, by: &ShortText) -> Relations {
    let mut relations = Relations::new(by);
    let machine = only_device(alert);
    for evidence in &alert.evidence {
        match evidence.kind() {
            Kind::File => file(evidence.file_details.as_ref(), &mut relations),
            Kind::Process => process(evidence, &mut relations),
            Kind::NetworkConnection => {
                let [source, destination] = [&evidence.source_address, &evidence.destination_address]
                    .map(|end| end.as_ref().and_then(address));
                relations.add(source, RelationType::CONNECTED_TO, destination);
            }
            Kind::Dns => {
                let name = Observable::new(ObservableType::Domain, evidence.domain_name.as_deref());
                for resolved in &evidence.ip_addresses {
                    relations.add(name.clone(), RelationType::RESOLVED_TO, address(resolved));
                }
            }
            Kind::Ip if was_reached(evidence) => {
                let address = Observable::address(evidence.ip_address.as_deref());
                relations.add(machine.clone(), RelationType::CONNECTED_TO, address);
            }
            Kind::Url if was_reached(evidence) => {
                let url = Observable::new(ObservableType::Url, evidence.url.as_deref());
                relations.add(machine.clone(), RelationType::CONNECTED_TO, url);
            }
            _ => {}
        }
    }
    relations.truncate(MOST);
    relations
}

/// The machine of an alert that names just one.
fn only_device(alert: &Alert) -> Option<Observable> {
    let mut names = devices(alert).filter_map(Evidence::device_name);
    let name = names.next()?;
    names.next().is_none().then(|| Observable::new(ObservableType::Hostname, name))?
}

fn was_reached(evidence: &Evidence) -> bool {
    evidence.roles.iter().any(|role| matches!(role.as_str(), "commandAndControl" | "destination"))
}

fn address(address: &Address) -> Option<Observable> {
    Observable::address(address.text())
}

fn file(file: Option<&File>, relations: &mut Relations) {
    let Some(file) = file else { return };
    let hashes = [
        (ObservableType::Sha256, &file.sha256),
        (ObservableType::Sha1, &file.sha1),
        (ObservableType::Md5, &file.md5),
    ];
    let hash = hashes.into_iter().find_map(|(kind, value)| Observable::new(kind, value.as_deref()));
    relations.add(name(file), RelationType::FILE_NAME_OF, hash.clone());
    let path = Observable::new(ObservableType::FilePath, file.full_path().as_deref());
    relations.add(path, RelationType::FILE_PATH_OF, hash);
}

fn process(evidence: &Evidence, relations: &mut Relations) {
    file(evidence.image_file.as_ref(), relations);
    let parent = evidence.parent_process_image_file.as_ref().and_then(name);
    relations.add(parent, RelationType::PARENT_OF, evidence.image_file.as_ref().and_then(name));
}

fn name(file: &File) -> Option<Observable> {
    Observable::new(ObservableType::FileName, file.name())
}
