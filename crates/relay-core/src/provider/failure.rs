//! Why a provider call gave no answer, and what the user reads by default.

use std::time::Duration;

use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::breaker;
use super::limit::QuotaUsedUp;
use super::oauth::LoginRejection;
use crate::error::{Code, Error, Severity};
use crate::text::{sanitized, seconds};

/// Why a call gave no usable answer.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The provider answered with a status other than 2xx, after the retries.
    Rejected(Rejection),
    /// The login service refused the credentials.
    Login(LoginRejection),
    /// A successful answer that cannot be read; the text completes "the provider …: ".
    Unreadable(String),
    /// A successful answer that is too large; the text is a clause that says for what and what to do.
    TooLarge(String),
    /// The call was not made: the platform request holds as much of earlier answers as it may.
    NoMemory,
    /// The call was not made, since it cannot be put into an HTTP request; the error says why.
    NotSent(Error),
    /// The provider's certificate is not accepted; the text is the reason.
    Certificate(String),
    /// No connection could be made, so nothing was sent; the text says why.
    Unreachable(String),
    /// The connection broke; the text says what happened.
    Connection(String),
    /// The provider gave no answer within the time for one call.
    Timeout(Duration),
    /// The call was not made: those before it failed in a row because the host is down, the last one like this.
    Down(Box<Failure>),
    /// The call was not made: the provider's quota, which the relay keeps, has no place for it in time.
    Quota(QuotaUsedUp),
    /// The request's deadline came; the error says so.
    Deadline(Error),
    /// An earlier failure stopped calls of this kind; the error is that failure's.
    Stopped(Error),
}

/// An answer with a status other than 2xx.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// The HTTP status.
    pub status: u16,
    /// The beginning of the body, which may be of any form or empty.
    pub body: Bytes,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
}

/// How much of a rejection's body is kept.
pub(super) const REJECTION_BYTES: usize = 64 * 1024;
/// How the standard library begins the message of a name that does not resolve, on every platform.
const UNKNOWN_HOST: &str = "failed to lookup address information";
/// A shorter text is no provider's secret, and would be struck out of ordinary words.
const SHORTEST_SECRET: usize = 6;
/// How much of a provider's own words an error repeats, in characters.
const WORDS: usize = 500;

impl Rejection {
    /// The text at the first of these JSON pointers that holds one, trimmed and bounded.
    pub fn text_at(&self, pointers: &[&str]) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        pointers.iter().find_map(|pointer| words(body.pointer(pointer)?.as_str()?))
    }

    /// The whole body where it is text and not a page of markup, trimmed and bounded.
    pub fn plain_text(&self) -> Option<String> {
        let text = std::str::from_utf8(&self.body).ok()?;
        words(text).filter(|text| !text.starts_with(['<', '{', '[']))
    }

    /// Whether the body is a page of markup, such as a gateway before the API answers with.
    pub fn is_page(&self) -> bool {
        self.body.trim_ascii_start().starts_with(b"<")
    }

    /// What to say of a body that is a page of markup, which is never passed on: that it is one, and its title.
    pub fn page(&self) -> Option<String> {
        if !self.is_page() {
            return None;
        }
        let text = String::from_utf8_lossy(&self.body);
        let lower = text.to_ascii_lowercase();
        let title = lower.find("<title").and_then(|tag| {
            let start = tag + lower[tag..].find('>')? + 1;
            let end = start + lower[start..].find('<')?;
            words(&text[start..end])
        });
        Some(match title {
            Some(title) => format!("an HTML page (title `{title}`)"),
            None => "an HTML page".to_owned(),
        })
    }

    /// What there is to say of a refusal without words of the provider: its status, and that its body is a page.
    pub fn described(&self) -> String {
        match self.page() {
            Some(page) => format!("{page}, {}", self.reason()),
            None => self.reason(),
        }
    }

    /// What the status is called, for messages without words of the provider.
    pub fn reason(&self) -> String {
        let reason =
            reqwest::StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason());
        format!("status {}{}", self.status, reason.map(|text| format!(" ({text})")).unwrap_or_default())
    }
}

