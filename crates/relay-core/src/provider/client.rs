//! Makes the calls that relays describe.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::future::BoxFuture;
use moka::future::Cache;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, sleep, timeout_at};

use super::answer::{Answer, ReadError, read_capped};
use super::cache::{AnswerCache, CacheKey};
use super::failure::{Failure, REJECTION_BYTES, Rejection};
use super::limit::{self, Admission, Denied, Patience, Slot};
use super::oauth::{self, Token, TokenKey, TokenSource, Tokens};
use super::places::{FOR_TILES, Order};
use super::request::{Auth, Request};
use super::retry::{self, Retry};
use crate::call::{Priority, RequestContext};
use crate::error::{Code, Error, Severity};
use crate::settings::Settings;
use crate::telemetry::{Metrics, milliseconds};

/// The way to the provider, shared by all requests of a relay. Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    cache: AnswerCache,
    tokens: Tokens,
    metrics: Arc<Metrics>,
    read_timeout: Duration,
    retries: u32,
    max_answer: usize,
}

impl Client {
    pub(crate) fn new(http: reqwest::Client, settings: &Settings, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Inner {
            http,
            cache: AnswerCache::new(settings.cache_ttl, settings.cache_entries),
            tokens: Tokens::new(),
            metrics,
            read_timeout: settings.provider.read_timeout,
            retries: settings.provider.retries,
            max_answer: settings.provider.max_answer,
        }))
    }

    /// Counts items of answers to a call that were read but are of no use, as those that could not be read.
    pub fn count_dropped(&self, call: &'static str, items: usize) {
        self.0.metrics.dropped(call, items);
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
        if let Some(answer) = self.0.cache.get(&key).await {
            self.0.metrics.cache(true);
            return Ok(answer);
        }
        self.0.metrics.cache(false);
        shared(self.0.cache.entries(), &key, || self.tries(request)).await
    }

    /// As many tries as the rules allow.
    async fn tries(&self, request: &Request<'_>) -> Result<Answer, Failure> {
        let context = request.context;
        let order = Order::new(context.priority());
        let mut tried = 0;
        let mut token_renewed = false;
        loop {
            stopped(request)?;
            // Not one of the tries: a login has its own.
            let token = match &request.auth {
                Auth::Token(source) => Some((source, self.token(request, source).await?)),
                _ => None,
            };
            let secret = token.as_ref().map(|(_, token)| &token.secret);
            let failure = match self.attempt(request, order, secret).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if let (Some((source, token)), Some(401), false) = (&token, failure.status(), token_renewed) {
                self.0.tokens.forget(&TokenKey::new(context.credential(), source), token).await;
                token_renewed = true;
                continue;
            }
            let Some(pause) = pause_before_retry(request, &failure, tried) else { return Err(failure) };
            if tried >= self.0.retries || pause >= context.time_left() {
                return Err(failure);
            }
            self.0.metrics.retry(request.name);
            sleep(pause).await;
            tried += 1;
        }
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
        token: Option<&SecretString>,
    ) -> Result<Answer, Failure> {
        let Admission { place: _place, slot, .. } = self.admitted(request, order).await?;
        stopped(request)?;
        request.context.count_provider_call();
        let mut report = CallReport::new(&self.0.metrics, request);
        match self.exchange(request, token, slot).await {
            Ok(answer) => {
                report.took = Some(report.started.elapsed());
                Ok(answer.reporting(report))
            }
            Err(failure) => {
                report.outcome = Some(failure.label());
                Err(failure)
            }
        }
    }

    /// Waits until the call may be made: for its quota, then for a place among the credential's calls in flight.
    async fn admitted(&self, request: &Request<'_>, order: Order) -> Result<Admission, Failure> {
        let context = request.context;
        let (places, patience) = (&context.tenant.places, Patience::of(context));
        let admission = match request.rate {
            Some(rate) => context.tenant.bucket(rate).enter(places, order, request.weight, patience).await,
            None => limit::enter(places, order, patience).await,
        };
        let admission = admission.map_err(|denied| match denied {
            Denied::Quota(used_up) => Failure::Quota(used_up),
            Denied::Refused(rejection) => Failure::Rejected(rejection),
            Denied::Place => Failure::Deadline(no_place(context)),
        })?;
        if admission.quota_waited {
            self.0.metrics.rate_wait(request.name);
        }
        if admission.place_waited {
            self.0.metrics.place_wait(request.name);
        }
        Ok(admission)
    }

    /// Sends and receives, within the time for one call.
    async fn exchange(
        &self,
        request: &Request<'_>,
        token: Option<&SecretString>,
        mut slot: Option<Slot>,
    ) -> Result<Answer, Failure> {
        let Some(url) = request.url.clone() else {
            let problem =
                format!("The call {} has no valid URL; check the relay's URL settings", request.name);
            return Err(Failure::NotSent(Error::fatal(Code::INVALID_ARGUMENT, problem)));
        };
        let mut builder = self.0.http.request(request.method.clone(), url);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if !request.body.is_empty() {
            builder = builder.body(request.body.clone());
        }
        builder = authorized(builder, &request.auth, token)?;
        let limit = request.timeout.unwrap_or(self.0.read_timeout);
        let answered = |headers: &HeaderMap| {
            let Some(slot) = &mut slot else { return };
            slot.answered();
            let hint = request.read_rate.map(|read| read(headers)).unwrap_or_default();
            hint.quota.into_iter().for_each(|quota| slot.bucket().adapt(quota));
            hint.pause.into_iter().for_each(|pause| slot.bucket().pause(pause, None));
        };
        let outcome =
            timeout_at(Instant::now() + limit, self.0.receive(builder, &request.kept_headers, answered))
                .await
                .unwrap_or(Err(Failure::Timeout(limit)));
        let outcome =
            outcome.map_err(|failure| secrets(&request.auth, token).iter().fold(failure, Failure::without));
        if let (Some(slot), Err(Failure::Rejected(rejection))) = (&slot, &outcome)
            && rejection.status == StatusCode::TOO_MANY_REQUESTS
            && let Some(pause) = rejection.retry_after
        {
            slot.bucket().pause(pause, Some(rejection.clone()));
        }
        outcome
    }

    /// An access token, from the cache or the login service; one fetch at a time for all who wait.
    async fn token(&self, request: &Request<'_>, source: &TokenSource) -> Result<Token, Failure> {
        let key = TokenKey::new(request.context.credential(), source);
        shared(&self.0.tokens.0, &key, || self.login(request, source)).await
    }

    /// Asks the login service for a token that `request` needs: a call like any other that may be repeated.
    async fn login(&self, request: &Request<'_>, source: &TokenSource) -> Result<Token, Failure> {
        let login = request.login(source).form(&oauth::form(source)).repeatable();
        let token = self
            .boxed_tries(&login)
            .await
            .map_err(|failure| oauth::refusal(failure, source))
            .and_then(|answer| oauth::read(&answer));
        self.0.metrics.token_fetch(token.is_ok());
        token
    }
}

