//! The checks of one relay, in the order in which a call meets what they check.

use std::error::Error;
use std::time::Duration;

use jiff::Timestamp;
use relay_core::auth;
use relay_core::endpoint::health;
use relay_core::settings::{Environment, Settings};
use reqwest::tls::TlsInfo;
use serde_json::Value;
use url::{Host, Url};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::{Line, Outcome};
use crate::client;
use crate::relay_client::RelayClient;
use crate::{relays, token::claims_of};

/// Longest wait for one step.
const PATIENCE: Duration = Duration::from_secs(10);
/// Days before its end at which a certificate should be renewed.
const RENEW: i64 = 21;
/// Seconds that two clocks may be apart: tokens that are signed here get as much.
const LEEWAY: i64 = 60;

impl Line {
    fn new(check: &'static str, outcome: Outcome, detail: impl Into<String>, advice: &'static str) -> Self {
        let advice = if outcome == Outcome::Ok { "" } else { advice };
        Self { check, outcome, detail: detail.into(), advice }
    }
}

/// All checks of a relay. What cannot work after a failed one is left out.
pub(super) async fn all(relay: &RelayClient) -> Vec<Line> {
    let mut lines = Vec::new();
    let url = &relay.called_at;
    if let Some(proxy) = proxy(url) {
        lines.push(Line::new("proxy", Outcome::Ok, format!("calls go through {proxy}"), ""));
    } else {
        lines.push(name(url).await);
        if lines[0].outcome != Outcome::Fail {
            lines.push(connection(url).await);
        }
    }
    if lines.iter().all(|line| line.outcome != Outcome::Fail) {
        page(url, &mut lines).await;
    }
    token(relay, &mut lines).await;
    if lines.iter().all(|line| line.outcome != Outcome::Fail) {
        health(relay, &mut lines).await;
    }
    lines
}

/// The proxy that a call uses, without its credentials.
fn proxy(url: &Url) -> Option<String> {
    if client::is_local(url) {
        return None;
    }
    let names: &[&str] =
        if url.scheme() == "https" { &["HTTPS_PROXY", "https_proxy"] } else { &["http_proxy"] };
    let set = names.iter().chain(&["ALL_PROXY", "all_proxy"]).find_map(std::env::var_os)?;
    let proxy = Url::parse(set.to_str()?).ok()?;
    Some(format!("{}://{}", proxy.scheme(), proxy.host_str()?))
}

async fn name(url: &Url) -> Line {
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(443));
    if !matches!(url.host(), Some(Host::Domain(_))) {
        return Line::new("name", Outcome::Ok, format!("{host} is an address"), "");
    }
    match tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(addresses)) => {
            let addresses: Vec<String> = addresses.map(|address| address.ip().to_string()).collect();
            Line::new("name", Outcome::Ok, format!("{host} is {}", addresses.join(", ")), "")
        }
        Ok(Err(error)) => {
            let advice = "check the url in relays.toml, and the name server";
            Line::new("name", Outcome::Fail, format!("{host}: {error}"), advice)
        }
        Err(_) => Line::new("name", Outcome::Fail, format!("{host}: no answer"), "check the name server"),
    }
}

async fn connection(url: &Url) -> Line {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    let advice =
        "check that the relay runs, and firewalls on the way; where there is a proxy, set HTTPS_PROXY";
    match tokio::time::timeout(PATIENCE, tokio::net::TcpStream::connect((host, port))).await {
        Ok(Ok(stream)) => {
            let to = stream.peer_addr().map(|address| address.to_string()).unwrap_or_default();
            Line::new("connection", Outcome::Ok, format!("connected to {to}"), "")
        }
        Ok(Err(error)) => Line::new("connection", Outcome::Fail, format!("port {port}: {error}"), advice),
        Err(_) => Line::new("connection", Outcome::Fail, format!("port {port}: no answer"), advice),
    }
}

/// Certificate, clock, and whether it is a relay, by its own page.
async fn page(url: &Url, lines: &mut Vec<Line>) {
    let answer = match client::builder(url, PATIENCE).tls_info(true).build() {
        Ok(http) => http.get(url.clone()).send().await,
        Err(error) => Err(error),
    };
    let response = match answer {
        Ok(response) => response,
        Err(error) => {
            let mut cause: &dyn Error = &error;
            while let Some(deeper) = cause.source() {
                cause = deeper;
            }
            let advice = "a certificate that is not trusted needs its authority in SSL_CERT_FILE";
            return lines.push(Line::new("answer", Outcome::Fail, cause.to_string(), advice));
        }
    };
    let certificate = response.extensions().get::<TlsInfo>().and_then(|info| info.peer_certificate());
    if let Some(certificate) = certificate {
        lines.push(certificate_line(certificate));
    }
    let date = response.headers().get("date").and_then(|date| date.to_str().ok()).map(str::to_owned);
    lines.extend(date.and_then(|date| clock(&date, Timestamp::now())));
    let about = response.bytes().await.ok().and_then(|body| serde_json::from_slice::<Value>(&body).ok());
    let named = about.as_ref().and_then(|about| Some((about["name"].as_str()?, about["version"].as_str()?)));
    let advice =
        "another server may be there; check url, and the path below which a gateway serves the relay";
    let nobody = || Line::new("answer", Outcome::Warn, "the page of a relay was expected at /", advice);
    let relay =
        |(name, version): (&str, &str)| Line::new("answer", Outcome::Ok, format!("{name} {version}"), "");
    lines.push(named.map_or_else(nobody, relay));
}

