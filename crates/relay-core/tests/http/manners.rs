//! HTTP itself: methods, paths, headers, and the answers to what is none of a relay's business.

use std::io::Read;

use relay_testkit::{Stage, asked, docs, errors};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::acme::{observing_relay, setup, thing};
use crate::mock::Mock;
use crate::{messages, only_error};
use relay_testkit::Setup;

pub(crate) async fn stage() -> Stage {
    setup(&Mock::always(thing(true, &["a"])).await).start().await
}

async fn call(stage: &Stage, method: Method, path: &str) -> Response {
    stage.http.request(method, format!("{}{path}", stage.relay.url)).send().await.expect("an answer")
}

/// The header, empty where it is missing.
fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().expect("text").to_owned()).unwrap_or_default()
}

pub(crate) async fn json_of(response: Response) -> Value {
    assert_eq!(header(&response, "content-type"), "application/json");
    response.json().await.expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_path_is_answered_in_the_envelope() {
    let stage = stage().await;
    for path in ["/nothing", "/observe", "/observe/observables/more", "//", "/metrics", "/livez", "/readyz"] {
        let response = call(&stage, Method::POST, path).await;
        assert_eq!(response.status(), 404, "{path}");
        let answer = json_of(response).await;
        let expected = format!("This relay serves nothing at {path}.");
        assert_eq!(only_error(&answer, "fatal", "not found"), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_names_the_right_one() {
    let stage = stage().await;
    let table = [
        (Method::GET, "/health", "POST"),
        (Method::GET, "/observe/observables", "POST"),
        (Method::PUT, "/observe/observables/", "POST"),
        (Method::DELETE, "/respond/trigger", "POST"),
        (Method::DELETE, "/version", "GET, HEAD, POST"),
        (Method::PATCH, "/version/", "GET, HEAD, POST"),
        (Method::POST, "/watchdog", "GET, HEAD"),
        (Method::POST, "/watchdog/", "GET, HEAD"),
        (Method::POST, "/openapi.json", "GET, HEAD"),
        (Method::POST, "/", "GET, HEAD"),
    ];
    for (method, path, allowed) in table {
        let response = call(&stage, method.clone(), path).await;
        assert_eq!(response.status(), 405, "{method} {path}");
        assert_eq!(header(&response, "allow"), allowed, "{method} {path}");
        let answer = json_of(response).await;
        let usual = allowed.replace(", HEAD", "");
        let expected = format!("{method} is not allowed here; use {usual}.");
        assert_eq!(only_error(&answer, "fatal", "method not allowed"), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trailing_slash_does_not_matter() {
    let stage = stage().await;
    for path in ["/health/", "/observe/observables/", "/deliberate/observables/", "/refer/observables/"] {
        let response = stage.raw(path, Some(&stage.token()), "[]").await;
        assert_eq!(response.status(), 200, "{path}");
        assert!(json_of(response).await.get("errors").is_none(), "{path}");
    }
    for path in ["/version/", "/watchdog/", "/openapi.json/"] {
        assert_eq!(call(&stage, Method::GET, path).await.status(), 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_relay_lacks_is_not_there() {
    let provider = Mock::always(thing(true, &[])).await;
    let stage = Setup::new(observing_relay, json!({"key": "key-one"}), &[])
        .setting("RELAY_PROVIDER__API_URL", &provider.url)
        .start()
        .await;
    for path in ["/deliberate/observables", "/refer/observables", "/respond/observables", "/respond/trigger"]
    {
        let response = stage.raw(path, Some(&stage.token()), "[]").await;
        assert_eq!(response.status(), 404, "{path}");
        only_error(&json_of(response).await, "fatal", "not found");
    }
    let answer = stage.observe(&[("domain", "a.example")]).await;
    assert_eq!(docs(&answer, "verdicts").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_is_told_without_an_envelope() {
    let stage = stage().await;
    for method in [Method::GET, Method::POST] {
        assert_eq!(json_of(call(&stage, method, "/version").await).await, json!({"version": "1.2.3"}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watchdog_echoes_its_header_and_misses_it() {
    let stage = stage().await;
    let request = stage.http.get(format!("{}/watchdog", stage.relay.url)).header("health-check", r#"k"1"#);
    let answer = json_of(request.send().await.expect("an answer")).await;
    assert_eq!(answer, json!({"data": "k\"1"}));
    let response = call(&stage, Method::GET, "/watchdog").await;
    assert_eq!(response.status(), 200);
    let answer = json_of(response).await;
    let missing = "The header Health-Check is missing or empty.";
    assert_eq!(only_error(&answer, "fatal", "health check failed"), missing);
    // CTIM has no empty key to echo.
    let request = stage.http.get(format!("{}/watchdog", stage.relay.url)).header("health-check", "");
    let answer = json_of(request.send().await.expect("an answer")).await;
    assert_eq!(only_error(&answer, "fatal", "health check failed"), missing);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_is_a_page_for_browsers_and_facts_for_programs() {
    let stage = stage().await;
    let request = stage.http.get(format!("{}/", stage.relay.url));
    let browser = request.header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    let page = browser.send().await.expect("an answer");
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    assert!(header(&page, "content-security-policy").contains("default-src 'none'"));
    let page = page.text().await.expect("text");
    for part in ["relay-acme", "1.2.3", "What Acme knows of things", "/observe/observables", "key of the API"]
    {
        assert!(page.contains(part), "{part} is missing");
    }
    let asked_at = format!("{}/observe/observables", stage.relay.url);
    for part in [asked_at.as_str(), "<a href=\"openapi.json\">", "prefers-color-scheme: dark"] {
        assert!(page.contains(part), "{part} is missing");
    }
    let facts = json_of(call(&stage, Method::GET, "/").await).await;
    assert_eq!(facts["name"], "relay-acme");
    assert_eq!(facts["version"], "1.2.3");
    let types_at = |path: &str| {
        let endpoints = facts["endpoints"].as_array().expect("endpoints");
        endpoints.iter().find(|one| one["path"] == path).map(|one| &one["observable_types"])
    };
    for path in ["/observe/observables", "/respond/observables"] {
        assert_eq!(types_at(path), Some(&json!(["domain", "ip", "user"])), "{path}");
    }
    assert_eq!(types_at("/refer/observables"), Some(&json!(["domain", "ip"])));
    assert_eq!(types_at("/health"), Some(&Value::Null));
    assert_eq!(types_at("/version"), Some(&Value::Null));
    assert_eq!(facts["claims"][0], json!({"name": "key", "required": true, "meaning": "key of the API"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_harmless_request_id_is_echoed_and_another_replaced() {
    let stage = stage().await;
    let id_for = async |offered: Option<&str>, path: &str| {
        let mut request = stage.http.get(format!("{}{path}", stage.relay.url));
        if let Some(offered) = offered {
            request = request.header("X-Request-Id", offered);
        }
        header(&request.send().await.expect("an answer"), "x-request-id")
    };
    let longest = "x".repeat(64);
    for path in ["/version", "/nothing", "/health"] {
        for good in ["abc-1.2_3", &longest] {
            assert_eq!(id_for(Some(good), path).await, good, "{path}");
        }
        for bad in ["", "a b", "a\"b", "ä", &"x".repeat(65), "a,b"] {
            let id = id_for(Some(bad), path).await;
            assert_eq!(id.len(), 36, "a UUID instead of {bad:?}");
        }
    }
    let (one, other) = (id_for(None, "/version").await, id_for(None, "/version").await);
    assert_ne!(one, other);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_packed_where_the_client_asks_for_it() {
    let stage = stage().await;
    let address = stage.relay.url.trim_start_matches("http://").to_owned();
    let ask = |encoding: &'static str| {
        let address = address.clone();
        tokio::task::spawn_blocking(move || {
            // A client that does not unpack by itself.
            use std::io::Write;
            let mut socket = std::net::TcpStream::connect(address).expect("a connection");
            write!(socket, "GET /openapi.json HTTP/1.1\r\nHost: x\r\n{encoding}Connection: close\r\n\r\n")
                .expect("a request");
            let mut answer = Vec::new();
            socket.read_to_end(&mut answer).expect("an answer");
            let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
            (String::from_utf8_lossy(&answer[..end]).to_lowercase(), answer.len() - end)
        })
    };
    let (plain_head, plain) = ask("").await.expect("an answer");
    let (packed_head, packed) = ask("Accept-Encoding: gzip\r\n").await.expect("an answer");
    assert!(!plain_head.contains("content-encoding"), "{plain_head}");
    assert!(packed_head.contains("content-encoding: gzip"), "{packed_head}");
    assert!(packed < plain / 2, "{packed} of {plain} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_how_it_may_be_shown_and_kept() {
    let stage = stage().await;
    let (site, admin) = (&stage.relay.url, &stage.relay.admin_url);
    let mut answers = vec![
        stage.raw("/observe/observables", Some(&stage.token()), "[]").await,
        stage.raw("/observe/observables", None, "[]").await,
        stage.raw("/nothing", None, "").await,
        stage.raw("/openapi.json", None, "").await,
        stage.raw("/observe/observables", Some(&stage.token()), vec![b' '; 2 << 20]).await,
    ];
    for url in [
        format!("{site}/version"),
        format!("{site}/watchdog"),
        format!("{site}/"),
        format!("{admin}/livez"),
        format!("{admin}/metrics"),
        format!("{admin}/nothing"),
    ] {
        answers.push(stage.http.get(url).send().await.expect("an answer"));
    }
    let page = stage.http.get(format!("{site}/")).header("Accept", "text/html").send().await.expect("a page");
    let openapi = stage.http.get(format!("{site}/openapi.json")).send().await.expect("an answer");
    for answer in answers.iter().chain([&page, &openapi]) {
        let url = answer.url();
        assert_eq!(header(answer, "x-content-type-options"), "nosniff", "{url}");
        assert_eq!(header(answer, "referrer-policy"), "no-referrer", "{url}");
        assert_eq!(header(answer, "x-frame-options"), "DENY", "{url}");
        assert!(header(answer, "content-security-policy").ends_with("frame-ancestors 'none'"), "{url}");
        let vary = match (url.path(), url.as_str().starts_with(site.as_str())) {
            ("/", _) => "accept, accept-encoding",
            (_, true) => "accept-encoding",
            (_, false) => "",
        };
        assert_eq!(header(answer, "vary"), vary, "{url}");
    }
    assert!(answers.iter().all(|answer| header(answer, "cache-control") == "no-store"));
    assert!([page, openapi].iter().all(|answer| header(answer, "cache-control") == "no-cache"));
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_answered_as_get_is_but_without_a_body() {
    let stage = stage().await;
    let site =
        ["/version", "/watchdog", "/openapi.json", "/"].map(|path| format!("{}{path}", stage.relay.url));
    let admin = ["/livez", "/readyz", "/metrics"].map(|path| format!("{}{path}", stage.relay.admin_url));
    for url in site.iter().chain(&admin) {
        let got = stage.http.get(url).send().await.expect("an answer");
        let head = stage.http.head(url).send().await.expect("an answer");
        assert_eq!(head.status(), got.status(), "{url}");
        assert_eq!(header(&head, "content-type"), header(&got, "content-type"), "{url}");
        if !url.ends_with("/metrics") {
            assert_eq!(header(&head, "content-length"), header(&got, "content-length"), "{url}");
        }
        assert_eq!(head.text().await.expect("nothing"), "", "{url}");
    }
    assert_eq!(call(&stage, Method::HEAD, "/health").await.status(), 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_answered_without_internals_and_the_relay_lives_on() {
    let stage = stage().await;
    let body = asked(&[("domain", "panic"), ("domain", "a.example")]).to_string();
    let response = stage.raw("/observe/observables", Some(&stage.token()), body).await;
    assert_eq!(response.status(), 500);
    assert_eq!(header(&response, "x-request-id").len(), 36);
    let text = response.text().await.expect("text");
    assert!(
        !text.contains("secret-inside") && !text.contains("panic") && !text.contains("127.0.0.1"),
        "{text}"
    );
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(errors(&answer), [("fatal", "unknown")]);
    assert!(messages(&answer)[0].contains("This is a fault of the relay"));
    let answer = stage.observe(&[("domain", "a.example")]).await;
    assert_eq!(docs(&answer, "verdicts").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_and_metrics_are_on_the_admin_port_only() {
    let stage = stage().await;
    stage.observe(&[("domain", "a.example")]).await;
    let admin = async |path: &str| {
        let response =
            stage.http.get(format!("{}{path}", stage.relay.admin_url)).send().await.expect("an answer");
        (response.status().as_u16(), response.text().await.expect("text"))
    };
    assert_eq!(admin("/livez").await, (200, "alive\n".to_owned()));
    assert_eq!(admin("/readyz").await, (200, "ready\n".to_owned()));
    let (status, metrics) = admin("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        r#"relay_requests_total{endpoint="observe",outcome="ok",relay="acme"} 1"#,
        r#"relay_provider_calls_total{call="thing",outcome="ok",relay="acme"} 1"#,
        r#"relay_cache_lookups_total{outcome="miss",relay="acme"} 1"#,
        r#"relay_entities_total{type="verdicts",relay="acme"} 1"#,
        r#"relay_requests_in_flight{relay="acme"} 0"#,
        r#"relay_request_seconds_count{endpoint="observe",outcome="ok",relay="acme"} 1"#,
        r#"relay_provider_call_seconds_count{call="thing",outcome="ok",relay="acme"} 1"#,
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "process_open_fds",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    assert!(!metrics.contains("a.example") && !metrics.contains("key-one"), "{metrics}");
    for path in ["/version", "/observe/observables", "/"] {
        assert_eq!(admin(path).await.0, 404, "{path} on the admin port");
    }
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(call(&stage, Method::GET, path).await.status(), 404, "{path} on the platform's port");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_of_metrics_do_not_come_from_requests() {
    let stage = stage().await;
    for path in ["/made-up-1", "/made-up-2", "/observe/made-up"] {
        call(&stage, Method::GET, path).await;
    }
    let metrics = stage.metrics().await;
    assert!(
        metrics.contains(r#"relay_requests_total{endpoint="other",outcome="refused",relay="acme"} 3"#),
        "{metrics}"
    );
    assert!(!metrics.contains("made-up"), "{metrics}");
}
