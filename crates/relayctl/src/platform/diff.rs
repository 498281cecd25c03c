//! The difference between a record of the platform and what it is to become, field by field.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

use serde_json::{Map, Value};

use crate::ui::{BAD, DOUBTFUL, GOOD, cut, harmless, styled};

/// The fields of a module type that an organization can set.
const OWN: &[&str] = &[
    "title",
    "default_name",
    "description",
    "short_description",
    "tips",
    "logo",
    "logo_dark",
    "external_references",
    "configuration_spec",
    "capabilities",
    "properties",
    "flags",
    "enabled",
    "max_nb_instances",
    "product_categories",
    "app_link",
    "ocsf-product-uid",
    "former_title",
];
/// Fields of which a record keeps its own value where ours has none.
const KEPT: &[&str] = &["enabled", "max_nb_instances", "flags"];

/// The body of the PATCH: the changed top-level fields, each whole; `null` for one that is removed. Lists and
/// `properties` are replaced whole, which is right whether the platform merges them or not.
pub(crate) fn changes(before: &Value, after: &Value) -> Map<String, Value> {
    let differs = |name: &&&str| before.get(**name).filter(|value| !value.is_null()) != after.get(**name);
    let kept = |name: &&&str| after.get(**name).is_some() || !KEPT.contains(*name);
    let mut changes: Map<String, Value> = OWN
        .iter()
        .filter(differs)
        .filter(kept)
        .map(|name| ((*name).to_owned(), after.get(*name).cloned().unwrap_or_default()))
        .collect();
    // The platform may merge by key: what is to go has to be said.
    if let (Some(Value::Object(new)), Some(Value::Object(old))) =
        (changes.get_mut("properties"), before.get("properties"))
    {
        for name in old.keys() {
            new.entry(name.clone()).or_insert(Value::Null);
        }
    }
    changes
}

/// The changes for people: `+` new, `-` removed, `~` changed. No secret is shown.
pub(crate) fn lines(before: &Value, changes: &Map<String, Value>) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, after) in changes {
        compare(name, before.get(name).unwrap_or(&Value::Null), after, &mut lines);
    }
    lines
}

/// How much of a text is shown.
const LENGTH: usize = 120;

fn compare(place: &str, before: &Value, after: &Value, lines: &mut Vec<String>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let value = |of: &Map<String, Value>| of.get(name).cloned().unwrap_or_default();
                compare(&format!("{place}.{name}"), &value(old), &value(new), lines);
            }
        }
        (Value::Array(old), Value::Array(new)) => list(place, old, new, lines),
        (Value::String(old), Value::String(new)) if old.contains('\n') || new.contains('\n') => {
            by_line(place, old, new, lines);
        }
        (Value::Null, new) => lines.push(format!("{} {place}: {}", styled(GOOD, "+"), shown(place, new))),
        (old, Value::Null) => lines.push(format!("{} {place}: {}", styled(BAD, "-"), shown(place, old))),
        _ if is_secret(place) => lines.push(format!("{} {place}: (changed)", styled(DOUBTFUL, "~"))),
        (old, new) => lines.push(format!(
            "{} {place}: {} → {}",
            styled(DOUBTFUL, "~"),
            shown(place, old),
            shown(place, new)
        )),
    }
}

/// What names an entry identifies it.
fn name(entry: &Value) -> String {
    let named = ["id", "key", "label", "value"].iter().find_map(|name| entry.get(*name)?.as_str());
    named.map_or_else(|| entry.as_str().map_or_else(|| entry.to_string(), str::to_owned), str::to_owned)
}

fn list(place: &str, old: &[Value], new: &[Value], lines: &mut Vec<String>) {
    let entry = |of: &[Value], name_of: &str| of.iter().find(|entry| name(entry) == name_of).cloned();
    for before in old {
        let key = name(before);
        let after = entry(new, &key).unwrap_or_default();
        compare(&format!("{place}[{}]", harmless(&key)), before, &after, lines);
    }
    for after in new.iter().filter(|after| entry(old, &name(after)).is_none()) {
        compare(&format!("{place}[{}]", harmless(&name(after))), &Value::Null, after, lines);
    }
    let order = |of: &[Value]| of.iter().map(name).collect::<Vec<_>>();
    let (mut old_sorted, mut new_sorted) = (order(old), order(new));
    let moved = old_sorted != new_sorted;
    old_sorted.sort();
    new_sorted.sort();
    if moved && old_sorted == new_sorted {
        lines.push(format!("{} {place}: in another order", styled(DOUBTFUL, "~")));
    }
}

