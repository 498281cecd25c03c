//! Who may call the platform, and the tokens that they got.

use std::collections::HashMap;
use std::sync::Mutex;

use jiff::Timestamp;
use serde_json::json;

use super::refusal;
use crate::lock::locked;
use crate::reply::Reply;
use crate::request::Request;

/// An API client.
#[derive(Debug)]
pub struct Client {
    /// Its id.
    pub id: &'static str,
    /// Its password.
    pub password: &'static str,
    /// What it may do; a scope covers those below it.
    pub scopes: &'static [&'static str],
}

/// All clients.
pub const CLIENTS: &[Client] = &[
    Client { id: "client-sim", password: "sim-password", scopes: &["integration"] },
    // Made without the right to write.
    Client {
        id: "client-read",
        password: "read-password",
        scopes: &["integration/module-type:read", "integration/module-instance:read"],
    },
];

/// Life of a token in seconds.
const LIFE: i64 = 600;

/// The tokens, by their text: the client and when it ends.
#[derive(Debug, Default)]
pub(super) struct Tokens(Mutex<HashMap<String, (&'static Client, i64)>>);

impl Tokens {
    pub(super) fn issue(&self, request: &Request) -> Result<Reply, Reply> {
        let kind = request.header("content-type").unwrap_or_default();
        if kind.split(';').next().map(str::trim) != Some("application/x-www-form-urlencoded") {
            return Err(refusal(400, "invalid_request", "the body must be a form"));
        }
        let client = request
            .basic()
            .and_then(|(id, password)| CLIENTS.iter().find(|one| one.id == id && one.password == password))
            .ok_or_else(|| refusal(401, "invalid_client", "unknown client or wrong password"))?;
        let form = request.form();
        if !form.iter().any(|(name, value)| name == "grant_type" && value == "client_credentials") {
            return Err(refusal(400, "unsupported_grant_type", "only client_credentials is supported"));
        }
        let mut tokens = locked(&self.0);
        let token = format!("eyJ-simulated-{}-{}", client.id, tokens.len() + 1);
        let now = Timestamp::now().as_second();
        let ends = if request.tokens_expired { now - 1 } else { now + LIFE };
        tokens.insert(token.clone(), (client, ends));
        Ok(Reply::json(
            200,
            &json!({
                "access_token": token, "token_type": "bearer", "expires_in": LIFE, "scope": client.scopes.join(" "),
            }),
        ))
    }

    pub(super) fn check(&self, request: &Request, scope: &str) -> Result<(), Reply> {
        let invalid = |words| Err(refusal(401, "invalid_request", words));
        let Some(token) = request.bearer() else { return invalid("there is no bearer token") };
        let tokens = locked(&self.0);
        let Some((client, ends)) = tokens.get(token) else { return invalid("the token is not known") };
        if request.tokens_expired || *ends <= Timestamp::now().as_second() {
            return invalid("the token has expired");
        }
        let covers = |one: &&'static str| {
            scope == *one || scope.strip_prefix(*one).is_some_and(|rest| rest.starts_with('/'))
        };
        if !client.scopes.iter().any(covers) {
            return Err(refusal(403, "insufficient_scope", &format!("the client lacks the scope {scope}")));
        }
        Ok(())
    }

    pub(super) fn reset(&self) {
        locked(&self.0).clear();
    }
}
