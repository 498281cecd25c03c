//! Passive DNS to a sighting.

use std::cmp::Reverse;

use relay_core::ctim::{
    Confidence, Observable, ObservableType, ObservedTime, RelationType, Relations, Sensor, ShortText,
    Sighting, Text, Timestamp,
};

use super::INTELLIGENCE;
use super::value::{address, address_observable, name_observable};
use crate::model::intelligence::{Record, Report};

/// Most records that are shown.
const MOST: usize = 50;

const BY: ShortText = Text::constant("Microsoft Threat Intelligence");

/// A record with both ends and a time.
struct Resolved {
    name: Observable,
    address: Observable,
    first: Timestamp,
    last: Timestamp,
}

/// The sighting of a host's passive DNS. Nothing without a usable record.
pub fn sighting(report: &Report, host: &str, about: &Observable) -> Option<Sighting> {
    let mut records: Vec<Resolved> = report.records.iter().filter_map(resolved).collect();
    let all = records.len();
    records.sort_by_key(|record| Reverse(record.last.instant()));
    let mut relations = Relations::new(&BY);
    let mut range: Option<(Timestamp, Timestamp)> = None;
    for record in records {
        if relations.len() == MOST {
            break;
        }
        relations.add(record.name, RelationType::RESOLVED_TO, record.address);
        let (first, last) = range.unwrap_or((record.first, record.last));
        range = Some((first.min(record.first), last.max(record.last)));
    }
    let (first, last) = range?;
    let observed = ObservedTime::between(first, last);
    let description = format!("{all} records of passive DNS, of which {} are shown", relations.len());
    let sighting = Sighting::new(INTELLIGENCE, &format!("pdns:{host}"), about, observed)
        .confidence(Confidence::Medium)
        .internal(false)
        .sensor(Sensor::NETWORK_SENSOR)
        .title("Passive DNS")
        .description(description)
        .timestamp(observed.end())
        .relations(relations);
    Some(sighting)
}

/// Which end is the name is not documented for addresses, so it is read by value.
fn resolved(record: &Record) -> Option<Resolved> {
    if !matches!(record.record_type.as_deref(), Some("A" | "AAAA")) {
        return None;
    }
    let end =
        |host: &'_ Option<crate::model::intelligence::Host>| host.as_ref().and_then(|host| host.id.clone());
    let (one, other) = (end(&record.parent_host)?, end(&record.artifact)?);
    let (name, at) = match (address(&one), address(&other)) {
        (None, Some(_)) => (one, other),
        (Some(_), None) => (other, one),
        _ => return None,
    };
    let time = |text: &'_ Option<String>| text.as_deref().and_then(Timestamp::parse_assuming_utc);
    let (first, last) = (time(&record.first_seen_date_time), time(&record.last_seen_date_time));
    Some(Resolved {
        name: name_observable(ObservableType::Domain, name.as_str())?,
        address: address_observable(at.as_str())?,
        first: first.or(last)?,
        last: last.or(first)?,
    })
}
