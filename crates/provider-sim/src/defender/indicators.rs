//! Custom indicators ([documentation](https://learn.microsoft.com/defender-endpoint/api/ti-indicator)).

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::entities;
use super::refusal::Refusal;
use crate::inventory;
use crate::lock::locked;
use crate::login::Grant;
use crate::odata::{Case, Filter};
use crate::reply::Reply;
use crate::request::Request;

/// Active indicators of a tenant.
const MAXIMUM: usize = 15_000;
/// Largest `$top`.
const PAGE: usize = 10_000;
const ACTIONS: [&str; 7] =
    ["Allowed", "Audit", "Warn", "Block", "BlockAndRemediate", "Alert", "AlertAndBlock"];
const SEVERITIES: [&str; 4] = ["Informational", "Low", "Medium", "High"];

/// The indicators, by tenant.
#[derive(Debug, Default)]
pub(super) struct Indicators(Mutex<HashMap<String, Tenant>>);

#[derive(Debug, Default)]
pub(super) struct Tenant {
    last: u64,
    /// By id.
    all: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    owner: String,
    indicator: Value,
}

/// Whether a caller sees an entry: all of them, or those of its own application.
fn sees(grant: &Grant, entry: &Entry) -> bool {
    grant.has_any(&["Ti.ReadWrite.All"]) || entry.owner == grant.appid
}

impl Indicators {
    pub(super) fn list(&self, grant: &Grant, request: &Request) -> Result<Reply, Refusal> {
        let number = |name: &str, most: usize| match request.param(name).map(str::parse::<usize>) {
            None => Ok(None),
            Some(Ok(number)) if number <= most => Ok(Some(number)),
            Some(_) => Err(Refusal::bad_request("ODataError", format!("The value of {name} is not valid."))),
        };
        let (top, skip) = (number("$top", PAGE)?.unwrap_or(PAGE), number("$skip", usize::MAX)?.unwrap_or(0));
        let filter = match request.param("$filter").map(Filter::parse).transpose() {
            Ok(filter) => filter,
            Err(fault) => {
                return Err(Refusal::bad_request("ODataError", format!("Invalid filter: {fault}.")));
            }
        };
        let mut tenants = locked(&self.0);
        let tenant = tenants.entry(grant.tid.clone()).or_insert_with(Tenant::with_defaults);
        let fits =
            |indicator: &Value| filter.as_ref().is_none_or(|filter| filter.fits(indicator, Case::Folded));
        let found: Vec<&Value> = tenant
            .all
            .values()
            .filter(|entry| sees(grant, entry) && fits(&entry.indicator))
            .map(|entry| &entry.indicator)
            .skip(skip)
            .take(top)
            .collect();
        let context = "https://api.security.microsoft.com/api/v1.0/$metadata#Indicators";
        Ok(Reply::json(200, &json!({"@odata.context": context, "value": found})))
    }

    /// How many there are.
    pub(super) fn count(&self, grant: &Grant, request: &Request) -> Result<Reply, Refusal> {
        if !request.query.is_empty() {
            return Err(Refusal::bad_request("ODataError", "The query options are not supported."));
        }
        let mut tenants = locked(&self.0);
        let tenant = tenants.entry(grant.tid.clone()).or_insert_with(Tenant::with_defaults);
        Ok(entities::number(tenant.all.values().filter(|entry| sees(grant, entry)).count()))
    }

    /// Creates an indicator, or changes the one of this type and value.
    pub(super) fn add(&self, grant: &Grant, request: &Request) -> Result<Reply, Refusal> {
        let body = request.json().unwrap_or_default();
        checked(&body)?;
        let mut tenants = locked(&self.0);
        let tenant = tenants.entry(grant.tid.clone()).or_insert_with(Tenant::with_defaults);
        let same = |entry: &Entry| {
            entry.indicator["indicatorType"] == body["indicatorType"]
                && folded(&entry.indicator["indicatorValue"]) == folded(&body["indicatorValue"])
        };
        let known = tenant.all.iter().find(|(_, entry)| same(entry)).map(|(id, _)| *id);
        if known.is_none() && tenant.all.len() >= MAXIMUM {
            let message = format!("Max capacity for indicators was reached ({MAXIMUM}).");
            return Err(Refusal::bad_request("BadRequest", message));
        }
        Ok(Reply::json(200, tenant.put(known, &grant.appid, &body)))
    }

