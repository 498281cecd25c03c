//! `relayctl token`: creates a token with a user's credentials, as the platform does.

pub(crate) mod claims;

use std::fs;
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use provider_sim::Keys;
use relay_core::auth::Claims;
use relay_core::module::Module;
use relay_core::settings::Settings;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::keys::write_secret;
use crate::login::Login;
use crate::relays;
use crate::ui::{DIM, DOUBTFUL, LITERAL, styled};
use claims::{Prompt, Terminal};

/// Length of a new secret in bytes: that of the HS256 hash; longer secrets add no strength.
const SECRET_BYTES: usize = 32;

/// Creates a token for a relay, with the provider's credentials
///
/// Prompts for the claims that the relay reads, without echo for secrets. Scripts pass them as a JSON object with
/// --file. Only the token goes to standard output, so that `TOKEN=$(relayctl token ...)` works.
///
/// The token is signed with a shared secret (HS256; the relay's `RELAY_AUTH__SECRET_KEY`) or, with --rs256, with a
/// private key such as `relayctl keys` creates.
#[derive(Args)]
pub(crate) struct Token {
    /// The relay that the token is for
    #[arg(long, value_name = "NAME")]
    relay: String,

    /// Claims as a JSON object; - reads standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// A claim (repeatable). Not for secrets: other users can see arguments, and the shell stores them
    #[arg(long, value_name = "KEY=VALUE", value_parser = claims::assignment)]
    set: Vec<(String, String)>,

    /// How the relay logs in (`RELAY_PROVIDER__CREDENTIAL`): only with a secret does the token need one
    #[arg(long, value_enum, default_value_t)]
    credential: Login,

    /// File with the shared secret, created if missing. Without it, a new secret is created and printed
    #[arg(long, value_name = "FILE", conflicts_with = "rs256")]
    secret_file: Option<PathBuf>,

    /// The relay's URL as the platform calls it (claim `aud`)
    #[arg(long, value_name = "URL")]
    audience: Option<String>,

    /// Host that serves the public key (claim `jwks_host`), only with --rs256
    #[arg(long, value_name = "HOST", requires = "rs256")]
    jwks_host: Option<String>,

    /// Sign with this RSA private key (PEM) instead of a shared secret
    #[arg(long, value_name = "FILE", requires_all = ["audience", "jwks_host"])]
    rs256: Option<PathBuf>,

    /// The key's id in the JWKS; by default the one that `relayctl keys` writes
    #[arg(long, requires = "rs256")]
    kid: Option<String>,

    /// Lifetime of the token, such as 90m or 24h; unlimited by default
    #[arg(long, value_name = "TIME")]
    expires: Option<SignedDuration>,

    /// Print one JSON document instead: the token, and the secret where a new one was created
    #[arg(long)]
    json: bool,
}

/// A token, and what its relay needs to accept it.
#[derive(Serialize)]
struct Made {
    token: String,
    algorithm: &'static str,
    /// Id of the key that signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    /// The secret that was created for it, where no file keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// The file with the secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_file: Option<PathBuf>,
}

impl Token {
    /// Runs the command.
    ///
    /// # Errors
    /// A claim or a file is missing or invalid.
    pub(crate) fn run(self, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
        let known = relays::named(&self.relay)?;
        let module = known.module();
        let settings = self.credential.settings(module)?;
        let given = self.given(module, &settings, err)?;
        let from_stdin = self.file.as_deref() == Some(Path::new("-"));
        let mut terminal = (!from_stdin && io::stdin().is_terminal()).then_some(Terminal { err: &mut *err });
        let prompt = terminal.as_mut().map(|terminal| terminal as &mut dyn Prompt);
        let mut claims = claims::complete(module, &settings, given, prompt)?;
        (known.relay)().check_claims(&settings, &Claims::from(claims.clone()))?;
        self.add_registered(&mut claims)?;
        let made = match &self.rs256 {
            Some(file) => self.signed_with_key(file, &claims)?,
            None => self.signed_with_secret(&claims, err)?,
        };
        if self.json {
            let mut document = json!(made);
            document["relay"] = json!(module.name);
            document["expires"] = json!(claims.get("exp"));
            writeln!(out, "{document:#}")?;
            return Ok(ExitCode::SUCCESS);
        }
        tell(&made, err)?;
        writeln!(
            err,
            "{}",
            styled(
                DIM,
                format_args!("The token for {} contains the credentials. Keep it secret.", module.package)
            )
        )?;
        writeln!(out, "{}", made.token)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The claims of --file and --set, with notes on suspicious ones.
    fn given(
        &self,
        module: &'static Module,
        settings: &Settings,
        err: &mut impl Write,
    ) -> anyhow::Result<Map<String, Value>> {
        let mut given = match &self.file {
            None => Map::new(),
            Some(file) => {
                let text = read(file)?;
                serde_json::from_str(&text)
                    .with_context(|| format!("{} is not a JSON object of claims", file.display()))?
            }
        };
        let secrets: Vec<&str> = self
            .set
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| module.claims.iter().any(|claim| claim.secret && claim.name == *name))
            .collect();
        if !secrets.is_empty() {
            note(
                err,
                &format!(
                    "{} is on the command line, where other users can see it; prefer --file",
                    secrets.join(", ")
                ),
            )?;
        }
        given.extend(self.set.iter().map(|(name, value)| (name.clone(), json!(value))));
        let known: Vec<&str> = settings.provider.claims(module).map(|claim| claim.name).collect();
        let unread: Vec<&str> = given
            .keys()
            .map(String::as_str)
            .filter(|name| !known.contains(name))
            .filter(|name| !["aud", "exp", "iat", "iss", "jwks_host", "nbf", "sub"].contains(name))
            .collect();
        if !unread.is_empty() {
            note(
                err,
                &format!(
                    "{} does not read {}; it reads {}",
                    module.package,
                    unread.join(", "),
                    known.join(", ")
                ),
            )?;
        }
        Ok(given)
    }

