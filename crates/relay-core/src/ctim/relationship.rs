//! Directed edges between entities.

use serde::Serialize;

use super::id::Buffer;
use super::{Entity, EntityId, Indicator, Judgement, Kind, Observable, Reference, SCHEMA_VERSION, Sighting};

/// A directed edge; it points from the source to the target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Relationship {
    #[serde(rename = "type")]
    kind: Kind,
    id: Reference,
    schema_version: &'static str,
    #[serde(rename = "relationship_type")]
    edge: &'static str,
    source_ref: Reference,
    target_ref: Reference,
    #[serde(skip)]
    relay: &'static str,
    #[serde(skip)]
    about: Option<Observable>,
}

impl Relationship {
    /// Joins two entities; only the pairs for which CTIM defines the edge compile.
    ///
    /// It concerns the observable of its source, or else that of its target.
    pub fn new<S: Entity, E: Edge<S, T>, T: Entity>(source: &S, _: E, target: &T) -> Self {
        let source_ref: Reference = source.id().into();
        let target_ref: Reference = target.id().into();
        let (mut one, mut other): (Buffer, Buffer) = ([0; 64], [0; 64]);
        let natural_key = [E::NAME, ":", source_ref.text(&mut one), ":", target_ref.text(&mut other)];
        let about = source.about().or(target.about());
        Self {
            kind: Kind::Relationship,
            id: Reference::derive(source.relay(), Kind::Relationship, &natural_key, about),
            schema_version: SCHEMA_VERSION,
            edge: E::NAME,
            source_ref,
            target_ref,
            relay: source.relay(),
            about: about.cloned(),
        }
    }

    /// The ids of its source and its target.
    pub fn ends(&self) -> [Reference; 2] {
        [self.source_ref, self.target_ref]
    }
}

impl Entity for Relationship {
    const KIND: Kind = Kind::Relationship;

    fn id(&self) -> EntityId<Self> {
        EntityId::new(self.id)
    }

    fn relay(&self) -> &'static str {
        self.relay
    }

    fn about(&self) -> Option<&Observable> {
        self.about.as_ref()
    }
}

/// A type of relationship, implemented for each pair of entities that it may join.
pub trait Edge<Source, Target> {
    /// The name in JSON.
    const NAME: &'static str;
}

/// Declares edges: the name, what it means, and the pairs that it joins.
macro_rules! edges {
    ($($(#[$doc:meta])* $edge:ident = $name:literal: $($source:ident -> $target:ident),+;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $edge;

        $(
            impl Edge<$source, $target> for $edge {
                const NAME: &'static str = $name;
            }
        )+
    )+};
}

edges! {
    /// A pattern, rule or engine matched.
    SightingOf = "sighting-of": Sighting -> Indicator;
    /// The observable is in a feed, list or collection.
    MemberOf = "member-of": Sighting -> Indicator;
    /// The source rests on the target.
    BasedOn = "based-on":
        Sighting -> Judgement,
        Sighting -> Sighting,
        Judgement -> Indicator,
        Indicator -> Indicator;
    /// The judgement comes from a feed or list.
    ElementOf = "element-of": Judgement -> Indicator;
}

/// Declares edges that may join any two entities.
macro_rules! loose_edges {
    ($($(#[$doc:meta])* $edge:ident = $name:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $edge;

        impl<S: Entity, T: Entity> Edge<S, T> for $edge {
            const NAME: &'static str = $name;
        }
    )+};
}

loose_edges! {
    /// The two have to do with each other; only when nothing else fits.
    RelatedTo = "related-to";
    /// The source was made from the target; only when nothing else fits.
    DerivedFrom = "derived-from";
    /// Both tell the same; only when nothing else fits.
    DuplicateOf = "duplicate-of";
}
