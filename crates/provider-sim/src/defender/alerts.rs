//! Generated alerts ([documentation](https://learn.microsoft.com/defender-endpoint/api/alerts)).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::refusal::Refusal;
use crate::inventory::{self, File};
use crate::lock::locked;
use crate::odata::{Case, Filter};
use crate::reply::Reply;
use crate::request::Request;
use crate::seeded::Rng;

/// Most alerts that one answer holds, and most that are remembered.
const PAGE: usize = 10_000;

/// Alerts of the last forty days, and the hours from one to the next.
const LATELY: u64 = 120;
const HOURS_BETWEEN: usize = 8;

/// The alerts that were given out: these can be asked for one by one.
#[derive(Debug, Default)]
pub(super) struct Alerts(Mutex<BTreeMap<String, Value>>);

/// What the alerts are about.
struct About<'a> {
    value: &'a str,
    file: Option<File>,
    address: Option<Ipv4Addr>,
    domain: Option<&'a str>,
    machine: Option<&'a str>,
    user: Option<&'a str>,
}

impl<'a> About<'a> {
    fn new(value: &'a str) -> Self {
        Self { value, file: None, address: None, domain: None, machine: None, user: None }
    }
}

impl Alerts {
    pub(super) fn of_file(&self, hash: &str) -> Result<Reply, Refusal> {
        if !inventory::is_hash(hash) || hash.len() != 40 {
            return Err(Refusal::bad_request("InvalidHashValue", "The file's SHA-1 is not valid."));
        }
        Ok(self.about(&About { file: inventory::file(hash), ..About::new(hash) }))
    }

    pub(super) fn of_domain(&self, name: &str) -> Result<Reply, Refusal> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if name.is_empty() || name.len() > 253 || !name.chars().all(fits) || name.contains("..") {
            return Err(Refusal::bad_request("InvalidDomainName", "The domain name is not valid."));
        }
        Ok(self.about(&About { domain: Some(name), ..About::new(name) }))
    }

    pub(super) fn of_address(&self, address: &str) -> Result<Reply, Refusal> {
        match address.parse() {
            Ok(IpAddr::V4(ip)) => Ok(self.about(&About { address: Some(ip), ..About::new(address) })),
            _ => Err(Refusal::bad_request("InvalidIpAddress", "The IP address is not valid.")),
        }
    }

    pub(super) fn of_machine(&self, id: &str) -> Result<Reply, Refusal> {
        let missing = || Refusal::not_found(format!("Machine {id} was not found."));
        inventory::machine(id).ok_or_else(missing)?;
        Ok(self.about(&About { machine: Some(id), ..About::new(id) }))
    }

    pub(super) fn of_user(&self, name: &str) -> Reply {
        self.about(&About { user: Some(name), ..About::new(name) })
    }

    /// The alerts that fit a filter, of those that were given out.
    fn filtered(&self, filter: &str) -> Result<Vec<Value>, Refusal> {
        let filter = Filter::parse(filter)
            .map_err(|fault| Refusal::bad_request("ODataError", format!("Invalid filter: {fault}.")))?;
        let known = locked(&self.0);
        Ok(known.values().filter(|alert| filter.fits(alert, Case::Folded)).cloned().collect())
    }

    /// The list of all alerts: a few, without evidence unless it is asked for.
    pub(super) fn list(&self, request: &Request) -> Result<Reply, Refusal> {
        let top = match request.param("$top").map(str::parse::<usize>) {
            None => PAGE,
            Some(Ok(top)) if top <= PAGE => top,
            Some(_) => return Err(Refusal::bad_request("ODataError", "The value of $top is not valid.")),
        };
        let expanded = request.param("$expand") == Some("evidence");
        let about = About::new("the whole tenant");
        let mut alerts = match request.param("$filter") {
            // A question for the alerts of a time is one for all of the tenant's.
            Some(filter) if filter.contains("alertCreationTime") => Self::lately(filter)?,
            Some(filter) => self.filtered(filter)?,
            None => generated(&about, 3),
        };
        self.remember(&alerts);
        if !expanded {
            for alert in &mut alerts {
                alert["evidence"] = json!([]);
            }
        }
        alerts.truncate(top);
        Ok(collection(&alerts))
    }

    /// The tenant's alerts of forty days that fit a filter, the newest first.
    fn lately(filter: &str) -> Result<Vec<Value>, Refusal> {
        let filter = Filter::parse(filter)
            .map_err(|fault| Refusal::bad_request("ODataError", format!("Invalid filter: {fault}.")))?;
        let (about, now) = (About::new("the tenant of forty days"), Timestamp::now());
        let mut alerts: Vec<Value> = (0..LATELY).map(|number| generated_alert(&about, number)).collect();
        for (alert, hours) in alerts.iter_mut().zip((2..).step_by(HOURS_BETWEEN)) {
            alert["alertCreationTime"] = seven_digits(now - SignedDuration::from_hours(hours)).into();
        }
        alerts.retain(|alert| filter.fits(alert, Case::Folded));
        Ok(alerts)
    }

    pub(super) fn one(&self, id: &str) -> Result<Reply, Refusal> {
        let known = locked(&self.0).get(id).cloned();
        known
            .map(|alert| Reply::json(200, &alert))
            .ok_or_else(|| Refusal::not_found(format!("Alert {id} was not found.")))
    }

    pub(super) fn reset(&self) {
        locked(&self.0).clear();
    }

    fn remember(&self, alerts: &[Value]) {
        let mut known = locked(&self.0);
        for alert in alerts {
            if known.len() < PAGE
                && let Some(id) = alert["id"].as_str()
            {
                known.insert(id.to_owned(), alert.clone());
            }
        }
    }

    fn about(&self, about: &About<'_>) -> Reply {
        let mut rng = Rng::new(&["defender", "alerts", about.value]);
        let count = if rng.percent(60) { rng.below(3) + 1 } else { 0 };
        let mut alerts = generated(about, count);
        self.remember(&alerts);
        for alert in &mut alerts {
            // Some come without evidence, which only the alert itself has then.
            if rng.percent(20) {
                alert["evidence"] = json!([]);
            }
        }
        collection(&alerts)
    }
}

