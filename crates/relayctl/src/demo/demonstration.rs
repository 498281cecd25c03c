//! The simulator, and the relays that use it.

use std::io::Write;

use anyhow::Context as _;
use provider_sim::{Fault, Keys, Options, Sim};
use relay_core::server::{self, Running, StartError};
use relay_core::settings::{Environment, Settings};
use url::Url;

use crate::connections::credential::Credential;
use crate::relay_client::{self, RelayClient};
use crate::relays::{Known, RELAYS};
use crate::simulator::Simulator;

/// Everything that runs; it stops when this is dropped.
pub(crate) struct Demonstration {
    /// The providers.
    pub(crate) sim: Sim,
    /// Its control API.
    pub(crate) simulator: Simulator,
    /// The relays.
    pub(crate) relays: Vec<RelayClient>,
    /// The port of the first relay, where the others have the following ones.
    pub(crate) port_base: Option<u16>,
    _running: Vec<Running>,
}

impl Demonstration {
    /// Starts the simulator on a free port and the relays on theirs. If a port is in use, the relay gets a free one,
    /// and `err` a note.
    ///
    /// # Errors
    /// Something does not start.
    pub(crate) async fn start(
        port_base: u16,
        faults: Vec<Fault>,
        err: &mut impl Write,
    ) -> anyhow::Result<Self> {
        let options = Options {
            keys: Some(Keys::generate().context("cannot create a signing key")?),
            faults,
            ..Options::default()
        };
        let sim = Sim::start(options).await.context("cannot start the simulator")?;
        let simulator = Simulator::new(sim.url().parse()?, sim.host())?;
        let (mut relays, mut all) = (Vec::new(), Vec::new());
        for known in RELAYS {
            let port = if port_base == 0 { 0 } else { known.port(port_base)? };
            let running = start_relay(known, &sim, port, err)?;
            let url: Url = format!("http://{}", running.address).parse()?;
            let token = simulator.token(known, &url).await?;
            relays.push(RelayClient::at(
                known.name,
                Some(known.module()),
                url,
                Some(Credential::token(&token)),
            ));
            all.push(running);
        }
        let base = all.first().map(|first| first.address.port());
        let follows = |base: &u16| {
            let fits = |(known, running): (&Known, &Running)| {
                known.port(*base).is_ok_and(|port| port == running.address.port())
            };
            RELAYS.iter().zip(&all).all(fits)
        };
        let port_base = base.filter(follows);
        relay_client::learn(&mut relays).await;
        Ok(Self { sim, simulator, relays, port_base, _running: all })
    }
}

fn start_relay(known: &Known, sim: &Sim, port: u16, err: &mut impl Write) -> anyhow::Result<Running> {
    let module = known.module();
    match start(known, sim, port) {
        Err(StartError::Listen { address, problem, .. }) if port != 0 => {
            let running = start(known, sim, 0)?;
            writeln!(
                err,
                "note: {} cannot listen on {address} ({problem}); it uses port {} instead. Set --port-base to use other ports",
                module.package,
                running.address.port()
            )?;
            Ok(running)
        }
        outcome => Ok(outcome?),
    }
}

fn start(known: &Known, sim: &Sim, port: u16) -> Result<Running, StartError> {
    let addresses = known.addresses.iter().map(|(name, path)| (*name, format!("{}{path}", sim.url())));
    let keys = [("RELAY_AUTH__JWKS_HOSTS", sim.url())];
    start_here(known, port, Environment::of(keys.into_iter().chain(addresses)))
}

/// Starts a relay in this process with these settings, on this machine only.
///
/// # Errors
/// A setting cannot be used, or the port is taken.
pub(crate) fn start_here(known: &Known, port: u16, settings: Environment) -> Result<Running, StartError> {
    let fixed = [
        ("RELAY_LISTEN", format!("127.0.0.1:{port}")),
        ("RELAY_ADMIN_LISTEN", "off".to_owned()),
        ("RELAY_WORKERS", "1".to_owned()),
        ("RELAY_DRAIN_DELAY", "0s".to_owned()),
    ];
    let settings = Settings::load(known.module(), settings.with(fixed))?;
    server::start(&(known.relay)(), &settings.settings)
}
