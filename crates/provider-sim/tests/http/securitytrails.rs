//! The SecurityTrails service over real HTTP: who may call, what is refused, how fast and how much, and the fixtures.

use provider_sim::Answer;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use super::Bed;

struct SecurityTrails(Bed);

impl SecurityTrails {
    async fn start() -> Self {
        Self(Bed::start().await)
    }

    /// A call without a key.
    fn call(&self, method: Method, target: &str) -> RequestBuilder {
        self.0.call(method, &format!("/securitytrails{target}")).header("Accept", "application/json")
    }

    async fn get(&self, key: &str, target: &str) -> Response {
        self.call(Method::GET, target).header("apikey", key).send().await.unwrap()
    }

    async fn search(&self, key: &str, page: u64, body: Value) -> Response {
        let call = self.call(Method::POST, &format!("/domains/list?page={page}")).header("APIKEY", key);
        let call = call.header("Content-Type", "application/json").body(body.to_string());
        call.send().await.unwrap()
    }
}

async fn message(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    (status, body["message"].as_str().unwrap_or_default().to_owned())
}

fn rate(answer: &Response) -> (&str, &str) {
    let header = |name| answer.headers()[name].to_str().unwrap();
    (header("x-ratelimit-limit-second"), header("x-ratelimit-remaining-second"))
}

#[tokio::test]
async fn the_key_is_taken_from_the_header_only() {
    let trails = SecurityTrails::start().await;
    let bare = trails.call(Method::GET, "/ping?apikey=demo-key").send().await.unwrap();
    assert_eq!((bare.status().as_u16(), bare.headers().get("content-type")), (401, None));
    assert!(!rate(&bare).0.is_empty());
    assert_eq!(bare.text().await.unwrap(), "Please check user credentials");
    for stranger in ["", "demo", "demo-keys", "DEMO-KEY", "Bearer demo-key"] {
        assert_eq!(trails.get(stranger, "/ping").await.status(), 401, "{stranger:?}");
    }
    let retired = message(trails.get("retired", "/ping").await).await;
    assert_eq!(retired, (403, "Invalid authentication credentials".to_owned()));
    let good: Value = trails.get("demo-key.another", "/ping").await.json().await.unwrap();
    assert_eq!(good, json!({"success": true}));
}

#[tokio::test]
async fn plans_and_quotas_are_kept() {
    let trails = SecurityTrails::start().await;
    let filter = json!({"filter": {"ipv4": "198.18.1.1"}});
    let (status, text) = message(trails.search("small-plan", 1, filter.clone()).await).await;
    assert!(status == 403 && text.contains("subscription package"), "{status} {text}");
    assert_eq!(trails.get("small-plan", "/history/pages-1.example/dns/a").await.status(), 200);

    let used_up = (429, "You've exceeded the usage limits for your account.".to_owned());
    for page in 1..=3 {
        let target = format!("/history/pages-3.example/dns/a?page={page}");
        assert_eq!(trails.get("trial", &target).await.status(), 200);
    }
    assert_eq!(message(trails.search("trial", 1, filter.clone()).await).await, used_up);
    assert_eq!(trails.get("trial", "/ping").await.status(), 200, "a ping costs nothing");
    assert_eq!(message(trails.search("exhausted", 1, filter.clone()).await).await, used_up);
    assert_eq!(trails.search("trial.other", 1, filter).await.status(), 200, "another account");
    trails.0.sim.reset();
    assert_eq!(trails.get("trial", "/history/pages-3.example/dns/a").await.status(), 200);
}

#[tokio::test]
async fn the_limit_per_second_bites_and_is_reported() {
    let trails = SecurityTrails::start().await;
    let first = trails.get("two-a-second", "/ping").await;
    assert_eq!((first.status().as_u16(), rate(&first)), (200, ("2", "1")));
    let second = trails.get("two-a-second", "/ping").await;
    assert_eq!((second.status().as_u16(), rate(&second)), (200, ("2", "0")));
    let third = trails.get("two-a-second", "/ping").await;
    assert_eq!(rate(&third), ("2", "0"));
    assert_eq!(message(third).await, (429, "API rate limit exceeded".to_owned()));
    let other = trails.get("two-a-second.other", "/ping").await;
    assert_eq!((other.status().as_u16(), rate(&other).0), (200, "2"));
    trails.0.sim.reset();
    assert_eq!(trails.get("two-a-second", "/ping").await.status(), 200);
}

#[tokio::test]
async fn an_answer_that_a_test_pins_is_metered_too() {
    let trails = SecurityTrails::start().await;
    trails.0.sim.answer("securitytrails", Answer::get("/ping").json(json!({"success": false})));
    assert_eq!(trails.get("nobody", "/ping").await.status(), 401);
    let pinned = trails.get("five-a-second", "/ping").await;
    assert_eq!(rate(&pinned), ("5", "4"));
    assert_eq!(pinned.json::<Value>().await.unwrap(), json!({"success": false}));
}

#[tokio::test]
async fn pages_are_served_up_to_the_last_one() {
    let trails = SecurityTrails::start().await;
    let history: Value =
        trails.get("demo-key", "/history/pages-2.example/dns/a?page=2").await.json().await.unwrap();
    assert_eq!((&history["pages"], history["records"].as_array().unwrap().len()), (&json!(2), 32));
    assert_eq!(history["endpoint"], "/v1/history/pages-2.example/dns/a");
    let filter = json!({"filter": {"ipv4": "198.18.120.9"}});
    let domains: Value = trails.search("demo-key", 100, filter.clone()).await.json().await.unwrap();
    assert_eq!((&domains["meta"]["max_page"], &domains["meta"]["total_pages"]), (&json!(100), &json!(120)));
    assert_eq!(domains["records"].as_array().unwrap().len(), 100);
    assert_eq!(trails.search("demo-key", 101, filter).await.status(), 400);
}

#[tokio::test]
async fn what_is_not_well_formed_is_refused() {
    let trails = SecurityTrails::start().await;
    let invalid = (400, "The requested domain is invalid".to_owned());
    for name in ["A.example", "a..example", "..%2Fping%3Fx%3D", "a%20b", "b%C3%BCcher.example"] {
        let target = format!("/history/{name}/dns/a?page=1");
        assert_eq!(message(trails.get("demo-key", &target).await).await, invalid, "{name}");
    }
    assert_eq!(trails.search("demo-key", 1, json!({"filter": {"ipv4": "::1"}})).await.status(), 400);
    assert_eq!(trails.get("demo-key", "/account/usages").await.status(), 404);
    let html = trails.0.get("/securitytrails/ping");
    assert_eq!(html.header("apikey", "demo-key").header("Accept", "*/*").send().await.unwrap().status(), 406);
}
