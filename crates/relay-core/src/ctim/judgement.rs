//! What a source thinks of an observable.

use serde::Serialize;

use super::base::Base;
use super::setters::{base_setters, setters};
use super::{
    Confidence, Disposition, Entity, EntityId, ExternalReference, HttpUrl, Kind, Observable, Origin,
    Severity, ShortText, Timestamp, Tlp, ValidTime,
};

/// The most that an automated system may claim; curated lists and people come after it.
const MAX_PRIORITY: u8 = 90;

/// A source's opinion about one observable, for a time.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Judgement {
    // In a box, since every setter moves the entity, and so does every list that it goes through.
    facts: Box<Facts>,
}

/// A source's opinion about one observable, for a time.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Facts {
    #[serde(flatten)]
    base: Base,
    observable: Observable,
    #[serde(flatten)]
    disposition: Disposition,
    priority: u8,
    confidence: Confidence,
    severity: Severity,
    valid_time: ValidTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<ShortText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_uri: Option<HttpUrl>,
}

impl Judgement {
    /// An opinion about the observable that was asked for. The natural key names it at the provider.
    ///
    /// Until setters say otherwise, its priority is 90 and its confidence and severity are `Unknown`. A time
    /// without a start is written from 1970 on.
    pub fn new(
        origin: Origin,
        natural_key: &str,
        observable: &Observable,
        disposition: Disposition,
        valid_time: ValidTime,
    ) -> Self {
        Self {
            facts: Box::new(Facts {
                base: Base::new(origin, Kind::Judgement, natural_key, Some(observable)),
                observable: observable.clone(),
                disposition,
                priority: MAX_PRIORITY,
                confidence: Confidence::Unknown,
                severity: Severity::Unknown,
                valid_time: valid_time.with_start(),
                reason: None,
                reason_uri: None,
            }),
        }
    }

    base_setters!();

    setters! {
        /// How sure the source is.
        value confidence: Confidence => facts.confidence;
        /// How bad it is.
        value severity: Severity => facts.severity;
        /// Why the source thinks so.
        text reason: 1024 => facts.reason;
        /// Where the reason is explained.
        option reason_uri: HttpUrl => facts.reason_uri;
    }

    /// Its weight against other sources', 0 to 90; more counts as 90, the most for automated systems.
    #[must_use]
    pub fn priority(mut self, priority: u8) -> Self {
        self.facts.priority = priority.min(MAX_PRIORITY);
        self
    }
}

impl Entity for Judgement {
    const KIND: Kind = Kind::Judgement;

    fn id(&self) -> EntityId<Self> {
        EntityId::new(self.facts.base.id)
    }

    fn relay(&self) -> &'static str {
        self.facts.base.relay
    }

    fn about(&self) -> Option<&Observable> {
        Some(&self.facts.observable)
    }
}
