//! Advanced hunting over generated events of devices, as Defender for Endpoint and Microsoft Graph both serve it
//! ([tables](https://learn.microsoft.com/defender-xdr/advanced-hunting-schema-tables)).
//!
//! Rows are generated for the values that a query looks for, then the query is run over them. So a query finds what
//! it asks for and nothing else. [`rows`] gives them to checks of queries by another engine. The host name
//! `busy.example` has 5,000 connections, `busiest.example` 10,000.

mod generated;

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::kql::{Outcome, Query, Row, Script, Step, Table};
use crate::request::Request;
use crate::service::Find;

/// The newest moment of generated events. It does not move: an answer must not change from day to day.
pub const NOW: Timestamp = Timestamp::constant(1_772_323_200, 0);
/// Parts that a query may have without a hint of how to make them.
const PARTS: usize = 64;

/// The rows that a query over a table of devices finds.
pub(crate) fn run(query: &Query) -> Outcome {
    without(query, &BTreeSet::new())
}

/// The rows that are found, but for those about these values.
fn without(query: &Query, values: &BTreeSet<&str>) -> Outcome {
    let mut wanted = query.literals();
    wanted.retain(|value| !values.contains(value));
    query.run(rows(query.table, &wanted), NOW)
}

/// The generated rows of a table about these values.
pub fn rows(table: Table, values: &[&str]) -> Vec<Row> {
    generated::of(table, values)
}

/// The rows that fixtures have for the values of a script, and generated ones for its other values; nothing where no
/// fixture is about any of them.
pub(crate) fn with_fixtures(script: &Script, find: &Find<'_>) -> Option<Outcome> {
    let tables: Vec<&str> = script.queries.iter().map(|query| query.table.name()).collect();
    let (mut known, mut fixed) = (BTreeSet::new(), Vec::new());
    for value in script.literals().into_iter().collect::<BTreeSet<_>>() {
        let body = json!({"Query": format!("{} {value}", tables.join(" "))}).to_string();
        let request = Request::new("POST", "/defender", "/advancedqueries/run").with_body(body);
        let Some(reply) = find("defender", &request) else { continue };
        known.insert(value);
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        for row in body["Results"].as_array().into_iter().flatten() {
            let row = object(row.clone());
            if !row.is_empty() && !fixed.contains(&row) {
                fixed.push(row);
            }
        }
    }
    // What a fixture's rows are about besides, such as the other hashes of a file, has no other rows.
    let mentioned = |value: &&str| {
        let is = |cell: &Value| cell.as_str().is_some_and(|cell| cell.eq_ignore_ascii_case(value));
        fixed.iter().any(|row| row.values().any(is))
    };
    known.extend(script.literals().into_iter().filter(mentioned));
    let outcome = Outcome::union(script.queries.iter().map(|query| without(query, &known)));
    (!known.is_empty()).then(|| Outcome { rows: fixed.into_iter().chain(outcome.rows).collect(), ..outcome })
}

/// Why queries are refused that are read well; `lacks` are tables that the tenant does not have.
pub(crate) fn refusal(script: &Script, lacks: &[Table], may_partition: bool) -> Option<String> {
    for query in &script.queries {
        if lacks.contains(&query.table) {
            let name = query.table.name();
            return Some(format!("Failed to resolve table or column expression named '{name}'"));
        }
        let partition = query.steps.iter().find_map(|step| match step {
            Step::Partition { native, .. } => Some(*native),
            _ => None,
        });
        match partition {
            Some(_) if !may_partition => return Some("The operator 'partition' is not supported".to_owned()),
            Some(false) if values(query).len() > PARTS => {
                return Some(format!("partition operator: more than {PARTS} partitions"));
            }
            _ => {}
        }
    }
    None
}

fn values(query: &Query) -> BTreeSet<&str> {
    query.literals().into_iter().collect()
}

/// The running time: each table costs, each value that is looked for costs a little, and so does each row that is
/// wanted.
pub(crate) fn running_time(script: &Script) -> Duration {
    /// Most rows of an answer.
    const MOST: usize = 100_000;
    let one = |query: &Query| {
        let rows = query.steps.iter().find_map(|step| match step {
            Step::Top(top) | Step::Partition { top, .. } => Some(top.count),
            _ => None,
        });
        let rows = u32::try_from(rows.unwrap_or(1000).min(MOST)).unwrap_or(u32::MAX);
        let values = u32::try_from(values(query).len()).unwrap_or(u32::MAX);
        Duration::from_millis(300) + Duration::from_millis(10) * values + Duration::from_millis(5) * rows
    };
    script.queries.iter().map(one).sum()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
