//! The command line for the relays: demonstration, tokens, keys, single requests, module types.
//!
//! | module | what it is |
//! |---|---|
//! | [`relays`] | the relays of `relays/relays.toml` |
//! | [`investigation`] | queries relays for a list of observables and prints the results |
//! | [`demo`] | simulator and relays in one process, and an investigation with them |
//! | [`investigate`] | an investigation with the user's relays, or with the composition's |
//! | [`connections`] | `relays.toml`: the user's relays |
//! | [`input`] | the observables of a command; how they are recognised is in the library |
//! | [`relay_client`] | a relay as it is called |
//! | [`respond`] | response actions |
//! | [`compare`] | the answers of two relays |
//! | [`doctor`] | every step between a user and a provider |
//! | [`record`], [`replay`] | provider calls of a relay, recorded and answered again |
//! | [`simulator`] | the simulator's control API |
//! | [`client`], [`answer`] | requests to relays, and their responses |
//! | [`token`], [`keys`] | tokens, and keys to sign them |
//! | [`login`] | how a relay logs in, which decides what its tokens hold |
//! | [`explain`] | why a relay refuses a token |
//! | [`ask`] | one request |
//! | [`tiles`] | dashboard tiles in the terminal |
//! | [`module_type`], [`module_instance`] | registration of a relay |
//! | [`platform`] | the platform's API for it |
//! | [`workbench`] | the page for one person |
//! | [`manual`] | completions and manual pages |
//! | [`ui`] | output: styles and tables |

mod answer;
mod ask;
mod client;
mod compare;
mod connections;
mod demo;
mod doctor;
mod explain;
mod input;
mod investigate;
mod investigation;
mod keys;
mod login;
mod manual;
mod module_instance;
mod module_type;
mod platform;
mod record;
mod relay_client;
mod relays;
mod replay;
mod respond;
mod simulator;
mod tiles;
mod token;
mod ui;
mod workbench;

use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{self, ExitCode};

use anyhow::Context as _;
use clap::{Parser, Subcommand};

/// Demonstrates, registers and debugs the relays between Cisco XDR and providers of threat intelligence
#[derive(Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    Investigate(Box<investigate::Investigate>),
    Workbench(workbench::Workbench),
    Connections(connections::List),
    Token(token::Token),
    Keys(keys::Keys),
    Ask(ask::Ask),
    Respond(respond::Respond),
    Compare(compare::Compare),
    Doctor(doctor::Doctor),
    Record(record::Record),
    Replay(replay::Replay),
    ModuleType(module_type::ModuleType),
    ModuleInstance(module_instance::ModuleInstance),
    Explain(explain::Explain),
    Tiles(tiles::Tiles),
    Completions(manual::Completions),
    Man(manual::Man),
}

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    let mut err = anstream::stderr();
    match run(command, &mut err) {
        Ok(code) => code,
        // The reader of the output has closed it, as `head` does.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(err, "{} {error:#}", ui::styled(ui::BAD, "error:"));
            // What the platform refused was asked for correctly.
            ExitCode::from(if error.is::<platform::Refused>() { 1 } else { 2 })
        }
    }
}

fn run(command: Command, err: &mut impl io::Write) -> anyhow::Result<ExitCode> {
    let is_simulated = match &command {
        Command::Demo(_) | Command::Replay(_) => true,
        Command::Investigate(investigate) => investigate.is_simulated(),
        Command::Workbench(workbench) => workbench.is_simulated(),
        _ => false,
    };
    if is_simulated {
        without_proxies()?;
    }
    let mut out = anstream::stdout().lock();
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        match command {
            Command::Demo(demo) => demo.run(&mut out, err).await,
            Command::Investigate(investigate) => investigate.run(&mut out, err).await,
            Command::Workbench(workbench) => workbench.run(&mut out, err).await,
            Command::Connections(list) => list.run(&mut out, err).await,
            Command::Respond(respond) => respond.run(&mut out, err).await,
            Command::Compare(compare) => compare.run(&mut out, err).await,
            Command::Doctor(doctor) => doctor.run(&mut out, err).await,
            Command::Record(record) => record.run(&mut out, err).await,
            Command::Replay(replay) => replay.run(&mut out, err).await,
            Command::Completions(completions) => completions.run(&mut out),
            Command::Man(man) => man.run(&mut out),
            Command::Token(token) => token.run(&mut out, err),
            Command::Keys(keys) => keys.run(&mut out),
            Command::Ask(ask) => ask.run(&mut out, err).await,
            Command::Explain(explain) => explain.run(&mut out).await,
            Command::Tiles(tiles) => tiles.run(&mut out, err).await,
            Command::ModuleType(module_type) => module_type.run(&mut out, err).await,
            Command::ModuleInstance(instance) => instance.run(&mut out, err).await,
        }
    })
}

/// The variables that make HTTP clients use a proxy.
const PROXIES: [&str; 6] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// If a proxy is set, starts this program again without it: a proxy cannot reach the simulator and the relays on this
/// machine or in its network of containers.
///
/// # Errors
/// It cannot be started.
fn without_proxies() -> anyhow::Result<()> {
    if PROXIES.iter().all(|name| std::env::var_os(name).is_none()) {
        return Ok(());
    }
    let mut again = process::Command::new(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1));
    for name in PROXIES {
        again.env_remove(name);
    }
    Err(again.exec()).context("cannot start again without the proxy of the environment")
}

/// Whether writing the output failed this way. A broken connection is wrapped in an error of its client.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
