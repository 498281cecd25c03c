//! The checks of one relay as it is seen from outside, in the order in which a call meets what they check.

use anyhow::Context as _;
use relay_core::auth::Claims;
use relay_core::doctor::account;
use relay_core::doctor::checkup::Retiring;
use relay_core::doctor::line::{Line, of_token};
use relay_core::doctor::network::{Network, PATIENCE, Page, Words};
use relay_core::endpoint::health;
use relay_core::settings::ProxySettings;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use crate::client;
use crate::relay_client::RelayClient;
use crate::{relays, token::claims_of};

const WORDS: Words = Words {
    name: "check the url in relays.toml, and the name server",
    connection: "check that the relay runs, and firewalls on the way; where there is a proxy, set HTTPS_PROXY",
    tls: "a certificate that is not trusted needs its authority in SSL_CERT_FILE",
};

/// All checks of a relay. What cannot work after a failed one is left out.
pub(super) async fn all(relay: &RelayClient) -> Vec<Line> {
    let url = &relay.called_at;
    let http = match client::builder(url, PATIENCE).tls_info(true).build() {
        Ok(http) => http,
        Err(error) => {
            let advice = "install the system's certificate authorities (package ca-certificates)";
            return vec![Line::fail("tls", error.to_string(), advice)];
        }
    };
    let proxies = match proxies(relay) {
        Ok(proxies) => proxies,
        Err(error) => return vec![Line::fail("proxy", error.to_string(), "correct the variable")],
    };
    let network = Network::new(http, proxies, WORDS);
    let (mut lines, page) = network.reach(url).await;
    let is_reachable = page.is_some() && !lines.iter().any(Line::is_fail);
    lines.extend(page.iter().flat_map(about));
    let token = token(relay).await;
    let is_good = !token.iter().any(Line::is_fail);
    lines.extend(token);
    if is_reachable && is_good {
        lines.extend(health(relay).await);
    }
    lines
}

/// Those of the environment; none for a relay on this machine.
fn proxies(relay: &RelayClient) -> anyhow::Result<ProxySettings> {
    if client::is_local(&relay.called_at) {
        return Ok(ProxySettings::default());
    }
    let module = relay.module.unwrap_or_else(|| relays::RELAYS[0].module());
    Ok(relay.login.settings(module)?.provider.proxies)
}

/// What a relay says of itself.
#[derive(Deserialize)]
struct About {
    name: String,
    version: String,
    #[serde(default)]
    retiring: Vec<Retiring>,
}

/// Whether it is a relay, and what it uses that is about to end.
fn about(page: &Page) -> Vec<Line> {
    let Ok(about) = serde_json::from_slice::<About>(&page.body) else {
        let advice =
            "another server may be there; check url, and the path below which a gateway serves the relay";
        return vec![Line::warn("answer", "the page of a relay was expected at /", advice)];
    };
    let retiring = about.retiring.iter().map(|retiring| retiring.line(jiff::Timestamp::now()));
    let named = Line::ok("answer", format!("{} {}", about.name, about.version));
    std::iter::once(named).chain(retiring).collect()
}

/// The checks that a relay makes of the token, with the key set of the host that the token names.
async fn token(relay: &RelayClient) -> Vec<Line> {
    let token = match relay.token() {
        Ok(Some(token)) => token,
        Ok(None) => {
            let advice = "add token_file, or claims_file with secret_file or key_file, to relays.toml";
            return vec![Line::warn("token", "there is none", advice)];
        }
        Err(error) => {
            return vec![Line::fail("token", format!("{error:#}"), "check what signs it in relays.toml")];
        }
    };
    let Ok(known) = relays::named(relay.kind()) else { return Vec::new() };
    let host = claims_of(&token).and_then(|claims| Some(claims["jwks_host"].as_str()?.to_owned()));
    let given = host.map(|host| {
        let local = Url::parse(&format!("http://{host}")).is_ok_and(|url| client::is_local(&url));
        ("RELAY_AUTH__JWKS_HOSTS".to_owned(), if local { format!("http://{host}") } else { host })
    });
    let origin = relay.url.as_str().trim_end_matches('/').to_owned();
    let unchecked = |why: &str| vec![Line::warn("token", format!("it cannot be checked here: {why}"), "")];
    let settings = match relay.login.settings_with(known.module(), given.into_iter().collect()) {
        Ok(settings) => settings,
        Err(error) => return unchecked(&error.to_string()),
    };
    match (known.relay)().explain(&settings, None, &token, &origin).await {
        Ok(checks) => {
            of_token(&checks, "`relayctl explain` shows every check; `relayctl token` makes a new one")
        }
        Err(error) => unchecked(&error.to_string()),
    }
}

/// One real call to the provider, and what is left of its quotas.
async fn health(relay: &RelayClient) -> Vec<Line> {
    let answer = match relay.ask(health::ENDPOINT, String::new()).await {
        Ok(answer) => answer,
        Err(error) => return vec![Line::fail("health", format!("{error:#}"), "look at the relay's log")],
    };
    let problems = answer.errors.iter();
    let mut lines: Vec<Line> = problems
        .map(|problem| account::unhealthy(problem.is_failure(), &problem.code, &problem.message))
        .collect();
    let data = answer.data.unwrap_or_default();
    if data["status"] == "ok" {
        lines.push(account::healthy());
    }
    let quotas = data["quotas"].as_object().into_iter().flat_map(Map::values);
    lines.extend(quotas.filter_map(account::left));
    lines
}

/// The login from here, with the claims of the token and these settings, and the permissions that it gives.
pub(super) async fn login(relay: &RelayClient, variables: &[(String, String)]) -> Vec<Line> {
    match log_in(relay, variables).await {
        Ok(lines) => lines,
        Err(error) => vec![Line::fail("login", format!("{error:#}"), "correct --set, or leave --login out")],
    }
}

async fn log_in(relay: &RelayClient, variables: &[(String, String)]) -> anyhow::Result<Vec<Line>> {
    let Some(token) = relay.token()? else { return Ok(Vec::new()) };
    let known = relays::named(relay.kind())?;
    let Some(Value::Object(claims)) = claims_of(&token) else { return Ok(Vec::new()) };
    let settings = relay.login.settings_with(known.module(), variables.to_vec()).context("--set")?;
    Ok((known.relay)().log_in(&settings, &Claims::from(claims)).await)
}
