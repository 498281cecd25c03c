//! The OpenAPI 3.1 document of a relay: exactly the endpoints that it serves, with the definitions of
//! `ctim.schema.json` that their bodies and answers need.

use serde_json::{Map, Value, json};

use crate::ctim::SCHEMA;
use crate::endpoint::Described;
use crate::module::{Claim, Module};
use crate::tiles::Period;

/// The document of a relay that reads these claims and serves these endpoints.
pub(super) fn document(module: &Module, read: &[&Claim], endpoints: &[Described<'_>]) -> Value {
    let mut definitions = Definitions::new();
    let mut paths = Map::new();
    for described in endpoints {
        let endpoint = described.endpoint;
        let operations: Map<String, Value> = endpoint
            .methods
            .iter()
            .map(|method| (method.to_ascii_lowercase(), definitions.operation(described, method)))
            .collect();
        paths.insert(endpoint.path.to_owned(), operations.into());
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": module.package,
            "version": module.version,
            "description": module.summary,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": definitions.used,
            "securitySchemes": {"token": {
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": format!("A token of the platform with the claims {}", claims(read)),
            }},
        },
    })
}

fn claims(read: &[&Claim]) -> String {
    let named = read.iter().map(|claim| {
        let required = if claim.required { " (required)" } else { "" };
        format!("{}{required}", claim.name)
    });
    named.collect::<Vec<_>>().join(", ")
}

/// The definitions of the schema, and those of them that the document needs.
struct Definitions {
    all: Map<String, Value>,
    used: Map<String, Value>,
}

impl Definitions {
    /// The schema is part of this program, and tests read it.
    fn new() -> Self {
        let mut schema: Value = serde_json::from_str(SCHEMA).unwrap_or_default();
        let all = match schema["$defs"].take() {
            Value::Object(all) => all,
            _ => Map::new(),
        };
        Self { all, used: Map::new() }
    }

    /// A reference to a definition, which comes along with all that it refers to.
    fn reference(&mut self, name: &str) -> Value {
        if !self.used.contains_key(name)
            && let Some(mut definition) = self.all.get(name).cloned()
        {
            // Before its references are followed: a definition may lead back to itself.
            self.used.insert(name.to_owned(), Value::Null);
            self.resolve(&mut definition);
            self.used.insert(name.to_owned(), definition);
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    fn resolve(&mut self, schema: &mut Value) {
        match schema {
            Value::Object(fields) => {
                let name =
                    fields.get("$ref").and_then(Value::as_str).and_then(|at| at.strip_prefix("#/$defs/"));
                if let Some(name) = name.map(str::to_owned) {
                    fields["$ref"] = self.reference(&name)["$ref"].take();
                }
                fields.values_mut().for_each(|value| self.resolve(value));
            }
            Value::Array(items) => items.iter_mut().for_each(|value| self.resolve(value)),
            _ => {}
        }
    }

    fn operation(&mut self, described: &Described<'_>, method: &str) -> Value {
        let Described { endpoint, observables, tiles, example } = described;
        // The first method has the endpoint's name; ids are distinct.
        let is_first = endpoint.methods.first() == Some(&method);
        let id = if is_first {
            endpoint.name.to_owned()
        } else {
            format!("{}_{}", endpoint.name, method.to_ascii_lowercase())
        };
        let answer = match endpoint.response {
            Some(name) => self.reference(name),
            None => json!({"type": "object"}),
        };
        let mut content = json!({"application/json": {"schema": answer}});
        if let Some(example) = example.and_then(|example| serde_json::from_str::<Value>(example).ok()) {
            content["application/json"]["example"] = example;
        }
        if endpoint.page {
            content["text/html"] = json!({"schema": {"type": "string"}});
        }
        let mut operation = json!({
            "operationId": id,
            "summary": endpoint.summary,
            "responses": {"200": {"description": "The answer; failures are entries in its errors", "content": content}},
        });
        if endpoint.capability.is_some() || endpoint.token {
            for (status, description) in [
                ("413", "The body is larger than RELAY_MAX_BODY"),
                ("500", "A fault of the relay; its log says more"),
                ("503", "Too many requests are at work or being received; ask again after Retry-After"),
            ] {
                let schema = self.reference("ErrorResponse");
                operation["responses"][status] =
                    json!({"description": description, "content": {"application/json": {"schema": schema}}});
            }
            operation["responses"]["503"]["headers"] =
                json!({"Retry-After": {"description": "Seconds", "schema": {"type": "string"}}});
        }
        if let Some(name) = endpoint.request {
            let schema = self.reference(name);
            operation["requestBody"] =
                json!({"required": true, "content": {"application/json": {"schema": schema}}});
            if !tiles.is_empty() {
                let ids: Vec<&str> = tiles.iter().map(|tile| tile.id).collect();
                let periods: Vec<&str> = Period::ALL
                    .iter()
                    .filter(|period| tiles.iter().any(|tile| tile.periods.contains(period)))
                    .map(|period| period.name())
                    .collect();
                let asked = &mut operation["requestBody"]["content"]["application/json"]["schema"];
                *asked = json!({"allOf": [asked.take()], "properties": {
                    "tile_id": {"enum": ids}, "period": {"enum": periods},
                }});
            }
            if !observables.is_empty() {
                let types = observables.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
                operation["requestBody"]["description"] =
                    format!("Observables of the types {types}; others are skipped").into();
            }
        }
        if let Some(name) = endpoint.header {
            operation["parameters"] = json!([{"name": name, "in": "header", "schema": {"type": "string"}}]);
        }
        if endpoint.token {
            operation["security"] = json!([{"token": []}]);
        }
        operation
    }
}
