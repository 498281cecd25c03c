//! Advanced hunting over made-up device events
//! ([documentation](https://learn.microsoft.com/defender-endpoint/api/run-advanced-query-api)).
//!
//! The rows are made up for the values that a query looks for, then the query is run over them. So a query finds
//! what it asks for and nothing else.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::estate;
use super::fault::Fault;
use crate::invent::Dice;
use crate::kql::{Outcome, Query, Row, Table};
use crate::reply::Reply;
use crate::request::Request;
use crate::running_time::{self, RunningTime, Share};

const HOURLY: Share = Share { time: Duration::from_secs(600), per: Duration::from_secs(3600) };
const DAILY: Share = Share { time: Duration::from_secs(3 * 3600), per: Duration::from_secs(24 * 3600) };

/// Whether a tenant can hunt by this API at all.
pub(super) fn offered(tenant: &str) -> Result<(), Fault> {
    match tenant {
        "no-hunting.example" | "retired-403.example" => {
            Err(Fault::forbidden("Advanced hunting is not available to the tenant."))
        }
        "retired-404.example" => {
            Err(Fault::not_found("No HTTP resource was found that matches the request URI."))
        }
        "late.example" => Err(Fault::gone("This API has been retired.")),
        _ => Ok(()),
    }
}

/// The query in a request.
pub(super) fn query(request: &Request) -> Result<Query, Fault> {
    let body = request.json().unwrap_or_default();
    let text = body["Query"].as_str().ok_or_else(|| {
        Fault::bad_request("MissingRequiredParameter", "The required parameter Query is missing.")
    })?;
    let query = Query::parse(text)
        .map_err(|fault| Fault::bad_request("BadRequest", format!("Syntax error: {fault}.")))?;
    if query.table == Table::AlertEvidence {
        return Err(Fault::bad_request("BadRequest", "Semantic error: the table AlertEvidence is unknown."));
    }
    Ok(query)
}

/// The rows that a query over tables of devices finds; also what Microsoft Graph finds in these tables.
pub fn found(query: &Query) -> Outcome {
    let rows = match query.table {
        Table::DeviceFileEvents => file_rows(query),
        Table::DeviceNetworkEvents => network_rows(query),
        Table::DeviceNetworkInfo => adapter_rows(query),
        Table::AlertEvidence => Vec::new(),
    };
    query.run(rows, Timestamp::now())
}

pub(super) fn answer(query: &Query) -> Reply {
    let found = found(query);
    let schema: Vec<Value> =
        found.columns.iter().map(|column| json!({"Name": column.name, "Type": column.kind.name()})).collect();
    let stats = json!({"ExecutionTime": running_time::cost(query).as_secs_f64(), "resource_usage": {}});
    Reply::json(200, &json!({"Stats": stats, "Schema": schema, "Results": found.rows}))
}

/// The running time that a tenant has, and what it is told when that is used up.
pub(super) fn affordable(spent: &RunningTime, tenant: &str, query: &Query) -> Result<(), Fault> {
    spent.spend(tenant, query, &[HOURLY, DAILY], Instant::now()).map_err(|used_up| {
        let allowed = if used_up.share == HOURLY { "10 minutes per hour" } else { "3 hours per day" };
        let message = format!("Exceeded the allotted running time of advanced hunting queries ({allowed}).");
        Fault::too_many(message, used_up.seconds())
    })
}

