//! Tokens over real HTTP: how often the login service is asked, and what its refusals become.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::join_all;
use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, header, method, path};
use wiremock::{Mock, MockServer, Request as Asked, ResponseTemplate};

use std::path::Path;

use relay_testkit::identity::Folder;

use super::super::client_assertion::TokenFile;
use super::*;
use crate::api::Api;
use crate::call::{Priority, RequestContext};
use crate::error::Code;
use crate::module::Module;
use crate::observable::TypeCase;
use crate::provider::{Auth, Client, CredentialHasher, HttpClients};
use crate::settings::{Environment, Settings};
use crate::telemetry::Metrics;

const MODULE: Module = Module {
    name: "acme",
    package: "relay-acme",
    version: "1.0.0",
    title: "Acme",
    summary: "",
    user_agent: None,
    observables: &[],
    type_case: TypeCase::Exact,
    claims: &[],
    settings: &[],
};
static API: Api = Api::new("Acme");
const SECRET: &str = "s3cret~value";

/// A login service and an API, and a client that asks them for two tenants.
struct World {
    server: MockServer,
    client: Client,
    hasher: CredentialHasher,
}

impl World {
    /// The login service answers its n-th call, counted from 0, with what `login` says.
    async fn new(login: impl Fn(u32) -> ResponseTemplate + Send + Sync + 'static) -> Self {
        let settings = Settings::load(&MODULE, Environment::default()).expect("defaults").settings;
        let http = HttpClients::new(&MODULE, &settings.provider).expect("a client");
        let metrics = Arc::new(Metrics::new("acme").expect("metrics"));
        let server = MockServer::start().await;
        let logins = AtomicU32::new(0);
        Mock::given(method("POST"))
            .and(path("/tenant/token"))
            .and(body_string_contains("client_id=app&client_secret=s3cret%7Evalue"))
            .and(body_string_contains("grant_type=client_credentials&scope=api%2F.default"))
            .respond_with(move |_: &Asked| login(logins.fetch_add(1, Ordering::SeqCst)))
            .mount(&server)
            .await;
        let client = Client::new(http, &settings, metrics, None, None);
        Self { server, client, hasher: CredentialHasher::new().expect("a key") }
    }

    /// The API accepts this token alone; any other is answered 401 and repeated to the caller.
    async fn accepting(self, token: &'static str) -> Self {
        Mock::given(path("/things"))
            .and(header("authorization", format!("Bearer {token}")))
            .respond_with(ResponseTemplate::new(200))
            .mount(&self.server)
            .await;
        Mock::given(path("/things"))
            .respond_with(|asked: &Asked| {
                let token = asked.headers["authorization"].to_str().unwrap_or_default();
                ResponseTemplate::new(401).set_body_json(json!({"error": format!("no: {token}")}))
            })
            .mount(&self.server)
            .await;
        self
    }

    fn context(&self, tenant: &str) -> RequestContext {
        RequestContext {
            credential: self.hasher.key([tenant]),
            ..RequestContext::for_tests(Priority::Lookup, 16, Duration::from_secs(30))
        }
    }

    fn url(&self, path: &str) -> Url {
        format!("{}{path}", self.server.uri()).parse().expect("a URL")
    }

    fn source(&self) -> TokenSource {
        TokenSource {
            url: self.url("/tenant/token"),
            client_id: "app".to_owned(),
            proof: Proof::Secret(SECRET.into()),
            scope: "api/.default".to_owned(),
            advice: |login, _| (login.status == 404).then(|| "Check the tenant".to_owned()),
        }
    }

    async fn call(&self, context: &RequestContext) -> Result<Answer, Failure> {
        self.client
            .api(&API, context, Auth::Token(self.source()))
            .get("things", self.url("/things"))
            .send()
            .await
    }

    /// How often the login service and the API were asked.
    async fn calls(&self) -> (usize, usize) {
        let calls = self.server.received_requests().await.unwrap_or_default();
        let to = |path: &str| calls.iter().filter(|call| call.url.path() == path).count();
        (to("/tenant/token"), to("/things"))
    }
}