fn collection(alerts: &[Value]) -> Reply {
    let context = "https://api.security.microsoft.com/api/v1.0/$metadata#Alerts";
    Reply::json(200, &json!({"@odata.context": context, "value": alerts}))
}

/// Title, category and techniques that go together.
const STORIES: [(&str, &str, &str); 4] = [
    ("Process injection into a system program", "DefenseEvasion", "T1055"),
    ("Connection to a command and control server", "CommandAndControl", "T1071.001"),
    ("Suspicious scripting", "Execution", "T1059"),
    ("Unusual download by an office program", "InitialAccess", "T1566.001"),
];

fn generated(about: &About<'_>, count: u64) -> Vec<Value> {
    let mut alerts: Vec<Value> = (0..count).map(|number| generated_alert(about, number)).collect();
    alerts.sort_by(|a, b| b["alertCreationTime"].as_str().cmp(&a["alertCreationTime"].as_str()));
    alerts
}

fn generated_alert(about: &About<'_>, number: u64) -> Value {
    let mut rng = Rng::new(&["defender", "alert", about.value, &number.to_string()]);
    let story = usize::try_from(rng.below(STORIES.len() as u64)).unwrap_or_default();
    let (title, category, technique) = STORIES[story];
    let picked = rng.pick(&inventory::fleet());
    let machine = about.machine.map_or(picked, str::to_owned);
    let user = about.user.unwrap_or("jdoe");
    let status = rng.pick(&["New", "InProgress", "Resolved"]);
    let mut closing = Rng::new(&["defender", "closing", about.value, &number.to_string()]);
    let classification = match status {
        "Resolved" => {
            json!(closing.pick(&["TruePositive", "FalsePositive", "InformationalExpectedActivity"]))
        }
        _ => json!(null),
    };
    let first = rng.time();
    let later = |minutes: i64| seven_digits(first + SignedDuration::from_mins(minutes));
    json!({
        "id": format!("da{}_{}", rng.below(900_000_000_000_000_000) + 100_000_000_000_000_000, rng.below(2_000_000_000)),
        "incidentId": rng.below(9000) + 1000,
        "investigationId": null,
        "assignedTo": null,
        "severity": rng.pick(&["Informational", "Low", "Medium", "Medium", "High"]),
        "status": status,
        "classification": classification,
        "determination": null,
        "investigationState": "Queued",
        "detectionSource": rng.pick(&["WindowsDefenderAtp", "WindowsDefenderAv", "CustomerTI"]),
        "detectorId": rng.uuid(),
        "category": category,
        "threatFamilyName": null,
        "threatName": null,
        "title": title,
        "description": format!("{title} was seen on a device. This alert is made up."),
        "alertCreationTime": later(6),
        "firstEventTime": later(0),
        "lastEventTime": later(4),
        "lastUpdateTime": later(90),
        "resolvedTime": null,
        "machineId": machine,
        "computerDnsName": inventory::name(&machine),
        "rbacGroupName": null,
        "aadTenantId": "11111111-2222-4333-8444-555555555555",
        "mitreTechniques": [technique],
        "relatedUser": {"userName": user, "domainName": "CORP"},
        "comments": [],
        "evidence": evidence(about, &mut rng, first),
    })
}

