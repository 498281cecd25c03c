//! `relayctl explain`: which of a relay's checks a token passes and which not. What is secret is not shown.

#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use relay_core::auth::{Check, KeySet, Outcome, without_scheme};
use relay_core::module::Module;
use relay_core::settings::Settings;
use serde_json::{Value, json};
use url::Url;

use crate::login::Login;
use crate::token::read;
use crate::ui::{BAD, DOUBTFUL, GOOD, count, styled, wrapped};
use crate::{client, relays};

/// Says which of a relay's checks a token passes or fails, and why
///
/// The values of secret claims are not shown. Keys are fetched from allowed hosts only, as the relay does.
///
/// Exit code 0: the relay accepts it; 1: it does not, or that could not be found out.
#[derive(Args)]
pub(crate) struct Explain {
    /// The token, with or without `Bearer` before it; - reads standard input, where neither the shell nor others see it
    token: String,

    /// The relay to check against
    #[arg(long, value_name = "NAME")]
    relay: String,

    /// The relay's URL as the platform calls it, or its `RELAY_AUTH__AUDIENCE`
    #[arg(long, value_parser = client::relay_url)]
    url: Url,

    /// How the relay logs in (`RELAY_PROVIDER__CREDENTIAL`): only with a secret does the token need one
    #[arg(long, value_enum, default_value_t)]
    credential: Login,

    /// A host or origin that may sign tokens, as in `RELAY_AUTH__JWKS_HOSTS` (repeatable); without it, the platform's
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    jwks_host: Vec<String>,

    /// Take the keys from this file instead of fetching them
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,

    /// File with the relay's shared secret, to check an HS256 token's signature
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,

    /// Print one JSON document instead
    #[arg(long)]
    json: bool,
}

impl Explain {
    /// Runs the command.
    ///
    /// # Errors
    /// There is no such relay, or a file cannot be read.
    pub(crate) async fn run(self, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let checks = self.checks().await?;
        let number = |outcome| checks.iter().filter(|check| check.outcome == outcome).count();
        let (failed, open) = (number(Outcome::Failed), number(Outcome::Open));
        let (verdict, style, why) = match (failed, open) {
            (0, 0) => ("accepted", GOOD, String::new()),
            (0, open) => ("undetermined", DOUBTFUL, format!(": {} open", count(open, "check"))),
            (failed, _) => ("refused", BAD, format!(": {} failed", count(failed, "check"))),
        };
        let code = ExitCode::from(u8::from(failed + open > 0));
        if self.json {
            let rows: Vec<Value> = checks.iter().map(row).collect();
            let document =
                json!({"relay": self.relay, "url": self.origin(), "verdict": verdict, "checks": rows});
            writeln!(out, "{document:#}")?;
            return Ok(code);
        }
        for check in &checks {
            let mark = match check.outcome {
                Outcome::Passed => styled(GOOD, "ok  "),
                Outcome::Ignored => styled(DOUBTFUL, "note"),
                Outcome::Failed => styled(BAD, "FAIL"),
                Outcome::Open => styled(DOUBTFUL, "?   "),
            };
            let head = format!("{mark}  {:<10} ", check.name);
            writeln!(out, "{}", wrapped(&head, &[check.detail.as_str()], ""))?;
        }
        let verdict = styled(style, verdict);
        writeln!(out, "\nThe token is {verdict} by {} at {}{why}", self.relay, self.origin())?;
        Ok(code)
    }

    /// All checks, as the relay makes them.
    async fn checks(&self) -> anyhow::Result<Vec<Check>> {
        let known = relays::named(&self.relay)?;
        let text = if self.token == "-" { read(Path::new("-"))? } else { self.token.clone() };
        let keys = self.jwks.as_deref().map(keys).transpose()?;
        let settings = self.settings(known.module())?;
        let relay = (known.relay)();
        let mut checks = relay.explain(&settings, keys, without_scheme(&text), &self.origin()).await?;
        for check in &mut checks {
            if check.name == "key host" && check.outcome == Outcome::Failed {
                check.detail = format!("{} (allowed: {})", check.detail, settings.auth.jwks_hosts.join(", "));
            }
        }
        Ok(checks)
    }

    /// The relay's settings, as far as they matter here.
    fn settings(&self, module: &'static Module) -> anyhow::Result<Settings> {
        let mut given = Vec::new();
        if !self.jwks_host.is_empty() {
            given.push(("RELAY_AUTH__JWKS_HOSTS".to_owned(), self.jwks_host.join(",")));
        }
        if let Some(file) = &self.secret_file {
            given.push(("RELAY_AUTH__SECRET_KEY_FILE".to_owned(), file.display().to_string()));
        }
        self.credential.settings_with(module, given)
    }

    /// The relay's URL as relays compare it: without a slash at the end.
    fn origin(&self) -> String {
        self.url.as_str().trim_end_matches('/').to_owned()
    }
}

fn row(check: &Check) -> Value {
    let outcome = match check.outcome {
        Outcome::Passed => "ok",
        Outcome::Ignored => "note",
        Outcome::Failed => "fail",
        Outcome::Open => "open",
    };
    json!({"check": check.name, "outcome": outcome, "detail": check.detail})
}

fn keys(file: &Path) -> anyhow::Result<KeySet> {
    let text = read(file)?;
    KeySet::read(text.as_bytes()).with_context(|| format!("{} is not a key set", file.display()))
}
