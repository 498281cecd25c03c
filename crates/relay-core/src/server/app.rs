//! Routes and handlers: bytes in, [`Engine`] asked, bytes out.

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::BodyLimitExceeded;
use actix_web::http::header::{self, HeaderName};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::pack::{self, Body};
use super::telemetry::Report;
use super::{openapi, page};
use crate::endpoint::Endpoint;
use crate::engine::{Asked, Engine};
use crate::envelope::{Reply, Stats};
use crate::error::{Code, Error};
use crate::relay::Relay;
use crate::settings::Settings;
use crate::telemetry::{RequestId, with_request_id};

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const JSON: &str = "application/json";
const HEALTH_CHECK: HeaderName = HeaderName::from_static("health-check");

/// What all workers share: the engine and the answers that never change.
pub(super) struct Site {
    pub(super) engine: Arc<Engine>,
    endpoints: Vec<Endpoint>,
    version: String,
    about: String,
    page: String,
    openapi: String,
    trust_proxy: bool,
    max_body: usize,
    patience: Duration,
    runtime: Handle,
}

impl Site {
    pub(super) fn new(relay: &Relay, settings: &Settings, engine: Arc<Engine>) -> Self {
        let about = page::About::of(relay);
        Self {
            engine,
            endpoints: relay.endpoints().to_vec(),
            version: json!({"version": relay.module().version}).to_string(),
            page: about.html(),
            about: about.json(),
            openapi: openapi::document(relay).to_string(),
            trust_proxy: settings.trust_proxy,
            max_body: settings.max_body,
            patience: settings.deadline,
            runtime: Handle::current(),
        }
    }
}

pub(super) fn routes(config: &mut web::ServiceConfig, site: &Site) {
    for endpoint in site.endpoints.iter().copied() {
        let path = endpoint.path();
        config.service(
            resource(path)
                .route(web::post().to(move |site, request, payload| ask(endpoint, site, request, payload))),
        );
    }
    config
        .service(resource("/version").route(web::get().to(version)).route(web::post().to(version)))
        .service(resource("/watchdog").route(web::get().to(watchdog)))
        .service(resource("/openapi.json").route(web::get().to(openapi_json)))
        .service(web::resource("/").route(web::get().to(root)).default_service(web::to(wrong_method)))
        .default_service(web::to(not_found));
}

/// A path, with and without a trailing slash.
fn resource(path: &'static str) -> actix_web::Resource {
    web::resource([path.to_owned(), format!("{path}/")]).default_service(web::to(wrong_method))
}

/// An endpoint of the platform.
async fn ask(
    endpoint: Endpoint,
    site: web::Data<Site>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let arrived = Instant::now();
    let body = match tokio::time::timeout(site.patience, payload.to_bytes_limited(site.max_body)).await {
        Ok(Ok(Ok(body))) => body,
        Ok(Err(BodyLimitExceeded { .. })) => {
            let limit = site.max_body;
            let error = Error::fatal(
                Code::PAYLOAD_TOO_LARGE,
                format!("The request body is larger than {limit} bytes (RELAY_MAX_BODY)."),
            );
            return refuse(endpoint.name(), Reply::refused(413, error));
        }
        Ok(Ok(Err(_))) => {
            let error =
                Error::fatal(Code::INVALID_ARGUMENT, "Invalid JSON payload received. The body broke off.");
            return refuse(endpoint.name(), Reply::failed(error));
        }
        Err(_) => {
            let error = Error::fatal(Code::TIMEOUT, "The request body did not arrive in time.");
            return refuse(endpoint.name(), Reply::failed(error));
        }
    };
    let asked = Asked {
        endpoint,
        arrived,
        authorization: request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes().to_vec()),
        origin: origin(&request, site.trust_proxy),
        body,
    };
    let engine = Arc::clone(&site.engine);
    let pack = pack::is_wanted(&request);
    let answer = async move { Packed::of(engine.answer(asked).await, pack) };
    let id = request.extensions().get::<RequestId>().cloned();
    let task = match id {
        Some(id) => site.runtime.spawn(with_request_id(id, answer)),
        None => site.runtime.spawn(answer),
    };
    // A client that goes away takes its lookups with it; a panic stays in the task and is answered here.
    let reply = match AbortOnDrop(task).finished().await {
        Ok(reply) => reply,
        // What it was has its own line in the log.
        Err(_) => Packed::of(Reply::bug("the request ended in a panic"), false),
    };
    respond(endpoint.name(), reply)
}

