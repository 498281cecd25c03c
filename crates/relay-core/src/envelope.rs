//! The form of every answer: `{"data": ..., "errors": [...]}`.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use crate::capability::Offered;
use crate::ctim::Bundle;
use crate::error::{Code, Error, Errors, Severity};
use crate::lookup::Lookup;
use crate::observable::{Observable, Trigger};
use crate::quota::AccountQuota;
use crate::selection::Selection;
use crate::telemetry::LoggedErrors;
use crate::tiles::{Answer, Period, Shown, Tile, Window};

/// About the size of an entity in JSON: relationships have 300 bytes, sightings 700 and more.
pub(crate) const ENTITY_BYTES: usize = 768;

/// An answer on its way out, with the figures for the log and the metrics.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) json: Vec<u8>,
    pub(crate) stats: Stats,
}

/// What the access log says of an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stats {
    pub(crate) observables: usize,
    pub(crate) entities: Vec<(&'static str, usize)>,
    pub(crate) provider_calls: u32,
    /// Boxed: a reply is an error of some functions, and has to be small.
    pub(crate) errors: Box<LoggedErrors>,
    pub(crate) outcome: Outcome,
    pub(crate) tile: Option<(&'static str, Period)>,
}

/// How an answer went, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Outcome {
    #[default]
    Ok,
    /// Something was left out.
    Warning,
    /// Something failed.
    Error,
}

impl Outcome {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// `data` and `errors`, each left out when there is nothing to say.
#[derive(Serialize)]
pub(crate) struct Envelope<D> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<D>,
    #[serde(skip_serializing_if = "Errors::is_empty")]
    errors: Errors,
}

impl<D: Serialize> Envelope<D> {
    pub(crate) fn data(data: D) -> Self {
        Self { data: Some(data), errors: Errors::default() }
    }
}

impl Reply {
    pub(crate) fn of<D: Serialize>(envelope: &Envelope<D>) -> Self {
        Self::written(200, envelope, std::iter::empty(), 0)
    }

    /// An answer about observables.
    fn about<D: Serialize>(envelope: &Envelope<D>, observables: &[Observable], expected: usize) -> Self {
        let mut reply = Self::written(200, envelope, observables.iter().map(Observable::value), expected);
        reply.stats.observables = observables.len();
        reply
    }

    /// `expected` is about how many bytes the answer will have: room that need not be found while writing. `values` are
    /// kept out of the log.
    fn written<'v, D: Serialize>(
        status: u16,
        envelope: &Envelope<D>,
        values: impl Iterator<Item = &'v str>,
        expected: usize,
    ) -> Self {
        let outcome = match envelope.errors.iter().map(Error::severity).min_by_key(|severity| *severity as u8)
        {
            None => Outcome::Ok,
            Some(Severity::Warning) => Outcome::Warning,
            Some(Severity::Fatal | Severity::Error) => Outcome::Error,
        };
        let mut json = Vec::with_capacity(expected.max(128));
        match serde_json::to_writer(&mut json, envelope) {
            Ok(()) => Self {
                status,
                json,
                stats: Stats {
                    errors: Box::new(LoggedErrors::of(envelope.errors.iter(), values)),
                    outcome,
                    ..Stats::default()
                },
            },
            Err(error) => Self::bug(&error.to_string()),
        }
    }

    /// Nothing but a failure.
    pub(crate) fn failed(error: Error) -> Self {
        Self::refused(200, error)
    }

    /// Nothing but a failure of the HTTP request itself.
    pub(crate) fn refused(status: u16, error: Error) -> Self {
        Self::written(status, &Envelope::<()> { data: None, errors: error.into() }, std::iter::empty(), 0)
    }

    /// A fault of this program. What it is stands in the log; the caller learns nothing of the inside.
    pub(crate) fn bug(what: &str) -> Self {
        log::error!("a fault of this program: {what}");
        let message = "The relay failed to answer. This is a fault of the relay; its log says more.";
        let error = Error::fatal(Code::UNKNOWN, message);
        let errors = Box::new(LoggedErrors::of([&error].into_iter(), std::iter::empty()));
        Self {
            status: 500,
            json: json!({"errors": [error]}).to_string().into_bytes(),
            stats: Stats { errors, outcome: Outcome::Error, ..Stats::default() },
        }
    }
}