/// The time as the API writes it.
fn seven_digits(time: Timestamp) -> String {
    format!("{time:.7}")
}

fn evidence(about: &About<'_>, rng: &mut Rng, first: Timestamp) -> Vec<Value> {
    let created = |seconds: i64| seven_digits(first + SignedDuration::from_secs(seconds));
    let (parent, child) = (rng.below(9000) + 1000, rng.below(9000) + 11_000);
    let (loader, lure) = (generated_file(rng), about.file.clone().unwrap_or_else(|| generated_file(rng)));
    let address = about.address.unwrap_or_else(|| rng.ipv4()).to_string();
    let domain = about.domain.map_or_else(|| rng.domain(), str::to_owned);
    let url = if rng.percent(50) { format!("https://{domain}/gate") } else { domain };
    vec![
        entry(&json!({
            "entityType": "Process", "evidenceCreationTime": created(300), "sha1": loader.sha1,
            "sha256": loader.sha256, "fileName": "loader.exe", "filePath": "C:\\Temp", "processId": parent,
            "processCommandLine": "loader.exe", "processCreationTime": created(0), "parentProcessId": 668,
            "parentProcessCreationTime": created(-3600), "parentProcessFileName": "explorer.exe",
            "parentProcessFilePath": "C:\\Windows", "detectionStatus": "Detected",
        })),
        entry(&json!({
            "entityType": "Process", "evidenceCreationTime": created(300), "sha1": lure.sha1,
            "sha256": lure.sha256, "fileName": rng.pick(&["invoice.exe", "notepad.exe", "update.exe"]),
            "filePath": "C:\\Users\\jdoe\\Downloads", "processId": child, "processCreationTime": created(5),
            "parentProcessId": parent, "parentProcessCreationTime": created(0),
            "parentProcessFileName": "loader.exe", "parentProcessFilePath": "C:\\Temp",
        })),
        entry(&json!({"entityType": "Ip", "evidenceCreationTime": created(300), "ipAddress": address})),
        entry(&json!({"entityType": "Url", "evidenceCreationTime": created(300), "url": url})),
        entry(&json!({
            "entityType": "User", "evidenceCreationTime": created(300), "accountName": "jdoe",
            "domainName": "CORP", "userSid": "S-1-5-21-1-2-3-1001",
        })),
    ]
}

fn generated_file(rng: &mut Rng) -> File {
    let core = rng.hex(32);
    File { sha1: format!("{core}{}", rng.hex(8)), sha256: format!("{core}{}", rng.hex(32)), md5: core }
}

/// An entry with all its keys: those that do not apply are `null`.
fn entry(given: &Value) -> Value {
    const KEYS: &str = "entityType evidenceCreationTime sha1 sha256 fileName filePath processId processCommandLine \
        processCreationTime parentProcessId parentProcessCreationTime parentProcessFileName \
        parentProcessFilePath ipAddress url registryKey registryHive registryValueType registryValue \
        registryValueName accountName domainName userSid aadUserId userPrincipalName detectionStatus \
        evidenceId";
    KEYS.split(' ').map(|key| (key.to_owned(), given[key].clone())).collect::<serde_json::Map<_, _>>().into()
}
