//! The simulator over real HTTP.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod control;
mod defender;
mod frame;
mod gigamon;
mod graph;
mod securitytrails;
mod xforce;

use provider_sim::login::directory::SECRET;
use provider_sim::{Options, Sim};
use reqwest::{Client, Method, RequestBuilder, redirect};
use serde_json::Value;

/// A simulator and a client to call it with.
struct Bed {
    sim: Sim,
    client: Client,
}

impl Bed {
    async fn start() -> Self {
        Self::with(Options::default()).await
    }

    async fn with(options: Options) -> Self {
        let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().build().unwrap();
        Self { sim: Sim::start(options).await.unwrap(), client }
    }

    fn call(&self, method: Method, target: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{target}", self.sim.url()))
    }

    fn get(&self, target: &str) -> RequestBuilder {
        self.call(Method::GET, target)
    }

    /// An access token of an application in a tenant.
    async fn token(&self, tenant: &str, application: &str, scope: &str) -> String {
        let form = [
            ("client_id", application),
            ("client_secret", SECRET),
            ("grant_type", "client_credentials"),
            ("scope", scope),
        ];
        let login = self.call(Method::POST, &format!("/login/{tenant}/oauth2/v2.0/token")).form(&form);
        answer(login).await.1["access_token"].as_str().unwrap().to_owned()
    }
}

/// Status and body, `null` where there is none.
async fn answer(call: RequestBuilder) -> (u16, Value) {
    let answer = call.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
}

/// Status and code of an error.
fn code((status, body): &(u16, Value)) -> (u16, &str) {
    (*status, body["error"]["code"].as_str().unwrap_or_default())
}
