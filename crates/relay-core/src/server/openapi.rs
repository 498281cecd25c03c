//! The OpenAPI 3.1 document of a relay: exactly the endpoints that it serves, with the entities' schemas taken
//! from the types that are serialised.

use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::ctim::{Bundle, ObservableType};
use crate::endpoint::Endpoint;
use crate::relay::{Action, Link, Relay};

/// The document of a relay.
pub(crate) fn document(relay: &Relay) -> Value {
    let module = relay.module();
    let mut paths = Map::new();
    for endpoint in relay.endpoints() {
        paths.insert(endpoint.path().to_owned(), json!({"post": operation(*endpoint)}));
    }
    let version = |id: &str| {
        json!({
            "operationId": id,
            "summary": "The relay's version",
            "responses": {"200": answer(&json!({
                "type": "object", "required": ["version"], "properties": {"version": {"type": "string"}},
            }))},
        })
    };
    paths.insert("/version".to_owned(), json!({"get": version("version"), "post": version("versionByPost")}));
    paths.insert(
        "/watchdog".to_owned(),
        json!({"get": {
            "operationId": "watchdog",
            "summary": "Echoes the header Health-Check",
            "parameters": [{"name": "Health-Check", "in": "header", "schema": {"type": "string"}}],
            "responses": {"200": answer(&envelope(&json!({"type": "string"})))},
        }}),
    );
    paths.insert(
        "/openapi.json".to_owned(),
        json!({"get": {
            "operationId": "openapi",
            "summary": "This document",
            "responses": {"200": answer(&json!({"type": "object"}))},
        }}),
    );
    paths.insert(
        "/".to_owned(),
        json!({"get": {
            "operationId": "about",
            "summary": "What the relay is and serves; a page for browsers",
            "responses": {"200": {
                "description": "As JSON, or as a page where the header Accept has text/html",
                "content": {
                    "application/json": {"schema": {"type": "object"}},
                    "text/html": {"schema": {"type": "string"}},
                },
            }},
        }}),
    );
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": module.package,
            "version": module.version,
            "description": module.summary,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas(relay),
            "securitySchemes": {"token": {
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": format!("A token of the platform with the claims {}", claims(relay)),
            }},
        },
    })
}

fn claims(relay: &Relay) -> String {
    let named = relay.module().claims.iter().map(|claim| {
        let required = if claim.required { " (required)" } else { "" };
        format!("{}{required}", claim.name)
    });
    named.collect::<Vec<_>>().join(", ")
}

fn operation(endpoint: Endpoint) -> Value {
    let mut operation = json!({
        "operationId": endpoint.name(),
        "summary": endpoint.summary(),
        "responses": {
            "200": answer(&envelope(&data(endpoint))),
            "413": failure("The body is larger than RELAY_MAX_BODY"),
            "500": failure("A fault of the relay; its log says more"),
        },
    });
    if let Some(body) = body(endpoint) {
        operation["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": body}}});
    }
    if endpoint.needs_token() {
        operation["security"] = json!([{"token": []}]);
    }
    operation
}

fn body(endpoint: Endpoint) -> Option<Value> {
    match endpoint {
        Endpoint::Health => None,
        Endpoint::Trigger => Some(json!({
            "type": "object",
            "required": ["action-id", "observable_type", "observable_value"],
            "properties": {
                "action-id": {"type": "string"},
                "observable_type": {"type": "string"},
                "observable_value": {"type": "string"},
            },
            "additionalProperties": {"type": "string"},
        })),
        _ => Some(json!({"type": "array", "items": {"$ref": "#/components/schemas/AskedObservable"}})),
    }
}

fn data(endpoint: Endpoint) -> Value {
    let status = |values: &[&str]| json!({"type": "object", "required": ["status"], "properties": {"status": {"enum": values}}});
    let list_of =
        |name: &str| json!({"type": "array", "items": {"$ref": format!("#/components/schemas/{name}")}});
    match endpoint {
        Endpoint::Health => status(&["ok"]),
        Endpoint::Trigger => status(&["success", "failure"]),
        Endpoint::Refer => list_of("Link"),
        Endpoint::Respond => list_of("Action"),
        Endpoint::Observe => json!({"$ref": "#/components/schemas/ObserveData"}),
        Endpoint::Deliberate => json!({
            "type": "object",
            "properties": {"verdicts": {"$ref": "#/components/schemas/VerdictCollection"}},
        }),
    }
}

fn envelope(data: &Value) -> Value {
    json!({
        "type": "object",
        "properties": {
            "data": data,
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Error"}},
        },
    })
}

fn answer(schema: &Value) -> Value {
    json!({"description": "The answer", "content": {"application/json": {"schema": schema}}})
}

fn failure(description: &str) -> Value {
    let schema = json!({"$ref": "#/components/schemas/Failure"});
    json!({"description": description, "content": {"application/json": {"schema": schema}}})
}

/// Schemas of the types that this relay's answers may hold.
fn schemas(relay: &Relay) -> Map<String, Value> {
    let mut all: Vec<(String, RefOr<Schema>)> = Vec::new();
    for endpoint in relay.endpoints() {
        match endpoint {
            Endpoint::Health | Endpoint::Trigger => {}
            Endpoint::Refer => with_parts::<Link>(&mut all),
            Endpoint::Respond => with_parts::<Action>(&mut all),
            Endpoint::Deliberate | Endpoint::Observe => with_parts::<Bundle>(&mut all),
        }
    }
    let mut schemas: Map<String, Value> = all
        .into_iter()
        .filter_map(|(name, schema)| Some((name, serde_json::to_value(schema).ok()?)))
        .collect();
    let types: &[ObservableType] = relay.module().observables;
    schemas.insert(
        "AskedObservable".to_owned(),
        json!({
            "type": "object",
            "required": ["type", "value"],
            "properties": {
                "type": {"type": "string", "description": "Others are skipped", "examples": types},
                "value": {"type": "string", "minLength": 1},
            },
        }),
    );
    schemas.insert(
        "Error".to_owned(),
        json!({
            "type": "object",
            "required": ["type", "code", "message"],
            "properties": {
                "type": {"enum": ["fatal", "error", "warning"]},
                "code": {"type": "string"},
                "message": {"type": "string"},
            },
        }),
    );
    schemas.insert(
        "Failure".to_owned(),
        json!({
            "type": "object",
            "required": ["errors"],
            "properties": {"errors": {"type": "array", "items": {"$ref": "#/components/schemas/Error"}}},
        }),
    );
    schemas
}

fn with_parts<T: ToSchema + PartialSchema>(all: &mut Vec<(String, RefOr<Schema>)>) {
    T::schemas(all);
    all.push((T::name().into_owned(), T::schema()));
}
