//! The endpoints that the platform calls, one file each: path, words, checks, handler, definitions of its data.
//!
//! An [`Endpoint`] describes itself; routing, OpenAPI, metrics, landing page and the check of module types read
//! it. A `Handler` answers it. A further endpoint is a file here and a line in the builder of
//! [`Relay`](crate::Relay).

pub mod deliberate;
pub mod health;
pub mod observe;
pub mod refer;
pub mod respond;
pub mod tile;
pub mod tile_data;
pub mod tiles;
pub mod trigger;

mod tile_request;

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::auth::Claims;
use crate::call::{Call, Priority};
use crate::capability::Provider;
use crate::ctim::ObservableType;
use crate::envelope::{self, Reply};
use crate::error::Error;
use crate::heavy;
use crate::host::{Asked, Host};
use crate::lookup::Lookup;
use crate::observable;
use crate::provider::CredentialKey;
use crate::selection::{Kinds, Selection};
use crate::settings::Settings;
use crate::telemetry;
use crate::tiles::Tile;
use tile_request::Chosen;
pub(crate) use tile_request::OfTiles;

/// What is to be said of an endpoint without a request.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// The path; without its slash it is also the name in `supported-apis` of a module type.
    pub path: &'static str,
    /// The methods that it answers, the usual one first.
    pub methods: &'static [&'static str],
    /// Its name in logs and metrics, and as a word on command lines.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Whether it needs a token.
    pub token: bool,
    /// Which of a tenant's provider calls go first.
    pub priority: Priority,
    /// The header that it reads, if it reads one of its own.
    pub header: Option<&'static str>,
    /// The body that it takes, by its name in `ctim.schema.json`.
    pub request: Option<&'static str>,
    /// The whole answer, by its name there; any object where it has none.
    pub response: Option<&'static str>,
    /// Whether it is answered however many requests are at work.
    pub always: bool,
    /// Whether it also answers with a page for people.
    pub page: bool,
    /// The capability of a module type that it belongs to; without one it is served and not advertised.
    pub capability: Option<&'static str>,
    /// Whether it is served with these settings.
    pub served: fn(&Settings) -> bool,
}

impl Endpoint {
    /// A call of the platform, which `constants` complete.
    const fn platform(path: &'static str, name: &'static str, summary: &'static str) -> Self {
        Self {
            path,
            methods: &["POST"],
            name,
            summary,
            token: true,
            priority: Priority::Lookup,
            header: None,
            request: Some("ObservablesRequest"),
            response: None,
            always: false,
            page: false,
            capability: Some(name),
            served: |_| true,
        }
    }

    /// A call of the platform about tiles.
    const fn tiles(path: &'static str, name: &'static str, summary: &'static str) -> Self {
        Self {
            capability: Some("tiles"),
            priority: Priority::Tile,
            served: |settings| settings.tiles,
            ..Self::platform(path, name, summary)
        }
    }
}

/// Answers one endpoint for providers of type `P`.
pub(crate) trait Handler<P: Provider>: 'static {
    /// What it answers.
    const ENDPOINT: Endpoint;

    /// The types of observables that it looks up for this provider; none where it reads no observables.
    fn observables(_provider: &P) -> Vec<ObservableType> {
        Vec::new()
    }

    /// The tiles that it is about.
    fn tiles(_provider: &P) -> Vec<&'static Tile> {
        Vec::new()
    }

    /// An answer as JSON, for the documentation.
    fn example() -> Option<&'static str> {
        None
    }

    /// Whether there is anything to serve with the provider's settings.
    fn is_served(_provider: &P) -> bool {
        true
    }

    /// Answers. Cheap checks come first: token, claims, body.
    fn answer(request: Request<'_, P>) -> impl Future<Output = Result<Reply, Error>> + Send;
}

/// One request at an endpoint, with what its handler needs to answer it.
pub(crate) struct Request<'a, P> {
    pub(crate) provider: &'a P,
    asked: &'a Asked,
    host: &'a Host,
    observables: &'a [ObservableType],
    tiles: &'a [&'static Tile],
    priority: Priority,
}

impl<P: Provider> Request<'_, P> {
    /// The tile that the body names.
    ///
    /// # Errors
    /// The body names none, or none that there is.
    fn tile(&self) -> Result<Chosen, Error> {
        Chosen::parse(&self.asked.body, self.tiles).map_err(Error::from)
    }

    /// Checks token and claims.
    ///
    /// # Errors
    /// An `authorization error` that says which check failed.
    async fn call(&self) -> Result<Call<P::Credentials>, Error> {
        self.call_and_claims().await.map(|(call, _)| call)
    }

    /// The same, with the claims.
    ///
    /// # Errors
    /// As [`Request::call`].
    async fn call_and_claims(&self) -> Result<(Call<P::Credentials>, Claims), Error> {
        self.host.call(self.provider, self.asked, self.priority).await
    }

    /// The observables of the body that the endpoint looks up, each once, in the order of the request.
    ///
    /// # Errors
    /// The body is not a list of observables.
    async fn observables(&self) -> Result<Selection, Error> {
        self.observables_and(&[]).await
    }

    /// The same, and those of further types that the endpoint reads without looking them up.
    ///
    /// # Errors
    /// The body is not a list of observables.
    async fn observables_and(&self, further: &[ObservableType]) -> Result<Selection, Error> {
        let types = [self.observables, further].concat();
        let kinds = Kinds { accepted: &types, case: P::MODULE.type_case };
        let select = || {
            let all = observable::parse(&self.asked.body)?;
            Ok(Selection::of(&all, kinds, self.host.max_observables, &self.host.metrics.bounds))
        };
        // Texts of their own are made of it, which takes several times as long as reading.
        heavy::run(self.asked.body.len() * 4, select).await
    }

    /// The answer with what lookups found, cut to the entities that an answer may have.
    async fn found(&self, found: Lookup, about: &Selection) -> Reply {
        let most = self.host.max_entities;
        let bytes = found.bundle.len() * envelope::ENTITY_BYTES;
        heavy::run(bytes, || {
            let (bundle, left_out) = found.bundle.cut(most);
            if left_out > 0 {
                self.host.metrics.bounds.hit(telemetry::Bound::Entities);
            }
            let cut = (left_out > 0).then(|| envelope::cut(bundle.len(), left_out));
            envelope::found(Lookup { bundle, errors: found.errors }, about, cut)
        })
        .await
    }
}

