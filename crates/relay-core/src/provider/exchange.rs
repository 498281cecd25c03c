//! One call over the wire: sent with its credentials, received within its time and its memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout_at};

use super::answer::Answer;
use super::body::{self, Bounds, ReadError};
use super::connect::HttpClients;
use super::failure::{Failure, REJECTION_BYTES, Rejection};
use super::limit::Slot;
use super::oauth;
use super::request::{Auth, Request};
use super::retry;
use super::room::Room;
use super::transport::{Refused, refused};
use crate::error::Error;
use crate::heavy;
use crate::recording::{Recorded, Recorder};
use crate::settings::Settings;
use crate::telemetry::{Bound, Metrics};

/// What sends and receives calls.
pub(super) struct Exchange {
    http: HttpClients,
    metrics: Arc<Metrics>,
    read_timeout: Duration,
    max_answer: usize,
    recorder: Option<Recorder>,
}

impl Exchange {
    pub(super) fn new(
        http: HttpClients,
        settings: &Settings,
        metrics: Arc<Metrics>,
        recorder: Option<Recorder>,
    ) -> Self {
        let provider = &settings.provider;
        let (read_timeout, max_answer) = (provider.read_timeout, provider.max_answer);
        Self { http, metrics, read_timeout, max_answer, recorder }
    }

    /// Sends and receives, within the time for one call. `secret` is the access token, or what proves an application's
    /// identity in a token request.
    pub(super) async fn call(
        &self,
        request: &Request<'_>,
        secret: Option<&SecretString>,
        room: &mut Room,
        mut slot: Option<Slot>,
    ) -> Result<Answer, Failure> {
        let builder = |http: &reqwest::Client| {
            let mut builder = http.request(request.method.clone(), request.url()?.clone());
            for (name, value) in &request.headers {
                builder = builder.header(name, value);
            }
            if !request.body.is_empty() {
                builder = builder.body(request.body.clone());
            }
            authorized(builder, &request.auth, secret)
        };
        let limit = request.timeout.unwrap_or(self.read_timeout);
        let mut kept_headers = HeaderMap::new();
        let answered = |headers: &HeaderMap| {
            if self.recorder.is_some() {
                kept_headers.clone_from(headers);
            }
            let Some(slot) = &mut slot else { return };
            slot.answered();
            let hint = request.read_rate.map(|read| read(headers)).unwrap_or_default();
            hint.quota.into_iter().for_each(|quota| slot.bucket().adapt(quota));
            hint.pause.into_iter().for_each(|pause| slot.bucket().pause(pause, None));
        };
        let waits_for_room = AtomicBool::new(false);
        let received = self.receive(&builder, request, room, &waits_for_room, answered);
        let outcome = match timeout_at(Instant::now() + limit, received).await {
            Ok(outcome) => outcome,
            Err(_) if waits_for_room.load(Ordering::Relaxed) => Err(self.too_large(&ReadError::NoRoom)),
            Err(_) => Err(Failure::Timeout(limit)),
        };
        self.record(request, secret, &kept_headers, &outcome).await;
        let outcome =
            outcome.map_err(|failure| secrets(&request.auth, secret).iter().fold(failure, Failure::without));
        if let (Some(slot), Err(Failure::Rejected(rejection))) = (&slot, &outcome)
            && rejection.status == StatusCode::TOO_MANY_REQUESTS
            && let Some(pause) = rejection.retry_after
        {
            slot.bucket().pause(pause, Some(rejection.clone()));
        }
        outcome
    }

    /// Records an exchange, if that is wanted and there was an answer.
    async fn record(
        &self,
        request: &Request<'_>,
        secret: Option<&SecretString>,
        headers: &HeaderMap,
        outcome: &Result<Answer, Failure>,
    ) {
        let Some((recorder, url)) = self.recorder.as_ref().zip(request.url.as_ref()) else { return };
        let (status, body) = match outcome {
            Ok(answer) => (answer.status(), answer.body()),
            Err(Failure::Rejected(rejection)) => (rejection.status, &rejection.body),
            Err(_) => return,
        };
        let scope = match &request.auth {
            Auth::Login(source) => Some(source.scope.as_str()),
            _ => None,
        };
        let secrets = secrets(&request.auth, secret);
        let exchange = Recorded {
            name: request.name,
            method: request.method.as_str(),
            url,
            sent: &request.body,
            scope,
            secrets: &secrets,
            status,
            headers,
            body,
            now: request.context.now(),
        };
        // The disk may be slow: no other request waits for it.
        let work = || recorder.record(&request.context.confidential, &exchange);
        if let Some(warning) = heavy::run(heavy::LARGE, work).await {
            log::warn!("{warning}");
        }
    }

