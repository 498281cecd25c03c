//! Entity ids: the same fact about the same observable has the same id in every answer.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::{Serialize, Serializer};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::{Entity, Observable, schema};

/// The types of entities that have an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = EntityType)]
pub enum Kind {
    /// See [`Sighting`](super::Sighting).
    Sighting,
    /// See [`Indicator`](super::Indicator).
    Indicator,
    /// See [`Judgement`](super::Judgement).
    Judgement,
    /// See [`Relationship`](super::Relationship).
    Relationship,
}

impl Kind {
    /// The name in JSON and in ids.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sighting => "sighting",
            Self::Indicator => "indicator",
            Self::Judgement => "judgement",
            Self::Relationship => "relationship",
        }
    }
}

/// The id of an entity of any type, `transient:<type>-<uuid>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    kind: Kind,
    uuid: Uuid,
}

impl Reference {
    /// Derives the id from what makes the entity the one it is: the relay, the type, the natural key, which
    /// names the fact at the provider, and the observable that was asked for. Never from the time.
    ///
    /// The uuid is of version 5 in the URL namespace, over these parts joined with U+001F (unit separator).
    pub(super) fn derive(relay: &str, kind: Kind, natural_key: &str, about: Option<&Observable>) -> Self {
        const SEPARATOR: &str = "\u{1f}";
        let (kind_of_observable, value) = about.map_or(("", ""), |o| (o.kind().as_str(), o.value()));
        let parts = [relay, kind.as_str(), natural_key, kind_of_observable, value];
        let parts = if about.is_some() { &parts[..] } else { &parts[..3] };
        Self { kind, uuid: Uuid::new_v5(&Uuid::NAMESPACE_URL, parts.join(SEPARATOR).as_bytes()) }
    }

    /// The type of the entity.
    pub fn kind(self) -> Kind {
        self.kind
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "transient:{}-{}", self.kind.as_str(), self.uuid)
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl PartialSchema for Reference {
    fn schema() -> RefOr<Schema> {
        const UUID: &str = "[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";
        schema::string().pattern(Some(format!("^transient:[a-z][a-z-]*[a-z]-{UUID}$"))).into()
    }
}

impl ToSchema for Reference {
    fn name() -> Cow<'static, str> {
        "EntityId".into()
    }
}

/// The id of an entity of type `T`.
pub struct EntityId<T> {
    reference: Reference,
    entity: PhantomData<fn() -> T>,
}

impl<T: Entity> EntityId<T> {
    pub(super) fn new(reference: Reference) -> Self {
        Self { reference, entity: PhantomData }
    }
}

impl<T> From<EntityId<T>> for Reference {
    fn from(id: EntityId<T>) -> Self {
        id.reference
    }
}

// Not derived: an id can be copied and compared whatever its entity can.
impl<T> Clone for EntityId<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for EntityId<T> {}

impl<T> PartialEq for EntityId<T> {
    fn eq(&self, other: &Self) -> bool {
        self.reference == other.reference
    }
}

impl<T> Eq for EntityId<T> {}

impl<T> fmt::Debug for EntityId<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntityId({})", self.reference)
    }
}

impl<T> fmt::Display for EntityId<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reference.fmt(f)
    }
}

impl<T> Serialize for EntityId<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.reference.serialize(serializer)
    }
}
