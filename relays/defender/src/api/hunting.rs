//! Advanced hunting, by the API of Defender for Endpoint or by Microsoft Graph.
//!
//! The former ends on 1 February 2027, the latter needs a consent that older installations lack. So, where both
//! may be used, the other one is tried when one refuses, and what works is remembered for an hour.

use jiff::Timestamp;
use relay_core::error::{Code, Error};
use relay_core::escape::UrlBuilder;
use relay_core::lenient::List;
use relay_core::provider::Failure;
use serde_json::json;

use super::{ApiKind, DEFENDER_HUNTING, DefenderApi, GRAPH_HUNTING};
use crate::memory::{HOUR, HuntingApi, Provider};
use crate::model::{HuntingResult, Row};
use crate::module::TITLE;
use crate::settings::{Endpoint, Hunting};

/// From here on Defender's own API is no longer asked first.
const END_OF_DEFENDER_API: Timestamp = Timestamp::constant(1_801_440_000, 0); // 2027-02-01T00:00:00Z

/// Why a query found nothing.
#[derive(Debug)]
pub enum HuntFailure {
    /// The query is refused as a query (400).
    Refused(&'static ApiKind, Failure),
    /// The answer is too large.
    TooLarge(&'static ApiKind, Failure),
    /// The tenant or the application may not hunt.
    Denied(&'static ApiKind, Failure),
    /// There is no hunting for this tenant; the error says why.
    Gone(Error),
    /// The call failed.
    Failed(&'static ApiKind, Failure),
}

impl HuntFailure {
    fn of(provider: Provider, failure: Failure) -> Self {
        let kind = provider.kind();
        match failure.status() {
            Some(400) => Self::Refused(kind, failure),
            Some(403) => Self::Denied(kind, failure),
            _ if matches!(failure, Failure::TooLarge(_)) => Self::TooLarge(kind, failure),
            _ => Self::Failed(kind, failure),
        }
    }
}

impl DefenderApi<'_> {
    /// Runs a query where hunting is asked at all.
    ///
    /// # Errors
    /// It failed, or the tenant's application may not hunt.
    pub async fn hunt(&self, query: &str) -> Result<List<Row>, HuntFailure> {
        match &self.relay.settings.hunting {
            Hunting::Off => Ok(List::default()),
            Hunting::Defender => self.only(Provider::Defender, None, query).await,
            Hunting::Graph(graph) => self.only(Provider::Graph, Some(graph), query).await,
            Hunting::Either(graph) => self.either(graph, query).await,
        }
    }

    /// Whether a hunting API may be asked for this tenant's application, as far as is known.
    pub fn may_hunt(&self) -> bool {
        let known = self.relay.memory.hunting_api.recall(&self.call.credential(), self.call.now());
        self.relay.settings.hunting != Hunting::Off && !matches!(known, Some(HuntingApi::Gone(_)))
    }

    async fn only(
        &self,
        provider: Provider,
        graph: Option<&Endpoint>,
        query: &str,
    ) -> Result<List<Row>, HuntFailure> {
        let (credential, now) = (self.call.credential(), self.call.now());
        if let Some(HuntingApi::Gone(warning)) = self.relay.memory.hunting_api.recall(&credential, now) {
            return Err(HuntFailure::Gone(warning));
        }
        match self.run(provider, graph, query).await {
            Err(failure) if matches!(failure.status(), Some(404 | 410)) => {
                let warning = gone(provider);
                let known = HuntingApi::Gone(warning.clone());
                self.relay.memory.hunting_api.remember(credential, known, HOUR, now);
                Err(HuntFailure::Gone(warning))
            }
            outcome => outcome.map_err(|failure| HuntFailure::of(provider, failure)),
        }
    }

    async fn either(&self, graph: &Endpoint, query: &str) -> Result<List<Row>, HuntFailure> {
        let (credential, now) = (self.call.credential(), self.call.now());
        let memory = &self.relay.memory.hunting_api;
        let first = match memory.recall(&credential, now) {
            Some(HuntingApi::Gone(warning)) => return Err(HuntFailure::Gone(warning)),
            Some(HuntingApi::Works(provider)) => provider,
            None if now < END_OF_DEFENDER_API => Provider::Defender,
            None => Provider::Graph,
        };
        let refusal = match self.run(first, Some(graph), query).await {
            Err(failure) if self.is_refusal(&failure) => failure,
            outcome => return outcome.map_err(|failure| HuntFailure::of(first, failure)),
        };
        let second = first.other();
        match self.run(second, Some(graph), query).await {
            Ok(rows) => {
                memory.remember(credential, HuntingApi::Works(second), HOUR, now);
                Ok(rows)
            }
            // The other one works; what it says of the query counts.
            Err(failure) if matches!(failure.status(), Some(400 | 429)) => {
                memory.remember(credential, HuntingApi::Works(second), HOUR, now);
                Err(HuntFailure::of(second, failure))
            }
            Err(failure) if self.is_refusal(&failure) => {
                let error = neither([(first, &refusal), (second, &failure)]);
                memory.remember(credential, HuntingApi::Gone(error.clone()), HOUR, now);
                Err(HuntFailure::Gone(error))
            }
            Err(_) if matches!(refusal.status(), Some(404 | 410)) => Err(HuntFailure::Gone(gone(first))),
            Err(_) => Err(HuntFailure::of(first, refusal)),
        }
    }

    async fn run(
        &self,
        provider: Provider,
        graph: Option<&Endpoint>,
        query: &str,
    ) -> Result<List<Row>, Failure> {
        let own = &self.relay.settings.api;
        let (url, api, body) = match (provider, graph) {
            (Provider::Graph, Some(graph)) => {
                let url = UrlBuilder::new(&graph.url).path("security/runHuntingQuery");
                (url, graph, json!({"Query": query, "Timespan": "P30D"}))
            }
            _ => (self.url().path("advancedqueries/run"), own, json!({"Query": query})),
        };
        let kind = provider.kind();
        // It only reads, though it is no GET. Sent without the usual rules: what a refusal means depends on the other
        // API, and a refused login to one must not stop the calls of the other.
        let request = self.caller(api).post(kind.name, url.build()).json(&body).repeatable().cached().bulk();
        let answer = Box::pin(request.kind(kind.name).rate(&kind.rate).send()).await;
        let result = answer.and_then(|answer| answer.object::<HuntingResult>());
        self.note(kind, result.map(|result| result.rows))
    }

    /// Whether the other API may have an answer: this one is forbidden, unknown, gone or not licensed.
    fn is_refusal(&self, failure: &Failure) -> bool {
        match failure.status() {
            Some(403 | 404 | 410) => true,
            Some(401) => self.any_success(),
            _ => false,
        }
    }
}

impl Provider {
    fn kind(self) -> &'static ApiKind {
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

/// The only API that may be asked is gone.
fn gone(provider: Provider) -> Error {
    let message = match provider {
        Provider::Defender => {
            "Device events are missing: hunting by Defender's own API is gone; set RELAY_PROVIDER__GRAPH_URL and \
             RELAY_PROVIDER__GRAPH_SCOPE, and consent to ThreatHunting.Read.All of Microsoft Graph"
        }
        Provider::Graph => {
            "Device events are missing: Microsoft Graph offers no advanced hunting at RELAY_PROVIDER__GRAPH_URL"
        }
    };
    Error::warning(Code::PERMISSION_DENIED, message)
}

/// Why neither API answers. That one is unknown or gone says nothing to the user if the other one's failure can be
/// mended.
fn neither(failures: [(Provider, &Failure); 2]) -> Error {
    let telling = failures.iter().find(|(_, failure)| !matches!(failure.status(), Some(404 | 410)));
    match telling {
        Some((provider, failure)) => {
            super::failures::error(provider.kind(), failure).with_code(Code::PERMISSION_DENIED)
        }
        None => Error::warning(
            Code::PERMISSION_DENIED,
            format!(
                "Device events are missing: neither {TITLE} nor Microsoft Graph offers advanced hunting to this tenant"
            ),
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
}
