//! Where opinions come from: the customer's own indicators, and Defender's determination of files.

use std::collections::HashMap;
use std::sync::Arc;

use relay_core::error::{Code, Error, Severity};
use relay_core::lookup::{self, Lookup};
use relay_core::observable::Observable;

use super::Asked;
use crate::api::DefenderApi;
use crate::api::failures::{self, Failures};
use crate::api::indicators::Wanted;
use crate::api::read::Failed;
use crate::mapping;
use crate::memory::{DeniedSource, HOUR};
use crate::model::{File, Indicator};
use crate::subject::Subject;

/// The indicators that were found, and what failed.
#[derive(Default)]
pub(super) struct Indicators {
    found: HashMap<Wanted, Arc<[Indicator]>>,
    /// The permission is missing.
    denied: Option<Error>,
    pub(super) failures: Failures,
}

impl Indicators {
    /// Those about a subject.
    pub(super) fn of(&self, subject: &Subject) -> &[Indicator] {
        Wanted::of(subject).and_then(|wanted| self.found.get(&wanted)).map(AsRef::as_ref).unwrap_or_default()
    }
}

/// The indicators for a search, which goes on without the permission to read them.
pub(super) async fn for_a_search(api: &DefenderApi<'_>, asked: &[Asked<'_>]) -> Indicators {
    let (mut indicators, failed) = indicators(api, asked).await;
    if let Some((kind, failure)) = failed {
        if let Some(400 | 401 | 404) = failure.status() {
            log::debug!(status = failure.status(); "indicators are missing");
        } else {
            let error = failures::error(kind, &failure);
            let message = format!("Verdicts from custom indicators may be missing: {}", error.message());
            indicators.failures.error(Error::warning(error.code(), message), &[]);
        }
    }
    indicators
}

/// The indicators of all observables, and the failure that is no missing permission.
async fn indicators(api: &DefenderApi<'_>, asked: &[Asked<'_>]) -> (Indicators, Option<Failed>) {
    let mut indicators = Indicators::default();
    if !api.relay.settings.verdicts.indicators {
        return (indicators, None);
    }
    let key = (api.call.credential(), DeniedSource::Indicators);
    if let Some(denied) = api.relay.memory.denied_opinions.recall(&key, api.call.now()) {
        indicators.denied = Some(denied);
        return (indicators, None);
    }
    let wanted: Vec<Wanted> = asked.iter().filter_map(|one| Wanted::of(&one.subject)).collect();
    let answer = api.indicators(&wanted).await;
    indicators.found = answer.found;
    match answer.failure {
        Some(failed) if failed.1.status() == Some(403) => {
            indicators.denied = Some(denied(api, DeniedSource::Indicators, &failed));
            (indicators, None)
        }
        other => (indicators, other),
    }
}

/// Remembers for an hour that a source is not permitted.
fn denied(api: &DefenderApi<'_>, source: DeniedSource, (kind, failure): &Failed) -> Error {
    let error = failures::error(kind, failure);
    let (what, instead) = match source {
        DeniedSource::Indicators => ("custom indicators", "files"),
        DeniedSource::Files => ("Defender's determination of files", "indicators"),
    };
    let message = format!(
        "Verdicts from {what} are missing, which RELAY_PROVIDER__VERDICTS={instead} leaves out for good: {}",
        error.message()
    );
    let warning = Error::warning(Code::PERMISSION_DENIED, message);
    let key = (api.call.credential(), source);
    api.relay.memory.denied_opinions.remember(key, warning.clone(), HOUR, api.call.now());
    warning
}

/// Defender's determination of the files of a request.
#[derive(Default)]
struct Determinations {
    found: HashMap<usize, Arc<File>>,
    denied: Option<Error>,
    failures: Failures,
}

async fn determinations(api: &DefenderApi<'_>, asked: &[Asked<'_>]) -> Determinations {
    let mut all = Determinations::default();
    let hash = |subject: &Subject| match subject {
        Subject::Sha1(hash) | Subject::Sha256(hash) | Subject::Md5(hash) => Some(hash.clone()),
        _ => None,
    };
    if !api.relay.settings.verdicts.files || !asked.iter().any(|one| one.subject.is_hash()) {
        return all;
    }
    let key = (api.call.credential(), DeniedSource::Files);
    if let Some(denied) = api.relay.memory.denied_opinions.recall(&key, api.call.now()) {
        all.denied = Some(denied);
        return all;
    }
    let about: Vec<Observable> = asked.iter().map(|one| one.about.clone()).collect();
    let hashes: HashMap<&Observable, String> =
        about.iter().zip(asked).filter_map(|(about, one)| Some((about, hash(&one.subject)?))).collect();
    let outcomes = lookup::gather(api.call, &about, |one| {
        let hash = hashes.get(one);
        async move {
            match hash {
                Some(hash) => api.file(hash).await,
                None => Ok(None),
            }
        }
    });
    for (place, (about, outcome)) in about.iter().zip(outcomes.await).enumerate() {
        match outcome {
            Some(Ok(Some(file))) => drop(all.found.insert(place, file)),
            Some(Ok(None)) => {}
            Some(Err(failed)) if failed.1.status() == Some(403) => {
                all.denied = Some(denied(api, DeniedSource::Files, &failed));
            }
            Some(Err((kind, failure))) => all.failures.call(kind, failure, std::slice::from_ref(about)),
            None => all.failures.error(api.call.out_of_time(), std::slice::from_ref(about)),
        }
    }
    all
}

/// The verdicts on observables.
pub(crate) async fn deliberate(api: &DefenderApi<'_>, about: &[Observable]) -> Lookup {
    let has_opinions = |asked: &Asked<'_>| Wanted::of(&asked.subject).is_some();
    let asked: Vec<Asked<'_>> = about.iter().filter_map(Asked::of).filter(has_opinions).collect();
    if asked.is_empty() {
        return Lookup::nothing();
    }
    let ((indicators, failed), mut files) =
        futures::join!(indicators(api, &asked), determinations(api, &asked));
    let mut lookup = Lookup::nothing();
    for (place, one) in asked.iter().enumerate() {
        let file = files.found.get(&place).map(AsRef::as_ref);
        let own = indicators.of(&one.subject);
        if let Some(verdict) = mapping::opinions(one.about, own, file, api.call.now(), false).verdict {
            lookup.bundle.push(verdict);
        }
    }
    if let Some((kind, failure)) = failed.filter(|(_, failure)| failure.status() != Some(404)) {
        files.failures.call(kind, failure, &[]);
    }
    lookup.errors = files.failures.into_errors(api);
    let severity = match (&indicators.denied, &files.denied) {
        (Some(_), Some(_)) => Severity::Fatal,
        _ => Severity::Warning,
    };
    for denied in indicators.denied.into_iter().chain(files.denied) {
        lookup.errors.add(denied.with_severity(severity));
    }
    lookup
}
