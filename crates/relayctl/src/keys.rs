//! `relayctl keys`: creates an RSA key pair for RS256 tokens, and the key set that publishes it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use provider_sim::Keys as Pair;
use serde_json::json;

use crate::ui::{BOLD, DIM, LITERAL, styled};

/// Creates an RSA key pair for RS256 tokens, and its JWKS
///
/// Writes `private.pem` (PKCS #8, readable only by you) and `jwks.json` into the directory, and overwrites nothing.
/// Serve `jwks.json` at `https://HOST/.well-known/jwks`, add HOST to the relay's `RELAY_AUTH__JWKS_HOSTS`, and sign
/// tokens with `relayctl token --rs256 private.pem --jwks-host HOST`.
#[derive(Debug, Args)]
pub(crate) struct Keys {
    /// Length of the key in bits
    #[arg(
        long,
        default_value = "2048",
        value_parser = PossibleValuesParser::new(["2048", "3072", "4096"]).map(|bits| size(&bits))
    )]
    bits: KeySize,

    /// Directory of the two files; created if missing
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,

    /// Print one JSON document instead: the files, the key's id, the key set
    #[arg(long)]
    json: bool,
}

fn size(bits: &str) -> KeySize {
    match bits {
        "4096" => KeySize::Rsa4096,
        "3072" => KeySize::Rsa3072,
        _ => KeySize::Rsa2048,
    }
}

impl Keys {
    /// Runs the command.
    ///
    /// # Errors
    /// A file exists already or cannot be written.
    pub(crate) fn run(&self, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let pem = private_pem(self.bits)?;
        let pair = Pair::from_pem(&pem)?;
        let (private, public) = (self.out.join("private.pem"), self.out.join("jwks.json"));
        fs::create_dir_all(&self.out).with_context(|| format!("cannot create {}", self.out.display()))?;
        for file in [&private, &public] {
            anyhow::ensure!(!file.exists(), "{} already exists and was not overwritten", file.display());
        }
        write_secret(&private, &pem)?;
        let jwks = pair.jwks();
        fs::write(&public, format!("{jwks:#}\n"))
            .with_context(|| format!("cannot write {}", public.display()))?;
        if self.json {
            let document = json!({
                "private_key_file": private, "key_set_file": public, "key_id": pair.kid(), "key_set": jwks,
            });
            writeln!(out, "{document:#}")?;
            return Ok(ExitCode::SUCCESS);
        }
        writeln!(
            out,
            "{}  {}\n{}  {}\n{} {}",
            styled(BOLD, private.display()),
            styled(DIM, "signs tokens; keep it secret"),
            styled(BOLD, public.display()),
            styled(DIM, "serve it at https://HOST/.well-known/jwks"),
            styled(DIM, "key id"),
            pair.kid(),
        )?;
        writeln!(
            out,
            "\nTokens for a relay with RELAY_AUTH__JWKS_HOSTS=HOST:\n{}",
            styled(
                LITERAL,
                format_args!(
                    "relayctl token --relay NAME --rs256 {} --jwks-host HOST --audience URL",
                    private.display()
                )
            )
        )?;
        Ok(ExitCode::SUCCESS)
    }
}

fn private_pem(bits: KeySize) -> anyhow::Result<String> {
    let pair = KeyPair::generate(bits).ok().context("no random numbers from the system")?;
    let der: Pkcs8V1Der<'_> = pair.as_der().ok().context("the key cannot be written")?;
    let encoded = BASE64_STANDARD.encode(der.as_ref());
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    Ok(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n")))
}

/// Writes a new file that only its owner can read.
///
/// # Errors
/// It exists already or cannot be written.
pub(crate) fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            anyhow::anyhow!("{} already exists and was not overwritten", path.display())
        }
        _ => anyhow::Error::new(error).context(format!("cannot write {}", path.display())),
    })
}
