//! Advanced hunting over the evidence of alerts, and over the events of devices as Defender for Endpoint has them.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::subject::Subject;
use super::tenant::State;
use super::{alerts, generated};
use crate::hunting;
use crate::kql::{Column, Query, Row, Table};
use crate::quota::{Limit, Quotas};
use crate::reply::Reply;
use crate::request::Request;
use crate::service::Find;

/// The running time of a tenant per cycle, in milliseconds. In reality it depends on the tenant's size.
const CYCLE: Limit = Limit { most: 600_000, per: Duration::from_secs(15 * 60) };

/// A query, read and found good.
#[derive(Debug)]
pub(super) struct HuntingQuery(Query);

impl HuntingQuery {
    pub(super) fn of(request: &Request, state: &State) -> Result<Self, Refusal> {
        let declared = request.header("content-type").and_then(|value| value.split(';').next());
        let body = request.json().filter(|_| declared.map(str::trim) == Some("application/json"));
        let body = body.ok_or_else(|| bad("The body is not JSON."))?;
        let text = body["Query"].as_str().ok_or_else(|| bad("Query is missing."))?;
        if !matches!(&body["Timespan"], Value::Null) && body["Timespan"].as_str().and_then(days).is_none() {
            return Err(bad("Timespan is not a length of time."));
        }
        let query = Query::parse(text).map_err(|fault| bad(&format!("'where' operator: {fault}")))?;
        if query.table == Table::AlertEvidence && !state.tables {
            return Err(bad("Failed to resolve table expression named 'AlertEvidence'"));
        }
        Ok(Self(query))
    }

    /// Spends the tenant's running time.
    pub(super) fn spend(&self, spent: &Quotas<String>, tenant: &str) -> Result<(), Refusal> {
        let cost = hunting::running_time(&self.0).as_millis().try_into().unwrap_or(u64::MAX);
        let paid = spent.spend(tenant.to_owned(), cost, &[CYCLE], Instant::now());
        paid.map_err(|exceeded| Refusal::OutOfTime { wait: exceeded.seconds() })
    }

    pub(super) fn answer(&self, tenant: &str) -> Reply {
        let outcome = if self.0.table == Table::AlertEvidence {
            self.0.run(self.rows(tenant), Timestamp::now())
        } else {
            hunting::run(&self.0)
        };
        results(&outcome.columns, &json!(outcome.rows))
    }

    fn rows(&self, tenant: &str) -> Vec<Row> {
        let subjects = Subject::of_query(&self.0);
        let generated = subjects.iter().flat_map(|subject| generated::v2(subject, tenant));
        alerts::v2(tenant).into_iter().chain(generated).flat_map(|alert| rows_of(&alert)).collect()
    }
}

/// The fixture of the same query by Defender for Endpoint's own API, in this one's words.
pub(super) fn of_devices(request: &Request, find: &Find<'_>) -> Option<Reply> {
    let body = request.json()?;
    let query =
        Query::parse(body["Query"].as_str()?).ok().filter(|query| query.table != Table::AlertEvidence)?;
    let same = json!({"Query": body["Query"]}).to_string();
    let same = Request::new("POST", "/defender", "/advancedqueries/run").with_body(same);
    let known: Value = serde_json::from_slice(&find("defender", &same)?.body).ok()?;
    let columns = query.run(Vec::new(), Timestamp::now()).columns;
    Some(results(&columns, known.get("Results")?))
}

fn results(columns: &[Column], rows: &Value) -> Reply {
    let schema: Vec<Value> =
        columns.iter().map(|column| json!({"name": column.name, "type": column.kind.name()})).collect();
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

/// One row per piece of evidence. As in reality, SHA-256 is not filled.
fn rows_of(alert: &Value) -> Vec<Row> {
    let evidence = alert["evidence"].as_array().into_iter().flatten();
    evidence.filter_map(|evidence| row(alert, evidence)).collect()
}

fn row(alert: &Value, evidence: &Value) -> Option<Row> {
    let kind = evidence["@odata.type"].as_str()?.strip_prefix("#microsoft.graph.security.")?;
    let file = |file: &Value| json!({"EntityType": "File", "FileName": file["fileName"], "FolderPath": file["filePath"], "SHA1": file["sha1"]});
    let mut row = match kind {
        "ipEvidence" => json!({"EntityType": "Ip", "RemoteIP": evidence["ipAddress"]}),
        "urlEvidence" => json!({"EntityType": "Url", "RemoteUrl": evidence["url"]}),
        "fileEvidence" => file(&evidence["fileDetails"]),
        "processEvidence" => {
            let mut row = file(&evidence["imageFile"]);
            row["EntityType"] = json!("Process");
            row["ProcessCommandLine"] = evidence["processCommandLine"].clone();
            row
        }
        "userEvidence" => json!({
            "EntityType": "User",
            "AccountName": evidence["userAccount"]["accountName"],
            "AccountUpn": evidence["userAccount"]["userPrincipalName"],
        }),
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
    row["EvidenceRole"] = json!("Related");
    match row {
        Value::Object(row) => Some(row.into_iter().filter(|(_, value)| !value.is_null()).collect()),
        _ => None,
    }
}
