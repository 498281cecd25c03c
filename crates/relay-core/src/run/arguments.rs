//! A relay's command line: what its arguments ask for, and its help.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

use crate::module::Module;
use crate::settings::{SETTINGS, listing};

/// Widest line of the help, on a wider terminal too.
const WIDTH: usize = 110;

/// What the program is asked to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Serve until a signal.
    Serve,
    /// Ask the running relay whether it lives.
    Healthcheck,
    /// Print the settings, as tables of the documentation or as a list.
    Settings { markdown: bool },
}

/// Reads the arguments, the program's name first.
///
/// # Errors
/// They make no sense, or ask for help or version: the error is what to print.
pub(super) fn parse(module: &'static Module, arguments: &[OsString]) -> Result<Task, clap::Error> {
    let matches = command(module).try_get_matches_from(arguments)?;
    Ok(match matches.subcommand() {
        Some(("healthcheck", _)) => Task::Healthcheck,
        Some(("settings", given)) => Task::Settings { markdown: given.get_flag("markdown") },
        _ => Task::Serve,
    })
}

fn command(module: &'static Module) -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new(module.package)
        .version(module.version)
        .about(module.summary)
        .max_term_width(WIDTH)
        .after_help("With --help: the settings")
        .after_long_help(after_help(module))
        .subcommand(Command::new("run").about("Serve until SIGTERM, SIGINT or SIGQUIT; so without a command"))
        .subcommand(
            Command::new("healthcheck")
                .about("Ask the running relay's /livez; for the health check of containers"),
        )
        .subcommand(
            Command::new("settings")
                .about("List the settings")
                .arg(flag("markdown", "Print them as the tables of the READMEs")),
        )
}

fn after_help(module: &'static Module) -> String {
    format!(
        "Settings, from the environment or the TOML file that RELAY_CONFIG names:\n{}\n\
         HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY and SSL_CERT_FILE hold for calls to provider, login and keys.",
        listing(SETTINGS.iter().chain(module.settings))
    )
}
