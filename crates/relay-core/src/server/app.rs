//! Routes and handlers: bytes in, an endpoint's handler asked, bytes out.

use std::future::ready;
use std::sync::Arc;

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::pack::{self, Body, Document};
use super::receive::Receiver;
use super::telemetry::Report;
use super::{common, get, openapi, page};
use crate::doctor::checkup::Retiring;
use crate::endpoint::{Described, Endpoint, Served};
use crate::envelope::{Reply, Stats};
use crate::error::{Code, Error};
use crate::heavy::{self, Threads};
use crate::host::{Asked, Host};
use crate::module::Module;
use crate::settings::Settings;

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";
/// The page runs nothing and loads nothing.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HEALTH_CHECK: HeaderName = HeaderName::from_static("health-check");

/// The endpoint of requests that lead to none, in log and metrics.
pub(super) const OTHER: &str = "other";

/// What all workers share: the endpoints, what they need, and the answers that never change.
pub(super) struct Site {
    pub(super) host: Arc<Host>,
    /// Its name in the log.
    pub(super) relay: &'static str,
    endpoints: Vec<Arc<Served>>,
    version: Document,
    about: Document,
    page: page::About,
    openapi: Document,
    trust_proxy: bool,
    bodies: Receiver,
    threads: Threads,
}

impl Site {
    pub(super) fn new(
        module: &'static Module,
        settings: &Settings,
        host: Host,
        endpoints: Vec<Served>,
        retiring: Vec<Retiring>,
        threads: Threads,
    ) -> Self {
        let described: Vec<Described<'_>> =
            endpoints.iter().map(Served::described).chain(common::ALL.map(Described::of)).collect();
        let claims: Vec<_> = settings.provider.claims(module).collect();
        let about = page::About::of(module, &claims, &described, retiring);
        for endpoint in described.iter().map(|one| one.endpoint.name).chain([OTHER]) {
            host.metrics.serves(endpoint);
        }
        for tile in described.iter().flat_map(|one| one.tiles) {
            host.metrics.serves_tile(tile.id);
        }
        Self {
            bodies: Receiver::new(settings, Arc::clone(&host.metrics)),
            version: Document::new(JSON, json!({"version": module.version}).to_string()),
            about: Document::new(JSON, about.json()),
            page: about,
            openapi: Document::new(JSON, openapi::document(module, &claims, &described).to_string()),
            host: Arc::new(host),
            relay: module.name,
            endpoints: endpoints.into_iter().map(Arc::new).collect(),
            trust_proxy: settings.trust_proxy,
            threads,
        }
    }

    /// The endpoint at a path, with or without a trailing slash.
    pub(super) fn endpoint(&self, path: &str) -> Option<Endpoint> {
        let path = if path.len() > 1 { path.strip_suffix('/').unwrap_or(path) } else { path };
        let served = self.endpoints.iter().map(|served| served.endpoint);
        served.chain(common::ALL).find(|endpoint| endpoint.path == path)
    }
}

pub(super) fn routes(config: &mut web::ServiceConfig, site: &Site) {
    for served in &site.endpoints {
        let at = resource(served.endpoint);
        let served = Arc::clone(served);
        let answer = move |site, request, payload| ask(Arc::clone(&served), site, request, payload);
        config.service(at.route(web::post().to(answer)));
    }
    config
        .service(resource(common::VERSION).route(get().to(version)).route(web::post().to(version)))
        .service(resource(common::WATCHDOG).route(get().to(watchdog)))
        .service(resource(common::OPENAPI).route(get().to(openapi_json)))
        .service(resource(common::ROOT).route(get().to(root)))
        .default_service(web::to(not_found));
}

/// A path, with and without a trailing slash.
fn resource(Endpoint { path, methods, .. }: Endpoint) -> actix_web::Resource {
    let paths = if path == "/" { vec![path.to_owned()] } else { vec![path.to_owned(), format!("{path}/")] };
    web::resource(paths).default_service(web::to(move |request| ready(wrong_method(methods, &request))))
}

