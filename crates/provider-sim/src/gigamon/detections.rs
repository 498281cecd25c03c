//! Detections, their rules and their events. A detection is known by its uuid once it was listed.

use std::collections::HashMap;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::network::{self, Entity, RULES, Rule, Visibility};
use super::refusal::not_found;
use super::tenant::{Account, Tenant};
use super::{params, traffic};
use crate::lock::locked;
use crate::reply::Reply;
use crate::request::Request;
use crate::seeded::Rng;

/// The events of the detections that were listed, by the token that saw them and their uuid.
#[derive(Debug, Default)]
pub(super) struct Detections(Mutex<HashMap<(&'static str, String), Vec<Value>>>);

/// A detection with its events.
struct Detection {
    fields: Value,
    rule: &'static Rule,
    events: Vec<Value>,
}

impl Detections {
    /// `GET /v1/detections`.
    pub(super) fn list(&self, tenant: &'static Tenant, request: &Request) -> Reply {
        let mut all = found(tenant, request);
        all.retain(|detection| {
            ["status", "account_uuid", "rule_uuid", "sensor_id"].into_iter().all(|field| {
                let wanted = request.params(field);
                wanted.is_empty() || wanted.iter().any(|wanted| detection.fields[field] == **wanted)
            })
        });
        all.retain(|detection| {
            let severities = request.params("rule_severity");
            severities.is_empty() || severities.contains(&detection.rule.severity)
        });
        if let Some(since) = request.param("created_or_shared_start_date").and_then(params::time) {
            let created = |fields: &Value| fields["created"].as_str().and_then(params::time);
            all.retain(|detection| created(&detection.fields).is_some_and(|created| created >= since));
        }
        for (parameter, is_muted) in MUTED {
            if let Some(wanted) = request.param(parameter) {
                all.retain(|detection| is_muted(&detection.fields) == (wanted == "true"));
            }
        }
        let by = request.param("sort_by").unwrap_or("last_seen");
        all.sort_by_key(|detection| match by {
            "indicator_count" => {
                format!("{:04}", detection.fields["indicators"].as_array().map_or(0, Vec::len))
            }
            by => detection.fields[by].as_str().unwrap_or_default().to_owned(),
        });
        let ascending = request.param("sort_order") == Some("asc");
        if !ascending {
            all.reverse();
        }
        let total = all.len();
        let (offset, limit) = params::page(request);
        let page: Vec<Detection> = all.into_iter().skip(offset).take(limit).collect();
        let included = request.params("include");
        let rules: Vec<Value> = RULES
            .iter()
            .filter(|rule| page.iter().any(|detection| detection.rule.uuid == rule.uuid))
            .map(Rule::json)
            .collect();
        let mut listed = Vec::new();
        let mut known = locked(&self.0);
        for mut detection in page {
            let uuid = detection.fields["uuid"].as_str().unwrap_or_default().to_owned();
            known.insert((tenant.token, uuid), detection.events);
            if !included.contains(&"indicators")
                && let Some(fields) = detection.fields.as_object_mut()
            {
                fields.remove("indicators");
            }
            listed.push(detection.fields);
        }
        let mut answer = json!({
            "result_count": listed.len(), "detections": listed, "total_count": total, "offset": offset,
            "limit": limit, "sort_by": by, "sort_order": if ascending { "asc" } else { "desc" },
        });
        if included.contains(&"rules") {
            answer["rules"] = json!(rules);
        }
        Reply::json(200, &answer)
    }

    /// `GET /v1/events`.
    pub(super) fn events(&self, tenant: &Tenant, request: &Request) -> Result<Reply, Reply> {
        let known = locked(&self.0);
        let uuid = request.param("detection_uuid").unwrap_or_default();
        let all = known.get(&(tenant.token, uuid.to_owned())).ok_or_else(not_found)?;
        let (offset, limit) = params::page(request);
        let page: Vec<&Value> = all.iter().skip(offset).take(limit).collect();
        Ok(Reply::json(200, &json!({"result_count": page.len(), "events": page, "total_count": all.len()})))
    }

    pub(super) fn reset(&self) {
        locked(&self.0).clear();
    }
}

/// What a parameter looks at in a detection.
type Looks = fn(&Value) -> bool;

/// The parameters that ask for muted detections or for others.
const MUTED: [(&str, Looks); 3] = [
    ("muted", |detection| detection["muted"] == true),
    ("muted_rule", |detection| detection["muted_rule"] == true),
    ("muted_device", |detection| !detection["muted_device_uuid"].is_null()),
];

/// `GET /v1/rules/{uuid}`.
pub(super) fn rule(uuid: &str) -> Result<Reply, Reply> {
    let rule = RULES.iter().find(|rule| rule.uuid == uuid).ok_or_else(not_found)?;
    Ok(Reply::json(200, &json!({"rule": rule.json()})))
}

/// Detections about the value or on the device that a call asks for; those of the last weeks where it names neither.
fn found(tenant: &Tenant, request: &Request) -> Vec<Detection> {
    match (request.param("indicator_value"), request.param("device_ip")) {
        (Some(value), None) => {
            Entity::of(value).map(|entity| about(tenant, &entity, None)).unwrap_or_default()
        }
        (None, Some(device)) => on_device(tenant, device),
        (None, None) => lately(tenant, Timestamp::now()),
        // Detections about a value, of which those on the device are wanted.
        (Some(value), Some(device)) => Entity::of(value)
            .map(|entity| about(tenant, &entity, None))
            .unwrap_or_default()
            .into_iter()
            .filter(|detection| detection.fields["device_ip"] == device)
            .collect(),
    }
}

/// Some internal devices are infected, each by another domain.
fn on_device(tenant: &Tenant, device: &str) -> Vec<Detection> {
    let Some(entity) = Entity::of(device).filter(Entity::is_internal) else { return Vec::new() };
    if entity.visibility() != Visibility::Detected {
        return Vec::new();
    }
    let cause = entity.rng("cause").domain();
    Entity::of(&cause).map(|cause| about(tenant, &cause, Some(device))).unwrap_or_default()
}

/// Detections about a value: on some devices, or on the one given.
fn about(tenant: &Tenant, entity: &Entity, device: Option<&str>) -> Vec<Detection> {
    if device.is_none() && (entity.visibility() != Visibility::Detected || entity.is_internal()) {
        return Vec::new();
    }
    let mut rng = entity.rng(&format!("detections {}", device.unwrap_or_default()));
    let [own, demo, _] = tenant.accounts();
    let mut all = Vec::new();
    for rule in RULES.iter().filter(|rule| rule.suits(entity)) {
        for _ in 0..=rng.below(2) {
            let device = device.map_or_else(|| network::device(&mut rng), str::to_owned);
            let first = rng.time();
            all.push(detection(&mut rng, entity, rule, own, &device, first));
        }
    }
    if let Some(rule) = RULES.iter().find(|rule| rule.suits(entity)) {
        let first = rng.time();
        all.push(detection(&mut rng, entity, rule, demo, "10.99.1.5", first));
    }
    if entity.value() == network::MUTED {
        for (detection, (field, value)) in all.iter_mut().zip(muting(&mut rng)) {
            detection.fields[field] = value;
            detection.fields["muted_comment"] = json!("Known: the scanner of the network team");
        }
    }
    // Some detections say who the device is.
    let mut names = entity.rng("names");
    for detection in all.iter_mut().filter(|_| names.percent(40)) {
        detection.fields["hostname"] = json!("fin-ws-12");
        detection.fields["username"] = json!("j.doe");
    }
    all
}

/// What was detected in the network in the last forty days, some each day: dashboards count it.
fn lately(tenant: &Tenant, now: Timestamp) -> Vec<Detection> {
    const DAYS: i64 = 40;
    const DAY: i64 = 86_400;
    let [own, demo, _] = tenant.accounts();
    let today = now.as_second().div_euclid(DAY);
    let mut all = Vec::new();
    for day in today - DAYS..=today {
        let mut rng = Rng::new(&["gigamon", "lately", own.code, &day.to_string()]);
        for number in 0..=rng.below(4) {
            let second = i64::try_from(rng.below(86_000)).unwrap_or_default();
            let rule = usize::try_from(rng.below(RULES.len() as u64)).ok().and_then(|place| RULES.get(place));
            let value = match rule.map(|rule| rule.about) {
                Some("ip") => rng.ipv4().to_string(),
                Some("domain") => rng.domain(),
                _ => rng.hex(64),
            };
            let first = Timestamp::from_second(day * DAY + second).unwrap_or(now);
            let (Some(rule), Some(entity)) = (rule, Entity::of(&value)) else { continue };
            let account = if number == 0 && day % 7 == 0 { demo } else { own };
            let device = network::device(&mut rng);
            let mut one = detection(&mut rng, &entity, rule, account, &device, first);
            if rng.percent(20) {
                one.fields["status"] = json!("resolved");
            }
            one.fields["muted"] = json!(rng.percent(10));
            all.push(one);
        }
    }
    // What is opened later today is not there yet.
    all.retain(|one| one.fields["created"].as_str().and_then(params::time).is_some_and(|at| at <= now));
    all
}

/// The three ways to mute a detection.
fn muting(rng: &mut Rng) -> [(&'static str, Value); 3] {
    [("muted", json!(true)), ("muted_rule", json!(true)), ("muted_device_uuid", json!(rng.uuid()))]
}

fn detection(
    rng: &mut Rng,
    entity: &Entity,
    rule: &'static Rule,
    account: &Account,
    device: &str,
    first: Timestamp,
) -> Detection {
    let events: Vec<Value> = (0..i64::try_from(rng.below(4)).unwrap_or_default())
        .map(|number| {
            let at = first + SignedDuration::from_mins(7 * number);
            let event = traffic::event(rng, entity, at, account, device);
            json!({"rule_uuid": rule.uuid, "event": event})
        })
        .collect();
    let last = events
        .last()
        .and_then(|wrapped| wrapped["event"]["timestamp"].as_str()?.parse::<Timestamp>().ok())
        .unwrap_or(first + SignedDuration::from_mins(4));
    let micros = |time: Timestamp| format!("{time:.6}");
    let opened = micros(first + SignedDuration::from_mins(5));
    let paths: &[&str] = match entity.field() {
        "ip" => &["dst.ip"],
        "domain" => &["dns:query.domain", "http:host.domain"],
        "md5" => &["http:files.md5"],
        "sha1" => &["http:files.sha1"],
        _ => &["http:files.sha256"],
    };
    let mut indicators: Vec<Value> =
        paths.iter().map(|path| json!({"field": path, "values": [entity.value()]})).collect();
    indicators.push(json!({"field": "src.ip", "values": [device]}));
    let fields = json!({
        "uuid": rng.uuid(), "rule_uuid": rule.uuid, "account_uuid": account.uuid,
        "sensor_id": format!("{}1", account.code), "device_ip": device, "hostname": null, "username": null,
        "status": "active", "muted": false, "muted_rule": false, "muted_device_uuid": null, "muted_comment": null,
        "muted_timestamp": null, "muted_user_uuid": null, "first_seen": micros(first), "last_seen": micros(last),
        "created": opened, "updated": opened, "event_count": events.len(), "resolution": null,
        "resolution_comment": null, "resolution_timestamp": null, "resolution_user_uuid": null,
        "indicators": indicators,
    });
    Detection { fields, rule, events }
}
