//! Advanced hunting by Defender's own API
//! ([documentation](https://learn.microsoft.com/defender-endpoint/api/run-advanced-query-api)).

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::refusal::Refusal;
use crate::hunting;
use crate::kql::{Outcome, Script, Table};
use crate::quota::{Limit, Quotas};
use crate::reply::Reply;
use crate::request::Request;
use crate::service::Find;

/// Running time per hour and day, in milliseconds.
const HOURLY: Limit = Limit { most: 600_000, per: Duration::from_secs(3600) };
/// Longest query. In reality none is documented.
const LENGTH: usize = 10_000;
const DAILY: Limit = Limit { most: 3 * 3_600_000, per: Duration::from_secs(24 * 3600) };

/// Whether a tenant can hunt by this API at all.
pub(super) fn offered(tenant: &str) -> Result<(), Refusal> {
    match tenant {
        "no-hunting.example" | "retired-403.example" => {
            Err(Refusal::forbidden("Advanced hunting is not available to the tenant."))
        }
        "retired-404.example" => {
            Err(Refusal::not_found("No HTTP resource was found that matches the request URI."))
        }
        "late.example" => Err(Refusal::gone("This API has been retired.")),
        _ => Ok(()),
    }
}

/// The queries in a request.
pub(super) fn script(request: &Request, tenant: &str) -> Result<Script, Refusal> {
    let body = request.json().unwrap_or_default();
    let text = body["Query"].as_str().ok_or_else(|| {
        Refusal::bad_request("MissingRequiredParameter", "The required parameter Query is missing.")
    })?;
    if text.len() > LENGTH {
        return Err(Refusal::bad_request("BadRequest", "The query is too long."));
    }
    let script = Script::parse(text)
        .map_err(|fault| Refusal::bad_request("BadRequest", format!("Syntax error: {fault}.")))?;
    let lacks: &[Table] = match tenant {
        "no-device-events.example" => &[Table::AlertInfo, Table::AlertEvidence, Table::DeviceEvents],
        _ => &[Table::AlertInfo, Table::AlertEvidence],
    };
    match hunting::refusal(&script, lacks, tenant != "no-partition.example") {
        Some(refusal) => Err(Refusal::bad_request("BadRequest", format!("Semantic error: {refusal}."))),
        None => Ok(script),
    }
}

pub(super) fn answer(script: &Script) -> Reply {
    reply(script, &Outcome::union(script.queries.iter().map(hunting::run)))
}

/// The answer that fixtures have a part in.
pub(super) fn fixture(script: &Script, find: &Find<'_>) -> Option<Reply> {
    Some(reply(script, &hunting::with_fixtures(script, find)?))
}

fn reply(script: &Script, found: &Outcome) -> Reply {
    let schema: Vec<Value> =
        found.columns.iter().map(|column| json!({"Name": column.name, "Type": column.kind.name()})).collect();
    let stats = json!({"ExecutionTime": hunting::running_time(script).as_secs_f64(), "resource_usage": {}});
    Reply::json(200, &json!({"Stats": stats, "Schema": schema, "Results": found.rows}))
}

/// Spends the running time of a query.
pub(super) fn spend(spent: &Quotas<String>, tenant: &str, script: &Script) -> Result<(), Refusal> {
    let cost = hunting::running_time(script).as_millis().try_into().unwrap_or(u64::MAX);
    spent.spend(tenant.to_owned(), cost, &[HOURLY, DAILY], Instant::now()).map_err(|exceeded| {
        let allowed = if exceeded.limit == HOURLY { "10 minutes per hour" } else { "3 hours per day" };
        let message = format!("Exceeded the allotted running time of advanced hunting queries ({allowed}).");
        Refusal::too_many(message, exceeded.seconds())
    })
}
