//! Facts about files and devices.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::refusal::Refusal;
use crate::inventory::{self, file, is_hash, machine};
use crate::odata::{Case, Filter};
use crate::reply::Reply;
use crate::request::Request;
use crate::seeded::Rng;
use crate::service::Find;

pub(super) fn file_answer(hash: &str) -> Result<Reply, Refusal> {
    if !is_hash(hash) {
        return Err(Refusal::bad_request("InvalidHashValue", "The file hash is not valid."));
    }
    let file = file(hash).ok_or_else(|| Refusal::not_found(format!("File {hash} was not found.")))?;
    let mut rng = Rng::new(&["defender", "file facts", &file.md5]);
    let determination = Rng::new(&["defender", "determination", &file.md5]).pick(&[
        ("Unknown", ""),
        ("Unknown", ""),
        ("Unknown", ""),
        ("Pua", "PUA:Win32/FusionCore"),
        ("Malware", "Trojan:Win32/Emotet"),
        ("Clean", ""),
    ]);
    Ok(Reply::json(
        200,
        &json!({
            "@odata.context": "https://api.security.microsoft.com/api/v1.0/$metadata#Files/$entity",
            "sha1": file.sha1,
            "sha256": file.sha256,
            "md5": file.md5,
            "globalPrevalence": rng.below(5000),
            "globalFirstObserved": rng.time().to_string(),
            "globalLastObserved": "2026-11-01T06:54:07Z",
            "size": rng.below(4_000_000),
            "fileType": null,
            "isPeFile": true,
            "filePublisher": null,
            "fileProductName": null,
            "signer": null,
            "issuer": null,
            "signerHash": null,
            "isValidCertificate": null,
            "determinationType": determination.0,
            "determinationValue": determination.1,
        }),
    ))
}

pub(super) fn machine_answer(id: &str) -> Result<Reply, Refusal> {
    let machine = machine(id).ok_or_else(|| Refusal::not_found(format!("Machine {id} was not found.")))?;
    Ok(Reply::json(200, &machine))
}

fn collection(items: &[Value]) -> Reply {
    Reply::json(
        200,
        &json!({"@odata.context": "https://api.security.microsoft.com/api/v1.0/$metadata#Machines", "value": items}),
    )
}

/// What devices can be filtered by.
const FILTERS: [&str; 14] = [
    "aadDeviceId",
    "computerDnsName",
    "deviceValue",
    "exposureLevel",
    "healthStatus",
    "id",
    "lastIpAddress",
    "lastSeen",
    "machineTags",
    "onboardingStatus",
    "osPlatform",
    "rbacGroupId",
    "riskScore",
    "version",
];

/// Devices by a filter.
pub(super) fn machine_list(request: &Request) -> Result<Reply, Refusal> {
    let top: usize = request
        .param("$top")
        .map_or(Ok(10_000), str::parse)
        .map_err(|_| Refusal::bad_request("ODataError", "Invalid $top."))?;
    let mut found = filtered(request)?;
    found.truncate(top);
    Ok(collection(&found))
}

/// How many devices fit a filter.
pub(super) fn machine_count(request: &Request) -> Result<Reply, Refusal> {
    filtered(request).map(|found| number(found.len()))
}

/// A bare number behind a byte order mark.
pub(super) fn number(number: usize) -> Reply {
    Reply::text(200, format!("\u{feff}{number}"))
}

fn filtered(request: &Request) -> Result<Vec<Value>, Refusal> {
    let filter = filter(request, &FILTERS)?;
    let filter = filter.ok_or_else(|| Refusal::bad_request("ODataError", "A filter is needed."))?;
    let fits = |machine: &Value| filter.fits(machine, Case::Folded);
    // A question for what was seen lately is one about the fleet of these days.
    if filter.paths().iter().any(|path| path == "lastSeen") {
        return Ok(fleet_lately().into_iter().filter(fits).collect());
    }
    // Any id is a device; names are those of the fleet.
    let mut ids: Vec<String> = filter.texts().into_iter().map(str::to_owned).collect();
    ids.extend(inventory::fleet());
    ids.sort();
    ids.dedup();
    Ok(ids.iter().filter_map(|id| machine(id)).filter(fits).collect())
}

/// The fleet as it was seen in the last days: half of it within the last day, some with sensors that do not work.
fn fleet_lately() -> Vec<Value> {
    let now = Timestamp::now();
    let seen = |(number, mut machine): (usize, Value)| {
        let hours = if number.is_multiple_of(2) { number } else { 24 * number };
        let hours = i64::try_from(hours).unwrap_or_default();
        machine["lastSeen"] = json!((now - SignedDuration::from_hours(hours)).to_string());
        if number % 4 == 2 {
            machine["healthStatus"] = json!("ImpairedCommunication");
        }
        machine
    };
    inventory::fleet().iter().filter_map(|id| machine(id)).enumerate().map(seen).collect()
}

