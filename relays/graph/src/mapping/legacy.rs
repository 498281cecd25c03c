//! Alerts of `/security/alerts`.

use relay_core::ctim::{
    Confidence, ExternalReference, HttpUrl, MediumText, Observable, ObservableType, ObservedTime,
    RelationType, Relations, Sensor, ShortText, Sighting, Target, Text, Timestamp,
};

use super::value::{address_observable, name_observable};
use super::{ORIGIN, RELATIONS_BY, severity};
use crate::model::Alert as _;
use crate::model::legacy::{Alert, FileHash, Host, Percent, Vendor};
use crate::module::TITLE;

const NO_VENDOR: MediumText = Text::constant(TITLE);

/// The sighting of an observable that an alert describes. Nothing for an alert without id or time.
pub fn sighting(alert: &Alert, about: &Observable) -> Option<Sighting> {
    let id = alert.id()?;
    let seen = alert.times().find_map(Timestamp::parse_assuming_utc)?;
    let observed = ObservedTime::at(seen);
    let vendor = MediumText::new(alert.provider()).unwrap_or(NO_VENDOR);
    let mut sighting = Sighting::new(ORIGIN, id, about, observed)
        .confidence(confidence(alert.confidence))
        .severity(severity(alert.severity.as_deref()))
        .title(alert.title.as_deref())
        .description(alert.description.as_deref())
        .external_id(id)
        .timestamp(seen)
        .sensor(sensor(alert.vendor.as_ref()))
        .relations(relations(alert, about))
        .keep_empty_external_references()
        .keep_empty_targets()
        .keep_empty_relations();
    for page in alert.source_materials.iter().filter_map(|url| HttpUrl::parse(url)) {
        sighting = sighting.external_reference(ExternalReference::new(vendor.clone()).url(page));
    }
    for host in &alert.hosts {
        sighting = sighting.target(target(host, observed));
    }
    Some(sighting)
}

fn confidence(percent: Option<Percent>) -> Confidence {
    match percent {
        None => Confidence::None,
        Some(Percent::Whole(..=33)) => Confidence::Low,
        Some(Percent::Whole(34..=66)) => Confidence::Medium,
        Some(Percent::Whole(67..=100)) => Confidence::High,
        Some(Percent::Whole(_) | Percent::Odd) => Confidence::Unknown,
    }
}

fn sensor(vendor: Option<&Vendor>) -> Sensor {
    let words = vendor.map(|vendor| (vendor.provider.as_deref(), vendor.sub_provider.as_deref()));
    match words {
        Some((Some("Palo Alto Networks"), Some("NGFW" | "NG Firewall"))) => Sensor::NETWORK_FIREWALL,
        _ => Sensor::ENDPOINT,
    }
}

fn target(host: &Host, observed: ObservedTime) -> Option<Target> {
    let observables = [
        address_observable(host.private_ip_address.as_deref()),
        address_observable(host.public_ip_address.as_deref()),
        name_observable(ObservableType::Hostname, host.net_bios_name.as_deref()),
        name_observable(ObservableType::Domain, host.fqdn.as_deref()),
    ];
    Target::new(Sensor::ENDPOINT, observables.into_iter().flatten(), observed)
}

/// What belongs to the kind of the observable, of the whole alert.
fn relations(alert: &Alert, about: &Observable) -> Relations {
    let mut relations = Relations::new(&ShortText::new(alert.provider()).unwrap_or(RELATIONS_BY));
    match about.kind() {
        ObservableType::FileName | ObservableType::FilePath | ObservableType::Sha256 => {
            let hash = |hash: &Option<FileHash>| hash.as_ref().and_then(hash_of);
            for file in &alert.files {
                let name = Observable::new(ObservableType::FileName, file.name.as_deref());
                relations.add(name, RelationType::FILE_NAME_OF, hash(&file.file_hash));
            }
            for file in &alert.files {
                let path = Observable::new(ObservableType::FilePath, file.path.as_deref());
                relations.add(path, RelationType::FILE_PATH_OF, hash(&file.file_hash));
            }
        }
        _ => {
            for connection in &alert.connections {
                relations.add(
                    address_observable(connection.source_address.as_deref()),
                    RelationType::CONNECTED_TO,
                    name_observable(ObservableType::Domain, connection.destination_domain.as_deref()),
                );
            }
        }
    }
    relations
}

