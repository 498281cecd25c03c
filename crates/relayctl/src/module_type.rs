//! `relayctl module-type`: how a relay is registered on the platform.

mod credential;
mod lint;
mod push;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use url::Url;

use crate::client;
use crate::login::Login;
use crate::platform::{Access, Platform, Region};
use crate::relays::{self, RELAYS};
use crate::token::secret_of;
use crate::ui::{BAD, DOUBTFUL, GOOD, count, styled};

use push::Push;
pub(crate) use push::dry_run;

/// The URL in the files, a placeholder for the relay's own.
const PLACEHOLDER: &str = "https://relay.example";

/// Prints a relay's module type for the platform's API, or registers it there
///
/// Without --push it prints what POST `/iroh/iroh-int/module-type` takes. With --push it looks the module type up on the
/// platform and shows what would change; --yes does it.
///
/// Exit code 0: done or shown; 1: refused by the platform, or problems found by --check; 2: no answer, or invalid
/// arguments; 3: --check-remote found a difference.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct ModuleType {
    /// The relay
    #[arg(required_unless_present = "check", conflicts_with = "check")]
    name: Option<String>,

    /// The URL at which the platform reaches the relay, which is the audience of tokens
    #[arg(long, value_parser = client::relay_url, conflicts_with = "check")]
    url: Option<Url>,

    /// How the platform signs tokens: with its own keys, or with a secret that it shares with the relay
    #[arg(long, value_enum, default_value_t)]
    auth: Auth,

    /// How the relay logs in (`RELAY_PROVIDER__CREDENTIAL`): only with a secret does the form ask for one
    #[arg(long, value_enum, default_value_t, conflicts_with = "check")]
    credential: Login,

    /// File with the shared secret, for --auth hs256 with --push
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,

    /// Check the module types of all relays instead: their format, and that they match the relays
    #[arg(long)]
    check: bool,

    /// Register the module type, or change the registered one
    #[arg(long, requires = "url", conflicts_with = "delete")]
    push: bool,

    /// As --push, but change nothing: exit code 3 where the registered one differs
    #[arg(long, requires = "url", conflicts_with_all = ["push", "delete"])]
    check_remote: bool,

    /// Remove the registered module type
    #[arg(long, requires = "id")]
    delete: bool,

    /// Id of the registered module type; otherwise it is found by URL or title
    #[arg(long, value_name = "ID")]
    id: Option<String>,

    /// Do it
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    access: Access,
}

/// How the platform signs tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Auth {
    /// With its own keys
    #[default]
    Rs256,
    /// With a shared secret
    Hs256,
}

/// Stands in printed module types where the secret belongs.
const SECRET: &str = "REPLACE_WITH_SECRET";

impl ModuleType {
    /// Runs the command.
    ///
    /// # Errors
    /// There is no such relay, or the platform refuses.
    pub(crate) async fn run(&self, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
        let Some(name) = &self.name else { return check(out) };
        let known = relays::named(name)?;
        let template = credential::apply(self.credential, known.module_type, known.module())?;
        let push = Push { id: self.id.as_deref(), yes: self.yes, check_only: self.check_remote };
        if self.delete {
            return push.delete(&mut Platform::new(&self.access)?, out).await;
        }
        let text = match &self.url {
            Some(url) => rendered(&template, url)?,
            None => template,
        };
        let text = self.with_auth(&text)?;
        if self.push || self.check_remote {
            let mut ours: Value = serde_json::from_str(&text)?;
            let mut platform = Platform::new(&self.access)?;
            if self.auth == Auth::Hs256 {
                let file = self.secret_file.as_deref().context("--auth hs256 needs --secret-file")?;
                let secret = secret_of(file)?;
                platform.hide(&secret);
                ours["properties"]["configuration-token-key"] = secret.into();
            }
            return push.push(&mut platform, &ours, out).await;
        }
        out.write_all(text.as_bytes())?;
        if self.url.is_none() {
            out.flush()?;
            let note = styled(DOUBTFUL, "note:");
            writeln!(err, "{note} properties.url is a placeholder; set the relay's own with --url")?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The file for the region and the way of signing, otherwise unchanged.
    fn with_auth(&self, text: &str) -> anyhow::Result<String> {
        let host = format!("\"custom_jwks_host\": \"{}\"", Region::default().host());
        let alg = "\"configuration-token-alg\": \"RS256\"";
        ensure!(
            text.contains(&host) && text.contains(alg),
            "the module type does not name key host and algorithm"
        );
        Ok(match self.auth {
            Auth::Rs256 => {
                text.replacen(&host, &format!("\"custom_jwks_host\": \"{}\"", self.access.region.host()), 1)
            }
            Auth::Hs256 => text.replacen(alg, "\"configuration-token-alg\": \"HS256\"", 1).replacen(
                &host,
                &format!("\"configuration-token-key\": \"{SECRET}\""),
                1,
            ),
        })
    }
}

/// The file with the URL in place of the placeholder, otherwise unchanged.
fn rendered(template: &str, url: &Url) -> anyhow::Result<String> {
    if url.path() != "/" {
        bail!("--url must have no path, because the audience of a token has none");
    }
    let [placeholder, url] =
        [PLACEHOLDER, url.as_str().trim_end_matches('/')].map(|url| json!(url).to_string());
    let (before, after) =
        template.split_once(&placeholder).context("the module type has no placeholder for the URL")?;
    Ok(format!("{before}{url}{after}"))
}

/// Checks all module types.
fn check(out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let mut failed = false;
    for known in RELAYS {
        let problems = lint::problems(known);
        let verdict = match problems.len() {
            0 => styled(GOOD, "ok"),
            number => styled(BAD, count(number, "problem")),
        };
        writeln!(out, "{}: {verdict}", known.module().name)?;
        for problem in &problems {
            writeln!(out, "  {problem}")?;
        }
        failed |= !problems.is_empty();
    }
    Ok(ExitCode::from(u8::from(failed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_set_and_nothing_else_changes() {
        for known in RELAYS {
            let url = Url::parse("https://xdr.example:8443/").unwrap();
            let text = rendered(known.module_type, &url).unwrap();
            let mut expected: serde_json::Value = serde_json::from_str(known.module_type).unwrap();
            expected["properties"]["url"] = json!("https://xdr.example:8443");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), expected);
        }
        let with_path = Url::parse("https://xdr.example/relay").unwrap();
        assert!(rendered(RELAYS[0].module_type, &with_path).is_err());
    }
}
