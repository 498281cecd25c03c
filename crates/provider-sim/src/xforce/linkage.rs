//! Generated collections: case files of analysts that hold a value.

use serde_json::{Value, json};

use super::call::Kind;
use super::refusal::{invalid, unknown};
use super::report::millis;
use super::reputation::{Reputation, rng};
use super::value;
use crate::reply::Reply;
use crate::seeded::Rng;

/// How many are answered at most if the caller does not say.
const DEFAULT_MOST: usize = 20;

const TITLES: &[&str] = &[
    "Credential Phishing Q1/2026",
    "Botnet tracking: emberfox",
    "Invoices with macros (spring wave)",
    "Ransomware incident #17",
    "Watch list – payments",
    "Scanners & brute force",
];

const OWNERS: &[(&str, &str)] =
    &[("A. Analyst (IBM)", "ibmexpert"), ("IRIS Team", "iris"), ("M. Hunter", ""), ("SOC North", "")];

/// The answer to a linkage call.
pub(super) fn collections(kind: Kind, asked: &str, most: Option<&str>) -> Reply {
    let fits = match kind {
        Kind::Url => value::is_url(asked),
        Kind::Ip => asked.parse::<std::net::IpAddr>().is_ok(),
        Kind::Malware => value::hash_kind(asked).is_some(),
    };
    let most = most.map_or(Ok(DEFAULT_MOST), str::parse);
    let (true, Ok(most)) = (fits, most) else { return invalid() };

    let mut rng = rng("linkage", asked);
    let found = match Reputation::of(asked) {
        Reputation::Unknown => return unknown(),
        Reputation::Unrated | Reputation::Benign => 0,
        Reputation::Suspicious => rng.below(3),
        Reputation::Malicious => 1 + rng.below(4),
    };
    let entities: Vec<Value> = (0..found).map(|_| collection(&mut rng)).take(most).collect();
    Reply::json(200, &json!({ "linkedEntities": entities }))
}

fn collection(rng: &mut Rng) -> Value {
    let (owner, verified) = rng.pick(OWNERS);
    let mut entity = json!({
        "title": rng.pick(TITLES),
        "created": millis(rng.time()),
        "shared": "public",
        "category": "3public",
        "owner": {"name": owner, "userid": format!("http://www.ibm.com/{}", rng.hex(10)), "isDisabled": false},
        "iocs": {"MAL": rng.below(50), "IP": rng.below(20), "URL": rng.below(30)},
        "type": "casefile",
        // Older collections have 32 digits, newer ones a UUID.
        "id": if rng.percent(50) { rng.hex(32) } else { rng.uuid() },
    });
    if !verified.is_empty() {
        entity["owner"]["verified"] = json!(verified);
    }
    if rng.percent(20) {
        entity["category"] = json!("1owned");
        entity["shared"] = json!("mine");
    }
    entity
}
