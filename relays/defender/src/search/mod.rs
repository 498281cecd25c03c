//! Which calls a lookup makes, and in which order.
//!
//! `/observe/observables`: the alerts of each observable (`alerts`), while these are awaited the customer's indicators
//! (`opinions`), then one hunting query for all (`hunt`), then one round of details for all (`details`).

mod alerts;
mod details;
mod hunt;
mod opinions;
mod rows;

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use relay_core::error::{Code, Error};
use relay_core::lookup::Lookup;
use relay_core::observable::Observable;
use tokio::sync::Notify;

use crate::api::DefenderApi;
use crate::api::failures::Failures;
use crate::mapping::{self, AlertTimes, Details, Event, Mapping};
use crate::model::{Alert, File, Prevalence};
use crate::module::TITLE;
use crate::query::Target;
use crate::settings::Hunting;
use crate::subject::Subject;

pub(crate) use opinions::deliberate;

/// An observable that is looked up.
struct Asked<'a> {
    about: &'a Observable,
    subject: Subject,
}

impl<'a> Asked<'a> {
    fn of(about: &'a Observable) -> Option<Self> {
        let subject = Subject::of(about).filter(Subject::is_worth_a_lookup)?;
        Some(Self { about, subject })
    }
}

/// Events that a name or path of a file is shown with.
const FILE_NAME_EVENTS: usize = 20;

/// Looks observables up.
pub(crate) async fn observe(api: &DefenderApi<'_>, about: &[Observable]) -> Lookup {
    let settings = &api.relay.settings;
    let by_hunting_alone = |subject: &Subject| matches!(subject, Subject::FileName(_) | Subject::FilePath(_));
    let is_asked = |asked: &Asked<'_>| settings.hunting != Hunting::Off || !by_hunting_alone(&asked.subject);
    let asked: Vec<Asked<'_>> = about.iter().filter_map(Asked::of).filter(is_asked).collect();
    if asked.is_empty() {
        return Lookup::nothing();
    }
    let (found, mut indicators) = futures::join!(find(api, &asked), opinions::for_a_search(api, &asked));
    let Search { findings, details, mut failures } = found;
    failures.extend(std::mem::take(&mut indicators.failures));

    let mut lookup = Lookup::nothing();
    for one in &findings {
        let mapping = Mapping {
            about: one.about,
            details: &details,
            portal: &settings.portal,
            command_lines: settings.command_lines,
        };
        for (alert, times) in &one.alerts {
            if let Some(sighting) = mapping::alert(&mapping, alert, times) {
                lookup.bundle.push(sighting);
            }
        }
        for event in &one.events {
            lookup.bundle.push(mapping::event(&mapping, event));
        }
        if let Some((key, known)) = &one.prevalence
            && let Some(sighting) = mapping::prevalence(&mapping, key, known)
        {
            lookup.bundle.push(sighting);
        }
    }
    for one in &findings {
        let file = one.file.as_deref().filter(|_| settings.verdicts.files);
        let own = indicators.of(&one.subject);
        let opinions = mapping::opinions(one.about, own, file, api.call.now(), true);
        lookup.bundle.extend(opinions.judgements);
        if let Some(verdict) = opinions.verdict {
            lookup.bundle.push(verdict);
        }
    }
    lookup.errors = failures.into_errors(api);
    lookup
}

/// What was found about one observable.
struct Findings<'a> {
    about: &'a Observable,
    subject: Subject,
    alerts: Vec<(Alert, AlertTimes)>,
    events: Vec<Event>,
    file: Option<Arc<File>>,
    /// With what names the thing that is seen.
    prevalence: Option<(String, Prevalence)>,
}

/// What was found about all of them.
struct Search<'a> {
    findings: Vec<Findings<'a>>,
    details: Details,
    failures: Failures,
}

