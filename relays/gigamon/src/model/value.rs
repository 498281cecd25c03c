//! Values of events, read from any JSON.
//!
//! A lookup reads thousands of events of some forty fields, to show a hundred. So these are built and dropped quickly,
//! and take little memory while they wait: short texts are stored in place, objects are lists of exactly their fields,
//! and a field that is `null` is left out, for that tells as much as one that is missing.

use std::fmt;

use compact_str::CompactString;
use relay_core::lenient::LenientValue;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::filled;

/// A value of JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Only in lists, where it keeps its place.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(CompactString),
    /// A list.
    List(Box<[Value]>),
    /// An object.
    Object(Object),
}

/// The fields of an object in the order in which they came; of two with the same name the last counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object(Box<[(CompactString, Value)]>);

impl Object {
    /// A field by its name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Hands over each text in it, however deep.
    pub fn each_text<'v>(&'v self, found: &mut impl FnMut(&'v str)) {
        self.0.iter().for_each(|(_, value)| value.each_text(found));
    }

    /// Adds a field, in place of one with the same name.
    pub(super) fn insert(&mut self, name: &str, value: Value) {
        self.change(name, Some(value));
    }

    /// Takes a field away.
    pub(super) fn remove(&mut self, name: &str) {
        self.change(name, None);
    }

    fn change(&mut self, name: &str, value: Option<Value>) {
        if value.is_none() && self.get(name).is_none() {
            return;
        }
        let mut fields = std::mem::take(&mut self.0).into_vec();
        fields.retain(|(known, _)| known != name);
        fields.extend(value.map(|value| (name.into(), value)));
        self.0 = fields.into_boxed_slice();
    }
}

impl Value {
    /// A field of an object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(object) => object.get(name),
            _ => None,
        }
    }

    /// A field of an object that is a text and not blank.
    pub fn text(&self, name: &str) -> Option<&str> {
        filled(self.get(name)?.as_str())
    }

    /// A field of an object that is a whole number.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_number()?.as_i64()
    }

    /// Hands over each text in it, however deep.
    pub fn each_text<'v>(&'v self, found: &mut impl FnMut(&'v str)) {
        match self {
            Self::Text(text) => found(text),
            Self::List(items) => items.iter().for_each(|item| item.each_text(found)),
            Self::Object(object) => object.each_text(found),
            _ => {}
        }
    }

    /// The text that it is.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of the list that it is.
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The truth value that it is.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number that it is.
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Object(object) => Ok(object),
            _ => Err(D::Error::custom("not an object")),
        }
    }
}

impl<'de> LenientValue<'de> for Object {
    fn from_object<A: MapAccess<'de>>(mut object: A) -> Result<Option<Self>, A::Error> {
        let mut fields = Vec::new();
        while let Some((name, value)) = object.next_entry()? {
            if matches!(value, Value::Null) {
                continue;
            }
            fields.push((name, value));
        }
        Ok(Some(Self(fields.into_boxed_slice())))
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items.into_boxed_slice()))
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Value, A::Error> {
        Ok(Object::from_object(object)?.map_or(Value::Null, Value::Object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn values_are_what_they_were() {
        let value = read(r#"{"a": {"b": "text"}, "c": [null, true, -1, 1.5], "d": 18446744073709551615}"#);
        assert_eq!(value.get("a").and_then(|a| a.get("b")).and_then(Value::as_str), Some("text"));
        let list = value.get("c").and_then(Value::as_list).unwrap();
        assert_eq!((list.len(), list[1].as_bool()), (4, Some(true)));
        let numbers = [&list[2], &list[3], value.get("d").unwrap()].map(|number| number.as_number().cloned());
        let wanted = [json!(-1), json!(1.5), json!(u64::MAX)].map(|number| number.as_number().cloned());
        assert_eq!(numbers, wanted);
        assert_eq!(value.as_str().or(list[0].as_str()), None);
    }

    #[test]
    fn a_null_field_is_a_missing_one_and_the_last_of_a_name_counts() {
        assert_eq!(read(r#"{"a": null, "b": 1}"#), read(r#"{"b": 1}"#));
        assert_eq!(read(r#"{"a": 1, "a": 2}"#).get("a"), Some(&read("2")));
    }

    #[test]
    fn a_field_is_put_in_place_of_its_namesake() {
        let mut object: Object = serde_json::from_str(r#"{"a": 1, "b": 2, "a": 3}"#).unwrap();
        object.insert("a", Value::Bool(true));
        assert_eq!(object, serde_json::from_str(r#"{"b": 2, "a": true}"#).unwrap());
        object.remove("b");
        assert_eq!(object.get("b"), None);
        assert!(serde_json::from_str::<Object>("[1]").is_err());
    }

    #[test]
    fn a_value_takes_no_more_than_a_short_text() {
        assert_eq!(size_of::<Value>(), size_of::<CompactString>());
    }
}
