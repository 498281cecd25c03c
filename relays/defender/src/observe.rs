//! `/observe/observables`: alerts and events of each observable, then one round of details for all of them.

use std::cmp::Reverse;
use std::collections::HashSet;

use relay_core::error::{Code, Error, Errors, Severity};
use relay_core::lookup;
use relay_core::lookup::Lookup;
use relay_core::observable::Observable;

use crate::client::Ask;
use crate::enrich::Enrichment;
use crate::kql::{self, Table};
use crate::mapping::{self, AlertTimes, Event, Mapping};
use crate::model::Alert;
use crate::module::TITLE;
use crate::subject::Subject;

/// What was found about one observable.
#[derive(Default)]
struct Findings {
    alerts: Vec<(Alert, AlertTimes)>,
    events: Vec<Event>,
    errors: Errors,
    /// Hunting failed: it would again.
    hunt_failed: bool,
    /// Hunting is not permitted; how bad that is depends on whether anything else is.
    denied: Option<Error>,
    /// There were alerts or events that cannot be read.
    some_unreadable: bool,
}

/// Looks observables up.
pub(crate) async fn all(ask: &Ask<'_>, about: &[Observable]) -> Lookup {
    let asked: Vec<Observable> = about
        .iter()
        .filter(|one| Subject::of(one).is_some_and(|subject| Table::of(&subject).is_some()))
        .cloned()
        .collect();
    if asked.is_empty() {
        return Lookup::nothing();
    }
    let enrichment = Enrichment::new(ask);
    // While other observables are still looked up, each takes its share only: whose details are left out where
    // there are too many must not depend on which answer came first.
    let share = ask.relay.settings.max_enrichment / asked.len();
    let outcomes = lookup::gather(ask.call, &asked, |one| findings(ask, one, &enrichment, share)).await;

    let mut found = Lookup::nothing();
    let mut kept = Vec::new();
    let (mut some_unreadable, mut hunt_failed) = (false, false);
    for (observable, outcome) in asked.iter().zip(outcomes) {
        let Some(mut outcome) = outcome else {
            found.errors.add(ask.call.out_of_time().about(observable));
            continue;
        };
        let denied = outcome
            .denied
            .take()
            .map(|error| if ask.any_success() { error.with_severity(Severity::Warning) } else { error });
        for error in std::mem::take(&mut outcome.errors).into_iter().chain(denied) {
            found.errors.add(if error.observables().is_empty() { error.about(observable) } else { error });
        }
        some_unreadable |= outcome.some_unreadable;
        hunt_failed |= outcome.hunt_failed;
        kept.push((observable, outcome));
    }
    if some_unreadable {
        let message = format!("Some alerts or events of {TITLE} cannot be read and are left out.");
        found.errors.add(Error::warning(Code::BAD_RESPONSE, message));
    }
    let mut alerts: Vec<&Alert> = Vec::new();
    let mut events: Vec<&Event> = Vec::new();
    for (_, one) in &kept {
        alerts.extend(one.alerts.iter().map(|(alert, _)| alert));
        events.extend(&one.events);
    }
    enrichment.fetch(&alerts, &events, usize::MAX).await;
    let (details, warnings) = enrichment.finish(!hunt_failed).await;
    found.errors.extend(warnings);
    for (about, one) in &kept {
        let mapping = Mapping { about, details: &details, portal: &ask.relay.settings.portal };
        for (alert, times) in &one.alerts {
            if let Some(sighting) = mapping::alert(&mapping, alert, times) {
                found.bundle.push(sighting);
            }
        }
        for event in &one.events {
            found.bundle.push(mapping::event(&mapping, event));
        }
    }
    found
}

/// Looks one observable up: alerts, and events as far as the limit leaves room for them.
async fn findings(ask: &Ask<'_>, about: &Observable, enrichment: &Enrichment<'_>, share: usize) -> Findings {
    let mut found = Findings::default();
    let Some(subject) = Subject::of(about) else { return found };
    let limit = ask.call.limit();
    let sha1 = match &subject {
        Subject::Sha256(hash) | Subject::Md5(hash) => match ask.file(hash).await {
            Ok(file) => file.and_then(|file| file.sha1),
            Err(error) => {
                found.errors.add(error);
                None
            }
        },
        _ => None,
    };
    let alerts = ask.alerts(&subject, sha1.as_deref(), limit).await;
    found.some_unreadable = alerts.some_unreadable;
    found.errors.extend(alerts.errors);
    found.take_alerts(alerts.alerts, limit);

    let room = limit - found.alerts.len();
    let alerts = std::mem::take(&mut found.alerts);
    let of_alerts: Vec<&Alert> = alerts.iter().map(|(alert, _)| alert).collect();
    futures::join!(
        found.hunt(ask, &subject, sha1.as_deref(), room),
        enrichment.fetch(&of_alerts, &[], share),
    );
    found.alerts = alerts;
    found
}

impl Findings {
    /// Keeps the newest alerts, each once.
    fn take_alerts(&mut self, alerts: Vec<Alert>, limit: usize) {
        let mut seen = HashSet::new();
        for alert in alerts {
            let times = AlertTimes::of(&alert);
            match (alert.id.clone().filter(|id| !id.trim().is_empty()), times) {
                (Some(id), Some(times)) => {
                    if seen.insert(id) {
                        self.alerts.push((alert, times));
                    }
                }
                _ => self.some_unreadable = true,
            }
        }
        self.alerts.sort_by_key(|(_, times)| Reverse(times.raised));
        self.alerts.truncate(limit);
    }

    /// Adds the newest events.
    async fn hunt(&mut self, ask: &Ask<'_>, subject: &Subject, sha1: Option<&str>, room: usize) {
        let Some(table) = Table::of(subject).filter(|_| room > 0) else { return };
        let Some(query) = kql::events(subject, sha1, room) else { return };
        let rows = match ask.hunt(&query).await {
            Ok(rows) => rows,
            Err(error) => {
                self.hunt_failed = true;
                if error.code() == Code::PERMISSION_DENIED {
                    self.denied = Some(error);
                } else {
                    self.errors.add(error);
                }
                return;
            }
        };
        self.some_unreadable |= rows.some_unreadable;
        let mut seen = HashSet::new();
        for row in rows.rows {
            match Event::of(table, row) {
                Some(event) if seen.insert(event.key()) => self.events.push(event),
                Some(_) => {}
                None => self.some_unreadable = true,
            }
        }
        self.events.sort_by_key(|event| Reverse(event.time));
        self.events.truncate(room);
    }
}
