//! From a request to its answer, without knowing HTTP servers or providers.
//!
//! Checks come first (token, claims, body, in the relay's order), then the lookups, then the envelope. Every
//! outcome is an answer of status 200: failures are entries in `errors`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::auth::{Authenticator, Claims};
use crate::call::{RequestContext, Stops};
use crate::endpoint::Endpoint;
use crate::envelope::{self, Envelope, Reply};
use crate::error::{Code, Error};
use crate::module::{CheckOrder, Module};
use crate::observable::{self, Observable, Trigger};
use crate::provider::{Client, CredentialHasher, CredentialKey, http_client};
use crate::relay::Relay;
use crate::service::{Service, Session};
use crate::settings::{Clock, Settings, SettingsError};
use crate::telemetry::Metrics;

/// What an endpoint needs of an HTTP request.
pub(crate) struct Asked {
    pub(crate) endpoint: Endpoint,
    /// The `Authorization` header as it came.
    pub(crate) authorization: Option<Vec<u8>>,
    /// When it came: its deadline counts from here.
    pub(crate) arrived: Instant,
    /// Scheme and host of the request.
    pub(crate) origin: String,
    pub(crate) body: bytes::Bytes,
}

/// A started relay that answers requests.
pub(crate) struct Engine {
    pub(crate) module: &'static Module,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) auth: Authenticator,
    service: Arc<dyn Service>,
    hasher: CredentialHasher,
    /// Provider calls in flight, by credential.
    permits: Cache<CredentialKey, Arc<Semaphore>>,
    concurrency: usize,
    entities_limit: usize,
    deadline: Duration,
    clock: Clock,
}

/// The body of a request, read for its endpoint.
enum Body {
    None,
    Observables(Vec<Observable>),
    Trigger(Trigger),
}

impl Engine {
    pub(crate) fn start(relay: &Relay, settings: &Settings) -> Result<Self, SettingsError> {
        let module = relay.module();
        let metrics = Arc::new(
            Metrics::new(module.name)
                .map_err(|error| SettingsError::value("admin_listen", error.to_string()))?,
        );
        let http = http_client(module, &settings.provider)?;
        let client = Client::new(http.clone(), settings, Arc::clone(&metrics));
        Ok(Self {
            module,
            auth: Authenticator::new(&settings.auth, http, Arc::clone(&metrics))?,
            service: relay.start(&settings.provider, client)?,
            hasher: CredentialHasher::new()?,
            permits: Cache::builder().max_capacity(100_000).time_to_idle(Duration::from_secs(600)).build(),
            concurrency: settings.provider.max_concurrency.min(relay.max_concurrency()),
            entities_limit: settings.entities_limit,
            deadline: settings.deadline,
            clock: settings.clock,
            metrics,
        })
    }

    /// Answers a request.
    pub(crate) async fn answer(&self, asked: Asked) -> Reply {
        let calls = Arc::new(AtomicU32::new(0));
        let mut reply = match self.checked(&asked, &calls).await {
            Ok((session, body)) => self.work(asked.endpoint, session.as_deref(), body).await,
            Err(error) => Reply::failed(error),
        };
        reply.stats.provider_calls = calls.load(Ordering::Relaxed);
        for (kind, count) in &reply.stats.entities {
            self.metrics.entities(kind, *count);
        }
        reply
    }

    /// Token, claims and body, in the order in which the relay tells their faults.
    async fn checked(
        &self,
        asked: &Asked,
        calls: &Arc<AtomicU32>,
    ) -> Result<(Option<Box<dyn Session>>, Body), Error> {
        match self.module.order {
            CheckOrder::TokenFirst => {
                let session = self.session(asked, calls).await?;
                Ok((session, self.body(asked)?))
            }
            CheckOrder::BodyFirst => {
                let body = self.body(asked)?;
                Ok((self.session(asked, calls).await?, body))
            }
        }
    }

    async fn session(
        &self,
        asked: &Asked,
        calls: &Arc<AtomicU32>,
    ) -> Result<Option<Box<dyn Session>>, Error> {
        if !asked.endpoint.needs_token() {
            return Ok(None);
        }
        let claims = self.auth.verify(asked.authorization.as_deref(), &asked.origin).await?;
        self.service
            .open(&claims, &self.hasher, &mut |credential| self.context(asked, &claims, credential, calls))
            .map(Some)
            .map_err(Error::authorization)
    }

    fn context(
        &self,
        asked: &Asked,
        claims: &Claims,
        credential: CredentialKey,
        calls: &Arc<AtomicU32>,
    ) -> RequestContext {
        let permits = self.permits.get_with(credential, || Arc::new(Semaphore::new(self.concurrency)));
        RequestContext {
            now: self.clock.now(),
            limit: claims.entities_limit(self.entities_limit),
            deadline: asked.arrived + self.deadline,
            time_allowed: self.deadline,
            concurrency: self.concurrency,
            credential,
            permits,
            provider_calls: Arc::clone(calls),
            stops: Stops::default(),
        }
    }

    fn body(&self, asked: &Asked) -> Result<Body, Error> {
        let invalid = |fault: observable::Invalid| Error::fatal(Code::INVALID_ARGUMENT, fault.to_string());
        match asked.endpoint {
            Endpoint::Health => Ok(Body::None),
            Endpoint::Trigger => {
                let trigger = Trigger::parse(&asked.body).map_err(invalid)?;
                self.service.check(&trigger).map_err(invalid)?;
                Ok(Body::Trigger(trigger))
            }
            endpoint if !self.service.reads_observables(endpoint) => Ok(Body::Observables(Vec::new())),
            Endpoint::Observe | Endpoint::Deliberate | Endpoint::Refer | Endpoint::Respond => {
                let all = observable::parse(&asked.body).map_err(invalid)?;
                let module = self.module;
                Ok(Body::Observables(observable::supported(&all, module.observables, module.type_case)))
            }
        }
    }

    /// The lookups.
    async fn work(&self, endpoint: Endpoint, session: Option<&dyn Session>, body: Body) -> Reply {
        match (endpoint, session, body) {
            (Endpoint::Health, Some(session), _) => envelope::health(session.health().await),
            (Endpoint::Observe, Some(session), Body::Observables(about)) => {
                envelope::found(session.observe(&about).await, about.len())
            }
            (Endpoint::Deliberate, Some(session), Body::Observables(about)) => {
                envelope::found(session.deliberate(&about).await, about.len())
            }
            (Endpoint::Respond, Some(session), Body::Observables(about)) => {
                envelope::offered(session.actions(&about).await, about.len())
            }
            (Endpoint::Trigger, Some(session), Body::Trigger(trigger)) => {
                envelope::triggered(session.trigger(&trigger).await)
            }
            (Endpoint::Refer, None, Body::Observables(about)) => {
                let links: Vec<_> = about.iter().flat_map(|one| self.service.refer(one)).collect();
                Reply::of(&Envelope::data(links), about.len())
            }
            _ => Reply::bug("a request whose parts do not belong together"),
        }
    }
}
