//! Every form of query that the relay can send, for the check by another engine (`deploy/check-queries.py`).

use provider_sim::kql::Table;
use relay_core::observable::ObservableType::{
    Domain, Email, EmailMessageId, EmailSubject, FileName, FilePath, Hostname, Ip, Ipv6, Md5, MsMachineId,
    Sha1, Sha256, Url, User,
};
use relay_testkit::Queries;
use serde_json::{Value, json};

use super::*;

/// What is asked about; each has rows below.
const ASKED: [(ObservableType, &str); 22] = [
    (Ip, "203.0.113.9"),
    (Ipv6, "2001:db8::7"),
    (Domain, "c2.bad.example"),
    (Domain, "b\u{fc}cher.example"),
    (Url, "https://c2.bad.example/Gate?q=\"1\""),
    (Hostname, "ws-042"),
    (FileName, "drop \"1\".exe"),
    (FileName, "\u{c4}rger.exe"),
    (FilePath, r"C:\Temp\drop.exe"),
    (FilePath, "/usr/sbin/crond"),
    (Sha256, "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"),
    (Sha1, "1f00000000000000000000000000000000000a01"),
    (Md5, "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2"),
    (Email, "jdoe@corp.example"),
    (Email, "sender@bad.example"),
    (EmailSubject, "Invoice: it's due"),
    (EmailMessageId, "<m1@bad.example>"),
    (User, r"CORP\jdoe"),
    (User, "jdoe@corp.example"),
    (User, "11111111-2222-4333-8444-555555555555"),
    (User, "o'neil"),
    (MsMachineId, "73e7e2de709dff64ef64b1d0c30e67fab63279db"),
];

#[test]
fn every_form_of_query_is_written_for_another_engine() {
    let tenant = "11111111-2222-4333-8444-555555555555";
    let mut queries = Queries::new(jiff::Timestamp::now());
    queries.add_rows(Table::AlertEvidence, rows());
    let about: Vec<Observable> =
        ASKED.iter().map(|(kind, value)| Observable::new(*kind, *value).unwrap()).collect();
    let chunks = Chunk::all(&about);
    assert_eq!(chunks.len(), 1);
    for (limit, days) in [(1000, 30), (1, 30), (1000, 2)] {
        queries.add_alerts(format!("all, {limit}, {days} days"), chunks[0].query(limit, days), tenant);
    }
    for one in &about {
        let name = format!("{:?} {}", one.kind(), one.value());
        let chunk = Chunk::all(std::slice::from_ref(one)).remove(0);
        queries.add_alerts(name.clone(), chunk.query(1000, 30), tenant);
        queries.add_text(format!("{name}, for people"), for_people(one).unwrap());
    }
    queries.finish("graph");
}

/// Evidence as it is in reality, and what only looks alike. Each row is an alert of its own, but for the last ones.
fn rows() -> Vec<provider_sim::kql::Row> {
    let mut rows: Vec<Value> = Vec::new();
    for ip in ["203.0.113.9", "::FFFF:203.0.113.9", "203.0.113.90", "2001:DB8::7", ""] {
        rows.push(json!({"EntityType": "Ip", "RemoteIP": ip}));
        rows.push(json!({"EntityType": "Machine", "LocalIP": ip}));
    }
    for url in [
        "c2.bad.example",
        "C2.BAD.example:8443",
        "https://C2.bad.example/gate?q=\"1\"",
        "https://c2.bad.example/Gate?q=\"1\"/",
        "http://user:pass@c2.bad.example/",
        "http://c2.bad.example@other.example/",
        "http://other.example/@c2.bad.example",
        "ac2.bad.example",
        "x.c2.bad.example",
        "c2.bad.example.org",
        "http://203.0.113.9:8080/x",
        "http://[2001:db8::7]:8080/x",
        "2001:db8::7",
        "xn--bcher-kva.example",
        "http://b\u{fc}cher.example/",
        "",
    ] {
        rows.push(json!({"EntityType": "Url", "RemoteUrl": url}));
    }
    for name in ["ws-042", "WS-042.corp.example", "ws-0421.corp.example", "c2.bad.example"] {
        rows.push(json!({"EntityType": "Machine", "DeviceName": name,
                         "DeviceId": "73E7e2de709dff64ef64b1d0c30e67fab63279db"}));
    }
    for (name, folder) in [
        ("drop \"1\".exe", ""),
        ("DROP \"1\".exe", "C:\\x"),
        ("\u{e4}rger.exe", ""),
        ("drop.exe", "c:\\temp"),
        ("drop.exe", "C:\\Temp\\drop.exe"),
        ("other.exe", "C:\\Temp"),
        ("crond", "/usr/sbin"),
        ("crond", "/usr/bin"),
    ] {
        rows.push(json!({"EntityType": "File", "FileName": name, "FolderPath": folder}));
    }
    for (sha1, sha256) in [("1F00000000000000000000000000000000000A01", ""), ("", "A1".repeat(32).as_str())] {
        rows.push(json!({"EntityType": "File", "SHA1": sha1, "SHA256": sha256}));
    }
    for (name, domain, upn, id) in [
        ("jdoe", "corp", "JDoe@corp.example", "11111111-2222-4333-8444-555555555555"),
        ("jdoe", "OTHER", "", ""),
        ("o'neil", "", "", ""),
        ("jdoe2", "CORP", "xjdoe@corp.example", ""),
    ] {
        rows.push(
            json!({"EntityType": "User", "AccountName": name, "AccountDomain": domain, "AccountUpn": upn,
                         "AccountObjectId": id}),
        );
    }
    let mails = [
        json!({"SenderIP": "203.0.113.9", "Urls": ["https://c2.bad.example/Gate?q=1"]}),
        json!({"SenderIP": "203.0.113.90", "Urls": ["https://ac2.bad.example/"]}),
        json!({"Sender": "sender@bad.example", "Recipient": "jdoe@corp.example", "InternetMessageId": "<m1@bad.example>"}),
        json!({"Sender": "xsender@bad.example.org"}),
        json!({"Attachments": [{"SHA256": "A1".repeat(32), "MD5": "b2".repeat(16)}]}),
        json!({"SHA1": "1f00000000000000000000000000000000000a01"}),
    ];
    for mail in mails {
        for kind in ["MailMessage", "Mailbox", "File"] {
            rows.push(json!({"EntityType": kind, "AdditionalFields": mail.to_string(),
                             "EmailSubject": "Invoice: IT'S due", "NetworkMessageId": "m1@bad.example"}));
        }
    }
    // Some alerts have several pieces of evidence, some are old.
    let now = jiff::Timestamp::now();
    let mut all = Vec::new();
    for (number, mut row) in rows.into_iter().enumerate() {
        let alert = if number % 7 == 0 { number } else { number / 3 };
        let hours = i64::try_from(number * 11).unwrap();
        row["Timestamp"] = json!((now - jiff::SignedDuration::from_hours(hours)).to_string());
        for (column, value) in [
            ("AlertId", format!("alert-{alert}")),
            ("Title", format!("Title of {alert}")),
            ("Severity", "High".to_owned()),
            ("Categories", r#"["CommandAndControl"]"#.to_owned()),
        ] {
            row[column] = json!(value);
        }
        let Value::Object(row) = row else { continue };
        all.push(row);
    }
    all
}
