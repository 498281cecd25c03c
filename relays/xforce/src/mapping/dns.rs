//! Resolutions: one sighting with relations that say which name resolved to which address.

use std::net::IpAddr;

use indexmap::IndexMap;
use relay_core::ctim::{Observable, ObservableType, ObservedTime, RelationType, Relations, Sighting};
use relay_core::observable::{domain, ip_address};

use super::{Mapping, RELATIONS_BY, Seen, time};
use crate::model::{PassiveRecord, Resolve};

impl Mapping<'_> {
    /// The sighting, unless nothing resolves.
    pub(super) fn dns(&self, resolve: &Resolve) -> Option<Sighting> {
        let ends = self.other_ends(resolve);
        let all = ends.len();
        let mut kept: Vec<(Observable, Seen)> = ends.into_values().take(self.limit).collect();
        kept.sort_by(|(a, _), (b, _)| a.value().cmp(b.value()));
        let mut relations = Relations::new(&RELATIONS_BY);
        for (end, seen) in kept {
            let (name, address) = match self.about.kind() {
                ObservableType::Domain => (self.about.clone(), end),
                _ => (end, self.about.clone()),
            };
            relations.add_with_info(name, RelationType::RESOLVED_TO, address, seen.info());
        }
        if relations.is_empty() {
            return None;
        }
        let value = self.about.value();
        let of_all = if all > self.limit {
            format!("the {} newest of {}", thousands(self.limit), thousands(all))
        } else {
            String::new()
        };
        let description = match (self.about.kind(), of_all.as_str()) {
            (ObservableType::Domain, "") => {
                format!("IP addresses that {value} resolves to, now or in the past")
            }
            (ObservableType::Domain, of_all) => {
                format!("IP addresses that {value} resolves to, now or in the past: {of_all}")
            }
            (_, "") => format!("Domains that resolved to {value}, now or in the past"),
            (_, of_all) => format!("Domains that resolved to {value}, now or in the past: {of_all}"),
        };
        Some(
            self.sighting("dns", ObservedTime::at(self.now))
                .title("DNS Information")
                .description(description)
                .source_uri(self.page.clone())
                .relations(relations),
        )
    }

    /// The addresses of a domain or the names of an address, each once with when it was seen: live ones first, then
    /// past ones, the latest first.
    fn other_ends(&self, resolve: &Resolve) -> IndexMap<End, (Observable, Seen)> {
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
        past.sort_by_cached_key(|record| std::cmp::Reverse(time(record.last.as_deref())));

        let mut ends: IndexMap<End, (Observable, Seen)> = IndexMap::new();
        let live = live.into_iter().map(|value| (value, None));
        let past = past.into_iter().filter_map(|record| Some((record.value.as_deref()?, Some(record))));
        for (value, record) in live.chain(past) {
            let Some((end, observable)) = end(value, names_wanted) else { continue };
            let (_, seen) = ends.entry(end).or_insert_with(|| (observable, Seen::default()));
            if let Some(record) = record {
                seen.merge(record.first.as_deref(), record.last.as_deref(), None);
            }
        }
        ends
    }
}

/// What a value names: two spellings of one address or name are one.
#[derive(PartialEq, Eq, Hash)]
enum End {
    Address(IpAddr),
    Name(String),
}

/// The other end that a value names. None for what is not of its kind.
fn end(value: &str, name_wanted: bool) -> Option<(End, Observable)> {
    if !name_wanted {
        return Some((End::Address(ip_address(value)?), Observable::address(value.trim())?));
    }
    let name = domain(value).filter(|_| ip_address(value).is_none())?;
    Some((End::Name(name), Observable::new(ObservableType::Domain, value.trim())?))
}

/// A number with commas between its thousands.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn long_numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_500, "1,500"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
    }
}
