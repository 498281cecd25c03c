//! The alerts that every tenant has: what the demonstration shows, and some that nobody asks about.
//!
//! Times are counted from now, as advanced hunting forgets after 30 days.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::seeded::Rng;

const SHA256: &str = "323bd9118547125694702f46aa6f4bb7087cd3844d0a1db84473e4f422911ef9";
const SHA1: &str = "ca118f05d354d16d50ffe2f421abce38d8bacffc";
const MACHINE: &str = "73e7e2de709dff64ef64b1d0c30e67fab63279db";

/// This many hours ago, to the hour.
pub(super) fn ago(hours: u64) -> String {
    let now = Timestamp::now().as_second();
    let hour = Timestamp::from_second(now - now.rem_euclid(3600)).unwrap_or(Timestamp::UNIX_EPOCH);
    let back = SignedDuration::from_hours(i64::try_from(hours).unwrap_or(i64::MAX / 3600));
    let time = hour.saturating_sub(back).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// An alert of `/security/alerts_v2` without evidence.
pub(super) fn v2_alert(id: &str, tenant: &str, title: &str, severity: &str, hours: u64) -> Value {
    let (start, end) = (ago(hours + 1), ago(hours));
    json!({
        "@odata.type": "#microsoft.graph.security.alert", "id": id, "providerAlertId": id, "incidentId": "4711",
        "status": "new", "severity": severity, "classification": null, "determination": null,
        "serviceSource": "microsoftDefenderForEndpoint", "detectionSource": "antivirus",
        "productName": "Microsoft Defender for Endpoint", "detectorId": "0f0e0d0c-1111-4222-8333-444444444444",
        "tenantId": tenant, "title": title, "description": "A made-up alert of the simulator.",
        "recommendedActions": "", "category": "CommandAndControl", "assignedTo": null,
        "alertWebUrl": format!("https://security.microsoft.com/alerts/{id}?tid={tenant}"),
        "incidentWebUrl": format!("https://security.microsoft.com/incidents/4711?tid={tenant}"),
        "actorDisplayName": null, "threatDisplayName": null, "threatFamilyName": null,
        "mitreTechniques": ["T1071.001"], "createdDateTime": end, "lastUpdateDateTime": end,
        "resolvedDateTime": null, "firstActivityDateTime": start, "lastActivityDateTime": end,
        "comments": [], "systemTags": [], "evidence": [],
    })
}

/// The evidence of a machine.
pub(super) fn device(host: &str, full: &str, address: &str, machine: &str) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.security.deviceEvidence", "verdict": "unknown",
        "remediationStatus": "none", "roles": [], "detailedRoles": ["PrimaryDevice"], "tags": [],
        "mdeDeviceId": machine, "azureAdDeviceId": null, "deviceDnsName": full, "hostName": host,
        "osPlatform": "Windows11", "osBuild": 22631, "version": "23H2", "healthStatus": "active",
        "riskScore": "high", "onboardingStatus": "onboarded", "ipInterfaces": [address, "fe80::1"],
        "loggedOnUsers": [{"accountName": "jdoe", "domainName": "CORP"}], "vmMetadata": null,
    })
}

/// The alerts of `/security/alerts_v2`.
pub fn v2(tenant: &str) -> Vec<Value> {
    vec![
        outbound_connection(tenant),
        phishing(tenant),
        analytics_rule(tenant),
        risky_sign_in(tenant),
        dismissed(tenant),
        odd_forms(tenant),
    ]
}

/// Alerts of a tenant's last forty days, the hours from one to the next, and their products.
const LATELY: u64 = 60;
const HOURS_BETWEEN: u64 = 16;
const PRODUCTS: [(&str, &str); 5] = [
    ("microsoftDefenderForEndpoint", "Microsoft Defender for Endpoint"),
    ("microsoftDefenderForOffice365", "Microsoft Defender for Office 365"),
    ("microsoft365Defender", "Microsoft 365 Defender"),
    ("microsoftDefenderForCloudApps", "Microsoft Cloud App Security"),
    ("azureAdIdentityProtection", "AAD Identity Protection"),
];

