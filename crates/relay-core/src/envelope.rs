//! The form of every answer: `{"data": ..., "errors": [...]}`.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use crate::capability::Offered;
use crate::ctim::Bundle;
use crate::error::{Code, Error, Errors, Severity};
use crate::lookup::Lookup;
use crate::quota::AccountQuota;
use crate::selection::Selection;
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
    pub(crate) errors: usize,
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
    pub(crate) fn of<D: Serialize>(envelope: &Envelope<D>, observables: usize) -> Self {
        Self::written(200, envelope, observables, 0)
    }

    /// `expected` is about how many bytes the answer will have: room that need not be found while writing.
    fn written<D: Serialize>(
        status: u16,
        envelope: &Envelope<D>,
        observables: usize,
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
                stats: Stats { observables, errors: envelope.errors.len(), outcome, ..Stats::default() },
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
        Self::written(status, &Envelope::<()> { data: None, errors: error.into() }, 0, 0)
    }

    /// A fault of this program. What it is stands in the log; the caller learns nothing of the inside.
    pub(crate) fn bug(what: &str) -> Self {
        log::error!("a fault of this program: {what}");
        let json = json!({"errors": [{
            "type": "fatal",
            "code": Code::UNKNOWN,
            "message": "The relay failed to answer. This is a fault of the relay; its log says more.",
        }]});
        Self {
            status: 500,
            json: json.to_string().into_bytes(),
            stats: Stats { errors: 1, outcome: Outcome::Error, ..Stats::default() },
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
            Reply::of(&Envelope { data: Some(data), errors }, 0)
        }
        Err(error) => Reply::failed(error.with_severity(Severity::Fatal)),
    }
}

/// An answer that is nothing but data.
pub(crate) fn data<D: Serialize>(data: D) -> Reply {
    Reply::of(&Envelope::data(data), 0)
}

/// The answer of `/tiles/tile-data`, and how long it may be kept. Where there are data, no failure is fatal.
pub(crate) fn shown(tile: &'static Tile, window: &Window, mut shown: Shown) -> (Reply, Option<Duration>) {
    let Some(data) = shown.data.take() else {
        return (Reply::of(&Envelope::<()> { data: None, errors: shown.errors }, 0), None);
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
    (Reply::of(&Envelope { data: Some(answer), errors: shown.errors.clone() }, 0), lasts)
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
    let mut reply = Reply::written(200, &Envelope { data, errors }, asked, expected);
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
    Reply::of(&Envelope { data, errors }, about.observables.len())
}

/// The answer of `/respond/trigger`: the failure is in the status and in the errors.
pub(crate) fn triggered(outcome: Result<(), Error>) -> Reply {
    match outcome {
        Ok(()) => Reply::of(&Envelope::data(json!({"status": "success"})), 1),
        Err(error) => {
            Reply::of(&Envelope { data: Some(json!({"status": "failure"})), errors: error.into() }, 1)
        }
    }
}