/// The filter of a request, if it has one. It may be over these properties.
pub(super) fn filter(request: &Request, properties: &[&str]) -> Result<Option<Filter>, Refusal> {
    let invalid = |what: String| Refusal::bad_request("ODataError", what);
    let filter = request.param("$filter").map(Filter::parse).transpose();
    let filter = filter.map_err(|fault| invalid(format!("Invalid filter: {fault}.")))?;
    let paths = filter.iter().flat_map(Filter::paths).collect::<Vec<_>>();
    match paths.iter().find(|path| !properties.contains(&path.as_str())) {
        Some(path) => Err(invalid(format!("The property '{path}' cannot be filtered by."))),
        None => Ok(filter),
    }
}

/// Devices by their ids, where a fixture has one of them.
pub(super) fn machine_list_of_fixtures(request: &Request, find: &Find<'_>) -> Option<Reply> {
    let filter = request.param("$filter").filter(|filter| filter.starts_with("id in "))?;
    let filter = Filter::parse(filter).ok()?;
    let one = |id: &str| find("defender", &Request::new("GET", "/defender", &format!("/machines/{id}")));
    let fixed: Vec<(&str, Option<Reply>)> = filter.texts().into_iter().map(|id| (id, one(id))).collect();
    if fixed.iter().all(|(_, reply)| reply.is_none()) {
        return None;
    }
    let known = |(id, reply): (&str, Option<Reply>)| match reply {
        Some(reply) if reply.status == 200 => serde_json::from_slice(&reply.body).ok(),
        Some(_) => None,
        None => machine(id),
    };
    Some(collection(&fixed.into_iter().filter_map(known).collect::<Vec<Value>>()))
}

/// Devices that have an internal address: `findbyip(ip='…',timestamp=…)`.
pub(super) fn machines_by_address(function: &str) -> Result<Reply, Refusal> {
    let invalid = || Refusal::bad_request("InvalidInput", "The parameters are not valid.");
    let parameters =
        function.strip_prefix("findbyip(ip='").and_then(|rest| rest.strip_suffix(')')).ok_or_else(invalid)?;
    let (address, time) = parameters.split_once("',timestamp=").ok_or_else(invalid)?;
    let address: std::net::IpAddr = address.parse().map_err(|_| invalid())?;
    time.parse::<jiff::Timestamp>().map_err(|_| invalid())?;
    let has = |id: &String| {
        inventory::adapters(id).iter().any(|(_, addresses)| addresses.contains(&address.to_string()))
    };
    let found: Vec<Value> =
        inventory::fleet().iter().filter(|id| has(id)).filter_map(|id| machine(id)).collect();
    Ok(collection(&found))
}

/// Devices that have a file.
pub(super) fn file_machines(hash: &str) -> Result<Reply, Refusal> {
    if !is_hash(hash) || hash.len() != 40 {
        return Err(Refusal::bad_request("InvalidHashValue", "The file's SHA-1 is not valid."));
    }
    let mut rng = Rng::new(&["defender", "devices of file", hash]);
    let some = if file(hash).is_some() { rng.some(&inventory::fleet(), 1..=7) } else { Vec::new() };
    let found: Vec<Value> = some.iter().filter_map(|id| machine(id)).collect();
    Ok(collection(&found))
}

/// How widely a file is seen.
pub(super) fn file_stats(hash: &str) -> Result<Reply, Refusal> {
    if !is_hash(hash) || hash.len() != 40 {
        return Err(Refusal::bad_request("InvalidHashValue", "The file's SHA-1 is not valid."));
    }
    file(hash).ok_or_else(|| Refusal::not_found(format!("File {hash} was not found.")))?;
    Ok(stats("sha1", hash))
}

/// How widely a thing is seen.
pub(super) fn stats(name: &str, value: &str) -> Reply {
    let mut rng = Rng::new(&["defender", "statistics", value]);
    let first = rng.time();
    let mut body = json!({
        "organizationPrevalence": rng.below(40),
        "orgFirstSeen": first.to_string(),
        "orgLastSeen": (first + jiff::SignedDuration::from_hours(48)).to_string(),
        "globallyPrevalence": rng.below(100_000).to_string(),
        "globalFirstObserved": "2024-03-16T12:02:32.4527362Z",
        "globalLastObserved": "2026-02-01T06:54:07Z",
        "topFileNames": if name == "sha1" { json!(["update.exe", "drop.exe"]) } else { json!([]) },
    });
    body[name] = json!(value);
    Reply::json(200, &body)
}