fn words(text: &str) -> Option<String> {
    // Control characters alone say nothing, and would be shown as spaces.
    let text = text.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    (!text.is_empty()).then(|| sanitized(text, WORDS))
}

impl Failure {
    /// The HTTP status where the provider answered with one that is not 2xx.
    pub fn status(&self) -> Option<u16> {
        self.rejection().map(|rejection| rejection.status)
    }

    /// The provider's refusal, also of the calls that failed before this one was not made.
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            Self::Down(last) => last.rejection(),
            _ => None,
        }
    }

    /// Whether no connection could be made because the host's name does not resolve: more likely a host that
    /// is no more than a fault that passes.
    pub fn is_unknown_host(&self) -> bool {
        match self {
            Self::Unreachable(problem) => problem.contains(UNKNOWN_HOST),
            Self::Down(last) => last.is_unknown_host(),
            _ => false,
        }
    }

    /// Whether it says that the host is down, and not only this call.
    pub(super) fn is_down(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Timeout(_) => true,
            Self::Rejected(rejection) => matches!(rejection.status, 502..=504),
            _ => false,
        }
    }

    /// Whether the host answered, though not as it should.
    pub(super) fn is_answer(&self) -> bool {
        matches!(self, Self::Rejected(_) | Self::Unreadable(_) | Self::TooLarge(_)) && !self.is_down()
    }

    /// Whether the cause lies in the platform request that made the call, so that it says nothing to others
    /// who wait for the same call.
    pub(super) fn is_the_requests(&self) -> bool {
        matches!(self, Self::Quota(_) | Self::NoMemory | Self::Deadline(_) | Self::Stopped(_))
    }

    /// The same failure, its words without a secret of the call that the provider repeats.
    pub(super) fn without(self, secret: &SecretString) -> Self {
        match self {
            Self::Rejected(mut rejection) if secret.expose_secret().len() >= SHORTEST_SECRET => {
                rejection.body = struck(rejection.body, secret.expose_secret());
                Self::Rejected(rejection)
            }
            other => other,
        }
    }

    /// The error for the user where a relay has nothing special to say. `provider` is the provider's name,
    /// `words` what it says itself about a rejection.
    pub fn to_error(&self, provider: &str, words: Option<&str>) -> Error {
        match self {
            Self::Rejected(rejection) => {
                let said = words.map_or_else(|| rejection.described(), str::to_owned);
                rejected(rejection.status, provider, &said)
            }
            Self::Login(login) => login.to_error(provider),
            Self::Unreadable(problem) => {
                Error::fatal(Code::BAD_RESPONSE, format!("{provider} sent what cannot be read: {problem}"))
            }
            Self::TooLarge(problem) => Error::fatal(
                Code::TOO_LARGE,
                format!("{provider} sent too much: {problem}"),
            ),
            Self::NoMemory => Error::fatal(
                Code::TOO_LARGE,
                "The relay holds as many answers for this request as it may (RELAY_ANSWER_MEMORY), so further calls \
                 were left out; ask for fewer observables at once or try again later",
            )
            .with_severity(Severity::Error),
            Self::Certificate(reason) => {
                Error::fatal(Code::UNKNOWN, format!("Unable to verify SSL certificate: {reason}"))
            }
            Self::Unreachable(problem) | Self::Connection(problem) => {
                Error::fatal(Code::CONNECTION, format!("No connection to {provider}: {problem}"))
            }
            Self::Timeout(limit) => {
                Error::fatal(Code::TIMEOUT, format!("{provider} gave no answer within {limit:?}"))
            }
            Self::Down(last) => while_down(last.to_error(provider, words)),
            Self::Quota(used_up) => used_up.to_error(provider),
            Self::NotSent(error) | Self::Deadline(error) | Self::Stopped(error) => error.clone(),
        }
    }

    /// What the failure is called in metrics and logs; from a fixed set.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Rejected(rejection) => match rejection.status {
                401 => "status_401",
                403 => "status_403",
                404 => "status_404",
                429 => "status_429",
                400..=499 => "status_4xx",
                500..=599 => "status_5xx",
                _ => "status_other",
            },
            Self::Login(_) => "login",
            Self::Unreadable(_) => "unreadable",
            Self::TooLarge(_) => "too_large",
            Self::NoMemory => "memory",
            Self::NotSent(_) => "not_sent",
            Self::Certificate(_) => "certificate",
            Self::Unreachable(_) | Self::Connection(_) => "connection",
            Self::Timeout(_) => "timeout",
            Self::Down(_) => "down",
            Self::Quota(_) => "quota",
            Self::Deadline(_) => "deadline",
            Self::Stopped(_) => "stopped",
        }
    }
}

