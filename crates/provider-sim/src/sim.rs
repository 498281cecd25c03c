//! A running simulator.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::{fmt, io, thread};

use actix_web::dev::{Server, ServerHandle};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::fault::{Fault, Faults};
use crate::keys::Keys;
use crate::record::{self, SeenCall};
use crate::server;
use crate::simulator::Simulator;

/// How a simulator is to be. The default listens on a free port of this machine and is without fault.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Faults from the start, also there again after a reset.
    pub faults: Vec<Fault>,
    /// The platform's signing keys; a pair of the process when none are given.
    pub keys: Option<Keys>,
    /// Decides which calls are applied by faults that come at a rate.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), faults: Vec::new(), keys: None, seed: 1 }
    }
}

/// A running simulator. It runs on threads of its own, so it answers whatever the caller's runtime does, and
/// stops when this is dropped.
pub struct Sim {
    address: SocketAddr,
    simulator: Arc<Simulator>,
    server: ServerHandle,
}

impl Sim {
    /// Starts one.
    ///
    /// # Errors
    /// When the address cannot be listened on, a fixture is not sound, or no key can be made.
    pub async fn start(options: Options) -> io::Result<Self> {
        let (ready, start) = oneshot::channel();
        thread::Builder::new().name("provider-sim".to_owned()).spawn(move || {
            let outcome = Self::build(options);
            let (sim, server) = match outcome {
                Ok((sim, server)) => (Ok(sim), Some(server)),
                Err(error) => (Err(error), None),
            };
            // When no one waits for it any more, the simulator is dropped here, which stops the server.
            drop(ready.send(sim));
            server.map_or(Ok(()), |server| actix_web::rt::System::new().block_on(server))
        })?;
        start.await.map_err(|_| io::Error::other("the simulator's thread ended"))?
    }

    fn build(options: Options) -> io::Result<(Self, Server)> {
        let keys = options.keys.map_or_else(Keys::shared, Ok)?;
        let simulator = Simulator::new(keys, options.seed, &options.faults)?;
        let simulator = Arc::new(simulator);
        let listener = TcpListener::bind(options.listen)?;
        let address = reachable(listener.local_addr()?);
        let server = server::serve(listener, Arc::clone(&simulator))?;
        Ok((Self { address, simulator, server: server.handle() }, server))
    }

    /// Its URL without a slash at the end: `http://127.0.0.1:9100`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Host and port: what a token's `jwks_host` names.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The keys that sign the platform's tokens.
    pub fn keys(&self) -> &Keys {
        &self.simulator.keys
    }

    /// A good token of the platform for the relay at `audience`: these claims, and where the key set is.
    ///
    /// # Panics
    /// When the claims are not a JSON object.
    pub fn token(&self, audience: &str, claims: &Value) -> String {
        let mut claims = claims.clone();
        claims["aud"] = json!(audience);
        claims["jwks_host"] = json!(self.host());
        self.keys().sign(&claims)
    }

    /// The calls seen since the start or the last reset, in order of arrival; the control API's are left out.
    pub fn calls(&self) -> Vec<SeenCall> {
        self.simulator.record.calls()
    }

    /// The calls seen by one service.
    pub fn calls_to(&self, provider: &str) -> Vec<SeenCall> {
        let mut calls = self.calls();
        calls.retain(|call| call.provider == Some(provider));
        calls
    }

    /// The most calls to one service that were under way at one time.
    pub fn peak_in_flight(&self, provider: &str) -> usize {
        record::peak(&self.calls_to(provider))
    }

    /// The faults in force.
    pub fn faults(&self) -> &Faults {
        &self.simulator.faults
    }

    /// Pins the answer to a call of a service, named as in `calls`. It goes before fixtures and generated answers; the
    /// service's own checks (credentials, headers, limits) come first.
    ///
    /// Answers with a number of times are used up first, in order; of the others the latest for a call holds.
    ///
    /// # Panics
    /// When there is no such service: a mistake in the test.
    pub fn answer(&self, provider: &str, answer: Answer) {
        let service = self.simulator.service_named(provider);
        let Some(service) = service else { panic!("no service is named {provider:?}") };
        self.simulator.pinned.add(service.name(), answer);
    }

    /// Back to the start: no calls, no pinned answers, the faults of the start, fresh services.
    pub fn reset(&self) {
        self.simulator.reset();
    }

    /// Stops, cutting off answers that are under way, and returns when it has.
    pub async fn stop(self) {
        self.server.stop(false).await;
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        // The order to stop is given by the call; what it returns only waits.
        drop(self.server.stop(false));
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Where a listener is reached from this machine: one on all addresses is on the loopback one.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
