//! How to call the relays by hand.

use std::io::Write;

use relay_core::endpoint::observe;
use url::Url;

use super::alarm::worst_first;
use super::{Finding, Report};
use crate::answer::Observable;
use crate::client;
use crate::relay_client::RelayClient;
use crate::ui::{BOLD, DIM, LITERAL, styled};

/// Prints URL, token and a `curl` command for each relay, with an observable that it knows.
///
/// # Errors
/// The output is closed.
pub(crate) fn print(
    headline: &str,
    relays: &[RelayClient],
    reports: &[Report],
    simulator: &Url,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    writeln!(out, "\n{}", styled(BOLD, headline))?;
    writeln!(out, "Open a URL in a browser to see its endpoints, or paste the lines below it into a shell.")?;
    for relay in relays {
        let found = |one: &Finding| one.relay == relay.name && !one.entities.is_empty();
        let example: Vec<&Observable> = worst_first(reports)
            .into_iter()
            .find(|report| report.findings.iter().any(found))
            .map(|report| &report.about)
            .into_iter()
            .collect();
        let example = serde_json::to_string(&example)?;
        writeln!(
            out,
            "\n{}  {}  {}\nTOKEN={}\n{}",
            styled(BOLD, &relay.name),
            styled(LITERAL, shown(&relay.url)),
            styled(DIM, relay.module.map_or("", |module| module.title)),
            relay.token()?.unwrap_or_default(),
            styled(
                LITERAL,
                format_args!(
                    "curl -s {} -H \"Authorization: Bearer $TOKEN\" -d {}",
                    client::endpoint_url(&relay.url, observe::ENDPOINT),
                    shell_quoted(&example)
                )
            )
        )?;
    }
    writeln!(
        out,
        "\nThe same as a table:  {}\nThe calls to the providers so far:  {}",
        styled(LITERAL, "relayctl ask URL observe TYPE=VALUE --token \"$TOKEN\""),
        styled(LITERAL, format_args!("curl -s {}/_control/calls", shown(simulator)))
    )?;
    out.flush()?;
    Ok(())
}

/// A URL without the final slash.
fn shown(url: &Url) -> &str {
    url.as_str().trim_end_matches('/')
}

/// A text as one word of a POSIX shell.
pub(crate) fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_one_word() {
        assert_eq!(shell_quoted(r#"[{"value":"it's"}]"#), r#"'[{"value":"it'\''s"}]'"#);
    }
}
