//! What failed calls mean, in words for the user.

use std::time::Duration;

use relay_core::error::{Code, Error, Errors, Severity};
use relay_core::observable::Observable;
use relay_core::provider::{Failure, Rejection};

use super::{ApiKind, DefenderApi, POLICY};
use crate::module::TITLE;

/// The failures of one platform request. What some of them mean shows at its end: a refused token, where another call
/// succeeded, is a licence that the tenant lacks.
#[derive(Debug, Default)]
pub struct Failures(Vec<Noted>);

#[derive(Debug)]
struct Noted {
    what: What,
    about: Vec<Observable>,
}

#[derive(Debug)]
enum What {
    /// A call failed.
    Call(&'static ApiKind, Failure),
    /// A call failed that other APIs make up for: only a warning where any other call succeeded.
    Denied(&'static ApiKind, Failure),
    /// There is no hunting for this tenant: only a warning where any call succeeded.
    Gone(Error),
    /// What the user reads.
    Error(Error),
}

impl Failures {
    /// A call about observables failed.
    pub fn call(&mut self, kind: &'static ApiKind, failure: Failure, about: &[Observable]) {
        if let Failure::Stopped(_) = failure
            && let Some(first) = self.0.iter_mut().find(|noted| noted.stopped(kind))
        {
            first.about.extend_from_slice(about);
            return;
        }
        self.0.push(Noted { what: What::Call(kind, failure), about: about.to_vec() });
    }

    /// Hunting is not permitted.
    pub fn denied(&mut self, kind: &'static ApiKind, failure: Failure, about: &[Observable]) {
        self.0.push(Noted { what: What::Denied(kind, failure), about: about.to_vec() });
    }

    /// There is no hunting for this tenant.
    pub fn gone(&mut self, error: Error, about: &[Observable]) {
        self.0.push(Noted { what: What::Gone(error), about: about.to_vec() });
    }

    /// Something that the user should know.
    pub fn error(&mut self, error: Error, about: &[Observable]) {
        self.0.push(Noted { what: What::Error(error), about: about.to_vec() });
    }

    /// Adds those of another part of the request.
    pub fn extend(&mut self, other: Self) {
        for Noted { what, about } in other.0 {
            match what {
                What::Call(kind, failure) => self.call(kind, failure, &about),
                what => self.0.push(Noted { what, about }),
            }
        }
    }

    /// What the user reads.
    pub fn into_errors(self, api: &DefenderApi<'_>) -> Errors {
        let mut errors = Errors::default();
        for Noted { what, about } in self.0 {
            let error = match what {
                What::Call(kind, failure) => api.settled(kind, &failure),
                What::Denied(kind, failure) if api.any_success() => {
                    api.settled(kind, &failure).with_severity(Severity::Warning)
                }
                What::Denied(kind, failure) => error(kind, &failure),
                What::Gone(error) if api.any_success() => error.with_severity(Severity::Warning),
                What::Gone(error) | What::Error(error) => error,
            };
            errors.add(about.iter().fold(error, Error::about));
        }
        errors
    }
}

impl Noted {
    /// Whether this is the failure that stopped further calls of the kind.
    fn stopped(&self, kind: &'static ApiKind) -> bool {
        matches!(&self.what, What::Call(of, failure) if of.name == kind.name && matches!(failure.status(), Some(401 | 429)))
    }
}

impl DefenderApi<'_> {
    /// The error of a failed call, once it is known whether another one succeeded.
    pub fn settled(&self, kind: &'static ApiKind, failure: &Failure) -> Error {
        match failure {
            Failure::Rejected(rejection) if rejection.status == 401 && self.any_success() => {
                Error::warning(Code::PERMISSION_DENIED, licence(kind, rejection))
            }
            _ => error(kind, failure),
        }
    }
}

/// The error of a failed call.
pub fn error(kind: &ApiKind, failure: &Failure) -> Error {
    let Failure::Rejected(rejection) = failure else { return POLICY.error(failure) };
    match rejection.status {
        403 => Error::fatal(Code::PERMISSION_DENIED, forbidden(kind, rejection)),
        429 => match rejection.retry_after.map(whole_seconds) {
            Some(seconds) => POLICY.error(failure).with_note(format_args!(
                "{TITLE} sets this quota for {}, and has room again in {seconds} s",
                kind.subject
            )),
            None => POLICY.error(failure),
        },
        _ => POLICY.error(failure),
    }
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// The provider's code and message.
pub fn words(rejection: &Rejection) -> String {
    POLICY.words(rejection).unwrap_or_else(|| rejection.reason())
}

fn licence(kind: &ApiKind, rejection: &Rejection) -> String {
    format!("The tenant's licence does not include {} of {TITLE}: {}", kind.subject, words(rejection))
}

/// What a 403 says. Only the text depends on the provider's words.
fn forbidden(kind: &ApiKind, rejection: &Rejection) -> String {
    let code = rejection.text_at(&["/error/code"]).unwrap_or_default();
    let message = rejection.text_at(&["/error/message", "/error"]).unwrap_or_default();
    let letters: String =
        message.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect();
    let has = |parts: &[&str]| parts.iter().any(|part| letters.contains(part));
    let permission = kind.permission;
    let cause = if has(&["missingapplicationroles"])
        || (code == "Forbidden" && matches!(letters.as_str(), "" | "forbidden"))
    {
        format!("An administrator has to grant the application the permission {permission} and consent")
    } else if code == "DisabledFeature" {
        "The feature is switched off in the tenant (Settings > Endpoints > Advanced features)".to_owned()
    } else if code == "DisallowedOperation" {
        format!("{TITLE} does not allow this operation on this device or value")
    } else if has(&["license", "licence", "notprovisioned", "accountmode", "tvm"]) {
        format!(
            "The tenant's licence does not include {}, or Defender is not set up in this tenant yet",
            kind.subject
        )
    } else if has(&["remediationlevel", "devicegroup", "rbac", "scope"]) {
        "The device's group does not allow remote actions, or is outside the application's scope".to_owned()
    } else {
        format!("Not permitted: it needs the permission {permission}, a licence, or a setting of the tenant")
    };
    format!("{cause}: {}", words(rejection))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ISOLATION, SCORE};

    fn rejected(status: u16, body: &'static str) -> Failure {
        Failure::Rejected(Rejection { status, body: body.as_bytes().into(), retry_after: None })
    }

    #[test]
    fn a_403_says_its_cause_first() {
        let text = |body| error(&ISOLATION, &rejected(403, body)).message().to_owned();
        let table = [
            (r#"{"error": {"code": "DisabledFeature", "message": "Off."}}"#, "switched off in the tenant"),
            (
                r#"{"error": {"code": "DisallowedOperation", "message": "No."}}"#,
                "does not allow this operation",
            ),
            (
                r#"{"error": {"code": "Forbidden", "message": "Missing application roles."}}"#,
                "permission Machine.Isolate and",
            ),
            (
                r#"{"error": {"code": "Forbidden", "message": "Tenant is not provisioned"}}"#,
                "licence does not include",
            ),
            (r#"{"error": {"code": "Forbidden", "message": "Minimum remediation level"}}"#, "device's group"),
            (r#"{"error": {"code": "Forbidden"}}"#, "permission Machine.Isolate and"),
            (r#"{"error": {"code": "Odd", "message": "Who knows"}}"#, "Not permitted"),
            ("", "Not permitted"),
        ];
        for (body, cause) in table {
            assert!(text(body).contains(cause), "{body}: {}", text(body));
        }
        assert!(text(table[0].0).ends_with(": DisabledFeature: Off."), "{}", text(table[0].0));
    }

    #[test]
    fn a_used_up_quota_says_when_there_is_room_again() {
        let body =
            r#"{"error": {"code": "TooManyRequests", "message": "1500 per 01:00:00"}}"#.as_bytes().into();
        let retry_after = Some(Duration::from_millis(39_500));
        let failure = Failure::Rejected(Rejection { status: 429, body, retry_after });
        let text = error(&SCORE, &failure).message().to_owned();
        assert!(text.contains("1500 per 01:00:00") && text.contains("in 40 s"), "{text}");
    }
}