fn certificate_line(certificate: &[u8]) -> Line {
    let Ok(read) = Certificate::from_der(certificate) else {
        return Line::new("certificate", Outcome::Warn, "it cannot be read", "");
    };
    let read = read.tbs_certificate();
    let ends = i64::try_from(read.validity().not_after.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    let days = (ends - Timestamp::now().as_second()) / 86400;
    let outcome = if days < RENEW { Outcome::Warn } else { Outcome::Ok };
    let detail = format!("trusted, {days} days left, issued by {}", read.issuer());
    Line::new("certificate", outcome, detail, "renew it; an automatic renewal should have done so by now")
}

/// The clock here against the server's.
fn clock(date: &str, now: Timestamp) -> Option<Line> {
    let date = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    let apart = (now.as_second() - date.as_second()).abs();
    let outcome = match apart {
        ..LEEWAY => Outcome::Ok,
        _ => Outcome::Fail,
    };
    let advice = "tokens would be too old or not valid yet; synchronize both clocks (NTP)";
    Some(Line::new("clock", outcome, format!("{apart} s apart"), advice))
}

/// The checks that a relay makes of the token, with the key set of the host that the token names.
async fn token(relay: &RelayClient, lines: &mut Vec<Line>) {
    let token = match relay.token() {
        Ok(Some(token)) => token,
        Ok(None) => {
            let advice = "add token_file, or claims_file with secret_file or key_file, to relays.toml";
            return lines.push(Line::new("token", Outcome::Warn, "there is none", advice));
        }
        Err(error) => return lines.push(Line::new("token", Outcome::Fail, format!("{error:#}"), "")),
    };
    let Ok(known) = relays::named(relay.kind()) else { return };
    let host = claims_of(&token).and_then(|claims| Some(claims["jwks_host"].as_str()?.to_owned()));
    let given = host.map(|host| {
        let local = Url::parse(&format!("http://{host}")).is_ok_and(|url| client::is_local(&url));
        ("RELAY_AUTH__JWKS_HOSTS", if local { format!("http://{host}") } else { host })
    });
    let origin = relay.url.as_str().trim_end_matches('/').to_owned();
    let Ok(settings) = Settings::load(known.module(), Environment::of(given).with_proxies_of_process())
    else {
        return;
    };
    let Ok(checks) = (known.relay)().explain(&settings.settings, None, &token, &origin).await else {
        return lines.push(Line::new("token", Outcome::Warn, "it cannot be checked here", ""));
    };
    let failed: Vec<_> = checks.iter().filter(|check| check.outcome == auth::Outcome::Failed).collect();
    for check in &failed {
        let advice = "`relayctl explain` shows every check; `relayctl token` makes a new one";
        lines.push(Line::new("token", Outcome::Fail, format!("{}: {}", check.name, check.detail), advice));
    }
    if failed.is_empty() {
        lines.push(Line::new(
            "token",
            Outcome::Ok,
            "the relay's checks pass, as far as they can be made here",
            "",
        ));
    }
}

/// One real call to the provider, and what is left of its quotas.
async fn health(relay: &RelayClient, lines: &mut Vec<Line>) {
    let answer = match relay.ask(health::ENDPOINT, String::new()).await {
        Ok(answer) => answer,
        Err(error) => return lines.push(Line::new("health", Outcome::Fail, format!("{error:#}"), "")),
    };
    for problem in &answer.errors {
        let outcome = if problem.is_failure() { Outcome::Fail } else { Outcome::Warn };
        let advice = "the message is the provider's or the relay's; its README says what the account needs";
        lines.push(Line::new("health", outcome, format!("{}: {}", problem.code, problem.message), advice));
    }
    let data = answer.data.unwrap_or_default();
    if data["status"] == "ok" {
        lines.push(Line::new("health", Outcome::Ok, "the provider accepts the credentials", ""));
    }
    for quota in data["quotas"].as_object().into_iter().flat_map(serde_json::Map::values) {
        let number = |name: &str| quota["values"][name].as_f64().unwrap_or_default();
        let (used, all) = (number("current_bucket_consumption"), number("bucket_limit"));
        let outcome = if used >= all * 0.9 { Outcome::Warn } else { Outcome::Ok };
        let description = quota["description"].as_str().unwrap_or("quota");
        let detail = format!("{description}: {used} of {all} used");
        lines.push(Line::new("quota", outcome, detail, "little is left until the period ends"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_minutes_apart_fail() {
        let now: Timestamp = "2026-11-26T15:07:30Z".parse().unwrap();
        let line = |date: &str| clock(date, now).map(|line| (line.outcome, line.detail));
        assert_eq!(line("Thu, 26 Nov 2026 15:07:10 GMT"), Some((Outcome::Ok, "20 s apart".to_owned())));
        assert_eq!(line("Thu, 26 Nov 2026 15:10:30 GMT"), Some((Outcome::Fail, "180 s apart".to_owned())));
        assert_eq!(line("yesterday"), None);
    }
}
