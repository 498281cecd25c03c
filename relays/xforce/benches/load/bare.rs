//! The floor: actix-web and reqwest that make the same three calls, parse their answers as JSON, and do nothing
//! else: no token, no mapping, no cache, no log.

use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::Value;

/// The argument that turns the benchmark into this program.
pub(crate) const WORD: &str = "--be-the-bare-program";

struct Bare {
    http: reqwest::Client,
    api: String,
}

pub(crate) async fn serve(listen: &str, api: &str) {
    let bare = web::Data::new(Bare { http: reqwest::Client::default(), api: api.to_owned() });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    HttpServer::new(move || {
        App::new()
            .app_data(bare.clone())
            .route("/version", web::get().to(|| async { HttpResponse::Ok().body(r#"{"version":"0"}"#) }))
            .route("/observe/observables", web::post().to(observe))
    })
    .workers(cores)
    .bind(listen)
    .unwrap()
    .run()
    .await
    .unwrap();
}

async fn observe(bare: web::Data<Bare>, body: web::Bytes) -> HttpResponse {
    let asked: Value = serde_json::from_slice(&body).unwrap();
    let name = asked[0]["value"].as_str().unwrap();
    let call = async |path: &str| -> Value {
        let url = format!("{}{path}{name}", bare.api);
        let answer = bare.http.get(url).basic_auth("demo-key", Some("demo-password")).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    };
    let (report, resolve, linkage) =
        tokio::join!(call("/url/"), call("/api/resolve/"), call("/api/linkage/url/"));
    let objects = [report, resolve, linkage].iter().filter(|answer| answer.is_object()).count();
    HttpResponse::Ok().content_type("application/json").body(format!(r#"{{"data":{objects}}}"#))
}
