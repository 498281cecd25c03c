//! `relayctl ask`: sends one request to a relay and prints the response as a table or as JSON.

mod show;

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use relay_core::endpoint::{Endpoint, deliberate, health, observe, refer, respond, tile, tile_data, tiles};
use serde_json::json;

use crate::answer::{Answer, Problem, words};
use crate::client;
use crate::connections::Config;
use crate::input::Input;
use crate::token::read;
use crate::ui::{BAD, DIM, DOUBTFUL, harmless, harmless_json, styled};

/// Sends one request to a relay and shows the response
///
/// Example: `relayctl ask https://relay.example observe domain=bad.example --token-file token.txt`
///
/// Exit code 0: success; 3: nothing is known (0 with --json); 1: the response reports an error; 2: no response, or
/// invalid arguments.
#[derive(Args)]
pub(crate) struct Ask {
    /// The relay: a connection of relays.toml, its URL, or the name of one on this machine's usual port
    #[arg(value_name = "NAME|URL")]
    relay: String,

    /// The endpoint
    #[arg(value_parser = PossibleValuesParser::new(CALLS.map(|call| call.name)).map(|name| endpoint_named(&name)))]
    call: Endpoint,

    /// Observables, such as ip=192.0.2.1 or `hxxps://bad[.]example/x`, files with them (@FILE), or - for standard input;
    /// for `tile` and `tile-data` a tile, and for the latter perhaps a period
    #[arg(value_name = "OBSERVABLE|TILE|PERIOD")]
    arguments: Vec<String>,

    #[command(flatten)]
    config: Config,

    /// The token, with or without `Bearer` before it. Other users can see arguments: prefer the variable or a file
    #[arg(long, env = "RELAY_TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// File with the token; - reads standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Print the JSON of the response instead of a table
    #[arg(long)]
    json: bool,

    /// Seconds to wait for the response
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
}

/// The endpoints that can be called. Only the platform triggers actions.
const CALLS: [Endpoint; 8] = [
    observe::ENDPOINT,
    deliberate::ENDPOINT,
    refer::ENDPOINT,
    respond::ENDPOINT,
    health::ENDPOINT,
    tiles::ENDPOINT,
    tile::ENDPOINT,
    tile_data::ENDPOINT,
];

fn endpoint_named(name: &str) -> Endpoint {
    CALLS.into_iter().find(|call| call.name == name).unwrap_or(observe::ENDPOINT)
}

/// What is asked.
enum Question {
    /// A body as it is.
    Body(String),
    /// Observables, of types that the relay is known to look up or not.
    Observables(Input),
}

/// The question of these arguments.
fn question(call: Endpoint, arguments: &[String]) -> anyhow::Result<Question> {
    let name = call.name;
    let body = match (call.request, arguments) {
        (None, []) => String::new(),
        (None, _) => bail!("{name} takes no observables and no other arguments"),
        (Some("TileRequest" | "TileDataRequest"), [tile]) => json!({"tile_id": tile}).to_string(),
        (Some("TileDataRequest"), [tile, period]) => json!({"tile_id": tile, "period": period}).to_string(),
        (Some("TileRequest"), _) => bail!("{name} takes the id of a tile, such as alerts_by_severity"),
        (Some("TileDataRequest"), _) => {
            bail!(
                "{name} takes the id of a tile and perhaps a period, such as alerts_by_severity last_7_days"
            )
        }
        (Some(_), []) => bail!("no observables given; add some, such as ip=192.0.2.1"),
        (Some(_), all) => return Input::read(all).map(Question::Observables),
    };
    Ok(Question::Body(body))
}

