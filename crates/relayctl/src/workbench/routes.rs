//! What the page calls. Every answer is JSON or a stream of it; nothing that a provider says becomes markup here.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use futures::future::join_all;
use relay_core::endpoint::{observe, respond};
use relayctl::observables::{self, Observable, Parsed};
use serde::Deserialize;
use serde_json::{Value, json};

use super::guard::refused;
use super::{Bench, act, events, page};
use crate::connections::check_health;

/// Largest body of a request, in bytes: a long report.
pub(super) const MAX_BODY: usize = 4 << 20;
/// Most observables of one question.
const MAX_OBSERVABLES: usize = 1000;

type Shared = web::Data<Bench>;

/// The paths, below the token.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    let mut scope = web::scope("/{token}").route("/", web::get().to(index));
    for file in page::FILES {
        scope = scope.route(file.path, web::get().to(move || async move { file.response() }));
    }
    config.service(
        scope
            .route("/relays", web::get().to(relays))
            .route("/parse", web::post().to(parse))
            .route("/typed", web::post().to(typed))
            .route("/investigate", web::post().to(investigate))
            .route("/actions", web::post().to(act::offer))
            .route("/trigger", web::post().to(act::trigger)),
    );
}

async fn index(bench: Shared) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::html()).body(page::html(&bench).into_string())
}

/// The relays with their health.
async fn relays(bench: Shared) -> HttpResponse {
    let healths = join_all(bench.relays.iter().map(check_health)).await;
    let row = |(relay, health): (&crate::relay_client::RelayClient, anyhow::Result<()>)| {
        json!({
            "name": relay.name,
            "title": relay.title(),
            "url": relay.url,
            "types": relay.types(observe::ENDPOINT),
            "responds": relay.types(respond::ENDPOINT),
            "problem": health.err().map(|problem| format!("{problem:#}")),
        })
    };
    let rows: Vec<Value> = bench.relays.iter().zip(healths).map(row).collect();
    HttpResponse::Ok().json(rows)
}

#[derive(Deserialize)]
struct Text {
    text: String,
}

/// The observables of a text.
async fn parse(text: web::Json<Text>) -> HttpResponse {
    let text = text.into_inner().text;
    let Ok(Parsed { mut observables, mut notes }) = web::block(move || observables::in_text(&text)).await
    else {
        return HttpResponse::InternalServerError().finish();
    };
    if observables.len() > MAX_OBSERVABLES {
        notes
            .push(format!("only the first {MAX_OBSERVABLES} of {} observables are taken", observables.len()));
        observables.truncate(MAX_OBSERVABLES);
    }
    HttpResponse::Ok().json(json!({"observables": observables, "notes": notes}))
}

/// An observable of another type.
async fn typed(one: web::Json<Observable>) -> HttpResponse {
    match observables::of_type(&one.kind, &one.value) {
        Ok(one) => HttpResponse::Ok().json(one),
        Err(why) => refused(&why),
    }
}

#[derive(Deserialize)]
struct Question {
    observables: Vec<Observable>,
    relays: Vec<String>,
}

/// What the relays say, as it comes.
async fn investigate(bench: Shared, question: web::Json<Question>) -> HttpResponse {
    let Question { observables, relays } = question.into_inner();
    if observables.is_empty() || observables.len() > MAX_OBSERVABLES {
        return refused(&format!("Ask about 1 to {MAX_OBSERVABLES} observables"));
    }
    for one in &observables {
        if let Err(why) = observables::of_type(&one.kind, &one.value) {
            return refused(&why);
        }
    }
    let chosen = |at: &usize| bench.relays.get(*at).is_some_and(|relay| relays.contains(&relay.name));
    let chosen: Vec<usize> = (0..bench.relays.len()).filter(chosen).collect();
    if chosen.is_empty() {
        return refused("Switch at least one relay on");
    }
    HttpResponse::Ok().content_type("text/event-stream").streaming(events::of(&bench, chosen, observables))
}
