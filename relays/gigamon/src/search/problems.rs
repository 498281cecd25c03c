//! What fails on the way, as the user reads it: failed lookups as they come, and one warning per code for all calls
//! that only add something.

use relay_core::error::{Code, Error, Errors, Severity};
use relay_core::provider::Failure;

use super::subjects::Subjects;
use crate::api;

/// The failures of a request.
pub(super) struct Problems<'a> {
    subjects: &'a Subjects<'a>,
    errors: Errors,
    missing: Vec<Missing>,
}

/// Parts of the answer that are missing for the same reason.
struct Missing {
    error: Error,
    parts: Vec<&'static str>,
    /// The values that lack them; none where it may be all.
    about: Vec<usize>,
}

impl<'a> Problems<'a> {
    pub(super) fn new(subjects: &'a Subjects<'a>) -> Self {
        Self { subjects, errors: Errors::default(), missing: Vec::new() }
    }

    /// A lookup failed. A token that is not accepted concerns the whole request.
    pub(super) fn failed(&mut self, failure: &Failure, about: &[usize]) {
        let all = api::is_refusal(failure) || matches!(failure, Failure::Stopped(_));
        self.add(api::error(failure), if all { &[] } else { about });
    }

    /// An error about some values; about all of them where none is named.
    pub(super) fn add(&mut self, error: Error, about: &[usize]) {
        let error = self.about(error, about);
        self.errors.add(error);
    }

    /// A part of the answer, named in the plural, is missing. Where the request itself ended, that is reported instead.
    pub(super) fn incomplete(&mut self, failure: &Failure, part: &'static str, about: &[usize]) {
        match failure {
            Failure::Stopped(error) => self.errors.add(error.clone()),
            Failure::Deadline(error) => self.add(error.clone().with_severity(Severity::Warning), about),
            failure => self.lacking(api::error(failure), part, about),
        }
    }

    /// A part of the answer is missing because the provider does not know it.
    pub(super) fn unknown(&mut self, message: &'static str, part: &'static str, about: &[usize]) {
        self.lacking(Error::warning(Code::NOT_FOUND, message), part, about);
    }

    fn lacking(&mut self, error: Error, part: &'static str, about: &[usize]) {
        let known = self.missing.iter_mut().find(|missing| missing.error.code() == error.code());
        let Some(known) = known else {
            self.missing.push(Missing { error, parts: vec![part], about: about.to_vec() });
            return;
        };
        if !known.parts.contains(&part) {
            known.parts.push(part);
        }
        if known.about.is_empty() || about.is_empty() {
            known.about.clear();
        } else {
            known.about.extend(about);
        }
    }

    /// All of them, those of lookups first.
    pub(super) fn finish(mut self) -> Errors {
        for Missing { error, parts, mut about } in std::mem::take(&mut self.missing) {
            about.sort_unstable();
            about.dedup();
            let note = format!("{} are missing", parts.join(" and "));
            self.add(error.with_severity(Severity::Warning).with_note(note), &about);
        }
        self.errors
    }

    fn about(&self, error: Error, about: &[usize]) -> Error {
        let observables = about.iter().flat_map(|place| self.subjects.observables(*place));
        observables.fold(error, |error, observable| error.about(observable))
    }
}
