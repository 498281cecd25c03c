//! The page's server over HTTP, with the demonstration's relays.

use std::net::Ipv4Addr;
use std::time::Duration;

use proptest::prelude::*;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::*;

/// A running page. It stops when the test ends.
struct Page {
    url: String,
    http: reqwest::Client,
    demonstration: Demonstration,
    _server: tokio::task::JoinHandle<std::io::Result<()>>,
}

async fn page(allow_actions: bool) -> Page {
    let demonstration = Demonstration::start(0, Vec::new(), &mut Vec::new()).await.unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let guard =
        Guard { token: "t0ken".to_owned(), password: None, names: Vec::new(), listens_to: address.ip() };
    let relays = demonstration.relays.clone();
    let bench = Bench { relays, guard, offered: act::Offered::default(), allow_actions, demo: true };
    let server = tokio::spawn(serve(bench, listener).unwrap());
    let http = crate::client::http(&"http://127.0.0.1".parse().unwrap(), Duration::from_secs(30)).unwrap();
    Page { url: format!("http://{address}/t0ken"), http, demonstration, _server: server }
}

impl Page {
    async fn get(&self, path: &str) -> (u16, HeaderMap, String) {
        read(self.http.get(format!("{}{path}", self.url))).await
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, String) {
        let request = self.http.post(format!("{}{path}", self.url)).header(CONTENT_TYPE, "application/json");
        let (status, _, text) = read(request.body(body.to_string())).await;
        (status, text)
    }

    async fn json(&self, path: &str, body: &Value) -> Value {
        let (status, text) = self.post(path, body).await;
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }
}

async fn read(request: reqwest::RequestBuilder) -> (u16, HeaderMap, String) {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, headers, response.text().await.unwrap())
}

const MACHINE: &str = "73e7e2de709dff64ef64b1d0c30e67fab63279db";