/// An endpoint of the platform.
async fn ask(
    served: Arc<Served>,
    site: web::Data<Site>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let arrived = Instant::now();
    let authorization = request.headers().get(header::AUTHORIZATION);
    let received = match authorization {
        // The token is checked first: where there is none, nobody has to wait for the body.
        None if served.endpoint.token => Ok(Bytes::new()),
        _ => site.bodies.receive(&request, payload).await,
    };
    let body = match received {
        Ok(body) => body,
        Err(reply) => {
            let mut response = refuse(reply);
            // The rest of the body is still to come.
            response.head_mut().set_connection_type(ConnectionType::Close);
            return response;
        }
    };
    let mut asked = Asked {
        arrived,
        provider_calls: Arc::default(),
        authorization: authorization.map(|value| value.as_bytes().to_vec()),
        origin: origin(&request, site.trust_proxy),
        body,
        place: None,
    };
    let host = Arc::clone(&site.host);
    if let Err(reply) = served.admit(&mut asked, &host) {
        return refuse(reply);
    }
    let pack = pack::is_wanted(&request);
    let bytes = asked.body.len();
    let answer = async move {
        let reply = served.answer(&asked, &host).await;
        let bytes = if pack { reply.json.len() } else { 0 };
        heavy::run(bytes, || Packed::of(reply, pack)).await
    };
    // A client that goes away takes its lookups with it; a panic stays in the task and is answered here.
    let reply = match AbortOnDropHandle::new(site.threads.spawn(bytes, answer)).await {
        Ok(reply) => reply,
        // What it was has its own line in the log.
        Err(_) => Packed::of(Reply::bug("the request ended in a panic"), false),
    };
    respond(reply)
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

fn respond(reply: Packed) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response.content_type(JSON);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.insert_header((header::RETRY_AFTER, "1"));
    }
    let mut response = reply.body.send(response);
    response.extensions_mut().insert(Report(reply.stats));
    response
}

/// An answer that is short in any case.
fn refuse(reply: Reply) -> HttpResponse {
    respond(Packed::of(reply, false))
}

async fn version(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    site.version.answer(&request)
}

async fn openapi_json(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    with(site.openapi.answer(&request), &[(header::CACHE_CONTROL, "no-cache")])
}

/// Echoes the key of the platform's own probe.
async fn watchdog(request: HttpRequest) -> HttpResponse {
    let key = request.headers().get(HEALTH_CHECK).and_then(|key| key.to_str().ok());
    if let Some(key) = key.filter(|key| !key.is_empty()) {
        let mut response = HttpResponse::Ok();
        response.content_type(JSON);
        return Body::new(json!({"data": key}).to_string().into(), pack::is_wanted(&request)).send(response);
    }
    let error = Error::fatal(Code::HEALTH_CHECK, "The header Health-Check is missing or empty.");
    refuse(Reply::failed(error))
}

/// A page for browsers, the same facts as JSON for others.
async fn root(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    const VARY: (HeaderName, &str) = (header::VARY, "accept, accept-encoding");
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("");
    if accept.contains("text/html") {
        let headers =
            [VARY, (header::CACHE_CONTROL, "no-cache"), (header::CONTENT_SECURITY_POLICY, PAGE_POLICY)];
        // It names the host, so it is written anew.
        let page = site.page.html(&origin(&request, site.trust_proxy));
        with(Document::new(HTML, page).answer(&request), &headers)
    } else {
        with(site.about.answer(&request), &[VARY])
    }
}

fn with(mut response: HttpResponse, headers: &[(HeaderName, &'static str)]) -> HttpResponse {
    for (name, value) in headers {
        response.headers_mut().insert(name.clone(), HeaderValue::from_static(value));
    }
    response
}

async fn not_found(request: HttpRequest) -> HttpResponse {
    let path = crate::text::sanitized(request.path(), 200);
    let error = Error::fatal(Code::NOT_FOUND, format!("This relay serves nothing at {path}."));
    refuse(Reply::refused(404, error))
}

fn wrong_method(methods: &'static [&'static str], request: &HttpRequest) -> HttpResponse {
    let allowed = methods.join(", ");
    let answered = allowed.replace("GET", "GET, HEAD");
    let error = Error::fatal(
        Code::METHOD_NOT_ALLOWED,
        format!("{} is not allowed here; use {allowed}.", Method::as_str(request.method())),
    );
    let mut response = refuse(Reply::refused(405, error));
    if let Ok(answered) = HeaderValue::from_str(&answered) {
        response.headers_mut().insert(header::ALLOW, answered);
    }
    response
}
