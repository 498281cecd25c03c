//! The frame over real HTTP: what is served, faults on the wire, the record of calls, the control API.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use provider_sim::{Answer, Fault, Keys, Options, Sim, What};
use reqwest::{Client, Response, redirect};
use serde_json::{Value, json};

/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

async fn sim() -> Sim {
    Sim::start(Options::default()).await.unwrap()
}

fn client() -> Client {
    Client::builder().redirect(redirect::Policy::none()).no_proxy().build().unwrap()
}

/// Asks a call that a pin answers, with credentials.
async fn ask(sim: &Sim) -> reqwest::Result<Response> {
    let call = client().get(format!("{}/xforce/ipr/192.0.2.200", sim.url()));
    call.basic_auth("demo-key", Some("demo-password")).header("Accept", "application/json").send().await
}

async fn pinned() -> Sim {
    let sim = sim().await;
    sim.answer("xforce", Answer::get("/ipr/192.0.2.200").json(json!({"score": 1, "cats": {"Spam": 10}})));
    sim
}

#[tokio::test]
async fn it_says_that_it_lives_and_what_it_serves() {
    let sim = sim().await;
    let get = async |path: &str| client().get(sim.url() + path).send().await.unwrap();
    assert_eq!(get("/livez").await.status(), 200);
    let index: Value = get("/").await.json().await.unwrap();
    let names: Vec<_> =
        index["services"].as_array().unwrap().iter().map(|service| service["name"].clone()).collect();
    assert!(names.contains(&json!("xforce")) && names.contains(&json!("jwks")), "{index}");
    assert_eq!(get("/nothing/here").await.status(), 404);
    let calls = sim.calls();
    assert_eq!(calls.len(), 1, "neither the list nor the health check is a call to a side");
    assert_eq!((calls[0].provider, calls[0].line().as_str()), (None, "GET /nothing/here"));
}

#[tokio::test]
async fn the_key_set_is_published() {
    let sim = sim().await;
    let set: Value =
        client().get(format!("{}/.well-known/jwks", sim.url())).send().await.unwrap().json().await.unwrap();
    assert_eq!(set, sim.keys().jwks());
    assert_eq!(sim.url(), format!("http://{}", sim.host()));
}

#[tokio::test]
async fn given_keys_are_used() {
    let keys = Keys::generate().unwrap();
    let sim = Sim::start(Options { keys: Some(keys.clone()), ..Options::default() }).await.unwrap();
    assert_eq!(sim.keys().jwks(), keys.jwks());
    let claims = json!({"key": "k", "aud": "http://relay", "jwks_host": sim.host()});
    assert_eq!(sim.token("http://relay", &json!({"key": "k"})), keys.sign(&claims));
}

#[tokio::test]
async fn calls_are_recorded_as_they_came() {
    let sim = sim().await;
    let url = format!("{}/xforce/url/http:%2F%2Fa.example%2Fx%3Fy%23z%2e?q=a%20b&r=%2B", sim.url());
    client()
        .post(url)
        .header("X-Odd", "1")
        .basic_auth("k", Some("p"))
        .body("{\"a\": 1}")
        .send()
        .await
        .unwrap();
    let calls = sim.calls();
    let [call] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!(call.path, "/xforce/url/http:%2F%2Fa.example%2Fx%3Fy%23z%2e");
    assert_eq!(call.query, "q=a%20b&r=%2B");
    assert_eq!((call.method.as_str(), call.provider, call.number), ("POST", Some("xforce"), 1));
    assert_eq!(call.json(), Some(json!({"a": 1})));
    assert_eq!((call.header("x-odd"), call.header("Authorization")), (Some("1"), Some("Basic azpw")));
    assert!(call.status.is_some() && call.ended.unwrap() >= call.started);
    sim.reset();
    assert!(sim.calls().is_empty());
}

#[tokio::test]
async fn a_path_is_never_normalised() {
    let sim = sim().await;
    for path in [
        "/xforce/url/..%2Fall-subscriptions%2Fusage",
        "/xforce//url//a",
        "/xforce/url/%2e%2E/x",
        "/xforce/./a",
    ] {
        raw(&sim, path).await;
        assert_eq!(sim.calls().last().unwrap().path, path);
    }
}