    /// The claims that every relay reads.
    fn add_registered(&self, claims: &mut Map<String, Value>) -> anyhow::Result<()> {
        if let Some(audience) = &self.audience {
            claims.insert("aud".to_owned(), json!(audience.trim_end_matches('/')));
        }
        if let Some(host) = &self.jwks_host {
            // The claim is a host; the scheme is part of the relay's setting.
            let host =
                host.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
            claims.insert("jwks_host".to_owned(), json!(host));
        }
        if let Some(time) = self.expires {
            ensure!(time.is_positive(), "--expires must be in the future");
            let end = Timestamp::now().checked_add(time).context("--expires is too far in the future")?;
            claims.insert("exp".to_owned(), json!(end.as_second()));
        }
        Ok(())
    }

    fn signed_with_key(&self, file: &Path, claims: &Map<String, Value>) -> anyhow::Result<Made> {
        let pem = read(file)?;
        let pair = Keys::from_pem(&pem).with_context(|| format!("{}", file.display()))?;
        let kid = self.kid.clone().unwrap_or_else(|| pair.kid().to_owned());
        let key = EncodingKey::from_rsa_pem(pem.as_bytes())?;
        let header = Header { kid: Some(kid.clone()), ..Header::new(Algorithm::RS256) };
        let token = jsonwebtoken::encode(&header, claims, &key)?;
        Ok(Made { token, algorithm: "RS256", key_id: Some(kid), secret: None, secret_file: None })
    }

    fn signed_with_secret(&self, claims: &Map<String, Value>, err: &mut impl Write) -> anyhow::Result<Made> {
        let secret = match &self.secret_file {
            None => new_secret()?,
            Some(file) => {
                if !file.exists() {
                    write_secret(file, &format!("{}\n", new_secret()?))?;
                }
                secret_of(file)?
            }
        };
        if secret.len() < SECRET_BYTES {
            note(err, &format!("the secret is shorter than {SECRET_BYTES} bytes, which is not safe"))?;
        }
        let key = EncodingKey::from_secret(secret.as_bytes());
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key)?;
        let kept = self.secret_file.clone();
        let secret = kept.is_none().then_some(secret);
        Ok(Made { token, algorithm: "HS256", key_id: None, secret, secret_file: kept })
    }
}

/// What the relay needs to accept the token.
fn tell(made: &Made, err: &mut impl Write) -> io::Result<()> {
    if let Some(kid) = &made.key_id {
        writeln!(err, "Signed with RS256, key id {kid}")?;
    }
    if let Some(secret) = &made.secret {
        writeln!(err, "Signed with HS256. The relay needs this new secret:")?;
        writeln!(err, "{}", styled(LITERAL, format_args!("RELAY_AUTH__SECRET_KEY={secret}")))?;
    }
    if let Some(file) = &made.secret_file {
        writeln!(err, "Signed with HS256 and the secret in {}. The relay needs:", file.display())?;
        writeln!(err, "{}", styled(LITERAL, format!("RELAY_AUTH__SECRET_KEY_FILE={}", file.display())))?;
    }
    Ok(())
}

/// The secret in a file, without the line end, as relays read it.
///
/// # Errors
/// The file cannot be read or is empty.
pub(crate) fn secret_of(file: &Path) -> anyhow::Result<String> {
    let text = read(file)?;
    let secret = text.trim_end_matches(['\r', '\n']);
    ensure!(!secret.is_empty(), "{} is empty", file.display());
    Ok(secret.to_owned())
}

/// The text of a file; `-` is standard input.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read(file: &Path) -> anyhow::Result<String> {
    let text =
        if file == Path::new("-") { io::read_to_string(io::stdin()) } else { fs::read_to_string(file) };
    text.with_context(|| format!("cannot read {}", file.display()))
}

/// A random secret.
///
/// # Errors
/// The system has no random numbers.
pub(crate) fn new_secret() -> anyhow::Result<String> {
    let mut bytes = [0; SECRET_BYTES];
    SystemRandom::new().fill(&mut bytes).ok().context("no random numbers from the system")?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// The claims of a token, which nobody has checked.
pub(crate) fn claims_of(token: &str) -> Option<Value> {
    let part = token.split('.').nth(1)?;
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn note(err: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(err, "{} {text}", styled(DOUBTFUL, "note:"))
}
