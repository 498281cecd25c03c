//! An investigation as server-sent events: `plan`, a `finding` for each lookup and each relay that is not asked, `done`.
//! When the page goes away or stops it, the lookups end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use actix_web::web::{self, Bytes};
use futures::stream::{self, Stream, StreamExt as _};
use relay_core::endpoint::observe;
use relayctl::observables::Observable;
use serde_json::{Value, json};

use super::Bench;
use crate::answer::words;
use crate::investigation::ask_one;
use crate::investigation::document::finding;

/// Lookups at one relay at a time.
const AT_ONCE: usize = 8;

/// The events of a question to these relays.
pub(super) fn of(
    bench: &web::Data<Bench>,
    relays: Vec<usize>,
    observables: Vec<Observable>,
) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
    let started = Instant::now();
    let observables = Arc::new(observables);
    let plan = json!({"lookups": relays.len() * observables.len()});
    let lookups = relays.into_iter().map(|relay| {
        let (bench, observables) = (bench.clone(), Arc::clone(&observables));
        // One for all lookups of a relay, for its connections.
        let http = bench.relays[relay].http().ok();
        stream::iter(0..observables.len())
            .map(move |at| lookup(bench.clone(), relay, http.clone(), Arc::clone(&observables), at))
            .buffer_unordered(AT_ONCE)
            .boxed_local()
    });
    let findings = stream::select_all(lookups).map(|one| event("finding", &one));
    let done = async move { event("done", &json!({"took_ms": started.elapsed().as_millis()})) };
    stream::iter([event("plan", &plan)]).chain(findings).chain(stream::once(done)).map(Ok)
}

async fn lookup(
    bench: web::Data<Bench>,
    relay: usize,
    http: Option<reqwest::Client>,
    observables: Arc<Vec<Observable>>,
    at: usize,
) -> Value {
    let (relay, about) = (&bench.relays[relay], &observables[at]);
    let mut said = match http {
        Some(http) if relay.looks_up(observe::ENDPOINT, &about.kind) => {
            finding(&ask_one(relay, &http, about).await)
        }
        Some(_) => json!({
            "relay": relay.name, "outcome": words::NOT_ASKED, "why": relay.why_not(&about.kind)
        }),
        None => json!({
            "relay": relay.name, "outcome": words::FAILED,
            "errors": [{"type": "fatal", "code": "no answer", "message": "the system has no certificate authorities"}]
        }),
    };
    said["observable"] = json!(at);
    said
}

/// One event. JSON of one line needs no more framing.
fn event(name: &str, data: &Value) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}
