//! The simulator and the relays before it.

use std::io::Write;

use anyhow::Context as _;
use provider_sim::{Fault, Keys, Options, Sim};
use relay_core::relay::Module;
use relay_core::server::{self, Running, StartError};
use relay_core::settings::{Environment, Settings};
use serde_json::{Map, Value, json};
use url::Url;

use crate::relays::{Known, RELAYS};

/// Everything that runs; it stops when this is dropped.
pub(super) struct Stage {
    /// The providers.
    pub(super) sim: Sim,
    /// The relays.
    pub(super) relays: Vec<Standing>,
}

/// A relay that runs.
pub(super) struct Standing {
    /// What it is.
    pub(super) module: &'static Module,
    /// Where it listens.
    pub(super) url: Url,
    /// A token that it accepts.
    pub(super) token: String,
    _running: Running,
}

impl Stage {
    /// Starts the simulator on a free port and the relays on theirs. Where a port is taken, a free one serves,
    /// and a note on `err` says so.
    ///
    /// # Errors
    /// Something does not start.
    pub(super) async fn start(
        port_base: u16,
        faults: Vec<Fault>,
        err: &mut impl Write,
    ) -> anyhow::Result<Self> {
        let options = Options {
            keys: Some(Keys::generate().context("no signing key can be made")?),
            faults,
            ..Options::default()
        };
        let sim = Sim::start(options).await.context("the simulator does not start")?;
        let mut relays = Vec::new();
        for (known, position) in RELAYS.iter().zip(0..) {
            let port = match port_base {
                0 => 0,
                base => base
                    .checked_add(position)
                    .with_context(|| format!("--port-base {base} leaves no port for every relay"))?,
            };
            relays.push(stand(known, &sim, port, err)?);
        }
        Ok(Self { sim, relays })
    }
}

fn stand(known: &Known, sim: &Sim, port: u16, err: &mut impl Write) -> anyhow::Result<Standing> {
    let module = known.module();
    let running = match start(known, sim, port) {
        Err(StartError::Listen { address, problem, .. }) if port != 0 => {
            let running = start(known, sim, 0)?;
            writeln!(
                err,
                "note: {} cannot listen on {address} ({problem}), so it has port {}; --port-base chooses others",
                module.package,
                running.address.port()
            )?;
            running
        }
        outcome => outcome?,
    };
    let url = format!("http://{}", running.address);
    let mut claims: Map<String, Value> =
        known.claims.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    claims.insert("aud".to_owned(), json!(url));
    claims.insert("jwks_host".to_owned(), json!(sim.host()));
    Ok(Standing {
        module,
        url: url.parse()?,
        token: sim.keys().sign(&Value::Object(claims)),
        _running: running,
    })
}

fn start(known: &Known, sim: &Sim, port: u16) -> Result<Running, StartError> {
    let fixed = [
        ("RELAY_LISTEN", format!("127.0.0.1:{port}")),
        ("RELAY_ADMIN_LISTEN", "off".to_owned()),
        ("RELAY_WORKERS", "1".to_owned()),
        ("RELAY_AUTH__JWKS_HOSTS", sim.url()),
    ];
    let addresses = known.addresses.iter().map(|(name, path)| (*name, format!("{}{path}", sim.url())));
    let settings = Settings::load(known.module(), Environment::of(fixed.into_iter().chain(addresses)))?;
    server::start(&(known.relay)(), &settings.settings)
}
