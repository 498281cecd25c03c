//! The rules that JSON Schema cannot express.

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value};

use super::Expect;

/// All findings about the `data` of an answer.
pub(super) fn findings(data: &Map<String, Value>, expect: &Expect<'_>) -> Vec<String> {
    let answer = Answer::new(data, expect);
    let mut findings = Vec::new();
    for rule in RULES {
        rule(&answer, &mut |place, problem| findings.push(format!("{place}: {problem}")));
    }
    findings
}

/// Takes a finding: the place, and what is wrong there.
type Report<'a> = &'a mut dyn FnMut(&str, &str);

const RULES: &[fn(&Answer<'_>, Report<'_>)] = &[
    counts,
    unique_ids,
    known_references,
    no_stray_entities,
    intervals,
    texts,
    tables,
    relations,
    addresses,
    asked_observables,
];

/// An answer's entities with their places.
struct Answer<'a> {
    data: &'a Map<String, Value>,
    entities: Vec<Located<'a>>,
    expect: &'a Expect<'a>,
}

struct Located<'a> {
    place: String,
    list: &'a str,
    entity: &'a Value,
}

impl<'a> Answer<'a> {
    fn new(data: &'a Map<String, Value>, expect: &'a Expect<'a>) -> Self {
        let mut entities = Vec::new();
        for (list, collection) in data {
            for (position, entity) in items(&collection["docs"]).enumerate() {
                entities.push(Located { place: format!("/data/{list}/docs/{position}"), list, entity });
            }
        }
        Self { data, entities, expect }
    }

    /// Visits every value in the entities, however deep, with its place and name.
    fn each(&self, visit: &mut dyn FnMut(&str, &str, &'a Value)) {
        for Located { place, list, entity } in &self.entities {
            walk(place, list, entity, visit);
        }
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// Visits a value and all below it, with place and name; elements of a list have the name of the list.
fn walk<'a>(place: &str, name: &str, value: &'a Value, visit: &mut dyn FnMut(&str, &str, &'a Value)) {
    visit(place, name, value);
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                walk(&format!("{place}/{name}"), name, value, visit);
            }
        }
        Value::Array(values) => {
            for (position, value) in values.iter().enumerate() {
                walk(&format!("{place}/{position}"), name, value, visit);
            }
        }
        _ => {}
    }
}

fn counts(answer: &Answer<'_>, report: Report<'_>) {
    for (list, collection) in answer.data {
        let docs = items(&collection["docs"]).count();
        if collection["docs"].is_array() && collection["count"] != docs {
            report(&format!("/data/{list}/count"), &format!("must be {docs}, the number of docs"));
        }
    }
}

fn unique_ids(answer: &Answer<'_>, report: Report<'_>) {
    let mut seen = HashSet::new();
    for Located { place, entity, .. } in &answer.entities {
        if let Some(id) = entity["id"].as_str()
            && !seen.insert(id)
        {
            report(place, &format!("a second entity with the id {id}"));
        }
    }
}

fn known_references(answer: &Answer<'_>, report: Report<'_>) {
    let ids: HashSet<&str> = answer.entities.iter().filter_map(|found| found.entity["id"].as_str()).collect();
    for Located { place, entity, .. } in &answer.entities {
        for field in ["source_ref", "target_ref", "judgement_id"] {
            if let Some(id) = entity[field].as_str()
                && !ids.contains(id)
            {
                report(&format!("{place}/{field}"), &format!("no entity of the answer has the id {id}"));
            }
        }
    }
}

fn no_stray_entities(answer: &Answer<'_>, report: Report<'_>) {
    let ends: HashSet<&str> = answer
        .entities
        .iter()
        .flat_map(|found| [&found.entity["source_ref"], &found.entity["target_ref"]])
        .filter_map(Value::as_str)
        .collect();
    for Located { place, list, entity } in &answer.entities {
        if answer.expect.related.contains(list)
            && let Some(id) = entity["id"].as_str()
            && !ends.contains(id)
        {
            report(place, "no relationship leads to it or from it");
        }
    }
}

fn intervals(answer: &Answer<'_>, report: Report<'_>) {
    answer.each(&mut |place, name, interval| {
        if !matches!(name, "observed_time" | "valid_time") {
            return;
        }
        let ends = ["start_time", "end_time"].map(|end| interval[end].as_str());
        let times = ends.map(|end| end.map(str::parse::<jiff::Timestamp>));
        if times.iter().flatten().any(Result::is_err) {
            report(place, "a time that cannot be read");
        }
        if let [Some(Ok(start)), Some(Ok(end))] = times
            && start > end
        {
            report(place, "start_time is after end_time");
        }
    });
}

