//! The connection to the store, and what is done while it fails.
//!
//! Requests ask, each within the time for one exchange, and never wait for a store that is known to be unavailable: the
//! heartbeat task alone connects again and finds out whether it is back.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, RedisError, RedisResult, TlsCertificates};
use secrecy::ExposeSecret;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use super::metrics::{Operation, SharedMetrics};
use crate::settings::{SettingsError, SharedSettings};

/// Failures in a row after which the store is not asked.
const FAILURES: u32 = 3;
/// How much less time than others an exchange has that follows a failure.
const WHILE_FAILING: u32 = 8;
/// For how long, before it is probed.
pub(super) const REST: Duration = Duration::from_secs(2);
/// Time to connect, TLS and password included.
const CONNECT: Duration = Duration::from_secs(2);

/// The store is not asked now, or gave no answer: the request goes on without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unavailable;

pub(super) struct Link {
    client: Client,
    timeout: Duration,
    /// Host and port, for people.
    place: String,
    connection: watch::Sender<Option<Numbered>>,
    failures: AtomicU32,
    unavailable: AtomicBool,
    /// The heartbeat task has something to do.
    pub(super) changed: Notify,
    pub(super) metrics: SharedMetrics,
}

/// A connection with its number: a late failure of an old one says nothing about it.
#[derive(Clone)]
struct Numbered {
    number: u64,
    connection: MultiplexedConnection,
}

