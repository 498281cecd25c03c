//! What the platform's user reads when something fails: [`Error`], with one table of [`Code`]s.
//!
//! An error in an answer is not an HTTP error: the platform shows it beside the data of other modules.
//! Messages are plain words for a person. They never contain a credential or a token.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::observable::{Invalid, Observable};
use crate::text::sanitized;

/// What kind of failure it is, as the platform sees it in `errors[].code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Code(&'static str);

impl Code {
    /// The token, the claims or the provider's credentials are not accepted.
    pub const AUTHORIZATION: Self = Self("authorization error");
    /// The request, or a call made from it, is not well formed.
    pub const INVALID_ARGUMENT: Self = Self("invalid argument");
    /// The provider knows the credentials but does not allow the call.
    pub const PERMISSION_DENIED: Self = Self("permission denied");
    /// A rate limit or a quota of the provider is used up.
    pub const TOO_MANY_REQUESTS: Self = Self("too many requests");
    /// The provider failed (500), or something unforeseen happened.
    pub const UNKNOWN: Self = Self("unknown");
    /// The provider is down for a while (502, 503, 504).
    pub const UNAVAILABLE: Self = Self("unavailable");
    /// No connection could be made, or it was reset.
    pub const CONNECTION: Self = Self("connection error");
    /// The call, or the whole request, ran out of time.
    pub const TIMEOUT: Self = Self("timeout");
    /// The provider's answer cannot be read.
    pub const BAD_RESPONSE: Self = Self("key error");
    /// The provider's answer is larger than its bound, or than the memory for it.
    pub const TOO_LARGE: Self = Self("too large");
    /// Something was left unread, or cut by a bound.
    pub const UNPROCESSED: Self = Self("unprocessed records");
    /// There is nothing at this path.
    pub const NOT_FOUND: Self = Self("not found");
    /// The path is served, but not with this method.
    pub const METHOD_NOT_ALLOWED: Self = Self("method not allowed");
    /// The request body is larger than the relay accepts.
    pub const PAYLOAD_TOO_LARGE: Self = Self("payload too large");
    /// The caller's own token ends within days.
    pub const EXPIRES_SOON: Self = Self("token expires soon");
    /// The watchdog was called without its header.
    pub const HEALTH_CHECK: Self = Self("health check failed");

    /// A code that only one provider's relay uses.
    pub const fn new(text: &'static str) -> Self {
        Self(text)
    }

    /// A code that a replica has written.
    fn read(text: &str) -> Self {
        static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = known.get(text) {
            return Self(text);
        }
        // Texts of the program itself; more than these are not its own.
        if known.len() >= 64 {
            return Self::UNKNOWN;
        }
        let text: &'static str = String::leak(text.to_owned());
        known.insert(text);
        Self(text)
    }

    /// The text that goes into the answer.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// How much of the answer an error spoils, as the platform sees it in `errors[].type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The module is misconfigured or the provider is down.
    Fatal,
    /// A lookup failed.
    Error,
    /// The answer is incomplete.
    Warning,
}

/// One entry of `errors` in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: Code,
    severity: Severity,
    message: Cow<'static, str>,
    /// What identifies it, where failures of one cause have different words, such as times.
    cause: Option<Cow<'static, str>>,
    about: Vec<Observable>,
    /// Whether the request's deadline is the cause; such an error says how many lookups it hit.
    out_of_time: bool,
    /// The check of the token that failed, for the log.
    check: Option<&'static str>,
}

impl Error {
    /// A failure of the severity [`Severity::Fatal`], the usual one of a failed provider call.
    pub fn fatal(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            severity: Severity::Fatal,
            message: message.into(),
            cause: None,
            about: Vec::new(),
            out_of_time: false,
            check: None,
        }
    }

    /// A note that the answer is incomplete.
    pub fn warning(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { severity: Severity::Warning, ..Self::fatal(code, message) }
    }

    /// The token or the credentials in it were refused; `reason` completes `Authorization failed: `.
    pub fn authorization(reason: impl fmt::Display) -> Self {
        Self::fatal(Code::AUTHORIZATION, format!("Authorization failed: {reason}"))
    }

    /// The same failure with another severity.
    #[must_use]
    pub fn with_severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// The same failure with another code.
    #[must_use]
    pub fn with_code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// The same failure with more to say about it, a clause without a full stop.
    ///
    /// ```
    /// # use relay_core::error::{Code, Error};
    /// let error = Error::fatal(Code::UNKNOWN, "The call failed.").with_note("the rest is there");
    /// assert_eq!(error.message(), "The call failed; the rest is there");
    /// ```
    #[must_use]
    pub fn with_note(mut self, note: impl fmt::Display) -> Self {
        for text in self.cause.iter_mut().chain([&mut self.message]) {
            *text = format!("{}; {note}", text.trim_end_matches('.')).into();
        }
        self
    }

    /// Failures of one cause are reported once, whatever their words; of two messages the longer one is kept, since
    /// it says more.
    #[must_use]
    pub(crate) fn with_cause(mut self, cause: impl Into<Cow<'static, str>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The check of the token that failed.
    #[must_use]
    pub(crate) fn of_check(mut self, check: &'static str) -> Self {
        self.check = Some(check);
        self
    }

    /// See [`Error::of_check`].
    pub(crate) fn check(&self) -> Option<&'static str> {
        self.check
    }

    /// The request's deadline came before the work was done.
    pub(crate) fn out_of_time(message: impl Into<Cow<'static, str>>) -> Self {
        Self { out_of_time: true, ..Self::fatal(Code::TIMEOUT, message) }
    }

    /// Adds an observable that the failure concerns. A lookup need not say its own: that is added for it.
    #[must_use]
    pub fn about(mut self, observable: &Observable) -> Self {
        self.about.push(observable.clone());
        self
    }

    /// What kind of failure it is.
    pub fn code(&self) -> Code {
        self.code
    }

    /// How much of the answer it spoils.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The words for the user, without the observables concerned.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The observables concerned, when they are not all of the request's.
    pub fn observables(&self) -> &[Observable] {
        &self.about
    }

    /// What makes two failures one that is reported once.
    fn identity(&self) -> Identity {
        (self.code, self.severity, self.cause.clone().unwrap_or_else(|| self.message.clone()))
    }
}

