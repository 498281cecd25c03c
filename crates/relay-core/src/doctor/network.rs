//! The way to a server, step by step: its name, a connection or the proxy, its certificate, its clock.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap};
use reqwest::tls::TlsInfo;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use url::{Host, Url};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::line::Line;
use crate::provider::{describe_via, read_capped, untrusted};
use crate::settings::ProxySettings;

/// Longest wait for one step.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Days before its end at which a certificate should be renewed.
const RENEW: i64 = 21;
/// Seconds that two clocks may be apart.
const LEEWAY: u64 = 60;
/// Most bytes that are read of a page.
const MAX_BYTES: usize = 256 * 1024;

/// Makes the checks.
pub struct Network {
    /// What calls are made by. It must keep what is known of a connection's certificate.
    http: reqwest::Client,
    /// Which calls go through a proxy.
    proxies: ProxySettings,
    words: Words,
}

/// What to do where a step fails, in the words of who asks.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// The name is not known.
    pub name: &'static str,
    /// Nothing listens, or a firewall is in between.
    pub connection: &'static str,
    /// The certificate is not trusted.
    pub tls: &'static str,
}

/// An answer, whatever it says.
pub struct Page {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// The beginning of its body; empty where that cannot be read.
    pub body: Vec<u8>,
}

impl Network {
    /// Checks by calls of this client, which uses these proxies.
    pub fn new(http: reqwest::Client, proxies: ProxySettings, words: Words) -> Self {
        Self { http, proxies, words }
    }

    /// The way to a page, and the page if there is one. What cannot work after a failed step is left out.
    pub async fn reach(&self, url: &Url) -> (Vec<Line>, Option<Page>) {
        let mut lines = Vec::new();
        if let Some(proxy) = self.proxies.of(url) {
            lines.push(through(proxy, url).await);
        } else {
            lines.push(self.name(url).await);
            if !lines[0].is_fail() {
                lines.push(self.connection(url).await);
            }
        }
        if lines.iter().any(Line::is_fail) {
            return (lines, None);
        }
        let page = self.page(url, &mut lines).await;
        (lines, page)
    }

    async fn name(&self, url: &Url) -> Line {
        let (host, port) = place(url);
        if !matches!(url.host(), Some(Host::Domain(_))) {
            return Line::ok("name", format!("{host} is an address"));
        }
        match timeout(PATIENCE, lookup_host((host.as_str(), port))).await {
            Ok(Ok(addresses)) => {
                let addresses: Vec<String> = addresses.map(|address| address.ip().to_string()).collect();
                Line::ok("name", format!("{host} is {}", addresses.join(", ")))
            }
            Ok(Err(error)) => Line::fail("name", format!("{host}: {error}"), self.words.name),
            Err(_) => Line::fail("name", format!("{host}: no answer"), self.words.name),
        }
    }

    async fn connection(&self, url: &Url) -> Line {
        match connected(url).await {
            Ok(to) => Line::ok("connection", format!("connected to {to}")),
            Err(problem) => Line::fail("connection", problem, self.words.connection),
        }
    }

    /// Certificate and clock, by one request without credentials.
    async fn page(&self, url: &Url, lines: &mut Vec<Line>) -> Option<Page> {
        let (host, _) = place(url);
        let response = match timeout(PATIENCE, self.http.get(url.clone()).send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                lines.push(match untrusted(&error) {
                    Some(reason) => Line::fail("tls", format!("{host}: {reason}"), self.words.tls),
                    None => Line::fail("answer", describe_via(&error, &self.proxies), self.words.connection),
                });
                return None;
            }
            Err(_) => {
                lines.push(Line::fail("answer", format!("{host} gives no answer"), self.words.connection));
                return None;
            }
        };
        let certificate = response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
        lines.extend(certificate.map(|certificate| of_certificate(&host, certificate, Timestamp::now())));
        let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
        lines.extend(date.and_then(|date| clock(&host, date, Timestamp::now())));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = timeout(PATIENCE, read_capped(response, MAX_BYTES)).await;
        let body = body.ok().and_then(Result::ok).map(Vec::from).unwrap_or_default();
        Some(Page { status, headers, body })
    }
}

/// Host and port, as connections are made to them.
fn place(url: &Url) -> (String, u16) {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    (host, url.port_or_known_default().unwrap_or(443))
}

