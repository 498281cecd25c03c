//! The program as its users run it: arguments in, output and exit code out. Loopback only.

// What fails here fails the test.
#![expect(clippy::unwrap_used, reason = "helpers of tests are not marked as tests")]

mod ask;
mod browser;
mod connections;
mod demo;
mod investigate;
mod page;
mod platform;
mod record;
mod registration;
mod respond;
mod tiles;
mod tokens;
mod workbench;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What a run of the program came to.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

/// The program, in an environment without what could change its output.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relayctl"));
    command.args(arguments).stdin(Stdio::null());
    command.env("XDG_CONFIG_HOME", "/nonexistent");
    for name in [
        "CLICOLOR_FORCE",
        "COLUMNS",
        "RELAYCTL_CONFIG",
        "RELAY_TOKEN",
        "XDR_CLIENT_ID",
        "XDR_CLIENT_PASSWORD",
        "XDR_PLATFORM",
    ] {
        command.env_remove(name);
    }
    command
}

/// Runs it to its end.
fn relayctl(arguments: &[&str]) -> Ran {
    ran(&mut program(arguments), "")
}

/// Runs it to its end with an input.
fn ran(command: &mut Command, input: &str) -> Ran {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A directory of its own for a test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The path of a file in it.
    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A program that does not outlive its test, however that ends.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

#[test]
fn the_version_is_printed() {
    let ran = relayctl(&["--version"]);
    assert_eq!((ran.code, ran.out), (Some(0), format!("relayctl {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let output =
        program(&["module-type", "xforce", "--url", "https://xdr.example"]).stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn a_relay_that_does_not_exist_is_answered_with_those_that_do() {
    for arguments in [&["module-type", "acme"][..], &["token", "--relay", "acme"]] {
        let ran = relayctl(arguments);
        assert_eq!(ran.code, Some(2));
        assert!(ran.err.contains("no relay is named `acme`; there are: "), "{}", ran.err);
        assert!(ran.err.contains("xforce"), "{}", ran.err);
    }
}
