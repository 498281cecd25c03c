//! The subdomains of a domain.

use std::collections::BTreeSet;

use relay_core::ctim::{RelationType, Relations};
use relay_core::observable::{Observable, ObservableType, domain};

use super::{Mapped, Mapping, RELATIONS_BY};
use crate::model::Subdomains;

impl Mapping<'_> {
    /// The sighting of all subdomains, in the order of their names. `parent` is the domain in its one form.
    pub fn subdomains(&self, parent: &str, subdomains: &Subdomains) -> Option<Mapped> {
        let names =
            subdomains.subdomains.iter().filter_map(|label| domain(&format!("{}.{parent}", label.trim())));
        let names: BTreeSet<String> = names.collect();
        let mut relations = Relations::new(&RELATIONS_BY);
        for name in names.iter().take(self.options.max_relations) {
            let related = Observable::new(ObservableType::Domain, name.as_str());
            relations.add(self.about.clone(), RelationType::SUPRA_DOMAIN_OF, related);
        }
        let left_out = names.len().saturating_sub(self.options.max_relations);
        let count = subdomains.subdomain_count.as_ref().map(|count| count.0).filter(|count| *count > 0);
        let description = format!("Subdomains of {}", self.about.value());
        let sighting =
            self.sighting("subdomains", count.unwrap_or(names.len() as u64), description, relations)?;
        Some(Mapped { sighting, left_out })
    }
}
