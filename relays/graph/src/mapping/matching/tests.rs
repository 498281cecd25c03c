use ObservableType::{
    Domain, Email, FileName, FilePath, Hostname, Ip, Ipv6, Md5, MsMachineId, Sha1, Sha256, Url, User,
};
use serde_json::{Value, json};

use super::*;

fn evidence(kind: &str, fields: Value) -> Evidence {
    let mut object = fields;
    object["@odata.type"] = json!(format!("#microsoft.graph.security.{kind}Evidence"));
    serde_json::from_value(object).expect("lenient fields")
}

fn named(kind: ObservableType, value: &str, by: &Evidence) -> bool {
    let about = Observable::new(kind, value).expect("a value");
    Matcher::new(&about).is_some_and(|matcher| matcher.names(by))
}

/// Which observables a piece of evidence names, and which similar ones it does not.
fn check(kind: &str, fields: Value, names: &[(ObservableType, &str)], others: &[(ObservableType, &str)]) {
    let evidence = evidence(kind, fields);
    for (of, value) in names {
        assert!(named(*of, value, &evidence), "{kind} evidence does not name {of} {value}");
    }
    for (of, value) in others {
        assert!(!named(*of, value, &evidence), "{kind} evidence names {of} {value}");
    }
}

#[test]
fn networks_name_addresses_names_and_urls() {
    let dns = json!({
        "domainName": "C2.bad.example.", "ipAddresses": [{"ipAddress": "203.0.113.9"}],
        "dnsServerIp": {"ipAddress": "10.0.0.53"}, "hostIpAddress": {"ipAddress": "10.20.30.42"},
    });
    let connection = json!({
        "sourceAddress": {"ipAddress": "10.20.30.42"}, "destinationAddress": {"ipAddress": "203.0.113.9"},
    });
    let url = json!({"url": "HTTPS://u:p@C2.bad.example:8443/P?q"});
    check("ip", json!({"ipAddress": "203.0.113.9"}), &[(Ip, "203.0.113.9")], &[(Ip, "203.0.113.90")]);
    check(
        "dns",
        dns,
        &[(Domain, "c2.bad.example"), (Ip, "203.0.113.9"), (Ip, "10.0.0.53"), (Ip, "10.20.30.42")],
        &[(Domain, "bad.example"), (Hostname, "c2.bad.example")],
    );
    check(
        "networkConnection",
        connection,
        &[(Ip, "10.20.30.42"), (Ip, "203.0.113.9")],
        &[(Ip, "203.0.113.90")],
    );
    check(
        "url",
        url,
        &[(Url, "https://u:p@c2.bad.example:8443/P?q"), (Domain, "c2.bad.example")],
        &[(Url, "https://u:p@c2.bad.example:8443/p?q"), (Domain, "bad.example"), (Domain, "u")],
    );
    check(
        "url",
        json!({"url": "c2.bad.example"}),
        &[(Domain, "C2.BAD.example")],
        &[(Url, "https://c2.bad.example")],
    );
    check(
        "url",
        json!({"url": "https://a.example/"}),
        &[(Url, "https://A.example")],
        &[(Url, "https://a.example//")],
    );
}

#[test]
fn machines_name_themselves() {
    let device = json!({
        "hostName": "WS-042", "deviceDnsName": "ws-042.corp.example", "mdeDeviceId": "M1",
        "ipInterfaces": ["10.20.30.42", "2001:db8::0:1"],
    });
    check(
        "device",
        device.clone(),
        &[
            (Ip, "10.20.30.42"),
            (Ip, "2001:DB8::1"),
            (Ipv6, "2001:db8:0::1"),
            (Hostname, "ws-042"),
            (Hostname, "ws-042.CORP.example"),
            (Domain, "ws-042.corp.example."),
            (MsMachineId, "m1"),
        ],
        &[(Hostname, "ws"), (Domain, "corp.example"), (Ip, "2001:db8::2"), (User, "ws-042")],
    );
    check("ioTDevice", device, &[], &[(Hostname, "ws-042"), (Ip, "10.20.30.42")]);
}

#[test]
fn files_processes_and_accounts_name_what_they_are() {
    let file = json!({
        "sha256": "AB".repeat(32), "sha1": "cd".repeat(20), "md5": "ef".repeat(16), "fileName": "Drop.exe", "filePath": "C:\\Temp",
    });
    let account = json!({"userAccount": {"accountName": "jdoe", "userPrincipalName": "jdoe@corp.example"}});
    check(
        "file",
        json!({"fileDetails": file}),
        &[
            (FileName, "drop.EXE"),
            (FilePath, "c:\\temp\\drop.exe"),
            (FilePath, "C:\\Temp"),
            (Sha256, &"ab".repeat(32)),
            (Sha1, &"CD".repeat(20)),
            (Md5, &"ef".repeat(16)),
        ],
        &[(FileName, "drop"), (FilePath, "drop.exe"), (Sha256, &"cd".repeat(32))],
    );
    check(
        "process",
        json!({"imageFile": {"fileName": "a.exe"}, "parentProcessImageFile": file}),
        &[(FileName, "a.exe"), (FileName, "drop.exe"), (Sha256, &"ab".repeat(32))],
        &[(FileName, "b.exe")],
    );
    check(
        "fileHash",
        json!({"algorithm": "sha256", "value": "AB".repeat(32)}),
        &[(Sha256, &"ab".repeat(32))],
        &[(Sha1, &"ab".repeat(20)), (FileName, "ab")],
    );
    check(
        "user",
        account,
        &[(User, "JDOE"), (Email, "jdoe@CORP.example")],
        &[(Email, "jdoe"), (Hostname, "jdoe")],
    );
    check(
        "file",
        json!({"imageFile": file, "ipAddress": "203.0.113.9"}),
        &[],
        &[(FileName, "drop.exe"), (Ip, "203.0.113.9")],
    );
}

#[test]
fn evidence_without_fields_names_nothing() {
    for kind in
        ["device", "ip", "url", "file", "process", "user", "networkConnection", "dns", "fileHash", "new"]
    {
        for fields in
            [json!({}), json!({"url": null, "userAccount": 7, "fileDetails": [], "ipInterfaces": {}})]
        {
            let evidence = evidence(kind, fields);
            for of in ObservableType::ALL {
                assert!(!named(*of, "x", &evidence), "{kind} names {of}");
            }
        }
    }
}