/// The answer of `/health`.
pub(crate) fn health(outcome: Result<Vec<AccountQuota>, Error>, warning: Option<Error>) -> Reply {
    match outcome {
        Ok(quotas) => {
            let mut data = json!({"status": "ok"});
            if !quotas.is_empty() {
                data["quotas"] = quotas.iter().map(|quota| (quota.name().to_owned(), quota.json())).collect();
            }
            let mut errors = Errors::default();
            errors.extend(warning);
            Reply::of(&Envelope { data: Some(data), errors })
        }
        Err(error) => Reply::failed(error.with_severity(Severity::Fatal)),
    }
}

/// An answer that is nothing but data.
pub(crate) fn data<D: Serialize>(data: D) -> Reply {
    Reply::of(&Envelope::data(data))
}

/// The answer of `/tiles/tile-data`, and how long it may be kept. Where there are data, no failure is fatal.
pub(crate) fn shown(tile: &'static Tile, window: &Window, mut shown: Shown) -> (Reply, Option<Duration>) {
    let Some(data) = shown.data.take() else {
        return (Reply::of(&Envelope::<()> { data: None, errors: shown.errors }), None);
    };
    if !data.fits(tile.kind) {
        return (Reply::bug(&format!("the data of the tile {} are not of its kind", tile.id)), None);
    }
    let lowered = std::mem::take(&mut shown.errors).into_iter().map(|error| match error.severity() {
        Severity::Fatal => error.with_severity(Severity::Error),
        Severity::Error | Severity::Warning => error,
    });
    shown.errors.extend(lowered.collect::<Vec<_>>());
    let answer = Answer { tile, window, shown: &shown, data: &data };
    let lasts = shown.errors.is_empty().then(|| answer.valid());
    (Reply::of(&Envelope { data: Some(answer), errors: shown.errors.clone() }), lasts)
}

/// Says that an answer was cut.
pub(crate) fn cut(kept: usize, left_out: usize) -> Error {
    let message = format!(
        "The answer has the first {kept} entities, shared among the observables (RELAY_MAX_ENTITIES), {left_out} were \
         left out; ask for fewer observables at once"
    );
    Error::warning(Code::UNPROCESSED, message)
}

/// The answer of lookups.
pub(crate) fn found(found: Lookup, about: &Selection, cut: Option<Error>) -> Reply {
    let Lookup { bundle, mut errors } = found;
    let asked = about.observables.len();
    errors.finalize(asked);
    errors.extend(about.warning());
    errors.extend(cut);
    let entities = bundle.counts().into_iter().filter(|(_, count)| *count > 0).collect();
    let data: Option<Bundle> = (!bundle.is_empty() || errors.is_empty()).then_some(bundle);
    let expected = data.as_ref().map_or(0, |bundle| bundle.len() * ENTITY_BYTES);
    let mut reply = Reply::about(&Envelope { data, errors }, &about.observables, expected);
    reply.stats.entities = entities;
    reply
}

/// The answer of `/respond/observables`.
pub(crate) fn offered(offered: Offered, about: &Selection) -> Reply {
    let Offered { actions, mut errors } = offered;
    errors.finalize(about.observables.len());
    errors.extend(about.warning());
    listed(actions, errors, about)
}

/// An answer whose data is a list.
pub(crate) fn listed<T: Serialize>(list: Vec<T>, errors: Errors, about: &Selection) -> Reply {
    let data = (!list.is_empty() || errors.is_empty()).then_some(list);
    Reply::about(&Envelope { data, errors }, &about.observables, 0)
}

/// The answer of `/respond/trigger`: the failure is in the status and in the errors.
pub(crate) fn triggered(trigger: &Trigger, outcome: Result<(), Error>) -> Reply {
    let (status, errors) = match outcome {
        Ok(()) => ("success", Errors::default()),
        Err(error) => ("failure", error.into()),
    };
    let values = trigger.params.values().chain([&trigger.observable.value]).map(String::as_str);
    let mut reply =
        Reply::written(200, &Envelope { data: Some(json!({"status": status})), errors }, values, 0);
    reply.stats.observables = 1;
    reply
}
