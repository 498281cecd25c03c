//! The bridge between requests, which know no provider, and a relay's typed provider.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::auth::{ClaimError, Claims};
use crate::call::{Call, RequestContext};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::lookup::Lookup;
use crate::observable::{Invalid, Observable, Trigger};
use crate::provider::{CredentialHasher, CredentialKey};
use crate::relay::{Capabilities, Credentials, Link, Offered, Provider};

/// A started relay.
pub(crate) trait Service: Send + Sync {
    /// Begins a request for the tenant whose credentials the claims carry.
    fn open(
        &self,
        claims: &Claims,
        hasher: &CredentialHasher,
        context: &mut dyn FnMut(CredentialKey) -> RequestContext,
    ) -> Result<Box<dyn Session>, ClaimError>;

    /// Whether the endpoint's answer depends on the observables in the body.
    fn reads_observables(&self, endpoint: Endpoint) -> bool;

    /// Checks the parameters of a trigger that only the relay knows.
    fn check(&self, trigger: &Trigger) -> Result<(), Invalid>;

    /// Links for an observable.
    fn refer(&self, about: &Observable) -> Vec<Link>;
}

/// One request of one tenant. A call of a capability that the relay lacks finds nothing: its endpoint is not
/// routed in the first place.
pub(crate) trait Session: Send + Sync {
    fn health(&self) -> BoxFuture<'_, Result<(), Error>>;
    fn observe<'a>(&'a self, about: &'a [Observable]) -> BoxFuture<'a, Lookup>;
    fn deliberate<'a>(&'a self, about: &'a [Observable]) -> BoxFuture<'a, Lookup>;
    fn actions<'a>(&'a self, about: &'a [Observable]) -> BoxFuture<'a, Offered>;
    fn trigger<'a>(&'a self, trigger: &'a Trigger) -> BoxFuture<'a, Result<(), Error>>;
}

/// A provider with what it can do.
pub(crate) struct Served<P: Provider> {
    pub(crate) provider: Arc<P>,
    pub(crate) capabilities: Capabilities<P>,
}

impl<P: Provider> Service for Served<P> {
    fn open(
        &self,
        claims: &Claims,
        hasher: &CredentialHasher,
        context: &mut dyn FnMut(CredentialKey) -> RequestContext,
    ) -> Result<Box<dyn Session>, ClaimError> {
        let credentials = P::Credentials::from_claims(claims)?;
        let context = context(hasher.key(credentials.identity()));
        Ok(Box::new(Opened {
            provider: Arc::clone(&self.provider),
            capabilities: self.capabilities,
            call: Call::new(credentials, context),
        }))
    }

    fn reads_observables(&self, endpoint: Endpoint) -> bool {
        endpoint != Endpoint::Deliberate || self.capabilities.deliberate.is_some()
    }

    fn check(&self, trigger: &Trigger) -> Result<(), Invalid> {
        self.capabilities.respond.map_or(Ok(()), |respond| (respond.check)(trigger))
    }

    fn refer(&self, about: &Observable) -> Vec<Link> {
        self.capabilities.refer.map(|refer| refer(&self.provider, about)).unwrap_or_default()
    }
}

struct Opened<P: Provider> {
    provider: Arc<P>,
    capabilities: Capabilities<P>,
    call: Call<P::Credentials>,
}

impl<P: Provider> Session for Opened<P> {
    fn health(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.provider.health(&self.call))
    }

    fn observe<'a>(&'a self, about: &'a [Observable]) -> BoxFuture<'a, Lookup> {
        match self.capabilities.observe {
            Some(observe) => observe(&self.provider, &self.call, about),
            None => Box::pin(async { Lookup::nothing() }),
        }
    }

    fn deliberate<'a>(&'a self, about: &'a [Observable]) -> BoxFuture<'a, Lookup> {
        match self.capabilities.deliberate {
            Some(deliberate) => deliberate(&self.provider, &self.call, about),
            None => Box::pin(async { Lookup::nothing() }),
        }
    }

    fn actions<'a>(&'a self, about: &'a [Observable]) -> BoxFuture<'a, Offered> {
        match self.capabilities.respond {
            Some(respond) => (respond.actions)(&self.provider, &self.call, about),
            None => Box::pin(async { Offered::default() }),
        }
    }

    fn trigger<'a>(&'a self, trigger: &'a Trigger) -> BoxFuture<'a, Result<(), Error>> {
        match self.capabilities.respond {
            Some(respond) => (respond.trigger)(&self.provider, &self.call, trigger),
            None => Box::pin(async { Ok(()) }),
        }
    }
}
