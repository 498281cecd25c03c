//! The DNS history of a domain: the addresses and servers that it has had.

use std::collections::BTreeMap;
use std::net::IpAddr;

use relay_core::ctim::{RelationType, Relations};
use relay_core::observable::{Observable, ObservableType, ip_address};
use serde_json::{Map, Value};

use super::{Mapped, Mapping, RELATIONS_BY, name};
use crate::model::{Day, Period, Resolved};
use crate::query::RecordType;

/// The first and the last day on which a value was seen, as far as the provider says.
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

/// A value of the history, whatever its spellings.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Address(IpAddr),
    Name(String),
}

/// The text that stands for a value, the last day of the period that it is from, and when the value was seen.
struct Entry {
    text: String,
    of: Option<Day>,
    seen: Seen,
}

impl Mapping<'_> {
    /// The sighting of all values of a type of records, in the order of their texts.
    pub fn history(&self, record: RecordType, periods: &[Period]) -> Option<Mapped> {
        let mut values: BTreeMap<Key, Entry> = BTreeMap::new();
        for period in periods {
            for resolved in period.values.iter().flat_map(|values| &values.0) {
                let Some((key, text)) = value(record, resolved) else { continue };
                let known = values.entry(key);
                let known =
                    known.or_insert_with(|| Entry { text: text.clone(), of: None, seen: Seen::default() });
                // The newest period has the spelling that counts.
                if period.last_seen > known.of {
                    (known.text, known.of) = (text, period.last_seen);
                }
                known.seen.also_in(period);
            }
        }
        let count = values.len();
        let mut values: Vec<Entry> = values.into_values().collect();
        values.sort_by(|one, other| one.text.cmp(&other.text));
        let mut relations = Relations::new(&RELATIONS_BY);
        for Entry { text, seen, .. } in values.into_iter().take(self.options.max_relations) {
            let mut info = seen.info();
            let (relation, related) = match record {
                RecordType::A | RecordType::Aaaa => {
                    (RelationType::RESOLVED_TO, Observable::address(text.as_str()))
                }
                RecordType::Mx | RecordType::Ns => {
                    info.insert("record_type".to_owned(), record.path_word().to_uppercase().into());
                    (RelationType::RELATED_TO, Observable::new(ObservableType::Domain, text.as_str()))
                }
            };
            relations.add_with_info(self.about.clone(), relation, related, info);
        }
        let left_out = count.saturating_sub(self.options.max_relations);
        let key = format!("dns-history-{}", record.path_word());
        let description = format!("{} in the DNS history of {}", record.holds(), self.about.value());
        let sighting = self.sighting(&key, count as u64, description, relations)?;
        let is_address = matches!(record, RecordType::A | RecordType::Aaaa);
        let table = is_address.then(|| self.history_table(periods)).flatten();
        Some(Mapped { sighting: sighting.data(table), left_out })
    }
}

/// What a record resolves to, if it is of the type's kind, with its text.
fn value(record: RecordType, resolved: &Resolved) -> Option<(Key, String)> {
    match record {
        RecordType::A | RecordType::Aaaa => {
            let text = resolved.address()?;
            Some((Key::Address(ip_address(text)?), text.to_owned()))
        }
        RecordType::Mx | RecordType::Ns => {
            let name = name(resolved.server()?)?;
            Some((Key::Name(name.clone()), name))
        }
    }
}
