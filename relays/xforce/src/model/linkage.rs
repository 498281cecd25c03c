//! Collections.

use compact_str::CompactString;
use relay_core::lenient::{self, List};
use serde::Deserialize;
use serde::de::Deserializer;

/// `GET /api/linkage/...`.
#[derive(Debug, Default, Deserialize)]
pub struct Linkage {
    /// What is linked; only collections are read.
    #[serde(default = "lenient::missing", rename = "linkedEntities", deserialize_with = "linked")]
    pub linked: List<Linked>,
}

/// Reads the list of what is linked; none counts as empty.
fn linked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<List<Linked>, D::Error> {
    lenient::field(deserializer).map(Option::unwrap_or_default)
}

/// A collection.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Linked {
    /// Opaque identifier.
    #[serde(deserialize_with = "lenient::field")]
    pub id: Option<CompactString>,
    /// `casefile` for a collection.
    #[serde(rename = "type", deserialize_with = "lenient::field")]
    pub kind: Option<CompactString>,
    /// Free text.
    #[serde(deserialize_with = "lenient::field")]
    pub title: Option<CompactString>,
    /// When it was made.
    #[serde(deserialize_with = "lenient::field")]
    pub created: Option<CompactString>,
    /// `1owned`, `2shared`, `3public` or `4premier`.
    #[serde(deserialize_with = "lenient::field")]
    pub category: Option<CompactString>,
    /// Who made it.
    #[serde(deserialize_with = "lenient::field")]
    pub owner: Option<Owner>,
}

/// Who made a collection; nothing but the name is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Owner {
    /// The name.
    #[serde(deserialize_with = "lenient::field")]
    pub name: Option<CompactString>,
}

lenient::object!(Linkage, Linked, Owner);
