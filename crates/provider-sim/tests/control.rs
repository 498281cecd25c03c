//! The control API over real HTTP.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use provider_sim::{Fault, Options, Sim};
use reqwest::{Client, Method};
use serde_json::{Value, json};

struct Control {
    sim: Sim,
    client: Client,
}

impl Control {
    async fn start() -> Self {
        let faults = vec!["xforce:latency=1ms".parse::<Fault>().unwrap()];
        let sim = Sim::start(Options { faults, ..Options::default() }).await.unwrap();
        Self { sim, client: Client::builder().no_proxy().build().unwrap() }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut call = self.client.request(method, format!("{}/_control{path}", self.sim.url()));
        if let Some(body) = body {
            call = call.json(&body);
        }
        let answer = call.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}");
        body
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn delete(&self, path: &str) -> u16 {
        self.call(Method::DELETE, path, None).await.0
    }

    async fn ask(&self, target: &str) -> (u16, Value) {
        let call = self.client.get(format!("{}/xforce{target}", self.sim.url()));
        let call = call.basic_auth("demo-key", Some("demo-password")).header("Accept", "application/json");
        let answer = call.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

#[tokio::test]
async fn faults_are_added_listed_and_removed() {
    let control = Control::start().await;
    let (status, added) = control.post("/faults", json!({"spec": "xforce//url/:status=503,next=2"})).await;
    assert_eq!((status, &added), (201, &json!({"id": 2})));
    assert_eq!(control.ask("/url/a.example").await.0, 503);
    assert_ne!(control.ask("/ipr/192.0.2.1").await.0, 503);
    assert_eq!(
        control.get("/faults").await["faults"],
        json!([
            {"id": 1, "spec": "xforce:latency=1ms", "matched": 2, "applied": 2},
            {"id": 2, "spec": "xforce//url/:status=503,next=2", "matched": 1, "applied": 1},
        ])
    );
    assert_eq!((control.delete("/faults/2").await, control.delete("/faults/2").await), (204, 404));
    assert_eq!(control.delete("/faults").await, 204);
    assert_eq!(control.get("/faults").await["faults"], json!([]));
}

#[tokio::test]
async fn answers_are_pinned_listed_and_removed() {
    let control = Control::start().await;
    let pin =
        json!({"provider": "xforce", "path": "/url/a.example", "status": 418, "json": {"pinned": true}});
    assert_eq!(control.post("/answers", pin).await.0, 204);
    assert_eq!(control.ask("/url/a.example").await, (418, json!({"pinned": true})));
    let listed = control.get("/answers").await;
    assert_eq!(listed["answers"][0]["provider"], "xforce");
    assert_eq!(listed["answers"][0]["answer"]["status"], 418);
    assert_eq!(control.delete("/answers").await, 204);
    assert_ne!(control.ask("/url/a.example").await.0, 418);
}

#[tokio::test]
async fn calls_are_listed_by_side() {
    let control = Control::start().await;
    control.ask("/url/a%2Fb.example?x=1").await;
    let listed = control.get("/calls?provider=xforce").await;
    let call = &listed["calls"][0];
    assert_eq!((&call["path"], &call["query"]), (&json!("/xforce/url/a%2Fb.example"), &json!("x=1")));
    assert!(call["ended_ms"].as_f64() >= call["started_ms"].as_f64());
    assert_eq!(listed["peak_in_flight"], 1);
    assert_eq!(control.get("/calls?provider=jwks").await["calls"], json!([]));
}

#[tokio::test]
async fn a_reset_goes_back_to_the_start() {
    let control = Control::start().await;
    control.post("/faults", json!({"spec": "*:hang"})).await;
    control.post("/answers", json!({"provider": "jwks", "path": "/jwks"})).await;
    control.client.get(format!("{}/elsewhere", control.sim.url())).send().await.unwrap();
    assert_eq!(control.post("/reset", json!(null)).await.0, 204);
    assert_eq!(control.get("/calls").await["calls"], json!([]));
    assert_eq!(control.get("/answers").await["answers"], json!([]));
    let faults = control.get("/faults").await;
    assert_eq!(
        faults["faults"],
        json!([{"id": 1, "spec": "xforce:latency=1ms", "matched": 0, "applied": 0}])
    );
}

#[tokio::test]
async fn a_token_is_signed_for_any_claims() {
    let control = Control::start().await;
    let claims = json!({"key": "demo-key"});
    let token = control.post("/token", claims.clone()).await.1["token"].clone();
    assert_eq!(token, control.sim.keys().sign(&claims));
}

#[tokio::test]
async fn mistakes_are_explained() {
    let control = Control::start().await;
    for (path, body, status, words) in [
        ("/faults", json!({"spec": "xforce:boom"}), 400, "is no fault"),
        ("/faults", json!({"spec": "xforces:hang"}), 400, "no service is named \"xforces\""),
        ("/faults", json!({"fault": 1}), 400, "unknown field"),
        ("/answers", json!({"path": "/x"}), 400, "must name a service"),
        ("/answers", json!({"provider": "xforce"}), 400, "missing field `path`"),
        ("/answers", json!([]), 400, "must name a service"),
        ("/calls", json!({}), 405, "no such method"),
        ("/unheard-of", json!({}), 404, "no such control call"),
    ] {
        let (got, body) = control.post(path, body).await;
        assert_eq!(got, status, "{path}");
        assert!(body["error"].as_str().unwrap().contains(words), "{path}: {body}");
    }
}
