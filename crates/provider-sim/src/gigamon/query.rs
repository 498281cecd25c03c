//! `POST /v2/query`: the search in all events.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::iql::Expression;
use super::network::Entity;
use super::refusal::invalid;
use super::tenant::Tenant;
use super::traffic;
use crate::reply::Reply;
use crate::request::Request;

const USUAL: usize = 100;
const MOST: usize = 10_000;

/// What is asked.
#[derive(Debug)]
pub(super) struct Query {
    expression: Expression,
    start: Timestamp,
    end: Timestamp,
    limit: usize,
    account: Option<String>,
    ascending: bool,
}

impl Query {
    /// Reads the body; whatever is not documented is refused.
    pub(super) fn of(request: &Request) -> Result<Self, Reply> {
        const FIELDS: [&str; 9] = [
            "query",
            "start_date",
            "end_date",
            "limit",
            "order_by",
            "order",
            "customer_id",
            "history",
            "service_traffic",
        ];
        let Some(Value::Object(body)) = request.json() else {
            return Err(invalid("The body must be a JSON object."));
        };
        if let Some(unknown) = body.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            return Err(invalid(&format!("Unknown field '{unknown}'.")));
        }
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let time = |name: &str| {
            let time = text(name).filter(|text| is_whole(text)).and_then(|text| text.parse().ok());
            time.ok_or_else(|| invalid(&format!("'{name}' must be a time in RFC 3339 form.")))
        };
        let expression = Expression::parse(text("query").unwrap_or_default())
            .map_err(|problem| invalid(&format!("The query is not valid: {problem}.")))?;
        let limit = match body.get("limit") {
            None => Some(USUAL),
            Some(limit) => limit.as_u64().and_then(|limit| limit.try_into().ok()),
        };
        let limit = limit
            .filter(|limit| (1..=MOST).contains(limit))
            .ok_or_else(|| invalid("'limit' must be from 1 to 10000."))?;
        let (start, end) = (time("start_date")?, time("end_date")?);
        if start >= end {
            return Err(invalid("'start_date' must be before 'end_date'."));
        }
        if !matches!(text("order_by"), None | Some("timestamp")) {
            return Err(invalid("'order_by' must be 'timestamp'."));
        }
        if !matches!(text("order"), None | Some("asc" | "desc")) {
            return Err(invalid("'order' must be 'asc' or 'desc'."));
        }
        let account = text("customer_id").map(str::to_owned);
        Ok(Self { expression, start, end, limit, account, ascending: text("order") == Some("asc") })
    }
}

impl Query {
    /// Whether it asks for lists of values.
    pub(super) fn has_lists(&self) -> bool {
        self.expression.has_lists()
    }
}

/// Whether a time has date, hours, minutes and seconds, in UTC.
fn is_whole(text: &str) -> bool {
    let form = "0000-00-00T00:00:00";
    let digits =
        |text: &str| text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect::<String>();
    let Some((whole, rest)) = text.split_at_checked(form.len()) else { return false };
    let Some(fraction) = rest.strip_suffix('Z') else { return false };
    let fraction_fits = fraction.is_empty()
        || fraction
            .strip_prefix('.')
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
    digits(whole) == form && fraction_fits
}

/// The events, the newest first unless asked otherwise.
pub(super) fn answer(tenant: &Tenant, query: &Query) -> Reply {
    let mut events: Vec<Value> = query
        .expression
        .values()
        .into_iter()
        .filter_map(Entity::of)
        .flat_map(|entity| traffic::between(tenant, &entity, query.start, query.end))
        .filter(|event| query.expression.fits(event))
        .filter(|event| query.account.as_ref().is_none_or(|account| event["customer_id"] == **account))
        .collect();
    events.sort_by_key(|event| event["timestamp"].as_str().unwrap_or_default().to_owned());
    events.dedup_by(|one, other| one["uuid"] == other["uuid"]);
    if !query.ascending {
        events.reverse();
    }
    let total = events.len();
    events.truncate(query.limit);
    Reply::json(200, &json!({"total": total, "limit": query.limit, "events": events}))
}
