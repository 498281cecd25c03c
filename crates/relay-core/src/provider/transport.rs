//! What errors of the HTTP client mean: no connection, a broken one, a certificate, a refused stream, or a call that
//! cannot be sent at all.

use std::error::Error as StdError;
use std::io;

use rustls::{CertificateError, Error as TlsError};

use super::failure::Failure;
use crate::error::{Code, Error};
use crate::settings::ProxySettings;
use crate::text::sanitized;

impl Failure {
    /// What a transport error of the HTTP client means, where calls may go through proxies.
    pub(super) fn of_transport(error: &reqwest::Error, proxies: &ProxySettings) -> Self {
        if let Some(problem) = certificate_problem(error) {
            return Self::Certificate(match problem {
                CertificateError::UnknownIssuer => format!(
                    "{}; where that is right, name its authority in RELAY_PROVIDER__CA_FILE",
                    words(problem)
                ),
                other => words(other),
            });
        }
        if error.is_builder() {
            // Such as a URL that is longer than HTTP libraries accept.
            let problem = format!("The call cannot be put into an HTTP request: {}", innermost(error));
            return Self::NotSent(Error::fatal(Code::INVALID_ARGUMENT, problem));
        }
        if error.is_connect() {
            Self::Unreachable(describe_via(error, proxies))
        } else {
            Self::Connection(describe(error))
        }
    }
}

/// A transport error in short words, which blame the proxy where there is one between.
pub(crate) fn describe_via(error: &reqwest::Error, proxies: &ProxySettings) -> String {
    let url = error.url().filter(|_| error.is_connect());
    let Some((url, proxy)) = url.and_then(|url| Some((url, proxies.of(url)?))) else {
        return describe(error);
    };
    let is_tls = causes(error).any(<dyn StdError>::is::<TlsError>);
    let host = url.host_str().unwrap_or("the host");
    let why = innermost(error);
    if why.starts_with("tunnel error") {
        format!("the proxy {proxy} does not connect to {host} ({why})")
    } else if is_tls && !proxy.starts_with("https:") {
        describe(error)
    } else if error.is_timeout() {
        // The time limit covers the whole way, so it does not tell which end is silent.
        format!("no connection to {host} through the proxy {proxy} ({why})")
    } else {
        format!("cannot connect to the proxy {proxy} ({why})")
    }
}

/// A transport error in short words: the innermost cause, without the URL, which may hold an observable.
pub(crate) fn describe(error: &reqwest::Error) -> String {
    let host = error.url().and_then(|url| url.host_str()).unwrap_or("the host").to_owned();
    let kind = if error.is_connect() { "cannot be reached" } else { "broke the connection" };
    match causes(error).nth(1) {
        Some(_) => format!("{host} {kind} ({})", innermost(error)),
        None => format!("{host} {kind}"),
    }
}

fn innermost(error: &reqwest::Error) -> String {
    causes(error).last().map(|cause| sanitized(&cause.to_string(), 200)).unwrap_or_default()
}

/// Whether an HTTP/2 connection refused the call, and the call may therefore be made on another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The host says that it did nothing with it (RFC 9113, section 8.7).
    Unprocessed,
    /// The host closes the connection, and has most likely done nothing with it.
    Closing,
}

/// Whether and how an HTTP/2 connection refused a call.
pub(super) fn refused(error: &reqwest::Error) -> Option<Refused> {
    let error = causes(error).find_map(|cause| cause.downcast_ref::<h2::Error>())?;
    match error.reason()? {
        h2::Reason::REFUSED_STREAM if error.is_reset() && error.is_remote() => Some(Refused::Unprocessed),
        h2::Reason::NO_ERROR if error.is_go_away() && error.is_remote() => Some(Refused::Closing),
        _ => None,
    }
}

/// An error and its causes, innermost last; also those that an I/O error hides from `source`.
fn causes<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&current| {
        match current.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(hidden) => Some(hidden),
            None => current.source(),
        }
    })
}

/// The reason where a certificate was not accepted, in words.
pub(crate) fn untrusted(error: &reqwest::Error) -> Option<String> {
    certificate_problem(error).map(words)
}

fn certificate_problem(error: &reqwest::Error) -> Option<&CertificateError> {
    causes(error).find_map(|cause| match cause.downcast_ref::<TlsError>() {
        Some(TlsError::InvalidCertificate(problem)) => Some(problem),
        _ => None,
    })
}

fn words(problem: &CertificateError) -> String {
    match problem {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "Certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "Certificate is not valid yet".to_owned()
        }
        CertificateError::Revoked => "Certificate was revoked".to_owned(),
        CertificateError::UnknownIssuer => "Self signed certificate or unknown issuer".to_owned(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "Certificate is for another host name".to_owned()
        }
        CertificateError::BadSignature => "Certificate has a wrong signature".to_owned(),
        // A certificate authority's own certificate used as a server's is the common case of this.
        CertificateError::Other(other) => format!("Certificate is not accepted ({other})"),
        other => format!("Certificate is not accepted ({other:?})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_that_no_request_can_hold_is_not_sent_and_blames_no_connection() {
        let url = format!("http://acme.invalid/{}", "x".repeat(70_000));
        let error = reqwest::Client::default().get(url).send().await.expect_err("too long");
        let failure = Failure::of_transport(&error, &ProxySettings::default());
        let Failure::NotSent(error) = failure else { panic!("{failure:?}") };
        assert_eq!(error.code(), Code::INVALID_ARGUMENT);
        assert!(error.message().len() < 300 && !error.message().contains("xxx"), "{error}");
    }
}