#[tokio::test(flavor = "multi_thread")]
async fn the_page_loads_only_its_own_files_and_holds_no_secret() {
    let page = page(false).await;
    let (status, headers, html) = page.get("/").await;
    assert_eq!(status, 200);
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for (name, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")] {
        assert_eq!(headers[name], value);
    }
    assert!(!html.contains("<script>") && !html.contains(" style=") && !html.contains("onclick"), "{html}");
    let mut all = html;
    for file in page::FILES {
        let (status, headers, text) = page.get(file.path).await;
        assert_eq!((status, headers["cache-control"].to_str().unwrap()), (200, "no-store"), "{}", file.path);
        assert!(!text.contains("innerHTML") && !text.contains("eval("), "{}", file.path);
        all.push_str(&text);
    }
    let (_, _, relays) = page.get("/relays").await;
    all.push_str(&relays);
    for relay in &page.demonstration.relays {
        assert!(!all.contains(&relay.token().unwrap().unwrap()), "{}", relay.name);
    }
    for secret in ["demo-secret", "demo-password", "demo-token"] {
        assert!(!all.contains(secret), "{secret}");
    }
    assert!(!all.contains("https://"), "nothing from elsewhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_and_other_addresses_get_nothing() {
    let page = page(true).await;
    let elsewhere = page.url.replace("t0ken", "other");
    assert_eq!(read(page.http.get(format!("{elsewhere}/relays"))).await.0, 404);
    for (name, value, status) in [
        ("origin", "https://evil.example", 403),
        ("host", "evil.example", 421),
        ("content-type", "text/plain", 400),
    ] {
        let request = page.http.post(format!("{}/trigger", page.url)).body(r#"{"offer": 1}"#);
        let request =
            if name == "content-type" { request } else { request.header(CONTENT_TYPE, "application/json") };
        let (name, header) = (HeaderName::from_static(name), HeaderValue::from_static(value));
        let (answered, headers, _) = read(request.header(name, header)).await;
        assert_eq!(answered, status, "{value}");
        assert!(headers.contains_key("content-security-policy"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_becomes_observables_and_answers_stream() {
    let page = page(false).await;
    let text = "see hxxps://login-verify[.]example/ and login-verify[.]example, user=jdoe, 10.0.0.0/8";
    let parsed = page.json("/parse", &json!({"text": text})).await;
    let kinds: Vec<&str> =
        parsed["observables"].as_array().unwrap().iter().map(|one| one["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["url", "domain", "user"]);
    assert!(parsed["notes"][0].as_str().unwrap().contains("is a network"));
    let (status, why) = page.post("/typed", &json!({"type": "ip", "value": "login-verify.example"})).await;
    assert_eq!(status, 400);
    assert!(why.contains("does not fit the type ip"), "{why}");

    let relays = ["securitytrails", "xforce"];
    let question = json!({"observables": parsed["observables"], "relays": relays});
    let (status, stream) = page.post("/investigate", &question).await;
    assert_eq!(status, 200);
    let events: Vec<(&str, Value)> = stream
        .split_terminator("\n\n")
        .map(|event| event.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap())
        .map(|(name, data)| (name, serde_json::from_str(data).unwrap()))
        .collect();
    assert_eq!((events[0].0, &events[0].1["lookups"]), ("plan", &json!(6)));
    assert_eq!(events.last().unwrap().0, "done");
    let outcome = |relay: &str, at: usize| {
        let found = events.iter().find(|(_, data)| data["relay"] == relay && data["observable"] == at);
        found.unwrap().1["outcome"].clone()
    };
    assert_eq!(outcome("xforce", 1), "found");
    assert_eq!(outcome("securitytrails", 0), "not asked");
    assert_eq!(outcome("xforce", 2), "not asked");
    for wrong in [
        json!({"observables": [], "relays": relays}),
        json!({"observables": [{"type": "ip", "value": "x"}], "relays": relays}),
        json!({"observables": [{"type": "ip", "value": "192.0.2.1"}], "relays": ["nobody"]}),
    ] {
        assert_eq!(page.post("/investigate", &wrong).await.0, 400, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_takes_two_steps_and_permission() {
    let wanted = json!({"relay": "defender", "type": "ms_machine_id", "value": MACHINE});
    let locked = page(false).await;
    let offered = locked.json("/actions", &wanted).await;
    assert_eq!(offered["allowed"], false);
    let offer = json!({"offer": offered["actions"][0]["offer"]});
    assert_eq!(locked.post("/trigger", &offer).await.0, 403);

    let page = page(true).await;
    assert_eq!(page.post("/trigger", &json!({"offer": 1})).await.0, 400, "nothing was shown yet");
    let offered = page.json("/actions", &wanted).await;
    let effect = offered["actions"][0]["effect"].as_str().unwrap();
    assert!(effect.contains(MACHINE) && effect.contains("Microsoft Defender"), "{effect}");
    let offer = json!({"offer": offered["actions"][0]["offer"]});
    assert_eq!(page.json("/trigger", &offer).await["status"], "success");
    assert_eq!(page.post("/trigger", &offer).await.0, 400, "an offer is taken once");
}

/// The page of a program whose only relay has this name.
fn named(name: &str) -> String {
    let listens_to = Ipv4Addr::LOCALHOST.into();
    let guard = Guard { token: String::new(), password: None, names: Vec::new(), listens_to };
    let relays = vec![RelayClient::at(name, None, "https://r.example".parse().unwrap(), None)];
    let bench = Bench { relays, guard, offered: act::Offered::default(), allow_actions: false, demo: false };
    page::html(&bench).into_string()
}

proptest! {
    #[test]
    fn whatever_a_relay_is_called_the_markup_stays_the_same(
        name in "\\PC{0,20}|[<>\"'&/ a-z=]{0,20}|<script>alert\\(1\\)</script>|\" onload=\"x"
    ) {
        let (html, plain) = (named(&name), named("x"));
        for sign in ['<', '>', '"'] {
            prop_assert_eq!(html.matches(sign).count(), plain.matches(sign).count(), "{}", html);
        }
    }
}
