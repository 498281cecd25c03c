//! Module types and module instances of one organization.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{not_found, refusal, shape, text};
use crate::reply::Reply;
use crate::request::Request;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Type,
    Instance,
}

#[derive(Debug)]
pub(super) struct Records {
    types: Vec<Value>,
    instances: Vec<Value>,
    made: u64,
}

/// The platform's own types; one is called as a relay's.
impl Default for Records {
    fn default() -> Self {
        let global = |number: u64, title: &str| {
            json!({
                "id": id(0xc15c_0000 + number), "title": title, "default_name": title, "visibility": "global",
                "record": "relay-module.module/RelayModule", "enabled": true, "org_id": "cisco",
                "properties": {"url": "https://modules.platform.example", "supported-apis": ["health"]},
            })
        };
        Self {
            types: vec![global(1, "Microsoft Defender for Endpoint"), global(2, "Secure Endpoint")],
            instances: Vec::new(),
            made: 0,
        }
    }
}

fn id(number: u64) -> String {
    format!("{number:08x}-0000-4000-8000-{number:012x}")
}

fn body(request: &Request) -> Result<Map<String, Value>, Reply> {
    match request.json() {
        Some(Value::Object(body)) => Ok(body),
        _ => Err(refusal(400, "invalid_request", "the body is not a JSON object")),
    }
}

fn invalid(problem: &str) -> Reply {
    refusal(400, "invalid_request", &format!("invalid body: {problem}"))
}

impl Records {
    pub(super) fn answer(&mut self, request: &Request, kind: Kind, id: Option<&str>) -> Result<Reply, Reply> {
        match (request.method.as_str(), id) {
            ("GET", None) => Ok(self.list(request, kind)),
            ("GET", Some(id)) => {
                self.find(kind, id).map(|record| Reply::json(200, record)).ok_or_else(not_found)
            }
            ("POST", _) => self.create(kind, body(request)?),
            ("PATCH", Some(id)) => self.change(kind, id, body(request)?),
            (_, Some(id)) => self.delete(kind, id),
            (_, None) => Err(not_found()),
        }
    }

    fn all(&mut self, kind: Kind) -> &mut Vec<Value> {
        match kind {
            Kind::Type => &mut self.types,
            Kind::Instance => &mut self.instances,
        }
    }

    pub(super) fn find(&self, kind: Kind, id: &str) -> Option<&Value> {
        let all = match kind {
            Kind::Type => &self.types,
            Kind::Instance => &self.instances,
        };
        all.iter().find(|record| text(record, "id") == id)
    }

    pub(super) fn instances(&self) -> &[Value] {
        &self.instances
    }

    fn list(&mut self, request: &Request, kind: Kind) -> Reply {
        let number =
            |name: &str, default| request.param(name).and_then(|text| text.parse().ok()).unwrap_or(default);
        let of = request.param("module_type_id");
        let page: Vec<&Value> = self
            .all(kind)
            .iter()
            .filter(|record| of.is_none_or(|of| text(record, "module_type_id") == of))
            .skip(number("offset", 0))
            .take(number("limit", 100))
            .collect();
        Reply::json(200, &page)
    }

    fn create(&mut self, kind: Kind, body: Map<String, Value>) -> Result<Reply, Reply> {
        let mut record = Value::Object(body);
        match kind {
            Kind::Type => {
                shape::module_type(&record, false).map_err(|problem| invalid(&problem))?;
                record["visibility"] = "org".into();
                record["record"] = "relay-module.module/RelayModule".into();
                record["client_id"] = "client-sim".into();
            }
            Kind::Instance => {
                shape::module_instance(&record, false).map_err(|problem| invalid(&problem))?;
                self.check_settings(text(&record, "module_type_id"), &record["settings"])?;
            }
        }
        if record.get("enabled").is_none() {
            record["enabled"] = true.into();
        }
        self.made += 1;
        record["id"] = id(self.made).into();
        record["org_id"] = "simulated-org".into();
        record["user_id"] = "simulated-user".into();
        record["created_at"] = Timestamp::now().to_string().into();
        self.all(kind).push(record.clone());
        Ok(Reply::json(200, &record))
    }

    /// The settings answer the form of the type.
    fn check_settings(&self, module_type: &str, settings: &Value) -> Result<(), Reply> {
        let module_type = self
            .find(Kind::Type, module_type)
            .ok_or_else(|| invalid("/module_type_id: there is no such type"))?;
        let fields = module_type["configuration_spec"].as_array().map(Vec::as_slice).unwrap_or_default();
        for field in fields.iter().filter(|field| field["required"] == true) {
            let value = &settings[text(field, "key")];
            if value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty()) {
                return Err(invalid(&format!("/settings/{}: missing required key", text(field, "key"))));
            }
        }
        let known = |name: &str| fields.iter().any(|field| text(field, "key") == name);
        match settings.as_object().into_iter().flatten().find(|(name, _)| !known(name)) {
            Some((name, _)) => Err(invalid(&format!("/settings/{name}: disallowed key"))),
            None => Ok(()),
        }
    }

    /// Lists are replaced whole, `properties` by key, and `null` removes.
    fn change(&mut self, kind: Kind, id: &str, body: Map<String, Value>) -> Result<Reply, Reply> {
        self.check_own(kind, id)?;
        let change = Value::Object(body);
        match kind {
            Kind::Type => shape::module_type(&change, true),
            Kind::Instance => shape::module_instance(&change, true),
        }
        .map_err(|problem| invalid(&problem))?;
        let record =
            self.all(kind).iter_mut().find(|record| text(record, "id") == id).ok_or_else(not_found)?;
        let (Value::Object(record), Value::Object(change)) = (record, change) else {
            return Err(not_found());
        };
        for (name, value) in change {
            match (record.get_mut(&name), value) {
                (_, Value::Null) => drop(record.remove(&name)),
                (Some(Value::Object(known)), Value::Object(new)) if name == "properties" => {
                    known.extend(new);
                    known.retain(|_, value| !value.is_null());
                }
                (_, value) => drop(record.insert(name, value)),
            }
        }
        Ok(Reply::json(200, record))
    }

    fn delete(&mut self, kind: Kind, id: &str) -> Result<Reply, Reply> {
        self.check_own(kind, id)?;
        self.all(kind).retain(|record| text(record, "id") != id);
        Ok(Reply::empty(204))
    }

    /// Nobody changes the platform's own types.
    fn check_own(&self, kind: Kind, id: &str) -> Result<(), Reply> {
        let record = self.find(kind, id).ok_or_else(not_found)?;
        if kind == Kind::Type && record["visibility"] == "global" {
            return Err(refusal(403, "access_denied", "a global module type cannot be changed"));
        }
        Ok(())
    }
}
