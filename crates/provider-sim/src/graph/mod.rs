//! Microsoft Graph, as far as its security APIs go
//! ([documentation](https://learn.microsoft.com/en-us/graph/api/resources/security-api-overview)).
//!
//! | call | permission | |
//! |---|---|---|
//! | `GET /security/alerts` | `SecurityEvents.Read.All` | alerts of the retired API |
//! | `GET /security/alerts_v2`, `/security/alerts_v2/{id}` | `SecurityAlert.Read.All` | alerts of its successor |
//! | `GET /security/incidents` | `SecurityIncident.Read.All` | incidents |
//! | `POST /security/runHuntingQuery` | `ThreatHunting.Read.All` | advanced hunting |
//! | `POST /$batch` | those of its calls | up to 20 calls in one |
//! | `GET /security/threatIntelligence/hosts/{host}/…` | `ThreatIntelligence.Read.All` | reputation, passive DNS |
//! | `GET /users`, `/users/{id}` | `User.Read.All` | accounts of [`accounts`] |
//! | `POST /users/{id}/revokeSignInSessions` | `User.RevokeSessions.All` | |
//! | `PATCH /users/{id}` | `User.EnableDisableAccount.All` | |
//!
//! Tokens come from the [login](crate::login). Which calls work for a tenant, and how, is set by
//! [`tenant::STATES`]. Alerts are those of [`alerts`] and, about most values that are asked for, generated ones.
//! Hunting finds in the tables of devices what Defender for Endpoint's own API does, fixtures included;
//! the table of alerts has a row for each change of one.
//! Filters and queries are read by strict grammars; each API has a quota of calls a minute, and hunting has a share
//! of running time.

pub mod accounts;
pub mod alerts;
mod batch;
mod call;
mod generated;
mod hunting;
mod incidents;
mod intelligence;
mod list;
mod refusal;
mod subject;
pub mod tenant;

use std::time::Instant;

use crate::login::Grant;
use crate::login::directory::Resource;
use crate::quota::Quotas;
use crate::reply::Reply;
use crate::request::Request;
use crate::service::{Find, Service};

use accounts::Directory;
use batch::Fate;
use call::Call;
pub use hunting::{evidence, table};
use refusal::Refusal;
use tenant::State;

/// The service.
#[derive(Debug, Default)]
pub struct Graph {
    /// Calls, by tenant, application and kind of call.
    quotas: Quotas<(String, String, &'static str)>,
    /// Running time of queries in milliseconds, by tenant.
    running_time: Quotas<String>,
    /// Accounts of all tenants.
    accounts: Directory,
}

/// A call to which nothing is wrong so far.
struct Authorized<'r> {
    call: Call<'r>,
    grant: Grant,
    state: &'static State,
}

/// All checks before the question itself is read.
fn authorized(request: &Request) -> Result<Authorized<'_>, Refusal> {
    let grant = request.grant(Resource::Graph).map_err(Refusal::Token)?;
    let call = Call::of(request).ok_or(Refusal::NoSuchPath)?;
    if request.method != call.method() {
        return Err(Refusal::Method(call.method()));
    }
    let roles = call.roles();
    let role = roles.first().copied().unwrap_or_default();
    if !roles.is_empty() && !grant.has_any(roles) {
        return Err(Refusal::Forbidden(role));
    }
    let state = grant.tenant().and_then(State::of).ok_or(Refusal::NotProvisioned)?;
    match (call, state.legacy) {
        (Call::Legacy, tenant::Legacy::Refused(status)) => return Err(Refusal::Retired(status)),
        (Call::Alerts | Call::Alert(_) | Call::Incidents | Call::Hunting, _) if !state.v2 => {
            return Err(Refusal::NoSuchPath);
        }
        (Call::Hunting, _) if !state.hunting => return Err(Refusal::Forbidden(role)),
        (Call::Batch, _) if !state.batches => return Err(Refusal::NoSuchPath),
        (Call::Reputation(_) | Call::PassiveDns(_) | Call::PassiveDnsReverse(_), _) => {
            if let tenant::Intelligence::Refused(status, code) = state.intelligence {
                return Err(Refusal::Intelligence(status, code));
            }
        }
        _ => {}
    }
    Ok(Authorized { call, grant, state })
}

