//! The domains that point to an address.

use std::collections::BTreeMap;

use relay_core::ctim::{RelationType, Relations};
use relay_core::observable::{Observable, ObservableType};

use super::{Mapped, Mapping, RELATIONS_BY, name};
use crate::model::Hosted;

impl Mapping<'_> {
    /// The sighting of all domains, in the order of their names. `record_count` is how many the provider knows,
    /// which may be more than it lets anyone read.
    pub fn domains(&self, records: &[Hosted], record_count: Option<u64>) -> Option<Mapped> {
        let mut domains: BTreeMap<String, &Hosted> = BTreeMap::new();
        for record in records {
            if let Some(name) = record.hostname.as_deref().and_then(name) {
                domains.entry(name).or_insert(record);
            }
        }
        let mut relations = Relations::new(&RELATIONS_BY);
        for name in domains.keys().take(self.options.max_relations) {
            let domain = Observable::new(ObservableType::Domain, name.as_str());
            relations.add(domain, RelationType::RESOLVED_TO, self.about.clone());
        }
        let left_out = domains.len().saturating_sub(self.options.max_relations);
        let count = record_count.filter(|count| *count > 0).unwrap_or(domains.len() as u64);
        let description = format!("Domains that point to {}", self.about.value().trim());
        let sighting = self.sighting("domains-by-address", count, description, relations)?;
        Some(Mapped { sighting: sighting.data(self.domains_table(&domains)), left_out })
    }
}
