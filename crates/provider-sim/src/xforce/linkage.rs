//! Made-up collections: case files of analysts that hold a value.

use serde_json::{Value, json};

use super::call::Kind;
use super::report::millis;
use super::standing::{Standing, dice};
use super::{invalid, unknown, value};
use crate::invent::Dice;
use crate::reply::Reply;

/// So many are answered at most when the caller does not say.
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

    let mut dice = dice("linkage", asked);
    let found = match Standing::of(asked) {
        Standing::Unheard => return unknown(),
        Standing::Unrated | Standing::Harmless => 0,
        Standing::Doubtful => dice.below(3),
        Standing::Hostile => 1 + dice.below(4),
    };
    let entities: Vec<Value> = (0..found).map(|_| collection(&mut dice)).take(most).collect();
    Reply::json(200, &json!({ "linkedEntities": entities }))
}

fn collection(dice: &mut Dice) -> Value {
    let (owner, verified) = dice.pick(OWNERS);
    let mut entity = json!({
        "title": dice.pick(TITLES),
        "created": millis(dice.time()),
        "shared": "public",
        "category": "3public",
        "owner": {"name": owner, "userid": format!("http://www.ibm.com/{}", dice.hex(10)), "isDisabled": false},
        "iocs": {"MAL": dice.below(50), "IP": dice.below(20), "URL": dice.below(30)},
        "type": "casefile",
        // Older collections have 32 digits, newer ones a UUID.
        "id": if dice.percent(50) { dice.hex(32) } else { dice.uuid() },
    });
    if !verified.is_empty() {
        entity["owner"]["verified"] = json!(verified);
    }
    if dice.percent(20) {
        entity["category"] = json!("1owned");
        entity["shared"] = json!("mine");
    }
    entity
}
