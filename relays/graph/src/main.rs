//! The program: settings from the environment, one relay, until SIGTERM. See the library for what it does.

use std::process::ExitCode;

fn main() -> ExitCode {
    relay_core::run(&relay_graph::relay())
}
