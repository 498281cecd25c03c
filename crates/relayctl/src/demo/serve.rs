//! What is printed for those who want to call the relays themselves.

use std::io::Write;

use anyhow::Context as _;
use relay_core::endpoint::Endpoint;
use tokio::signal::unix::{SignalKind, signal};

use super::stage::Stage;
use super::table::by_urgency;
use super::{Dossier, Finding};
use crate::answer::Observable;
use crate::client;
use crate::ui::{BOLD, DIM, LITERAL, styled};

/// Prints how to call the relays, and waits for Ctrl-C or SIGTERM.
///
/// # Errors
/// The output is closed, or signals cannot be caught.
pub(super) async fn until_stopped(
    stage: &Stage,
    dossiers: &[Dossier],
    out: &mut impl Write,
) -> anyhow::Result<()> {
    // Caught from the first line on: whoever reads it may stop the program at once.
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    writeln!(out, "\n{}", styled(BOLD, "The relays serve until Ctrl-C"))?;
    writeln!(
        out,
        "Open a URL in a browser to see what it serves, or paste the lines below it into a shell."
    )?;
    for relay in &stage.relays {
        let found = |one: &Finding| one.relay == relay.module.name && !one.entities.is_empty();
        let example: Vec<&Observable> = by_urgency(dossiers)
            .into_iter()
            .find(|dossier| dossier.findings.iter().any(found))
            .map(|dossier| &dossier.about)
            .into_iter()
            .collect();
        let example = serde_json::to_string(&example)?;
        writeln!(
            out,
            "\n{}  {}  {}\nTOKEN={}\n{}",
            styled(BOLD, relay.module.name),
            styled(LITERAL, relay.url.as_str().trim_end_matches('/')),
            styled(DIM, relay.module.title),
            relay.token,
            styled(
                LITERAL,
                format_args!(
                    "curl -s {} -H \"Authorization: Bearer $TOKEN\" -d {}",
                    client::endpoint_url(&relay.url, Endpoint::Observe),
                    shell_quoted(&example)
                )
            )
        )?;
    }
    writeln!(
        out,
        "\nOr, as a table:  {}\nCalls that the providers got so far:  {}",
        styled(LITERAL, "relayctl ask URL observe TYPE=VALUE --token \"$TOKEN\""),
        styled(LITERAL, format_args!("curl -s {}/_control/calls", stage.sim.url()))
    )?;
    out.flush()?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// A text as one word of a POSIX shell.
fn shell_quoted(text: &str) -> String {
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
