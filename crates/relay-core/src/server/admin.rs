//! The admin listener, never published to the platform:
//!
//! * `GET /livez`: the process answers
//! * `GET /readyz`: it takes requests; 503 while it stops
//! * `GET /metrics`: Prometheus text

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::{HttpResponse, web};

use super::get;
use crate::telemetry::Metrics;

pub(super) struct Admin {
    pub(super) ready: Arc<AtomicBool>,
    pub(super) metrics: Arc<Metrics>,
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/livez", get().to(livez))
        .route("/readyz", get().to(readyz))
        .route("/metrics", get().to(metrics));
}

async fn livez() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("alive\n")
}

async fn readyz(admin: web::Data<Admin>) -> HttpResponse {
    if admin.ready.load(Ordering::SeqCst) {
        HttpResponse::Ok().content_type("text/plain").body("ready\n")
    } else {
        HttpResponse::ServiceUnavailable().content_type("text/plain").body("stopping\n")
    }
}

async fn metrics(admin: web::Data<Admin>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(admin.metrics.text())
}