/// A row with what all events have.
fn event(dice: &mut Dice, more: Value) -> Row {
    let device = dice.pick(&estate::fleet());
    let process = dice.hex(32);
    let row = json!({
        "Timestamp": format!("{:.7}", dice.time()),
        "DeviceId": device,
        "DeviceName": estate::name(&device),
        "InitiatingProcessSHA1": format!("{process}{}", Dice::new(&["defender", "sha1", &process]).hex(8)),
        // Mostly not populated.
        "InitiatingProcessSHA256": "",
        "InitiatingProcessMD5": process,
        "InitiatingProcessFileName": dice.pick(&["loader.exe", "powershell.exe", "winword.exe"]),
        "InitiatingProcessFolderPath": "c:\\temp\\loader.exe",
        "InitiatingProcessParentFileName": "explorer.exe",
        "ReportId": dice.below(90_000) + 1000,
    });
    let mut all = object(row);
    all.extend(object(more));
    all
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn file_rows(query: &Query) -> Vec<Row> {
    // One file may be looked for by several of its hashes.
    let files: BTreeSet<_> = query
        .literals()
        .into_iter()
        .filter_map(estate::file)
        .map(|file| (file.md5, file.sha1, file.sha256))
        .collect();
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for (md5, sha1, sha256) in files {
        if !seen.insert(md5.clone()) {
            continue;
        }
        let mut dice = Dice::new(&["defender", "file events", &md5]);
        for _ in 0..dice.below(5) {
            let action = dice.pick(&["FileCreated", "FileModified", "FileRenamed", "FileDeleted"]);
            let name = dice.pick(&["drop.exe", "invoice.exe", "update.exe"]);
            let origin =
                if dice.percent(50) { format!("https://{}/{name}", dice.domain()) } else { String::new() };
            let previous = if action == "FileRenamed" { "drop.tmp" } else { "" };
            let sha256 = if dice.percent(30) { sha256.as_str() } else { "" };
            let more = json!({
                "ActionType": action, "FileName": name, "PreviousFileName": previous,
                "FolderPath": format!("C:\\Temp\\{name}"), "SHA1": sha1, "SHA256": sha256, "MD5": md5,
                "FileOriginUrl": origin, "FileOriginReferrerUrl": "",
            });
            rows.push(event(&mut dice, more));
        }
    }
    rows
}

fn network_rows(query: &Query) -> Vec<Row> {
    let mut names = BTreeSet::new();
    for literal in query.literals() {
        let name = literal.trim_start_matches("https://").trim_start_matches("http://");
        names.insert(name.trim_start_matches("::ffff:").trim_end_matches(['/', ':']).to_lowercase());
    }
    let mut rows = Vec::new();
    for name in names {
        let mut dice = Dice::new(&["defender", "network events", &name]);
        for _ in 0..dice.below(5) {
            let address: Option<IpAddr> = name.parse().ok();
            let (ip, url) = match address {
                Some(IpAddr::V4(ip)) if dice.percent(20) => (format!("::ffff:{ip}"), String::new()),
                Some(ip) => (ip.to_string(), if dice.percent(50) { dice.domain() } else { String::new() }),
                None => {
                    let urls = [name.clone(), format!("https://{name}/gate.php"), format!("{name}:8443")];
                    (dice.ipv4().to_string(), dice.pick(&urls))
                }
            };
            let action = dice.pick(&[
                "ConnectionSuccess",
                "ConnectionSuccess",
                "ConnectionFailed",
                "InboundConnectionAccepted",
            ]);
            let more = json!({
                "ActionType": action, "RemoteIP": ip, "RemotePort": dice.pick(&[443, 80, 8443]), "RemoteUrl": url,
                "LocalIP": format!("10.20.{}.{}", dice.below(200), dice.below(250) + 1),
                "LocalPort": dice.below(10_000) + 50_000, "Protocol": "Tcp",
            });
            rows.push(event(&mut dice, more));
        }
    }
    rows
}

fn adapter_rows(query: &Query) -> Vec<Row> {
    let mut rows = Vec::new();
    for id in query.literals() {
        for (mac, addresses) in estate::machine(id).into_iter().flat_map(|_| estate::adapters(id)) {
            let addresses: Vec<Value> = addresses
                .iter()
                .map(|ip| json!({"IPAddress": ip, "SubnetPrefix": 24, "AddressType": "Private"}))
                .collect();
            let addresses = Value::from(addresses).to_string();
            for day in 1..=2 {
                rows.push(object(json!({
                    "Timestamp": format!("2026-10-0{day}T06:00:00.0000000Z"), "DeviceId": id,
                    "DeviceName": estate::name(id), "NetworkAdapterType": "Ethernet",
                    "NetworkAdapterStatus": "Up", "MacAddress": mac, "IPAddresses": addresses,
                })));
            }
        }
    }
    rows
}
