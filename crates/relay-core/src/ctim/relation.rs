//! Relations between observables, the context of a sighting.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::{Observable, RelationType, Text};

/// A fact that joins two observables: `source` `relation` `related`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObservedRelation {
    #[serde(serialize_with = "as_str")]
    origin: Arc<str>,
    relation: RelationType,
    #[serde(skip_serializing_if = "Map::is_empty")]
    relation_info: Map<String, Value>,
    source: Observable,
    related: Observable,
}

fn as_str<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// Room for as many is made at once: most sightings that have any have fewer.
const USUAL: usize = 16;

/// Collects the relations of one sighting, in order: none twice, and none from an observable to itself.
#[derive(Clone, Debug)]
pub struct Relations {
    origin: Arc<str>,
    facts: IndexMap<Fact, Map<String, Value>>,
}

/// By what relations are equal.
type Fact = (Observable, RelationType, Observable);

impl Relations {
    /// Relations that `origin` reported.
    pub fn new<const N: usize>(origin: &Text<N>) -> Self {
        Self { origin: origin.as_str().into(), facts: IndexMap::new() }
    }

    /// Adds a relation, unless one of its ends is missing, both are the same or it is there already.
    pub fn add(
        &mut self,
        source: impl Into<Option<Observable>>,
        relation: RelationType,
        related: impl Into<Option<Observable>>,
    ) {
        self.add_with_info(source, relation, related, Map::new());
    }

    /// As [`Relations::add`], with more about the relation in fields of the provider's choice.
    pub fn add_with_info(
        &mut self,
        source: impl Into<Option<Observable>>,
        relation: RelationType,
        related: impl Into<Option<Observable>>,
        relation_info: Map<String, Value>,
    ) {
        let (Some(source), Some(related)) = (source.into(), related.into()) else {
            return;
        };
        if source != related {
            if self.facts.is_empty() {
                self.facts.reserve(USUAL);
            }
            self.facts.entry((source, relation, related)).or_insert(relation_info);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.facts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// Keeps the first `limit`.
    pub fn truncate(&mut self, limit: usize) {
        self.facts.truncate(limit);
    }

    pub(super) fn into_list(self) -> Vec<ObservedRelation> {
        let of = |((source, relation, related), relation_info)| ObservedRelation {
            origin: Arc::clone(&self.origin),
            relation,
            relation_info,
            source,
            related,
        };
        self.facts.into_iter().map(of).collect()
    }
}
