//! A relay's command line: what its arguments ask for, and its help.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PathBufValueParser;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command};

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
    /// Check everything that the relay would use.
    Doctor(Doctor),
}

/// How thoroughly the relay is checked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Doctor {
    /// A token to check, and to log in with.
    pub(super) token: Option<PathBuf>,
    /// Claims to log in with.
    pub(super) claims: Option<PathBuf>,
    /// One JSON document instead of lines.
    pub(super) json: bool,
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
        Some(("doctor", given)) => Task::Doctor(Doctor {
            token: file(given, "token-file"),
            claims: file(given, "claims-file"),
            json: given.get_flag("json"),
        }),
        _ => Task::Serve,
    })
}

fn file(given: &ArgMatches, name: &str) -> Option<PathBuf> {
    given.get_one::<PathBuf>(name).cloned()
}

fn command(module: &'static Module) -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let file = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("FILE").value_parser(PathBufValueParser::new()).help(help)
    };
    Command::new(module.package)
        .version(module.version)
        .about(module.summary)
        .max_term_width(WIDTH)
        .after_help("With --help: the settings")
        .after_long_help(after_help(module))
        .subcommand(Command::new("run").about("Serve until SIGTERM, SIGINT or SIGQUIT; so without a command"))
        .subcommand(
            Command::new("healthcheck").about("Ask the running relay's /livez; for the health check of containers"),
        )
        .subcommand(
            Command::new("doctor")
                .about("Check what the relay would use: settings, names, connections, TLS, clock, keys, store, login")
                .long_about(
                    "Checks what the relay would use with the settings of this environment: settings, name resolution, \
                     connections, proxy, TLS certificates, clocks, the platform's keys, the shared store, and APIs that \
                     are about to end. With a token or claims also the login: permissions, one real call and quotas.\n\n\
                     Each line is ok, warn or fail, with what to do. Exit code 0: nothing fails; 1: something does.",
                )
                .arg(file("token-file", "A token as the platform sends it, checked as by the relay, then used; - reads standard input"))
                .arg(file("claims-file", "A JSON object of claims, used without a token; - reads standard input"))
                .group(ArgGroup::new("login").args(["token-file", "claims-file"]))
                .arg(flag("json", "Print one JSON document instead")),
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
