//! What all endpoints of a started relay share: who may ask, for whom, until when.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

use crate::admission::{Admission, Place, Refusal};
use crate::auth::{Authenticator, Claims};
use crate::call::{Call, Priority, RequestContext, Stops};
use crate::capability::{Credentials as _, Provider};
use crate::envelope::Reply;
use crate::error::{Code, Error};
use crate::module::Module;
use crate::provider::{
    Client, CredentialHasher, CredentialKey, HttpClients, ReceivedAnswers, Rooms, Tenants,
};
use crate::quota::AccountQuota;
use crate::recording::{Confidential, Recorder};
use crate::settings::{Clock, Settings, SettingsError};
use crate::shared::Shared;
use crate::telemetry::{Bound, Metrics};
use crate::tiles::{Keeping, Period};

/// What an endpoint needs of an HTTP request.
pub(crate) struct Asked {
    /// The `Authorization` header as it came.
    pub(crate) authorization: Option<Vec<u8>>,
    /// When it came: its deadline counts from here.
    pub(crate) arrived: Instant,
    /// Scheme and host of the request.
    pub(crate) origin: String,
    pub(crate) body: bytes::Bytes,
    /// Calls made to the provider for it so far.
    pub(crate) provider_calls: Arc<AtomicU32>,
    /// Its place among the requests at work, if it needs one.
    pub(crate) place: Option<Place>,
}

/// What all endpoints of a started relay share.
pub(crate) struct Host {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) auth: Authenticator,
    hasher: CredentialHasher,
    /// Provider calls in flight and quotas, by credential.
    tenants: Tenants,
    /// Memory for provider answers.
    rooms: Arc<Rooms>,
    concurrency: usize,
    entities_limit: usize,
    deadline: Duration,
    clock: Clock,
    pub(crate) admission: Arc<Admission>,
    pub(crate) max_observables: usize,
    /// Whether answers may be kept for later requests.
    keeps: bool,
    /// Whether `/health` reports quotas.
    pub(crate) health_quotas: bool,
    first_tenant: OnceLock<CredentialKey>,
    several_tenants: AtomicBool,
    /// What the replicas share, if they do.
    shared: Option<Shared>,
    /// The day of the last line of [`Host::log_once_a_day`].
    logged_on: AtomicI64,
    /// The data of tiles, by tenant, what else their token says, tile, period and beginning of the window.
    pub(crate) tiles: Keeping<TileKey, Arc<Reply>>,
    pub(crate) max_entities: usize,
    module: &'static Module,
    /// Whether provider calls are recorded.
    records: bool,
}

