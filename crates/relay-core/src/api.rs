//! What a provider's failures mean, as data: one [`Api`] per relay, read by the calls that [`Client::api`] makes.
//!
//! A call yields a value, nothing (the provider knows nothing), or an error for the user
//! ([`Request::fetch`]). Everything else happens here, once: which refusals mean "nothing known", which end all
//! further calls of the platform request or those of one kind, and what the user reads.
//!
//! ```
//! use relay_core::api::Api;
//! use relay_core::error::Code;
//!
//! static API: Api = Api {
//!     words: &["/error"],
//!     absent: &[400, 404],
//!     stops: &[401, 429],
//!     stops_kind: &[403],
//!     meaning: &[(402, Code::TOO_MANY_REQUESTS, "The monthly quota of Acme is used up")],
//!     ..Api::new("Acme")
//! };
//! ```

use crate::call::{ALL_CALLS, RequestContext};
use crate::error::{Code, Error};
use crate::provider::{Auth, Client, Failure, Method, Rejection, Request, while_down};
use crate::text::sanitized;
use url::Url;

/// How a provider says why it refuses, and what follows from it.
#[derive(Debug)]
pub struct Api {
    /// The provider as users know it.
    pub title: &'static str,
    /// JSON pointers (RFC 6901) to the provider's own words in the body of a refusal; the first that holds a text
    /// counts. A body of plain text is taken as it is.
    pub words: &'static [&'static str],
    /// JSON pointer to a short code of the provider that is put before its words.
    pub word_code: Option<&'static str>,
    /// How many characters of the provider's words an error repeats.
    pub words_length: usize,
    /// Statuses that mean that nothing is known.
    pub absent: &'static [u16],
    /// Whether an answer that is `{}` means that nothing is known.
    pub empty_is_absent: bool,
    /// Statuses after which no further call of the platform request can succeed. A refused login is always one.
    pub stops: &'static [u16],
    /// Statuses after which no further call of the same kind can succeed ([`Request::kind`]).
    pub stops_kind: &'static [u16],
    /// Code and words of statuses that mean something else than usual; the provider's own words are added, and stand
    /// alone after no words.
    pub meaning: &'static [(u16, Code, &'static str)],
    /// Decides before the tables do, where one status has several meanings.
    pub classify: fn(&Rejection) -> Option<Meaning>,
}

/// What a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The provider knows nothing of what was asked.
    Nothing,
    /// The call failed.
    Failed {
        /// Which further calls cannot succeed either.
        stops: Stop,
        /// Code and words in place of the usual ones of the status; the provider's own words are added, or stand
        /// alone where these are empty.
        says: Option<(Code, &'static str)>,
    },
}

/// Which further calls of a platform request cannot succeed after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Others are not affected.
    Nothing,
    /// Those of the same kind.
    Kind,
    /// All.
    All,
}

impl Api {
    /// The usual meanings: 404 means that nothing is known, 401 and 429 end the platform request.
    pub const fn new(title: &'static str) -> Self {
        Self {
            title,
            words: &["/error/message", "/error", "/message"],
            word_code: None,
            words_length: 500,
            absent: &[404],
            empty_is_absent: false,
            stops: &[401, 429],
            stops_kind: &[],
            meaning: &[],
            classify: |_| None,
        }
    }

    /// What a refusal means.
    pub fn meaning(&self, rejection: &Rejection) -> Meaning {
        (self.classify)(rejection).unwrap_or_else(|| {
            let status = rejection.status;
            if self.absent.contains(&status) {
                return Meaning::Nothing;
            }
            let stops = match status {
                _ if self.stops.contains(&status) => Stop::All,
                _ if self.stops_kind.contains(&status) => Stop::Kind,
                _ => Stop::Nothing,
            };
            let says = self.meaning.iter().find(|(of, ..)| *of == status);
            Meaning::Failed { stops, says: says.map(|(_, code, words)| (*code, *words)) }
        })
    }

    /// What the provider says itself about a refusal.
    pub fn words(&self, rejection: &Rejection) -> Option<String> {
        let words = rejection.text_at(self.words).or_else(|| rejection.plain_text());
        let code = self.word_code.and_then(|pointer| rejection.text_at(&[pointer]));
        let words = match (code, words) {
            (Some(code), Some(words)) if code != words => Some(format!("{code}: {words}")),
            (code, words) => words.or(code),
        };
        words.map(|words| sanitized(&words, self.words_length))
    }

    /// The error of a failed call.
    pub fn error(&self, failure: &Failure) -> Error {
        let rejection = match failure {
            Failure::Rejected(rejection) => rejection,
            Failure::Down(last) => return while_down(self.error(last)),
            other => return other.to_error(self.title, None),
        };
        let words = self.words(rejection);
        match self.meaning(rejection) {
            Meaning::Failed { says: Some((code, says)), .. } => {
                let reason = words.unwrap_or_else(|| rejection.described());
                let message = if says.is_empty() { reason } else { format!("{says}: {reason}") };
                if code == Code::AUTHORIZATION {
                    Error::authorization(message)
                } else {
                    Error::fatal(code, message)
                }
            }
            _ => failure.to_error(self.title, words.as_deref()),
        }
    }

