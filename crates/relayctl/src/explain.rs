//! `relayctl explain`: which of a relay's checks a token passes and which not. What is secret is not shown.

mod checks;
mod key;
#[cfg(test)]
mod tests;
mod token;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use relay_core::settings::SETTINGS;
use serde_json::Value;
use url::Url;

use crate::token::{read, secret_of};
use crate::ui::{BAD, DOUBTFUL, GOOD, count, styled, wrapped};
use crate::{client, relays};
use token::Token;

/// Says which of a relay's checks a token passes or fails, and why
///
/// The values of secret claims are not shown. Keys are fetched from allowed hosts only, as the relay does.
///
/// Exit code 0: the relay accepts it; 1: it does not, or that could not be found out.
#[derive(Args)]
pub(crate) struct Explain {
    /// The token; - reads standard input, where neither the shell nor others see it
    token: String,

    /// The relay that shall accept it
    #[arg(long, value_name = "NAME")]
    relay: String,

    /// The relay's URL as the platform calls it, or its `RELAY_AUTH__AUDIENCE`
    #[arg(long, value_parser = client::relay_url)]
    url: Url,

    /// A host or origin that may sign tokens, as in `RELAY_AUTH__JWKS_HOSTS` (repeatable); without it, the platform's
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    jwks_host: Vec<String>,

    /// Take the keys from this file instead of fetching them
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,

    /// File with the relay's shared secret, to check an HS256 token's signature
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

/// One check of a relay.
#[derive(Debug, PartialEq, Eq)]
struct Check {
    name: &'static str,
    outcome: Outcome,
    /// Why, in words that are safe to print.
    detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    /// Something that is needed for it is missing.
    Open,
}

impl Check {
    fn passed(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Passed, detail: detail.into() }
    }

    fn failed(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Failed, detail: detail.into() }
    }

    fn open(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Open, detail: detail.into() }
    }
}

impl Explain {
    /// Does it.
    ///
    /// # Errors
    /// There is no such relay, or a file cannot be read.
    pub(crate) async fn run(self, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let checks = self.checks(Timestamp::now()).await?;
        for check in &checks {
            let mark = match check.outcome {
                Outcome::Passed => styled(GOOD, "ok  "),
                Outcome::Failed => styled(BAD, "FAIL"),
                Outcome::Open => styled(DOUBTFUL, "?   "),
            };
            let head = format!("{mark}  {:<10} ", check.name);
            writeln!(out, "{}", wrapped(&head, &[check.detail.as_str()], ""))?;
        }
        let number = |outcome| checks.iter().filter(|check| check.outcome == outcome).count();
        let (verdict, why) = match (number(Outcome::Failed), number(Outcome::Open)) {
            (0, 0) => (styled(GOOD, "accepted"), String::new()),
            (0, open) => (styled(DOUBTFUL, "perhaps accepted"), format!(": {} open", count(open, "check"))),
            (failed, _) => (styled(BAD, "refused"), format!(": {} failed", count(failed, "check"))),
        };
        writeln!(out, "\nThe token is {verdict} by {} at {}{why}", self.relay, origin(&self.url))?;
        let accepted = why.is_empty();
        Ok(ExitCode::from(u8::from(!accepted)))
    }

    /// All checks that can be made, in the relay's order. The relay stops at the first that fails.
    async fn checks(&self, now: Timestamp) -> anyhow::Result<Vec<Check>> {
        let known = relays::named(&self.relay)?;
        let text = if self.token == "-" { read(Path::new("-"))? } else { self.token.clone() };
        let token = match Token::read(&text) {
            Ok(token) => token,
            Err(problem) => return Ok(vec![Check::failed("form", problem)]),
        };
        let mut checks = vec![match token.header.get("crit") {
            None | Some(Value::Null) => Check::passed("form", "a JWT"),
            Some(_) => {
                Check::failed("form", "its header demands an extension (`crit`), which relays do not know")
            }
        }];
        match token.algorithm() {
            Some("RS256") => {
                checks.push(Check::passed("algorithm", "RS256: signed by a key of the platform"));
                checks.extend(key::rs256(&token, &self.hosts(), self.jwks.as_deref()).await?);
            }
            Some("HS256") => {
                checks.push(Check::passed("algorithm", "HS256: signed with a shared secret"));
                let secret = self.secret_file.as_deref().map(secret_of).transpose()?;
                checks.push(key::hs256(&token, secret.as_deref()));
            }
            other => checks.push(checks::unknown_algorithm(other)),
        }
        checks.push(checks::audience(&token, &origin(&self.url)));
        checks.push(checks::times(&token, now));
        checks.extend(checks::claims(&token, known));
        Ok(checks)
    }

    /// The hosts whose keys may sign: those given, else the default of the relays' setting.
    fn hosts(&self) -> Vec<String> {
        if !self.jwks_host.is_empty() {
            return self.jwks_host.clone();
        }
        let setting = SETTINGS.iter().find(|setting| setting.key == "auth.jwks_hosts");
        setting.into_iter().flat_map(|setting| setting.default.split(',')).map(str::to_owned).collect()
    }
}

/// A URL as relays compare it: without a slash at the end.
fn origin(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}
