//! Makes the calls that relays describe.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use super::answer::{Answer, ReadError, read_capped};
use super::cache::{AnswerCache, CacheKey};
use super::failure::{Failure, REJECTION_BYTES, Rejection};
use super::limit::{Bucket, Limits, Turn};
use super::oauth::{self, Token, TokenKey, TokenSource, Tokens};
use super::request::{Auth, Request};
use super::retry::{self, Retry};
use crate::call::RequestContext;
use crate::settings::Settings;
use crate::telemetry::{Metrics, milliseconds};

/// The way to the provider, shared by all requests of a relay. Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    cache: AnswerCache,
    limits: Limits,
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
            limits: Limits::new(),
            tokens: Tokens::new(),
            metrics,
            read_timeout: settings.provider.read_timeout,
            retries: settings.provider.retries,
            max_answer: settings.provider.max_answer,
        }))
    }

    /// A call that reads. `name` is its name in metrics and logs, one of a few fixed ones.
    pub fn get(&self, name: &'static str, url: Url) -> Request<'_> {
        Request::new(self, name, Method::GET, url)
    }

    /// A call that may change something, unless [`Request::repeatable`] says otherwise.
    pub fn post(&self, name: &'static str, url: Url) -> Request<'_> {
        Request::new(self, name, Method::POST, url)
    }

    /// A call that deletes something.
    pub fn delete(&self, name: &'static str, url: Url) -> Request<'_> {
        Request::new(self, name, Method::DELETE, url)
    }

    /// Counts items of an answer to the call `name` that could not be read and were left out.
    pub fn dropped(&self, name: &'static str, items: usize) {
        if items > 0 {
            self.0.metrics.dropped(name, items);
            log::debug!(call = name, items = items; "unreadable items of an answer left out");
        }
    }

    pub(super) async fn send(
        &self,
        mut request: Request<'_>,
        context: &RequestContext,
    ) -> Result<Answer, Failure> {
        if let Some(failure) = request.broken.take() {
            return Err(failure);
        }
        // Boxed: it is kilobytes of state, which a relay's lookups would carry along wherever they are moved.
        let call = Box::pin(async {
            if request.cached {
                self.shared(&request, context).await
            } else {
                self.tries(&request, context).await
            }
        });
        // Whatever it waits for, a call ends with its request.
        let outcome = timeout_at(context.deadline(), call);
        outcome.await.unwrap_or_else(|_| Err(Failure::Deadline(context.out_of_time())))
    }

    /// Through the cache.
    async fn shared(&self, request: &Request<'_>, context: &RequestContext) -> Result<Answer, Failure> {
        let key = CacheKey {
            credential: context.credential(),
            method: request.method.clone(),
            url: request.url.as_str().to_owned(),
            body: request.body.clone(),
        };
        if let Some(answer) = self.0.cache.get(&key).await {
            self.0.metrics.cache(true);
            return Ok(answer);
        }
        self.0.metrics.cache(false);
        loop {
            let ours = AtomicBool::new(false);
            // Boxed: the cache keeps a call in several places of its own state.
            let call = Box::pin(async {
                ours.store(true, Ordering::Relaxed);
                self.tries(request, context).await
            });
            match self.0.cache.share(key.clone(), call).await {
                Err(failure) if failure.is_the_requests() && !ours.load(Ordering::Relaxed) => {}
                outcome => return outcome,
            }
        }
    }

    /// As many tries as the rules allow.
    async fn tries(&self, request: &Request<'_>, context: &RequestContext) -> Result<Answer, Failure> {
        let mut tried = 0;
        let mut token_renewed = false;
        loop {
            stopped(request, context)?;
            // Not one of the tries: a login has its own.
            let token = match &request.auth {
                Auth::Token(source) => Some((source, self.token(source, context).await?)),
                _ => None,
            };
            let secret = token.as_ref().map(|(_, token)| &token.secret);
            let failure = match self.attempt(request, secret, context).await {
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

    /// One try.
    async fn attempt(
        &self,
        request: &Request<'_>,
        token: Option<&SecretString>,
        context: &RequestContext,
    ) -> Result<Answer, Failure> {
        let _place = context.permits.acquire().await;
        let bucket = request.rate.map(|rate| self.0.limits.bucket(context.credential(), rate));
        if let Some(bucket) = &bucket {
            let turn = bucket.turn(context.deadline()).await;
            if turn.ok_or_else(|| Failure::Deadline(context.out_of_time()))? == Turn::Waited {
                self.0.metrics.rate_wait(request.name);
            }
        }
        stopped(request, context)?;
        context.count_provider_call();
        let mut told = CallReport {
            metrics: &self.0.metrics,
            context,
            call: request.name,
            outcome: None,
            started: Instant::now(),
        };
        let outcome = self.exchange(request, token, bucket.as_deref()).await;
        told.outcome = Some(outcome.as_ref().map_or_else(Failure::label, |_| "ok"));
        outcome
    }

    /// Sends and receives, within the time for one call.
    async fn exchange(
        &self,
        request: &Request<'_>,
        token: Option<&SecretString>,
        bucket: Option<&Bucket>,
    ) -> Result<Answer, Failure> {
        let mut builder = self.0.http.request(request.method.clone(), request.url.clone());
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if !request.body.is_empty() {
            builder = builder.body(request.body.clone());
        }
        builder = authorized(builder, &request.auth, token)?;
        let limit = request.timeout.unwrap_or(self.0.read_timeout);
        let read = |headers: &reqwest::header::HeaderMap| {
            let (Some(bucket), Some(read)) = (bucket, request.read_rate) else { return };
            let hint = read(headers);
            hint.quota.into_iter().for_each(|quota| bucket.adapt(quota));
            hint.pause.into_iter().for_each(|pause| bucket.pause(pause));
        };
        let outcome =
            timeout_at(Instant::now() + limit, self.0.exchange(builder, &request.kept_headers, read))
                .await
                .unwrap_or(Err(Failure::Timeout(limit)));
        outcome.map_err(|failure| secrets(&request.auth, token).iter().fold(failure, Failure::without))
    }

    /// An access token, from the cache or the login service; one fetch at a time for all who wait.
    async fn token(&self, source: &TokenSource, context: &RequestContext) -> Result<Token, Failure> {
        let key = TokenKey::new(context.credential(), source);
        loop {
            let ours = AtomicBool::new(false);
            let login = Box::pin(async {
                ours.store(true, Ordering::Relaxed);
                self.login(source, context).await
            });
            match self.0.tokens.0.try_get_with(key.clone(), login).await {
                Err(failure) if failure.is_the_requests() && !ours.load(Ordering::Relaxed) => {}
                outcome => return outcome.map_err(|failure| (*failure).clone()),
            }
        }
    }

    /// Asks the login service, with the same patience as any call that may be repeated.
    async fn login(&self, source: &TokenSource, context: &RequestContext) -> Result<Token, Failure> {
        let request = Request::new(self, "login", Method::POST, source.url.clone()).repeatable();
        let mut tried = 0;
        let outcome = loop {
            let builder = self
                .0
                .http
                .post(source.url.clone())
                .header("accept", "application/json")
                .form(&oauth::form(source));
            context.count_provider_call();
            let limit = self.0.read_timeout;
            let outcome = timeout_at(Instant::now() + limit, self.0.exchange(builder, &[], |_| ()))
                .await
                .unwrap_or(Err(Failure::Timeout(limit)));
            let Err(failure) = &outcome else { break outcome };
            let Some(pause) = pause_before_retry(&request, failure, tried) else { break outcome };
            if tried >= self.0.retries || pause >= context.time_left() {
                break outcome;
            }
            sleep(pause).await;
            tried += 1;
        };
        let token = outcome
            .map_err(|failure| oauth::refusal(failure, source))
            .and_then(|answer| oauth::read(&answer));
        self.0.metrics.token_fetch(token.is_ok());
        token
    }
}

impl Inner {
    async fn exchange(
        &self,
        builder: RequestBuilder,
        keep: &[HeaderName],
        seen: impl Fn(&reqwest::header::HeaderMap),
    ) -> Result<Answer, Failure> {
        let mut response = builder.send().await.map_err(|error| Failure::of_transport(&error))?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        seen(&headers);
        if status.is_success() {
            let body = read_capped(response, self.max_answer).await.map_err(|error| match error {
                ReadError::Broken(error) => Failure::of_transport(&error),
                too_large @ ReadError::TooLarge(_) => Failure::Unreadable(too_large.to_string()),
            })?;
            return Ok(Answer::new(status, &headers, keep, body));
        }
        let retry_after = retry::retry_after(&headers, jiff::Timestamp::now().into());
        // The body only adds words to the message: what cannot be read of it is left out.
        let body = read_capped(response, REJECTION_BYTES).await.unwrap_or_default();
        Err(Failure::Rejected(Rejection { status: status.as_u16(), body, retry_after }))
    }
}

/// Tells metrics and log of a call that was sent, also when it is given up while it waits for its answer.
struct CallReport<'a> {
    metrics: &'a Metrics,
    context: &'a RequestContext,
    call: &'static str,
    outcome: Option<&'static str>,
    started: Instant,
}

impl Drop for CallReport<'_> {
    fn drop(&mut self) {
        let given_up = || if self.context.time_left().is_zero() { "deadline" } else { "aborted" };
        let outcome = self.outcome.unwrap_or_else(given_up);
        let took = self.started.elapsed();
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

fn stopped(request: &Request<'_>, context: &RequestContext) -> Result<(), Failure> {
    context.stopped(request.kind).map_or(Ok(()), |error| Err(Failure::Stopped(error)))
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
        let mut value = HeaderValue::from_str(text)
            .map_err(|_| Failure::Unreadable("the credentials cannot be sent in a header".to_owned()))?;
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
