//! How the provider is called: what every relay needs, and typed access to what one relay adds.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::load::Values;
use super::{ProxySettings, SettingsError};
use crate::module::{Claim, Module};

/// The settings under `provider.`: those of every relay as fields, a relay's own by their names.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// Time to open a connection.
    pub connect_timeout: Duration,
    /// Time for one call.
    pub read_timeout: Duration,
    /// Calls in flight per credential.
    pub max_concurrency: usize,
    /// Further tries of a call that may be repeated.
    pub retries: u32,
    /// Largest answer in bytes.
    pub max_answer: usize,
    /// Further certificate authorities (PEM).
    pub ca_file: Option<PathBuf>,
    /// How long an answer is reused (`cache.ttl`); with zero, what a relay keeps for times of its own is not kept
    /// either.
    pub cache_ttl: Duration,
    /// The proxy that calls go through.
    pub proxies: ProxySettings,
    pub(super) values: Values,
}

impl ProviderSettings {
    pub(super) fn new(values: Values) -> Result<Self, SettingsError> {
        Ok(Self {
            connect_timeout: values.patience("provider.connect_timeout")?,
            read_timeout: values.patience("provider.read_timeout")?,
            max_concurrency: values.integer("provider.max_concurrency", 1, 1024)?,
            retries: values.integer("provider.retries", 0, 10)?,
            max_answer: values.integer("provider.max_answer", 1024, 1 << 30)?,
            ca_file: values.text("provider.ca_file").map(PathBuf::from),
            cache_ttl: values.duration("cache.ttl")?,
            proxies: ProxySettings::read(values.proxies())?,
            values,
        })
    }

    /// The claims that a relay with these settings reads, of those of its module.
    pub fn claims(&self, module: &'static Module) -> impl Iterator<Item = &'static Claim> {
        let is_read =
            |claim: &&Claim| claim.only_with.is_none_or(|(name, value)| self.text(name) == Some(value));
        module.claims.iter().filter(is_read)
    }

    /// Whether the user set it himself.
    pub fn is_given(&self, name: &str) -> bool {
        self.values.is_given(&key(name))
    }

    /// A text setting; nothing where it is empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.text(&key(name))
    }

    /// A base URL: absolute `http` or `https`, without credentials, query or fragment. A trailing slash is
    /// taken off.
    ///
    /// # Errors
    /// The value is not such a URL.
    pub fn url(&self, name: &str) -> Result<Url, SettingsError> {
        let text = self.text(name).unwrap_or_default();
        let problem = |what: &str| SettingsError::value(&key(name), format!("`{text}` {what}"));
        // Before anything is said of the text, which may hold a password.
        if text.contains('@') {
            return Err(SettingsError::value(&key(name), "a URL with credentials in it is not accepted"));
        }
        let mut url = Url::parse(text).map_err(|error| problem(&format!("is not a URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(problem("is not an http or https URL"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(problem("must have neither query nor fragment"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(url)
    }

    /// A URL setting that may be `off` or empty.
    ///
    /// # Errors
    /// As [`ProviderSettings::url`].
    pub fn optional_url(&self, name: &str) -> Result<Option<Url>, SettingsError> {
        match self.text(name) {
            None | Some("off") => Ok(None),
            Some(_) => self.url(name).map(Some),
        }
    }

    /// A switch.
    ///
    /// # Errors
    /// The value is neither true nor false.
    pub fn flag(&self, name: &str) -> Result<bool, SettingsError> {
        self.values.flag(&key(name))
    }

    /// A whole number within bounds, both included.
    ///
    /// # Errors
    /// The value is not a number or out of bounds.
    pub fn integer(&self, name: &str, least: u64, most: u64) -> Result<u64, SettingsError> {
        self.values.integer(&key(name), least, most)
    }

    /// A time such as `15s`.
    ///
    /// # Errors
    /// The value is not a time.
    pub fn duration(&self, name: &str) -> Result<Duration, SettingsError> {
        self.values.duration(&key(name))
    }

    /// A list of words, separated by commas.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.values.list(&key(name))
    }

    /// One of some words.
    ///
    /// # Errors
    /// The value is none of them.
    pub fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<T, SettingsError> {
        self.values.choice(&key(name), choices)
    }
}

fn key(name: &str) -> String {
    format!("provider.{name}")
}
