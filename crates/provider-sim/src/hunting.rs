//! Advanced hunting over generated events of devices, as Defender for Endpoint and Microsoft Graph both serve it
//! ([tables](https://learn.microsoft.com/defender-xdr/advanced-hunting-schema-tables)).
//!
//! Rows are generated for the values in a query, then the query runs over them. So a query finds what it asks for and
//! nothing else.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::inventory;
use crate::kql::{Outcome, Query, Row, Step, Table};
use crate::seeded::Rng;

/// The rows that a query over the tables of devices finds.
pub(crate) fn run(query: &Query) -> Outcome {
    let rows = match query.table {
        Table::DeviceFileEvents => file_rows(query),
        Table::DeviceNetworkEvents => network_rows(query),
        Table::DeviceNetworkInfo => adapter_rows(query),
        Table::AlertEvidence => Vec::new(),
    };
    query.run(rows, Timestamp::now())
}

/// The running time of a query: it grows with the number of values and of rows.
pub(crate) fn running_time(query: &Query) -> Duration {
    /// Most rows of an answer.
    const MOST: usize = 100_000;
    let rows = query.steps.iter().find_map(|step| match step {
        Step::Top { count, .. } => Some(*count),
        _ => None,
    });
    let rows = u32::try_from(rows.unwrap_or(1000).min(MOST)).unwrap_or(u32::MAX);
    let values = u32::try_from(query.literals().len()).unwrap_or(u32::MAX);
    Duration::from_millis(100) * values + Duration::from_millis(5) * rows
}

/// A row with the columns of all events.
fn event(rng: &mut Rng, more: Value) -> Row {
    let device = rng.pick(&inventory::fleet());
    let process = rng.hex(32);
    let row = json!({
        "Timestamp": format!("{:.7}", rng.time()),
        "DeviceId": device,
        "DeviceName": inventory::name(&device),
        "InitiatingProcessSHA1": format!("{process}{}", Rng::new(&["defender", "sha1", &process]).hex(8)),
        // Usually empty.
        "InitiatingProcessSHA256": "",
        "InitiatingProcessMD5": process,
        "InitiatingProcessFileName": rng.pick(&["loader.exe", "powershell.exe", "winword.exe"]),
        "InitiatingProcessFolderPath": "c:\\temp\\loader.exe",
        "InitiatingProcessParentFileName": "explorer.exe",
        "ReportId": rng.below(90_000) + 1000,
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
        .filter_map(inventory::file)
        .map(|file| (file.md5, file.sha1, file.sha256))
        .collect();
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for (md5, sha1, sha256) in files {
        if !seen.insert(md5.clone()) {
            continue;
        }
        let mut rng = Rng::new(&["defender", "file events", &md5]);
        for _ in 0..rng.below(5) {
            let action = rng.pick(&["FileCreated", "FileModified", "FileRenamed", "FileDeleted"]);
            let name = rng.pick(&["drop.exe", "invoice.exe", "update.exe"]);
            let origin =
                if rng.percent(50) { format!("https://{}/{name}", rng.domain()) } else { String::new() };
            let previous = if action == "FileRenamed" { "drop.tmp" } else { "" };
            let sha256 = if rng.percent(30) { sha256.as_str() } else { "" };
            let more = json!({
                "ActionType": action, "FileName": name, "PreviousFileName": previous,
                "FolderPath": format!("C:\\Temp\\{name}"), "SHA1": sha1, "SHA256": sha256, "MD5": md5,
                "FileOriginUrl": origin, "FileOriginReferrerUrl": "",
            });
            rows.push(event(&mut rng, more));
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
        let mut rng = Rng::new(&["defender", "network events", &name]);
        for _ in 0..rng.below(5) {
            let address: Option<IpAddr> = name.parse().ok();
            let (ip, url) = match address {
                Some(IpAddr::V4(ip)) if rng.percent(20) => (format!("::ffff:{ip}"), String::new()),
                Some(ip) => (ip.to_string(), if rng.percent(50) { rng.domain() } else { String::new() }),
                None => {
                    let urls = [name.clone(), format!("https://{name}/gate.php"), format!("{name}:8443")];
                    (rng.ipv4().to_string(), rng.pick(&urls))
                }
            };
            let action = rng.pick(&[
                "ConnectionSuccess",
                "ConnectionSuccess",
                "ConnectionFailed",
                "InboundConnectionAccepted",
            ]);
            let more = json!({
                "ActionType": action, "RemoteIP": ip, "RemotePort": rng.pick(&[443, 80, 8443]), "RemoteUrl": url,
                "LocalIP": format!("10.20.{}.{}", rng.below(200), rng.below(250) + 1),
                "LocalPort": rng.below(10_000) + 50_000, "Protocol": "Tcp",
            });
            rows.push(event(&mut rng, more));
        }
    }
    rows
}

fn adapter_rows(query: &Query) -> Vec<Row> {
    let mut rows = Vec::new();
    for id in query.literals() {
        for (mac, addresses) in inventory::machine(id).into_iter().flat_map(|_| inventory::adapters(id)) {
            let addresses: Vec<Value> = addresses
                .iter()
                .map(|ip| json!({"IPAddress": ip, "SubnetPrefix": 24, "AddressType": "Private"}))
                .collect();
            let addresses = Value::from(addresses).to_string();
            for day in 1..=2 {
                rows.push(object(json!({
                    "Timestamp": format!("2026-10-0{day}T06:00:00.0000000Z"), "DeviceId": id,
                    "DeviceName": inventory::name(id), "NetworkAdapterType": "Ethernet",
                    "NetworkAdapterStatus": "Up", "MacAddress": mac, "IPAddresses": addresses,
                })));
            }
        }
    }
    rows
}
