//! `doctor`: what is wrong with what the relay would use, and what to do.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};

use super::arguments::Doctor;
use crate::auth::{Claims, without_scheme};
use crate::doctor::line::Line;
use crate::doctor::own::{Given, unusable};
use crate::relay::Relay;
use crate::server;
use crate::settings::{Environment, Loaded, Settings};

/// Checks with the settings of this process: what to print, and whether something fails, as exit code.
pub(super) fn run(relay: &Relay, asked: &Doctor) -> anyhow::Result<(String, ExitCode)> {
    let module = relay.module();
    let problems = server::problems(relay, &Environment::of_process());
    let lines = if problems.is_empty() {
        checked(relay, asked, &Settings::load(module, Environment::of_process())?)?
    } else {
        problems.iter().map(unusable).collect()
    };
    let code = ExitCode::from(u8::from(lines.iter().any(Line::is_fail)));
    if asked.json {
        return Ok((format!("{:#}\n", json!({"relay": module.package, "checks": lines})), code));
    }
    let mut text = format!("{} {}\n", module.package, module.version);
    for line in &lines {
        let _ = writeln!(text, "{line}");
    }
    if asked.token.is_none() && asked.claims.is_none() {
        text += "\nThe login was left out: name a token with --token-file, or claims with --claims-file\n";
    }
    Ok((text, code))
}

fn checked(relay: &Relay, asked: &Doctor, loaded: &Loaded) -> anyhow::Result<Vec<Line>> {
    let token = asked.token.as_deref().map(read).transpose()?;
    let claims = asked.claims.as_deref().map(claims).transpose()?;
    let given = match (&token, &claims) {
        (Some(token), _) => Given::Token(without_scheme(token.trim())),
        (None, Some(claims)) => Given::Claims(claims),
        (None, None) => Given::Nothing,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("no runtime")?;
    let lines = runtime.block_on(relay.examine(&loaded.settings, &loaded.warnings, given));
    // A name that is being resolved holds a thread for as long as it takes.
    runtime.shutdown_background();
    Ok(lines)
}

/// The text of a file; `-` is standard input.
fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let outcome = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text))
    };
    outcome.with_context(|| format!("cannot read {}", file.display()))?;
    Ok(text)
}

fn claims(file: &Path) -> anyhow::Result<Claims> {
    // The error of a parser may quote what it read.
    match serde_json::from_str::<Map<String, Value>>(&read(file)?) {
        Ok(claims) => Ok(Claims::from(claims)),
        Err(_) => bail!("{} does not hold a JSON object of claims", file.display()),
    }
}