/// What is kept for a key, or else made by whoever asks first and shared by all who ask meanwhile. A failure that
/// lies in the platform request that made it says nothing to the others: they try again.
async fn shared<K, V, F>(cache: &Cache<K, V>, key: &K, make: impl Fn() -> F) -> Result<V, Failure>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    F: Future<Output = Result<V, Failure>>,
{
    loop {
        let ours = AtomicBool::new(false);
        // Boxed: the cache keeps a call in several places of its own state.
        let call = Box::pin(async {
            ours.store(true, Ordering::Relaxed);
            make().await
        });
        match cache.try_get_with(key.clone(), call).await {
            Err(failure) if failure.is_the_requests() && !ours.load(Ordering::Relaxed) => {}
            outcome => return outcome.map_err(|failure| (*failure).clone()),
        }
    }
}

impl Inner {
    async fn receive(
        &self,
        builder: RequestBuilder,
        keep: &[HeaderName],
        answered: impl FnOnce(&HeaderMap),
    ) -> Result<Answer, Failure> {
        let mut response = builder.send().await.map_err(|error| Failure::of_transport(&error))?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        answered(&headers);
        if status.is_success() {
            let body = read_capped(response, self.max_answer).await.map_err(|error| match error {
                ReadError::Broken(error) => Failure::of_transport(&error),
                ReadError::TooLarge(most) => Failure::TooLarge(most),
            })?;
            return Ok(Answer::new(status, &headers, keep, body));
        }
        let retry_after = retry::retry_after(&headers, jiff::Timestamp::now().into());
        // The body only adds words to the message: what cannot be read of it is left out.
        let body = read_capped(response, REJECTION_BYTES).await.unwrap_or_default();
        Err(Failure::Rejected(Rejection { status: status.as_u16(), body, retry_after }))
    }
}

