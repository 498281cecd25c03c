//! How the observables in an alert's evidence belong together.

use relay_core::ctim::{Observable, ObservableType, RelationType, Relations, ShortText};

use crate::mapping::value::{address_observable, name_observable, url_observable};
use crate::model::evidence::{Account, Address, Evidence, File, Kind};
use crate::model::v2::Alert;

/// Most relations of a sighting.
const MOST: usize = 100;
/// Most URLs of a mail.
const MOST_URLS: usize = 20;

/// The relations of an alert in the order of its evidence.
pub(super) fn of(alert: &Alert, by: &ShortText) -> Relations {
    let mut relations = Relations::new(by);
    let machine = only_device(alert);
    for evidence in &alert.evidence {
        match evidence.kind() {
            Kind::File => file(evidence.file_details.as_deref(), &mut relations),
            Kind::Process => process(evidence, &mut relations),
            Kind::Device => {
                let name = device(evidence);
                for account in evidence.logged_on() {
                    let user = Observable::new(ObservableType::User, account.account_name.as_deref());
                    relations.add(user, RelationType::USED, name.clone());
                }
            }
            Kind::NetworkConnection => {
                let [source, destination] = [&evidence.source_address, &evidence.destination_address]
                    .map(|end| end.as_ref().and_then(address));
                relations.add(source, RelationType::CONNECTED_TO, destination);
            }
            Kind::Dns => {
                let name = name_observable(ObservableType::Domain, evidence.domain_name.as_deref());
                for resolved in &evidence.ip_addresses {
                    relations.add(name.clone(), RelationType::RESOLVED_TO, address(resolved));
                }
            }
            Kind::Ip if was_reached(evidence) => {
                let address = address_observable(evidence.ip_address.as_deref());
                relations.add(machine.clone(), RelationType::CONNECTED_TO, address);
            }
            Kind::Url if was_reached(evidence) => {
                let url = url_observable(evidence.url.as_deref());
                relations.add(machine.clone(), RelationType::CONNECTED_TO, url);
            }
            Kind::Message => message(evidence, &mut relations),
            _ => {}
        }
    }
    relations.truncate(MOST);
    relations
}

/// The machine of an alert that names just one.
fn only_device(alert: &Alert) -> Option<Observable> {
    let mut devices = alert.devices().filter_map(device);
    let device = devices.next()?;
    devices.next().is_none().then_some(device)
}

fn device(evidence: &Evidence) -> Option<Observable> {
    name_observable(ObservableType::Hostname, evidence.device_name())
}

fn was_reached(evidence: &Evidence) -> bool {
    evidence.has_role(&["commandAndControl", "destination"])
}

fn address(address: &Address) -> Option<Observable> {
    address_observable(address.ip_address.as_deref())
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
    file(evidence.image_file.as_deref(), relations);
    let image = evidence.image_file.as_deref().and_then(name);
    let parent = evidence.parent_process_image_file.as_deref().and_then(name);
    relations.add(parent, RelationType::PARENT_OF, image.clone());
    relations.add(evidence.account().and_then(user), RelationType::USED, image);
}

fn user(account: &Account) -> Option<Observable> {
    let name = Observable::new(ObservableType::User, account.account_name.as_deref());
    name.or_else(|| Observable::new(ObservableType::Email, account.user_principal_name.as_deref()))
}

fn message(evidence: &Evidence, relations: &mut Relations) {
    let subject = Observable::new(ObservableType::EmailSubject, evidence.subject.as_deref());
    let id = Observable::new(ObservableType::EmailMessageId, evidence.internet_message_id.as_deref());
    let has_id = id.is_some();
    let mail = id.or_else(|| subject.clone());
    for sender in evidence.senders() {
        let address = Observable::new(ObservableType::Email, sender.email_address.as_deref());
        relations.add(address, RelationType::SENT, mail.clone());
    }
    for sender in evidence.senders() {
        let domain = name_observable(ObservableType::Domain, sender.domain());
        relations.add(domain, RelationType::SENT, mail.clone());
    }
    let recipient = Observable::new(ObservableType::Email, evidence.recipient_email_address.as_deref());
    relations.add(mail.clone(), RelationType::SENT_TO, recipient);
    let address = address_observable(evidence.sender_ip.as_deref());
    relations.add(mail.clone(), RelationType::RECEIVED_FROM, address);
    for url in evidence.urls.iter().take(MOST_URLS) {
        relations.add(mail.clone(), RelationType::CONTAINS, url_observable(url.as_str()));
    }
    if has_id {
        relations.add(subject, RelationType::CHARACTERIZES, mail);
    }
}

fn name(file: &File) -> Option<Observable> {
    Observable::new(ObservableType::FileName, file.file_name.as_deref())
}
