//! Microsoft Defender for Endpoint ([API documentation](https://learn.microsoft.com/defender-endpoint/api/exposed-apis-list)).
//!
//! Tokens come from the [`login`](crate::login) service and carry the permissions that each call is checked for. Paths
//! are below the version, so a relay's base URL is `{simulator}/defender`.
//!
//! | call | |
//! |---|---|
//! | `GET /files/{sha1}/alerts`, `/domains/{name}/alerts`, `/ips/{address}/alerts`, `/machines/{id}/alerts`, `/users/{name}/alerts` | [`alerts`]; `/ips` takes IPv4 only |
//! | `GET /alerts`, `/alerts/{id}` | one alert has its evidence, the list has it on request |
//! | `GET /files/{hash}`, `/machines/{id}`, `/machines?$filter=…`, `/machines/findbyip(…)`, `…/stats`, `/files/{sha1}/machines` | generated facts (`inventory`) |
//! | `POST /advancedqueries/run` | `hunting`: strict queries, rows that fit them, a share of running time |
//! | `GET /machines/$count?$filter=…`, `/indicators/$count` | a bare number |
//! | `GET`, `POST /indicators`, `DELETE /indicators/{id}` | [`indicators`] with state |
//! | `GET /machines/{id}/availableMachineActions`, `…/machineactions`, `/machineactions?$filter=…`, `POST …/isolate` and so on, `/machineactions/{id}/cancel` | [`actions`] with state |
//! | `GET /exposureScore` | |
//!
//! Some tenants hunt no more: `no-hunting.example` and `retired-403.example` may not (403), for
//! `retired-404.example` the call is unknown, for `late.example` it is gone (410). `no-licence.example` has a licence
//! neither for hunting nor for the score (401), `no-device-events.example` lacks a table, `no-partition.example` an
//! operator, `no-lists.example` takes no `in` in filters, and `no-counts.example` counts nothing.

pub mod actions;
pub mod alerts;
mod call;
mod entities;
mod hunting;
pub mod indicators;
mod refusal;

use std::time::Instant;

use serde_json::json;

use crate::login::directory::Resource;
use crate::login::{Grant, TokenError};
use crate::quota::{Limit, Quotas};
use crate::reply::Reply;
use crate::request::Request;
use crate::service::{Find, Service};

use actions::Actions;
use alerts::Alerts;
use call::Call;
use indicators::Indicators;
use refusal::Refusal;

/// The service.
#[derive(Debug, Default)]
pub struct Defender {
    /// Calls, by tenant, application and API.
    quotas: Quotas<(String, String, &'static str)>,
    /// Running time of queries in milliseconds, by tenant.
    running_time: Quotas<String>,
    alerts: Alerts,
    indicators: Indicators,
    actions: Actions,
}

impl Service for Defender {
    fn name(&self) -> &'static str {
        "defender"
    }

    fn prefix(&self) -> &'static str {
        "/defender"
    }

    fn authorize(&self, request: &Request) -> Result<(), Reply> {
        self.authorized(request).map_err(|fault| fault.reply(request))
    }

    fn answer(&self, request: &Request) -> Reply {
        self.answered(request).unwrap_or_else(|fault| fault.reply(request))
    }

    fn fixture(&self, request: &Request, find: &Find<'_>) -> Option<Reply> {
        match Call::of(request) {
            Ok(Call::Hunt) => hunting::fixture(&hunting::script(request, "").ok()?, find),
            Ok(Call::MachineList) => {
                find(self.name(), request).or_else(|| entities::machine_list_of_fixtures(request, find))
            }
            _ => find(self.name(), request),
        }
    }

    fn reset(&self) {
        self.quotas.reset();
        self.running_time.reset();
        self.alerts.reset();
        self.indicators.reset();
        self.actions.reset();
    }
}