/// Records a call that was sent in metrics and log, also when it is given up while it waits for its answer. The
/// outcome of an answered call is known once its body was read.
pub(super) struct CallReport {
    metrics: Arc<Metrics>,
    call: &'static str,
    deadline: Instant,
    started: Instant,
    /// How long the answer took, once it is there.
    took: Option<Duration>,
    outcome: Option<&'static str>,
}

impl CallReport {
    fn new(metrics: &Arc<Metrics>, request: &Request<'_>) -> Self {
        Self {
            metrics: Arc::clone(metrics),
            call: request.name,
            deadline: request.context.deadline(),
            started: Instant::now(),
            took: None,
            outcome: None,
        }
    }

    /// The answer was read; so many items of its lists could not be.
    pub(super) fn read(self, dropped: usize) {
        if dropped > 0 {
            self.metrics.dropped(self.call, dropped);
            log::debug!(call = self.call, items = dropped; "unreadable items of an answer left out");
        }
    }

    /// The answer could not be read.
    pub(super) fn unreadable(mut self) {
        self.outcome = Some("unreadable");
    }
}

impl Drop for CallReport {
    fn drop(&mut self) {
        let outcome = self.outcome.unwrap_or_else(|| match self.took {
            Some(_) => "ok",
            None if Instant::now() >= self.deadline => "deadline",
            None => "aborted",
        });
        let took = self.took.unwrap_or_else(|| self.started.elapsed());
        self.metrics.provider_call(self.call, outcome, took);
        log::debug!(call = self.call, outcome = outcome, ms = milliseconds(took); "provider call");
    }
}

/// The pause before another try, if there may be one.
fn pause_before_retry(request: &Request<'_>, failure: &Failure, tried: u32) -> Option<Duration> {
    let usual = || retry::pause(tried, retry::fraction());
    match failure {
        Failure::Rejected(rejection) if request.repeatable => {
            let rule = match request.retry_rule {
                Some(rule) => rule(rejection),
                None => StatusCode::from_u16(rejection.status).map_or(Retry::No, retry::by_status),
            };
            match rule {
                Retry::No => None,
                Retry::Backoff => Some(rejection.retry_after.unwrap_or_else(usual)),
                Retry::After(pause) => {
                    Some(rejection.retry_after.unwrap_or_else(|| retry::spread(pause, retry::fraction())))
                }
            }
        }
        Failure::Connection(_) if request.repeatable => Some(usual()),
        _ => None,
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

/// What a call proves its identity with, in every form in which the provider could repeat it.
fn secrets(auth: &Auth, token: Option<&SecretString>) -> Vec<SecretString> {
    match auth {
        Auth::None => Vec::new(),
        Auth::Basic { user, password } => {
            let pair = format!("{}:{}", user.expose_secret(), password.expose_secret());
            vec![BASE64_STANDARD.encode(pair).into(), password.clone(), user.clone()]
        }
        Auth::Header { value, .. } => vec![value.clone()],
        Auth::Token(_) => token.cloned().into_iter().collect(),
    }
}

/// Adds the credentials, marked so that nothing prints them.
fn authorized(
    builder: RequestBuilder,
    auth: &Auth,
    token: Option<&SecretString>,
) -> Result<RequestBuilder, Failure> {
    let sensitive = |text: &str| {
        let mut value = HeaderValue::from_str(text).map_err(|_| {
            Failure::NotSent(Error::authorization("the credentials do not fit in an HTTP header"))
        })?;
        value.set_sensitive(true);
        Ok::<_, Failure>(value)
    };
    Ok(match (auth, token) {
        (Auth::Basic { user, password }, _) => {
            builder.basic_auth(user.expose_secret(), Some(password.expose_secret()))
        }
        (Auth::Header { name, prefix, value }, _) => {
            builder.header(name, sensitive(&format!("{prefix}{}", value.expose_secret()))?)
        }
        (Auth::Token(_), Some(token)) => {
            builder.header(AUTHORIZATION, sensitive(&format!("Bearer {}", token.expose_secret()))?)
        }
        (Auth::None, _) | (Auth::Token(_), None) => builder,
    })
}
