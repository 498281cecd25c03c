use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

#[derive(serde::Deserialize, Debug, Default, PartialEq)]
struct Inner {
    #[serde(default, deserialize_with = "field")]
    name: Option<String>,
}
object!(Inner);

#[derive(serde::Deserialize, Debug, Default, PartialEq)]
struct Outer {
    #[serde(default, deserialize_with = "field")]
    score: Option<f64>,
    #[serde(default, deserialize_with = "field")]
    count: Option<i64>,
    #[serde(default, deserialize_with = "field")]
    inner: Option<Inner>,
    #[serde(default, deserialize_with = "list")]
    list: Vec<Inner>,
    #[serde(default, deserialize_with = "map")]
    map: BTreeMap<String, f64>,
}

fn read(value: &Value) -> Outer {
    serde_json::from_str(&value.to_string()).expect("an object is always read")
}

#[test]
fn what_fits_is_kept_and_what_does_not_is_absent() {
    let outer = read(&json!({
        "score": 7, "count": 1.5, "inner": {"name": null, "more": [1]}, "unknown": {},
        "list": [{"name": "a"}, "b", null, {"name": 3}], "map": {"x": 1, "y": "2", "z": null},
    }));
    assert_eq!(outer.score, Some(7.0));
    assert_eq!(outer.count, None);
    assert_eq!(outer.inner, Some(Inner::default()));
    assert_eq!(outer.list, [Inner { name: Some("a".into()) }, Inner::default()]);
    assert_eq!(outer.map, [("x".to_owned(), 1.0)].into());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("name|score|x", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_value_of_a_field_costs_the_others(
        score in any_json(), inner in any_json(), list in any_json(), map in any_json(),
    ) {
        let outer = read(&json!({"score": score, "inner": inner, "list": list, "map": map, "count": 42}));
        prop_assert_eq!(outer.count, Some(42));
    }
}

#[test]
fn items_take_no_more_memory_than_their_text_allows() {
    // Each of three bytes of text would become a hundred.
    struct Wide(#[allow(dead_code)] [u64; 40]);
    impl LenientValue<'_> for Wide {
        fn from_integer(_: i64) -> Option<Self> {
            Some(Self([0; 40]))
        }
    }
    let read = |items: usize| {
        let text = format!("[{}0]", "0,".repeat(items - 1));
        let mut json = serde_json::Deserializer::from_str(&text);
        let (list, too_much) = bounded(text.len(), || list::<_, Wide>(&mut json));
        assert_eq!(list.is_err(), too_much);
        list.map(|list| list.len()).ok()
    };
    assert_eq!(read(500), Some(500));
    assert_eq!(read(100_000), None);
    assert_eq!(read(500), Some(500), "the next text");
}
