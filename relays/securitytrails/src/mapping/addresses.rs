//! The DNS history of a domain: the addresses that it has had.

use std::collections::BTreeMap;

use relay_core::ctim::{RelationType, Relations};
use relay_core::observable::Observable;
use serde_json::{Map, Value};

use super::{Mapped, Mapping, RELATIONS_BY};
use crate::Family;
use crate::model::{Day, Period};

/// The first and the last day on which an address was seen, as far as the provider says.
#[derive(Clone, Copy, Default)]
struct Seen {
    first: Option<Day>,
    last: Option<Day>,
}

impl Seen {
    fn also_in(&mut self, period: &Period) {
        self.first = self.first.into_iter().chain(period.first_seen).min();
        self.last = self.last.into_iter().chain(period.last_seen).max();
    }

    /// What a relation says of it; empty when no day is known.
    fn info(self) -> Map<String, Value> {
        let days = [("first_seen", self.first), ("last_seen", self.last)];
        days.into_iter().filter_map(|(name, day)| Some((name.to_owned(), day?.to_string().into()))).collect()
    }
}

impl Mapping<'_> {
    /// The sighting of all addresses of a family, in the order of their texts.
    pub fn addresses(&self, family: Family, periods: &[Period]) -> Option<Mapped> {
        let mut seen: BTreeMap<&str, Seen> = BTreeMap::new();
        for period in periods {
            for (address, _) in period.resolved() {
                seen.entry(address).or_default().also_in(period);
            }
        }
        let addresses: Vec<(Observable, Seen)> = seen
            .into_iter()
            .filter_map(|(address, seen)| Some((Observable::address(address)?, seen)))
            .collect();
        let count = addresses.len();
        let mut relations = Relations::new(&RELATIONS_BY);
        for (address, seen) in addresses.into_iter().take(self.options.max_relations) {
            relations.add_with_info(self.about.clone(), RelationType::RESOLVED_TO, address, seen.info());
        }
        let left_out = count - relations.len();
        let key = format!("dns-history-{}", family.record_type());
        let description = format!("{family} addresses in the DNS history of {}", self.about.value());
        let sighting = self.sighting(&key, count as u64, description, relations)?;
        Some(Mapped { sighting: sighting.data(self.table(periods)), left_out })
    }
}
