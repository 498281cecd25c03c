//! The entities of one answer.

use std::collections::HashSet;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{Edge, Entity, Indicator, Judgement, Observable, Reference, Relationship, Sighting, Verdict};

/// Entities in the order in which they were found: none twice.
///
/// In JSON it is the `data` of an answer: a list with its count for each type of entity that there is.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Bundle {
    #[serde(skip_serializing_if = "Collection::is_empty")]
    pub(super) verdicts: Collection<Verdict>,
    #[serde(skip_serializing_if = "Collection::is_empty")]
    pub(super) judgements: Collection<Judgement>,
    #[serde(skip_serializing_if = "Collection::is_empty")]
    pub(super) sightings: Collection<Sighting>,
    #[serde(skip_serializing_if = "Collection::is_empty")]
    pub(super) indicators: Collection<Indicator>,
    #[serde(skip_serializing_if = "Collection::is_empty")]
    pub(super) relationships: Collection<Relationship>,
    #[serde(skip)]
    seen: HashSet<Identity>,
}

/// By what an entity is known: a verdict has no id, but one disposition holds for an observable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// Entities with an id.
    Id(Reference),
    /// Verdicts.
    VerdictOn(Observable),
}

/// What a [`Bundle`] may hold.
pub trait Item: Sized {
    /// By what it is known in the bundle.
    fn identity(&self) -> Identity;
    /// The list of its type.
    fn list(bundle: &mut Bundle) -> &mut Vec<Self>;
}

impl Bundle {
    /// A bundle without entities.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entity, unless it is there already: the first of an id stays, as does the first verdict on an
    /// observable. Says whether it was added.
    pub fn push<T: Item>(&mut self, entity: T) -> bool {
        let new = self.seen.insert(entity.identity());
        if new {
            T::list(self).push(entity);
        }
        new
    }

    /// Adds the edge from one entity to another; both have to be in the bundle when it is answered.
    ///
    /// Only the pairs for which CTIM defines the edge compile; an indicator is no sighting of anything:
    ///
    /// ```compile_fail,E0277
    /// # use relay_core::ctim::{Bundle, Indicator, Sighting, SightingOf};
    /// fn wrong(bundle: &mut Bundle, sighting: &Sighting, indicator: &Indicator) {
    ///     bundle.relate(indicator, SightingOf, sighting);
    /// }
    /// ```
    pub fn relate<S: Entity, E: Edge<S, T>, T: Entity>(&mut self, source: &S, edge: E, target: &T) {
        self.push(Relationship::new(source, edge, target));
    }

    /// Adds the entities of another bundle behind those of this one.
    pub fn merge(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        self.extend(other.verdicts.docs);
        self.extend(other.judgements.docs);
        self.extend(other.sightings.docs);
        self.extend(other.indicators.docs);
        self.extend(other.relationships.docs);
    }

    /// Makes the bundle know its entities again after some have left its lists.
    pub(super) fn note_identities(&mut self) {
        fn identities<T: Item>(list: &Collection<T>) -> impl Iterator<Item = Identity> {
            list.docs.iter().map(Item::identity)
        }
        self.seen = identities(&self.verdicts)
            .chain(identities(&self.judgements))
            .chain(identities(&self.sightings))
            .chain(identities(&self.indicators))
            .chain(identities(&self.relationships))
            .collect();
    }

    /// Whether there is no entity.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// How many entities there are of each type, by the type's name in the answer.
    pub fn counts(&self) -> [(&'static str, usize); 5] {
        [
            ("verdicts", self.verdicts.docs.len()),
            ("judgements", self.judgements.docs.len()),
            ("sightings", self.sightings.docs.len()),
            ("indicators", self.indicators.docs.len()),
            ("relationships", self.relationships.docs.len()),
        ]
    }

    /// How many entities there are.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// The verdicts.
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts.docs
    }

    /// The judgements.
    pub fn judgements(&self) -> &[Judgement] {
        &self.judgements.docs
    }

    /// The sightings.
    pub fn sightings(&self) -> &[Sighting] {
        &self.sightings.docs
    }

    /// The indicators.
    pub fn indicators(&self) -> &[Indicator] {
        &self.indicators.docs
    }

    /// The relationships.
    pub fn relationships(&self) -> &[Relationship] {
        &self.relationships.docs
    }
}

impl<T: Item> Extend<T> for Bundle {
    fn extend<I: IntoIterator<Item = T>>(&mut self, entities: I) {
        for entity in entities {
            self.push(entity);
        }
    }
}

/// Entities of one type: `{"count": 2, "docs": [...]}`.
#[derive(Clone, Debug)]
pub struct Collection<T> {
    pub(super) docs: Vec<T>,
}

impl<T> Collection<T> {
    fn is_empty(&self) -> bool {
        self.docs.is_empty()
    }
}

// Not derived: an empty list needs no default entity.
impl<T> Default for Collection<T> {
    fn default() -> Self {
        Self { docs: Vec::new() }
    }
}

impl<T: Serialize> Serialize for Collection<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Collection", 2)?;
        fields.serialize_field("count", &self.docs.len())?;
        fields.serialize_field("docs", &self.docs)?;
        fields.end()
    }
}

/// Says in which list of a bundle the entities with an id go.
macro_rules! items {
    ($($entity:ty => $list:ident;)+) => {$(
        impl Item for $entity {
            fn identity(&self) -> Identity {
                Identity::Id(self.id().into())
            }

            fn list(bundle: &mut Bundle) -> &mut Vec<Self> {
                &mut bundle.$list.docs
            }
        }
    )+};
}

items! {
    Judgement => judgements;
    Sighting => sightings;
    Indicator => indicators;
    Relationship => relationships;
}

impl Item for Verdict {
    fn identity(&self) -> Identity {
        Identity::VerdictOn(self.observable().clone())
    }

    fn list(bundle: &mut Bundle) -> &mut Vec<Self> {
        &mut bundle.verdicts.docs
    }
}
