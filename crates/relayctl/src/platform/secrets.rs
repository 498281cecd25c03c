//! The credentials of an API client, and the texts that must never be printed.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, ensure};

/// The credentials, and what else is secret.
pub(crate) struct Secrets {
    id: String,
    password: String,
    hidden: Vec<String>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

const ID: &str = "XDR_CLIENT_ID";
const PASSWORD: &str = "XDR_CLIENT_PASSWORD";
/// What stands in place of a secret.
const HIDDEN: &str = "(hidden)";
/// A shorter text is no secret, and would be struck out of ordinary words.
const SHORTEST: usize = 4;

impl Secrets {
    /// Reads the credentials.
    ///
    /// # Errors
    /// One is missing, or others can read the file.
    #[expect(clippy::disallowed_methods, reason = "a relay has settings; these are a user's credentials")]
    pub(crate) fn read(file: Option<&Path>) -> anyhow::Result<Self> {
        let variables = match file {
            Some(file) => from_file(file)?,
            None => [ID, PASSWORD]
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
                .collect(),
        };
        let place = file.map_or("the environment".to_owned(), |file| file.display().to_string());
        let value = |name: &str| {
            let value = variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
            value.filter(|value| !value.trim().is_empty()).with_context(|| {
                format!("{name} is missing in {place}; --credentials FILE names a file with it")
            })
        };
        let (id, password) = (value(ID)?, value(PASSWORD)?);
        let hidden = vec![password.clone()];
        Ok(Self { id, password, hidden })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn password(&self) -> &str {
        &self.password
    }

    /// Also keeps this out of everything that is printed.
    pub(super) fn hide(&mut self, secret: &str) {
        if secret.len() >= SHORTEST {
            self.hidden.push(secret.to_owned());
        }
    }

    /// A text from the platform without secrets that it may repeat.
    pub(super) fn without(&self, text: &str) -> String {
        self.hidden.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), HIDDEN))
    }
}

fn from_file(file: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let place = || format!("cannot read {}", file.display());
    let mode = fs::metadata(file).with_context(place)?.permissions().mode();
    let others = mode & 0o077;
    ensure!(others == 0, "{} can be read by others; run: chmod 600 {0}", file.display());
    let text = fs::read_to_string(file).with_context(place)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.strip_prefix("export ").unwrap_or(line).split_once('='));
    Ok(pairs
        .map(|(name, value)| (name.trim().to_owned(), value.trim().trim_matches(['"', '\'']).to_owned()))
        .collect())
}
