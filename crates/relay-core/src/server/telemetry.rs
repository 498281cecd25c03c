//! Around every request: its id, one log line, its metrics.

use std::time::Instant;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, web};
use log::kv::Value;
use log::{Level, Record};

use super::app::{OTHER, Site};
use crate::envelope::Stats;
use crate::telemetry::{Metrics, RequestId, milliseconds, trace_id, with_request_id};
use crate::text::sanitized;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Keeps gauge and log right however the request ends, a vanished client included.
struct InFlight<'m> {
    metrics: &'m Metrics,
    id: RequestId,
    /// What the log says of the request, whatever becomes of it.
    origin: Origin,
    endpoint: &'static str,
    outcome: &'static str,
    started: Instant,
}

/// Where a request comes from and leads to.
struct Origin {
    relay: &'static str,
    method: String,
    path: String,
    trace: Option<String>,
    instance: Option<String>,
}

/// The outcome of a request that nobody waits for any more.
const ABORTED: &str = "aborted";

type Pairs<'a> = Vec<(&'static str, Value<'a>)>;

impl InFlight<'_> {
    /// What every line says.
    fn pairs(&self) -> Pairs<'_> {
        let Origin { relay, method, path, trace, instance } = &self.origin;
        let mut pairs: Pairs<'_> = vec![
            ("relay", (*relay).into()),
            ("endpoint", self.endpoint.into()),
            ("method", method.as_str().into()),
            ("path", path.as_str().into()),
            ("outcome", self.outcome.into()),
            ("ms", milliseconds(self.started.elapsed()).into()),
            ("module_instance", instance.as_deref().unwrap_or("-").into()),
        ];
        pairs.extend(trace.as_deref().map(|trace| ("trace_id", trace.into())));
        pairs
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.metrics.finished(self.endpoint, self.outcome, self.started.elapsed());
        if self.outcome == ABORTED {
            let mut pairs = self.pairs();
            pairs.push(("request_id", self.id.as_str().into()));
            log_line("the client went away before its answer", &pairs);
        }
    }
}

/// Adds what the answer comes to.
fn add_figures<'a>(pairs: &mut Pairs<'a>, status: u16, figures: &'a Stats) {
    let entities: usize = figures.entities.iter().map(|(_, count)| count).sum();
    pairs.extend([
        ("status", status.into()),
        ("observables", figures.observables.into()),
        ("entities", entities.into()),
        ("provider_calls", figures.provider_calls.into()),
        ("errors", figures.errors.count.into()),
    ]);
    if figures.errors.count > 0 {
        pairs.push(("error_codes", figures.errors.codes.as_str().into()));
        pairs.push(("error_messages", figures.errors.messages.as_str().into()));
    }
    pairs.extend(figures.errors.check.map(|check| ("check", check.into())));
    if let Some((tile, period)) = figures.tile {
        pairs.extend([("tile", tile.into()), ("period", period.name().into())]);
    }
}

/// Writes a line whose pairs are not the same for all requests, which the macros cannot.
fn log_line(message: &str, pairs: &Pairs<'_>) {
    if log::log_enabled!(Level::Info) {
        let pairs = pairs.as_slice();
        let mut record = Record::builder();
        record.level(Level::Info).target(module_path!()).module_path_static(Some(module_path!()));
        log::logger().log(&record.key_values(&pairs).args(format_args!("{message}")).build());
    }
}

/// What a handler says of its answer.
pub(super) struct Report(pub(super) Stats);

pub(super) async fn observe(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, actix_web::Error> {
    let id = RequestId::accept(request.headers().get(&REQUEST_ID).map(HeaderValue::as_bytes));
    let Some(site) = request.app_data::<web::Data<Site>>().cloned() else { return next.call(request).await };
    let metrics = &site.host.metrics;
    metrics.started();
    let mut in_flight = InFlight {
        metrics,
        id: id.clone(),
        origin: Origin {
            relay: site.relay,
            method: sanitized(request.method().as_str(), 20),
            path: sanitized(request.path(), 200),
            trace: trace_of(request.headers()),
            instance: text_of(request.headers(), "x-module-instance-id"),
        },
        endpoint: site.endpoint(request.path()).map_or(OTHER, |endpoint| endpoint.name),
        outcome: ABORTED,
        started: Instant::now(),
    };
    request.extensions_mut().insert(id.clone());

    with_request_id(id.clone(), async {
        let mut response = next.call(request).await?;
        if let Ok(id) = HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        let status = response.status().as_u16();
        let report = response.response_mut().extensions_mut().remove::<Report>();
        let figures = report.map(|Report(stats)| stats).unwrap_or_default();
        in_flight.outcome = if status == 200 { figures.outcome.name() } else { "refused" };
        let mut pairs = in_flight.pairs();
        add_figures(&mut pairs, status, &figures);
        log_line("request", &pairs);
        Ok(response)
    })
    .await
}

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(|text| sanitized(text, 64))
}

/// The trace of a request. Of several headers none counts, as the standard has it.
fn trace_of(headers: &HeaderMap) -> Option<String> {
    let mut given = headers.get_all("traceparent");
    let trace = trace_id(given.next()?.as_bytes())?;
    given.next().is_none().then(|| trace.to_owned())
}
