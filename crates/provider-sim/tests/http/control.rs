//! The control API over real HTTP.

use provider_sim::{Fault, Options};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Bed, answer};

struct Control(Bed);

impl Control {
    async fn start() -> Self {
        let faults = vec!["xforce:latency=1ms".parse::<Fault>().unwrap()];
        Self(Bed::with(Options { faults, ..Options::default() }).await)
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let call = self.0.call(method, &format!("/_control{path}"));
        answer(if let Some(body) = body { call.json(&body) } else { call }).await
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}");
        body
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn ask(&self, target: &str) -> (u16, Value) {
        let call = self.0.get(&format!("/xforce{target}")).basic_auth("demo-key", Some("demo-password"));
        answer(call.header("Accept", "application/json")).await
    }
}

#[tokio::test]
async fn faults_and_answers_are_set_and_removed() {
    let control = Control::start().await;
    let pin =
        json!({"provider": "xforce", "path": "/url/a.example", "status": 418, "json": {"pinned": true}});
    assert_eq!(control.post("/answers", pin).await.0, 204);
    let added = control.post("/faults", json!({"spec": "xforce//url/:status=503"})).await;
    assert_eq!(added, (201, json!({"id": 2})));
    assert_eq!(control.ask("/url/a.example").await.0, 503);
    assert_ne!(control.ask("/ipr/192.0.2.1").await.0, 503);
    assert_eq!(control.call(Method::DELETE, "/faults", None).await.0, 204);
    assert_eq!(control.ask("/url/a.example").await, (418, json!({"pinned": true})));
    control.post("/faults", json!({"spec": "*:status=503"})).await;
    assert_eq!(control.post("/reset", json!(null)).await.0, 204);
    assert_eq!(control.get("/calls").await["calls"], json!([]));
    assert!(![418, 503].contains(&control.ask("/url/a.example").await.0));
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
async fn a_token_is_signed_for_any_claims() {
    let control = Control::start().await;
    let claims = json!({"key": "demo-key"});
    let token = control.post("/token", claims.clone()).await.1["token"].clone();
    assert_eq!(token, control.0.sim.keys().sign(&claims));
}

#[tokio::test]
async fn the_platform_gets_further_clients_until_a_reset() {
    let control = Control::start().await;
    let client = json!({"id": "client-tiles", "password": "p", "scopes": ["integration/health:read"]});
    assert_eq!(control.post("/platform/clients", client).await.0, 204);
    let log_in = async || {
        let call = control.0.call(Method::POST, "/platform/iroh/oauth2/token");
        let call = call.basic_auth("client-tiles", Some("p")).form(&[("grant_type", "client_credentials")]);
        answer(call).await
    };
    let (status, token) = log_in().await;
    assert_eq!((status, &token["scope"]), (200, &json!("integration/health:read")));
    for (path, status) in [("iroh-dashboard/tiles", 200), ("iroh-int/module-type", 403)] {
        let call = control.0.get(&format!("/platform/iroh/{path}"));
        let call = call.bearer_auth(token["access_token"].as_str().unwrap());
        assert_eq!(answer(call).await.0, status, "{path}");
    }
    control.post("/reset", json!(null)).await;
    assert_eq!(log_in().await.0, 401);
}

#[tokio::test]
async fn mistakes_are_explained() {
    let control = Control::start().await;
    for (path, body, status, words) in [
        ("/faults", json!({"spec": "xforce:boom"}), 400, "is not a fault"),
        ("/faults", json!({"spec": "xforces:hang"}), 400, "no service is named \"xforces\""),
        ("/faults", json!({"fault": 1}), 400, "unknown field"),
        ("/answers", json!({"path": "/x"}), 400, "must name a service"),
        ("/answers", json!({"provider": "xforce"}), 400, "missing field `path`"),
        ("/answers", json!([]), 400, "must name a service"),
        ("/platform/clients", json!({"id": "x"}), 400, "missing field `password`"),
        ("/platform/clouds", json!({}), 404, "no such control call"),
        ("/calls", json!({}), 405, "method not allowed"),
        ("/unheard-of", json!({}), 404, "no such control call"),
    ] {
        let (got, body) = control.post(path, body).await;
        assert_eq!(got, status, "{path}");
        assert!(body["error"].as_str().unwrap().contains(words), "{path}: {body}");
    }
}
