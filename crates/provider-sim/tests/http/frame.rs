//! The frame over real HTTP: what is served, faults on the wire, the record of calls, the control API.

use std::time::{Duration, Instant};

use provider_sim::{Answer, Fault, Options, Sim, What};
use reqwest::Response;
use serde_json::{Value, json};

use super::Bed;

/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks a call that a pin answers, with credentials.
async fn ask(bed: &Bed) -> reqwest::Result<Response> {
    let call = bed.get("/xforce/ipr/192.0.2.200").basic_auth("demo-key", Some("demo-password"));
    call.header("Accept", "application/json").send().await
}

async fn pinned() -> Bed {
    let bed = Bed::start().await;
    bed.sim.answer("xforce", Answer::get("/ipr/192.0.2.200").json(json!({"score": 1, "cats": {"Spam": 10}})));
    bed
}

#[tokio::test]
async fn it_says_that_it_lives_and_what_it_serves() {
    let bed = Bed::start().await;
    let get = async |path: &str| bed.get(path).send().await.unwrap();
    assert_eq!(get("/livez").await.status(), 200);
    let index: Value = get("/").await.json().await.unwrap();
    let names: Vec<_> =
        index["services"].as_array().unwrap().iter().map(|service| service["name"].clone()).collect();
    assert!(names.contains(&json!("xforce")) && names.contains(&json!("jwks")), "{index}");
    assert_eq!(get("/nothing/here").await.status(), 404);
    let calls = bed.sim.calls();
    assert_eq!(calls.len(), 1, "neither the list nor the health check is a call to a side");
    assert_eq!((calls[0].provider, calls[0].line().as_str()), (None, "GET /nothing/here"));
}

#[tokio::test]
async fn calls_are_recorded_as_they_came() {
    let bed = Bed::start().await;
    let url = format!("{}/xforce/url/http:%2F%2Fa.example%2Fx%3Fy%23z%2e?q=a%20b&r=%2B", bed.sim.url());
    let call = bed.client.post(url).header("X-Odd", "1").basic_auth("k", Some("p"));
    call.body("{\"a\": 1}").send().await.unwrap();
    let calls = bed.sim.calls();
    let [call] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!(call.path, "/xforce/url/http:%2F%2Fa.example%2Fx%3Fy%23z%2e");
    assert_eq!(call.query, "q=a%20b&r=%2B");
    assert_eq!((call.method.as_str(), call.provider, call.number), ("POST", Some("xforce"), 1));
    assert_eq!(call.json(), Some(json!({"a": 1})));
    assert_eq!((call.header("x-odd"), call.header("Authorization")), (Some("1"), Some("Basic azpw")));
    assert!(call.status.is_some() && call.ended.unwrap() >= call.started);
    bed.sim.reset();
    assert!(bed.sim.calls().is_empty());
}