/// The longest that text fields may be, in UTF-16 code units.
const TEXT_LIMITS: &[(&str, usize)] = &[
    ("title", 1024),
    ("short_description", 2048),
    ("description", 5000),
    ("source", 2048),
    ("source_uri", 2048),
    ("source_name", 2048),
    ("producer", 1024),
    ("reason", 1024),
    ("reason_uri", 2048),
    ("url", 2048),
    ("tags", 1024),
    ("test_mechanisms", 2048),
    ("likely_impact", 5000),
    ("language", 1024),
    ("external_ids", usize::MAX),
    ("external_id", usize::MAX),
    ("origin", usize::MAX),
    ("relation", usize::MAX),
    ("sensor", usize::MAX),
    ("resolution", usize::MAX),
    ("os", usize::MAX),
];

fn texts(answer: &Answer<'_>, report: Report<'_>) {
    answer.each(&mut |place, name, value| {
        let limit = TEXT_LIMITS.iter().find(|(field, _)| *field == name);
        let (Some((_, limit)), Some(text)) = (limit, value.as_str()) else {
            return;
        };
        let units = text.encode_utf16().count();
        if units > *limit {
            report(place, &format!("{units} UTF-16 units, at most {limit} are allowed"));
        }
        if text.trim().is_empty() {
            report(place, "blank text");
        }
    });
}

fn tables(answer: &Answer<'_>, report: Report<'_>) {
    for Located { place, entity, .. } in &answer.entities {
        let table = &entity["data"];
        if !table.is_object() {
            continue;
        }
        let place = format!("{place}/data");
        let columns: Vec<&Value> = items(&table["columns"]).collect();
        let rows: Vec<&Value> = items(&table["rows"]).collect();
        if columns.is_empty() || rows.is_empty() {
            report(&place, "a table without columns or rows");
        }
        if table.get("row_count").is_some_and(|count| *count != rows.len()) {
            report(&place, &format!("row_count must be {}", rows.len()));
        }
        for (position, row) in rows.iter().enumerate() {
            let cells: Vec<&Value> = items(row).collect();
            let place = format!("{place}/rows/{position}");
            if cells.len() != columns.len() {
                report(&place, &format!("{} cells for {} columns", cells.len(), columns.len()));
            }
            for (number, (cell, column)) in cells.iter().zip(&columns).enumerate() {
                if !fits(cell, column) {
                    report(&format!("{place}/{number}"), &format!("{cell} does not fit the column {column}"));
                }
            }
        }
    }
}

fn fits(cell: &Value, column: &Value) -> bool {
    if cell.is_null() {
        return column["required"] == false;
    }
    match column["type"].as_str() {
        Some("string" | "markdown" | "url") => cell.is_string(),
        Some("integer") => cell.is_i64() || cell.is_u64(),
        Some("number") => cell.is_number(),
        Some("observable") => cell["type"].is_string() && cell["value"].is_string(),
        // The schema reports an unknown type.
        _ => true,
    }
}

fn relations(answer: &Answer<'_>, report: Report<'_>) {
    for Located { place, entity, .. } in &answer.entities {
        let mut seen = HashSet::new();
        for (position, relation) in items(&entity["relations"]).enumerate() {
            let place = format!("{place}/relations/{position}");
            let parts = ["origin", "source", "relation", "related"].map(|part| &relation[part]);
            if relation["source"] == relation["related"] {
                report(&place, "relates an observable to itself");
            }
            if !seen.insert(parts.map(Value::to_string)) {
                report(&place, "the same relation a second time");
            }
        }
    }
}

/// The observables that entities are about, as type and value.
fn subjects(entity: &Value) -> impl Iterator<Item = &Value> {
    items(&entity["observables"]).chain(entity.get("observable"))
}

fn key(observable: &Value) -> (&str, &str) {
    (observable["type"].as_str().unwrap_or_default(), observable["value"].as_str().unwrap_or_default())
}

fn addresses(answer: &Answer<'_>, report: Report<'_>) {
    // Where the request is not known, what the entities are about is what was asked.
    let asked: HashSet<(&str, &str)> = match answer.expect.asked {
        Some(asked) => asked.iter().copied().collect(),
        None => answer.entities.iter().flat_map(|found| subjects(found.entity)).map(key).collect(),
    };
    answer.each(&mut |place, _, value| {
        let (kind, text) = key(value);
        let wrong = match kind {
            "ip" => text.parse::<Ipv4Addr>().is_err(),
            "ipv6" => text.parse::<Ipv6Addr>().is_err(),
            _ => false,
        };
        if wrong && !asked.contains(&(kind, text)) {
            report(place, &format!("{text:?} is no {kind} address"));
        }
    });
}

fn asked_observables(answer: &Answer<'_>, report: Report<'_>) {
    let Some(asked) = answer.expect.asked else {
        return;
    };
    for Located { place, entity, .. } in &answer.entities {
        for observable in subjects(entity) {
            if !asked.contains(&key(observable)) {
                report(place, &format!("is about {observable}, which was not asked for"));
            }
        }
    }
}
