//! A provider that answers at once, or after a pause, with answers of about 5 kB. It stands in for the
//! simulator, which records and checks every call and would take the CPU that others need here.

use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value, json};

/// Size of each answer.
pub(crate) const BYTES: usize = 5000;

#[derive(Clone)]
struct Answers {
    report: String,
    resolve: String,
    linkage: String,
    pause: Duration,
}

/// Starts it and returns the base URL of its API.
pub(crate) fn start(pause: Duration) -> String {
    let answers = Answers { report: report(), resolve: resolve(), linkage: linkage(), pause };
    let server = HttpServer::new(move || {
        App::new().app_data(web::Data::new(answers.clone())).default_service(web::to(answer))
    })
    .workers(1)
    .disable_signals()
    .bind("127.0.0.1:0")
    .unwrap();
    let address = server.addrs()[0];
    tokio::spawn(server.run());
    format!("http://{address}")
}

async fn answer(request: HttpRequest, answers: web::Data<Answers>) -> HttpResponse {
    if !answers.pause.is_zero() {
        tokio::time::sleep(answers.pause).await;
    }
    let body = match request.path() {
        path if path.starts_with("/api/resolve/") => &answers.resolve,
        path if path.starts_with("/api/linkage/") => &answers.linkage,
        _ => &answers.report,
    };
    HttpResponse::Ok().content_type("application/json").body(body.clone())
}

fn report() -> String {
    let cats = json!({"Phishing URLs": true, "Early Warning": true, "Malware": true});
    let associated = |n: usize| json!({"url": format!("www{n}.example"), "cats": {}, "score": null});
    filled(|n| {
        json!({
            "result": {"url": "a.example", "score": 7.1, "cats": cats, "categoryDescriptions": {"Malware": "Bad."}},
            "associated": (0..n).map(associated).collect::<Vec<_>>(),
        })
    })
}

fn resolve() -> String {
    let record = |n: usize| {
        json!({
            "value": format!("198.18.{}.{}", n / 250, n % 250), "type": "ip", "recordType": "A",
            "first": "2026-01-05T10:00:00Z", "last": "2026-02-20T10:00:00Z",
        })
    };
    filled(|n| json!({"A": ["192.0.2.1"], "Passive": {"records": (0..n).map(record).collect::<Vec<_>>()}}))
}

fn linkage() -> String {
    let linked = |n: usize| {
        json!({
            "title": format!("Collection number {n}"), "created": "2026-02-10T08:15:30.120Z", "type": "casefile",
            "shared": "public", "category": "3public", "owner": {"name": "A. Analyst", "verified": "ibmexpert"},
            "id": format!("{n:032x}"), "iocs": {"MAL": 275, "IP": 7, "URL": 1},
        })
    };
    filled(|n| json!({"linkedEntities": (0..n).map(linked).collect::<Vec<_>>()}))
}

/// As many items as fit.
fn filled(of: impl Fn(usize) -> Value) -> String {
    (1..BYTES).map(|n| of(n).to_string()).take_while(|text| text.len() <= BYTES).last().unwrap()
}
