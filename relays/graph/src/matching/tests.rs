use serde_json::{Value, json};

use super::*;

fn evidence(kind: &str, fields: Value) -> Evidence {
    let mut object = fields;
    object["@odata.type"] = json!(format!("#microsoft.graph.security.{kind}Evidence"));
    serde_json::from_value(object).expect("lenient fields")
}

fn named(kind: ObservableType, value: &str, by: &Evidence) -> bool {
    let about = Observable::new(kind, value).expect("a value");
    Matcher::new(&about).names(by)
}

#[test]
fn evidence_names_what_its_kind_holds() {
    use ObservableType::{
        Domain, Email, FileName, FilePath, Hostname, Ip, Ipv6, Md5, MsMachineId, Sha1, Sha256, Url, User,
    };
    let file = json!({
        "sha256": "AB", "sha1": "cd", "md5": "ef", "fileName": "Drop.exe", "filePath": "C:\\Temp",
    });
    let device = json!({
        "hostName": "WS-042", "deviceDnsName": "ws-042.corp.example", "mdeDeviceId": "M1",
        "ipInterfaces": ["10.20.30.42", "2001:db8::0:1"],
    });
    let dns = json!({
        "domainName": "C2.bad.example.", "ipAddresses": [{"ipAddress": "203.0.113.9"}],
        "dnsServerIp": {"ipAddress": "10.0.0.53"}, "hostIpAddress": {"ipAddress": "10.20.30.42"},
    });
    let connection = json!({
        "sourceAddress": {"ipAddress": "10.20.30.42"}, "destinationAddress": {"ipAddress": "203.0.113.9"},
    });
    let account = json!({"userAccount": {"accountName": "jdoe", "userPrincipalName": "jdoe@corp.example"}});
    let url = json!({"url": "HTTPS://u:p@C2.bad.example:8443/P?q"});
    let table: &[(&str, &Value, &[(ObservableType, &str)], &[(ObservableType, &str)])] = &[
        ("ip", &json!({"ipAddress": "203.0.113.9"}), &[(Ip, "203.0.113.9")], &[(Ip, "203.0.113.90")]),
        (
            "device",
            &device,
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
        ),
        (
            "dns",
            &dns,
            &[(Domain, "c2.bad.example"), (Ip, "203.0.113.9"), (Ip, "10.0.0.53"), (Ip, "10.20.30.42")],
            &[(Domain, "bad.example"), (Hostname, "c2.bad.example")],
        ),
        (
            "networkConnection",
            &connection,
            &[(Ip, "10.20.30.42"), (Ip, "203.0.113.9")],
            &[(Ip, "not an address")],
        ),
        (
            "url",
            &url,
            &[(Url, "https://u:p@c2.bad.example:8443/P?q"), (Domain, "c2.bad.example")],
            &[(Url, "https://u:p@c2.bad.example:8443/p?q"), (Domain, "bad.example"), (Domain, "u")],
        ),
        (
            "url",
            &json!({"url": "c2.bad.example"}),
            &[(Domain, "C2.BAD.example")],
            &[(Url, "https://c2.bad.example")],
        ),
        (
            "url",
            &json!({"url": "https://a.example/"}),
            &[(Url, "https://A.example")],
            &[(Url, "https://a.example//")],
        ),
        (
            "file",
            &json!({"fileDetails": file}),
            &[
                (FileName, "drop.EXE"),
                (FilePath, "c:\\temp\\drop.exe"),
                (FilePath, "C:\\Temp"),
                (Sha256, "ab"),
                (Sha1, "CD"),
                (Md5, "ef"),
            ],
            &[(FileName, "drop"), (FilePath, "drop.exe"), (Sha256, "cd")],
        ),
        (
            "process",
            &json!({"imageFile": {"fileName": "a.exe"}, "parentProcessImageFile": file}),
            &[(FileName, "a.exe"), (FileName, "drop.exe"), (Sha256, "ab")],
            &[(Sha256, "a.exe")],
        ),
        (
            "fileHash",
            &json!({"algorithm": "sha256", "value": "AB"}),
            &[(Sha256, "ab")],
            &[(Sha1, "ab"), (FileName, "ab")],
        ),
        (
            "user",
            &account,
            &[(User, "JDOE"), (Email, "jdoe@CORP.example")],
            &[(Email, "jdoe"), (Hostname, "jdoe")],
        ),
        ("ioTDevice", &device, &[], &[(Hostname, "ws-042"), (Ip, "10.20.30.42")]),
        (
            "file",
            &json!({"imageFile": file, "ipAddress": "203.0.113.9"}),
            &[],
            &[(FileName, "drop.exe"), (Ip, "203.0.113.9")],
        ),
    ];
    for (kind, fields, names, others) in table {
        let evidence = evidence(kind, (*fields).clone());
        for (of, value) in *names {
            assert!(named(*of, value, &evidence), "{kind} evidence does not name {of} {value}");
        }
        for (of, value) in *others {
            assert!(!named(*of, value, &evidence), "{kind} evidence names {of} {value}");
        }
    }
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