/// Alerts about a few devices and accounts, spread over forty days: what a dashboard counts.
pub(super) fn lately(tenant: &str) -> Vec<Value> {
    (0..LATELY).map(|number| late(tenant, number)).collect()
}

fn late(tenant: &str, number: u64) -> Value {
    let mut rng = Rng::new(&["graph", "lately", &number.to_string()]);
    let severity = rng.pick(&["informational", "low", "medium", "medium", "high", "unknown"]);
    let (source, product) = rng.pick(&PRODUCTS);
    let id = format!("la{number:04}");
    let mut alert = v2_alert(&id, tenant, "Unusual activity", severity, 2 + HOURS_BETWEEN * number);
    alert["serviceSource"] = json!(source);
    alert["productName"] = json!(product);
    let host = format!("fin-{:02}", rng.below(3) * rng.below(4));
    let user = format!("{}@corp.example", rng.pick(&["a.meier", "b.lind", "c.okafor", "d.silva"]));
    let full = format!("{host}.corp.example");
    let mut machine = device(&host, &full, "10.20.31.7", &Rng::new(&["graph", "machine", &host]).hex(40));
    machine["loggedOnUsers"] = json!([]);
    let account = json!({
        "@odata.type": "#microsoft.graph.security.userEvidence", "verdict": "unknown", "remediationStatus": "none",
        "roles": [], "userAccount": {"accountName": user, "domainName": "CORP", "userPrincipalName": user},
    });
    // The same device may be named twice.
    alert["evidence"] =
        if number.is_multiple_of(3) { json!([machine, machine, account]) } else { json!([machine, account]) };
    alert
}

/// A dropped program on a workstation talks to its command and control server.
fn outbound_connection(tenant: &str) -> Value {
    let file = json!({
        "sha1": SHA1, "sha256": SHA256, "md5": "474b9ccf5ab9d72ca8a333889bbb34f0", "fileName": "drop.exe",
        "filePath": "C:\\Temp", "fileSize": 4096, "filePublisher": null, "signer": null, "issuer": null,
    });
    let account = json!({
        "accountName": "jdoe", "domainName": "CORP", "userSid": "S-1-5-21-1-2-3-1001",
        "userPrincipalName": "jdoe@corp.example", "displayName": "J. Doe",
    });
    let mut alert =
        v2_alert("da638000000000000000_-55667788", tenant, "Suspicious outbound connection", "high", 30);
    alert["evidence"] = json!([
        device("ws-042", "ws-042.corp.example", "10.20.30.42", MACHINE),
        {"@odata.type": "#microsoft.graph.security.ipEvidence", "verdict": "malicious",
         "remediationStatus": "blocked", "roles": ["commandAndControl"], "ipAddress": "203.0.113.9",
         "countryLetterCode": "NL"},
        {"@odata.type": "#microsoft.graph.security.ipEvidence", "verdict": "suspicious",
         "remediationStatus": "none", "roles": [], "ipAddress": "2001:db8:85a3::8a2e:370:7334"},
        {"@odata.type": "#microsoft.graph.security.urlEvidence", "verdict": "suspicious",
         "remediationStatus": "none", "roles": [], "url": "https://login-verify.example/p"},
        {"@odata.type": "#microsoft.graph.security.fileEvidence", "verdict": "malicious",
         "remediationStatus": "prevented", "detectionStatus": "prevented", "mdeDeviceId": MACHINE, "roles": [],
         "fileDetails": file},
        {"@odata.type": "#microsoft.graph.security.processEvidence", "verdict": "suspicious",
         "remediationStatus": "none", "processId": 4780, "parentProcessId": 668,
         "processCommandLine": "drop.exe -x", "imageFile": file,
         "parentProcessImageFile": {"sha1": null, "sha256": null, "fileName": "explorer.exe", "filePath": "C:\\Windows"},
         "userAccount": account},
        {"@odata.type": "#microsoft.graph.security.userEvidence", "verdict": "unknown",
         "remediationStatus": "none", "roles": ["compromised"], "userAccount": account},
        {"@odata.type": "#microsoft.graph.security.networkConnectionEvidence",
         "sourceAddress": {"ipAddress": "10.20.30.42"}, "sourcePort": 51544,
         "destinationAddress": {"ipAddress": "203.0.113.9"}, "destinationPort": 443, "protocol": "tcp"},
        {"@odata.type": "#microsoft.graph.security.dnsEvidence", "domainName": "login-verify.example",
         "ipAddresses": [{"ipAddress": "203.0.113.9"}], "dnsServerIp": null,
         "hostIpAddress": {"ipAddress": "10.20.30.42"}},
        {"@odata.type": "#microsoft.graph.security.fileHashEvidence", "algorithm": "sha256", "value": SHA256},
    ]);
    alert
}