    /// Ends the calls of the platform request that cannot succeed after this failure.
    pub(crate) fn stop(&self, failure: &Failure, kind: &'static str, context: &RequestContext) {
        let stops = match failure {
            // Whatever is asked, the next call has the same credentials.
            Failure::Login(_) => Stop::All,
            Failure::NotSent(error) if error.code() == Code::AUTHORIZATION => Stop::All,
            Failure::Rejected(rejection) => match self.meaning(rejection) {
                Meaning::Failed { stops, .. } => stops,
                Meaning::Nothing => Stop::Nothing,
            },
            _ => Stop::Nothing,
        };
        match stops {
            Stop::Nothing => {}
            Stop::Kind => context.stop(kind, &self.error(failure)),
            Stop::All => context.stop(ALL_CALLS, &self.error(failure)),
        }
    }
}

/// Makes the calls of one platform request to one API, with its credentials.
#[derive(Clone)]
pub struct Caller<'r> {
    client: &'r Client,
    api: &'static Api,
    context: &'r RequestContext,
    auth: Auth,
}

impl Client {
    /// The calls of a platform request to an API.
    pub fn api<'r>(&'r self, api: &'static Api, context: &'r RequestContext, auth: Auth) -> Caller<'r> {
        Caller { client: self, api, context, auth }
    }
}

impl<'r> Caller<'r> {
    /// A call that reads. `name` is its name in metrics and logs, one of a few fixed ones. A value that no URL can
    /// hold yields no URL: nothing is sent, and nothing is known of it.
    pub fn get(&self, name: &'static str, url: impl Into<Option<Url>>) -> Request<'r> {
        self.request(name, Method::GET, url.into())
    }

    /// A call that may change something, unless [`Request::repeatable`] says otherwise.
    pub fn post(&self, name: &'static str, url: impl Into<Option<Url>>) -> Request<'r> {
        self.request(name, Method::POST, url.into())
    }

    /// A call that changes part of something.
    pub fn patch(&self, name: &'static str, url: impl Into<Option<Url>>) -> Request<'r> {
        self.request(name, Method::PATCH, url.into())
    }

    /// A call that deletes something.
    pub fn delete(&self, name: &'static str, url: impl Into<Option<Url>>) -> Request<'r> {
        self.request(name, Method::DELETE, url.into())
    }

    /// What the failures of its calls mean.
    pub fn policy(&self) -> &'static Api {
        self.api
    }

    fn request(&self, name: &'static str, method: Method, url: Option<Url>) -> Request<'r> {
        Request::new(self.client, self.context, self.api, name, method, url).auth(self.auth.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static API: Api = Api {
        words: &["/error"],
        word_code: Some("/code"),
        absent: &[400, 404],
        stops: &[401, 429],
        stops_kind: &[403],
        meaning: &[
            (402, Code::TOO_MANY_REQUESTS, "The quota of Acme is used up"),
            (401, Code::AUTHORIZATION, "Acme rejected the key"),
            (423, Code::AUTHORIZATION, ""),
        ],
        classify: |rejection| {
            (rejection.status == 403 && rejection.text_at(&["/error"]).is_some_and(|text| text == "key"))
                .then_some(Meaning::Failed { stops: Stop::All, says: None })
        },
        ..Api::new("Acme")
    };

    fn rejection(status: u16, body: &'static str) -> Rejection {
        Rejection { status, body: body.as_bytes().into(), retry_after: None }
    }

    #[test]
    fn a_status_means_what_the_tables_say() {
        let stops = |status, body| API.meaning(&rejection(status, body));
        let failed = |stops| Meaning::Failed { stops, says: None };
        assert_eq!(stops(404, ""), Meaning::Nothing);
        assert_eq!(stops(400, ""), Meaning::Nothing);
        assert_eq!(stops(429, ""), failed(Stop::All));
        assert_eq!(stops(403, ""), failed(Stop::Kind));
        assert_eq!(stops(403, r#"{"error": "key"}"#), failed(Stop::All));
        assert_eq!(stops(500, ""), failed(Stop::Nothing));
        let quota = Some((Code::TOO_MANY_REQUESTS, "The quota of Acme is used up"));
        assert_eq!(stops(402, ""), Meaning::Failed { stops: Stop::Nothing, says: quota });
    }

    #[test]
    fn an_error_has_the_words_of_the_table_and_of_the_provider() {
        let error = |status, body| {
            let error = API.error(&Failure::Rejected(rejection(status, body)));
            (error.code().as_str(), error.message().to_owned())
        };
        let quota = "The quota of Acme is used up";
        assert_eq!(
            error(402, "{}"),
            ("too many requests", format!("{quota}: status 402 (Payment Required)"))
        );
        assert_eq!(
            error(402, r#"{"error": "no records left", "code": "Q1"}"#),
            ("too many requests", format!("{quota}: Q1: no records left"))
        );
        assert_eq!(
            error(401, "go away"),
            ("authorization error", "Authorization failed: Acme rejected the key: go away".to_owned())
        );
        assert_eq!(error(423, "locked"), ("authorization error", "Authorization failed: locked".to_owned()));
        assert_eq!(error(403, r#"{"error": "not yours"}"#).0, "permission denied");
        let page = "<html><title>Gate</title>";
        let described = "an HTML page (title `Gate`), status 402 (Payment Required)";
        assert_eq!(error(402, page), ("too many requests", format!("{quota}: {described}")));
        assert!(error(500, page).1.contains("an HTML page (title `Gate`), status 500"));
    }
}
