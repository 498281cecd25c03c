//! Something was seen.

use serde::Serialize;

use super::base::{Base, Words};
use super::setters::{base_setters, description_setters, setters};
use super::{
    Confidence, Entity, EntityId, ExternalReference, HttpUrl, Kind, Observable, ObservedRelation,
    ObservedTime, Origin, Relations, Resolution, Sensor, Severity, Table, Target, Timestamp, Tlp,
};

/// When, where and how often an observable was seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Sighting {
    // In a box, since every setter moves the entity, and so does every list that it goes through.
    facts: Box<Facts>,
}

/// When, where and how often an observable was seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Facts {
    #[serde(flatten)]
    base: Base,
    #[serde(flatten)]
    words: Words,
    observables: Vec<Observable>,
    observed_time: ObservedTime,
    confidence: Confidence,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    internal: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Severity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<Resolution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sensor: Option<Sensor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    targets: Option<Vec<Target>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relations: Option<Vec<ObservedRelation>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Table>,
}

impl Sighting {
    /// A sighting of the observable that was asked for. The natural key names the fact at the provider
    /// (an alert, an event, ...) and is the same whenever the fact is reported.
    ///
    /// It counts as seen once, with confidence `Unknown`, until a setter says otherwise.
    pub fn new(
        origin: Origin,
        natural_key: &str,
        observable: &Observable,
        observed_time: ObservedTime,
    ) -> Self {
        Self {
            facts: Box::new(Facts {
                base: Base::new(origin, Kind::Sighting, natural_key, Some(observable)),
                words: Words::default(),
                observables: vec![observable.clone()],
                observed_time,
                confidence: Confidence::Unknown,
                count: 1,
                internal: None,
                severity: None,
                resolution: None,
                sensor: None,
                targets: None,
                relations: None,
                data: None,
            }),
        }
    }

    base_setters!();
    description_setters!();

    setters! {
        /// How sure the source is.
        value confidence: Confidence => facts.confidence;
        /// Whether it was seen in the user's own environment.
        option internal: bool => facts.internal;
        /// How bad it is.
        option severity: Severity => facts.severity;
        /// What became of it.
        option resolution: Resolution => facts.resolution;
        /// The kind of device that reported it.
        option sensor: Sensor => facts.sensor;
        /// A table shown with it.
        option data: Table => facts.data;
    }

    /// How often this was seen; a count of 0 would be no sighting and is taken as 1.
    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.facts.count = count.max(1);
        self
    }

    /// Adds a machine that was affected, unless an equal one is there already.
    #[must_use]
    pub fn target(mut self, target: impl Into<Option<Target>>) -> Self {
        if let Some(target) = target.into() {
            let targets = self.facts.targets.get_or_insert_default();
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        self
    }

    /// How the observables around this sighting relate. None leave the field out.
    #[must_use]
    pub fn relations(mut self, relations: Relations) -> Self {
        if !relations.is_empty() {
            self.facts.relations = Some(relations.into_list());
        }
        self
    }

    /// Writes `relations` also when there are none.
    #[must_use]
    pub fn keep_empty_relations(mut self) -> Self {
        self.facts.relations.get_or_insert_default();
        self
    }

    /// Writes `targets` also when there are none.
    #[must_use]
    pub fn keep_empty_targets(mut self) -> Self {
        self.facts.targets.get_or_insert_default();
        self
    }

    /// Writes `external_references` also when there are none.
    #[must_use]
    pub fn keep_empty_external_references(mut self) -> Self {
        self.facts.base.external_references.get_or_insert_default();
        self
    }

    /// When it was seen, e.g. for its targets.
    pub fn observed_time(&self) -> ObservedTime {
        self.facts.observed_time
    }
}

impl Entity for Sighting {
    const KIND: Kind = Kind::Sighting;

    fn id(&self) -> EntityId<Self> {
        EntityId::new(self.facts.base.id)
    }

    fn relay(&self) -> &'static str {
        self.facts.base.relay
    }

    fn about(&self) -> Option<&Observable> {
        self.facts.observables.first()
    }
}