fn phishing(tenant: &str) -> Value {
    let mut alert = v2_alert(
        "fa638000000000000001",
        tenant,
        "A potentially malicious URL click was detected",
        "medium",
        52,
    );
    alert["serviceSource"] = json!("microsoftDefenderForOffice365");
    alert["productName"] = json!("Microsoft Defender for Office 365");
    alert["mitreTechniques"] = json!(["T1566.002"]);
    alert["status"] = json!("resolved");
    alert["classification"] = json!("truePositive");
    alert["determination"] = json!("phishing");
    alert["evidence"] = json!([
        {"@odata.type": "#microsoft.graph.security.urlEvidence", "verdict": "malicious",
         "remediationStatus": "remediated", "roles": [], "url": "https://invoice-portal.example/view.php?id=4711"},
        {"@odata.type": "#microsoft.graph.security.mailboxEvidence", "verdict": "unknown",
         "remediationStatus": "active", "primaryAddress": "jdoe@corp.example"},
        {"@odata.type": "#microsoft.graph.security.analyzedMessageEvidence", "verdict": "malicious",
         "remediationStatus": "remediated", "roles": [], "networkMessageId": "1c2d3e4f-0000-4a5b-8c6d-0123456789ab",
         "internetMessageId": "<invoice-4711@mail.invoice-portal.example>", "subject": "Invoice 4711",
         "senderIp": "198.51.100.25", "recipientEmailAddress": "jdoe@corp.example", "antiSpamDirection": "inbound",
         "deliveryAction": "delivered", "deliveryLocation": "inbox", "threats": [], "urlCount": 1,
         "urls": ["https://invoice-portal.example/view.php?id=4711"],
         "p1Sender": {"emailAddress": "bounce@mail.invoice-portal.example", "displayName": null,
                      "domainName": "mail.invoice-portal.example"},
         "p2Sender": {"emailAddress": "billing@invoice-portal.example", "displayName": "Billing",
                      "domainName": "invoice-portal.example"}},
        {"@odata.type": "#microsoft.graph.security.userEvidence", "verdict": "unknown",
         "remediationStatus": "pendingApproval", "roles": ["compromised"],
         "userAccount": {"accountName": "jdoe", "domainName": "CORP", "userPrincipalName": "jdoe@corp.example"}},
    ]);
    alert
}

/// Rules of Sentinel raise alerts without evidence.
fn analytics_rule(tenant: &str) -> Value {
    let mut alert = v2_alert("sn638000000000000002", tenant, "Rare process by a service account", "low", 75);
    alert["serviceSource"] = json!("microsoftSentinel");
    alert["productName"] = json!("Microsoft Sentinel");
    alert
}

fn risky_sign_in(tenant: &str) -> Value {
    let mut alert = v2_alert("ad638000000000000003", tenant, "Atypical travel", "medium", 100);
    alert["serviceSource"] = json!("azureAdIdentityProtection");
    alert["productName"] = json!(null);
    alert["evidence"] = json!([
        {"@odata.type": "#microsoft.graph.security.ipEvidence", "verdict": "suspicious",
         "remediationStatus": "none", "roles": ["source"], "ipAddress": "198.51.100.7"},
    ]);
    alert
}

