//! Generated DNS: what a name or an address resolves to now, and did before.

use std::net::{IpAddr, Ipv6Addr};

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::refusal::{invalid, unknown};
use super::report::seconds;
use super::reputation::rng;
use super::value::Name;
use crate::reply::Reply;
use crate::seeded::Rng;

/// The answer to a resolve call.
pub(super) fn resolve(asked: &str) -> Reply {
    match Name::of(asked) {
        Some(Name::Address(address)) => by_address(address),
        Some(Name::Domain(name)) => by_name(&name),
        None => invalid(),
    }
}

fn by_name(name: &str) -> Reply {
    let mut rng = rng("dns", name);
    if rng.percent(25) {
        return unknown();
    }
    let mut records: Vec<Value> = Vec::new();
    for _ in 0..rng.below(5) {
        let address = rng.ipv4().to_string();
        records.push(record(&mut rng, &address, "ip", "A"));
    }
    let server = format!("ns1.{}", rng.domain());
    records.push(record(&mut rng, &server, "url", "NS"));
    let live: Vec<String> = (0..=rng.below(2)).map(|_| rng.ipv4().to_string()).collect();
    let mut answer = json!({
        "A": live,
        "TXT": [["v=spf1 -all"]],
        "MX": [{"exchange": format!("mx.{name}"), "priority": 10}],
        "Passive": {"query": name, "records": records},
        "total_rows": records.len(),
    });
    if rng.percent(40) {
        answer["AAAA"] = json!([written_out(rng.ipv6())]);
    }
    Reply::json(200, &answer)
}

fn by_address(address: IpAddr) -> Reply {
    let mut rng = rng("dns", &address.to_string());
    if rng.percent(25) {
        return unknown();
    }
    let names: Vec<String> = (0..rng.below(4)).map(|_| rng.domain()).collect();
    let kind = if address.is_ipv4() { "A" } else { "AAAA" };
    let records: Vec<Value> = names.iter().map(|name| record(&mut rng, name, "url", kind)).collect();
    let mut answer = json!({
        "Passive": {"query": in_hex(address), "records": records},
        "total_rows": records.len(),
    });
    if rng.percent(60) {
        answer["RDNS"] = json!([format!("host{}.{}", rng.below(200), rng.domain())]);
    }
    Reply::json(200, &answer)
}

/// One window of observation.
fn record(rng: &mut Rng, value: &str, kind: &str, record_type: &str) -> Value {
    let last = rng.time();
    let first =
        last - SignedDuration::from_hours(24 * (1 + i64::try_from(rng.below(90)).unwrap_or_default()));
    json!({"value": value, "type": kind, "recordType": record_type, "first": seconds(first), "last": seconds(last)})
}

/// As the provider writes an address: all groups, with their zeros.
fn written_out(address: Ipv6Addr) -> String {
    address.segments().map(|group| format!("{group:04x}")).join(":")
}

/// As the provider repeats the address it was asked about.
fn in_hex(address: IpAddr) -> String {
    let bits = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    };
    format!("{bits:#034x}")
}
