//! Advanced hunting over the evidence of alerts, and over the events of devices as Defender for Endpoint has them.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::subject::Subject;
use super::tenant::State;
use super::{alerts, generated};
use crate::hunting;
use crate::kql::{AlertQuery, Column, Outcome, Query, Row, Script, Table};
use crate::quota::{Limit, Quotas};
use crate::reply::Reply;
use crate::request::Request;
use crate::service::Find;

/// The running time of a tenant per cycle, in milliseconds. In reality it depends on the tenant's size.
const CYCLE: Limit = Limit { most: 600_000, per: Duration::from_secs(15 * 60) };

/// A query, read and found good.
#[derive(Debug)]
pub(super) enum HuntingQuery {
    /// Of tables of devices.
    Tables(Script),
    /// About many things in the evidence of alerts.
    Alerts {
        query: AlertQuery,
        /// How far back the call looks.
        timespan: u32,
    },
}

impl HuntingQuery {
    pub(super) fn of(request: &Request, state: &State) -> Result<Self, Refusal> {
        let declared = request.header("content-type").and_then(|value| value.split(';').next());
        let body = request.json().filter(|_| declared.map(str::trim) == Some("application/json"));
        let body = body.ok_or_else(|| bad("The body is not JSON."))?;
        let text = body["Query"].as_str().ok_or_else(|| bad("Query is missing."))?;
        let timespan = body["Timespan"].as_str().and_then(days);
        if !body["Timespan"].is_null() && timespan.is_none() {
            return Err(bad("Timespan is not a length of time."));
        }
        let not_understood = |fault| bad(&format!("'where' operator: {fault}"));
        if AlertQuery::is_one(text) {
            if !state.tables {
                return Err(bad("Failed to resolve table expression named 'AlertEvidence'"));
            }
            let query = AlertQuery::parse(text).map_err(not_understood)?;
            return Ok(Self::Alerts { query, timespan: timespan.unwrap_or(30) });
        }
        let script = Script::parse(text).map_err(not_understood)?;
        let lacks: &[Table] = if state.tables { &[] } else { &[Table::AlertInfo, Table::AlertEvidence] };
        match hunting::refusal(&script, lacks, true) {
            Some(refusal) => Err(bad(&refusal)),
            None => Ok(Self::Tables(script)),
        }
    }

    /// Spends the tenant's running time.
    pub(super) fn spend(&self, spent: &Quotas<String>, tenant: &str) -> Result<(), Refusal> {
        let time = match self {
            Self::Tables(script) => hunting::running_time(script),
            Self::Alerts { query, .. } => {
                Duration::from_millis(20) * u32::try_from(query.literals().len()).unwrap_or(u32::MAX)
            }
        };
        let cost = time.as_millis().try_into().unwrap_or(u64::MAX);
        let paid = spent.spend(tenant.to_owned(), cost, &[CYCLE], Instant::now());
        paid.map_err(|exceeded| Refusal::OutOfTime { wait: exceeded.seconds() })
    }

    pub(super) fn answer(&self, tenant: &str, state: &State) -> Reply {
        match self {
            Self::Tables(script) => {
                let run = |query: &Query| match query.table {
                    Table::AlertInfo | Table::AlertEvidence => {
                        query.run(table(query.table, tenant), Timestamp::now())
                    }
                    _ => hunting::run(query),
                };
                let outcome = Outcome::union(script.queries.iter().map(run));
                results(&outcome.columns, &json!(outcome.rows))
            }
            Self::Alerts { query, timespan } => {
                let all = evidence(query, tenant);
                let query = AlertQuery { days: query.days.min(*timespan), legs: query.legs.clone() };
                let mut found = query.run(&all, Timestamp::now());
                for row in &mut found {
                    if !state.same_ids {
                        let id = row["AlertId"].as_str().unwrap_or_default();
                        row["AlertId"] = json!(format!("other-{id}"));
                    }
                    if let Some(list) = row["Evidence"].as_str().filter(|_| state.flaky) {
                        row["Evidence"] = serde_json::from_str(list).unwrap_or_default();
                    }
                }
                let columns = found.first().into_iter().flat_map(|row| row.keys());
                let columns: Vec<Value> =
                    columns.map(|name| json!({"name": name, "type": "String"})).collect();
                answer(&columns, &json!(found))
            }
        }
    }
}

