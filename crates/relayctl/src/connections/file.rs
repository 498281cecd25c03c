//! The file: read strictly, every complaint with its line, and no secret in any of them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail, ensure};
use jsonwebtoken::{Algorithm, EncodingKey};
use provider_sim::Keys;
use relay_core::auth;
use relay_core::settings::Settings;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use toml::Spanned;

use super::credential::{Claims, Credential};
use super::text_of;
use crate::login::Login;
use crate::relay_client::RelayClient;
use crate::relays::{self, Known};
use crate::{client, token};

/// What the file holds.
#[derive(Debug)]
pub(crate) struct Connections {
    /// The file.
    pub(crate) path: PathBuf,
    /// The relays, in its order.
    pub(crate) relays: Vec<RelayClient>,
    /// What the user should change.
    pub(crate) warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    relays: BTreeMap<Spanned<String>, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    relay: Spanned<String>,
    url: Spanned<String>,
    token_file: Option<Spanned<PathBuf>>,
    claims_file: Option<Spanned<PathBuf>>,
    secret_file: Option<Spanned<PathBuf>>,
    key_file: Option<Spanned<PathBuf>>,
    kid: Option<String>,
    jwks_host: Option<String>,
    audience: Option<String>,
    /// How the relay logs in.
    credential: Option<Spanned<Login>>,
}

/// The file while it is read.
struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    warnings: Vec<String>,
}

impl Connections {
    /// Reads the file.
    ///
    /// # Errors
    /// It is wrong, or a file that it names is missing; the message has the line.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = text_of(path)?;
        let mut reader = Reader { path, text: &text, warnings: Vec::new() };
        // Not the error's own words, which quote the line: somebody may have put a secret there.
        let file: File = toml::from_str(&text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            anyhow!("{}: {}", reader.place(at), error.message())
        })?;
        let mut entries: Vec<_> = file.relays.into_iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        let relays = entries.into_iter().map(|(name, entry)| reader.relay(&name, entry));
        let relays = relays.collect::<anyhow::Result<Vec<_>>>()?;
        ensure!(!relays.is_empty(), "{} names no relay: add a table [relays.NAME]", path.display());
        Ok(Self { path: path.to_owned(), relays, warnings: reader.warnings })
    }
}

impl Reader<'_> {
    /// File and line of a position.
    fn place(&self, at: usize) -> String {
        let line = self.text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        format!("{}:{line}", self.path.display())
    }

    fn relay(&mut self, name: &Spanned<String>, entry: Entry) -> anyhow::Result<RelayClient> {
        let known =
            relays::named(entry.relay.get_ref()).with_context(|| self.place(entry.relay.span().start))?;
        let url = client::relay_url(entry.url.get_ref())
            .map_err(|why| anyhow!("{}: url: {why}", self.place(entry.url.span().start)))?;
        let at = name.span().start;
        let login = entry.credential.as_ref().map(|login| *login.get_ref()).unwrap_or_default();
        let asked_at = entry.credential.as_ref().map_or(at, |login| login.span().start);
        let settings = login.settings(known.module()).with_context(|| self.place(asked_at))?;
        let credential = self.credential(known, &settings, entry, at)?;
        let relay = RelayClient::at(name.get_ref(), Some(known.module()), url, Some(credential));
        Ok(RelayClient { login, ..relay })
    }

    fn credential(
        &mut self,
        known: &Known,
        settings: &Settings,
        entry: Entry,
        at: usize,
    ) -> anyhow::Result<Credential> {
        match entry {
            Entry {
                token_file: Some(file), claims_file: None, secret_file: None, key_file: None, ..
            } => {
                let text = self.secret(&file)?;
                ensure!(!text.trim().is_empty(), "{}: the file is empty", self.place(file.span().start));
                Ok(Credential::token(&text))
            }
            Entry {
                token_file: None,
                claims_file: Some(file),
                secret_file,
                key_file,
                kid,
                jwks_host,
                audience,
                ..
            } => {
                let text = self.secret(&file)?;
                let place = self.place(file.span().start);
                // The error of a parser may quote what it read.
                let Ok(mut claims) = serde_json::from_str::<Map<String, Value>>(&text) else {
                    bail!("{place}: the file does not hold a JSON object of claims");
                };
                (known.relay)()
                    .check_claims(settings, &auth::Claims::from(claims.clone()))
                    .map_err(|error| anyhow!("{place}: {error}"))?;
                for (name, value) in [("jwks_host", jwks_host), ("aud", audience)] {
                    if let Some(value) = value {
                        claims.insert(name.to_owned(), json!(value));
                    }
                }
                let signed = match (secret_file, key_file) {
                    (Some(file), None) => {
                        self.secret(&file)?;
                        let secret = token::secret_of(&self.resolved(file.get_ref()))
                            .with_context(|| self.place(file.span().start))?;
                        let key = EncodingKey::from_secret(secret.as_bytes());
                        Claims { payload: claims, key, algorithm: Algorithm::HS256, kid: None }
                    }
                    (None, Some(file)) => self.with_key(&file, claims, kid)?,
                    _ => bail!("{}: claims_file needs secret_file or key_file to sign with", self.place(at)),
                };
                Ok(Credential::Claims(Arc::new(signed)))
            }
            _ => bail!(
                "{}: write either token_file, or claims_file with secret_file or key_file",
                self.place(at)
            ),
        }
    }

    fn with_key(
        &mut self,
        file: &Spanned<PathBuf>,
        claims: Map<String, Value>,
        kid: Option<String>,
    ) -> anyhow::Result<Claims> {
        let pem = self.secret(file)?;
        let place = self.place(file.span().start);
        ensure!(
            claims.contains_key("jwks_host"),
            "{place}: a key needs jwks_host, the host that publishes it"
        );
        let pair =
            Keys::from_pem(&pem).map_err(|_| anyhow!("{place}: the file holds no private RSA key (PEM)"))?;
        let key = EncodingKey::from_rsa_pem(pem.as_bytes())
            .map_err(|_| anyhow!("{place}: the file holds no private RSA key (PEM)"))?;
        let kid = Some(kid.unwrap_or_else(|| pair.kid().to_owned()));
        Ok(Claims { payload: claims, key, algorithm: Algorithm::RS256, kid })
    }

    /// The path as seen from the file's folder.
    fn resolved(&self, path: &Path) -> PathBuf {
        self.path.parent().unwrap_or(Path::new(".")).join(path)
    }

    /// The text of a file that nobody else should read.
    fn secret(&mut self, file: &Spanned<PathBuf>) -> anyhow::Result<String> {
        let path = self.resolved(file.get_ref());
        let place = self.place(file.span().start);
        let text = text_of(&path).with_context(|| place.clone())?;
        let mode = fs::metadata(&path).map_or(0, |of| of.permissions().mode());
        if mode & 0o077 != 0 {
            let shown = path.display();
            self.warnings.push(format!("{place}: other users can read {shown}; run: chmod 600 {shown}"));
        }
        Ok(text)
    }
}
