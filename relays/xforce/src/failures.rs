//! What the user reads of failed calls: one error per failure and answer, which names the calls and the
//! observables that it cost, and the calls that were not made because of it.

use std::collections::{BTreeMap, HashSet};

use relay_core::error::{Error, Errors, Severity};
use relay_core::observable::Observable;
use relay_core::provider::Failure;

use crate::api::REPORTS;

/// A part of what is known of an observable, each from a call of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// Reports.
    Reports,
    /// DNS resolutions.
    Resolutions,
    /// Collections.
    Collections,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Reports => "reports",
            Self::Resolutions => "DNS resolutions",
            Self::Collections => "collections",
        }
    }
}

/// The failures of a platform request.
#[derive(Default)]
pub(crate) struct Failures {
    /// Whether any report was answered: then neither key nor quota is the trouble of a refused side call.
    pub(crate) report_answered: bool,
    causes: Vec<Cause>,
    /// Calls that were not made because of an earlier failure.
    stopped: Vec<(Part, Error, Vec<Observable>)>,
    /// Lookups that the deadline cut off.
    late: Errors,
}

/// Why calls failed.
struct Cause {
    status: Option<u16>,
    error: Error,
    /// The messages of the same status in other words of the provider, by which stopped calls are recognised.
    messages: HashSet<String>,
    /// The parts that are missing, with the number of calls that were not made.
    parts: BTreeMap<Part, usize>,
    about: Vec<Observable>,
}

impl Failures {
    /// Adds a failure of a call about some observables.
    pub(crate) fn add(&mut self, part: Part, failure: Failure, about: Vec<Observable>) {
        match failure {
            Failure::Stopped(error) => self.stopped.push((part, error, about)),
            Failure::Deadline(error) => self.out_of_time(error, &about),
            failure => {
                let (status, error) = (failure.status(), REPORTS.error(&failure));
                let message = error.message().to_owned();
                let cause = self.cause(|cause| match status {
                    Some(_) => cause.status == status,
                    // Of a host that is down, some calls failed and others were not made.
                    None => cause.status.is_none() && cause.error.code() == error.code(),
                });
                let at = cause.unwrap_or_else(|| self.push(Cause::new(status, error)));
                let cause = &mut self.causes[at];
                cause.messages.insert(message);
                cause.parts.entry(part).or_default();
                cause.about.extend(about);
            }
        }
    }

    /// Adds lookups that the request's deadline cut off.
    pub(crate) fn out_of_time(&mut self, error: Error, about: &[Observable]) {
        self.late.add(about.iter().fold(error, Error::about));
    }

    /// What the user reads.
    pub(crate) fn into_errors(mut self) -> Errors {
        for (part, error, about) in std::mem::take(&mut self.stopped) {
            let at = self.cause(|cause| cause.messages.contains(error.message()));
            let at = at.unwrap_or_else(|| self.push(Cause::new(None, error)));
            let cause = &mut self.causes[at];
            *cause.parts.entry(part).or_default() += 1;
            cause.about.extend(about);
        }
        let mut errors = Errors::default();
        errors.extend(self.causes.into_iter().map(|cause| cause.into_error(self.report_answered)));
        errors.extend(self.late);
        errors
    }

    fn push(&mut self, cause: Cause) -> usize {
        self.causes.push(cause);
        self.causes.len() - 1
    }

    fn cause(&self, is: impl Fn(&Cause) -> bool) -> Option<usize> {
        self.causes.iter().position(is)
    }
}

impl Cause {
    fn new(status: Option<u16>, error: Error) -> Self {
        let messages = HashSet::from([error.message().to_owned()]);
        Self { status, error, messages, parts: BTreeMap::new(), about: Vec::new() }
    }

    /// The error, which says what is missing. Side calls may be refused by plan or quota while reports are answered:
    /// then only details are missing.
    fn into_error(self, report_answered: bool) -> Error {
        let details_only = report_answered
            && matches!(self.status, Some(402 | 403))
            && !self.parts.contains_key(&Part::Reports);
        let severity = if details_only { Severity::Warning } else { Severity::Fatal };
        let part = |(part, not_made): (&Part, &usize)| match not_made {
            0 => part.name().to_owned(),
            1 => format!("{} (1 call not made)", part.name()),
            n => format!("{} ({n} calls not made)", part.name()),
        };
        let missing: Vec<String> = self.parts.iter().map(part).collect();
        let error =
            self.error.with_severity(severity).with_note(format_args!("missing: {}", missing.join(", ")));
        self.about.iter().fold(error, Error::about)
    }
}