fn granted(token: &str, expires_in: &Value) -> ResponseTemplate {
    let mut body = json!({"token_type": "Bearer", "access_token": token, "unknown": [1]});
    if !expires_in.is_null() {
        body["expires_in"] = expires_in.clone();
    }
    ResponseTemplate::new(200).set_body_json(body)
}

#[tokio::test]
async fn a_token_serves_until_a_minute_before_it_expires() {
    for (expires_in, logins) in [
        (json!(3599), 1),
        (json!("3599"), 1),
        (json!(3599.5), 1),
        (json!(null), 1),
        (json!("soon"), 1),
        (json!(-1), 1),
        (json!(60), 2),
        (json!("60"), 2),
        (json!(0), 2),
    ] {
        let life = expires_in.clone();
        let world = World::new(move |_| granted("t", &life)).await.accepting("t").await;
        let context = world.context("one");
        for _ in 0..2 {
            assert_eq!(world.call(&context).await.expect("an answer").status(), 200);
        }
        assert_eq!(world.calls().await, (logins, 2), "expires_in {expires_in}");
    }
}

#[test]
fn a_token_is_not_used_in_its_last_minute() {
    let kept = |life| {
        let token = Token { secret: "t".into(), life: Duration::from_secs(life) };
        let hasher = CredentialHasher::new().expect("a key");
        let key = TokenKey { credential: hasher.key(["one"]), url: String::new(), scope: String::new() };
        ByLife.expire_after_create(&key, &token, std::time::Instant::now()).map(|time| time.as_secs())
    };
    assert_eq!([3599, 61, 60, 5].map(kept), [Some(3539), Some(1), Some(0), Some(0)]);
}

