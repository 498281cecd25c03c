//! The events that are generated for the values of a query.

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{NOW, object};
use crate::inventory::{self, File};
use crate::kql::{Row, Table};
use crate::seeded::Rng;

/// How far back events are generated: a little less than hunting reaches.
const SECONDS: u64 = 29 * 24 * 3600;
/// Host names with many more connections than others.
const BUSY: [(&str, u64); 2] = [("busy.example", 5000), ("busiest.example", 10_000)];

/// The rows of a table about these values.
pub(super) fn of(table: Table, values: &[&str]) -> Vec<Row> {
    match table {
        Table::DeviceFileEvents => of_files(values, "file events", file_event),
        Table::DeviceProcessEvents => of_files(values, "process events", process_event),
        Table::DeviceImageLoadEvents => of_files(values, "image events", image_event),
        Table::DeviceNetworkEvents => of_names(values, "network events", network_events),
        Table::DeviceEvents => of_names(values, "dns events", dns_events),
        Table::DeviceLogonEvents => of_names(values, "logons", logons),
        Table::DeviceNetworkInfo => adapters(values),
        // They belong to a tenant.
        Table::AlertInfo | Table::AlertEvidence => Vec::new(),
    }
}

/// A row with what all events have.
fn event(rng: &mut Rng, more: Value) -> Row {
    let device = rng.pick(&inventory::fleet());
    let process = rng.hex(32);
    let seconds = i64::try_from(rng.below(SECONDS)).unwrap_or_default();
    let row = json!({
        "Timestamp": format!("{:.7}", NOW - SignedDuration::from_secs(seconds)),
        "DeviceId": device,
        "DeviceName": inventory::name(&device),
        "InitiatingProcessSHA1": format!("{process}{}", Rng::new(&["defender", "sha1", &process]).hex(8)),
        // Mostly not populated.
        "InitiatingProcessSHA256": "",
        "InitiatingProcessMD5": process,
        "InitiatingProcessFileName": rng.pick(&["loader.exe", "powershell.exe", "winword.exe"]),
        "InitiatingProcessFolderPath": "c:\\temp\\loader.exe",
        "InitiatingProcessCommandLine": "loader.exe -quiet",
        "InitiatingProcessParentFileName": "explorer.exe",
        "InitiatingProcessAccountName": rng.pick(&["jdoe", "SYSTEM"]),
        "InitiatingProcessAccountDomain": "CORP",
        "InitiatingProcessAccountUpn": "",
        "ReportId": rng.below(90_000) + 1000,
    });
    let mut all = object(row);
    all.extend(object(more));
    all
}

/// Events about the files that a query looks for by hash, name or path. One file may be looked for by several of its
/// hashes.
fn of_files(values: &[&str], kind: &str, make: fn(&mut Rng, &File, &str) -> Value) -> Vec<Row> {
    let mut files: BTreeSet<(String, String, String, String)> = BTreeSet::new();
    for literal in values {
        let name = literal.rsplit(['/', '\\']).next().unwrap_or(literal);
        let named = || inventory::file(&Rng::new(&["defender", "named file", literal]).hex(40));
        let is_name = !inventory::is_hash(literal) && literal.contains('.') && !literal.contains(':');
        match inventory::file(literal) {
            Some(file) => drop(files.insert((file.md5, file.sha1, file.sha256, String::new()))),
            None if is_name || literal.contains('\\') => {
                files.extend(named().map(|file| (file.md5, file.sha1, file.sha256, name.to_owned())));
            }
            None => {}
        }
    }
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for (md5, sha1, sha256, name) in files {
        if !seen.insert(md5.clone()) {
            continue;
        }
        let mut rng = Rng::new(&["defender", kind, &md5]);
        let sha256 = if rng.percent(30) { sha256 } else { String::new() };
        let file = File { sha1, sha256, md5 };
        for _ in 0..rng.below(5) {
            let picked = rng.pick(&["drop.exe", "invoice.exe", "update.exe"]);
            let more = make(&mut rng, &file, if name.is_empty() { picked } else { &name });
            rows.push(event(&mut rng, more));
        }
    }
    rows
}

fn hashes(file: &File, name: &str) -> Value {
    json!({
        "FileName": name, "FolderPath": format!("C:\\Temp\\{name}"), "SHA1": file.sha1, "SHA256": file.sha256,
        "MD5": file.md5,
    })
}

fn with(mut row: Value, more: Value) -> Value {
    if let Value::Object(fields) = &mut row {
        fields.extend(object(more));
    }
    row
}

fn file_event(rng: &mut Rng, file: &File, name: &str) -> Value {
    let action = rng.pick(&["FileCreated", "FileModified", "FileRenamed", "FileDeleted"]);
    let origin = match rng.below(4) {
        0 | 1 => format!("https://{}/{name}", rng.domain()),
        2 => "about:internet".to_owned(),
        _ => String::new(),
    };
    let previous = if action == "FileRenamed" { "drop.tmp" } else { "" };
    let more = json!({
        "ActionType": action, "PreviousFileName": previous, "FileOriginUrl": origin, "FileOriginReferrerUrl": "",
    });
    with(hashes(file, name), more)
}

