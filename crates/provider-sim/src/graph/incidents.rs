//! `/security/incidents` (<https://learn.microsoft.com/en-us/graph/api/security-list-incidents>).

use serde_json::{Value, json};

use super::alerts::ago;
use super::list::ListQuery;
use super::refusal::Refusal;
use crate::odata::Case;
use crate::reply::Reply;
use crate::request::Request;
use crate::seeded::Rng;

/// Incidents of a tenant, and the hours from one to the next.
const INCIDENTS: u64 = 40;
const HOURS_BETWEEN: u64 = 24;
/// The largest page.
const LARGEST_PAGE: usize = 50;
/// What the list can be filtered by.
const PATHS: [&str; 7] = [
    "assignedTo",
    "classification",
    "createdDateTime",
    "determination",
    "lastUpdateDateTime",
    "severity",
    "status",
];

/// Reads the parameters of a call.
pub(super) fn query(request: &Request) -> Result<ListQuery, Refusal> {
    let mut query = ListQuery::read(request, &["$count", "$filter", "$skip", "$top"])?;
    if query.top == 0 {
        return Err(Refusal::Bad("$top must be at least 1.".to_owned()));
    }
    query.top = query.top.min(LARGEST_PAGE);
    query.only(|path| PATHS.contains(&path))
}

/// The page that was asked for.
pub(super) fn answer(request: &Request, tenant: &str) -> Result<Reply, Refusal> {
    let all = (0..INCIDENTS).map(|number| incident(tenant, number)).collect();
    Ok(Reply::json(200, &query(request)?.page(request, all, Case::Exact, None)))
}

fn incident(tenant: &str, number: u64) -> Value {
    let mut rng = Rng::new(&["graph", "incident", &number.to_string()]);
    let id = (4711 + number).to_string();
    let created = ago(3 + HOURS_BETWEEN * number);
    json!({
        "id": id, "tenantId": tenant, "displayName": "Multi-stage incident on several devices",
        "status": rng.pick(&["active", "active", "inProgress", "resolved"]),
        "severity": rng.pick(&["informational", "low", "medium", "medium", "high"]),
        "incidentWebUrl": format!("https://security.microsoft.com/incidents/{id}?tid={tenant}"),
        "redirectIncidentId": null, "createdDateTime": created, "lastUpdateDateTime": created,
        "assignedTo": null, "classification": "unknown", "determination": "unknown", "comments": [],
        "customTags": [], "systemTags": [], "description": "A made-up incident of the simulator.",
    })
}
