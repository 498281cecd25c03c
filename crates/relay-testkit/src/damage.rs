//! Answers of a provider with one thing wrong in them, for tests that it costs only itself.

use serde_json::{Value, json};

/// Copies of a value with what was done to each: one field of it, or one item of a list in it, is missing, `null`,
/// of another type or empty. `spared` are the JSON pointers of what stays as it is.
pub fn damaged(whole: &Value, spared: &[&str]) -> Vec<(String, Value)> {
    let mut places = Vec::new();
    visit(whole, "", &mut places);
    places.retain(|place| !spared.contains(&place.as_str()));
    places.iter().flat_map(|place| of_place(whole, place)).collect()
}

fn visit(value: &Value, at: &str, places: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(n, item)| (n.to_string(), item)).collect(),
        _ => Vec::new(),
    };
    for (name, value) in inner {
        let place = format!("{at}/{name}");
        visit(value, &place, places);
        places.push(place);
    }
}

fn of_place(whole: &Value, place: &str) -> Vec<(String, Value)> {
    let mut copies = vec![(format!("without {place}"), without(whole, place))];
    for instead in [json!(null), json!(7), json!(" "), json!([]), json!({}), json!(true)] {
        let mut copy = whole.clone();
        let value = copy.pointer_mut(place).expect("a place in the value");
        if *value != instead {
            *value = instead.clone();
            copies.push((format!("{instead} at {place}"), copy));
        }
    }
    copies
}

fn without(whole: &Value, place: &str) -> Value {
    let mut copy = whole.clone();
    let (parent, name) = place.rsplit_once('/').expect("a pointer");
    match copy.pointer_mut(parent).expect("a place in the value") {
        Value::Object(fields) => drop(fields.remove(name)),
        Value::Array(items) => drop(items.remove(name.parse().expect("the number of an item"))),
        _ => {}
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_damaged_in_every_way_but_those_spared() {
        let copies = damaged(&json!({"a": "x", "b": [{"c": 7}]}), &["/a"]);
        let places: Vec<&str> = copies.iter().map(|(done, _)| done.rsplit_once(' ').unwrap().1).collect();
        // The number is what would replace it in one of the ways.
        for (place, ways) in [("/a", 0), ("/b", 7), ("/b/0", 7), ("/b/0/c", 6)] {
            assert_eq!(places.iter().filter(|one| **one == place).count(), ways, "{place}");
        }
        assert!(copies.contains(&("without /b/0/c".to_owned(), json!({"a": "x", "b": [{}]}))));
        assert!(copies.contains(&("without /b/0".to_owned(), json!({"a": "x", "b": []}))));
        assert!(copies.contains(&("null at /b".to_owned(), json!({"a": "x", "b": null}))));
    }
}
