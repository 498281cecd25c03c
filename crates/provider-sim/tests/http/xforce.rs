//! The X-Force service over real HTTP: who may call, what is refused, what is answered, and the fixtures.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Bed, answer};

const DEMO: (&str, &str) = ("demo-key", "demo-password");

struct XForce(Bed);

impl XForce {
    async fn start() -> Self {
        Self(Bed::start().await)
    }

    /// A call without credentials.
    fn call(&self, method: Method, target: &str) -> RequestBuilder {
        self.0.call(method, &format!("/xforce{target}"))
    }

    /// The answer to a complete call of this tenant.
    async fn ask_as(&self, (key, password): (&str, &str), target: &str) -> (u16, Value) {
        let call = self.call(Method::GET, target).header("Accept", "application/json");
        answer(call.basic_auth(key, Some(password))).await
    }

    /// The answer to a complete call.
    async fn ask(&self, target: &str) -> (u16, Value) {
        self.ask_as(DEMO, target).await
    }
}

fn refusal(status: u16, text: &str) -> (u16, Value) {
    (status, json!({ "error": text }))
}

#[tokio::test]
async fn credentials_are_checked() {
    let xforce = XForce::start().await;
    let target = "/ipr/203.0.113.9";
    let nobody = refusal(401, "Not authorized.");
    assert_eq!(answer(xforce.call(Method::GET, target).header("Accept", "application/json")).await, nobody);
    assert_eq!(
        answer(xforce.call(Method::GET, target).header("Accept", "application/json").bearer_auth("demo-key"))
            .await,
        nobody
    );
    for (who, expected) in [
        (("demo-key", "wrong"), nobody.clone()),
        (("stranger", "demo-password"), nobody.clone()),
        (("", ""), nobody.clone()),
        (("exhausted", "demo-password"), refusal(402, "Monthly quota exceeded.")),
        (("unsubscribed", "demo-password"), refusal(402, "No active API subscription.")),
        (("forbidden", "demo-password"), refusal(403, "Access denied.")),
        (("limited", "demo-password"), refusal(429, "Rate limit exceeded.")),
    ] {
        assert_eq!(xforce.ask_as(who, target).await, expected, "{who:?}");
    }
    assert_eq!(xforce.ask(target).await.0, 200);
}

#[tokio::test]
async fn json_has_to_be_asked_for() {
    let xforce = XForce::start().await;
    let bare = xforce.call(Method::GET, "/ipr/203.0.113.9").basic_auth(DEMO.0, Some(DEMO.1));
    assert_eq!(answer(bare).await, refusal(406, "Not acceptable."));
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let xforce = XForce::start().await;
    for target in [
        "",
        "/",
        "/url",
        "/url/http://a.example/x",
        "/url/a.example/",
        "/linkage/url/a.example",
        "/api/linkage/md5/x",
        "/ipr/192.0.2.1/history",
    ] {
        assert_eq!(xforce.ask(target).await, refusal(404, "Not found."), "{target}");
    }
    let post = xforce.call(Method::POST, "/ipr/192.0.2.1").header("Accept", "application/json");
    let post = post.basic_auth(DEMO.0, Some(DEMO.1)).send().await.unwrap();
    assert_eq!((post.status().as_u16(), post.headers()["allow"].to_str().unwrap()), (405, "GET"));
}

#[tokio::test]
async fn a_traversal_shows_as_the_wrong_call() {
    let xforce = XForce::start().await;
    // The client follows the dots itself, as it would for a relay that pastes values into URLs.
    let (status, body) = xforce.ask("/url/../all-subscriptions/usage").await;
    assert_eq!((status, body.is_array()), (200, true));
    assert_eq!(xforce.0.sim.calls()[0].path, "/xforce/all-subscriptions/usage");
    let escaped = "/url/..%2Fall-subscriptions%2Fusage";
    assert_eq!(xforce.ask(escaped).await, refusal(400, "Invalid input."));
    assert_eq!(xforce.0.sim.calls()[1].path, format!("/xforce{escaped}"));
}

#[tokio::test]
async fn values_of_another_kind_are_refused() {
    let xforce = XForce::start().await;
    for target in [
        "/ipr/a.example",
        "/ipr/999.1.1.1",
        "/malware/abc",
        "/malware/0x474b9ccf5ab9d72ca8a333889bbb34f0",
        "/url/no%20such%20site.example",
        "/api/resolve/http:%2F%2Fa.example",
        "/api/linkage/ip/a.example",
        "/api/linkage/url/a.example?maxpertype=many",
    ] {
        assert_eq!(xforce.ask(target).await, refusal(400, "Invalid input."), "{target}");
    }
}

#[tokio::test]
async fn records_are_counted_per_key_and_run_out() {
    let xforce = XForce::start().await;
    let trial = ("trial", "demo-password");
    let used =
        async |who| xforce.ask_as(who, "/all-subscriptions/usage").await.1[0]["usageData"]["usage"].clone();
    assert_eq!(used(trial).await[0]["usage"], 4990);
    for n in 0..10 {
        assert_ne!(xforce.ask_as(trial, &format!("/ipr/192.0.2.{n}")).await.0, 402);
    }
    assert_eq!(xforce.ask_as(trial, "/ipr/192.0.2.1").await, refusal(402, "Monthly quota exceeded."));
    let cycles = used(trial).await;
    assert_eq!(cycles[0]["usage"], 5000, "what is refused costs nothing");
    assert_eq!(cycles[0]["cycle"].as_str().unwrap().len(), "2026-03".len());
    assert_eq!(used(("other-key", "demo-password")).await, json!([]), "keys count apart");
    xforce.0.sim.reset();
    assert_eq!(used(trial).await[0]["usage"], 4990);
}