/// A reply whose body is ready to go out.
struct Packed {
    status: u16,
    body: Body,
    stats: Stats,
}

impl Packed {
    fn of(reply: Reply, pack: bool) -> Self {
        Self { status: reply.status, body: Body::new(reply.json, pack), stats: reply.stats }
    }
}

/// A spawned task that ends with whoever waits for it.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> AbortOnDrop<T> {
    async fn finished(mut self) -> Result<T, tokio::task::JoinError> {
        (&mut self.0).await
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Scheme and host of the request. Forwarded ones count only where the operator says that a proxy sets them.
fn origin(request: &HttpRequest, trust_proxy: bool) -> String {
    let text = |name: HeaderName| {
        let value = request.headers().get(name)?.to_str().ok()?;
        value.split(',').next().map(str::trim).filter(|text| !text.is_empty())
    };
    let forwarded = |name| if trust_proxy { text(name) } else { None };
    let host = forwarded(FORWARDED_HOST).or_else(|| text(header::HOST)).unwrap_or_default();
    let scheme = forwarded(FORWARDED_PROTO).unwrap_or("http");
    format!("{scheme}://{host}")
}

fn respond(endpoint: &'static str, reply: Packed) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response.content_type(JSON);
    reported(reply.body.send(response), endpoint, reply.stats)
}

/// An answer that is short in any case.
fn refuse(endpoint: &'static str, reply: Reply) -> HttpResponse {
    respond(endpoint, Packed::of(reply, false))
}

fn reported(mut response: HttpResponse, endpoint: &'static str, stats: Stats) -> HttpResponse {
    response.extensions_mut().insert(Report { endpoint, stats });
    response
}

fn document(endpoint: &'static str, request: &HttpRequest, kind: &'static str, text: String) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.content_type(kind);
    let body = Body::new(text.into_bytes(), pack::is_wanted(request));
    reported(body.send(response), endpoint, Stats::default())
}

async fn version(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    document("version", &request, JSON, site.version.clone())
}

async fn openapi_json(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    document("openapi", &request, JSON, site.openapi.clone())
}

/// Echoes the key of the platform's own probe.
async fn watchdog(request: HttpRequest) -> HttpResponse {
    let key = request.headers().get(HEALTH_CHECK).and_then(|key| key.to_str().ok());
    if let Some(key) = key.filter(|key| !key.is_empty()) {
        return document("watchdog", &request, JSON, json!({"data": key}).to_string());
    }
    let error = Error::fatal(Code::HEALTH_CHECK, "The header Health-Check is missing or empty.");
    refuse("watchdog", Reply::failed(error))
}

/// A page for browsers, the same facts as JSON for others.
async fn root(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("");
    if accept.contains("text/html") {
        let mut response = document("root", &request, "text/html; charset=utf-8", site.page.clone());
        let policy = header::HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        response
    } else {
        document("root", &request, JSON, site.about.clone())
    }
}

async fn not_found(request: HttpRequest) -> HttpResponse {
    let path = crate::text::sanitized(request.path(), 200);
    let error = Error::fatal(Code::NOT_FOUND, format!("This relay serves nothing at {path}."));
    refuse("other", Reply::refused(404, error))
}

async fn wrong_method(request: HttpRequest) -> HttpResponse {
    let allowed = match request.match_pattern().as_deref().map(|path| path.trim_end_matches('/')) {
        Some("/version") => "GET, POST",
        Some("" | "/watchdog" | "/openapi.json") => "GET",
        _ => "POST",
    };
    let error = Error::fatal(
        Code::METHOD_NOT_ALLOWED,
        format!("{} is not allowed here; use {allowed}.", Method::as_str(request.method())),
    );
    let mut response = refuse("other", Reply::refused(405, error));
    response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allowed));
    response
}
