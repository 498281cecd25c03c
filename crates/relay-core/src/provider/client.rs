//! Makes the calls that relays describe.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{sleep, timeout_at};

use super::admission::{Admission, Denied, Entry, Patience};
use super::answer::Answer;
use super::cache::{AnswerCache, CacheKey, shared};
use super::connect::HttpClients;
use super::exchange::Exchange;
use super::failure::Failure;
use super::flight::{self, Flight, Seat};
use super::oauth::{self, Token, TokenKey, TokenSource, Tokens};
use super::places::{FOR_TILES, Order, Place};
use super::replicas::StoreEntry;
use super::report::CallReport;
use super::request::{Auth, Request};
use super::retry;
use super::tenant::Host;
use crate::call::{Priority, RequestContext};
use crate::error::{Code, Error, Severity};
use crate::memory::Lapsing;
use crate::recording::Recorder;
use crate::respond::Repetitions;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::telemetry::{Bound, Metrics};

/// The way to the provider, shared by all requests of a relay. Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    exchange: Exchange,
    cache: AnswerCache,
    tokens: Tokens,
    flight: Arc<Flight>,
    metrics: Arc<Metrics>,
    retries: u32,
    /// What the replicas share, if they do.
    shared: Option<Shared>,
    ttl: Duration,
    max_answer: usize,
}

impl Client {
    pub(crate) fn new(
        http: HttpClients,
        settings: &Settings,
        metrics: Arc<Metrics>,
        shared: Option<Shared>,
        recorder: Option<Recorder>,
    ) -> Self {
        Self(Arc::new(Inner {
            exchange: Exchange::new(http, settings, Arc::clone(&metrics), recorder),
            cache: AnswerCache::new(settings.cache_ttl, settings.cache_entries),
            tokens: Tokens::new(),
            flight: Arc::new(Flight::new(flight::MOST, flight::OWN)),
            metrics,
            retries: settings.provider.retries,
            shared,
            ttl: settings.cache_ttl,
            max_answer: settings.provider.max_answer,
        }))
    }

    /// Counts items of answers to a call that were read but are of no use, as those that could not be read.
    pub fn count_dropped(&self, call: &'static str, items: usize) {
        self.0.metrics.dropped(call, items);
    }

