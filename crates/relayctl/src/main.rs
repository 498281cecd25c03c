//! The relays' command line: a demonstration, tokens, keys, single calls, module types.
//!
//! | module | what it is |
//! |---|---|
//! | [`relays`] | the list of relays, one line each |
//! | [`demo`] | simulator and relays in one process, and an investigation with them |
//! | [`client`], [`answer`] | calling a relay, and what it answers |
//! | [`token`], [`keys`] | tokens, and keys to sign them |
//! | [`explain`] | why a relay refuses a token |
//! | [`ask`] | one call |
//! | [`module_type`] | how a relay is registered |
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
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    Token(token::Token),
    Keys(keys::Keys),
    Ask(ask::Ask),
    ModuleType(module_type::ModuleType),
    Explain(explain::Explain),
}

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    let mut err = anstream::stderr();
    match run(command, &mut err) {
        Ok(code) => code,
        // Whoever read the output has seen enough, as `head` does.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(err, "{} {error:#}", ui::styled(ui::BAD, "error:"));
            ExitCode::from(2)
        }
    }
}

fn run(command: Command, err: &mut impl io::Write) -> anyhow::Result<ExitCode> {
    if let Command::Demo(_) = command {
        demo::Demo::without_proxies()?;
    }
    let mut out = anstream::stdout().lock();
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        match command {
            Command::Demo(demo) => demo.run(&mut out, err).await,
            Command::Token(token) => token.run(&mut out, err),
            Command::Keys(keys) => keys.run(&mut out),
            Command::Ask(ask) => ask.run(&mut out, err).await,
            Command::Explain(explain) => explain.run(&mut out).await,
            Command::ModuleType(module_type) => module_type.run(&mut out, err),
        }
    })
}

/// Whether writing failed so. A connection that breaks in the same way is wrapped in an error of its client.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
