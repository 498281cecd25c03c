//! Generated reports on addresses, sites and hashes.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::refusal::{invalid, unknown};
use super::reputation::{self, Category, Reputation, rng};
use super::value;
use crate::reply::Reply;
use crate::seeded::Rng;

const COUNTRIES: &[(&str, &str)] =
    &[("Brazil", "BR"), ("Germany", "DE"), ("Japan", "JP"), ("Netherlands", "NL"), ("United States", "US")];

const FAMILIES: &[&str] = &["badur", "emberfox", "greyloader", "tsunami", "tinpot", "vilsel"];

/// The report on an address.
pub(super) fn ip(asked: &str) -> Reply {
    let Ok(address) = asked.parse::<IpAddr>() else { return invalid() };
    let text = address.to_string();
    let mut rng = rng("report", &text);
    let (score, categories) = match Reputation::of(&text) {
        Reputation::Unknown => return unknown(),
        // The least that the provider answers.
        Reputation::Unrated => {
            let least = json!({"ip": text, "history": [], "subnets": [], "cats": {}, "score": 1, "tags": []});
            return Reply::json(200, &least);
        }
        Reputation::Benign => (10, rng.some(reputation::NEUTRAL_ADDRESSES, 0..=1)),
        Reputation::Suspicious => (40 + rng.below(30), rng.some(reputation::SUSPICIOUS_ADDRESSES, 1..=2)),
        Reputation::Malicious => (71 + rng.below(30), rng.some(reputation::MALICIOUS_ADDRESSES, 1..=3)),
    };
    let score = tenths(score);
    let (country, code) = rng.pick(COUNTRIES);
    let geo = json!({"country": country, "countrycode": code});
    let shares: Map<String, Value> =
        categories.iter().map(|(name, _)| ((*name).to_owned(), json!(14 + rng.below(87)))).collect();
    let network = network_of(address);
    let created = rng.time();
    let rated = json!({
        "created": millis(created), "reason": "Content analysis", "geo": geo, "ip": text,
        "categoryDescriptions": descriptions(&categories), "score": score, "cats": shares,
        "reasonDescription": "What the address serves and sends was looked at.",
    });
    let assigned = json!({
        "created": millis(created - SignedDuration::from_hours(24 * 900)), "reason": "Regional Internet Registry",
        "geo": geo, "ip": network, "categoryDescriptions": {}, "score": 1, "cats": {}, "deleted": true,
        "reasonDescription": "The registry's data say where the network belongs.",
    });
    let mut subnet = assigned.clone();
    subnet["subnet"] = json!(network);
    subnet["asns"] = json!({(64_500 + rng.below(11)).to_string(): {"Company": "Example Net", "cidr": 24}});
    let report = json!({
        "ip": text, "history": [assigned, rated], "subnets": [subnet], "cats": shares, "geo": geo, "score": score,
        "reason": rated["reason"], "reasonDescription": rated["reasonDescription"],
        "categoryDescriptions": rated["categoryDescriptions"], "tags": [],
    });
    Reply::json(200, &report)
}

/// The report on a site, by URL or by name.
pub(super) fn url(asked: &str) -> Reply {
    if !value::is_url(asked) {
        return invalid();
    }
    let mut rng = rng("report", asked);
    let (score, categories) = match Reputation::of(asked) {
        Reputation::Unknown => return unknown(),
        Reputation::Unrated => (Value::Null, Vec::new()),
        Reputation::Benign => (json!(1), rng.some(reputation::ORDINARY_SITES, 1..=2)),
        Reputation::Suspicious => (tenths(40 + rng.below(30)), rng.some(reputation::SUSPICIOUS_SITES, 1..=2)),
        Reputation::Malicious => (tenths(71 + rng.below(30)), rng.some(reputation::MALICIOUS_SITES, 1..=3)),
    };
    let flags: Map<String, Value> =
        categories.iter().map(|(name, _)| ((*name).to_owned(), json!(true))).collect();
    let mut report = json!({
        "result": {
            "url": asked, "cats": flags, "score": score, "application": {},
            "categoryDescriptions": descriptions(&categories),
        },
        "tags": [],
    });
    if rng.percent(50) {
        let bare =
            json!({"url": format!("www.{asked}"), "cats": {}, "score": null, "categoryDescriptions": {}});
        report["associated"] = json!([bare]);
    }
    Reply::json(200, &report)
}

/// The report on a file's hash.
pub(super) fn malware(asked: &str) -> Reply {
    let Some(kind) = value::hash_kind(asked) else { return invalid() };
    let mut rng = rng("report", asked);
    let (risk, families) = match Reputation::of(asked) {
        Reputation::Unknown => return unknown(),
        Reputation::Unrated => (Value::Null, Vec::new()),
        Reputation::Benign => (json!("low"), Vec::new()),
        Reputation::Suspicious => (json!("medium"), rng.some(FAMILIES, 0..=1)),
        Reputation::Malicious => (json!("high"), rng.some(FAMILIES, 1..=2)),
    };
    // The provider writes hashes in upper case behind a 0x.
    let hash = format!("0x{}", asked.to_ascii_uppercase());
    let seen = rng.time();
    let created = seconds(seen);
    let members: Map<String, Value> =
        families.iter().map(|name| ((*name).to_owned(), json!({"count": 1 + rng.below(300)}))).collect();
    let servers = if families.len() > 1 { servers(&mut rng, asked, seen) } else { json!({}) };
    let external = json!({
        "source": "reversingLabs", "firstSeen": created, "lastSeen": seconds(seen + SignedDuration::from_hours(240)),
        "malwareType": families.first().map(|_| "Trojan"), "platform": families.first().map(|_| "Win32"),
        "detectionCoverage": if families.is_empty() { 0 } else { 20 + rng.below(60) },
        "family": if families.is_empty() { Value::Null } else { json!(families) },
    });
    let mut malware = json!({
        "origins": {"emails": {}, "subjects": {}, "downloadServers": {}, "CnCServers": servers, "external": external},
        "type": kind, "hash": hash, "created": created, "family": families, "familyMembers": members, "risk": risk,
    });
    malware[kind] = json!(hash);
    Reply::json(200, &json!({"malware": malware, "tags": []}))
}

/// Servers that a piece of malware takes its orders from.
fn servers(rng: &mut Rng, asked: &str, seen: Timestamp) -> Value {
    let domain = rng.domain();
    let sample = if value::hash_kind(asked) == Some("md5") { asked.to_owned() } else { rng.hex(32) };
    let row = json!({
        "type": "CnC", "md5": sample.to_ascii_uppercase(), "domain": domain, "ip": rng.ipv4().to_string(),
        "uri": format!("http://{domain}/gate.php"), "schema": "http", "filepath": "gate.php", "origin": "CnC",
        "count": 1 + rng.below(500), "firstseen": seconds(seen),
        "lastseen": seconds(seen + SignedDuration::from_hours(24)),
    });
    json!({"count": 1, "rows": [row]})
}

fn descriptions(categories: &[Category]) -> Value {
    categories.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect::<Map<_, _>>().into()
}

/// A score with one digit after the point, as the provider writes it.
fn tenths(number: u64) -> Value {
    if number.is_multiple_of(10) {
        json!(number / 10)
    } else {
        json!(f64::from(u16::try_from(number).unwrap_or(0)) / 10.0)
    }
}

fn network_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, ..] = address.segments();
            format!("{a:x}:{b:x}::/32")
        }
    }
}

pub(super) fn seconds(time: Timestamp) -> String {
    format!("{time:.0}")
}

pub(super) fn millis(time: Timestamp) -> String {
    format!("{time:.3}")
}
