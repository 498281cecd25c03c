//! How widely a file, a domain or an address is seen, as a sighting.

use relay_core::ctim::{ObservableType, ObservedTime, RelationType, Relations, Sighting, Table, Timestamp};

use super::{Mapping, RELATIONS_BY, typed};
use crate::model::{Prevalence, text};

/// How many names of a file are reported.
const NAMES: usize = 5;

/// The sighting of what the organization has of a thing; nothing where it has none. `key` names the thing.
pub fn prevalence(mapping: &Mapping<'_>, key: &str, known: &Prevalence) -> Option<Sighting> {
    let devices = known.devices_in_organization().filter(|devices| *devices > 0)?;
    let read = |field: &Option<String>| field.as_deref().and_then(Timestamp::parse);
    let first = read(&known.org_first_seen)?;
    let seen = match read(&known.org_last_seen) {
        Some(last) if last >= first => ObservedTime::between(first, last),
        _ => ObservedTime::at(first),
    };
    let names: Vec<&str> = known
        .top_file_names
        .iter()
        .map(String::as_str)
        .filter(|name| !name.trim().is_empty())
        .take(NAMES)
        .collect();
    let mut relations = Relations::new(&RELATIONS_BY);
    if matches!(mapping.about.kind(), ObservableType::Sha1 | ObservableType::Sha256 | ObservableType::Md5) {
        for name in &names {
            relations.add(typed::file_name(Some(name)), RelationType::FILE_NAME_OF, mapping.about.clone());
        }
    }
    let table = Table::record()
        .cell("DevicesInOrganization", devices)
        .cell("DevicesWorldwide", known.devices_worldwide())
        .cell("FirstSeenWorldwide", text(&known.global_first_observed))
        .cell("LastSeenWorldwide", text(&known.global_last_observed))
        .cell("FileNames", Some(names.join(", ")).filter(|names| !names.is_empty()));
    let plural = if devices == 1 { "" } else { "s" };
    let sighting = mapping
        .sighting(&format!("stats:{key}"), seen)
        .title(format!("Seen on {devices} device{plural} of the organization"))
        .count(devices)
        .data(table.build().map(Table::counted))
        .relations(relations);
    Some(sighting)
}
