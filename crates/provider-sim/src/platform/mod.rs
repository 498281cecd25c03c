//! The platform's side of registration ([API](https://developer.cisco.com/docs/cisco-xdr/)): module types, module
//! instances, health and tiles of the modules.
//!
//! | call | |
//! |---|---|
//! | `POST /iroh/oauth2/token` | an access token for a client of [`clients::CLIENTS`], for ten minutes |
//! | `/iroh/iroh-int/module-type[/{id}]` | GET, POST, PATCH, DELETE of module types; two belong to the platform itself |
//! | `/iroh/iroh-int/module-instance[/{id}]` | the same of module instances |
//! | `POST /iroh/iroh-enrich/health[/{id}]` | calls the relays' `/health` |
//! | `GET /iroh/iroh-dashboard/tiles` | calls the relays' `/tiles` |
//! | `GET /iroh/iroh-dashboard/tiles/{instance}/{tile}?period=` | calls a relay's `/tiles/tile-data`, unless it holds still |
//!
//! `POST /_control/platform/clients` with `id`, `password` and `scopes` adds a client.
//!
//! A relay is called as the platform calls it: at the URL of the module type, with a token that has the instance's
//! settings (`custom_X` becomes `X`), signed with the simulator's key, or with the type's secret.

pub mod clients;
mod modules;
mod records;
mod shape;

use std::sync::Mutex;

use serde_json::{Value, json};

use crate::keys::Keys;
use crate::lock::locked;
use crate::reply::{Called, Reply};
use crate::request::Request;
use crate::service::Service;

use clients::{Client, Clients};
use modules::Kept;
use records::{Kind, Records};

/// The service.
#[derive(Debug)]
pub struct Platform {
    keys: Keys,
    clients: Clients,
    records: Mutex<Records>,
    kept: Mutex<Kept>,
}

impl Platform {
    pub(crate) fn new(keys: Keys) -> Self {
        Self {
            keys,
            clients: Clients::new(),
            records: Mutex::new(Records::default()),
            kept: Mutex::new(Kept::default()),
        }
    }
}

/// A refusal in the platform's form.
fn refusal(status: u16, error: &str, description: &str) -> Reply {
    let body = json!({"error": error, "error_description": description, "trace_id": "00000000000000000000000000000001"});
    Reply::json(status, &body)
}

fn not_found() -> Reply {
    refusal(404, "not_found", "there is no such record")
}

/// What a call is for.
enum Call<'a> {
    Token,
    Records(Kind, Option<&'a str>),
    Health(Option<&'a str>),
    Tiles,
    TileData(&'a str, &'a str),
}

impl<'a> Call<'a> {
    fn of(request: &'a Request) -> Option<Self> {
        let segments: Vec<&'a str> = request.segments.iter().map(String::as_str).collect();
        let ["iroh", rest @ ..] = segments.as_slice() else { return None };
        Some(match *rest {
            ["oauth2", "token"] => Self::Token,
            ["iroh-int", "module-type"] => Self::Records(Kind::Type, None),
            ["iroh-int", "module-type", id] => Self::Records(Kind::Type, Some(id)),
            ["iroh-int", "module-instance"] => Self::Records(Kind::Instance, None),
            ["iroh-int", "module-instance", id] => Self::Records(Kind::Instance, Some(id)),
            ["iroh-enrich", "health"] => Self::Health(None),
            ["iroh-enrich", "health", id] => Self::Health(Some(id)),
            ["iroh-dashboard", "tiles"] => Self::Tiles,
            ["iroh-dashboard", "tiles", instance, tile] => Self::TileData(instance, tile),
            _ => return None,
        })
    }

    fn methods(&self) -> &'static [&'static str] {
        match self {
            Self::Token | Self::Health(_) => &["POST"],
            Self::Records(_, None) => &["GET", "POST"],
            Self::Records(_, Some(_)) => &["GET", "PATCH", "DELETE"],
            Self::Tiles | Self::TileData(..) => &["GET"],
        }
    }

    /// The scope that it needs.
    fn scope(&self, method: &str) -> &'static str {
        match (self, method) {
            (Self::Records(Kind::Type, _), "GET") => "integration/module-type:read",
            (Self::Records(Kind::Type, _), _) => "integration/module-type:write",
            (Self::Records(Kind::Instance, _), "GET") => "integration/module-instance:read",
            (Self::Records(Kind::Instance, _), _) => "integration/module-instance:write",
            (Self::Token | Self::Health(_) | Self::Tiles | Self::TileData(..), _) => {
                "integration/health:read"
            }
        }
    }
}

impl Service for Platform {
    fn name(&self) -> &'static str {
        "platform"
    }

    fn prefix(&self) -> &'static str {
        "/platform"
    }

    fn authorize(&self, request: &Request) -> Result<(), Reply> {
        let call = Call::of(request).ok_or_else(not_found)?;
        if !call.methods().contains(&request.method.as_str()) {
            return Err(refusal(405, "method_not_allowed", "this method is not allowed here"));
        }
        match call {
            Call::Token => Ok(()),
            call => self.clients.check(request, call.scope(&request.method)),
        }
    }

    fn answer(&self, request: &Request) -> Reply {
        let answer = match Call::of(request) {
            None => Err(not_found()),
            Some(Call::Token) => self.clients.issue(request),
            Some(Call::Records(kind, id)) => locked(&self.records).answer(request, kind, id),
            Some(Call::Health(id)) => self.ask_health(request, id),
            Some(Call::Tiles) => Ok(self.ask_tiles(request)),
            Some(Call::TileData(instance, tile)) => self.ask_tile(request, instance, tile),
        };
        answer.unwrap_or_else(|refusal| refusal)
    }

    fn called(&self, request: &Request, outcomes: &[Called]) -> Reply {
        match Call::of(request) {
            Some(Call::Health(id)) => self.health(id.is_some(), outcomes),
            Some(Call::Tiles) => Self::tiles(request, outcomes),
            Some(Call::TileData(instance, tile)) => self.tile(request, instance, tile, outcomes),
            _ => not_found(),
        }
    }

    /// `clients`: a further API client.
    fn set_up(&self, what: &str, body: &[u8]) -> Option<Result<(), String>> {
        let client = (what == "clients").then(|| serde_json::from_slice::<Client>(body))?;
        Some(client.map(|client| self.clients.add(client)).map_err(|error| error.to_string()))
    }

    fn decorate(&self, _: &Request, reply: &mut Reply) {
        *reply = std::mem::replace(reply, Reply::empty(500)).header("X-Ratelimit-Org-Limit", "8000");
    }

    fn reset(&self) {
        self.clients.reset();
        *locked(&self.records) = Records::default();
        *locked(&self.kept) = Kept::default();
    }
}

/// A text of an object.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
