//! What all entities with an id have in common.

use serde::Serialize;

use super::{
    EntityId, ExternalReference, HttpUrl, Kind, LongText, MediumText, Observable, Reference, SCHEMA_VERSION,
    ShortText, Timestamp, Tlp,
};

/// Where a relay's entities come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    relay: &'static str,
    source: &'static str,
}

impl Origin {
    /// The relay's name, which goes into ids, and the `source` that the platform shows.
    ///
    /// # Panics
    /// When one of them is empty, or the source is too long; in a `const` that is an error of the compiler.
    pub const fn new(relay: &'static str, source: &'static str) -> Self {
        assert!(!relay.is_empty(), "a relay without a name");
        assert!(!source.is_empty() && source.len() <= 1024, "an empty or too long source");
        Self { relay, source }
    }

    /// The name that goes into ids.
    pub const fn relay(self) -> &'static str {
        self.relay
    }

    /// The name that the platform shows.
    pub const fn source(self) -> &'static str {
        self.source
    }
}

/// An entity that has an id and may be an end of a [`Relationship`](super::Relationship).
pub trait Entity: Sized {
    /// The type in JSON and in the id.
    const KIND: Kind;

    /// The id, the same whenever the same fact is reported about the same observable.
    fn id(&self) -> EntityId<Self>;

    /// The relay that tells of it.
    fn relay(&self) -> &'static str;

    /// The observable that was asked for; an [`Indicator`](super::Indicator) may stand for many.
    fn about(&self) -> Option<&Observable>;
}

/// What it is and where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Base {
    #[serde(rename = "type")]
    kind: Kind,
    pub(super) id: Reference,
    schema_version: &'static str,
    pub(super) source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source_uri: Option<HttpUrl>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) external_ids: Vec<MediumText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) external_references: Option<Vec<ExternalReference>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timestamp: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tlp: Option<Tlp>,
    #[serde(skip)]
    pub(super) relay: &'static str,
}

impl Base {
    pub(super) fn new(origin: Origin, kind: Kind, natural_key: &str, about: Option<&Observable>) -> Self {
        Self {
            kind,
            id: Reference::derive(origin.relay, kind, &[natural_key], about),
            schema_version: SCHEMA_VERSION,
            source: origin.source,
            source_uri: None,
            external_ids: Vec::new(),
            external_references: None,
            timestamp: None,
            tlp: None,
            relay: origin.relay,
        }
    }
}

/// The words that describe it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Words {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<ShortText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) short_description: Option<MediumText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<LongText>,
}