/// See [`Error::identity`].
type Identity = (Code, Severity, Cow<'static, str>);

/// How many observables an error names before it says how many more there are.
const NAMED: usize = 10;
/// How many characters of an observable's value an error repeats.
const VALUE_LENGTH: usize = 100;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (position, observable) in self.about.iter().take(NAMED).enumerate() {
            f.write_str(if position == 0 { " (concerns " } else { ", " })?;
            write!(f, "{} {}", observable.kind(), sanitized(observable.value(), VALUE_LENGTH))?;
        }
        match self.about.len() {
            0 => Ok(()),
            n if n <= NAMED => f.write_str(")"),
            n => write!(f, " and {} more)", n - NAMED),
        }
    }
}

impl std::error::Error for Error {}

impl From<Invalid> for Error {
    fn from(fault: Invalid) -> Self {
        Self::fatal(Code::INVALID_ARGUMENT, fault.to_string())
    }
}

/// As it is written, between replicas of a relay: the words hold what it concerns.
impl<'de> Deserialize<'de> for Error {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Written {
            r#type: Severity,
            code: String,
            message: String,
        }
        let Written { r#type, code, message } = Written::deserialize(deserializer)?;
        Ok(Self::fatal(Code::read(&code), message).with_severity(r#type))
    }
}

impl Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut out = serializer.serialize_struct("Error", 3)?;
        out.serialize_field("type", &self.severity)?;
        out.serialize_field("code", &self.code)?;
        out.serialize_field("message", &self.to_string())?;
        out.end()
    }
}

/// Errors in the order in which they came, equal ones once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Errors {
    list: Vec<Error>,
    /// By hash, since one request may have tens of thousands of lookups that all fail.
    known: HashMap<Identity, Known>,
}

/// An error in the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    position: usize,
    about: HashSet<Observable>,
}

impl Errors {
    /// Adds an error; where an equal one is there already, only the observables concerned.
    pub fn add(&mut self, mut error: Error) {
        let about = std::mem::take(&mut error.about);
        let position = self.list.len();
        let known =
            self.known.entry(error.identity()).or_insert_with(|| Known { position, about: HashSet::new() });
        if known.position == position {
            self.list.push(error);
        } else if error.message.len() > self.list[known.position].message.len() {
            let kept = &mut self.list[known.position];
            (kept.message, kept.cause) = (error.message, error.cause);
        }
        let reported = &mut self.list[known.position].about;
        reported.extend(about.into_iter().filter(|observable| known.about.insert(observable.clone())));
    }

    /// Adds the errors of one lookup, saying which observable they concern.
    pub(crate) fn add_lookup(&mut self, errors: Errors, observable: &Observable) {
        for mut error in errors {
            if error.about.is_empty() {
                error.about.push(observable.clone());
            }
            self.add(error);
        }
    }

    /// Once all lookups are in: leaves the observables out of errors that concern all `asked` of them, and
    /// counts the lookups that the deadline cut off.
    pub(crate) fn finalize(&mut self, asked: usize) {
        for error in &mut self.list {
            if error.out_of_time && !error.about.is_empty() {
                let hit = error.about.len();
                error.message = format!("{}; {hit} of {asked} lookups did not finish", error.message).into();
            }
            if error.about.len() >= asked {
                error.about.clear();
            }
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many different ones there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The errors in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Error> {
        self.list.iter()
    }
}

impl From<Error> for Errors {
    fn from(error: Error) -> Self {
        let mut errors = Self::default();
        errors.add(error);
        errors
    }
}

impl IntoIterator for Errors {
    type Item = Error;
    type IntoIter = std::vec::IntoIter<Error>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

impl Extend<Error> for Errors {
    fn extend<T: IntoIterator<Item = Error>>(&mut self, errors: T) {
        errors.into_iter().for_each(|error| self.add(error));
    }
}

impl Serialize for Errors {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.list.serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