/// The error of a call that was not made because others failed with this one.
pub(crate) fn while_down(last: Error) -> Error {
    let cause = last.message().to_owned();
    let pause = seconds(breaker::PAUSE);
    last.with_note(format_args!(
        "after {} such failures in a row no call is made for {pause}",
        breaker::IN_A_ROW
    ))
    .with_cause(cause)
}

impl QuotaUsedUp {
    fn to_error(&self, provider: &str) -> Error {
        let Self { quota, free_in, free_at } = self;
        let cause = match quota {
            Some(quota) => {
                format!(
                    "{provider} sets a quota of {quota}, which this relay keeps: calls beyond it were left out"
                )
            }
            None => {
                format!("{provider} asked for a pause, which this relay keeps: calls within it were left out")
            }
        };
        let (wait, clock) = (seconds(*free_in), free_at.strftime("%H:%M:%S"));
        Error::fatal(Code::TOO_MANY_REQUESTS, format!("{cause}; there is room again in {wait} ({clock} UTC)"))
            .with_severity(Severity::Error)
            .with_cause(cause)
    }
}

/// What stands for a secret.
const STRUCK: &str = "[secret]";

/// The body of a rejection without a secret, also where JSON writes it with escapes.
fn struck(mut body: Bytes, secret: &str) -> Bytes {
    if let Ok(mut json) = serde_json::from_slice(&body)
        && strike(&mut json, secret)
    {
        body = json.to_string().into();
    }
    let text = String::from_utf8_lossy(&body);
    if text.contains(secret) { text.replace(secret, STRUCK).into() } else { body }
}

/// Strikes a secret out of all texts; says whether it was in one.
fn strike(json: &mut Value, secret: &str) -> bool {
    match json {
        Value::String(text) if text.contains(secret) => {
            *text = text.replace(secret, STRUCK);
            true
        }
        // Not `any`, which would leave the texts after the first one found.
        Value::Array(items) => items.iter_mut().fold(false, |found, item| strike(item, secret) | found),
        Value::Object(fields) => fields.values_mut().fold(false, |found, item| strike(item, secret) | found),
        _ => false,
    }
}

/// The table of statuses.
fn rejected(status: u16, provider: &str, said: &str) -> Error {
    match status {
        400 => {
            Error::fatal(Code::INVALID_ARGUMENT, format!("{provider} does not accept the request: {said}"))
        }
        401 => Error::authorization(format!("{provider} refused the credentials: {said}")),
        403 => Error::fatal(Code::PERMISSION_DENIED, format!("{provider} does not permit the call: {said}")),
        404 => Error::fatal(Code::NOT_FOUND, format!("{provider} has nothing at this address: {said}")),
        429 => Error::fatal(Code::TOO_MANY_REQUESTS, format!("{provider} allows no more calls now: {said}")),
        502..=504 => Error::fatal(Code::UNAVAILABLE, format!("{provider} is not available: {said}")),
        _ => Error::fatal(Code::UNKNOWN, format!("{provider} failed: {said}")),
    }
}

#[cfg(test)]
mod tests;
