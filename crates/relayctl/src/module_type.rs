//! `relayctl module-type`: how a relay is registered on the platform.

mod lint;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;
use url::Url;

use crate::client;
use crate::relays::{self, RELAYS};
use crate::ui::{BAD, DOUBTFUL, GOOD, count, styled};

/// The URL in the files, a placeholder for the relay's own.
const PLACEHOLDER: &str = "https://relay.example";

/// Prints a relay's module type for the platform's API
///
/// POST it to `/iroh/iroh-int/module-type` of your region, with a token of the scope
/// `integration/module-type:write`.
#[derive(Debug, Args)]
pub(crate) struct ModuleType {
    /// The relay
    #[arg(required_unless_present = "check", conflicts_with = "check")]
    name: Option<String>,

    /// The URL at which the platform reaches the relay, which is the audience of tokens
    #[arg(long, value_parser = client::relay_url, conflicts_with = "check")]
    url: Option<Url>,

    /// Check the module types of all relays instead: their format, and that they match the relays
    #[arg(long)]
    check: bool,
}

impl ModuleType {
    /// Runs the command.
    ///
    /// # Errors
    /// There is no such relay.
    pub(crate) fn run(&self, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
        let Some(name) = &self.name else { return check(out) };
        let template = relays::named(name)?.module_type;
        if let Some(url) = &self.url {
            out.write_all(rendered(template, url)?.as_bytes())?;
        } else {
            out.write_all(template.as_bytes())?;
            out.flush()?;
            let note = styled(DOUBTFUL, "note:");
            writeln!(err, "{note} properties.url is a placeholder; set the relay's own with --url")?;
        }
        Ok(ExitCode::SUCCESS)
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
