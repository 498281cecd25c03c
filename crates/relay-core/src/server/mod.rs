//! The HTTP side of a relay: the only room that knows actix.
//!
//! [`start`] binds both listeners, so their ports are known before the first request, and returns a
//! [`Running`] relay that is stopped by hand. Lookups run on the process's multi-threaded runtime, not on the
//! connection's thread: a pooled connection must not stall with the thread that opened it.

mod admin;
mod app;
mod common;
mod openapi;
mod pack;
mod page;
mod telemetry;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};

use crate::host::Host;
use crate::relay::Relay;
use crate::settings::{Settings, SettingsError};

/// How long running requests may take to finish after the stop.
const DRAIN: Duration = Duration::from_secs(30);

/// A relay does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A listener cannot be opened.
    #[error("{setting}: cannot listen on {address}: {problem}")]
    Listen {
        /// Environment variable of the listener.
        setting: &'static str,
        /// The address that it names.
        address: SocketAddr,
        /// Why not; part of the message, so it is no source that would be told again.
        problem: io::Error,
    },
}

/// A relay that answers requests until it is stopped.
pub struct Running {
    /// Address of the platform-facing listener.
    pub address: SocketAddr,
    /// Address of the listener for probes and metrics.
    pub admin_address: Option<SocketAddr>,
    /// Which tokens are accepted, in words.
    pub auth_modes: &'static str,
    /// What an operator should know.
    pub warnings: Vec<&'static str>,
    ready: Arc<AtomicBool>,
    server: ServerHandle,
    admin: Option<ServerHandle>,
}

/// Starts a relay. Must be called on a multi-threaded tokio runtime, which its lookups run on.
///
/// # Errors
/// A setting cannot be used, or a listener cannot be opened.
pub fn start(relay: &Relay, settings: &Settings) -> Result<Running, StartError> {
    let module = relay.module();
    let (host, client) = Host::new(module, relay.max_concurrency(), settings)?;
    let endpoints = relay.start(&settings.provider, client)?;
    let auth_modes = host.auth.modes();
    let warnings = host.auth.warnings(&settings.auth);
    let ready = Arc::new(AtomicBool::new(true));
    let metrics = Arc::clone(&host.metrics);
    let site = Arc::new(app::Site::new(module, settings, host, endpoints));

    let listen =
        |setting, address: SocketAddr| move |problem| StartError::Listen { setting, address, problem };
    let server = HttpServer::new(move || {
        let site = Arc::clone(&site);
        App::new()
            .app_data(web::Data::from(Arc::clone(&site)))
            .wrap(actix_web::middleware::from_fn(telemetry::observe))
            .configure(|config| app::routes(config, &site))
    })
    .workers(settings.workers)
    // An answer may be sent in parts; else the later ones wait 40 ms for the client to confirm the first.
    .tcp_nodelay(true)
    .shutdown_timeout(DRAIN.as_secs())
    // A client that closes its side is gone: its lookups end, which a half-open connection would keep running.
    .h1_allow_half_closed(false)
    .disable_signals()
    .bind(settings.listen)
    .map_err(listen("RELAY_LISTEN", settings.listen))?;
    let address = server.addrs().first().copied().unwrap_or(settings.listen);

    let (admin, admin_address) = match settings.admin_listen {
        None => (None, None),
        Some(at) => {
            let state = web::Data::new(admin::Admin { ready: Arc::clone(&ready), metrics });
            let admin = HttpServer::new(move || App::new().app_data(state.clone()).configure(admin::routes))
                .workers(1)
                .shutdown_timeout(1)
                .disable_signals()
                .bind(at)
                .map_err(listen("RELAY_ADMIN_LISTEN", at))?;
            let address = admin.addrs().first().copied().unwrap_or(at);
            let admin = admin.run();
            let handle = admin.handle();
            tokio::spawn(admin);
            (Some(handle), Some(address))
        }
    };
    let server = server.run();
    let handle = server.handle();
    tokio::spawn(server);
    Ok(Running { address, admin_address, auth_modes, warnings, ready, server: handle, admin })
}

impl Running {
    /// Stops: readiness turns false, no connection is accepted, running requests finish within half a minute.
    pub async fn stop(self) {
        self.ready.store(false, Ordering::SeqCst);
        self.server.stop(true).await;
        if let Some(admin) = &self.admin {
            admin.stop(false).await;
        }
    }
}

/// A relay that nobody holds any more, as at the end of a test, stops at once.
impl Drop for Running {
    fn drop(&mut self) {
        // The command is sent by the call; only waiting for the end needs the future.
        drop(self.server.stop(false));
        drop(self.admin.as_ref().map(|admin| admin.stop(false)));
    }
}