/// Sends a target as it is; an HTTP client would tidy it up.
async fn raw(sim: &Sim, target: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut connection = tokio::net::TcpStream::connect(sim.host()).await.unwrap();
    let call = format!("GET {target} HTTP/1.1\r\nHost: sim\r\nConnection: close\r\n\r\n");
    connection.write_all(call.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn calls_under_way_at_once_are_counted() {
    let sim = pinned().await;
    for _ in 0..2 {
        ask(&sim).await.unwrap();
    }
    assert_eq!(sim.peak_in_flight("xforce"), 1);
    sim.faults().add(Fault::new(What::Hang));
    tokio::select! {
        _ = async { tokio::join!(ask(&sim), ask(&sim), ask(&sim)) } => panic!("they hang"),
        () = until(|| sim.calls_to("xforce").len() == 5) => assert_eq!(sim.peak_in_flight("xforce"), 3),
    }
    assert_eq!(sim.peak_in_flight("jwks"), 0);
}

#[tokio::test]
async fn a_pinned_answer_waits_for_the_services_own_checks() {
    let sim = pinned().await;
    let bare = client().get(format!("{}/xforce/ipr/192.0.2.200", sim.url())).send().await.unwrap();
    assert_eq!(bare.status(), 401);
    let answer: Value = ask(&sim).await.unwrap().json().await.unwrap();
    assert_eq!(answer["score"], 1);
}

#[tokio::test]
async fn latency_delays_the_answer() {
    let sim = pinned().await;
    sim.faults().add(Fault::latency(Duration::from_millis(80)));
    let start = Instant::now();
    assert_eq!(ask(&sim).await.unwrap().status(), 200);
    assert!(start.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn an_error_status_comes_with_its_headers_and_body() {
    let sim = pinned().await;
    sim.faults().add(Fault::status(503).header("Retry-After", "7").body("<h1>busy</h1>").next(1));
    let applied = ask(&sim).await.unwrap();
    assert_eq!((applied.status().as_u16(), applied.headers()["retry-after"].to_str().unwrap()), (503, "7"));
    assert_eq!(applied.text().await.unwrap(), "<h1>busy</h1>");
    assert_eq!(ask(&sim).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_reset_gives_no_answer_at_all() {
    let sim = pinned().await;
    sim.faults().add(Fault::new(What::Reset).next(1));
    let error = ask(&sim).await.unwrap_err();
    assert!(cause(&error).contains("reset"), "{error:?}");
    assert_eq!(ask(&sim).await.unwrap().status(), 200);
    assert_eq!(sim.calls_to("xforce")[0].status, None);
}

#[tokio::test]
async fn a_late_reset_breaks_the_body() {
    let sim = pinned().await;
    sim.faults().add(Fault::new(What::ResetLate));
    let answer = ask(&sim).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err());
}

/// All of an error's causes in one text.
fn cause(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ").to_lowercase()
}

#[tokio::test]
async fn a_hanging_call_ends_with_the_callers_patience() {
    let sim = pinned().await;
    sim.faults().add(Fault::new(What::Hang));
    tokio::select! {
        answer = ask(&sim) => panic!("{answer:?}"),
        () = until(|| sim.calls_to("xforce").len() == 1) => {}
    }
    until(|| sim.calls_to("xforce")[0].ended.is_some()).await;
    assert_eq!(sim.calls_to("xforce")[0].status, None);
}

#[tokio::test]
async fn a_hanging_call_does_not_keep_the_simulator_from_stopping() {
    let sim = pinned().await;
    sim.faults().add(Fault::new(What::Hang));
    let url = format!("{}/xforce/ipr/192.0.2.200", sim.url());
    let call = tokio::spawn(client().get(url).send());
    until(|| sim.calls_to("xforce").len() == 1).await;
    tokio::time::timeout(PATIENCE, sim.stop()).await.unwrap();
    assert!(call.await.unwrap().is_err());
}

/// Waits for something to happen elsewhere.
async fn until(happened: impl Fn() -> bool) {
    let wait = async {
        while !happened() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

#[tokio::test]
async fn a_drip_sends_the_whole_body_slowly() {
    let sim = pinned().await;
    let body = ask(&sim).await.unwrap().bytes().await.unwrap();
    sim.faults().add(Fault::new(What::Drip { chunk: 4, pause: Duration::from_millis(5) }));
    let start = Instant::now();
    let mut slow = ask(&sim).await.unwrap();
    assert_eq!(slow.content_length(), Some(body.len() as u64));
    let first = slow.chunk().await.unwrap().unwrap();
    assert!(first.len() < body.len());
    assert_eq!([first, slow.bytes().await.unwrap()].concat(), body);
    assert!(start.elapsed() >= Duration::from_millis(5) * u32::try_from(body.len() / 4).unwrap());
}

#[tokio::test]
async fn bodies_are_spoilt() {
    let sim = pinned().await;
    let whole = ask(&sim).await.unwrap().text().await.unwrap();
    let spoilt = async |what: What| {
        sim.faults().add(Fault::new(what).next(1));
        let answer = ask(&sim).await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap()
    };
    assert_eq!(spoilt(What::Truncated).await, whole[..whole.len() / 2]);
    assert_eq!(spoilt(What::WrongType).await, format!("[{whole}]"));
    assert!(spoilt(What::Html).await.starts_with("<html>"));
    let huge = spoilt(What::Huge(300_000)).await;
    assert_eq!(huge.len(), 300_000);
    assert!(serde_json::from_str::<Value>(&huge).unwrap()["padding"].is_string());
}

#[tokio::test]
async fn a_redirect_names_its_target() {
    let sim = pinned().await;
    sim.faults().add(Fault::new(What::Redirect("http://198.51.100.1/".to_owned())));
    let answer = ask(&sim).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()),
        (302, "http://198.51.100.1/")
    );
}

#[tokio::test]
async fn it_stops_when_it_is_dropped() {
    let sim = sim().await;
    let host = sim.host();
    drop(sim);
    until(|| std::net::TcpStream::connect(&host).is_err()).await;
}

#[tokio::test]
async fn a_taken_port_is_an_error() {
    let first = sim().await;
    let listen = first.host().parse().unwrap();
    let second = Sim::start(Options { listen, ..Options::default() }).await;
    assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}