/// An endpoint of a started relay: its description, and its handler bound to the provider.
pub(crate) struct Served {
    pub(crate) endpoint: Endpoint,
    pub(crate) observables: Arc<[ObservableType]>,
    pub(crate) tiles: Arc<[&'static Tile]>,
    example: Option<&'static str>,
    handler: Box<dyn Bound>,
}

/// What is to be said of an endpoint of a started relay.
pub(crate) struct Described<'a> {
    pub(crate) endpoint: Endpoint,
    /// The types of observables that it looks up.
    pub(crate) observables: &'a [ObservableType],
    /// The tiles that it is about.
    pub(crate) tiles: &'a [&'static Tile],
    /// An answer as JSON.
    pub(crate) example: Option<&'static str>,
}

impl Described<'_> {
    /// An endpoint that is the same in all relays.
    pub(crate) fn of(endpoint: Endpoint) -> Self {
        Self { endpoint, observables: &[], tiles: &[], example: None }
    }
}

impl Served {
    /// What is to be said of it.
    pub(crate) fn described(&self) -> Described<'_> {
        let Self { endpoint, observables, tiles, example, .. } = self;
        Described { endpoint: *endpoint, observables, tiles, example: *example }
    }

    /// Binds a handler to its provider; nothing where it has nothing to serve.
    pub(crate) fn bind<P: Provider, H: Handler<P>>(provider: &Arc<P>) -> Option<Self> {
        let observables: Arc<[ObservableType]> = H::observables(provider).into();
        let tiles: Arc<[&'static Tile]> = H::tiles(provider).into();
        H::is_served(provider).then(|| Self {
            endpoint: H::ENDPOINT,
            observables: Arc::clone(&observables),
            tiles: Arc::clone(&tiles),
            example: H::example(),
            handler: Box::new(BoundTo::<P, H> {
                provider: Arc::clone(provider),
                observables,
                tiles,
                handler: PhantomData,
            }),
        })
    }

    /// Gives a request its place among those at work.
    ///
    /// # Errors
    /// There is none: the answer that says so.
    pub(crate) fn admit(&self, asked: &mut Asked, host: &Host) -> Result<(), Reply> {
        if !self.endpoint.always {
            let identify = || if self.endpoint.token { self.handler.tenant(asked, host) } else { None };
            let place = host.admission.enter(identify).map_err(|refusal| host.refused(refusal))?;
            asked.place = Some(place);
        }
        Ok(())
    }

    /// Answers a request. Every outcome is an answer: a failure is an entry in its `errors`.
    pub(crate) async fn answer(&self, asked: &Asked, host: &Host) -> Reply {
        let mut reply = self.handler.answer(asked, host).await.unwrap_or_else(Reply::failed);
        reply.stats.provider_calls = asked.provider_calls.load(Ordering::Relaxed);
        for (kind, count) in &reply.stats.entities {
            host.metrics.entities(kind, *count);
        }
        reply
    }
}

/// A handler whatever its provider's type.
trait Bound: Send + Sync {
    /// Whose request it is, where its token can be checked at once.
    fn tenant(&self, asked: &Asked, host: &Host) -> Option<CredentialKey>;

    fn answer<'a>(&'a self, asked: &'a Asked, host: &'a Host) -> BoxFuture<'a, Result<Reply, Error>>;
}

struct BoundTo<P, H> {
    provider: Arc<P>,
    observables: Arc<[ObservableType]>,
    tiles: Arc<[&'static Tile]>,
    handler: PhantomData<fn() -> H>,
}

impl<P: Provider, H: Handler<P>> Bound for BoundTo<P, H> {
    fn tenant(&self, asked: &Asked, host: &Host) -> Option<CredentialKey> {
        let (_, _, credential) = host.identify(&*self.provider, asked).now_or_never()?.ok()?;
        Some(credential)
    }

    fn answer<'a>(&'a self, asked: &'a Asked, host: &'a Host) -> BoxFuture<'a, Result<Reply, Error>> {
        let Self { provider, observables, tiles, .. } = self;
        let priority = H::ENDPOINT.priority;
        Box::pin(H::answer(Request { provider, asked, host, observables, tiles, priority }))
    }
}
