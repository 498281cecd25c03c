//! `relayctl completions` and `relayctl man`: what shells and `man` read.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

/// Prints completions for a shell
///
/// Example: `relayctl completions bash > ~/.local/share/bash-completion/completions/relayctl`
#[derive(Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Runs the command.
    ///
    /// # Errors
    /// The output is closed.
    pub(crate) fn run(&self, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut crate::Arguments::command(), "relayctl", &mut text);
        out.write_all(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints the manual page, or writes one for each command
#[derive(Args)]
pub(crate) struct Man {
    /// Write the pages of all commands into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Man {
    /// Runs the command.
    ///
    /// # Errors
    /// The pages cannot be written.
    pub(crate) fn run(&self, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let command = crate::Arguments::command();
        match &self.out {
            None => clap_mangen::Man::new(command).render(out)?,
            Some(folder) => {
                let problem = || format!("cannot write the pages into {}", folder.display());
                fs::create_dir_all(folder).with_context(problem)?;
                clap_mangen::generate_to(command, folder).with_context(problem)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
