//! Why a sighting matters.

use serde::Serialize;

use super::base::{Base, Words};
use super::setters::{base_setters, description_setters, setters};
use super::{
    Confidence, Entity, EntityId, ExternalReference, HttpUrl, IndicatorType, IntoText, Kind, Observable,
    Origin, Severity, ShortText, Timestamp, Tlp, ValidTime,
};

/// A rule, feed or list that tells what to look for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Indicator {
    // In a box, since every setter moves the entity, and so does every list that it goes through.
    facts: Box<Facts>,
}

/// A rule, feed or list that tells what to look for.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Facts {
    #[serde(flatten)]
    base: Base,
    #[serde(flatten)]
    words: Words,
    producer: ShortText,
    valid_time: ValidTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Severity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<Confidence>,
    #[serde(rename = "indicator_type", skip_serializing_if = "Vec::is_empty")]
    kinds: Vec<IndicatorType>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<ShortText>,
    #[serde(skip)]
    about: Option<Observable>,
}

impl Indicator {
    /// A rule or collection that is one Indicator, whichever observables led to it. The natural key names
    /// it at the provider. Its producer is the origin's source until a setter says otherwise.
    pub fn new(origin: Origin, natural_key: &str, valid_time: ValidTime) -> Self {
        Self::made(origin, natural_key, None, valid_time)
    }

    /// An Indicator whose content depends on the observable that was asked for, as its id then does.
    pub fn for_observable(
        origin: Origin,
        natural_key: &str,
        observable: &Observable,
        valid_time: ValidTime,
    ) -> Self {
        Self::made(origin, natural_key, Some(observable), valid_time)
    }

    fn made(origin: Origin, natural_key: &str, about: Option<&Observable>, valid_time: ValidTime) -> Self {
        Self {
            facts: Box::new(Facts {
                base: Base::new(origin, Kind::Indicator, natural_key, about),
                words: Words::default(),
                producer: ShortText::constant(origin.source()),
                valid_time,
                severity: None,
                confidence: None,
                kinds: Vec::new(),
                tags: Vec::new(),
                about: about.cloned(),
            }),
        }
    }

    base_setters!();
    description_setters!();

    setters! {
        /// How bad a match is.
        option severity: Severity => facts.severity;
        /// How sure a match is.
        option confidence: Confidence => facts.confidence;
    }

    /// Who made it, where that is not the source; none and blank change nothing.
    #[must_use]
    pub fn producer(mut self, producer: impl IntoText<1024>) -> Self {
        if let Some(producer) = producer.into_text() {
            self.facts.producer = producer;
        }
        self
    }

    /// Adds what kind of rule, feed or list it is.
    #[must_use]
    pub fn indicator_type(mut self, indicator_type: impl Into<Option<IndicatorType>>) -> Self {
        self.facts.kinds.extend(indicator_type.into());
        self
    }

    /// Adds a tag, unless it is there already.
    #[must_use]
    pub fn tag(mut self, tag: impl IntoText<1024>) -> Self {
        if let Some(tag) = tag.into_text()
            && !self.facts.tags.contains(&tag)
        {
            self.facts.tags.push(tag);
        }
        self
    }
}

impl Entity for Indicator {
    const KIND: Kind = Kind::Indicator;

    fn id(&self) -> EntityId<Self> {
        EntityId::new(self.facts.base.id)
    }

    fn relay(&self) -> &'static str {
        self.facts.base.relay
    }

    fn about(&self) -> Option<&Observable> {
        self.facts.about.as_ref()
    }
}
