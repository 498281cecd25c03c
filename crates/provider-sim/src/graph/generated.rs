//! Generated alerts about any value that the fixed ones do not name: most values have one or two, the same each time.
//! What an alert is about stands in its id, so it can be fetched by that alone.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::alerts::{self, ago, device, v2_alert};
use super::subject::{Kind, Subject};
use crate::seeded::Rng;

/// Longer values are nobody's observables.
const LONGEST: usize = 256;
/// About these nothing is known: they show what that looks like.
const QUIET: [&str; 1] = ["quiet-garden.example"];

const TITLES: [&str; 4] = [
    "Connection to a host on a block list",
    "Suspicious file was run",
    "Unusual network traffic of a workstation",
    "Malware was detected and stopped",
];

fn count(subject: &Subject) -> u64 {
    let plain = !subject.value.trim().is_empty() && !subject.value.chars().any(char::is_control);
    let quiet = QUIET.contains(&subject.value.as_str());
    if !plain || quiet || subject.value.len() > LONGEST || alerts::name(&subject.value) {
        return 0;
    }
    let mut rng = rng(subject, "count");
    if rng.percent(70) { 1 + rng.below(2) } else { 0 }
}

fn rng(subject: &Subject, purpose: &str) -> Rng {
    Rng::new(&["graph", purpose, &subject.kind.letter().to_string(), &subject.value])
}

/// An address that everything talks to, and how many alerts name it.
const BUSY: (&str, u64) = ("198.51.100.250", 300);

fn busy(number: u64, tenant: &str) -> Value {
    let hours = 1 + number * 2;
    let mut alert = v2_alert(&format!("dabusy_{number}"), tenant, "Traffic to a name server", "low", hours);
    alert["evidence"] = json!([{
        "@odata.type": "#microsoft.graph.security.ipEvidence", "verdict": "unknown", "remediationStatus": "none",
        "roles": [], "ipAddress": BUSY.0,
    }]);
    alert
}

/// The alerts of `/security/alerts_v2` about a value.
pub(super) fn v2(subject: &Subject, tenant: &str) -> Vec<Value> {
    if subject.kind == Kind::Ip && subject.value == BUSY.0 {
        return (0..BUSY.1).map(|number| busy(number, tenant)).collect();
    }
    (0..count(subject)).map(|number| alert(subject, number, tenant)).collect()
}

/// The alert of an id, where it is one of these.
pub(super) fn by_id(id: &str, tenant: &str) -> Option<Value> {
    if let Some(number) = id.strip_prefix("dabusy_") {
        return number.parse().ok().filter(|number| *number < BUSY.1).map(|number| busy(number, tenant));
    }
    let (_, coded) = id.split_once("_m")?;
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(coded).ok()?).ok()?;
    let mut characters = text.chars();
    let kind = Kind::of_letter(characters.next()?)?;
    let number = characters.next()?.to_digit(10)?;
    let subject = Subject { kind, value: characters.as_str().to_owned() };
    let known = u64::from(number) < count(&subject);
    known.then(|| alert(&subject, number.into(), tenant)).filter(|alert| alert["id"] == id)
}

fn id(subject: &Subject, number: u64) -> String {
    let coded = BASE64_URL_SAFE_NO_PAD.encode(format!("{}{number}{}", subject.kind.letter(), subject.value));
    format!("da{}_m{coded}", 638_000_000 + rng(subject, "id").below(1_000_000))
}

fn alert(subject: &Subject, number: u64, tenant: &str) -> Value {
    let mut rng = rng(subject, &format!("alert {number}"));
    let severity = rng.pick(&["informational", "low", "medium", "high"]);
    let title = rng.pick(&TITLES);
    let hours = 2 + rng.below(20 * 24);
    let host = format!("ws-{:03}", rng.below(900) + 100);
    let verdict = rng.pick(&["malicious", "suspicious", "unknown"]);
    let status = rng.pick(&["none", "blocked", "remediated"]);
    let mut evidence = evidence(subject, verdict, status);
    if subject.kind != Kind::Hostname {
        let address = format!("10.20.{}.{}", rng.below(200), rng.below(250) + 2);
        evidence.push(device(&host, &format!("{host}.corp.example"), &address, &rng.hex(40)));
    }
    let mut alert = v2_alert(&id(subject, number), tenant, title, severity, hours);
    alert["evidence"] = json!(evidence);
    alert
}