    pub(super) fn remove(&self, grant: &Grant, id: &str) -> Result<Reply, Refusal> {
        let missing = || Refusal::not_found(format!("Indicator {id} was not found."));
        let number: u64 =
            id.parse().map_err(|_| Refusal::bad_request("InvalidInput", "The id is not a number."))?;
        let mut tenants = locked(&self.0);
        let tenant = tenants.entry(grant.tid.clone()).or_insert_with(Tenant::with_defaults);
        if !tenant.all.get(&number).is_some_and(|entry| sees(grant, entry)) {
            return Err(missing());
        }
        tenant.all.remove(&number);
        Ok(Reply::empty(204))
    }

    pub(super) fn reset(&self) {
        locked(&self.0).clear();
    }
}

impl Tenant {
    /// With two indicators that were there before.
    fn with_defaults() -> Self {
        let mut tenant = Self { last: 11, all: BTreeMap::new() };
        let given = |value: &str, kind: &str, action: &str, title: &str| {
            json!({
                "indicatorValue": value, "indicatorType": kind, "action": action, "title": title,
                "description": "Made up", "severity": "High", "generateAlert": true,
            })
        };
        let before = [
            given("known-bad.example", "DomainName", "AlertAndBlock", "Phishing wave of May"),
            given("203.0.113.99", "IpAddress", "Block", "Scanner"),
        ];
        for body in &before {
            tenant.put(None, "another application", body);
        }
        tenant
    }

    fn put(&mut self, known: Option<u64>, owner: &str, body: &Value) -> &Value {
        let id = known.unwrap_or(self.last + 1);
        self.last = self.last.max(id);
        let indicator = json!({
            "id": id.to_string(),
            "indicatorValue": body["indicatorValue"],
            "indicatorType": body["indicatorType"],
            "action": body["action"],
            "application": body["application"],
            "source": "Made up",
            "sourceType": "AadApp",
            "title": body["title"],
            "description": body["description"],
            "severity": body["severity"].as_str().unwrap_or("Informational"),
            "creationTimeDateTimeUtc": Timestamp::now().to_string(),
            "createdBy": owner,
            "expirationTime": body["expirationTime"],
            "generateAlert": body["generateAlert"].as_bool().unwrap_or(false),
            "rbacGroupNames": body["rbacGroupNames"].as_array().cloned().unwrap_or_default(),
        });
        let entry = Entry { owner: owner.to_owned(), indicator };
        self.all.insert(id, entry);
        &self.all[&id].indicator
    }
}

fn folded(value: &Value) -> Option<String> {
    value.as_str().map(str::to_lowercase)
}

/// Names of fields are case-sensitive, so a misspelt one is missing.
fn checked(body: &Value) -> Result<(), Refusal> {
    let text = |name: &'static str| {
        body[name].as_str().filter(|text| !text.trim().is_empty()).ok_or_else(|| {
            Refusal::bad_request(
                "MissingRequiredParameter",
                format!("The required parameter {name} is missing."),
            )
        })
    };
    let (value, kind, action) = (text("indicatorValue")?, text("indicatorType")?, text("action")?);
    text("title")?;
    text("description")?;
    let hash = |digits: usize| inventory::is_hash(value) && value.len() == digits;
    let (fits, code) = match kind {
        "FileMd5" => (hash(32), "InvalidHashValue"),
        "FileSha1" | "CertificateThumbprint" => (hash(40), "InvalidHashValue"),
        "FileSha256" => (hash(64), "InvalidHashValue"),
        // A single address: ranges are not taken.
        "IpAddress" => (value.parse::<std::net::IpAddr>().is_ok(), "InvalidIpAddress"),
        "DomainName" => (!value.contains(['/', ':', ' ', '\'']) && value.contains('.'), "InvalidDomainName"),
        "Url" => (url::Url::parse(value).is_ok_and(|url| url.has_host()), "InvalidUrl"),
        _ => return Err(Refusal::bad_request("InvalidInput", "The indicatorType is not valid.")),
    };
    if !fits {
        return Err(Refusal::bad_request(code, format!("The indicatorValue is not a valid {kind}.")));
    }
    if !ACTIONS.contains(&action) {
        return Err(Refusal::bad_request("InvalidInput", "The action is not valid."));
    }
    if action == "BlockAndRemediate" && !kind.starts_with("File") {
        return Err(Refusal::bad_request("InvalidInput", "Only files can be remediated."));
    }
    if action == "Audit" && body["generateAlert"] != json!(true) {
        return Err(Refusal::bad_request(
            "InvalidInput",
            "With the action Audit, generateAlert must be true.",
        ));
    }
    match &body["severity"] {
        Value::Null => Ok(()),
        Value::String(severity) if SEVERITIES.contains(&severity.as_str()) => Ok(()),
        _ => Err(Refusal::bad_request("InvalidInput", "The severity is not valid.")),
    }
}
