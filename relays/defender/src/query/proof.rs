//! Every form of query that the relay can send, for the check by another engine (`deploy/check-queries.py`).

use provider_sim::hunting::NOW;
use provider_sim::kql::Table as SimTable;
use relay_core::observable::ObservableType::{
    self, Domain, FileName, FilePath, Ip, Ipv6, Md5, Sha1, Sha256, Url, User,
};
use relay_testkit::Queries;
use serde_json::{Value, json};

use super::tests::{subject, target};
use super::*;

const SHA1: &str = "1f00000000000000000000000000000000000a01";
/// What is asked about: each has rows below, and the first of each kind has near misses too.
const ASKED: [(ObservableType, &str); 15] = [
    (Ip, "203.0.113.9"),
    (Ip, "10.0.0.8"),
    (Ipv6, "2001:DB8:0::7"),
    (Domain, "c2.bad.example"),
    (Domain, "b\u{fc}cher.example"),
    (Url, "https://c2.bad.example/Gate?q=1#f"),
    (Url, "https://dl.bad.example"),
    (Sha1, SHA1),
    (Sha256, "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"),
    (Md5, "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2"),
    (FileName, "drop \"1\".exe"),
    (FileName, "\u{c4}rger.exe"),
    (FilePath, r"C:\Temp\it's here\drop.exe"),
    (User, r"CORP\jdoe"),
    (User, "o'neil"),
];

#[test]
fn every_form_of_query_is_written_for_another_engine() {
    let mut queries = Queries::new(NOW);
    for (table, rows) in rows() {
        queries.add_rows(table, rows.as_array().unwrap().iter().map(|row| row.as_object().unwrap().clone()));
    }
    let subjects: Vec<Subject> = ASKED.iter().map(|(kind, value)| subject(*kind, value)).collect();
    let targets: Vec<Target<'_>> = subjects
        .iter()
        .enumerate()
        .map(|(n, one)| Target { sha1: one.is_hash().then_some(SHA1), ..target(n, one, 1000) })
        .collect();
    for depth in [Depth::Standard, Depth::Deep] {
        let batch = Batch::new(&targets, depth);
        queries.add(format!("{depth:?}: all"), batch.union(&batch.legs()));
        for leg in batch.legs() {
            let table = leg.table.name();
            queries.add(format!("{depth:?}: {table} alone"), batch.alone(&leg));
            queries.add(format!("{depth:?}: {table} plain"), batch.plain(&leg));
        }
        for (one, (kind, value)) in targets.iter().zip(ASKED) {
            let batch = Batch::new(std::slice::from_ref(one), depth);
            queries.add(format!("{depth:?}: {kind:?} {value}"), batch.union(&batch.legs()));
        }
    }
    // The simulator has devices of its own; ids of others are asked for too.
    let devices = ["73e7e2de709dff64ef64b1d0c30e67fab63279db", "another-device"];
    let devices: Vec<MachineId> = devices.into_iter().filter_map(MachineId::parse).collect();
    queries.add("adapters", adapters(&devices).unwrap());
    queries.finish("defender");
}

/// Rows with what the columns hold in reality, and with what only looks alike.
fn rows() -> [(SimTable, Value); 7] {
    [
        (SimTable::DeviceNetworkEvents, network()),
        (SimTable::DeviceEvents, dns()),
        (SimTable::DeviceFileEvents, files()),
        (SimTable::DeviceProcessEvents, files_of("ProcessCreated")),
        (SimTable::DeviceImageLoadEvents, files_of("ImageLoaded")),
        (SimTable::DeviceLogonEvents, logons()),
        (SimTable::DeviceNetworkInfo, network_info()),
    ]
}

/// Gives each row a time and an id of its own.
fn numbered(rows: impl IntoIterator<Item = Value>) -> Value {
    let number = |(n, mut row): (usize, Value)| {
        let fields = row.as_object_mut().unwrap();
        let time = NOW - jiff::SignedDuration::from_mins(i64::try_from(n).unwrap());
        fields.entry("Timestamp").or_insert_with(|| json!(format!("{time:.7}")));
        fields.entry("ReportId").or_insert(json!(n));
        fields.entry("DeviceId").or_insert(json!("a-device"));
        row
    };
    rows.into_iter().enumerate().map(number).collect()
}