fn process_event(rng: &mut Rng, file: &File, name: &str) -> Value {
    let more = json!({
        "ActionType": "ProcessCreated", "ProcessCommandLine": format!("{name} -x"),
        "AccountName": rng.pick(&["jdoe", "SYSTEM"]), "AccountDomain": "CORP", "AccountUpn": "jdoe@corp.example",
    });
    with(hashes(file, name), more)
}

fn image_event(_: &mut Rng, file: &File, name: &str) -> Value {
    with(hashes(file, name), json!({"ActionType": "ImageLoaded"}))
}

/// Events about the addresses, host names and accounts that a query looks for.
fn of_names(values: &[&str], kind: &str, make: fn(&mut Rng, &str) -> Vec<Value>) -> Vec<Row> {
    let mut names = BTreeSet::new();
    for literal in values {
        let name = literal.trim_start_matches("https://").trim_start_matches("http://");
        let name = name.split('/').next().unwrap_or(name);
        names.insert(name.trim_start_matches("::ffff:").trim_end_matches(':').to_lowercase());
    }
    let mut rows = Vec::new();
    for name in names {
        let mut rng = Rng::new(&["defender", kind, &name]);
        for more in make(&mut rng, &name) {
            rows.push(event(&mut rng, more));
        }
    }
    rows
}

fn network_events(rng: &mut Rng, name: &str) -> Vec<Value> {
    let busy = BUSY.iter().find(|(busy, _)| *busy == name);
    let count = busy.map_or_else(|| rng.below(5), |(_, count)| *count);
    (0..count).map(|_| network_event(rng, name)).collect()
}

fn network_event(rng: &mut Rng, name: &str) -> Value {
    let address: Option<IpAddr> = name.parse().ok();
    let (ip, url) = match address {
        Some(IpAddr::V4(ip)) if rng.percent(20) => (format!("::ffff:{ip}"), String::new()),
        Some(ip) => (ip.to_string(), if rng.percent(50) { rng.domain() } else { String::new() }),
        None => {
            let urls = [name.to_owned(), format!("https://{name}/gate.php"), format!("{name}:8443")];
            (rng.ipv4().to_string(), rng.pick(&urls))
        }
    };
    let action = rng.pick(&[
        "ConnectionSuccess",
        "ConnectionSuccess",
        "ConnectionFailed",
        "InboundConnectionAccepted",
        "SslConnectionInspected",
    ]);
    let proxied = address.is_none() && rng.percent(20);
    let (ip, port) = if proxied { ("10.0.0.8".to_owned(), 8080) } else { (ip, rng.pick(&[443, 80, 8443])) };
    let server = if address.is_none() { name } else { "" };
    let fields = if action.ends_with("Inspected") {
        json!({"direction": rng.pick(&["In", "Out"]), "server_name": server}).to_string()
    } else {
        String::new()
    };
    json!({
        "ActionType": action, "RemoteIP": ip, "RemotePort": port, "RemoteUrl": url, "AdditionalFields": fields,
        "LocalIP": format!("10.20.{}.{}", rng.below(200), rng.below(250) + 1),
        "LocalPort": rng.below(10_000) + 50_000, "Protocol": "Tcp",
    })
}

fn dns_events(rng: &mut Rng, name: &str) -> Vec<Value> {
    if !name.contains('.') || name.parse::<IpAddr>().is_ok() {
        return Vec::new();
    }
    let answer = |rng: &mut Rng| {
        let result = json!([{"Result": rng.ipv4().to_string(), "DnsQueryType": "A"}]).to_string();
        json!({"DnsQueryString": name, "DnsQueryResult": result}).to_string()
    };
    let count = rng.below(3);
    (0..count).map(|_| json!({"ActionType": "DnsQueryResponse", "AdditionalFields": answer(rng)})).collect()
}

fn logons(rng: &mut Rng, name: &str) -> Vec<Value> {
    let is_address = name.parse::<IpAddr>().is_ok();
    let count = rng.below(4);
    let logon = |rng: &mut Rng| {
        let action = rng.pick(&["LogonSuccess", "LogonFailed"]);
        let failure = if action == "LogonFailed" { "InvalidUserNameOrPassword" } else { "" };
        json!({
            "ActionType": action, "LogonType": rng.pick(&["Interactive", "RemoteInteractive", "Network"]),
            "AccountName": if is_address { "jdoe" } else { name }, "AccountDomain": "CORP",
            "RemoteIP": if is_address { name.to_owned() } else { rng.ipv4().to_string() },
            "RemotePort": rng.below(10_000) + 50_000, "FailureReason": failure,
        })
    };
    (0..count).map(|_| logon(rng)).collect()
}

fn adapters(values: &[&str]) -> Vec<Row> {
    let mut rows = Vec::new();
    for id in values {
        for (mac, addresses) in inventory::machine(id).into_iter().flat_map(|_| inventory::adapters(id)) {
            let addresses: Vec<Value> = addresses
                .iter()
                .map(|ip| json!({"IPAddress": ip, "SubnetPrefix": 24, "AddressType": "Private"}))
                .collect();
            let addresses = Value::from(addresses).to_string();
            for day in 1..=2 {
                rows.push(object(json!({
                    "Timestamp": format!("2026-02-0{day}T06:00:00.0000000Z"), "DeviceId": id,
                    "DeviceName": inventory::name(id), "NetworkAdapterType": "Ethernet",
                    "NetworkAdapterStatus": "Up", "MacAddress": mac, "IPAddresses": addresses,
                })));
            }
        }
    }
    rows
}
