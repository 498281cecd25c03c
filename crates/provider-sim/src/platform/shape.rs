//! What records may hold: the parameters of the platform's API, which refuses unknown ones.

use serde_json::Value;

/// What a field holds.
enum Shape {
    Text,
    Number,
    Flag,
    Anything,
    /// One of these words.
    Word(&'static [&'static str]),
    List(&'static Shape),
    Object(&'static [Field]),
    /// An object of fields that are not fixed.
    Map,
}

struct Field {
    name: &'static str,
    shape: Shape,
    required: bool,
}

const fn needed(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: true }
}

const fn may(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: false }
}

const FIELD_TYPES: &[&str] =
    &["string", "password", "api_key", "integer", "boolean", "options", "device", "file", "remote"];
const CAPABILITIES: &[&str] = &[
    "health",
    "observe",
    "deliberate",
    "refer",
    "respond",
    "tiles",
    "detection_source",
    "device_insights",
    "assets",
    "incident/resolve",
    "notifications",
    "data_ingestion",
    "target_records",
    "automate",
    "threat_hunts",
];
const CATEGORIES: &[&str] = &[
    "siem",
    "threat-intel",
    "email-security",
    "ndr",
    "rf-security",
    "cloud-firewall",
    "itsm",
    "edr",
    "cloud-security",
    "firewall",
];

const FORM_FIELD: Shape = Shape::Object(&[
    needed("key", Shape::Text),
    needed("type", Shape::Word(FIELD_TYPES)),
    needed("label", Shape::Text),
    may("required", Shape::Flag),
    may("tooltip", Shape::Text),
    may("group", Shape::Text),
    may("subtype", Shape::Text),
    may(
        "options",
        Shape::List(&Shape::Object(&[needed("value", Shape::Text), needed("label", Shape::Text)])),
    ),
    may("strict-options", Shape::Flag),
    may("default_value", Shape::Anything),
    may("beta", Shape::Flag),
]);

const TYPE: &[Field] = &[
    needed("title", Shape::Text),
    needed("default_name", Shape::Text),
    may("description", Shape::Text),
    may("short_description", Shape::Text),
    may("tips", Shape::Text),
    may("logo", Shape::Text),
    may("logo_dark", Shape::Text),
    may(
        "external_references",
        Shape::List(&Shape::Object(&[needed("label", Shape::Text), needed("link", Shape::Text)])),
    ),
    may("configuration_spec", Shape::List(&FORM_FIELD)),
    may(
        "capabilities",
        Shape::List(&Shape::Object(&[
            needed("id", Shape::Word(CAPABILITIES)),
            may("description", Shape::Text),
        ])),
    ),
    may("properties", Shape::Map),
    may("flags", Shape::List(&Shape::Text)),
    may("enabled", Shape::Flag),
    may("max_nb_instances", Shape::Number),
    may(
        "product_categories",
        Shape::List(&Shape::Object(&[
            needed("id", Shape::Word(CATEGORIES)),
            needed("description", Shape::Text),
        ])),
    ),
    may("app_link", Shape::Text),
    may("ocsf-product-uid", Shape::Text),
    may("former_title", Shape::Text),
];

const INSTANCE: &[Field] = &[
    needed("name", Shape::Text),
    needed("module_type_id", Shape::Text),
    needed("visibility", Shape::Word(&["global", "org", "user"])),
    may("enabled", Shape::Flag),
    may("settings", Shape::Map),
];

/// Checks the body of a module type. Of a change, everything may be missing, and `null` removes what is not needed.
pub(super) fn module_type(body: &Value, change: bool) -> Result<(), String> {
    object(body, TYPE, change, "")
}

/// Checks the body of a module instance.
pub(super) fn module_instance(body: &Value, change: bool) -> Result<(), String> {
    object(body, INSTANCE, change, "")
}

fn object(value: &Value, fields: &[Field], change: bool, place: &str) -> Result<(), String> {
    let Some(given) = value.as_object() else { return Err(format!("{place}: must be an object")) };
    if let Some(unknown) = given.keys().find(|name| fields.iter().all(|field| field.name != name.as_str())) {
        return Err(format!("{place}/{unknown}: disallowed key"));
    }
    for field in fields {
        let place = format!("{place}/{}", field.name);
        match given.get(field.name) {
            None if field.required && !change => return Err(format!("{place}: missing required key")),
            None => {}
            Some(Value::Null) if change && !field.required => {}
            Some(value) => check(value, &field.shape, &place)?,
        }
    }
    Ok(())
}

fn check(value: &Value, shape: &Shape, place: &str) -> Result<(), String> {
    let must = |fits: bool, what: &str| if fits { Ok(()) } else { Err(format!("{place}: must be {what}")) };
    match shape {
        Shape::Anything => Ok(()),
        Shape::Text => must(value.is_string(), "a text"),
        Shape::Number => must(value.is_number(), "a number"),
        Shape::Flag => must(value.is_boolean(), "true or false"),
        Shape::Map => must(value.is_object(), "an object"),
        Shape::Word(words) => must(
            value.as_str().is_some_and(|word| words.contains(&word)),
            &format!("one of {}", words.join(", ")),
        ),
        Shape::Object(fields) => object(value, fields, false, place),
        Shape::List(shape) => {
            let items = value.as_array().ok_or_else(|| format!("{place}: must be a list"))?;
            items.iter().enumerate().try_for_each(|(at, item)| check(item, shape, &format!("{place}/{at}")))
        }
    }
}