/// An analyst found nothing behind it.
fn dismissed(tenant: &str) -> Value {
    let mut alert = v2_alert("da638000000000000004", tenant, "Unusual tool of an administrator", "high", 120);
    alert["status"] = json!("resolved");
    alert["classification"] = json!("falsePositive");
    alert["determination"] = json!("notMalicious");
    alert["evidence"] = json!([
        {"@odata.type": "#microsoft.graph.security.fileEvidence", "verdict": "malicious",
         "remediationStatus": "none", "roles": [],
         "fileDetails": {"sha1": null, "sha256": null, "md5": null, "fileName": "admintool.exe", "filePath": "C:\\Tools"}},
        {"@odata.type": "#microsoft.graph.security.processEvidence", "verdict": "suspicious",
         "remediationStatus": "none", "processCommandLine": "admintool.exe /all",
         "imageFile": {"fileName": "admintool.exe", "filePath": "C:\\Tools"},
         "userAccount": {"accountName": "SYSTEM", "domainName": "NT AUTHORITY", "userSid": "S-1-5-18"}},
    ]);
    alert
}

/// Values in forms that products also write.
fn odd_forms(tenant: &str) -> Value {
    let mut alert = v2_alert("da638000000000000005", tenant, "Connection to a mapped address", "low", 140);
    alert["evidence"] = json!([
        {"@odata.type": "#microsoft.graph.security.ipEvidence", "verdict": "unknown", "remediationStatus": "none",
         "roles": [], "ipAddress": "::ffff:198.51.100.140"},
        {"@odata.type": "#microsoft.graph.security.urlEvidence", "verdict": "unknown", "remediationStatus": "none",
         "roles": [], "url": "odd-forms.example:8443"},
    ]);
    alert
}

/// The alerts of `/security/alerts`.
pub fn legacy() -> Vec<Value> {
    let firewall = json!({
        "id": "da637700000000000000_-100200300", "category": "CommandAndControl", "confidence": 55,
        "createdDateTime": ago(200), "eventDateTime": ago(201), "lastModifiedDateTime": ago(199),
        "description": "A workstation talked to a domain on a block list.", "severity": "informational",
        "sourceMaterials": ["https://vendor.example/alerts/100200300"], "status": "newAlert",
        "title": "Beaconing to listed domain",
        "vendorInformation": {"provider": "Palo Alto Networks", "providerVersion": "8.1", "subProvider": "NGFW",
                              "vendor": "Palo Alto Networks"},
        "fileStates": [{"name": "drop.exe", "path": "C:\\Temp\\drop.exe", "riskScore": null,
                        "fileHash": {"hashType": "sha256", "hashValue": SHA256}}],
        "hostStates": [{"fqdn": "ws-042.corp.example", "netBiosName": "ws-042", "privateIpAddress": "10.20.30.42",
                        "publicIpAddress": null, "os": "Windows10"}],
        "networkConnections": [
            {"destinationAddress": "203.0.113.9", "destinationDomain": "login-verify.example", "destinationPort": "443",
             "destinationUrl": "https://invoice-portal.example/view.php?id=4711", "sourceAddress": "10.20.30.42"},
            {"sourceAddress": null, "destinationAddress": "203.0.113.9", "destinationDomain": "login-verify.example",
             "destinationUrl": null},
        ],
    });
    let endpoint = json!({
        "id": "da637700000000000001_-100200301", "category": "Malware", "confidence": null,
        "createdDateTime": ago(300), "eventDateTime": ago(300), "lastModifiedDateTime": null,
        "description": "", "severity": "medium", "sourceMaterials": [], "status": "inProgress",
        "title": "Malware was detected",
        "vendorInformation": {"provider": "Windows Defender ATP", "providerVersion": null, "subProvider": null,
                              "vendor": "Microsoft"},
        "fileStates": [{"name": "setup.exe", "path": null, "fileHash": null}],
        "hostStates": [{"fqdn": "dt-aldom.corp.example", "netBiosName": "dt-aldom", "privateIpAddress": null,
                        "publicIpAddress": null}],
        "networkConnections": null,
    });
    vec![firewall, endpoint]
}

/// Whether one of these alerts names a value.
pub(super) fn name(value: &str) -> bool {
    fn holds(json: &Value, value: &str) -> bool {
        match json {
            Value::String(text) => text.to_lowercase().contains(value),
            Value::Array(items) => items.iter().any(|item| holds(item, value)),
            Value::Object(fields) => fields.values().any(|field| holds(field, value)),
            _ => false,
        }
    }
    let value = value.to_lowercase();
    v2("").iter().chain(&legacy()).any(|alert| holds(alert, &value))
}