impl Graph {
    fn checked(&self, request: &Request) -> Result<(), Refusal> {
        let Authorized { call, grant, state } = authorized(request)?;
        if let Some((kind, limit)) = call.quota() {
            let key = (grant.tenant_key(), grant.appid.clone(), kind);
            let spent = self.quotas.spend(key, 1, &[limit], Instant::now());
            spent.map_err(|exceeded| Refusal::TooMany { wait: exceeded.seconds() })?;
        }
        match call {
            Call::Legacy => list::ListQuery::legacy(request).map(drop),
            Call::Alerts => list::ListQuery::v2(request, state).map(drop),
            Call::Incidents => incidents::query(request).map(drop),
            Call::Hunting => {
                hunting::HuntingQuery::of(request, state)?.spend(&self.running_time, &grant.tenant_key())
            }
            Call::Batch => batch::calls(request).map(drop),
            _ => Ok(()),
        }
    }

    fn answered(&self, request: &Request) -> Result<Reply, Refusal> {
        let Authorized { call, grant, state } = authorized(request)?;
        self.answer_to(request, call, &grant, state)
    }

    fn answer_to(
        &self,
        request: &Request,
        call: Call<'_>,
        grant: &Grant,
        state: &'static State,
    ) -> Result<Reply, Refusal> {
        match call {
            Call::Legacy => Ok(list::ListQuery::legacy(request)?.answer_legacy(request, state)),
            Call::Alerts => Ok(list::ListQuery::v2(request, state)?.answer_v2(request, &grant.tid, state)),
            Call::Alert(id) => list::alert(request, &grant.tid, id),
            Call::Incidents => incidents::answer(request, &grant.tid),
            Call::Hunting => Ok(hunting::HuntingQuery::of(request, state)?.answer(&grant.tid, state)),
            Call::Batch => Ok(batch::answer(request, &batch::calls(request)?, |inner| {
                let answered = || self.checked(inner).and_then(|()| self.answered(inner));
                let outcome = match if state.flaky { batch::fate(inner) } else { Fate::Answered } {
                    Fate::Answered => answered(),
                    Fate::Failed(refusal) => Err(refusal),
                    Fate::Missing => return None,
                };
                Some(outcome.unwrap_or_else(|refusal| refusal.reply(inner)))
            })),
            Call::Reputation(host) => intelligence::reputation(host),
            Call::PassiveDns(host) => intelligence::passive_dns(host),
            Call::PassiveDnsReverse(host) => intelligence::passive_dns_reverse(host),
            Call::Users => self.accounts.find(request, &grant.tid),
            Call::User(id) => self.accounts.read(request, &grant.tid, id),
            Call::ChangeUser(id) => self.accounts.change(request, &grant.tid, id),
            Call::RevokeSessions(id) => self.accounts.revoke(&grant.tid, id),
        }
    }
}

impl Service for Graph {
    fn name(&self) -> &'static str {
        "graph"
    }

    fn prefix(&self) -> &'static str {
        "/graph"
    }

    fn authorize(&self, request: &Request) -> Result<(), Reply> {
        self.checked(request).map_err(|refusal| refusal.reply(request))
    }

    fn fixture(&self, request: &Request, find: &Find<'_>) -> Option<Reply> {
        let own = find(self.name(), request);
        own.or_else(|| {
            hunting::of_devices(request, find).filter(|_| Call::of(request) == Some(Call::Hunting))
        })
    }

    fn answer(&self, request: &Request) -> Reply {
        self.answered(request).unwrap_or_else(|refusal| refusal.reply(request))
    }

    fn reset(&self) {
        self.quotas.reset();
        self.running_time.reset();
        self.accounts.reset();
    }
}