    /// Sends a call once more, on a connection of its own.
    async fn send_again(
        &self,
        builder: &impl Fn(&reqwest::Client) -> Result<RequestBuilder, Failure>,
        request: &Request<'_>,
    ) -> Result<reqwest::Response, Failure> {
        self.metrics.retry(request.name);
        request.context.count_provider_call();
        let sent = builder(&self.http.unpooled)?.send().await;
        sent.map_err(|error| Failure::of_transport(&error, &self.http.proxies))
    }

    /// Receives the answer; `answered` sees its headers first.
    async fn receive(
        &self,
        builder: &impl Fn(&reqwest::Client) -> Result<RequestBuilder, Failure>,
        request: &Request<'_>,
        room: &mut Room,
        waits: &AtomicBool,
        answered: impl FnOnce(&HeaderMap),
    ) -> Result<Answer, Failure> {
        let mut response = match builder(self.http.pooled())?.send().await {
            Ok(response) => response,
            Err(error) => match refused(&error) {
                // It was not processed, or may be: at once on another connection.
                Some(Refused::Unprocessed) => self.send_again(builder, request).await?,
                Some(Refused::Closing) if request.serves_twice() => self.send_again(builder, request).await?,
                _ => return Err(Failure::of_transport(&error, &self.http.proxies)),
            },
        };
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        answered(&headers);
        if status.is_success() {
            let most = if request.bulk { self.max_answer * 2 } else { self.max_answer };
            let bounds = Bounds { most, cut: false, room: Some(&mut *room), waits };
            let body = body::read(response, &headers, bounds).await.map_err(|error| match error {
                ReadError::Broken(error) => Failure::of_transport(&error, &self.http.proxies),
                ReadError::Encoding => Failure::Unreadable("its answer is not encoded as it says".to_owned()),
                ReadError::TooLarge(_) | ReadError::NoRoom => self.too_large(&error),
            })?;
            return Ok(Answer::new(status, &headers, &request.kept_headers, body));
        }
        let retry_after = retry::retry_after(&headers, jiff::Timestamp::now().into());
        // The body only adds words to the message: what cannot be read of it is left out.
        let bounds = Bounds { most: REJECTION_BYTES, cut: true, room: Some(room), waits };
        let body = body::read(response, &headers, bounds).await.unwrap_or_default();
        Err(Failure::Rejected(Rejection { status: status.as_u16(), body, retry_after }))
    }

    /// The failure of an answer that is larger than its bound or than there is room for.
    fn too_large(&self, error: &ReadError) -> Failure {
        if let ReadError::TooLarge(most) = error {
            self.metrics.bounds.hit(Bound::AnswerSize);
            let twice = if *most > self.max_answer { "twice " } else { "" };
            return Failure::TooLarge(format!(
                "its answer is larger than {most} bytes ({twice}RELAY_PROVIDER__MAX_ANSWER); ask for fewer observables or less"
            ));
        }
        self.metrics.bounds.hit(Bound::AnswerMemory);
        let problem = "its answer is larger than its share of the memory for answers (RELAY_ANSWER_MEMORY), which others wait for; \
                       try again later";
        Failure::TooLarge(problem.to_owned())
    }
}

/// What a call proves its identity with, in every form in which the provider could repeat it.
fn secrets(auth: &Auth, secret: Option<&SecretString>) -> Vec<SecretString> {
    match auth {
        Auth::None => Vec::new(),
        Auth::Basic { user, password } => {
            let pair = format!("{}:{}", user.expose_secret(), password.expose_secret());
            vec![BASE64_STANDARD.encode(pair).into(), password.clone(), user.clone()]
        }
        Auth::Header { value, .. } => vec![value.clone()],
        Auth::Token(_) | Auth::Login(_) => secret.cloned().into_iter().collect(),
    }
}

/// Adds the credentials, marked so that nothing prints them.
fn authorized(
    builder: RequestBuilder,
    auth: &Auth,
    secret: Option<&SecretString>,
) -> Result<RequestBuilder, Failure> {
    let sensitive = |text: &str| {
        let mut value = HeaderValue::from_str(text).map_err(|_| {
            Failure::NotSent(Error::authorization("the credentials do not fit in an HTTP header"))
        })?;
        value.set_sensitive(true);
        Ok::<_, Failure>(value)
    };
    Ok(match (auth, secret) {
        (Auth::Basic { user, password }, _) => {
            builder.basic_auth(user.expose_secret(), Some(password.expose_secret()))
        }
        (Auth::Header { name, prefix, value }, _) => {
            builder.header(name, sensitive(&format!("{prefix}{}", value.expose_secret()))?)
        }
        (Auth::Token(_), Some(token)) => {
            builder.header(AUTHORIZATION, sensitive(&format!("Bearer {}", token.expose_secret()))?)
        }
        (Auth::Login(source), Some(proof)) => {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            builder.header(CONTENT_TYPE, form).body(oauth::form(source, proof))
        }
        (Auth::None, _) | (Auth::Token(_) | Auth::Login(_), None) => builder,
    })
}