fn network() -> Value {
    let to =
        |url: &str| json!({"ActionType": "ConnectionSuccess", "RemoteIP": "198.51.100.1", "RemoteUrl": url});
    let urls = [
        "c2.bad.example",
        "C2.BAD.example:8443",
        "https://C2.bad.example/gate?q=1",
        "https://c2.bad.example/Gate?q=1",
        "ftp+x://c2.bad.example",
        "1http://c2.bad.example/",
        "//c2.bad.example/",
        "http://user@c2.bad.example/",
        "ac2.bad.example",
        "x.c2.bad.example",
        "x_c2.bad.example",
        "c2.bad.example.org",
        "c2.bad.exampleorg",
        "https://other.example/?to=c2.bad.example",
        "https://dl.bad.example",
        "https://dl.bad.example/",
        "https://dl.bad.example/x",
        "xn--bcher-kva.example",
        "",
    ];
    let inspected = |action: &str, fields: Value| {
        let fields = if fields.is_string() { fields } else { json!(fields.to_string()) };
        json!({"ActionType": action, "RemoteIP": "198.51.100.2", "AdditionalFields": fields})
    };
    let fields = [
        json!({"direction": "Out", "query": "C2.bad.example", "answers": "[\"203.0.113.9\"]"}),
        json!({"host": "c2.bad.example"}),
        json!({"server_name": "c2.bad.example"}),
        json!({"query": "c2.bad.", "server_name": "example"}),
        json!({"other": "c2.bad.example"}),
        json!({"query": 5, "host": true, "server_name": null, "other": "c2.bad.example"}),
        json!({"query": ["c2.bad.example"], "host": {"a": "c2.bad.example"}}),
        json!(["c2.bad.example"]),
        json!("c2.bad.example is no JSON"),
        json!("{\"query\": \"c2.bad.example\""),
        json!("{\"query\": \"c2.b\\u0061d.example\"}"),
        json!({"query": "xn--bcher-kva.example"}),
        json!(""),
    ];
    let hosts = ["203.0.113.9", "::FFFF:203.0.113.9", "203.0.113.90", "10.0.0.8", "2001:db8::7", "-", ""];
    let remote = hosts.map(|ip| json!({"ActionType": "ConnectionSuccess", "RemoteIP": ip, "RemoteUrl": ""}));
    let local = hosts.map(|ip| json!({"ActionType": "InboundConnectionAccepted", "LocalIP": ip}));
    let more = [
        json!({"ActionType": "ConnectionSuccess", "RemoteIP": "203.0.113.9", "LocalIP": "203.0.113.9",
               "RemotePort": 443, "RemoteUrl": "203.0.113.9", "InitiatingProcessSHA1": SHA1.to_uppercase()}),
        json!({"ActionType": "ConnectionSuccess", "InitiatingProcessMD5": "B2".repeat(16)}),
        json!({"Timestamp": "2020-01-01T00:00:00.0000000Z", "RemoteIP": "203.0.113.9"}),
    ];
    let with_fields = fields.iter().flat_map(|fields| {
        ["DnsConnectionInspected", "sslconnectionINSPECTED", "ConnectionSuccess"]
            .map(|action| inspected(action, fields.clone()))
    });
    numbered(urls.into_iter().map(to).chain(with_fields).chain(remote).chain(local).chain(more))
}

