//! Resolutions: one sighting whose relations say which name resolved to which address.

use std::collections::HashSet;
use std::net::IpAddr;

use relay_core::ctim::{
    Observable, ObservableType, ObservedTime, RelationType, Relations, Sighting, Timestamp,
};

use super::{Mapping, RELATIONS_BY};
use crate::model::{PassiveRecord, Resolve};

impl Mapping<'_> {
    /// The sighting, unless nothing resolves.
    pub(super) fn dns(&self, resolve: &Resolve) -> Option<Sighting> {
        let mut relations = Relations::new(&RELATIONS_BY);
        for end in self.other_ends(resolve) {
            let (name, address) = match self.about.kind() {
                ObservableType::Domain => (self.about.clone(), end),
                _ => (end, self.about.clone()),
            };
            relations.add(name, RelationType::RESOLVED_TO, address);
        }
        if relations.is_empty() {
            return None;
        }
        let value = self.about.value();
        let description = match self.about.kind() {
            ObservableType::Domain => format!("IP addresses that {value} resolves to, now or in the past"),
            _ => format!("Domains that resolved to {value}, now or in the past"),
        };
        Some(
            self.sighting("dns", ObservedTime::at(self.now))
                .title("DNS Information")
                .description(description)
                .source_uri(self.page.clone())
                .relations(relations),
        )
    }

    /// The addresses of a domain or the names of an address: live ones first, then past ones, the latest
    /// first; as many as the limit allows, in the order of their texts.
    fn other_ends(&self, resolve: &Resolve) -> Vec<Observable> {
        let names_wanted = self.about.kind() != ObservableType::Domain;
        let live: Vec<&str> = if names_wanted {
            resolve.rdns.iter().map(String::as_str).collect()
        } else {
            resolve.a.iter().chain(&resolve.aaaa).map(String::as_str).collect()
        };
        let mut past: Vec<&PassiveRecord> = resolve
            .passive
            .iter()
            .flat_map(|passive| &passive.records)
            .filter(|record| matches!(record.record_type.as_deref(), Some("A" | "AAAA")))
            .collect();
        // Stable, so records without a time keep their order at the end.
        past.sort_by_cached_key(|record| {
            std::cmp::Reverse(record.last.as_deref().and_then(Timestamp::parse_assuming_utc))
        });
        let past = past.into_iter().filter_map(|record| record.value.as_deref());

        let mut known = HashSet::new();
        let mut ends = Vec::new();
        for value in live.into_iter().chain(past) {
            if ends.len() >= self.limit {
                break;
            }
            let end = if names_wanted {
                Observable::new(ObservableType::Domain, value)
            } else {
                Observable::address(value)
            };
            ends.extend(end.filter(|end| known.insert(End::of(end))));
        }
        ends.sort_by(|a, b| a.value().cmp(b.value()));
        ends
    }
}

/// What an observable names: two spellings of one address or name are one.
#[derive(PartialEq, Eq, Hash)]
enum End {
    Address(IpAddr),
    Name(String),
}

impl End {
    fn of(observable: &Observable) -> Self {
        match relay_core::observable::ip_address(observable.value()) {
            Some(address) => Self::Address(address),
            None => Self::Name(observable.value().trim_end_matches('.').to_lowercase()),
        }
    }
}