/// The hash by its stated type, or by its length where none is stated. Types that CTIM lacks are left out.
fn hash_of(hash: &FileHash) -> Option<Observable> {
    let value = hash.hash_value.as_deref();
    match hash.hash_type.as_deref() {
        Some("sha256") => Observable::new(ObservableType::Sha256, value),
        Some("sha1") => Observable::new(ObservableType::Sha1, value),
        Some("md5") => Observable::new(ObservableType::Md5, value),
        None | Some("" | "unknown") => Observable::hash(value),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confidence_is_a_percentage() {
        use Confidence::{High, Low, Medium, None, Unknown};
        let table = [
            (-1, Low),
            (0, Low),
            (33, Low),
            (34, Medium),
            (66, Medium),
            (67, High),
            (100, High),
            (101, Unknown),
        ];
        for (percent, expected) in table {
            assert_eq!(confidence(Some(Percent::Whole(percent))), expected, "{percent}");
        }
        assert_eq!(confidence(Some(Percent::Odd)), Unknown);
        assert_eq!(confidence(Option::None), None);
    }

    #[test]
    fn only_the_firewalls_of_one_vendor_are_no_endpoints() {
        let sensor_of = |provider: Option<&str>, sub_provider: Option<&str>| {
            let word = |text: Option<&str>| text.map(str::to_owned);
            sensor(Some(&Vendor { provider: word(provider), sub_provider: word(sub_provider) }))
        };
        let palo_alto = Some("Palo Alto Networks");
        assert_eq!(sensor_of(palo_alto, Some("NGFW")), Sensor::NETWORK_FIREWALL);
        assert_eq!(sensor_of(palo_alto, Some("NG Firewall")), Sensor::NETWORK_FIREWALL);
        for (provider, sub_provider) in [
            (palo_alto, Some("Traps")),
            (palo_alto, None),
            (Some("Azure Security Center"), None),
            (Some("Windows Defender ATP"), Some("NGFW")),
            (None, None),
        ] {
            assert_eq!(sensor_of(provider, sub_provider), Sensor::ENDPOINT, "{provider:?} {sub_provider:?}");
        }
        assert_eq!(sensor(None), Sensor::ENDPOINT);
    }

    #[test]
    fn a_hash_has_the_type_that_it_says_or_its_length_tells() {
        let kind = |stated: Option<&str>, value: &str| {
            let hash = FileHash { hash_type: stated.map(str::to_owned), hash_value: Some(value.to_owned()) };
            hash_of(&hash).map(|hash| hash.kind())
        };
        let (md5, sha1, sha256) = ("a".repeat(32), "a".repeat(40), "a".repeat(64));
        assert_eq!(kind(Some("sha256"), &sha256), Some(ObservableType::Sha256));
        assert_eq!(kind(Some("sha1"), &sha1), Some(ObservableType::Sha1));
        assert_eq!(kind(Some("md5"), &md5), Some(ObservableType::Md5));
        for stated in [None, Some("unknown"), Some("")] {
            assert_eq!(kind(stated, &sha256), Some(ObservableType::Sha256));
            assert_eq!(kind(stated, &sha1), Some(ObservableType::Sha1));
            assert_eq!(kind(stated, &md5), Some(ObservableType::Md5));
            assert_eq!(kind(stated, "xyz"), None);
        }
        for stated in ["authenticodeHash256", "peSha256", "ctph", "unknownFutureValue"] {
            assert_eq!(kind(Some(stated), &sha256), None, "{stated}");
        }
    }
}
