//! Calls of the modules, as the platform makes them.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::records::{Kind, Records};
use super::{Platform, not_found, refusal, text};
use crate::lock::locked;
use crate::reply::{CallOut, Called, Reply};
use crate::request::Request;

/// The data of tiles that hold still, by instance, tile and period.
pub(super) type Kept = HashMap<(String, String, String), Value>;

/// An instance with its type.
struct Module<'a> {
    instance: &'a Value,
    module_type: &'a Value,
}

impl<'a> Module<'a> {
    fn of(records: &'a Records, instance: &'a Value) -> Option<Self> {
        let module_type = records.find(Kind::Type, text(instance, "module_type_id"))?;
        Some(Self { instance, module_type })
    }

    fn serves(&self, api: &str) -> bool {
        self.module_type["properties"]["supported-apis"]
            .as_array()
            .is_some_and(|apis| apis.contains(&api.into()))
    }

    /// A call of its relay.
    fn call(&self, platform: &Platform, host: &str, path: &str, body: &Value) -> CallOut {
        let properties = &self.module_type["properties"];
        let url = text(properties, "url");
        let custom = |values: &Value| {
            let claims = values.as_object().into_iter().flatten();
            claims
                .filter_map(|(name, value)| Some((name.strip_prefix("custom_")?.to_owned(), value.clone())))
                .collect()
        };
        let mut claims: Map<String, Value> = custom(properties);
        claims.extend::<Map<String, Value>>(custom(&self.instance["settings"]));
        let token = if text(properties, "configuration-token-alg") == "HS256" {
            let secret = text(properties, "configuration-token-key");
            platform.keys.hs256(secret.as_bytes(), &Value::Object(claims))
        } else {
            claims.insert("aud".to_owned(), url.into());
            // The simulator's own keys, wherever those of the region are.
            claims.insert("jwks_host".to_owned(), host.into());
            platform.keys.sign(&Value::Object(claims))
        };
        let headers = vec![
            ("authorization".to_owned(), format!("Bearer {token}")),
            ("content-type".to_owned(), "application/json".to_owned()),
            ("x-module-instance-id".to_owned(), text(self.instance, "id").to_owned()),
        ];
        CallOut {
            about: text(self.instance, "id").to_owned(),
            url: format!("{}{path}", url.trim_end_matches('/')),
            headers,
            body: body.to_string(),
        }
    }
}

fn host(request: &Request) -> &str {
    request.header("host").unwrap_or("localhost")
}

fn period(request: &Request) -> String {
    request.param("period").unwrap_or_default().to_owned()
}

impl Platform {
    /// Asks one module for its health, or all.
    pub(super) fn ask_health(&self, request: &Request, id: Option<&str>) -> Result<Reply, Reply> {
        let records = locked(&self.records);
        let asked: Vec<CallOut> = records
            .instances()
            .iter()
            .filter(|instance| id.is_none_or(|id| text(instance, "id") == id))
            .filter_map(|instance| Module::of(&records, instance))
            .map(|module| module.call(self, host(request), "/health", &json!({})))
            .collect();
        match (id, asked.is_empty()) {
            (Some(_), true) => Err(not_found()),
            (None, true) => Ok(Reply::json(200, &json!({"data": []}))),
            _ => Ok(Reply::after(asked)),
        }
    }