#[tokio::test]
async fn a_path_is_never_normalised() {
    let bed = Bed::start().await;
    for path in [
        "/xforce/url/..%2Fall-subscriptions%2Fusage",
        "/xforce//url//a",
        "/xforce/url/%2e%2E/x",
        "/xforce/./a",
    ] {
        raw(&bed.sim, path).await;
        assert_eq!(bed.sim.calls().last().unwrap().path, path);
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
    let bed = pinned().await;
    for _ in 0..2 {
        ask(&bed).await.unwrap();
    }
    assert_eq!(bed.sim.peak_in_flight("xforce"), 1);
    bed.sim.faults().add(Fault::new(What::Hang));
    tokio::select! {
        _ = async { tokio::join!(ask(&bed), ask(&bed), ask(&bed)) } => panic!("they hang"),
        () = until(|| bed.sim.calls_to("xforce").len() == 5) => assert_eq!(bed.sim.peak_in_flight("xforce"), 3),
    }
    assert_eq!(bed.sim.peak_in_flight("jwks"), 0);
}

#[tokio::test]
async fn a_pinned_answer_waits_for_the_services_own_checks() {
    let bed = pinned().await;
    let bare = bed.get("/xforce/ipr/192.0.2.200").send().await.unwrap();
    assert_eq!(bare.status(), 401);
    let answer: Value = ask(&bed).await.unwrap().json().await.unwrap();
    assert_eq!(answer["score"], 1);
}

#[tokio::test]
async fn latency_delays_the_answer() {
    let bed = pinned().await;
    bed.sim.faults().add(Fault::latency(Duration::from_millis(80)));
    let start = Instant::now();
    assert_eq!(ask(&bed).await.unwrap().status(), 200);
    assert!(start.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn an_error_status_comes_with_its_headers_and_body() {
    let bed = pinned().await;
    bed.sim.faults().add(Fault::status(503).header("Retry-After", "7").body("<h1>busy</h1>").next(1));
    let applied = ask(&bed).await.unwrap();
    assert_eq!((applied.status().as_u16(), applied.headers()["retry-after"].to_str().unwrap()), (503, "7"));
    assert_eq!(applied.text().await.unwrap(), "<h1>busy</h1>");
    assert_eq!(ask(&bed).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_reset_gives_no_answer_at_all() {
    let bed = pinned().await;
    bed.sim.faults().add(Fault::new(What::Reset).next(1));
    let error = ask(&bed).await.unwrap_err();
    assert!(cause(&error).contains("reset"), "{error:?}");
    assert_eq!(ask(&bed).await.unwrap().status(), 200);
    assert_eq!(bed.sim.calls_to("xforce")[0].status, None);
}

#[tokio::test]
async fn a_late_reset_breaks_the_body() {
    let bed = pinned().await;
    bed.sim.faults().add(Fault::new(What::ResetLate));
    let answer = ask(&bed).await.unwrap();
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
    let bed = pinned().await;
    bed.sim.faults().add(Fault::new(What::Hang));
    tokio::select! {
        answer = ask(&bed) => panic!("{answer:?}"),
        () = until(|| bed.sim.calls_to("xforce").len() == 1) => {}
    }
    until(|| bed.sim.calls_to("xforce")[0].ended.is_some()).await;
    assert_eq!(bed.sim.calls_to("xforce")[0].status, None);
}

#[tokio::test]
async fn a_hanging_call_does_not_keep_the_simulator_from_stopping() {
    let bed = pinned().await;
    bed.sim.faults().add(Fault::new(What::Hang));
    let url = format!("{}/xforce/ipr/192.0.2.200", bed.sim.url());
    let call = tokio::spawn(bed.client.get(url).send());
    until(|| bed.sim.calls_to("xforce").len() == 1).await;
    tokio::time::timeout(PATIENCE, bed.sim.stop()).await.unwrap();
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
    let bed = pinned().await;
    let body = ask(&bed).await.unwrap().bytes().await.unwrap();
    bed.sim.faults().add(Fault::new(What::Drip { chunk: 4, pause: Duration::from_millis(5) }));
    let start = Instant::now();
    let mut slow = ask(&bed).await.unwrap();
    assert_eq!(slow.content_length(), Some(body.len() as u64));
    let first = slow.chunk().await.unwrap().unwrap();
    assert!(first.len() < body.len());
    assert_eq!([first, slow.bytes().await.unwrap()].concat(), body);
    assert!(start.elapsed() >= Duration::from_millis(5) * u32::try_from(body.len() / 4).unwrap());
}

#[tokio::test]
async fn bodies_are_spoilt() {
    let bed = pinned().await;
    let whole = ask(&bed).await.unwrap().text().await.unwrap();
    let spoilt = async |what: What| {
        bed.sim.faults().add(Fault::new(what).next(1));
        let answer = ask(&bed).await.unwrap();
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
    let bed = pinned().await;
    bed.sim.faults().add(Fault::new(What::Redirect("http://198.51.100.1/".to_owned())));
    let answer = ask(&bed).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()),
        (302, "http://198.51.100.1/")
    );
}

#[tokio::test]
async fn it_stops_when_it_is_dropped() {
    let bed = Bed::start().await;
    let host = bed.sim.host();
    drop(bed);
    until(|| std::net::TcpStream::connect(&host).is_err()).await;
}

#[tokio::test]
async fn a_taken_port_is_an_error() {
    let first = Bed::start().await;
    let listen = first.sim.host().parse().unwrap();
    let second = Sim::start(Options { listen, ..Options::default() }).await;
    assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}
