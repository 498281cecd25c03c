//! Up to 20 calls in one ([documentation](https://learn.microsoft.com/en-us/graph/json-batching)).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::refusal::Refusal;
use crate::reply::Reply;
use crate::request::Request;
use crate::seeded::Rng;

/// Most calls of a batch.
const MOST: usize = 20;

/// A call of a batch.
pub(super) struct Inner {
    id: String,
    request: Request,
}

/// The calls of a batch.
pub(super) fn calls(request: &Request) -> Result<Vec<Inner>, Refusal> {
    let body = request.json().ok_or_else(|| bad("The body is not JSON."))?;
    let all = body["requests"].as_array().ok_or_else(|| bad("requests is missing."))?;
    if all.is_empty() || all.len() > MOST {
        return Err(bad("Number of batch request steps must be 1 to 20."));
    }
    let calls = all.iter().map(|one| call(request, one)).collect::<Result<Vec<_>, _>>()?;
    let ids: BTreeSet<&str> = calls.iter().map(|one| one.id.as_str()).collect();
    if ids.len() < calls.len() {
        return Err(bad("Request ids must be unique."));
    }
    Ok(calls)
}

fn call(outer: &Request, one: &Value) -> Result<Inner, Refusal> {
    let text = |name: &str| one[name].as_str().ok_or_else(|| bad(&format!("{name} is missing.")));
    let (id, method, url) = (text("id")?, text("method")?, text("url")?);
    if !url.starts_with('/') || url.starts_with("//") {
        return Err(bad("url must be relative."));
    }
    let mut request = Request::new(method, &outer.prefix, url);
    for name in ["authorization", "host"] {
        if let Some(value) = outer.header(name) {
            request = request.with_header(name, value);
        }
    }
    for (name, value) in one["headers"].as_object().into_iter().flatten() {
        request = request.with_header(name, value.as_str().unwrap_or_default());
    }
    if !one["body"].is_null() {
        request = request.with_body(one["body"].to_string());
    }
    Ok(Inner { id: id.to_owned(), request })
}

/// The answers, in an order that has nothing to do with that of the calls.
/// A call without an answer is left out.
pub(super) fn answer(
    request: &Request,
    calls: &[Inner],
    answer: impl Fn(&Request) -> Option<Reply>,
) -> Reply {
    let mut rng = Rng::new(&["graph", "batch", &String::from_utf8_lossy(&request.body)]);
    let mut all: Vec<(u64, Value)> = calls
        .iter()
        .filter_map(|call| {
            let reply = answer(&call.request)?;
            let headers: Value =
                reply.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            let body: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
            let response = json!({"id": call.id, "status": reply.status, "headers": headers, "body": body});
            Some((rng.number(), response))
        })
        .collect();
    all.sort_by_key(|(place, _)| *place);
    let responses: Vec<Value> = all.into_iter().map(|(_, response)| response).collect();
    Reply::json(200, &json!({"responses": responses}))
}

/// What becomes of a call where answers are of bad quality.
pub(super) enum Fate {
    /// It is answered.
    Answered,
    /// It fails.
    Failed(Refusal),
    /// Its answer is missing.
    Missing,
}

/// By its path, so that the same call has the same fate.
pub(super) fn fate(request: &Request) -> Fate {
    match Rng::new(&["graph", "fate", &request.path]).below(8) {
        0 => Fate::Failed(Refusal::TooMany { wait: 30 }),
        1 => Fate::Failed(Refusal::Broken),
        2 => Fate::Failed(Refusal::UnknownAlert),
        3 => Fate::Missing,
        _ => Fate::Answered,
    }
}

fn bad(text: &str) -> Refusal {
    Refusal::Bad(text.to_owned())
}