/// The rows of a table of alerts.
pub fn table(table: Table, tenant: &str) -> Vec<Row> {
    let all = alerts::v2(tenant).into_iter().chain(alerts::lately(tenant));
    all.flat_map(|alert| if table == Table::AlertInfo { changes_of(&alert) } else { rows_of(&alert) })
        .collect()
}

/// The rows of the table `AlertEvidence` that a query of this tenant is run over.
pub fn evidence(query: &AlertQuery, tenant: &str) -> Vec<Row> {
    let subjects = Subject::of_query(query);
    let generated = subjects.iter().flat_map(|subject| generated::v2(subject, tenant));
    alerts::v2(tenant)
        .into_iter()
        .chain(alerts::lately(tenant))
        .chain(generated)
        .flat_map(|alert| rows_of(&alert))
        .collect()
}

/// The fixture of the same query by Defender for Endpoint's own API, in this one's words.
pub(super) fn of_devices(request: &Request, find: &Find<'_>) -> Option<Reply> {
    let body = request.json()?;
    let script = Script::parse(body["Query"].as_str()?).ok()?;
    if script.asks(Table::AlertEvidence) {
        return None;
    }
    let outcome = hunting::with_fixtures(&script, find)?;
    Some(results(&outcome.columns, &json!(outcome.rows)))
}

fn results(columns: &[Column], rows: &Value) -> Reply {
    let schema: Vec<Value> =
        columns.iter().map(|column| json!({"name": column.name, "type": column.kind.name()})).collect();
    answer(&schema, rows)
}

fn answer(schema: &[Value], rows: &Value) -> Reply {
    let context = "https://graph.microsoft.com/v1.0/$metadata#microsoft.graph.security.huntingQueryResults";
    Reply::json(200, &json!({"@odata.context": context, "schema": schema, "results": rows}))
}

/// `P30D`.
fn days(text: &str) -> Option<u32> {
    text.strip_prefix('P')?.strip_suffix('D')?.parse().ok()
}

fn bad(text: &str) -> Refusal {
    Refusal::Bad(text.to_owned())
}

/// A row when the alert was made, and one for each change of it. Before the last one, its severity was another.
fn changes_of(alert: &Value) -> Vec<Row> {
    let Some(made) = alert["createdDateTime"].as_str().and_then(|time| time.parse::<Timestamp>().ok()) else {
        return Vec::new();
    };
    let name = alert["productName"].as_str().unwrap_or("AAD Identity Protection");
    let changes = alert["id"].as_str().map_or(0, |id| i64::from(id.bytes().last().unwrap_or_default() % 3));
    let row = |change: i64| {
        let word = alert["severity"].as_str().filter(|_| change == changes).unwrap_or("low");
        let severity: String = word[..1].to_uppercase() + &word[1..];
        let row = json!({
            "Timestamp": (made + SignedDuration::from_mins(10 * change)).to_string(), "AlertId": alert["id"],
            "Title": alert["title"], "Category": alert["category"], "Severity": severity, "ServiceSource": name,
            "DetectionSource": "Antivirus", "AttackTechniques": alert["mitreTechniques"].to_string(),
        });
        row.as_object().cloned().unwrap_or_default()
    };
    (0..=changes).map(row).collect()
}

/// One row per piece of evidence.
fn rows_of(alert: &Value) -> Vec<Row> {
    let evidence = alert["evidence"].as_array().into_iter().flatten();
    evidence.filter_map(|evidence| row(alert, evidence)).collect()
}

