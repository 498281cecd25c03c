//! Microsoft's login service (Entra ID), client credentials flow
//! ([documentation](https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow)).
//!
//! | call | |
//! |---|---|
//! | `POST /{tenant}/oauth2/v2.0/token` | an access token for an application |
//!
//! Tenants and applications are those of [`directory`]. A token is issued even without consent to any
//! permission; it then has no roles, and its API rejects it. Tokens contain everything that the APIs need ([`Grant`]).
//! With the fault `expired-tokens`, it issues tokens that expired an hour ago.

pub mod directory;
pub mod grant;
mod refusal;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use crate::reply::Reply;
use crate::request::Request;
use crate::service::Service;

use directory::{Application, Resource, Tenant};
pub use grant::{Grant, TokenError};
use refusal::Refusal;

/// Life of a token in seconds.
const LIFE: i64 = 3599;
const PARAMETERS: [&str; 4] = ["client_id", "client_secret", "grant_type", "scope"];

/// The service.
#[derive(Debug, Default)]
pub struct Login;

impl Service for Login {
    fn name(&self) -> &'static str {
        "login"
    }

    fn prefix(&self) -> &'static str {
        "/login"
    }

    fn authorize(&self, request: &Request) -> Result<(), Reply> {
        checked(request).map(drop)
    }

    fn answer(&self, request: &Request) -> Reply {
        match checked(request) {
            Ok(asked) => asked.granted(request.tokens_expired),
            Err(refusal) => refusal,
        }
    }

    fn decorate(&self, _: &Request, reply: &mut Reply) {
        *reply = std::mem::replace(reply, Reply::empty(500)).header("Cache-Control", "no-store, no-cache");
    }
}

/// A valid request for a token.
struct Asked {
    tenant: &'static Tenant,
    application: &'static Application,
    resource: Resource,
}

impl Asked {
    fn granted(&self, expired: bool) -> Reply {
        let issued = Timestamp::now().as_second() - if expired { LIFE + 3600 } else { 0 };
        let grant = Grant {
            aud: self.resource.uri().to_owned(),
            tid: self.tenant.id.to_owned(),
            appid: self.application.id.to_owned(),
            roles: self.application.roles(self.resource).iter().map(|role| (*role).to_owned()).collect(),
            iat: issued,
            exp: issued + LIFE,
        };
        Reply::json(
            200,
            &json!({
                "token_type": "Bearer",
                "expires_in": LIFE,
                "ext_expires_in": LIFE,
                "access_token": grant.sign(),
            }),
        )
    }
}

/// All checks, in the service's order: the call, its form, the tenant, the application, its secret, the scope.
fn checked(request: &Request) -> Result<Asked, Reply> {
    let [tenant, "oauth2", "v2.0", "token"] = request.parts()[..] else {
        return Err(Reply::html(
            404,
            "<html><body><h2>404 - File or directory not found.</h2></body></html>",
        ));
    };
    token_for(tenant, request).map_err(|fault| fault.reply(request))
}

fn token_for(tenant: &str, request: &Request) -> Result<Asked, Refusal> {
    if request.method != "POST" {
        return Err(Refusal::Method(request.method.clone()));
    }
    let form = form(request)?;
    let field = |name: &'static str| form.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let grant_type = field("grant_type").ok_or(Refusal::Missing("grant_type"))?;
    if grant_type != "client_credentials" {
        return Err(Refusal::GrantType(grant_type.to_owned()));
    }
    let client = field("client_id").ok_or(Refusal::Missing("client_id"))?;
    let scope = field("scope").ok_or(Refusal::Missing("scope"))?;
    if !is_tenant_name(tenant) {
        return Err(Refusal::TenantName(tenant.to_owned()));
    }
    let tenant = Tenant::find(tenant).ok_or_else(|| Refusal::UnknownTenant(tenant.to_owned()))?;
    let application = Application::find(client)
        .ok_or_else(|| Refusal::UnknownApplication { client: client.to_owned(), tenant: tenant.domain })?;
    let secret = field("client_secret").ok_or(Refusal::NoSecret)?;
    match directory::SECRETS.iter().find(|known| known.value == secret) {
        None => Err(Refusal::WrongSecret(application.id)),
        Some(known) if known.expired => Err(Refusal::ExpiredSecret(application.id)),
        Some(_) => resource(scope, tenant).map(|resource| Asked { tenant, application, resource }),
    }
}

/// The fields of the form; none if the body has another content type.
fn form(request: &Request) -> Result<BTreeMap<String, String>, Refusal> {
    let declared = request.header("content-type").and_then(|value| value.split(';').next());
    let mut fields = BTreeMap::new();
    if declared.map(str::trim) != Some("application/x-www-form-urlencoded") {
        return Ok(fields);
    }
    for (name, value) in request.form() {
        if fields.insert(name.clone(), value).is_some() && PARAMETERS.contains(&name.as_str()) {
            return Err(Refusal::Duplicate(name));
        }
    }
    Ok(fields)
}

/// Whether it can be the name of a tenant: a GUID or a domain.
fn is_tenant_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    text.contains(['.', '-']) && text.chars().all(allowed) && !text.starts_with(['.', '-'])
}

/// The API of a scope. In this flow, the scope always means all permissions with consent.
fn resource(scope: &str, tenant: &Tenant) -> Result<Resource, Refusal> {
    if scope.contains(char::is_whitespace) {
        return Err(Refusal::Scope(scope.to_owned()));
    }
    let uri = scope.strip_suffix("/.default").ok_or_else(|| Refusal::NotDefaultScope(scope.to_owned()))?;
    Resource::find(uri).ok_or_else(|| Refusal::UnknownResource { uri: uri.to_owned(), tenant: tenant.domain })
}

#[cfg(test)]
mod tests;