    pub(super) fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.0.metrics)
    }

    /// A memory that the replicas share, if they share anything. The name tells it from the relay's other memories.
    pub fn memory<K, V>(&self, name: &'static str, capacity: u64) -> Lapsing<K, V>
    where
        K: Eq + Hash + Serialize + DeserializeOwned + Send + Sync + 'static,
        V: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let memory = Lapsing::new(capacity);
        match &self.0.shared {
            Some(shared) => memory.shared(shared, name),
            None => memory,
        }
    }

    /// The actions taken a moment ago, by any replica.
    pub fn repetitions<A: PartialEq + Serialize + Send + Sync + 'static>(&self) -> Repetitions<A> {
        Repetitions::new(self.0.shared.clone())
    }

    /// The store, where answers may be kept for later requests.
    fn store(&self) -> Option<&Shared> {
        self.0.shared.as_ref().filter(|_| !self.0.ttl.is_zero())
    }

    /// An answer that another replica has received, kept here from now on.
    async fn recall(&self, entry: &StoreEntry, key: &CacheKey) -> Option<Answer> {
        let answer = entry.recall(self.0.max_answer * 2).await?;
        self.0.cache.entries().insert(key.clone(), answer.clone()).await;
        Some(answer)
    }

    pub(super) async fn send(&self, mut request: Request<'_>) -> Result<Answer, Failure> {
        if let Some(failure) = request.broken.take() {
            return Err(failure);
        }
        // Boxed: it is kilobytes of state, which a relay's lookups would carry along wherever they are moved.
        let call = Box::pin(async {
            if request.cached { self.shared(&request).await } else { self.tries(&request).await }
        });
        // Whatever it waits for, a call ends with its request.
        let outcome = timeout_at(request.context.deadline(), call);
        outcome.await.unwrap_or_else(|_| Err(Failure::Deadline(request.context.out_of_time())))
    }

    /// Through the cache.
    async fn shared(&self, request: &Request<'_>) -> Result<Answer, Failure> {
        let key = CacheKey {
            credential: request.context.credential(),
            method: request.method.clone(),
            url: request.url.as_ref().map(|url| url.as_str().to_owned()).unwrap_or_default(),
            body: request.body.clone(),
        };
        let mut kept = self.0.cache.get(&key).await;
        let entry = self.store().filter(|_| kept.is_none()).map(|shared| StoreEntry::of(shared, &key));
        if let Some(entry) = &entry {
            kept = Box::pin(self.recall(entry, &key)).await;
        }
        self.0.metrics.cache(kept.is_some());
        let ours = AtomicBool::new(false);
        let answer = if let Some(answer) = kept {
            answer
        } else {
            let made = shared(self.0.cache.entries(), &key, || {
                ours.store(true, Ordering::Relaxed);
                self.tries(request)
            });
            made.await?
        };
        if let Some(entry) = entry.filter(|_| ours.load(Ordering::Relaxed)) {
            request.context.received.add(entry, &answer, self.0.ttl);
        }
        // Made by another request, which has its own room for it.
        if !ours.load(Ordering::Relaxed) {
            let room = request.context.account.room_for(answer.body.len()).await;
            request.context.keep(room.map_err(|_| self.no_memory())?);
        }
        Ok(answer)
    }

    /// As many tries as the rules allow.
    async fn tries(&self, request: &Request<'_>) -> Result<Answer, Failure> {
        let context = request.context;
        let order = Order::new(context.priority());
        let host = context.tenant.host(request.url()?);
        host.budget.count_call();
        let mut tried = 0;
        let mut token_renewed = false;
        loop {
            stopped(request)?;
            let secret = match &request.auth {
                // Not one of the tries: a login has its own.
                Auth::Token(source) => Some(self.token(request, source).await?.secret),
                // Anew for each try: an assertion serves once.
                Auth::Login(source) => {
                    Some(source.proof.make(source, context.now()).map_err(Failure::NotSent)?)
                }
                _ => None,
            };
            let outcome = self.attempt(request, order, &host, secret.as_ref()).await;
            let is_refused = match &outcome {
                Ok(answer) => request.refused_inside.is_some_and(|is_refused| is_refused(&answer.body)),
                Err(failed) => failed.failure.status() == Some(401),
            };
            if let (Auth::Token(source), Some(token), true, false) =
                (&request.auth, &secret, is_refused, token_renewed)
            {
                self.0.tokens.forget(&TokenKey::new(context.credential(), source), token).await;
                token_renewed = true;
                continue;
            }
            let Failed { failure, held } = match outcome {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let Some(pause) = self.pause_before_next_try(request, &host, &failure, tried) else {
                // Before the place is free: the next call in it must not be one that cannot succeed either.
                request.stop_after(&failure);
                return Err(failure);
            };
            drop(held);
            self.0.metrics.retry(request.name);
            sleep(pause).await;
            tried += 1;
        }
    }

    /// How long to wait before a call is made again; nothing where it is not.
    fn pause_before_next_try(
        &self,
        request: &Request<'_>,
        host: &Host,
        failure: &Failure,
        tried: u32,
    ) -> Option<Duration> {
        let pause = retry::pause_before(request, failure, tried)?;
        // After a pause the call would fail at once where the host is down.
        if tried >= self.0.retries || pause >= request.context.time_left() || host.breaker.failure().is_some()
        {
            return None;
        }
        let allowed = host.budget.allow_retry();
        if !allowed {
            self.0.metrics.bounds.hit(Bound::RetryBudget);
        }
        allowed.then_some(pause)
    }

    /// The same for a login, which [`Client::tries`] leads to: a future of unknown size cannot hold itself.
    fn boxed_tries<'a>(&'a self, request: &'a Request<'_>) -> BoxFuture<'a, Result<Answer, Failure>> {
        Box::pin(self.tries(request))
    }

    /// One try.
    async fn attempt(
        &self,
        request: &Request<'_>,
        order: Order,
        host: &Host,
        secret: Option<&SecretString>,
    ) -> Result<Answer, Failed> {
        // Before it waits for anything, and again when others have failed meanwhile.
        if let Some(down) = host.breaker.failure() {
            return Err(self.spared(down).into());
        }
        let Admission { place, seat, mut room, slot, .. } = self.admitted(request, order).await?;
        stopped(request)?;
        let pass = host.breaker.enter().map_err(|down| self.spared(down))?;
        request.context.count_provider_call();
        let mut report = CallReport::new(&self.0.metrics, request);
        match self.0.exchange.call(request, secret, &mut room, slot).await {
            Ok(answer) => {
                pass.is_up();
                report.answered();
                // It counts against the memory for answers until the platform request is answered.
                request.context.keep(room);
                Ok(answer.reporting(report))
            }
            Err(failure) => {
                if failure.is_answer() {
                    pass.is_up();
                } else if pass.failed(&failure) {
                    self.0.metrics.breaker_opened();
                }
                report.failed(&failure);
                Err(Failed { failure, held: Some((place, seat)) })
            }
        }
    }

    /// The failure of a call of a platform request that holds as much as it may.
    fn no_memory(&self) -> Failure {
        self.0.metrics.bounds.hit(Bound::AnswerMemory);
        Failure::NoMemory
    }

    /// The failure of a call that a host which is down is spared.
    fn spared(&self, down: Failure) -> Failure {
        self.0.metrics.bounds.hit(Bound::Breaker);
        down
    }

    /// Waits until the call may be made: for its quota, then for a place among the credential's calls in flight.
    async fn admitted(&self, request: &Request<'_>, order: Order) -> Result<Admission, Failure> {
        let context = request.context;
        let entry = Entry {
            places: &context.tenant.places,
            flight: &self.0.flight,
            tenant: context.credential(),
            account: &context.account,
            order,
            patience: Patience::of(context),
        };
        let admission = match request.rate {
            Some(rate) => context.tenant.bucket(rate).enter(&entry, request.weight).await,
            None => entry.enter().await,
        };
        let admission = admission.map_err(|denied| match denied {
            Denied::Quota(used_up) => {
                self.0.metrics.bounds.hit(Bound::Quota);
                Failure::Quota(used_up)
            }
            Denied::Refused(rejection) => {
                self.0.metrics.bounds.hit(Bound::Quota);
                Failure::Rejected(rejection)
            }
            Denied::Place => Failure::Deadline(no_place(context)),
            Denied::Share => self.no_memory(),
            Denied::Memory => {
                self.0.metrics.bounds.hit(Bound::AnswerMemory);
                Failure::Deadline(context.out_of_time_waiting("memory for answers (RELAY_ANSWER_MEMORY)"))
            }
        })?;
        if admission.quota_waited {
            self.0.metrics.rate_wait(request.name);
        }
        if admission.place_waited {
            self.0.metrics.place_wait(request.name);
        }
        Ok(admission)
    }

    /// An access token, from the cache or the login service; one fetch at a time for all who wait.
    pub(super) async fn token(&self, request: &Request<'_>, source: &TokenSource) -> Result<Token, Failure> {
        let key = TokenKey::new(request.context.credential(), source);
        shared(&self.0.tokens.0, &key, || self.login(request, source)).await
    }

    /// Asks the login service for a token that `request` needs: a call like any other that may be repeated.
    async fn login(&self, request: &Request<'_>, source: &TokenSource) -> Result<Token, Failure> {
        let token = self
            .boxed_tries(&request.login(source))
            .await
            .map_err(|failure| oauth::refusal(failure, source))
            .and_then(|answer| oauth::read(&answer));
        self.0.metrics.token_fetch(token.is_ok());
        token
    }
}