async fn find<'a>(api: &DefenderApi<'_>, asked: &[Asked<'a>]) -> Search<'a> {
    let progress = Progress::new(asked.len());
    let enrichment = details::Enrichment::new(api, asked.len());
    let alerts = async {
        let mut steps = alerts::of_all(api, asked, &progress).await;
        progress.finished.notify_one();
        let files = sha1_of_each(&steps);
        let found = steps.iter().flatten().flat_map(|one| &one.alerts).map(|(alert, _)| alert);
        let (evidence, prevalence) =
            futures::join!(enrichment.evidence(found), enrichment.prevalence(asked, &files));
        for (asked, one) in asked.iter().zip(&mut steps) {
            if let Some(one) = one {
                one.keep_those_about(&asked.subject, &evidence);
            }
        }
        (steps, evidence, prevalence)
    };
    let hunting = async {
        progress.alerts_are_there_or_late().await;
        hunt::all(api, asked, &progress.targets(asked, api.call.limit())).await
    };
    let ((steps, evidence, mut prevalence), mut hunted) = futures::join!(alerts, hunting);

    let mut failures = Failures::default();
    let mut some_unreadable = hunted.some_unreadable;
    let mut findings = Vec::with_capacity(asked.len());
    for (place, (asked, steps)) in asked.iter().zip(steps).enumerate() {
        let Some(steps) = steps else {
            failures.error(api.call.out_of_time(), std::slice::from_ref(asked.about));
            continue;
        };
        some_unreadable |= steps.some_unreadable;
        failures.extend(steps.failures);
        let room = api.call.limit() - steps.alerts.len();
        findings.push(Findings {
            about: asked.about,
            subject: asked.subject.clone(),
            alerts: steps.alerts,
            events: newest(&asked.subject, hunted.take(place), room),
            file: steps.file,
            prevalence: prevalence.remove(&place),
        });
    }
    let may_hunt = !hunted.failed;
    failures.extend(hunted.failures);
    if some_unreadable {
        let message = format!("Some alerts or events of {TITLE} cannot be read and are left out");
        failures.error(Error::warning(Code::BAD_RESPONSE, message), &[]);
    }
    let (details, warnings) = enrichment.finish(&findings, evidence, may_hunt).await;
    for warning in warnings {
        failures.error(warning, &[]);
    }
    Search { findings, details, failures }
}

/// The SHA-1 of each observable, where one is known.
fn sha1_of_each(steps: &[Option<alerts::FirstSteps>]) -> Vec<Option<String>> {
    steps.iter().map(|one| one.as_ref().and_then(|one| one.sha1.clone())).collect()
}

/// The newest events of an observable, each once.
fn newest(subject: &Subject, mut events: Vec<Event>, room: usize) -> Vec<Event> {
    events.sort_by_key(|event| Reverse(event.time));
    let mut seen = HashSet::new();
    events.retain(|event| seen.insert(event.key()));
    if matches!(subject, Subject::FileName(_) | Subject::FilePath(_)) {
        // The same file on the same device again says nothing new.
        let mut seen = HashSet::new();
        events.retain(|event| {
            let device = event.device().or_else(|| event.text("devicename")).unwrap_or_default();
            seen.insert((device.to_owned(), event.file().sha1))
        });
        events.truncate(FILE_NAME_EVENTS);
    }
    events.truncate(room);
    events
}

/// How long hunting waits for alerts after the first of their calls was sent.
const PATIENCE: Duration = Duration::from_secs(3);

/// How far the first steps have come: hunting needs to know what they found, and does not wait for the slowest.
struct Progress {
    /// SHA-1 of files that are asked about by another hash, by place.
    sha1: Vec<OnceLock<String>>,
    /// How many alerts there are, by place.
    alerts: Vec<OnceLock<usize>>,
    called: Notify,
    finished: Notify,
}

impl Progress {
    fn new(count: usize) -> Self {
        let none = || (0..count).map(|_| OnceLock::new());
        Self {
            sha1: none().collect(),
            alerts: (0..count).map(|_| OnceLock::new()).collect(),
            called: Notify::new(),
            finished: Notify::new(),
        }
    }

    /// The SHA-1 of a file is known.
    fn file_is_known(&self, place: usize, sha1: &str) {
        if let Some(known) = self.sha1.get(place) {
            known.get_or_init(|| sha1.to_owned());
        }
    }

    /// A call for alerts is about to be sent.
    fn alerts_are_asked_for(&self) {
        self.called.notify_one();
    }

    /// The alerts of an observable are there.
    fn alerts_are_there(&self, place: usize, count: usize) {
        if let Some(known) = self.alerts.get(place) {
            known.get_or_init(|| count);
        }
    }

    async fn alerts_are_there_or_late(&self) {
        let late = async {
            self.called.notified().await;
            tokio::time::sleep(PATIENCE).await;
        };
        tokio::select! {
            () = self.finished.notified() => {}
            () = late => {}
        }
    }

    /// What hunting is asked, by what is known now.
    fn targets<'a>(&'a self, asked: &'a [Asked<'_>], limit: usize) -> Vec<Target<'a>> {
        let target = |(position, asked): (usize, &'a Asked<'_>)| {
            let held = self.alerts.get(position).and_then(OnceLock::get).copied().unwrap_or(0);
            let sha1 = self.sha1.get(position).and_then(OnceLock::get).map(String::as_str);
            let room = limit.saturating_sub(held);
            (asked.subject.is_hunted() && room > 0).then_some(Target {
                position,
                subject: &asked.subject,
                sha1,
                room,
            })
        };
        asked.iter().enumerate().filter_map(target).collect()
    }
}