fn evidence(subject: &Subject, verdict: &str, status: &str) -> Vec<Value> {
    let value = subject.value.as_str();
    let typed = |kind: &str| {
        json!({
            "@odata.type": format!("#microsoft.graph.security.{kind}Evidence"),
            "createdDateTime": null, "verdict": verdict, "remediationStatus": status, "roles": [],
        })
    };
    let with = |kind: &str, name: &str, field: Value| {
        let mut evidence = typed(kind);
        evidence[name] = field;
        evidence
    };
    let file = |name: &str, path: &str, sha256: Option<&str>| {
        with(
            "file",
            "fileDetails",
            json!({"fileName": name, "filePath": path, "sha1": null, "sha256": sha256, "md5": null, "fileSize": 4096}),
        )
    };
    vec![match subject.kind {
        Kind::Ip => {
            let mut evidence = with("ip", "ipAddress", json!(value));
            evidence["roles"] = json!(["destination"]);
            evidence
        }
        Kind::Domain => with("url", "url", json!(format!("https://{value}/"))),
        Kind::Url => with("url", "url", json!(value)),
        Kind::Hostname => {
            let label = value.split('.').next().unwrap_or(value);
            let full = if label == value { format!("{label}.corp.example") } else { value.to_owned() };
            device(label, &full, "10.20.30.99", &rng(subject, "machine").hex(40))
        }
        Kind::FileName => file(value, "C:\\Users\\Public", None),
        Kind::FilePath => match value.rfind(['\\', '/']) {
            Some(at) => file(&value[at + 1..], &value[..at], None),
            None => file("program.exe", value, None),
        },
        Kind::Sha256 => file("program.exe", "C:\\Windows\\Temp", Some(&value.to_ascii_lowercase())),
    }]
}

/// The alerts of `/security/alerts` about a value.
pub(super) fn legacy(subject: &Subject) -> Vec<Value> {
    let alert = |number: u64| {
        let mut rng = rng(subject, &format!("legacy {number}"));
        let value = &subject.value;
        let severity = rng.pick(&["informational", "low", "medium", "high"]);
        let title = rng.pick(&TITLES);
        let time = ago(2 + rng.below(200 * 24));
        let source = format!("10.20.{}.{}", rng.below(200), rng.below(250) + 2);
        let mut alert = json!({
            "id": id(subject, number), "title": title, "description": "A made-up alert.", "severity": severity,
            "confidence": rng.below(101), "createdDateTime": time, "eventDateTime": time,
            "lastModifiedDateTime": time, "status": "newAlert", "sourceMaterials": [],
            "vendorInformation": {"provider": "Windows Defender ATP", "subProvider": null, "vendor": "Microsoft"},
            "hostStates": [], "fileStates": [], "networkConnections": [],
        });
        let (collection, state) = match subject.kind {
            Kind::Ip => ("networkConnections", json!({"sourceAddress": source, "destinationAddress": value})),
            Kind::Domain => {
                ("networkConnections", json!({"sourceAddress": source, "destinationDomain": value}))
            }
            Kind::Url => ("networkConnections", json!({"sourceAddress": source, "destinationUrl": value})),
            Kind::Hostname => ("hostStates", json!({"netBiosName": value, "privateIpAddress": source})),
            Kind::FileName => ("fileStates", json!({"name": value, "path": null, "fileHash": null})),
            Kind::FilePath => ("fileStates", json!({"name": null, "path": value, "fileHash": null})),
            Kind::Sha256 => (
                "fileStates",
                json!({"name": "program.exe", "fileHash": {"hashType": "sha256", "hashValue": value}}),
            ),
        };
        alert[collection] = json!([state]);
        alert
    };
    (0..count(subject)).map(alert).collect()
}