impl Defender {
    /// What comes before the question itself, in the order of a gateway: path, token, permission, quota, form.
    fn authorized(&self, request: &Request) -> Result<(), Refusal> {
        let call = Call::of(request)?;
        let grant = granted(request)?;
        let tenant = grant.tenant().map_or("", |tenant| tenant.domain);
        if let Call::Hunt = call {
            hunting::offered(tenant)?;
        }
        if matches!(call, Call::Hunt | Call::Score) && tenant == "no-licence.example" {
            let reason = if call == Call::Hunt { "Account mode is inactive" } else { "No Tvm license" };
            return Err(Refusal::unauthorized(&format!(
                "Unauthorized request - reason of failure: {reason}"
            )));
        }
        if !grant.has_any(call.roles()) {
            return Err(Refusal::forbidden("Missing application roles."));
        }
        let key = (grant.tenant_key(), grant.appid.clone(), call.api());
        self.quotas.spend(key, 1, call.quotas(), Instant::now()).map_err(|exceeded| {
            let Limit { most, per } = exceeded.limit;
            let message = format!("API calls quota exceeded: {most} calls per {per:?}.");
            Refusal::too_many(message, exceeded.seconds())
        })?;
        if request.method == "POST" && !is_json(request) {
            return Err(Refusal::bad_request("InvalidRequestBody", "The request body must be JSON."));
        }
        if let Call::Hunt = call {
            // Also where the answer is a fixture: a malformed query must not go unnoticed.
            let script = hunting::script(request, tenant)?;
            hunting::spend(&self.running_time, &grant.tenant_key(), &script)?;
        }
        if tenant == "no-counts.example" && matches!(call, Call::MachineCount | Call::IndicatorCount) {
            return Err(Refusal::not_found("No HTTP resource was found that matches the request URI."));
        }
        let is_list = request.param("$filter").is_some_and(|filter| filter.contains(" in ("));
        let has_list = matches!(call, Call::MachineList | Call::AlertList | Call::Indicators);
        if tenant == "no-lists.example" && has_list && is_list {
            return Err(Refusal::bad_request("ODataError", "The operator 'in' is not supported."));
        }
        Ok(())
    }

    fn answered(&self, request: &Request) -> Result<Reply, Refusal> {
        let grant = granted(request)?;
        match Call::of(request)? {
            Call::Score => Ok(Reply::json(
                200,
                &json!({"time": "2026-11-02T06:00:00Z", "score": 33.491_554_051_195_706}),
            )),
            Call::FileAlerts(hash) => self.alerts.of_file(hash),
            Call::DomainAlerts(name) => self.alerts.of_domain(name),
            Call::AddressAlerts(address) => self.alerts.of_address(address),
            Call::AlertList => self.alerts.list(request),
            Call::Alert(id) => self.alerts.one(id),
            Call::File(hash) => entities::file_answer(hash),
            Call::Machine(id) => entities::machine_answer(id),
            Call::MachineAlerts(id) => self.alerts.of_machine(id),
            Call::UserAlerts(name) => Ok(self.alerts.of_user(name)),
            Call::FileStats(hash) => entities::file_stats(hash),
            Call::DomainStats(name) => Ok(entities::stats("host", name)),
            Call::AddressStats(address) => Ok(entities::stats("ipAddress", address)),
            Call::FileMachines(hash) => entities::file_machines(hash),
            Call::MachineList => entities::machine_list(request),
            Call::MachineCount => entities::machine_count(request),
            Call::MachinesByAddress(function) => entities::machines_by_address(function),
            Call::ActionList => self.actions.list(&grant, request),
            Call::CancelAction(id) => self.actions.cancel(&grant, id, request),
            Call::Hunt => {
                let tenant = grant.tenant().map_or("", |tenant| tenant.domain);
                Ok(hunting::answer(&hunting::script(request, tenant)?))
            }
            Call::Indicators => self.indicators.list(&grant, request),
            Call::IndicatorCount => self.indicators.count(&grant, request),
            Call::AddIndicator => self.indicators.add(&grant, request),
            Call::RemoveIndicator(id) => self.indicators.remove(&grant, id),
            Call::Availability(id) => self.actions.available(&grant, id),
            Call::History(id) => self.actions.history(&grant, id, request),
            Call::Act(id, action) => self.actions.act(&grant, id, action, request),
        }
    }
}

fn granted(request: &Request) -> Result<Grant, Refusal> {
    request.grant(Resource::Defender).map_err(|fault| {
        Refusal::unauthorized(match fault {
            TokenError::Missing | TokenError::Malformed => "Unauthorized request.",
            TokenError::Expired => "The token is expired.",
            TokenError::WrongAudience => "The audience of the token is not valid.",
        })
    })
}

fn is_json(request: &Request) -> bool {
    let declared = request.header("content-type").and_then(|value| value.split(';').next());
    declared.map(str::trim) == Some("application/json") && request.json().is_some_and(|body| body.is_object())
}