    pub(super) fn health(&self, one: bool, outcomes: &[Called]) -> Reply {
        let records = locked(&self.records);
        let (mut data, mut errors) = (Vec::new(), Vec::new());
        for Called { about, outcome } in outcomes {
            let Some(instance) = records.find(Kind::Instance, about) else { continue };
            let names = json!({
                "module": instance["name"], "module_instance_id": about, "module_type_id": instance["module_type_id"],
            });
            let (answer, mut failures) = match outcome {
                Ok((_, body)) => {
                    let body: Value = serde_json::from_slice(body).unwrap_or_default();
                    (body["data"].clone(), body["errors"].as_array().cloned().unwrap_or_default())
                }
                Err(problem) => (Value::Null, vec![unreachable(problem)]),
            };
            let mut entry = names.clone();
            entry["data"] = if answer.is_null() { json!({"status": "error"}) } else { answer };
            data.push(entry);
            for failure in &mut failures {
                if let (Some(failure), Some(names)) = (failure.as_object_mut(), names.as_object()) {
                    failure.extend(names.clone());
                }
            }
            errors.append(&mut failures);
        }
        let data = if one { data.pop().unwrap_or_default() } else { Value::Array(data) };
        let mut answer = json!({"data": data});
        if !errors.is_empty() {
            answer["errors"] = errors.into();
        }
        Reply::json(200, &answer)
    }

    /// Asks all modules that have tiles for them.
    pub(super) fn ask_tiles(&self, request: &Request) -> Reply {
        let records = locked(&self.records);
        let asked: Vec<CallOut> = records
            .instances()
            .iter()
            .filter_map(|instance| Module::of(&records, instance))
            .filter(|module| module.serves("tiles"))
            .map(|module| module.call(self, host(request), "/tiles", &json!({})))
            .collect();
        if asked.is_empty() { Reply::json(200, &json!({"data": []})) } else { Reply::after(asked) }
    }

    pub(super) fn tiles(request: &Request, outcomes: &[Called]) -> Reply {
        let mut tiles = Vec::new();
        for Called { about, outcome } in outcomes {
            let Ok((_, body)) = outcome else { continue };
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            for mut tile in body["data"].as_array().cloned().unwrap_or_default() {
                let url =
                    format!("{}/iroh/iroh-dashboard/tiles/{about}/{}", request.base_url(), text(&tile, "id"));
                tile["module_instance_id"] = about.as_str().into();
                tile["data_url"] = url.into();
                tiles.push(tile);
            }
        }
        Reply::json(200, &json!({"data": tiles}))
    }

    /// Asks a module for the data of a tile, unless what it said before holds still.
    pub(super) fn ask_tile(&self, request: &Request, instance: &str, tile: &str) -> Result<Reply, Reply> {
        let key = (instance.to_owned(), tile.to_owned(), period(request));
        if let Some(kept) = locked(&self.kept).get(&key)
            && holds(kept)
        {
            return Ok(Reply::json(200, kept));
        }
        let records = locked(&self.records);
        let instance = records.find(Kind::Instance, instance).ok_or_else(not_found)?;
        let module = Module::of(&records, instance).ok_or_else(not_found)?;
        if !module.serves("tiles/tile-data") {
            return Err(refusal(404, "not_found", "the module has no tiles"));
        }
        let mut body = json!({"tile_id": tile});
        if !key.2.is_empty() {
            body["period"] = key.2.into();
        }
        Ok(Reply::after(vec![module.call(self, host(request), "/tiles/tile-data", &body)]))
    }

    pub(super) fn tile(&self, request: &Request, instance: &str, tile: &str, outcomes: &[Called]) -> Reply {
        let answer = match outcomes.first().map(|one| &one.outcome) {
            Some(Ok((_, body))) => serde_json::from_slice(body).unwrap_or_default(),
            Some(Err(problem)) => json!({"errors": [unreachable(problem)]}),
            None => return not_found(),
        };
        if answer["data"]["cache_scope"] == "org" {
            let key = (instance.to_owned(), tile.to_owned(), period(request));
            locked(&self.kept).insert(key, answer.clone());
        }
        Reply::json(200, &answer)
    }
}

fn holds(answer: &Value) -> bool {
    let until =
        answer["data"]["valid_time"]["end_time"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    until.is_some_and(|until| Timestamp::now() < until)
}

fn unreachable(problem: &str) -> Value {
    json!({"type": "fatal", "code": "connection error", "message": format!("The module does not answer: {problem}")})
}
