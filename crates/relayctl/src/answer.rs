//! Responses of relays, read leniently: they may come from anything.

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use relayctl::observables::Observable;

/// The envelope of every response.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Answer {
    /// The results; their form depends on the endpoint.
    pub(crate) data: Option<Value>,
    /// What went wrong.
    #[serde(default)]
    pub(crate) errors: Vec<Problem>,
}

/// The code of what this program says itself where a relay does not.
const NO_ANSWER: &str = "no answer";

/// Words for what a relay says of an observable. The same in tables, JSON and on the page.
pub(crate) mod words {
    /// It was looked up, and the relay knows something.
    pub(crate) const FOUND: &str = "found";
    /// It was looked up, and the relay knows nothing.
    pub(crate) const NOTHING_KNOWN: &str = "nothing known";
    /// It was not looked up: the relay does not do so for this type.
    pub(crate) const NOT_ASKED: &str = "not asked";
    /// Nobody knows: the lookup failed.
    pub(crate) const FAILED: &str = "failed";
}

/// One entry of `errors`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub(crate) struct Problem {
    /// `fatal`, `error` or `warning`.
    #[serde(rename = "type")]
    pub(crate) severity: String,
    /// The kind of failure.
    pub(crate) code: String,
    /// The message for the user.
    pub(crate) message: String,
}

impl Problem {
    /// That there is no answer to read.
    pub(crate) fn no_answer(error: &anyhow::Error) -> Self {
        Self { severity: "fatal".to_owned(), code: NO_ANSWER.to_owned(), message: format!("{error:#}") }
    }

    /// Whether there was no answer to read.
    pub(crate) fn is_no_answer(&self) -> bool {
        self.code == NO_ANSWER
    }

    /// Whether it is more than a warning about an incomplete response.
    pub(crate) fn is_failure(&self) -> bool {
        self.severity != "warning"
    }
}

/// The entities of `/observe/observables` and `/deliberate/observables`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Entities {
    pub(crate) verdicts: Docs<Opinion>,
    pub(crate) judgements: Docs<Opinion>,
    pub(crate) sightings: Docs<Sighting>,
    pub(crate) indicators: Docs<Indicator>,
}

/// A list of entities with its count.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Docs<T> {
    pub(crate) docs: Vec<T>,
}

impl<T> Default for Docs<T> {
    fn default() -> Self {
        Self { docs: Vec::new() }
    }
}

/// A verdict or a judgement.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Opinion {
    pub(crate) observable: Observable,
    pub(crate) disposition_name: String,
    pub(crate) reason: Option<String>,
    pub(crate) valid_time: ValidTime,
}

/// Until when something holds.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ValidTime {
    pub(crate) end_time: Option<String>,
}

/// A sighting.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Sighting {
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) severity: Option<String>,
    #[serde(rename = "observed_time")]
    pub(crate) observed: Observed,
    pub(crate) relations: Vec<Relation>,
    #[serde(rename = "source_uri")]
    pub(crate) page: Option<String>,
}

/// When something was seen.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Observed {
    #[serde(rename = "start_time")]
    pub(crate) start: String,
}

/// A relation between two observables.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Relation {
    pub(crate) source: Observable,
    #[serde(rename = "relation")]
    pub(crate) kind: String,
    pub(crate) related: Observable,
}

/// An indicator.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Indicator {
    pub(crate) title: Option<String>,
    pub(crate) producer: Option<String>,
}

/// A link of `/refer/observables` or an action of `/respond/observables`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Offer {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) url: Option<String>,
}

/// The dispositions of CTIM, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Disposition {
    Malicious,
    Suspicious,
    Unknown,
    Common,
    Clean,
}

impl Disposition {
    /// By its name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Malicious, Self::Suspicious, Self::Unknown, Self::Common, Self::Clean]
            .into_iter()
            .find(|one| one.name() == name)
    }

    /// As CTIM spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Malicious => "Malicious",
            Self::Suspicious => "Suspicious",
            Self::Unknown => "Unknown",
            Self::Common => "Common",
            Self::Clean => "Clean",
        }
    }
}

impl Entities {
    /// The verdict, or the worst judgement if there is none.
    pub(crate) fn disposition(&self) -> Option<Disposition> {
        let worst = |opinions: &Docs<Opinion>| {
            opinions.docs.iter().filter_map(|one| Disposition::named(&one.disposition_name)).min()
        };
        worst(&self.verdicts).or_else(|| worst(&self.judgements))
    }

    /// The relations of all sightings.
    pub(crate) fn relations(&self) -> impl Iterator<Item = &Relation> {
        self.sightings.docs.iter().flat_map(|sighting| &sighting.relations)
    }

    /// Whether nothing was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.verdicts.docs.is_empty()
            && self.judgements.docs.is_empty()
            && self.sightings.docs.is_empty()
            && self.indicators.docs.is_empty()
    }
}