type TileKey = (CredentialKey, String, &'static str, Period, jiff::Timestamp);

/// The data of about a hundred tenants' tiles, tens of kilobytes each at most.
const TILES_KEPT: u64 = 1000;

impl Host {
    /// The host, and the client through which the provider is called.
    pub(crate) fn new(
        module: &'static Module,
        max_concurrency: usize,
        settings: &Settings,
    ) -> Result<(Self, Client), SettingsError> {
        let metrics = Arc::new(
            Metrics::new(module.name)
                .map_err(|error| SettingsError::value("admin_listen", error.to_string()))?,
        );
        metrics.built(module).map_err(|error| SettingsError::value("admin_listen", error.to_string()))?;
        let concurrency = settings.provider.max_concurrency.min(max_concurrency);
        let http = HttpClients::new(module, &settings.provider)?;
        let shared = match &settings.shared {
            Some(store) => Some(Shared::new(module, store, settings.clock, &metrics)?),
            None => None,
        };
        let hasher = match &shared {
            Some(shared) => CredentialHasher::of_replicas(shared.keys().names()),
            None => CredentialHasher::new()?,
        };
        let recorder = settings.record.as_ref().map(|record| Recorder::new(module, record)).transpose()?;
        let records = recorder.is_some();
        let client = Client::new(http.clone(), settings, Arc::clone(&metrics), shared.clone(), recorder);
        let host = Self {
            auth: Authenticator::new(&settings.auth, http, Arc::clone(&metrics))?,
            hasher,
            tenants: Tenants::new(concurrency, shared.clone()),
            rooms: Arc::new(Rooms::new(settings.answer_memory)),
            concurrency,
            entities_limit: settings.entities_limit,
            deadline: settings.deadline,
            clock: settings.clock,
            admission: Admission::new(settings.max_requests),
            max_observables: settings.max_observables,
            keeps: !settings.cache_ttl.is_zero(),
            health_quotas: settings.health_quotas,
            first_tenant: OnceLock::new(),
            several_tenants: AtomicBool::new(false),
            shared,
            logged_on: AtomicI64::new(i64::MIN),
            tiles: Keeping::new(TILES_KEPT),
            max_entities: settings.max_entities,
            module,
            records,
            metrics,
        };
        Ok((host, client))
    }

    /// Begins to share with the other replicas, once every memory is there.
    pub(crate) fn begin_sharing(&self) {
        if let Some(shared) = &self.shared {
            shared.begin();
        }
    }

    /// Checks token and claims: whose request it is.
    ///
    /// # Errors
    /// An `authorization error` that says which check failed.
    pub(crate) async fn identify<P: Provider>(
        &self,
        provider: &P,
        asked: &Asked,
    ) -> Result<(P::Credentials, Claims, CredentialKey), Error> {
        let claims = self.auth.verify(asked.authorization.as_deref(), &asked.origin).await?;
        let credentials = provider
            .credentials(&claims)
            .map_err(|problem| Error::authorization(problem).of_check("claims"))?;
        let credential = self.hasher.key(credentials.identity());
        Ok((credentials, claims, credential))
    }

    /// The answer that a request is not answered now.
    pub(crate) fn refused(&self, refusal: Refusal) -> Reply {
        let (bound, message) = match refusal {
            Refusal::Full => (
                Bound::Requests,
                "The relay is answering as many requests as it may (RELAY_MAX_REQUESTS); ask again in a moment",
            ),
            Refusal::Share => (
                Bound::TenantRequests,
                "The relay is answering as many requests of this module as it may while others wait (a quarter of \
                 RELAY_MAX_REQUESTS); ask again in a moment",
            ),
        };
        self.metrics.bounds.hit(bound);
        Reply::refused(503, Error::fatal(Code::UNAVAILABLE, message))
    }

    /// Checks token and claims, and begins the work for whose request it is.
    ///
    /// # Errors
    /// As [`Host::identify`].
    pub(crate) async fn call<P: Provider>(
        &self,
        provider: &P,
        asked: &Asked,
        priority: Priority,
    ) -> Result<(Call<P::Credentials>, Claims), Error> {
        let (credentials, claims, credential) = self.identify(provider, asked).await?;
        if let Some(place) = &asked.place {
            place.belongs_to(credential);
        }
        self.note_tenant(credential);
        let time = asked.place.as_ref().map_or(self.deadline, |place| place.time(self.deadline));
        let context = RequestContext {
            deadline: asked.arrived + time,
            provider_calls: Arc::clone(&asked.provider_calls),
            ..self.context(credential, &claims, priority)
        };
        Ok((Call::new(credentials, context), claims))
    }

    /// A call by itself, without a request of the platform.
    pub(crate) fn call_of<P: Provider>(
        &self,
        credentials: P::Credentials,
        claims: &Claims,
        priority: Priority,
    ) -> Call<P::Credentials> {
        let credential = self.hasher.key(credentials.identity());
        Call::new(credentials, self.context(credential, claims, priority))
    }

    /// What a request begins with that comes now.
    fn context(&self, credential: CredentialKey, claims: &Claims, priority: Priority) -> RequestContext {
        RequestContext {
            now: self.clock.now(),
            limit: claims.entities_limit(self.entities_limit),
            deadline: Instant::now() + self.deadline,
            time_allowed: self.deadline,
            concurrency: self.concurrency,
            credential,
            priority,
            tenant: self.tenants.of(credential),
            keeps: self.keeps,
            account: self.rooms.account(),
            kept: Mutex::default(),
            provider_calls: Arc::default(),
            stops: Stops::default(),
            confidential: if self.records {
                Confidential::of(self.module, claims)
            } else {
                Confidential::default()
            },
            received: ReceivedAnswers::default(),
        }
    }

    /// The store of the replicas, where there is one.
    pub(crate) fn store(&self) -> Option<&Shared> {
        self.shared.as_ref()
    }

    /// Of more than one tenant no quota is shown: no label may tell them apart.
    fn note_tenant(&self, credential: CredentialKey) {
        let is_other = *self.first_tenant.get_or_init(|| credential) != credential;
        if is_other && !self.several_tenants.swap(true, Ordering::Relaxed) {
            self.metrics.hide_quotas();
        }
    }

    /// Shows what is left of an account's quotas, while there is only one.
    pub(crate) fn show_quotas(&self, quotas: &[AccountQuota]) {
        for quota in quotas {
            self.metrics.quota_left(quota.name(), quota.left());
        }
        // Another tenant may have come meanwhile.
        if self.several_tenants.load(Ordering::Relaxed) {
            self.metrics.hide_quotas();
        }
    }

    /// One line a day, however often it is asked.
    pub(crate) fn log_once_a_day(&self, words: &str, now: jiff::Timestamp) {
        let today = now.as_second().div_euclid(24 * 3600);
        if self.logged_on.swap(today, Ordering::Relaxed) != today {
            log::warn!("{words}");
        }
    }
}
