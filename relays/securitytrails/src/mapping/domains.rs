//! The domains that point to an address.

use std::collections::BTreeSet;

use relay_core::ctim::{RelationType, Relations};
use relay_core::observable::{Observable, ObservableType};

use super::{Mapped, Mapping, RELATIONS_BY};
use crate::model::Hosted;

impl Mapping<'_> {
    /// The sighting of all domains, in the order of their names. `record_count` is how many the provider knows,
    /// which may be more than it lets anyone read.
    pub fn domains(&self, records: &[Hosted], record_count: Option<u64>) -> Option<Mapped> {
        let names: BTreeSet<&str> = records
            .iter()
            .filter_map(|record| record.hostname.as_deref())
            .filter(|name| !name.trim().is_empty())
            .collect();
        let mut relations = Relations::new(&RELATIONS_BY);
        for name in names.iter().copied().take(self.options.max_relations) {
            let domain = Observable::new(ObservableType::Domain, name);
            relations.add(domain, RelationType::RESOLVED_TO, self.about.clone());
        }
        let left_out = names.len() - relations.len();
        let count = record_count.filter(|count| *count > 0).unwrap_or(names.len() as u64);
        let description = format!("Domains that point to {}", self.about.value());
        let sighting = self.sighting("domains-by-address", count, description, relations)?;
        Some(Mapped { sighting, left_out })
    }
}