fn row(alert: &Value, evidence: &Value) -> Option<Row> {
    let kind = evidence["@odata.type"].as_str()?.strip_prefix("#microsoft.graph.security.")?;
    // As in reality, SHA-256 is mostly not filled.
    let is_filled = alert["id"].as_str().is_some_and(|id| id.len().is_multiple_of(4));
    let file = |kind: &str, file: &Value| {
        let sha256 = if is_filled { file["sha256"].clone() } else { json!("") };
        json!({"EntityType": kind, "FileName": file["fileName"], "FolderPath": file["filePath"], "SHA1": file["sha1"],
               "SHA256": sha256})
    };
    let with_account = |mut row: Value, account: &Value| {
        for (column, field) in [
            ("AccountName", "accountName"),
            ("AccountDomain", "domainName"),
            ("AccountSid", "userSid"),
            ("AccountUpn", "userPrincipalName"),
            ("AccountObjectId", "azureAdUserId"),
        ] {
            row[column] = account[field].clone();
        }
        row
    };
    let is_destination = evidence["roles"].as_array().is_some_and(|roles| {
        roles.iter().any(|role| matches!(role.as_str(), Some("destination" | "commandAndControl")))
    });
    let direction = if is_destination { "Destination" } else { "" };
    let mut row = match kind {
        "ipEvidence" => {
            json!({"EntityType": "Ip", "RemoteIP": evidence["ipAddress"], "EvidenceDirection": direction})
        }
        "urlEvidence" => {
            json!({"EntityType": "Url", "RemoteUrl": evidence["url"], "EvidenceDirection": direction})
        }
        "fileEvidence" => file("File", &evidence["fileDetails"]),
        "processEvidence" => {
            let mut row = file("Process", &evidence["imageFile"]);
            row["ProcessCommandLine"] = evidence["processCommandLine"].clone();
            with_account(row, &evidence["userAccount"])
        }
        "userEvidence" => with_account(json!({"EntityType": "User"}), &evidence["userAccount"]),
        "mailboxEvidence" => {
            let mut row = with_account(json!({"EntityType": "Mailbox"}), &evidence["userAccount"]);
            row["AccountUpn"] = evidence["primaryAddress"].clone();
            row["AdditionalFields"] =
                json!(json!({"MailboxPrimaryAddress": evidence["primaryAddress"]}).to_string());
            row
        }
        "analyzedMessageEvidence" => {
            let mail = json!({
                "Sender": evidence["p2Sender"]["emailAddress"], "P1Sender": evidence["p1Sender"]["emailAddress"],
                "P2Sender": evidence["p2Sender"]["emailAddress"], "Recipient": evidence["recipientEmailAddress"],
                "SenderIP": evidence["senderIp"], "Urls": evidence["urls"],
                "InternetMessageId": evidence["internetMessageId"],
            });
            json!({
                "EntityType": "MailMessage", "NetworkMessageId": evidence["networkMessageId"],
                "EmailSubject": evidence["subject"], "AdditionalFields": mail.to_string(),
            })
        }
        "deviceEvidence" => json!({
            "EntityType": "Machine",
            "DeviceId": evidence["mdeDeviceId"],
            "DeviceName": evidence["deviceDnsName"],
            "LocalIP": evidence["ipInterfaces"][0],
        }),
        _ => return None,
    };
    row["Timestamp"] = alert["lastActivityDateTime"].clone();
    row["AlertId"] = alert["id"].clone();
    row["Title"] = alert["title"].clone();
    row["Severity"] = alert["severity"].clone();
    row["ServiceSource"] = alert["productName"].clone();
    row["DetectionSource"] = json!("Antivirus");
    row["Categories"] = json!(json!([alert["category"]]).to_string());
    row["AttackTechniques"] = json!(alert["mitreTechniques"].to_string());
    row["EvidenceRole"] = json!("Related");
    match row {
        Value::Object(row) => Some(row.into_iter().filter(|(_, value)| !value.is_null()).collect()),
        _ => None,
    }
}
