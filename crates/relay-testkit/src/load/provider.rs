//! A provider that answers at once, or after a pause. It stands in for the simulator, which records and checks every
//! call and would take the CPU that others need in a benchmark.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};

/// Starts it and returns its base URL. `answer` gives the JSON for the path and query of a call.
pub fn provider<F>(pause: Duration, answer: F) -> String
where
    F: Fn(&str) -> String + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    let server = HttpServer::new(move || {
        let answer = Arc::clone(&answer);
        App::new().default_service(web::to(move |request: HttpRequest| {
            let body = answer(request.uri().path_and_query().map_or("/", |asked| asked.as_str()));
            async move {
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                HttpResponse::Ok().content_type("application/json").body(body)
            }
        }))
    })
    .workers(1)
    .disable_signals()
    .bind("127.0.0.1:0")
    .unwrap();
    let address = server.addrs()[0];
    tokio::spawn(server.run());
    format!("http://{address}")
}
