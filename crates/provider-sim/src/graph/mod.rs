//! Microsoft Graph, as far as its security APIs go
//! ([documentation](https://learn.microsoft.com/en-us/graph/api/resources/security-api-overview)).
//!
//! | call | permission | |
//! |---|---|---|
//! | `GET /security/alerts` | `SecurityEvents.Read.All` | alerts of the retired API |
//! | `GET /security/alerts_v2`, `/security/alerts_v2/{id}` | `SecurityAlert.Read.All` | alerts of its successor |
//! | `POST /security/runHuntingQuery` | `ThreatHunting.Read.All` | advanced hunting |
//!
//! Tokens come from the [login](crate::login). Which of the calls work for a tenant, and how, is told by
//! [`tenant::STATES`]. Alerts are those of [`alerts`] and, about most values that are asked for, made-up ones.
//! Hunting finds in the tables of devices what Defender for Endpoint's own API does, fixtures included.
//! Filters and queries are read by strict grammars; each API takes so many calls a minute, and hunting has a share
//! of running time.

pub mod alerts;
mod hunting;
mod invented;
mod list;
mod quota;
mod refusal;
pub mod tenant;
mod topic;

use crate::login::Grant;
use crate::login::directory::Resource;
use crate::reply::Reply;
use crate::request::Request;
use crate::running_time::RunningTime;
use crate::side::{Find, Side};

use quota::Quotas;
use refusal::Refusal;
use tenant::State;

/// The side.
#[derive(Debug, Default)]
pub struct Graph {
    quotas: Quotas,
    running_time: RunningTime,
}

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call<'r> {
    Legacy,
    Alerts,
    Alert(&'r str),
    Hunting,
}

impl<'r> Call<'r> {
    fn of(request: &'r Request) -> Option<Self> {
        let parts: Vec<&str> = request.segments.iter().map(String::as_str).collect();
        match *parts.as_slice() {
            ["security", "alerts"] => Some(Self::Legacy),
            ["security", "alerts_v2"] => Some(Self::Alerts),
            ["security", "alerts_v2", id] => Some(Self::Alert(id)),
            ["security", "runHuntingQuery"] => Some(Self::Hunting),
            _ => None,
        }
    }

    fn method(self) -> &'static str {
        if self == Self::Hunting { "POST" } else { "GET" }
    }

    /// The permissions of which one is needed.
    fn roles(self) -> [&'static str; 2] {
        match self {
            Self::Legacy => ["SecurityEvents.Read.All", "SecurityEvents.ReadWrite.All"],
            Self::Alerts | Self::Alert(_) => ["SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All"],
            Self::Hunting => ["ThreatHunting.Read.All", "ThreatHunting.Read.All"],
        }
    }
}

/// A call to which nothing is wrong so far.
struct Admitted<'r> {
    call: Call<'r>,
    grant: Grant,
    state: &'static State,
}

/// All checks before the question itself is read.
fn admitted(request: &Request) -> Result<Admitted<'_>, Refusal> {
    let grant = Grant::of(request, Resource::Graph).map_err(Refusal::Token)?;
    let call = Call::of(request).ok_or(Refusal::NoSuchPath)?;
    if request.method != call.method() {
        return Err(Refusal::Method(call.method()));
    }
    let roles = call.roles();
    if !grant.has_any(&roles) {
        return Err(Refusal::Forbidden(roles[0]));
    }
    let state = grant.tenant().and_then(State::of).ok_or(Refusal::NotProvisioned)?;
    match (call, state.legacy) {
        (Call::Legacy, tenant::Legacy::Refused(status)) => return Err(Refusal::Retired(status)),
        (Call::Alerts | Call::Alert(_) | Call::Hunting, _) if !state.v2 => return Err(Refusal::NoSuchPath),
        (Call::Hunting, _) if !state.hunting => return Err(Refusal::Forbidden(roles[0])),
        _ => {}
    }
    Ok(Admitted { call, grant, state })
}

impl Graph {
    fn checked(&self, request: &Request) -> Result<(), Refusal> {
        let Admitted { call, grant, state } = admitted(request)?;
        self.quotas.spend(&grant, call)?;
        match call {
            Call::Legacy => list::Question::legacy(request).map(drop),
            Call::Alerts => list::Question::v2(request, state).map(drop),
            Call::Hunting => hunting::Question::of(request, state)?.afford(&self.running_time, &grant.tid),
            Call::Alert(_) => Ok(()),
        }
    }
}

fn answered(request: &Request) -> Result<Reply, Refusal> {
    let Admitted { call, grant, state } = admitted(request)?;
    match call {
        Call::Legacy => Ok(list::Question::legacy(request)?.answer_legacy(request, state)),
        Call::Alerts => Ok(list::Question::v2(request, state)?.answer_v2(request, &grant.tid)),
        Call::Alert(id) => list::alert(request, &grant.tid, id),
        Call::Hunting => Ok(hunting::Question::of(request, state)?.answer(&grant.tid)),
    }
}

impl Side for Graph {
    fn name(&self) -> &'static str {
        "graph"
    }

    fn prefix(&self) -> &'static str {
        "/graph"
    }

    fn calls(&self) -> &'static [&'static str] {
        &[
            "GET /security/alerts",
            "GET /security/alerts_v2",
            "GET /security/alerts_v2/{id}",
            "POST /security/runHuntingQuery",
        ]
    }

    fn admit(&self, request: &Request) -> Result<(), Reply> {
        self.checked(request).map_err(|refusal| refusal.reply(request))
    }

    fn fixture(&self, request: &Request, find: &Find<'_>) -> Option<Reply> {
        let own = find(self.name(), request);
        own.or_else(|| {
            hunting::of_devices(request, find).filter(|_| Call::of(request) == Some(Call::Hunting))
        })
    }

    fn answer(&self, request: &Request) -> Reply {
        answered(request).unwrap_or_else(|refusal| refusal.reply(request))
    }

    fn reset(&self) {
        self.quotas.reset();
        self.running_time.reset();
    }
}
