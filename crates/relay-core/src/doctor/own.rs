//! The checks of a relay with its own settings, as its start reads them.

use std::collections::HashSet;

use futures::future::join_all;

use super::checkup::Grant;
use super::line::{Line, Outcome, of_token};
use super::network::{Network, Words};
use super::{account, keys};
use crate::auth::{self, ClaimError, Claims};
use crate::call::{Call, Priority};
use crate::capability::Provider;
use crate::host::Host;
use crate::provider::HttpClients;
use crate::settings::{Settings, SettingsError};

/// What the relay logs in with.
pub(crate) enum Given<'a> {
    /// Nothing: the login is left out.
    Nothing,
    /// A token, as the platform sends it.
    Token(&'a str),
    /// Claims without a token.
    Claims(&'a Claims),
}

const WORDS: Words = Words {
    name: "check the host in the relay's settings, and the name server",
    connection: "check the address in the relay's settings, and firewalls on the way; where there is a proxy, set HTTPS_PROXY",
    tls: "a certificate authority of your own (a proxy that inspects TLS has one) belongs into RELAY_PROVIDER__CA_FILE",
};
const CORRECT: &str = "correct the setting; --help lists all of them";

/// All checks of a relay.
pub(crate) async fn own<P: Provider>(settings: &Settings, unknown: &[String], given: Given<'_>) -> Vec<Line> {
    match examined::<P>(settings, unknown, given).await {
        Ok(lines) => lines,
        Err(error) => vec![unusable(&error)],
    }
}

/// A setting with which the relay does not start.
pub(crate) fn unusable(error: &SettingsError) -> Line {
    Line::fail("settings", error.to_string(), CORRECT)
}

async fn examined<P: Provider>(
    settings: &Settings,
    unknown: &[String],
    given: Given<'_>,
) -> Result<Vec<Line>, SettingsError> {
    let module = const { &P::MODULE };
    let (host, client) = Host::new(module, P::MAX_CONCURRENCY, settings)?;
    let provider = P::start(&settings.provider, client)?;
    let checkup = provider.checkup();
    let http = HttpClients::inspecting(module, &settings.provider)?;
    let network = Network::new(http, settings.provider.proxies.clone(), WORDS);

    let of_tokens = host.auth.warnings(&settings.auth).into_iter().map(str::to_owned);
    let warnings: Vec<String> = of_tokens.chain(settings.warnings()).collect();
    let mut lines = of_settings(unknown, &warnings);
    let ways = join_all(origins(&checkup.addresses).map(|url| network.reach(url))).await;
    lines.extend(ways.into_iter().flat_map(|(lines, _)| lines));
    let is_reachable = !lines.iter().any(Line::is_fail);
    lines.extend(
        join_all(settings.auth.jwks_hosts.iter().map(|entry| keys::host(&network, entry))).await.concat(),
    );
    if let Some(store) = host.store() {
        lines.push(match store.probe().await {
            Ok(took) => Line::ok("store", format!("{} answers in {} ms", store.place(), took.as_millis())),
            Err(kind) => {
                let advice = "until it answers, each replica keeps quotas, triggers and answers to itself: check \
                              RELAY_SHARED__URL, the password, and firewalls on the way";
                Line::fail("store", format!("{}: {kind}", store.place()), advice)
            }
        });
    }
    lines.extend(checkup.retiring.iter().map(|retiring| retiring.line(settings.clock.now())));
    let claims = match given {
        Given::Nothing => None,
        Given::Claims(claims) => Some(claims.clone()),
        Given::Token(token) => {
            let (checked, claims) = of_given_token(&provider, settings, token).await?;
            lines.extend(checked);
            claims
        }
    };
    if let Some(claims) = claims.filter(|_| is_reachable) {
        lines.extend(logged_in(&host, &provider, &claims).await);
    }
    Ok(once(lines))
}

fn of_settings(unknown: &[String], warnings: &[String]) -> Vec<Line> {
    let unknown = unknown.iter().map(|name| Line::warn("settings", name, CORRECT));
    let warned = warnings.iter().map(|warning| Line::warn("settings", warning, "set it as the README says"));
    let mut lines: Vec<Line> = unknown.chain(warned).collect();
    if lines.is_empty() {
        lines.push(Line::ok("settings", "the relay starts with them"));
    }
    lines
}

/// The addresses, one of each server.
fn origins(addresses: &[url::Url]) -> impl Iterator<Item = &url::Url> {
    let mut seen = HashSet::new();
    addresses.iter().filter(move |url| seen.insert(url.origin()))
}

/// Each line once: several addresses may lie behind one proxy.
fn once(lines: Vec<Line>) -> Vec<Line> {
    let mut kept: Vec<Line> = Vec::new();
    for line in lines {
        if !kept.contains(&line) {
            kept.push(line);
        }
    }
    kept
}

/// The checks of a token, and its claims where it passes.
async fn of_given_token<P: Provider>(
    provider: &P,
    settings: &Settings,
    token: &str,
) -> Result<(Vec<Line>, Option<Claims>), SettingsError> {
    const ADVICE: &str = "the platform's module or `relayctl token` makes a token that fits; \
                          `relayctl explain` shows every check";
    let unverified = auth::unverified(token);
    // Without the setting the request's host decides, which the platform calls as the token says.
    let named = || unverified.as_ref().and_then(|claims| claims.text("aud").map(str::to_owned));
    let origin = settings.auth.audience.first().cloned().or_else(named).unwrap_or_default();
    let readable = |claims: &Claims| provider.credentials(claims).map(drop);
    let checks = auth::explain(const { &P::MODULE }, &readable, settings, None, token, &origin).await?;
    let lines = of_token(&checks, ADVICE);
    let passed = lines.iter().all(|line| line.outcome == Outcome::Ok);
    Ok((lines, unverified.filter(|_| passed)))
}

/// The login with the roles that it gives, one real call, and quotas.
async fn logged_in<P: Provider>(host: &Host, provider: &P, claims: &Claims) -> Vec<Line> {
    let call = match provider.credentials(claims) {
        Ok(credentials) => host.call_of::<P>(credentials, claims, Priority::Health),
        Err(error) => return vec![unreadable(&error)],
    };
    let mut lines = granted(provider, &call).await;
    if !lines.iter().any(|line| line.check == "login" && line.is_fail()) {
        lines.extend(account::health(provider.health_with_quotas(&call).await));
    }
    lines
}

fn unreadable(error: &ClaimError) -> Line {
    Line::fail("claims", error.to_string(), "correct the claim in the module's settings")
}

async fn granted<P: Provider>(provider: &P, call: &Call<P::Credentials>) -> Vec<Line> {
    provider.grants(call).await.iter().flat_map(Grant::lines).collect()
}

/// The login alone, with the permissions that it gives.
pub(crate) async fn login<P: Provider>(settings: &Settings, claims: &Claims) -> Vec<Line> {
    let started = Host::new(const { &P::MODULE }, P::MAX_CONCURRENCY, settings)
        .and_then(|(host, client)| P::start(&settings.provider, client).map(|provider| (host, provider)));
    let (host, provider) = match started {
        Ok(started) => started,
        Err(error) => return vec![unusable(&error)],
    };
    match provider.credentials(claims) {
        Ok(credentials) => {
            granted(&provider, &host.call_of::<P>(credentials, claims, Priority::Health)).await
        }
        Err(error) => vec![unreadable(&error)],
    }
}
