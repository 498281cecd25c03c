//! Two answers, entity by entity: ids are left out, and what the clock says is not compared.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Times as near as this to the clock's come from it.
const NEAR: i64 = 600;

/// A difference between two answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "difference", rename_all = "lowercase")]
pub(crate) enum Difference {
    /// Only the old answer has it.
    Missing {
        /// The kind of entity.
        entity: String,
        /// A name for it.
        what: String,
    },
    /// Only the new answer has it.
    Added {
        /// The kind of entity.
        entity: String,
        /// A name for it.
        what: String,
    },
    /// Both have it, with other fields.
    Changed {
        /// The kind of entity.
        entity: String,
        /// A name for it.
        what: String,
        /// The fields.
        fields: Vec<Field>,
    },
}

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Field {
    /// Where it is.
    pub(crate) path: String,
    /// The old value; `null` where there is none.
    pub(crate) old: Value,
    /// The new value.
    pub(crate) new: Value,
}

/// The differences between two answers.
pub(crate) fn compare(old: &Value, new: &Value, now: Timestamp) -> Vec<Difference> {
    let (mut old, mut new) = (entities(old, now), entities(new, now));
    let mut differences = Vec::new();
    let kinds: Vec<String> = old
        .keys()
        .chain(new.keys())
        .cloned()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    for kind in kinds {
        let (old, mut new) = (old.remove(&kind).unwrap_or_default(), new.remove(&kind).unwrap_or_default());
        let mut left = Vec::new();
        for one in old {
            match new.iter().position(|other| *other == one) {
                Some(at) => drop(new.swap_remove(at)),
                None => left.push(one),
            }
        }
        for one in left {
            let nearest = (0..new.len())
                .max_by_key(|at| alike(&one, &new[*at]))
                .filter(|at| alike(&one, &new[*at]) > 0);
            let (entity, what) = (kind.clone(), name(&one));
            differences.push(match nearest {
                None => Difference::Missing { entity, what },
                Some(at) => {
                    let mut fields = Vec::new();
                    differing("", &one, &new.swap_remove(at), &mut fields);
                    Difference::Changed { entity, what, fields }
                }
            });
        }
        let added = new.iter().map(|one| Difference::Added { entity: kind.clone(), what: name(one) });
        differences.extend(added);
    }
    differences
}

/// The entities of an answer by kind, and its errors.
fn entities(answer: &Value, now: Timestamp) -> BTreeMap<String, Vec<Value>> {
    let mut all = BTreeMap::new();
    for (kind, of) in answer["data"].as_object().into_iter().flatten() {
        let docs = of["docs"].as_array().into_iter().flatten();
        all.insert(kind.clone(), docs.map(|one| timeless(one, now)).collect());
    }
    let errors = answer["errors"].as_array().into_iter().flatten();
    all.insert("errors".to_owned(), errors.map(|one| timeless(one, now)).collect());
    all
}

/// Without ids, and without what the clock says.
fn timeless(value: &Value, now: Timestamp) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !is_id(name));
            Value::Object(
                kept.map(|(name, value)| (name.clone(), timeless(value, now))).collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| timeless(item, now)).collect()),
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(time) => {
                let seconds = time.as_second() - now.as_second();
                match seconds {
                    _ if seconds.abs() < NEAR => json!("now"),
                    // As far from now as validity lasts, whichever minute it is.
                    _ if seconds > 0 => json!(format!("now + {} h", (seconds + NEAR) / 3600)),
                    _ => json!(time.to_string()),
                }
            }
            Err(_) => value.clone(),
        },
        other => other.clone(),
    }
}

fn is_id(name: &str) -> bool {
    matches!(name, "id" | "external_ids" | "judgement_id" | "based_on")
        || name.ends_with("_ref")
        || name.ends_with("_id")
}

/// How many fields of two entities are equal.
fn alike(one: &Value, other: &Value) -> usize {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else { return 0 };
    one.iter()
        .filter(|(name, value)| {
            !["type", "schema_version", "source"].contains(&name.as_str()) && other.get(*name) == Some(value)
        })
        .count()
}

/// What a person would call it.
fn name(entity: &Value) -> String {
    let text = |path: &str| entity.pointer(path).and_then(Value::as_str);
    let names = ["/title", "/message", "/disposition_name", "/relationship_type", "/description"];
    let name = names.into_iter().find_map(text).unwrap_or("an entity");
    match text("/observable/value") {
        Some(value) => format!("{name} ({value})"),
        None => name.to_owned(),
    }
}

fn differing(path: &str, old: &Value, new: &Value, fields: &mut Vec<Field>) {
    if old == new {
        return;
    }
    if let (Value::Object(old), Value::Object(new)) = (old, new) {
        let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            differing(
                &path,
                old.get(name).unwrap_or(&Value::Null),
                new.get(name).unwrap_or(&Value::Null),
                fields,
            );
        }
        return;
    }
    fields.push(Field { path: path.to_owned(), old: old.clone(), new: new.clone() });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(id: &str, title: &str, time: &str) -> Value {
        json!({"id": id, "title": title, "count": 1, "observed_time": {"start_time": time}})
    }

    fn answer(sightings: &[Value]) -> Value {
        json!({"data": {"sightings": {"count": sightings.len(), "docs": sightings}}})
    }

    #[test]
    fn ids_and_clocks_are_no_difference_and_order_is_none() {
        let now: Timestamp = "2026-11-26T15:00:00Z".parse().unwrap();
        let old =
            answer(&[sighting("1", "a", "2026-11-26T14:59:01Z"), sighting("2", "b", "2026-01-01T00:00:00Z")]);
        let new = answer(&[
            sighting("3", "b", "2026-01-01T00:00:00.000Z"),
            sighting("4", "a", "2026-11-26T15:00:00Z"),
        ]);
        assert_eq!(compare(&old, &new, now), []);
    }

    #[test]
    fn what_is_missing_added_or_changed_is_named() {
        let now: Timestamp = "2026-11-26T15:00:00Z".parse().unwrap();
        let old = answer(&[sighting("1", "a", "2026-01-01T00:00:00Z")]);
        let new = answer(&[sighting("2", "b", "2026-01-01T00:00:00Z"), json!({"title": "c"})]);
        let changed = Difference::Changed {
            entity: "sightings".to_owned(),
            what: "a".to_owned(),
            fields: vec![Field { path: "title".to_owned(), old: json!("a"), new: json!("b") }],
        };
        let c = || ("sightings".to_owned(), "c".to_owned());
        let ((entity, what), (missing, name)) = (c(), c());
        assert_eq!(compare(&old, &new, now), [changed, Difference::Added { entity, what }]);
        assert_eq!(
            compare(&answer(&[json!({"title": "c"})]), &answer(&[]), now),
            [Difference::Missing { entity: missing, what: name }]
        );
    }
}
