//! The relays' command line: a demonstration, tokens, keys, single calls, module types.
//!
//! | module | what it is |
//! |---|---|
//! | [`relays`] | the list of relays, one line each |
//! | [`demo`] | simulator and relays in one process, and an investigation with them |
//! | [`client`], [`answer`] | calling a relay, and what it answers |
//! | [`ui`] | how the commands print |

mod answer;
mod ask;
mod client;
mod demo;
mod explain;
mod keys;
mod module_type;
mod relays;
mod token;
mod ui;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Demonstrates, registers and debugs the relays between Cisco XDR and providers of threat intelligence
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Token(token::Token),
    Keys(keys::Keys),
    Ask(ask::Ask),
    ModuleType(module_type::ModuleType),
    Explain(explain::Explain),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = anstream::stdout().lock();
    let mut err = anstream::stderr();
    let outcome = match arguments.command {
        Command::Demo(demo) => demo.run(&mut out, &mut err).await,
        Command::Token(token) => token.run(&mut out, &mut err),
        Command::Keys(keys) => keys.run(&mut out),
        Command::Ask(ask) => ask.run(&mut out, &mut err).await,
        Command::Explain(explain) => explain.run(&mut out).await,
        Command::ModuleType(module_type) => module_type.run(&mut out, &mut err),
    };
    match outcome {
        Ok(code) => code,
        // Whoever read the output has seen enough, as `head` does.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(err, "{} {error:#}", ui::styled(ui::BAD, "error:"));
            ExitCode::from(2)
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
