//! What is known of addresses, names and files.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::network::{Entity, Visibility};
use super::refusal::{invalid, not_found};
use super::tenant::Tenant;
use super::traffic;
use crate::reply::Reply;
use crate::request::Request;

/// Addresses to look up the users of, each at a time.
#[derive(Debug)]
pub(super) struct Tracked(Vec<String>);

impl Tracked {
    /// Reads the body of a call about addresses; an empty list is refused.
    pub(super) fn of(request: &Request) -> Result<Self, Reply> {
        let body = request.json().ok_or_else(|| invalid("The body must be JSON."))?;
        let entities = body["entities"].as_array().filter(|entities| !entities.is_empty());
        let entities =
            entities.ok_or_else(|| invalid("'entities' must be a list with at least one entity."))?;
        let address = |entity: &Value| {
            let _at: Timestamp = entity["event_time"].as_str()?.parse().ok()?;
            let ip = entity["ip"].as_str()?;
            ip.parse::<std::net::IpAddr>().ok().map(|_| ip.to_owned())
        };
        let addresses: Option<Vec<String>> = entities.iter().map(address).collect();
        addresses.map(Self).ok_or_else(|| invalid("An entity must have 'ip' and 'event_time'."))
    }
}

/// `POST /v2/entity/tracking/bulk/get/ip`: private addresses occur in several accounts' networks.
pub(super) fn tracking(tenant: &Tenant, tracked: &Tracked) -> Reply {
    let mut records = Vec::new();
    for entity in tracked.0.iter().filter_map(|ip| Entity::of(ip)).filter(Entity::is_internal) {
        let mut rng = entity.rng("lease");
        if rng.percent(15) {
            continue;
        }
        let [own, demo, _] = tenant.accounts();
        for account in [demo, own] {
            let name = rng.pick(&["fin-ws", "hr-ws", "dev-nb", "lab-pc"]);
            records.push(json!({
                "ip": entity.value(), "account_code": account.code,
                "hostname": format!("{name}-{}", rng.below(90) + 10),
                "mac": format!("02:42:{}:{}:{}:{}", rng.hex(2), rng.hex(2), rng.hex(2), rng.hex(2)),
                "lease_start": null, "lease_end": null,
            }));
        }
    }
    Reply::json(200, &json!({"entity_tracking_bulk_response": {"dhcp": records}}))
}

/// `GET /v1/entity/{value}/summary`.
pub(super) fn summary(value: &str, kind: Option<&str>) -> Result<Reply, Reply> {
    let entity = Entity::of(value).filter(|entity| matches!(entity.field(), "ip" | "domain"));
    let entity = entity.ok_or_else(|| invalid("The entity must be an address or a domain."))?;
    if kind.is_some_and(|kind| kind != entity.field()) {
        return Err(invalid("'entity_type' does not suit the entity."));
    }
    let query_type = if entity.field() == "ip" { "ip_address" } else { "domain" };
    let summary = seen(&entity).ok_or_else(not_found)?;
    Ok(Reply::json(200, &json!({"query_type": query_type, "summary": summary})))
}

/// `GET /v1/entity/{hash}/file`.
pub(super) fn file(value: &str) -> Result<Reply, Reply> {
    let entity = Entity::of(value).filter(|entity| !matches!(entity.field(), "ip" | "domain"));
    let entity = entity.ok_or_else(|| invalid("The entity must be a hash."))?;
    let file = seen(&entity).ok_or_else(not_found)?;
    Ok(Reply::json(200, &json!({"hash_type": entity.field(), "query_type": "file", "file": file})))
}

fn seen(entity: &Entity) -> Option<Value> {
    if entity.visibility() == Visibility::Unseen {
        return None;
    }
    let mut rng = entity.rng("summary");
    let first = rng.time();
    let last = first + SignedDuration::from_hours(24 * i64::try_from(rng.below(30)).unwrap_or_default());
    Some(json!({
        "entity": entity.value(), "first_seen": traffic::written(first), "last_seen": traffic::written(last),
        "prevalence_count_internal": rng.below(20) + 1, "tags": [],
    }))
}
