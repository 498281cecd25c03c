//! Advanced hunting, by the API of Defender for Endpoint or by Microsoft Graph.
//!
//! The former ends on 1 February 2027, the latter needs a consent that older installations lack. So, where both
//! may be used, the other one is tried when one refuses, and what worked is remembered for an hour.

use std::hash::Hash;

use jiff::{SignedDuration, Timestamp};
use moka::sync::Cache;
use relay_core::error::{Code, Error};
use relay_core::escape::UrlBuilder;
use relay_core::provider::{CredentialKey, Failure};
use serde_json::json;

use super::{Ask, DEFENDER_HUNTING, GRAPH_HUNTING, Kind, address, error};
use crate::model::{Hunted, Row};
use crate::module::TITLE;
use crate::settings::{Api, Hunting};

/// From here on Defender's own API is no longer asked first.
const END_OF_DEFENDER_API: Timestamp = Timestamp::constant(1_801_440_000, 0); // 2027-02-01T00:00:00Z
/// How long it is remembered what works.
const MEMORY: SignedDuration = SignedDuration::from_hours(1);

/// One of the two APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Defender,
    Graph,
}

/// What is known of a tenant's application.
#[derive(Clone, Debug)]
enum Known {
    /// This one answers.
    Works(Way),
    /// Neither does; why.
    Nothing(Error),
}

/// Which API works for whom. Holds for all requests of the process.
pub struct Memory<K = CredentialKey>(Cache<K, (Known, Timestamp)>);

impl<K: Eq + Hash + Send + Sync + 'static> Default for Memory<K> {
    fn default() -> Self {
        Self(Cache::new(10_000))
    }
}

impl<K: Eq + Hash + Send + Sync + 'static> Memory<K> {
    fn recall(&self, whose: &K, now: Timestamp) -> Option<Known> {
        let (known, until) = self.0.get(whose)?;
        (now < until).then_some(known)
    }

    fn note(&self, whose: K, known: Known, now: Timestamp) {
        self.0.insert(whose, (known, now.saturating_add(MEMORY).unwrap_or(now)));
    }
}

/// Rows that were found, and whether there were others that are none.
#[derive(Debug, Default)]
pub struct Rows {
    /// The rows.
    pub rows: Vec<Row>,
    /// Whether some cannot be read.
    pub some_unreadable: bool,
}

impl Ask<'_> {
    /// Runs a query where hunting is asked at all.
    ///
    /// # Errors
    /// It failed, or the tenant's application may not hunt.
    pub async fn hunt(&self, query: &str) -> Result<Rows, Error> {
        match &self.relay.settings.hunting {
            Hunting::Off => Ok(Rows::default()),
            Hunting::Defender => self.only(Way::Defender, None, query).await,
            Hunting::Graph(graph) => self.only(Way::Graph, Some(graph), query).await,
            Hunting::Either(graph) => self.either(graph, query).await,
        }
    }

    async fn only(&self, way: Way, graph: Option<&Api>, query: &str) -> Result<Rows, Error> {
        match self.run(way, graph, query).await {
            Ok(rows) => Ok(rows),
            Err(failure) if matches!(failure.status(), Some(404 | 410)) => Ok(Rows::default()),
            Err(failure) => Err(error(way.kind(), &failure)),
        }
    }

    async fn either(&self, graph: &Api, query: &str) -> Result<Rows, Error> {
        let (whose, now) = (self.call.credential(), self.call.now());
        let first = match self.relay.hunting.recall(&whose, now) {
            Some(Known::Nothing(error)) => return Err(error),
            Some(Known::Works(way)) => way,
            None if now < END_OF_DEFENDER_API => Way::Defender,
            None => Way::Graph,
        };
        let refusal = match self.run(first, Some(graph), query).await {
            Err(failure) if is_refusal(&failure) => failure,
            outcome => return outcome.map_err(|failure| error(first.kind(), &failure)),
        };
        let second = first.other();
        match self.run(second, Some(graph), query).await {
            Ok(rows) => {
                self.relay.hunting.note(whose, Known::Works(second), now);
                Ok(rows)
            }
            Err(failure) => {
                let error = neither([(first, &refusal), (second, &failure)]);
                if is_refusal(&failure) {
                    self.relay.hunting.note(whose, Known::Nothing(error.clone()), now);
                }
                Err(error)
            }
        }
    }

    async fn run(&self, way: Way, graph: Option<&Api>, query: &str) -> Result<Rows, Failure> {
        let api = &self.relay.settings.api;
        let (url, api, body) = match (way, graph) {
            (Way::Graph, Some(graph)) => {
                let url = UrlBuilder::new(&graph.url).path("security/runHuntingQuery");
                (url, graph, json!({"Query": query, "Timespan": "P30D"}))
            }
            _ => (self.api().path("advancedqueries/run"), api, json!({"Query": query})),
        };
        let kind = way.kind();
        let request = self.caller(api).post(kind.name, address(url)?).json(&body);
        // It only reads, though it is no GET.
        let hunted: Hunted = self.read(kind, request.repeatable().cached().bulk()).await?;
        let mut found = Rows::default();
        for row in hunted.rows() {
            match row {
                Some(row) => found.rows.push(row),
                None => found.some_unreadable = true,
            }
        }
        Ok(found)
    }
}

impl Way {
    fn kind(self) -> &'static Kind {
        match self {
            Self::Defender => &DEFENDER_HUNTING,
            Self::Graph => &GRAPH_HUNTING,
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Defender => Self::Graph,
            Self::Graph => Self::Defender,
        }
    }
}

/// Whether the other API may have an answer: this one is forbidden, unknown or gone.
fn is_refusal(failure: &Failure) -> bool {
    matches!(failure.status(), Some(403 | 404 | 410))
}

/// Why neither API answers. That one is unknown or gone says nothing to the user while the other one's failure
/// can be mended.
fn neither(failures: [(Way, &Failure); 2]) -> Error {
    let telling = failures.iter().find(|(_, failure)| !matches!(failure.status(), Some(404 | 410)));
    match telling {
        Some((way, failure)) => error(way.kind(), failure),
        None => Error::fatal(
            Code::PERMISSION_DENIED,
            format!("Neither {TITLE} nor Microsoft Graph offers advanced hunting to this tenant."),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_api_is_the_first_of_february_2027() {
        assert_eq!(END_OF_DEFENDER_API.to_string(), "2027-02-01T00:00:00Z");
    }
    #[test]
    fn what_works_is_remembered_for_an_hour_and_for_its_own_tenant() {
        let memory = Memory::default();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        memory.note("one", Known::Works(Way::Graph), at("2026-11-02T12:00:00Z"));
        let recalled = |whose, now| matches!(memory.recall(&whose, at(now)), Some(Known::Works(Way::Graph)));
        assert!(recalled("one", "2026-11-02T12:59:59Z"));
        assert!(!recalled("one", "2026-11-02T13:00:00Z"));
        assert!(!recalled("other", "2026-11-02T12:00:00Z"));
    }
}