impl Ask {
    /// Runs the command.
    ///
    /// # Errors
    /// The arguments are invalid, or there is no readable response.
    pub(crate) async fn run(self, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
        let question = question(self.call, &self.arguments)?;
        let token = self.token()?;
        let mut relay = self.config.relay(&self.relay, token.as_deref(), err)?;
        ensure!(
            relay.credential.is_some() || !self.call.token,
            "{} needs a token: set --token-file, --token or RELAY_TOKEN; `relayctl token` creates one",
            self.call.name
        );
        let mut asked = Vec::new();
        let body = match question {
            Question::Body(body) => body,
            Question::Observables(input) => {
                relay.learn().await;
                (asked, _) = input.checked(std::slice::from_ref(&relay), self.call, err)?;
                serde_json::to_string(&asked)?
            }
        };
        let http = client::http(&relay.called_at, Duration::from_secs(self.timeout))?;
        let url = client::endpoint_url(&relay.called_at, self.call);
        let place = url.to_string();
        let token = relay.token()?.filter(|_| self.call.token);
        let call = client::post(&http, url, token.as_deref(), body);
        let (status, body) = with_progress(call, &place, err, io::stderr().is_terminal()).await??;
        let answer: Answer = serde_json::from_slice(&body).with_context(|| {
            format!("{place} answered with status {status} and a body that is not the JSON of a relay")
        })?;
        let mut nothing = false;
        if self.json {
            writeln!(out, "{}", harmless_json(&String::from_utf8_lossy(&body)))?;
        } else {
            let failed = answer.errors.iter().any(Problem::is_failure);
            let data = answer.data.unwrap_or_default();
            let text =
                show::data(self.call, data).with_context(|| format!("{place} returned unexpected data"))?;
            nothing = text.is_none();
            match text {
                Some(text) => write!(out, "{text}")?,
                // That nothing is known is said where it was looked up.
                None if failed => {}
                None => writeln!(out, "{}", styled(DIM, words::NOTHING_KNOWN))?,
            }
            for one in asked.iter().filter(|one| !relay.looks_up(self.call, &one.kind)) {
                let (not_asked, why) = (words::NOT_ASKED, relay.why_not(&one.kind));
                writeln!(
                    out,
                    "{}",
                    styled(DIM, format_args!("{not_asked}: {} ({why})", harmless(&one.value)))
                )?;
            }
            out.flush()?;
            for problem in &answer.errors {
                print_problem(problem, err)?;
            }
        }
        let failed = status != 200 || answer.errors.iter().any(Problem::is_failure);
        Ok(ExitCode::from(match (failed, nothing) {
            (true, _) => 1,
            (false, true) => 3,
            (false, false) => 0,
        }))
    }

    fn token(&self) -> anyhow::Result<Option<String>> {
        let token = match (&self.token, &self.token_file) {
            (_, Some(file)) => Some(read(file)?),
            (Some(token), None) => Some(token.clone()),
            (None, None) => None,
        };
        Ok(token.filter(|token| !token.trim().is_empty()))
    }
}

/// Prints what went wrong.
///
/// # Errors
/// The output is closed.
pub(crate) fn print_problem(problem: &Problem, err: &mut impl Write) -> io::Result<()> {
    let style = if problem.is_failure() { BAD } else { DOUBTFUL };
    writeln!(
        err,
        "{} {}: {}",
        styled(style, harmless(&problem.severity)),
        harmless(&problem.code),
        harmless(&problem.message)
    )
}

/// Waits, and reports it after a second: on a terminal with a line that counts, otherwise once.
async fn with_progress<T>(
    work: impl Future<Output = T>,
    place: &str,
    err: &mut impl Write,
    terminal: bool,
) -> io::Result<T> {
    let mut work = pin!(work);
    let mut seconds = 0_u32;
    loop {
        if let Ok(done) = tokio::time::timeout(Duration::from_secs(1), &mut work).await {
            if terminal && seconds > 0 {
                write!(err, "\r\x1b[K")?;
            }
            return Ok(done);
        }
        seconds += 1;
        match terminal {
            true => write!(err, "\rwaiting for {place} … {seconds} s")?,
            false if seconds == 1 => writeln!(err, "waiting for {place} …")?,
            false => {}
        }
        err.flush()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn long_waits_are_reported() {
        let lines = async |millis: u64, terminal| {
            let mut err = Vec::new();
            let work = tokio::time::sleep(Duration::from_millis(millis));
            with_progress(work, "PLACE", &mut err, terminal).await.unwrap();
            String::from_utf8(err).unwrap()
        };
        assert_eq!(lines(900, true).await, "");
        assert_eq!(lines(3500, false).await, "waiting for PLACE …\n");
        assert_eq!(lines(2500, true).await, "\rwaiting for PLACE … 1 s\rwaiting for PLACE … 2 s\r\x1b[K");
    }
}