#[tokio::test]
async fn calls_at_the_same_time_share_one_login() {
    let login = |_| granted("t", &json!(3600)).set_delay(Duration::from_millis(20));
    let world = World::new(login).await.accepting("t").await;
    let context = world.context("one");
    let answers = join_all((0..12).map(|_| world.call(&context))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(world.calls().await, (1, 12));
}

#[tokio::test]
async fn tenants_do_not_share_tokens() {
    let world = World::new(|_| granted("t", &json!(3600))).await.accepting("t").await;
    for tenant in ["one", "two", "one"] {
        assert!(world.call(&world.context(tenant)).await.is_ok());
    }
    assert_eq!(world.calls().await, (2, 3));
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_for_all_who_wait() {
    let login = |n| granted(if n == 0 { "old" } else { "new" }, &json!(3600));
    let world = World::new(login).await.accepting("new").await;
    let context = world.context("one");
    let answers = join_all((0..5).map(|_| world.call(&context))).await;
    assert!(answers.iter().all(Result::is_ok));
    let (logins, calls) = world.calls().await;
    assert_eq!(logins, 2, "of {calls} calls");
}

#[tokio::test]
async fn a_second_refusal_is_final_and_repeats_no_token() {
    let world = World::new(|n| granted(&format!("token-{n}"), &json!(3600))).await.accepting("other").await;
    let failure = world.call(&world.context("one")).await.expect_err("a refusal");
    assert_eq!((failure.status(), world.calls().await), (Some(401), (2, 2)));
    let Failure::Rejected(rejection) = failure else { panic!("{failure:?}") };
    assert_eq!(rejection.text_at(&["/error"]).as_deref(), Some("no: Bearer [secret]"));
}

#[tokio::test]
async fn a_login_that_fails_for_a_while_is_tried_as_often_as_any_call() {
    let down = |_| ResponseTemplate::new(503).insert_header("Retry-After", "0").set_body_string("<html>");
    let world = World::new(down).await;
    let failure = world.call(&world.context("one")).await.expect_err("a failure");
    assert_eq!(failure.to_error("Acme", None).code(), Code::UNAVAILABLE);
    assert_eq!(world.calls().await, (3, 0));
}

#[tokio::test]
async fn a_login_that_recovers_is_not_told() {
    let login = |n| match n {
        0 => ResponseTemplate::new(429).insert_header("Retry-After", "0"),
        _ => granted("t", &json!(3600)),
    };
    let world = World::new(login).await.accepting("t").await;
    assert!(world.call(&world.context("one")).await.is_ok());
    assert_eq!(world.calls().await, (2, 1));
}

#[tokio::test]
async fn refusals_are_told_in_one_line_without_the_secret() {
    let body = |text: &str| json!({"error": "invalid_client", "error_description": text}).to_string();
    let table = [
        (401, body("AADSTS7000215: Bad.\r\nTrace ID: 1"), "says: AADSTS7000215: Bad."),
        (401, body("AADSTS7000215: Bad. Trace ID: 1"), "AADSTS7000215: Bad."),
        (400, body("You sent s3cret~value.\nTwice"), "You sent [secret]."),
        (400, body(""), "invalid_client"),
        (400, json!({"error": {"code": 1}}).to_string(), "status 400"),
        (403, "<html>".to_owned(), "status 403"),
        (404, String::new(), "Check the tenant (Acme says: status 404)"),
    ];
    for (status, body, expected) in table {
        let answer = ResponseTemplate::new(status).set_body_string(body);
        let world = World::new(move |_| answer.clone()).await;
        let failure = world.call(&world.context("one")).await.expect_err("a refusal");
        let error = failure.to_error("Acme", None);
        assert_eq!(error.code(), Code::AUTHORIZATION, "{status}");
        let message = format!("{} {failure:?}", error.message());
        assert!(error.message().starts_with("Authorization failed: "), "{message}");
        assert!(error.message().contains(expected.trim_start_matches("says: ")), "{message}");
        assert!(!message.contains(SECRET) && !message.contains("Trace ID"), "{message}");
        assert_eq!(world.calls().await, (1, 0), "a refusal is final");
    }
}

#[tokio::test]
async fn an_assertion_that_the_login_service_repeats_is_struck_out() {
    let folder = Folder::default();
    let file = TokenFile::open(Path::new(&folder.write("token", SECRET))).expect("a token");
    let world = World::new(|_| granted("t", &json!(3600))).await;
    Mock::given(path("/federated/token"))
        .and(body_string_contains("client_id=app&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A"))
        .respond_with(|asked: &Asked| {
            let form: Vec<(String, String)> = url::form_urlencoded::parse(&asked.body).into_owned().collect();
            let body = json!({"error": "invalid_client", "error_description": format!("You sent {form:?}.")});
            ResponseTemplate::new(401).set_body_json(body)
        })
        .mount(&world.server)
        .await;
    let source = TokenSource {
        url: world.url("/federated/token"),
        proof: Proof::Federated(Arc::new(file)),
        ..world.source()
    };
    let context = world.context("one");
    let call = world.client.api(&API, &context, Auth::Token(source)).get("things", world.url("/things"));
    let failure = call.send().await.expect_err("a refusal");
    let said = format!("{} {failure:?}", failure.to_error("Acme", None).message());
    assert!(said.contains("client_assertion") && said.contains("[secret]"), "{said}");
    assert!(!said.contains(SECRET), "{said}");
}

#[tokio::test]
async fn an_answer_without_a_token_is_not_understood_and_not_repeated() {
    for body in ["{}", r#"{"access_token": null}"#, r#"{"access_token": 7}"#, "<html>t0ken</html>", ""] {
        let world = World::new(move |_| ResponseTemplate::new(200).set_body_string(body)).await;
        let failure = world.call(&world.context("one")).await.expect_err("no token");
        let error = failure.to_error("Acme", None);
        assert_eq!(error.code(), Code::BAD_RESPONSE, "{body}");
        assert!(!error.message().contains("t0ken"), "{}", error.message());
    }
}
