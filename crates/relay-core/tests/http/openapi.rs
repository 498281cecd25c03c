//! The OpenAPI document: stable, whole, and about what is served.

use std::collections::BTreeSet;

use relay_testkit::Setup;
use reqwest::Method;
use serde_json::{Value, json};

use crate::acme::{observing_relay, relay, setup, thing};
use crate::mock::Mock;

async fn document(setup: Setup) -> (relay_testkit::Stage, Value) {
    let stage = setup.start().await;
    let response =
        stage.http.get(format!("{}/openapi.json", stage.relay.url)).send().await.expect("an answer");
    let document = response.json().await.expect("JSON");
    (stage, document)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_changes_only_on_purpose() {
    let (_stage, mut document) = document(setup(&Mock::silent().await)).await;
    // Their text is that of the schema, see below.
    let schemas = document["components"]["schemas"].take();
    let names: Vec<&String> = schemas.as_object().expect("schemas").keys().collect();
    document["components"]["schemas"] = json!(names);
    insta::assert_json_snapshot!(document);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schemas_are_the_definitions_of_ctim() {
    let (_stage, document) = document(setup(&Mock::silent().await)).await;
    let schema: Value = serde_json::from_str(relay_core::ctim::SCHEMA).expect("JSON");
    for (name, served) in document["components"]["schemas"].as_object().expect("schemas") {
        let text = schema["$defs"][name].to_string().replace("#/$defs/", "#/components/schemas/");
        assert_eq!(served, &serde_json::from_str::<Value>(&text).expect("JSON"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_served_route_is_described_and_every_described_one_served() {
    let provider = Mock::always(thing(true, &[])).await;
    for relay in [relay as fn() -> _, observing_relay] {
        let setup = Setup::new(relay, json!({"key": "key-one"}), &[]);
        let (stage, document) = document(setup.setting("RELAY_PROVIDER__API_URL", &provider.url)).await;
        let described: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .expect("paths")
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().expect("methods").keys();
                methods.map(move |method| (path.clone(), method.to_ascii_uppercase()))
            })
            .collect();
        let mut served = BTreeSet::new();
        for path in all_paths() {
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
                let request = stage.http.request(method.clone(), format!("{}{path}", stage.relay.url));
                let status = request.send().await.expect("an answer").status();
                if status == 200 {
                    served.insert((path.to_owned(), method.to_string()));
                } else {
                    assert!(status == 404 || status == 405, "{method} {path}: {status}");
                }
            }
        }
        assert_eq!(described, served);
        let about: Value = stage
            .http
            .get(format!("{}/", stage.relay.url))
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        let listed: BTreeSet<&str> = about["endpoints"]
            .as_array()
            .expect("rows")
            .iter()
            .filter_map(|row| row["path"].as_str())
            .collect();
        assert_eq!(listed, served.iter().map(|(path, _)| path.as_str()).collect());
    }
}

/// Every path that some relay serves.
fn all_paths() -> [&'static str; 13] {
    [
        "/health",
        "/observe/observables",
        "/deliberate/observables",
        "/refer/observables",
        "/respond/observables",
        "/respond/trigger",
        "/tiles",
        "/tiles/tile",
        "/tiles/tile-data",
        "/version",
        "/watchdog",
        "/openapi.json",
        "/",
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reference_leads_somewhere_and_no_schema_is_left_over() {
    let provider = Mock::silent().await;
    for relay in [relay as fn() -> _, observing_relay] {
        let setup = Setup::new(relay, json!({"key": "key-one"}), &[]);
        let (_stage, document) = document(setup.setting("RELAY_PROVIDER__API_URL", &provider.url)).await;
        assert_eq!(document["openapi"], "3.1.0");
        let mut references = BTreeSet::new();
        collect(&document, &mut references);
        for reference in &references {
            let pointer = reference.strip_prefix('#').expect("a reference within the document");
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
        for name in document["components"]["schemas"].as_object().expect("schemas").keys() {
            assert!(references.contains(&format!("#/components/schemas/{name}")), "{name} is used nowhere");
        }
        let ids: Vec<&Value> = document["paths"]
            .as_object()
            .expect("paths")
            .values()
            .flat_map(|methods| methods.as_object().expect("methods").values())
            .map(|operation| {
                assert!(operation["responses"]["200"]["content"].is_object(), "{operation}");
                &operation["operationId"]
            })
            .collect();
        let distinct: BTreeSet<String> = ids.iter().map(ToString::to_string).collect();
        assert_eq!(distinct.len(), ids.len(), "{ids:?}");
    }
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                references.insert(reference.clone());
            }
            fields.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn real_answers_fit_the_schemas_of_the_document() {
    let provider = Mock::always(thing(true, &["a", "b"])).await;
    let (stage, document) = document(setup(&provider)).await;
    let answers = [
        ("/observe/observables", stage.observe(&[("domain", "a.example")]).await),
        ("/deliberate/observables", stage.deliberate(&[("domain", "a.example")]).await),
        ("/refer/observables", stage.refer(&[("domain", "a.example")]).await),
        ("/observe/observables", stage.ask("/observe/observables", None, &json!([])).await),
    ];
    for (path, answer) in answers {
        let place =
            format!("/paths/{}/post/responses/200/content/application~1json/schema", path.replace('/', "~1"));
        let mut schema = document.pointer(&place).expect("a schema").clone();
        schema["components"] = document["components"].clone();
        let validator = jsonschema::validator_for(&schema).expect("a valid schema");
        let problems: Vec<String> =
            validator.iter_errors(&answer).map(|problem| problem.to_string()).collect();
        assert_eq!(problems, Vec::<String>::new(), "{path}: {answer}");
    }
}
