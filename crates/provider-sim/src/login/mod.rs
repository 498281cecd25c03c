//! Microsoft's login service (Entra ID), client credentials flow
//! ([documentation](https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow)).
//!
//! | call | |
//! |---|---|
//! | `POST /{tenant}/oauth2/v2.0/token` | an access token for an application |
//!
//! Tenants and applications are those of [`directory`]. A token is issued even without consent to any
//! permission; it then has no roles, and its API rejects it. Tokens contain everything that the APIs need ([`Grant`]).
//! An application logs in with a secret, or with an assertion of a credential that was registered ([`Registration`]).
//! With the fault `expired-tokens`, it issues tokens that expired an hour ago.

mod assertion;
pub mod directory;
pub mod grant;
mod refusal;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use crate::reply::Reply;
use crate::request::{Request, split_suffix};
use crate::service::Service;

use assertion::Once;
pub use assertion::Registration;
pub(crate) use assertion::Registrations;
use directory::{Application, Resource, Tenant};
pub use grant::{Grant, TokenError};
use refusal::Refusal;

/// Life of a token in seconds.
const LIFE: i64 = 3599;
const PARAMETERS: [&str; 6] =
    ["client_assertion", "client_assertion_type", "client_id", "client_secret", "grant_type", "scope"];
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The service.
#[derive(Debug, Default)]
pub struct Login(Arc<Registrations>);

impl Login {
    pub(crate) fn new(registrations: Arc<Registrations>) -> Self {
        Self(registrations)
    }
}

impl Service for Login {
    fn name(&self) -> &'static str {
        "login"
    }

    fn prefix(&self) -> &'static str {
        "/login"
    }

    fn authorize(&self, request: &Request) -> Result<(), Reply> {
        self.checked(request).map(drop)
    }

    fn answer(&self, request: &Request) -> Reply {
        let granted = self.checked(request).and_then(|mut asked| {
            let used = asked.once.take().map_or(Ok(()), |once| self.0.use_up(once, now()));
            used.map_err(|fault| fault.reply(request)).map(|()| asked.granted(request.tokens_expired))
        });
        granted.unwrap_or_else(|refusal| refusal)
    }

    fn reset(&self) {
        self.0.clear();
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
    /// The suffix of the secret.
    suffix: Option<String>,
    /// The assertion, where it serves once.
    once: Option<Once>,
}

impl Asked {
    fn granted(&self, expired: bool) -> Reply {
        let issued = now() - if expired { LIFE + 3600 } else { 0 };
        let grant = Grant {
            aud: self.resource.uri().to_owned(),
            tid: self.tenant.id.to_owned(),
            appid: self.application.id.to_owned(),
            roles: self.application.roles(self.resource).iter().map(|role| (*role).to_owned()).collect(),
            suffix: self.suffix.clone(),
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

impl Login {
    /// All checks, in the service's order: the call, its form, the tenant, the application, its credential, the scope.
    fn checked(&self, request: &Request) -> Result<Asked, Reply> {
        let [tenant, "oauth2", "v2.0", "token"] = request.parts()[..] else {
            return Err(Reply::html(
                404,
                "<html><body><h2>404 - File or directory not found.</h2></body></html>",
            ));
        };
        self.token_for(tenant, request).map_err(|fault| fault.reply(request))
    }

    fn token_for(&self, tenant: &str, request: &Request) -> Result<Asked, Refusal> {
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
        let application = Application::find(client).ok_or_else(|| Refusal::UnknownApplication {
            client: client.to_owned(),
            tenant: tenant.domain,
        })?;
        let once = match (field("client_secret"), field("client_assertion")) {
            (None, None) => return Err(Refusal::NoSecret),
            (Some(_), Some(_)) => return Err(Refusal::TwoCredentials),
            (Some(secret), None) => check_secret(secret, application).map(|()| None)?,
            (None, Some(assertion)) => {
                let kind = field("client_assertion_type").ok_or(Refusal::Missing("client_assertion_type"))?;
                if kind != ASSERTION_TYPE {
                    return Err(Refusal::AssertionType(kind.to_owned()));
                }
                let endpoint = format!("{}{}", request.base_url(), request.path);
                self.0.check(application, assertion, &endpoint, now())?
            }
        };
        let suffix = field("client_secret").and_then(|secret| split_suffix(secret).1).map(str::to_owned);
        resource(scope, tenant).map(|resource| Asked { tenant, application, resource, suffix, once })
    }
}

fn check_secret(secret: &str, application: &Application) -> Result<(), Refusal> {
    match directory::SECRETS.iter().find(|known| known.value == split_suffix(secret).0) {
        None => Err(Refusal::WrongSecret(application.id)),
        Some(known) if known.expired => Err(Refusal::ExpiredSecret(application.id)),
        Some(_) => Ok(()),
    }
}

fn now() -> i64 {
    Timestamp::now().as_second()
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
