//! `relayctl record`: asks a provider about observables through a relay in this process, and records its calls.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use clap::Args;
use jsonwebtoken::{EncodingKey, Header};
use relay_core::auth::Claims;
use relay_core::endpoint::observe;
use relay_core::settings::{Environment, Settings};
use serde_json::{Map, Value, json};
use url::Url;

use crate::answer::Problem;
use crate::connections::credential::Credential;
use crate::demo::start_here;
use crate::input::Input;
use crate::relay_client::RelayClient;
use crate::relays;
use crate::token::read;
use crate::ui::{BAD, LITERAL, count, harmless, styled};

/// Records a relay's provider calls about some observables, without credentials, for a support ticket
///
/// Starts the relay in this process with the RELAY_… settings of the environment and asks it once. Each call to the
/// provider becomes a file in the folder, with credentials, tenant ids and tokens replaced. Read the files before you pass
/// them on: whatever else the provider answers is in them. `relayctl replay` answers from them.
///
/// Exit code 0: the provider answered; 1: the answer reports an error; 2: invalid arguments, or nothing was recorded.
#[derive(Debug, Args)]
pub(crate) struct Record {
    /// Which relay: graph, defender, securitytrails, gigamon or xforce
    #[arg(value_name = "RELAY")]
    relay: String,

    /// The folder, created where it is missing
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,

    /// Observables, files with them (@FILE), or - for standard input
    #[arg(value_name = "OBSERVABLE", required = true)]
    observables: Vec<String>,

    /// The provider's credentials: claims as a JSON object
    #[arg(long, value_name = "FILE")]
    claims_file: PathBuf,

    /// Replace the observables too
    #[arg(long)]
    redact_values: bool,
}

impl Record {
    /// Runs the command.
    ///
    /// # Errors
    /// The arguments are wrong, the relay does not start, or nothing was recorded.
    pub(crate) async fn run(self, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
        let known = relays::named(&self.relay)?;
        let input = Input::read(&self.observables)?;
        let claims: Map<String, Value> =
            serde_json::from_str(&read(&self.claims_file)?).context("the claims are not a JSON object")?;
        let secret = new_secret()?;
        let environment = Environment::of_process().with([
            ("RELAY_AUTH__SECRET_KEY", secret.clone()),
            ("RELAY_AUTH__SECRET_KEY_FILE", String::new()),
            ("RELAY_AUTH__AUDIENCE", String::new()),
            ("RELAY_SHARED__URL", String::new()),
            ("RELAY_RECORD", self.folder.display().to_string()),
            ("RELAY_RECORD_REDACT_VALUES", self.redact_values.to_string()),
        ]);
        let settings = Settings::load(known.module(), environment.clone())?.settings;
        (known.relay)().check_claims(&settings, &Claims::from(claims.clone()))?;
        let before = recorded(&self.folder, known.name);
        let running = start_here(known, 0, environment)?;
        let url: Url = format!("http://{}", running.address).parse()?;
        let token = signed(claims, &url, &secret)?;
        let mut relays =
            [RelayClient::at(known.name, Some(known.module()), url, Some(Credential::token(&token)))];
        crate::relay_client::learn(&mut relays).await;
        let (observables, _) = input.checked(&relays, observe::ENDPOINT, err)?;
        let [relay] = &relays;
        let answer = relay.ask(observe::ENDPOINT, serde_json::to_string(&observables)?).await?;
        for problem in &answer.errors {
            let words = format!("{} {}: {}", problem.severity, problem.code, problem.message);
            writeln!(err, "{}", styled(BAD, harmless(&words)))?;
        }
        let calls = recorded(&self.folder, known.name).saturating_sub(before);
        ensure!(calls > 0, "no provider call was recorded in {}", self.folder.display());
        writeln!(
            out,
            "{} recorded in {}. Read the files before you pass them on.\nAnswer from them:  {}",
            count(calls, "provider call"),
            self.folder.display(),
            styled(LITERAL, format_args!("relayctl replay {}", self.folder.display()))
        )?;
        Ok(ExitCode::from(u8::from(answer.errors.iter().any(Problem::is_failure))))
    }
}

/// How many exchanges of a relay a folder has.
fn recorded(folder: &std::path::Path, relay: &str) -> usize {
    std::fs::read_dir(folder.join(relay)).map_or(0, Iterator::count)
}

/// A secret for this run.
fn new_secret() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).ok().context("the system gives no random numbers")?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

fn signed(mut claims: Map<String, Value>, audience: &Url, secret: &str) -> anyhow::Result<String> {
    claims.insert("aud".to_owned(), json!(audience.as_str().trim_end_matches('/')));
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes()))
        .context("the token cannot be signed")
}