fn dns() -> Value {
    let fields = [
        json!({"DnsQueryString": "C2.bad.example", "DnsQueryResult": [{"Result": "203.0.113.9"}]}),
        json!({"DnsQueryString": "x.c2.bad.example"}),
        json!({"DnsQueryString": "cname.example", "DnsQueryResult": [{"Result": "c2.bad.example"}]}),
        json!({"DnsQueryString": "xn--bcher-kva.example"}),
        json!({"DnsQueryString": "dl.bad.example"}),
        json!({"dnsquerystring": "c2.bad.example"}),
        json!({"DnsQueryString": null, "Other": "c2.bad.example"}),
    ];
    let row =
        |fields: Value, action: &str| json!({"ActionType": action, "AdditionalFields": fields.to_string()});
    numbered(fields.into_iter().flat_map(|fields| {
        ["DnsQueryResponse", "dnsqueryresponse", "NamedPipeEvent"].map(|action| row(fields.clone(), action))
    }))
}

/// What rows of files and programs have in common.
fn of_files() -> Vec<Value> {
    let mut rows = vec![
        json!({"SHA1": SHA1, "SHA256": "", "MD5": ""}),
        json!({"SHA1": SHA1.to_uppercase(), "SHA256": "A1".repeat(32), "MD5": "b2".repeat(16)}),
        json!({"SHA256": SHA1}),
        json!({"MD5": "b2".repeat(15)}),
    ];
    for name in
        ["drop \"1\".exe", "DROP \"1\".EXE", "drop 1.exe", "\u{c4}rger.exe", "\u{e4}RGER.exe", "a.exe"]
    {
        rows.push(json!({"FileName": name, "FolderPath": format!("C:\\Temp\\{name}")}));
    }
    for path in [r"C:\Temp\it's here\drop.exe", r"c:\temp\IT'S HERE\drop.exe", r"C:\Temp\it's here"] {
        rows.push(json!({"FileName": "drop.exe", "FolderPath": path}));
    }
    rows
}

fn files_of(action: &str) -> Value {
    let with = |mut row: Value, action: &str| {
        row["ActionType"] = json!(action);
        row
    };
    let other = of_files().into_iter().map(|row| with(row, "Other"));
    numbered(of_files().into_iter().map(|row| with(row, action)).chain(other))
}

fn files() -> Value {
    let origins = [
        "https://dl.bad.example",
        "HTTPS://DL.bad.example/",
        "https://dl.bad.example/drop.exe",
        "https://c2.bad.example/Gate?q=1",
        "about:internet",
    ];
    let from = |url: &str| json!({"FileOriginUrl": url, "FileName": "x.exe", "SHA1": "2f".repeat(20)});
    let rows = of_files().into_iter().chain(origins.map(from));
    numbered(rows.map(|mut row| {
        row["ActionType"] = json!("FileCreated");
        row
    }))
}

fn logons() -> Value {
    let of = |account: &str, ip: &str, kind: &str, action: &str| {
        json!({"ActionType": action, "LogonType": kind, "AccountName": account, "AccountDomain": "corp",
               "RemoteIP": ip})
    };
    numbered([
        of("jdoe", "203.0.113.9", "Network", "LogonSuccess"),
        of("jdoe", "203.0.113.9", "Network", "LogonSuccess"),
        of("JDoe", "203.0.113.9", "Network", "LogonSuccess"),
        of("jdoe", "203.0.113.9", "Network", "LogonFailed"),
        of("jdoe", "::ffff:203.0.113.9", "RemoteInteractive", "LogonSuccess"),
        of("jdoe", "", "Service", "LogonSuccess"),
        of("jdoe2", "10.0.0.8", "Interactive", "LogonSuccess"),
        of("o'neil", "2001:db8::7", "Interactive", "LogonSuccess"),
        of("other", "2001:db8::7", "interactive", "LogonSuccess"),
    ])
}

fn network_info() -> Value {
    let of = |id: &str, mac: &str, ip: &str| json!({"DeviceId": id, "MacAddress": mac, "IPAddresses": json!([{"IPAddress": ip}]).to_string()});
    numbered([
        of("another-device", "02A1B2C3D4E5", "10.20.30.42"),
        of("another-device", "02A1B2C3D4E5", "10.20.30.1"),
        of("another-device", "02A1B2C3D4E6", "10.20.30.43"),
        of("ANOTHER-DEVICE", "02A1B2C3D4E5", "10.20.30.44"),
    ])
}
