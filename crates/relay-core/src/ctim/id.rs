//! Entity ids: the same fact about the same observable has the same id in every answer.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use serde::{Serialize, Serializer};
use sha1::{Digest, Sha1};
use uuid::{Builder, Uuid};

use super::{Entity, Observable};

/// The types of entities that have an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    kind: Kind,
    uuid: Uuid,
}

/// Room for the text of an id.
pub(super) type Buffer = [u8; 64];

impl Reference {
    /// Derives the id from what makes the entity the one it is: the relay, the type, the natural key, which
    /// names the fact at the provider and may come in pieces, and the observable that was asked for. Never from
    /// the time.
    ///
    /// The uuid is of version 5 in the URL namespace, over these parts joined with U+001F (unit separator).
    pub(super) fn derive(relay: &str, kind: Kind, natural_key: &[&str], about: Option<&Observable>) -> Self {
        const SEPARATOR: &str = "\u{1f}";
        // As `Uuid::new_v5`, without a copy of the parts and with the processor's own instructions.
        let mut hash = Sha1::new();
        hash.update(Uuid::NAMESPACE_URL.as_bytes());
        let mut add = |piece: &str| hash.update(piece.as_bytes());
        [relay, SEPARATOR, kind.as_str(), SEPARATOR].into_iter().for_each(&mut add);
        natural_key.iter().copied().for_each(&mut add);
        if let Some(about) = about {
            [SEPARATOR, about.kind().as_str(), SEPARATOR, about.value()].into_iter().for_each(&mut add);
        }
        let mut bytes = uuid::Bytes::default();
        bytes.copy_from_slice(&hash.finalize()[..16]);
        Self { kind, uuid: Builder::from_sha1_bytes(bytes).into_uuid() }
    }

    /// The type of the entity.
    pub fn kind(self) -> Kind {
        self.kind
    }

    /// The text of it. An answer has hundreds, so they do not go through the formatting machinery.
    pub(super) fn text(self, buffer: &mut Buffer) -> &str {
        let mut end = 0;
        let mut uuid = Uuid::encode_buffer();
        let uuid: &str = self.uuid.hyphenated().encode_lower(&mut uuid);
        for part in ["transient:", self.kind.as_str(), "-", uuid] {
            buffer[end..end + part.len()].copy_from_slice(part.as_bytes());
            end += part.len();
        }
        std::str::from_utf8(&buffer[..end]).unwrap_or_default()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text(&mut [0; 64]))
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text(&mut [0; 64]))
    }
}

/// The uuid alone: it is a hash of the type too.
impl Hash for Reference {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.uuid.as_u128());
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
