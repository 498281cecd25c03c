//! Who may call the platform, and the tokens that they got.

use std::collections::HashMap;
use std::sync::Mutex;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::refusal;
use crate::lock::locked;
use crate::reply::Reply;
use crate::request::Request;

/// An API client.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// Its password.
    pub password: String,
    /// What it may do; a scope covers those below it.
    pub scopes: Vec<String>,
}

/// Id, password and scopes of the clients that are there from the start.
pub const CLIENTS: &[(&str, &str, &[&str])] = &[
    ("client-sim", "sim-password", &["integration"]),
    // Made without the right to write.
    ("client-read", "read-password", &["integration/module-type:read", "integration/module-instance:read"]),
];

/// Life of a token in seconds.
const LIFE: i64 = 600;

/// The clients, and the tokens that they got.
#[derive(Debug)]
pub(super) struct Clients(Mutex<State>);

#[derive(Debug)]
struct State {
    all: Vec<Client>,
    /// By their text: the client and when it ends.
    tokens: HashMap<String, (Client, i64)>,
}

impl State {
    fn at_start() -> Self {
        let client = |(id, password, scopes): &(&str, &str, &[&str])| Client {
            id: (*id).to_owned(),
            password: (*password).to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        };
        Self { all: CLIENTS.iter().map(client).collect(), tokens: HashMap::new() }
    }
}

impl Clients {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State::at_start()))
    }

    /// Adds a client, or replaces the one of its id.
    pub(super) fn add(&self, client: Client) {
        let mut state = locked(&self.0);
        state.all.retain(|known| known.id != client.id);
        state.all.push(client);
    }

    pub(super) fn issue(&self, request: &Request) -> Result<Reply, Reply> {
        let kind = request.header("content-type").unwrap_or_default();
        if kind.split(';').next().map(str::trim) != Some("application/x-www-form-urlencoded") {
            return Err(refusal(400, "invalid_request", "the body must be a form"));
        }
        let mut state = locked(&self.0);
        let client = request
            .basic()
            .and_then(|(id, password)| state.all.iter().find(|one| one.id == id && one.password == password))
            .cloned()
            .ok_or_else(|| refusal(401, "invalid_client", "unknown client or wrong password"))?;
        let form = request.form();
        if !form.iter().any(|(name, value)| name == "grant_type" && value == "client_credentials") {
            return Err(refusal(400, "unsupported_grant_type", "only client_credentials is supported"));
        }
        let token = format!("eyJ-simulated-{}-{}", client.id, state.tokens.len() + 1);
        let now = Timestamp::now().as_second();
        let ends = if request.tokens_expired { now - 1 } else { now + LIFE };
        let scope = client.scopes.join(" ");
        state.tokens.insert(token.clone(), (client, ends));
        Ok(Reply::json(
            200,
            &json!({
                "access_token": token, "token_type": "bearer", "expires_in": LIFE, "scope": scope,
            }),
        ))
    }

    pub(super) fn check(&self, request: &Request, scope: &str) -> Result<(), Reply> {
        let invalid = |words| Err(refusal(401, "invalid_request", words));
        let Some(token) = request.bearer() else { return invalid("there is no bearer token") };
        let state = locked(&self.0);
        let Some((client, ends)) = state.tokens.get(token) else { return invalid("the token is not known") };
        if request.tokens_expired || *ends <= Timestamp::now().as_second() {
            return invalid("the token has expired");
        }
        let covers = |one: &String| {
            scope.strip_prefix(one.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if !client.scopes.iter().any(covers) {
            return Err(refusal(403, "insufficient_scope", &format!("the client lacks the scope {scope}")));
        }
        Ok(())
    }

    pub(super) fn reset(&self) {
        *locked(&self.0) = State::at_start();
    }
}