fn by_line(place: &str, old: &str, new: &str, lines: &mut Vec<String>) {
    lines.push(format!("{} {place}:", styled(DOUBTFUL, "~")));
    let show = |sign: String, line: &str| format!("    {sign} {}", cut(&harmless(line), LENGTH));
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    lines.extend(old.iter().filter(|line| !new.contains(line)).map(|line| show(styled(BAD, "-"), line)));
    lines.extend(new.iter().filter(|line| !old.contains(line)).map(|line| show(styled(GOOD, "+"), line)));
}

fn is_secret(place: &str) -> bool {
    place.ends_with("configuration-token-key")
}

fn shown(place: &str, value: &Value) -> String {
    if is_secret(place) {
        return "(hidden)".to_owned();
    }
    match value {
        Value::String(text) if text.starts_with("data:") => {
            let mut hasher = DefaultHasher::new();
            text.hash(&mut hasher);
            format!("{} bytes, hash {:08x}", text.len(), hasher.finish() & 0xffff_ffff)
        }
        Value::String(text) => format!("\"{}\"", cut(&harmless(text), LENGTH)),
        other => cut(&harmless(&other.to_string()), LENGTH),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plain(before: &Value, after: &Value) -> Vec<String> {
        let lines = lines(before, &changes(before, after));
        lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect()
    }

    fn record() -> Value {
        json!({
            "title": "A", "default_name": "A", "tips": "one\ntwo", "id": "7", "visibility": "org", "enabled": true,
            "logo": "data:image/png;base64,AAAA", "capabilities": [{"id": "health", "description": "x"}],
            "properties": {"url": "https://a.example", "supported-apis": ["health"], "configuration-token-key": "s3cr3t"},
        })
    }

    #[test]
    fn what_is_the_same_makes_no_change_whatever_the_platform_added() {
        let mut ours = record();
        for own in ["id", "visibility", "enabled"] {
            ours.as_object_mut().unwrap().remove(own);
        }
        assert_eq!(changes(&record(), &ours), Map::new());
    }

    #[test]
    fn changes_are_whole_fields_and_shown_in_parts() {
        let mut ours = record();
        ours["tips"] = json!("one\nthree");
        ours["logo"] = json!("data:image/png;base64,AAAAAAAA");
        ours["capabilities"] =
            json!([{"id": "health", "description": "y"}, {"id": "tiles", "description": "z"}]);
        ours["properties"] = json!({
            "url": "https://b.example", "supported-apis": ["health", "tiles"], "configuration-token-key": "0th3r",
        });
        ours.as_object_mut().unwrap().remove("default_name");
        let changes = changes(&record(), &ours);
        assert_eq!(changes["capabilities"], ours["capabilities"]);
        assert_eq!(changes["properties"], ours["properties"]);
        let lines = plain(&record(), &ours);
        for expected in [
            "~ tips:",
            "    - two",
            "    + three",
            "~ capabilities[health].description: \"x\" → \"y\"",
            "+ capabilities[tiles]: {\"description\":\"z\",\"id\":\"tiles\"}",
            "~ properties.url: \"https://a.example\" → \"https://b.example\"",
            "+ properties.supported-apis[tiles]: \"tiles\"",
            "~ properties.configuration-token-key: (changed)",
            "- default_name: \"A\"",
        ] {
            assert!(lines.iter().any(|line| line == expected), "{expected}: {lines:#?}");
        }
        let text = lines.join("\n");
        assert!(text.contains("~ logo: 26 bytes, hash") && !text.contains("AAAA"), "{text}");
        assert!(!text.contains("s3cr3t") && !text.contains("0th3r"), "{text}");
    }

    #[test]
    fn a_property_that_goes_is_named() {
        let ours = json!({"properties": {"url": "https://a.example"}});
        let changes = changes(&record(), &ours);
        assert_eq!(changes["properties"]["configuration-token-key"], Value::Null);
        assert!(changes["properties"].as_object().unwrap().contains_key("supported-apis"));
    }
}
