//! A running simulator.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::{fmt, io, thread};

use actix_web::dev::{Server, ServerHandle};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::fault::{Fault, Faults};
use crate::keys::Keys;
use crate::login::Registration;
use crate::record::{self, SeenCall};
use crate::server;
use crate::simulator::Simulator;

/// The options of a simulator. By default it listens on a free port of this machine and has no faults.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address to listen on; port 0 selects a free one.
    pub listen: SocketAddr,
    /// Faults that are active from the start and after a reset.
    pub faults: Vec<Fault>,
    /// The platform's signing keys; by default a pair of this process.
    pub keys: Option<Keys>,
    /// Decides which calls fail if a fault has a rate.
    pub seed: u64,
    /// A folder of recorded calls, from which alone calls are then answered.
    pub recording: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            faults: Vec::new(),
            keys: None,
            seed: 1,
            recording: None,
        }
    }
}

/// A running simulator. It has its own threads, so it does not depend on the caller's runtime. It stops when dropped.
pub struct Sim {
    address: SocketAddr,
    simulator: Arc<Simulator>,
    server: ServerHandle,
}

impl Sim {
    /// Starts one.
    ///
    /// # Errors
    /// The address is not available, a fixture is invalid, or no key can be generated.
    pub async fn start(options: Options) -> io::Result<Self> {
        let (ready, start) = oneshot::channel();
        thread::Builder::new().name("provider-sim".to_owned()).spawn(move || {
            let outcome = Self::build(options);
            let (sim, server) = match outcome {
                Ok((sim, server)) => (Ok(sim), Some(server)),
                Err(error) => (Err(error), None),
            };
            // If nobody waits for it any more, the simulator is dropped here, which stops the server.
            drop(ready.send(sim));
            server.map_or(Ok(()), |server| actix_web::rt::System::new().block_on(server))
        })?;
        start.await.map_err(|_| io::Error::other("the simulator's thread ended"))?
    }

    fn build(options: Options) -> io::Result<(Self, Server)> {
        let keys = options.keys.map_or_else(Keys::shared, Ok)?;
        let simulator = Simulator::new(keys, options.seed, &options.faults, options.recording.as_deref())?;
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

    /// Host and port, as in the `jwks_host` of tokens.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The keys that sign the platform's tokens.
    pub fn keys(&self) -> &Keys {
        &self.simulator.keys
    }

    /// A valid token of the platform for the relay at `audience`, with these claims and the host of the keys.
    ///
    /// # Panics
    /// The claims are not a JSON object.
    pub fn token(&self, audience: &str, claims: &Value) -> String {
        let mut claims = claims.clone();
        claims["aud"] = json!(audience);
        claims["jwks_host"] = json!(self.host());
        self.keys().sign(&claims)
    }

    /// The calls since the start or the last reset, in order of arrival, without those of the control API.
    pub fn calls(&self) -> Vec<SeenCall> {
        self.simulator.record.calls()
    }

    /// The calls to one service.
    pub fn calls_to(&self, provider: &str) -> Vec<SeenCall> {
        let mut calls = self.calls();
        calls.retain(|call| call.provider == Some(provider));
        calls
    }

    /// The peak of concurrent calls to one service.
    pub fn peak_in_flight(&self, provider: &str) -> usize {
        record::peak(&self.calls_to(provider))
    }

    /// The calls that the recording lacks, each once; none without a recording.
    pub fn missing_calls(&self) -> Vec<String> {
        self.simulator.replay.as_ref().map(|replay| replay.missing()).unwrap_or_default()
    }

    /// The faults in force.
    pub fn faults(&self) -> &Faults {
        &self.simulator.faults
    }

    /// Pins the answer to a call of a service. It takes precedence over fixtures and generated answers, but not over
    /// the checks of the service (credentials, headers, limits).
    ///
    /// Limited answers are used first, in order; of the others, the latest for a call applies.
    ///
    /// # Panics
    /// There is no such service.
    pub fn answer(&self, provider: &str, answer: Answer) {
        let service = self.simulator.service_named(provider);
        let Some(service) = service else { panic!("no service is named {provider:?}") };
        self.simulator.pinned.add(service.name(), answer);
    }

    /// Registers what an application may log in with instead of a secret.
    pub fn register(&self, registration: Registration) {
        self.simulator.registrations.add(registration);
    }

    /// Resets everything: calls, pinned answers, faults, and the state of the services.
    pub fn reset(&self) {
        self.simulator.reset();
    }

    /// Stops, aborting running calls, and waits for the end.
    pub async fn stop(self) {
        self.server.stop(false).await;
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        // The call stops the server; the future only waits for it.
        drop(self.server.stop(false));
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").field("address", &self.address).finish_non_exhaustive()
    }
}

/// The address at which this machine reaches a listener: the loopback address for one on all addresses.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
