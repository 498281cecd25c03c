//! Around every request: its id, one log line, its metrics.

use std::time::Instant;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, web};

use super::app::Site;
use crate::envelope::Stats;
use crate::telemetry::{Metrics, RequestId, milliseconds, with_request_id};
use crate::text::sanitized;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Keeps gauge and log right however the request ends, a vanished client included.
struct InFlight<'m> {
    metrics: &'m Metrics,
    id: RequestId,
    endpoint: &'static str,
    path: String,
    outcome: &'static str,
    started: Instant,
}

/// The outcome of a request that nobody waits for any more.
const ABORTED: &str = "aborted";

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.metrics.finished(self.endpoint, self.outcome, self.started.elapsed());
        if self.outcome == ABORTED {
            let ms = milliseconds(self.started.elapsed());
            log::info!(
                request_id = self.id.as_str(),
                endpoint = self.endpoint,
                path = self.path.as_str(),
                ms = ms;
                "the client went away before its answer"
            );
        }
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
        endpoint: site.endpoint(request.path()).map_or("other", |endpoint| endpoint.name),
        path: sanitized(request.path(), 200),
        outcome: ABORTED,
        started: Instant::now(),
    };
    let instance = text_of(request.headers(), "x-module-instance-id");
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
        macro_rules! log_line {
            ($($further:tt)*) => {
                log::info!(
                    method = response.request().method().as_str(),
                    path = in_flight.path.as_str(),
                    status = status,
                    ms = milliseconds(in_flight.started.elapsed()),
                    observables = figures.observables,
                    entities = figures.entities.iter().map(|(_, count)| count).sum::<usize>(),
                    provider_calls = figures.provider_calls,
                    errors = figures.errors,
                    $($further)*
                    module_instance = instance.as_deref().unwrap_or("-");
                    "request"
                )
            };
        }
        match figures.tile {
            None => log_line!(),
            Some((tile, period)) => log_line!(tile = tile, period = period.name(),),
        }
        Ok(response)
    })
    .await
}

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(|text| sanitized(text, 64))
}