impl Link {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// The address or the certificate authorities cannot be used.
    pub(super) fn new(settings: &SharedSettings, metrics: SharedMetrics) -> Result<Self, SettingsError> {
        let unusable = |key: &'static str| {
            move |error: RedisError| SettingsError::value(key, format!("cannot be used: {error}"))
        };
        let mut info = settings.url.as_str().into_connection_info().map_err(unusable("shared.url"))?;
        let mut login = info.redis_settings().clone().set_skip_set_lib_name();
        if let Some(password) = &settings.password {
            login = login.set_password(password.expose_secret());
        }
        info = info.set_redis_settings(login);
        let client = match &settings.ca_file {
            Some(path) => {
                let pem = std::fs::read(path).map_err(|error| {
                    SettingsError::value("shared.ca_file", format!("cannot read {}: {error}", path.display()))
                })?;
                let certificates = TlsCertificates { client_tls: None, root_cert: Some(pem) };
                Client::build_with_tls(info, certificates).map_err(unusable("shared.ca_file"))?
            }
            None => Client::open(info).map_err(unusable("shared.url"))?,
        };
        if settings.url.scheme() == "rediss" {
            // Another part of the process may have chosen it already, which is as good.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        Ok(Self {
            client,
            timeout: settings.timeout,
            place: settings.place(),
            connection: watch::Sender::new(None),
            failures: AtomicU32::new(0),
            unavailable: AtomicBool::new(false),
            changed: Notify::new(),
            metrics,
        })
    }

    /// Whether requests go on without the store.
    pub(super) fn is_unavailable(&self) -> bool {
        self.unavailable.load(Ordering::Relaxed)
    }

    /// One exchange, within its time.
    pub(super) async fn ask<T, F>(
        &self,
        operation: Operation,
        exchange: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T, Unavailable>
    where
        F: Future<Output = RedisResult<T>>,
    {
        if self.is_unavailable() {
            return Err(Unavailable);
        }
        let started = Instant::now();
        let mut number = 0;
        // Right after a failure it is given less: a request waits for a store that hangs once, not three times.
        let is_failing = self.failures.load(Ordering::Relaxed) > 0;
        let time = if is_failing { self.timeout / WHILE_FAILING } else { self.timeout };
        let outcome = timeout(time, async {
            let mut connections = self.connection.subscribe();
            // At the start, and after a broken connection, until there is one again.
            let found = connections.wait_for(Option::is_some).await.ok().and_then(|found| found.clone());
            let Some(found) = found else { return Err(broken()) };
            number = found.number;
            exchange(found.connection).await
        });
        let outcome = outcome.await;
        self.metrics.took(operation, started.elapsed());
        match outcome {
            Ok(Ok(value)) => {
                // A store that is full can still be read.
                if operation.writes() && self.failures.load(Ordering::Relaxed) > 0 {
                    self.failures.store(0, Ordering::Relaxed);
                }
                Ok(value)
            }
            Ok(Err(error)) => {
                if error.is_io_error() || error.is_unrecoverable_error() {
                    self.drop_connection(number);
                }
                Err(self.failed(operation, kind(&error)))
            }
            Err(_) => Err(self.failed(operation, "timeout")),
        }
    }

    /// Connects again, and asks by `exchange` whether the store works: the one probe.
    pub(super) async fn connect<T, F>(
        &self,
        exchange: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T, Unavailable>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let connection = self.connected().await.map_err(|kind| self.lost(kind))?;
        let started = Instant::now();
        let outcome = timeout(self.timeout, exchange(connection.clone())).await;
        self.metrics.took(Operation::Heartbeat, started.elapsed());
        match outcome {
            Ok(Ok(value)) => {
                self.connection.send_modify(|current| {
                    let number = current.as_ref().map_or(0, |current| current.number) + 1;
                    *current = Some(Numbered { number, connection });
                });
                self.failures.store(0, Ordering::Relaxed);
                self.metrics.up(true);
                if self.unavailable.swap(false, Ordering::Relaxed) {
                    log::info!("the shared store {} answers again: replicas share their state", self.place);
                }
                Ok(value)
            }
            Ok(Err(error)) => Err(self.lost(kind(&error))),
            Err(_) => Err(self.lost("timeout")),
        }
    }

    /// A new connection; else what is wrong, in a word.
    async fn connected(&self) -> Result<MultiplexedConnection, &'static str> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            // Each exchange has its own.
            .set_response_timeout(None);
        let connected = timeout(CONNECT, self.client.get_multiplexed_async_connection_with_config(&config));
        match connected.await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(kind(&error)),
            Err(_) => Err("timeout"),
        }
    }

    /// How long one exchange takes on a connection of its own; else what is wrong, in a word.
    pub(super) async fn probe(&self) -> Result<Duration, &'static str> {
        let mut connection = self.connected().await?;
        let started = Instant::now();
        match timeout(CONNECT, redis::cmd("PING").query_async::<()>(&mut connection)).await {
            Ok(Ok(())) => Ok(started.elapsed()),
            Ok(Err(error)) => Err(kind(&error)),
            Err(_) => Err("timeout"),
        }
    }

    /// Host and port, for people.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Whether a connection has to be made.
    pub(super) fn needs_connection(&self) -> bool {
        self.is_unavailable() || self.connection.borrow().is_none()
    }

    fn drop_connection(&self, number: u64) {
        let dropped = self
            .connection
            .send_if_modified(|current| current.take_if(|current| current.number == number).is_some());
        if dropped {
            self.changed.notify_one();
        }
    }

    /// The probe failed.
    fn lost(&self, kind: &'static str) -> Unavailable {
        self.metrics.failed(Operation::Heartbeat, kind);
        self.leave(kind);
        Unavailable
    }

    fn failed(&self, operation: Operation, kind: &'static str) -> Unavailable {
        self.metrics.failed(operation, kind);
        if self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES {
            self.leave(kind);
        }
        Unavailable
    }

    fn leave(&self, kind: &'static str) {
        self.metrics.up(false);
        if !self.unavailable.swap(true, Ordering::Relaxed) {
            log::warn!(
                "the shared store {} fails ({kind}): each replica goes on with its own state until it is back",
                self.place
            );
            self.changed.notify_one();
        }
    }
}

fn broken() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::NotConnected).into()
}

/// What went wrong, as a label.
fn kind(error: &RedisError) -> &'static str {
    match error.code() {
        Some("OOM") => "full",
        Some("READONLY") => "read_only",
        Some("LOADING") => "loading",
        Some("NOAUTH" | "WRONGPASS" | "NOPERM") => "password",
        _ if error.is_timeout() => "timeout",
        _ if error.is_io_error() || error.is_connection_dropped() => "connection",
        _ => "refused",
    }
}
