//! `relayctl tiles`: draws a relay's dashboard tiles in the terminal.

pub(crate) mod draw;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use relay_core::endpoint::{Endpoint, tile_data, tiles};
use serde_json::{Value, json};
use url::Url;

use crate::answer::{Answer, Problem};
use crate::client;
use crate::connections::Config;
use crate::relay_client::{RelayClient, TIMEOUT};
use crate::relays;
use crate::token::read;
use crate::ui::{BAD, BOLD, DOUBTFUL, harmless, harmless_json, styled};

/// Draws the dashboard tiles of a relay
///
/// Example: `relayctl tiles https://relay.example quota --token-file token.txt`
///
/// Exit code 0: success; 1: the response reports an error; 2: no response, or invalid arguments.
#[derive(Args)]
pub(crate) struct Tiles {
    /// The relay: a connection of relays.toml, its URL, or the name of one on this machine's usual port
    #[arg(value_name = "NAME|URL")]
    relay: String,

    #[command(flatten)]
    config: Config,

    /// The tile; all of them where none is named
    id: Option<String>,

    /// The period, such as `last_24_hours`; the tile's default where none is named
    period: Option<String>,

    /// The token, with or without `Bearer` before it. Other users can see arguments: prefer the variable or a file
    #[arg(long, env = "RELAY_TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// File with the token; - reads standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Print the JSON of the responses instead
    #[arg(long)]
    json: bool,
}

impl Tiles {
    /// Runs the command.
    ///
    /// # Errors
    /// The arguments are invalid, or there is no readable response.
    pub(crate) async fn run(self, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
        let token = match (&self.token_file, &self.token) {
            (Some(file), _) => Some(read(file)?),
            (None, token) => token.clone(),
        };
        let client = self.config.relay(&self.relay, token.as_deref(), err)?;
        let Some(token) = client.token()? else {
            bail!("tiles need a token: set --token-file, --token or RELAY_TOKEN");
        };
        let relay = Relay::new(&client.called_at, &token)?;
        let (raw, listed) = relay.ask(tiles::ENDPOINT, &json!({})).await?;
        let all = listed.data.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
        let mut failed = problems(&listed.errors, err)?;
        let chosen: Vec<&Value> = match &self.id {
            None => all.iter().collect(),
            Some(id) => all.iter().filter(|tile| tile["id"] == id.as_str()).collect(),
        };
        if self.json && self.id.is_none() {
            writeln!(out, "{}", harmless_json(&raw))?;
            return Ok(ExitCode::from(u8::from(failed)));
        }
        if let (Some(id), true, false) = (&self.id, chosen.is_empty(), failed) {
            let known: Vec<String> =
                all.iter().filter_map(|tile| tile["id"].as_str()).map(harmless).collect();
            bail!("the relay has no tile `{}`; there are: {}", harmless(id), known.join(", "));
        }
        for tile in chosen {
            let mut body = json!({"tile_id": tile["id"]});
            if let Some(period) = &self.period {
                body["period"] = period.as_str().into();
            }
            let (raw, shown) = relay.ask(tile_data::ENDPOINT, &body).await?;
            if self.json {
                writeln!(out, "{}", harmless_json(&raw))?;
                failed |= shown.errors.iter().any(Problem::is_failure);
                continue;
            }
            write!(out, "{}", draw::tile(tile, shown.data.as_ref()))?;
            out.flush()?;
            failed |= problems(&shown.errors, err)?;
        }
        if all.is_empty() && !failed {
            writeln!(out, "the relay has no tiles")?;
        }
        Ok(ExitCode::from(u8::from(failed)))
    }
}

fn problems(problems: &[Problem], err: &mut impl Write) -> anyhow::Result<bool> {
    for problem in problems {
        let style = if problem.is_failure() { BAD } else { DOUBTFUL };
        let severity = styled(style, harmless(&problem.severity));
        writeln!(err, "{severity} {}: {}", harmless(&problem.code), harmless(&problem.message))?;
    }
    Ok(problems.iter().any(Problem::is_failure))
}

/// A relay that is asked for tiles.
struct Relay<'a> {
    http: reqwest::Client,
    url: &'a Url,
    token: &'a str,
}

impl<'a> Relay<'a> {
    fn new(url: &'a Url, token: &'a str) -> anyhow::Result<Self> {
        Ok(Self { http: client::http(url, TIMEOUT)?, url, token })
    }

    async fn ask(&self, endpoint: Endpoint, body: &Value) -> anyhow::Result<(String, Answer)> {
        let url = client::endpoint_url(self.url, endpoint);
        let place = url.to_string();
        let (status, body) = client::post(&self.http, url, Some(self.token), body.to_string()).await?;
        let answer = serde_json::from_slice(&body).with_context(|| {
            format!("{place} answered with status {status} and a body that is not the JSON of a relay")
        })?;
        Ok((String::from_utf8_lossy(&body).into_owned(), answer))
    }
}

/// The first tile of each relay that has one.
///
/// # Errors
/// A relay does not answer.
pub(crate) async fn demonstrate(relays: &[RelayClient], out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "\n{}", styled(BOLD, "On a dashboard"))?;
    for client in relays {
        let has_tiles = relays::named(client.kind()).is_ok_and(|known| {
            (known.relay)().endpoints().iter().any(|one| one.path == tiles::ENDPOINT.path)
        });
        if !has_tiles {
            continue;
        }
        let token = client.token()?.unwrap_or_default();
        let relay = Relay::new(&client.called_at, &token)?;
        let (_, listed) = relay.ask(tiles::ENDPOINT, &json!({})).await?;
        let Some(tile) = listed.data.as_ref().and_then(|tiles| tiles.get(0)) else { continue };
        let (_, shown) = relay.ask(tile_data::ENDPOINT, &json!({"tile_id": tile["id"]})).await?;
        write!(out, "{}", draw::tile(tile, shown.data.as_ref()))?;
        for problem in &shown.errors {
            writeln!(out, "  {} {}", harmless(&problem.severity), harmless(&problem.message))?;
        }
    }
    Ok(())
}
