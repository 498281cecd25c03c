//! Which calls are made about the observables of a request, and what is kept of their answers.

use futures::join;
use relay_core::call::Call;
use relay_core::ctim::Bundle;
use relay_core::lookup::{Group, Lookup, gather, group_by};
use relay_core::observable::Observable;
use relay_core::provider::Failure;

use crate::XForce;
use crate::credentials::ApiKey;
use crate::failures::{Failures, Part};
use crate::mapping::{Answers, Mapping};
use crate::subject::Subject;

/// What the calls about a group came to.
struct Found {
    bundles: Vec<Bundle>,
    failures: Vec<(Part, Failure)>,
    /// Whether there was an answer to the call for the report, if only that nothing is known.
    report_answered: bool,
}

/// How much is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The report only, for its verdict.
    Verdict,
    /// Report, resolutions and collections.
    Everything,
}

impl XForce {
    /// Looks observables up, each value once.
    pub(crate) async fn look_up(&self, call: &Call<ApiKey>, about: &[Observable], depth: Depth) -> Lookup {
        let is_asked = |subject: &Subject| !(self.options.skip_private && subject.is_local());
        let groups = group_by(about, |observable| Subject::of(observable).filter(is_asked));
        let outcomes = gather(call.context(), &groups, |group| self.group(call, group, depth)).await;

        let mut failures = Failures::default();
        let mut bundles: Vec<Option<Bundle>> = about.iter().map(|_| None).collect();
        let mut late = Vec::new();
        for (group, outcome) in groups.iter().zip(outcomes) {
            let members = || group.members.iter().map(|(_, observable)| (*observable).clone());
            let Some(found) = outcome else {
                late.extend(members());
                continue;
            };
            failures.report_answered |= found.report_answered;
            for (part, failure) in found.failures {
                failures.add(part, failure, members().collect());
            }
            for ((position, _), bundle) in group.members.iter().zip(found.bundles) {
                bundles[*position] = Some(bundle);
            }
        }
        if !late.is_empty() {
            failures.out_of_time(call.out_of_time(), &late);
        }
        let mut found = Lookup { errors: failures.into_errors(), ..Lookup::nothing() };
        bundles.into_iter().flatten().for_each(|bundle| found.bundle.merge(bundle));
        found
    }

    async fn group(&self, call: &Call<ApiKey>, group: &Group<'_, Subject>, depth: Depth) -> Found {
        let subject = &group.key;
        let (report, resolve, linkage) = if depth == Depth::Verdict {
            (self.report(call, subject).await, Ok(None), Ok(None))
        } else if self.options.report_first {
            match self.report(call, subject).await {
                Ok(Some(report)) => {
                    let (resolve, linkage) = join!(self.resolve(call, subject), self.linkage(call, subject));
                    (Ok(Some(report)), resolve, linkage)
                }
                report => (report, Ok(None), Ok(None)),
            }
        } else {
            // Polled in this order, so started in this order.
            join!(self.report(call, subject), self.resolve(call, subject), self.linkage(call, subject))
        };
        let mut failures = Vec::new();
        let report_answered = report.is_ok();
        let answers = Answers {
            report: kept(Part::Reports, report, &mut failures),
            resolve: kept(Part::Resolutions, resolve, &mut failures),
            linkage: kept(Part::Collections, linkage, &mut failures),
        };
        let map = |(_, observable): &(usize, &Observable)| {
            let mapping = Mapping::new(observable, &self.links, call.now(), call.limit(), &self.options);
            match depth {
                Depth::Verdict => mapping.verdict_only(&answers),
                Depth::Everything => mapping.observe(&answers),
            }
        };
        Found { bundles: group.members.iter().map(map).collect(), failures, report_answered }
    }
}

/// What a call gave, its failure put aside.
fn kept<T>(part: Part, outcome: crate::api::Outcome<T>, failures: &mut Vec<(Part, Failure)>) -> Option<T> {
    outcome.unwrap_or_else(|failure| {
        failures.push((part, failure));
        None
    })
}
