//! Response actions, in two steps: what a relay offers is kept here under a number, and the page can only name the
//! number. So nothing is carried out that was not shown before, in the words that were shown.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use actix_web::{HttpResponse, web};
use relay_core::endpoint::respond;
use relayctl::observables::{self, Observable};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Bench;
use super::guard::refused;
use crate::answer::Problem;
use crate::respond::{carry_out, effect, is_dry_run, offers};

/// Offers that are kept; the oldest are forgotten first.
const KEPT: usize = 1000;

/// What was offered to the page.
#[derive(Default)]
pub(super) struct Offered(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    last: u64,
    offers: BTreeMap<u64, Offer>,
}

struct Offer {
    relay: usize,
    about: Observable,
    action: Value,
}

impl Offered {
    fn keep(&self, offer: Offer) -> u64 {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last += 1;
        let number = kept.last;
        kept.offers.insert(number, offer);
        while kept.offers.len() > KEPT {
            kept.offers.pop_first();
        }
        number
    }

    /// Each offer can be taken once.
    fn take(&self, number: u64) -> Option<Offer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).offers.remove(&number)
    }
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    relay: String,
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

/// The actions for an observable, each with its effect in words.
pub(super) async fn offer(bench: web::Data<Bench>, wanted: web::Json<Wanted>) -> HttpResponse {
    let Some(at) = bench.relays.iter().position(|relay| relay.name == wanted.relay) else {
        return refused("There is no such relay");
    };
    let about = match observables::of_type(&wanted.kind, &wanted.value) {
        Ok(about) => about,
        Err(why) => return refused(&why),
    };
    let relay = &bench.relays[at];
    if !relay.looks_up(respond::ENDPOINT, &about.kind) {
        return HttpResponse::Ok().json(json!({"actions": [], "errors": [], "allowed": bench.allow_actions}));
    }
    let (actions, errors) = match offers(relay, &about).await {
        Ok(offers) => (offers.actions, offers.errors),
        Err(error) => (Vec::new(), vec![Problem::no_answer(&error)]),
    };
    let shown: Vec<Value> = actions
        .into_iter()
        .map(|action| {
            let effect = effect(relay, &about, &action);
            let (title, description) = (action["title"].clone(), action["description"].clone());
            let dry_run = title.as_str().is_some_and(|title| title.starts_with("Dry run"));
            let offer = bench.offered.keep(Offer { relay: at, about: about.clone(), action });
            json!({"offer": offer, "title": title, "description": description, "effect": effect, "dry_run": dry_run})
        })
        .collect();
    HttpResponse::Ok().json(json!({"actions": shown, "errors": errors, "allowed": bench.allow_actions}))
}

#[derive(Deserialize)]
pub(super) struct Confirmed {
    offer: u64,
}

/// Carries out what was shown.
pub(super) async fn trigger(bench: web::Data<Bench>, confirmed: web::Json<Confirmed>) -> HttpResponse {
    if !bench.allow_actions {
        let why = "Actions are off; start the workbench with --allow-actions";
        return HttpResponse::Forbidden().json(json!({"error": why}));
    }
    let Some(Offer { relay, about, action }) = bench.offered.take(confirmed.offer) else {
        return refused("This offer was taken already, or is too old; list the actions again");
    };
    let (status, errors) = match carry_out(&bench.relays[relay], &about, &action).await {
        Ok(answer) => {
            let status = answer.data.as_ref().and_then(|data| data["status"].as_str()).unwrap_or("failure");
            (status.to_owned(), answer.errors)
        }
        Err(error) => ("unknown".to_owned(), vec![Problem::no_answer(&error)]),
    };
    HttpResponse::Ok().json(json!({"status": status, "dry_run": is_dry_run(&errors), "errors": errors}))
}