/// A try that failed, with its places among the calls in flight until it is clear what follows from the failure.
struct Failed {
    failure: Failure,
    held: Option<(Place, Seat)>,
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self { failure, held: None }
    }
}

/// The error of a call that had no place among the calls in flight for as long as it may wait.
fn no_place(context: &RequestContext) -> Error {
    match context.priority() {
        Priority::Tile => {
            let words = format!(
                "Calls for tiles wait for those of investigations, and no more than {FOR_TILES} are made at a time: \
                 none could be made in time; try again later"
            );
            Error::fatal(Code::TOO_MANY_REQUESTS, words).with_severity(Severity::Error)
        }
        _ => context.out_of_time_waiting(
            "a place among the provider calls in flight (RELAY_PROVIDER__MAX_CONCURRENCY)",
        ),
    }
}

fn stopped(request: &Request<'_>) -> Result<(), Failure> {
    request.context.stopped(request.kind).map_or(Ok(()), |error| Err(Failure::Stopped(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_finds_no_place_reads_which_ones_were_taken() {
        let error = |priority| no_place(&RequestContext::for_tests(priority, 16, Duration::from_secs(60)));
        let tile = error(Priority::Tile);
        assert_eq!((tile.code(), tile.severity()), (Code::TOO_MANY_REQUESTS, Severity::Error));
        assert!(tile.message().starts_with("Calls for tiles wait"), "{tile}");
        let lookup = error(Priority::Lookup);
        assert_eq!(lookup.code(), Code::TIMEOUT);
        assert!(lookup.message().contains("RELAY_PROVIDER__MAX_CONCURRENCY"), "{lookup}");
    }
}
