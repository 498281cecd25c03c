//! `relayctl investigate`: the demonstration's investigation, with relays that run already.

#[cfg(test)]
mod tests;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use relay_core::endpoint::Endpoint;
use serde_json::{Value, json};
use url::Url;

use crate::client;
use crate::investigation::{self, Respondent, invitation};
use crate::relays::{Known, PORT_BASE, RELAYS};
use crate::simulator::Simulator;
use crate::ui::{BAD, harmless, styled};

/// Investigates with relays that run already, such as those of docker-compose.yml
///
/// Lets the simulator sign a token for every relay, asks the relays about the observables of
/// fixtures/observables.json, shows what they found, the worst first, and prints for each its URL, a token and a
/// curl line. The defaults are the addresses of docker-compose.yml.
///
/// Exit code 1 when a relay does not answer, or answers with an error; 2 when none does.
#[derive(Debug, Args)]
pub(crate) struct Investigate {
    /// Port of the first relay on this machine; each next one has the next port
    #[arg(long, value_name = "PORT", default_value_t = PORT_BASE)]
    port_base: u16,

    /// The simulator on this machine
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9100", value_parser = client::relay_url)]
    simulator: Url,

    /// The simulator as the relays reach it, which is where a token says that its key is
    #[arg(long, value_name = "HOST", default_value = "provider-sim:9100")]
    jwks_host: String,

    /// Call simulator and relays by the names of their services, as the composition's own relayctl has to
    #[arg(long, env = "RELAYCTL_BY_SERVICE")]
    by_service: bool,
}

/// Where a relay is.
struct Place {
    known: &'static Known,
    /// Its address for users, and the audience of its tokens.
    url: Url,
    /// Where this program calls it.
    called_at: Url,
}

impl Investigate {
    /// Does it.
    ///
    /// # Errors
    /// No simulator or no relay answers.
    pub(crate) async fn run(self, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
        let places = self.places()?;
        let called_at = if self.by_service {
            format!("http://{}", self.jwks_host).parse().context("--jwks-host is no host")?
        } else {
            self.simulator.clone()
        };
        let simulator = Simulator::new(called_at, self.jwks_host)?;
        investigate(places, &simulator, &self.simulator, out, err).await
    }

    fn places(&self) -> anyhow::Result<Vec<Place>> {
        let place = |known: &'static Known| {
            let url: Url = format!("http://127.0.0.1:{}", known.port(self.port_base)?).parse()?;
            let called_at = if self.by_service {
                format!("http://{}:9090", known.module().package).parse()?
            } else {
                url.clone()
            };
            Ok(Place { known, url, called_at })
        };
        RELAYS.iter().map(place).collect()
    }
}

async fn investigate(
    places: Vec<Place>,
    simulator: &Simulator,
    shown: &Url,
    out: &mut impl Write,
    err: &mut impl Write,
) -> anyhow::Result<ExitCode> {
    let all = places.len();
    let mut relays = Vec::new();
    for place in places {
        let token = simulator.token(place.known, &place.url).await.context(
            "no simulator to sign tokens and play the providers. Start it with the relays: \
             docker compose up --build --detach. Or, without containers: relayctl demo",
        )?;
        let Place { known, url, called_at } = place;
        relays.push(Respondent { module: known.module(), url, called_at, token });
    }
    let states = futures::future::join_all(relays.iter().map(state)).await;
    let mut well = Vec::new();
    for (relay, state) in relays.into_iter().zip(states) {
        match state {
            Ok(()) => well.push(relay),
            Err(problem) => writeln!(
                err,
                "{} {} is left out: {}",
                styled(BAD, "note:"),
                relay.module.package,
                harmless(&format!("{problem:#}"))
            )?,
        }
    }
    if well.is_empty() {
        bail!("none of the relays can be asked; `docker compose ps` shows whether they run");
    }
    let dossiers = investigation::conduct(&well, simulator, out).await?;
    invitation::print("To call the relays yourself", &well, &dossiers, shown, out)?;
    let failed = well.len() < all || investigation::has_failed(&dossiers);
    Ok(ExitCode::from(u8::from(failed)))
}

/// Whether a relay is well, by its own word. One that asks the real provider says so here: it refuses a token of
/// the simulator.
async fn state(relay: &Respondent) -> anyhow::Result<()> {
    let answer = relay.ask(Endpoint::Health, String::new()).await?;
    if let Some(problem) = answer.errors.first() {
        bail!("{}: {}", problem.code, problem.message);
    }
    match answer.data.as_ref().and_then(|data| data.get("status")).and_then(Value::as_str) {
        Some("ok") => Ok(()),
        _ => bail!("{} answers {}", relay.called_at, json!(answer.data)),
    }
}