/// Whom a connection reaches.
async fn connected(url: &Url) -> Result<String, String> {
    let (host, port) = place(url);
    match timeout(PATIENCE, TcpStream::connect((host.as_str(), port))).await {
        Ok(Ok(stream)) => Ok(stream.peer_addr().map(|address| address.to_string()).unwrap_or_default()),
        Ok(Err(error)) => Err(format!("{host} port {port}: {error}")),
        Err(_) => Err(format!("{host} port {port}: no answer")),
    }
}

/// The proxy that calls to a server go through.
async fn through(proxy: &str, url: &Url) -> Line {
    const ADVICE: &str = "check HTTPS_PROXY (HTTP_PROXY, ALL_PROXY) and the proxy; a host that is reached without \
                          it belongs into NO_PROXY";
    let Ok(address) = Url::parse(proxy) else {
        return Line::fail("proxy", format!("{proxy} is no URL"), ADVICE);
    };
    match connected(&address).await {
        Ok(_) => Line::ok("proxy", format!("calls to {} go through {proxy}", place(url).0)),
        Err(problem) => Line::fail("proxy", problem, ADVICE),
    }
}

fn of_certificate(host: &str, certificate: &[u8], now: Timestamp) -> Line {
    let Ok(read) = Certificate::from_der(certificate) else {
        return Line::warn(
            "tls",
            format!("{host}: the certificate cannot be read"),
            "look at it with openssl",
        );
    };
    let read = read.tbs_certificate();
    let ends = i64::try_from(read.validity().not_after.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    let days = (ends - now.as_second()) / 86400;
    let detail = format!("{host}: trusted, {days} days left, issued by {}", read.issuer());
    if days < RENEW {
        let advice =
            "have the operator of the server renew it; an automatic renewal should have done so by now";
        return Line::warn("tls", detail, advice);
    }
    Line::ok("tls", detail)
}

/// The clock here against the server's.
fn clock(host: &str, date: &str, now: Timestamp) -> Option<Line> {
    let date = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    let apart = now.as_second().abs_diff(date.as_second());
    let detail = format!("{host}: {apart} s apart");
    Some(if apart < LEEWAY {
        Line::ok("clock", detail)
    } else {
        let advice = "tokens would be too old or not valid yet; synchronize both clocks (NTP)";
        Line::fail("clock", detail, advice)
    })
}

#[cfg(test)]
mod tests {
    use super::super::line::Outcome;
    use super::*;

    #[test]
    fn clocks_that_are_minutes_apart_fail() {
        let now: Timestamp = "2026-11-26T15:07:30Z".parse().expect("a time");
        let line = |date: &str| clock("x", date, now).map(|line| (line.outcome, line.detail));
        let apart = |outcome, seconds: u32| Some((outcome, format!("x: {seconds} s apart")));
        assert_eq!(line("Thu, 26 Nov 2026 15:07:10 GMT"), apart(Outcome::Ok, 20));
        assert_eq!(line("Thu, 26 Nov 2026 15:10:30 GMT"), apart(Outcome::Fail, 180));
        assert_eq!(line("Thu, 26 Nov 2026 14:07:30 GMT"), apart(Outcome::Fail, 3600));
        assert_eq!(line("yesterday"), None);
    }

    #[test]
    fn a_certificate_is_warned_of_in_its_last_weeks() {
        let made = rcgen::generate_simple_self_signed(["relay.example".to_owned()]).expect("a certificate");
        let read = Certificate::from_der(made.cert.der()).expect("it is read");
        let ends = read.tbs_certificate().validity().not_after.to_unix_duration().as_secs();
        let ends = Timestamp::from_second(i64::try_from(ends).expect("a time")).expect("a time");
        let line = |days: i64| {
            let now = ends - jiff::SignedDuration::from_hours(24 * days + 1);
            of_certificate("x", made.cert.der(), now)
        };
        assert_eq!(line(21).outcome, Outcome::Ok);
        assert_eq!(line(20).outcome, Outcome::Warn);
        assert!(line(20).detail.starts_with("x: trusted, 20 days left"), "{}", line(20).detail);
        assert_eq!(of_certificate("x", b"no", ends).outcome, Outcome::Warn);
    }
}
