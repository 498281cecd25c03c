//! `relayctl investigate`: the demonstration's investigation, with relays that are already running.

#[cfg(test)]
mod tests;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use relay_core::endpoint::health;
use serde_json::{Value, json};
use url::Url;

use crate::client;
use crate::investigation::{self, RelayClient, instructions};
use crate::relays::{Known, PORT_BASE, RELAYS};
use crate::simulator::Simulator;
use crate::ui::{BAD, harmless, styled};

/// Runs an investigation with relays that are already running, such as those of docker-compose.yml
///
/// Lets the simulator sign a token for every relay, queries the relays for the observables of
/// fixtures/observables.json, prints the results, worst first, and then the URL, a token and a curl command for each
/// relay. The defaults are the addresses of docker-compose.yml.
///
/// Exit code 1 if a relay does not respond or reports an error; 2 if none responds.
#[derive(Debug, Args)]
pub(crate) struct Investigate {
    /// Port of the first relay on this machine; the others use the following ports
    #[arg(long, value_name = "PORT", default_value_t = PORT_BASE)]
    port_base: u16,

    /// The simulator on this machine
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9100", value_parser = client::relay_url)]
    simulator: Url,

    /// The simulator as the relays reach it: the key host in the tokens
    #[arg(long, value_name = "HOST", default_value = "provider-sim:9100")]
    jwks_host: String,

    /// Call simulator and relays by their service names, as inside the composition
    #[arg(long, env = "RELAYCTL_BY_SERVICE")]
    by_service: bool,
}

/// A relay and its addresses.
struct Target {
    known: &'static Known,
    /// Its address for users, and the audience of its tokens.
    url: Url,
    /// Where this program calls it.
    called_at: Url,
}

impl Investigate {
    /// Runs the command.
    ///
    /// # Errors
    /// The simulator or every relay does not respond.
    pub(crate) async fn run(self, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
        let targets = self.targets()?;
        let called_at = if self.by_service {
            format!("http://{}", self.jwks_host).parse().context("--jwks-host is not a host")?
        } else {
            self.simulator.clone()
        };
        let simulator = Simulator::new(called_at, self.jwks_host)?;
        investigate(targets, &simulator, &self.simulator, out, err).await
    }

    fn targets(&self) -> anyhow::Result<Vec<Target>> {
        let target = |known: &'static Known| {
            let url: Url = format!("http://127.0.0.1:{}", known.port(self.port_base)?).parse()?;
            let called_at = if self.by_service {
                format!("http://{}:9090", known.module().package).parse()?
            } else {
                url.clone()
            };
            Ok(Target { known, url, called_at })
        };
        RELAYS.iter().map(target).collect()
    }
}

async fn investigate(
    targets: Vec<Target>,
    simulator: &Simulator,
    shown: &Url,
    out: &mut impl Write,
    err: &mut impl Write,
) -> anyhow::Result<ExitCode> {
    let all = targets.len();
    let mut relays = Vec::new();
    for target in targets {
        let token = simulator.token(target.known, &target.url).await.context(
            "no simulator is running to sign tokens. Start it with the relays: docker compose up --build --detach. \
             Without containers: relayctl demo",
        )?;
        let Target { known, url, called_at } = target;
        relays.push(RelayClient { module: known.module(), url, called_at, token });
    }
    let outcomes = futures::future::join_all(relays.iter().map(check_health)).await;
    let mut healthy = Vec::new();
    for (relay, check_health) in relays.into_iter().zip(outcomes) {
        match check_health {
            Ok(()) => healthy.push(relay),
            Err(problem) => writeln!(
                err,
                "{} {} is skipped: {}",
                styled(BAD, "note:"),
                relay.module.package,
                harmless(&format!("{problem:#}"))
            )?,
        }
    }
    if healthy.is_empty() {
        bail!("no relay can be queried; `docker compose ps` shows whether they are running");
    }
    let reports = investigation::run(&healthy, simulator, out).await?;
    instructions::print("To call the relays yourself", &healthy, &reports, shown, out)?;
    let failed = healthy.len() < all || investigation::has_failed(&reports);
    Ok(ExitCode::from(u8::from(failed)))
}

/// The health of a relay. One that uses the real provider reports an error here: it rejects tokens of the simulator.
async fn check_health(relay: &RelayClient) -> anyhow::Result<()> {
    let answer = relay.ask(health::ENDPOINT, String::new()).await?;
    if let Some(problem) = answer.errors.first() {
        bail!("{}: {}", problem.code, problem.message);
    }
    match answer.data.as_ref().and_then(|data| data.get("status")).and_then(Value::as_str) {
        Some("ok") => Ok(()),
        _ => bail!("{} responds {}", relay.called_at, json!(answer.data)),
    }
}
