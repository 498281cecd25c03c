//! The HTTP side of a relay: the only room that knows actix.
//!
//! [`start`] binds both listeners, so their ports are known before the first request, and returns a
//! [`Running`] relay that is stopped by hand. Lookups run on the process's multi-threaded runtime, those of large requests
//! on a second one, and none on the connection's thread: a pooled connection must not stall with the thread that opened it.

mod admin;
mod app;
mod common;
mod exchange;
mod framing;
mod listen;
mod openapi;
mod pack;
mod page;
mod peers;
mod receive;
mod telemetry;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_http::HttpService;
use actix_service::{IntoServiceFactory, Service, ServiceFactory, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, guard, web};

use crate::heavy::Threads;
use crate::host::Host;
use crate::relay::{Relay, Started};
use crate::settings::{ConnectionSettings, Environment, Settings, SettingsError};
use listen::{Accepted, Listener, Serve};
use peers::Peers;
use wire::{Patience, Wire};

/// Connections to the admin port: far more than probes and a few collectors of metrics need.
const ADMIN_CONNECTIONS: usize = 100;
/// How much longer than their deadline the requests at work may take to end at the stop.
const DEADLINE_MARGIN: Duration = Duration::from_secs(5);

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
        /// Why not; part of the message, so it is no source, which would repeat it.
        problem: io::Error,
    },
    /// The system gives no threads.
    #[error("no thread can be started for requests: {0}; raise the limit of processes (ulimit -u, pids.max)")]
    Threads(io::Error),
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
    pub warnings: Vec<String>,
    /// What is good to know, and no fault.
    pub notes: Vec<String>,
    ready: Arc<AtomicBool>,
    server: Listener,
    _admin: Option<Listener>,
    drain_delay: Duration,
    patience: Duration,
}

/// Starts a relay. Must be called on a multi-threaded tokio runtime, which its lookups run on.
///
/// # Errors
/// A setting cannot be used, or a listener cannot be opened.
pub fn start(relay: &Relay, settings: &Settings) -> Result<Running, StartError> {
    let module = relay.module();
    let (host, client) = Host::new(module, relay.max_concurrency(), settings)?;
    let Started { mut endpoints, retiring } = relay.start(&settings.provider, client)?;
    host.begin_sharing();
    endpoints.retain(|served| (served.endpoint.served)(settings));
    let auth_modes = host.auth.modes();
    let of_tokens = host.auth.warnings(&settings.auth).into_iter().map(str::to_owned);
    let warnings = of_tokens.chain(settings.warnings()).collect();
    let ready = Arc::new(AtomicBool::new(true));
    let metrics = Arc::clone(&host.metrics);
    let threads = Threads::start().map_err(StartError::Threads)?;
    let site = Arc::new(app::Site::new(module, settings, host, endpoints, retiring, threads));
    let connections = &settings.connections;
    let peers = || Arc::new(Peers::new(connections.write_memory, Arc::clone(&metrics)));
    let listen =
        |setting, address: SocketAddr| move |problem| StartError::Listen { setting, address, problem };

    let open = |address| {
        let (site, connections) = (Arc::clone(&site), connections.clone());
        let service = move || {
            let site = Arc::clone(&site);
            let app = App::new()
                .app_data(web::Data::from(Arc::clone(&site)))
                .configure(|config| app::routes(config, &site))
                .wrap(from_fn(telemetry::observe))
                .wrap(from_fn(exchange::bounded));
            serve(app, connections.clone())
        };
        Listener::start(listen::bind(address)?, settings.workers, settings.connections.max, peers(), &service)
    };
    let server = open(settings.listen).map_err(listen("RELAY_LISTEN", settings.listen))?;

    let open = |address| {
        let connections = connections.clone();
        let admin = web::Data::new(admin::Admin { ready: Arc::clone(&ready), metrics: Arc::clone(&metrics) });
        let service = move || {
            let app = App::new().app_data(admin.clone()).configure(admin::routes);
            serve(app.wrap(from_fn(exchange::bounded)), connections.clone())
        };
        Listener::start(listen::bind(address)?, 1, ADMIN_CONNECTIONS, peers(), &service)
    };
    let admin = settings.admin_listen;
    let admin = admin.map(|at| open(at).map_err(listen("RELAY_ADMIN_LISTEN", at))).transpose()?;

    Ok(Running {
        address: server.address,
        admin_address: admin.as_ref().map(|admin| admin.address),
        auth_modes,
        warnings,
        notes: settings.provider.proxies.notes(),
        ready,
        server,
        _admin: admin,
        drain_delay: connections.drain_delay,
        patience: settings.deadline + DEADLINE_MARGIN,
    })
}

/// Everything in the settings that keeps a relay from its start, where one thing does.
pub(crate) fn problems(relay: &Relay, environment: &Environment) -> Vec<SettingsError> {
    let starts = |settings: &Settings| {
        let (_, client) = Host::new(relay.module(), relay.max_concurrency(), settings)?;
        relay.start(&settings.provider, client).map(drop)
    };
    Settings::problems(relay.module(), environment, starts)
}

/// Serves connections with an application of this thread.
async fn serve<A, S, B>(app: A, settings: ConnectionSettings) -> io::Result<Serve>
where
    A: IntoServiceFactory<S, actix_http::Request>,
    S: ServiceFactory<
            actix_http::Request,
            Config = AppConfig,
            Response = ServiceResponse<B>,
            Error = actix_web::Error,
            InitError = (),
        > + 'static,
    <S::Service as Service<actix_http::Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let http = HttpService::build()
        .keep_alive(settings.keep_alive)
        // The wire limits the time for every head, not only for the first.
        .client_request_timeout(Duration::ZERO)
        .client_disconnect_timeout(wire::LINGER)
        // A client that closes its side is gone: its lookups end, which a half-open connection would keep running.
        .h1_allow_half_closed(false)
        .on_connect_ext(|wire: &Wire, data| {
            data.insert(wire.gate());
        })
        .h1(map_config(app, |()| AppConfig::default()))
        .new_service(())
        .await
        .map_err(|()| io::Error::other("the HTTP service cannot be made"))?;
    let http = Rc::new(http);
    let patience = Patience { head: settings.body_timeout, write: settings.write_timeout };
    Ok(Box::new(move |Accepted { stream, member, place }| {
        let http = Rc::clone(&http);
        Box::pin(async move {
            let stream = stream.set_nonblocking(true).and_then(|()| tokio::net::TcpStream::from_std(stream));
            // A connection that is broken already has nobody to serve.
            let Ok(stream) = stream else { return };
            let wire = Wire::new(stream, member, patience, place);
            let address = wire.peer_addr();
            // How it ended is of no interest: the client knows, and requests have their line in the log.
            let _ = http.call((wire, address)).await;
        })
    }))
}

/// A route for GET, and for HEAD, which is answered with the same headers.
fn get() -> actix_web::Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

impl Running {
    /// Stops in order: readiness turns false at once; for the drain delay connections and requests are still taken,
    /// and every answer ends its connection; then nothing is accepted any more, and the requests at work end, at the
    /// latest 5 s after their deadline.
    pub async fn stop(self) {
        self.ready.store(false, Ordering::SeqCst);
        let peers = Arc::clone(&self.server.peers);
        peers.drain();
        tokio::time::sleep(self.drain_delay).await;
        let _connections = self.server.close().await;
        peers.finish(self.patience).await;
    }
}
