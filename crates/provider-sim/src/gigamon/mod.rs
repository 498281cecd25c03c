//! Gigamon ThreatINSIGHT, today Fortinet FortiNDR Cloud
//! ([list of APIs](https://docs.fortinet.com/document/fortindr-cloud/latest/user-guide/733194)).
//!
//! Three APIs, each on a host of its own at the provider; their paths do not collide, so they share a prefix here.
//! Each call carries `Authorization: IBToken <token>`, one of [`tenant::TENANTS`].
//!
//! | call | |
//! |---|---|
//! | `GET /v1/detections` | detections, by indicator, device, rule, severity, account, time; those of the last weeks without indicator and device; pages of at most 1000 |
//! | `GET /v1/rules/{uuid}` | one rule |
//! | `GET /v1/events?detection_uuid=` | events of a detection |
//! | `POST /v2/query` | events by query language and time, at most 10,000 |
//! | `POST /v2/entity/tracking/bulk/get/ip` | who had an address |
//! | `GET /v1/entity/{value}/summary`, `/file` | when a value was seen |
//!
//! The network behind it is generated: what was seen of a value follows from the value and the day. As at the
//! provider, a token sees the Demo and Training accounts besides its own.

mod detections;
mod entity;
pub mod iql;
mod network;
mod params;
mod query;
mod refusal;
pub mod tenant;
mod traffic;

use crate::reply::Reply;
use crate::request::Request;
use crate::service::Service;
use detections::Detections;
use refusal::{error, not_found};
use tenant::Api;

/// The service.
#[derive(Debug, Default)]
pub struct Gigamon {
    detections: Detections,
}

/// A call, by its path and method.
enum Call<'a> {
    Detections,
    Rule(&'a str),
    Events,
    Query,
    Tracking,
    Summary(&'a str),
    File(&'a str),
}

impl<'a> Call<'a> {
    fn of(request: &'a Request) -> Result<Self, Reply> {
        let segments: Vec<&str> = request.parts();
        let (method, call) = match *segments.as_slice() {
            ["v1", "detections"] => ("GET", Self::Detections),
            ["v1", "rules", uuid] => ("GET", Self::Rule(uuid)),
            ["v1", "events"] => ("GET", Self::Events),
            ["v2", "query"] => ("POST", Self::Query),
            ["v2", "entity", "tracking", "bulk", "get", "ip"] => ("POST", Self::Tracking),
            ["v1", "entity", value, "summary"] => ("GET", Self::Summary(value)),
            ["v1", "entity", value, "file"] => ("GET", Self::File(value)),
            _ => return Err(not_found()),
        };
        if request.method == method {
            Ok(call)
        } else {
            Err(error(405, "client.method_not_allowed", "Method not allowed.").header("Allow", method))
        }
    }

    fn api(&self) -> Api {
        match self {
            Self::Detections | Self::Rule(_) | Self::Events => Api::Detections,
            Self::Query => Api::Events,
            Self::Tracking | Self::Summary(_) | Self::File(_) => Api::Entity,
        }
    }
}

impl Service for Gigamon {
    fn name(&self) -> &'static str {
        "gigamon"
    }

    fn prefix(&self) -> &'static str {
        "/gigamon"
    }

    fn authorize(&self, request: &Request) -> Result<(), Reply> {
        let tenant = tenant::of(request)?;
        let call = Call::of(request)?;
        tenant.may(call.api())?;
        tenant.may_see(request.param("account_uuid"))?;
        match call {
            Call::Detections => params::check(request, params::DETECTIONS),
            Call::Events => params::check(request, params::EVENTS),
            Call::Query => tenant.may_list(query::Query::of(request)?.has_lists()),
            Call::Tracking => entity::Tracked::of(request).map(drop),
            Call::Rule(_) | Call::Summary(_) | Call::File(_) => Ok(()),
        }
    }

    fn answer(&self, request: &Request) -> Reply {
        let answer = || -> Result<Reply, Reply> {
            let tenant = tenant::of(request)?;
            match Call::of(request)? {
                Call::Detections => Ok(self.detections.list(tenant, request)),
                Call::Rule(uuid) => detections::rule(uuid),
                Call::Events => self.detections.events(tenant, request),
                Call::Query => Ok(query::answer(tenant, &query::Query::of(request)?)),
                Call::Tracking => Ok(entity::tracking(tenant, &entity::Tracked::of(request)?)),
                Call::Summary(value) => entity::summary(value, request.param("entity_type")),
                Call::File(value) => entity::file(value),
            }
        };
        answer().unwrap_or_else(|refusal| refusal)
    }

    fn reset(&self) {
        self.detections.reset();
    }
}
