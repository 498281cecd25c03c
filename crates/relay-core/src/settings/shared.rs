//! The store that several replicas of one relay share, if they do.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::load::Values;
use super::{SettingsError, secret, secret_file};

/// Where the store is, and what its entries are sealed with.
#[derive(Clone, Debug)]
pub struct SharedSettings {
    /// Its address, without a password.
    pub(crate) url: Url,
    /// The password that stood in the address, or in a file.
    pub(crate) password: Option<SecretString>,
    /// What the keys of entries and of their sealing are made from.
    pub(crate) key: SecretString,
    /// Certificate authorities in place of the system's (PEM).
    pub(crate) ca_file: Option<PathBuf>,
    /// Time for one exchange.
    pub(crate) timeout: Duration,
}

/// A shorter key could be guessed.
const KEY_BYTES: usize = 32;

impl SharedSettings {
    /// Nothing where no store is set.
    pub(super) fn new(values: &Values) -> Result<Option<Self>, SettingsError> {
        let Some(text) = values.text("shared.url") else { return Ok(None) };
        let (url, password) = address(text)?;
        let password = match secret_file(values, "shared.password_file")? {
            Some(password) => Some(password),
            None => password,
        };
        let key = secret(values, "shared.key")?.ok_or_else(|| {
            let problem =
                "is needed with RELAY_SHARED__URL: at least 32 bytes, the same for all replicas of the relay";
            SettingsError::value("shared.key", problem)
        })?;
        if key.expose_secret().len() < KEY_BYTES {
            let problem = format!("has fewer than {KEY_BYTES} bytes; `openssl rand -base64 32` makes one");
            return Err(SettingsError::value("shared.key", problem));
        }
        Ok(Some(Self {
            url,
            password,
            key,
            ca_file: values.text("shared.ca_file").map(PathBuf::from),
            timeout: values.patience("shared.timeout")?,
        }))
    }

    /// Host and port, for people.
    pub(crate) fn place(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        format!("{host}:{}", self.url.port().unwrap_or(6379))
    }
}

/// The address without its password. No message repeats the text, which may hold one.
fn address(text: &str) -> Result<(Url, Option<SecretString>), SettingsError> {
    let problem = |what: &str| SettingsError::value("shared.url", what);
    let mut url = Url::parse(text).map_err(|error| problem(&format!("is not a URL: {error}")))?;
    if !matches!(url.scheme(), "redis" | "rediss") || url.host_str().is_none_or(str::is_empty) {
        return Err(problem(
            "is not a URL such as redis://store.example:6379/0 or rediss://store.example:6379/0",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(problem("must have neither query nor fragment"));
    }
    let database = url.path().trim_matches('/');
    if !database.is_empty() && database.parse::<u16>().is_err() {
        return Err(problem("must end with the number of a database, such as /0"));
    }
    let password = url.password().map(|password| {
        let password = percent_encoding::percent_decode_str(password).decode_utf8_lossy();
        SecretString::from(password.into_owned())
    });
    url.set_password(None).map_err(|()| problem("cannot be used"))?;
    Ok((url, password))
}

#[cfg(test)]
mod tests {
    use super::super::tests::load;
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn shared(more: &[(&str, &str)]) -> Result<Option<SharedSettings>, String> {
        load(more).map(|loaded| loaded.settings.shared).map_err(|error| error.to_string())
    }

    #[test]
    fn without_an_address_nothing_is_shared() {
        assert!(shared(&[("RELAY_SHARED__KEY", KEY)]).expect("settings").is_none());
    }

    #[test]
    fn a_password_is_taken_out_of_the_address() {
        let url = "rediss://user:p%40ss@store.example/3";
        let shared = shared(&[("RELAY_SHARED__URL", url), ("RELAY_SHARED__KEY", KEY)]);
        let shared = shared.expect("settings").expect("a store");
        assert_eq!(shared.url.as_str(), "rediss://user@store.example/3");
        assert_eq!(shared.password.as_ref().map(ExposeSecret::expose_secret), Some("p@ss"));
        assert_eq!(
            (shared.place().as_str(), shared.timeout),
            ("store.example:6379", Duration::from_millis(100))
        );
        let shown = format!("{shared:?}");
        assert!(!shown.contains("p@ss") && !shown.contains("p%40ss") && !shown.contains(KEY), "{shown}");
    }

    #[test]
    fn what_cannot_be_used_is_one_line_without_the_address() {
        let bad = [
            "secret-inside",
            "http://:secret-inside@store.example",
            "redis://:secret-inside@",
            "redis://:secret-inside@store.example/0?x",
            "redis://:secret-inside@store.example/#insecure",
            "redis://:secret-inside@store.example/name",
            "redis://:secret-inside@store.example:99999",
        ];
        for url in bad {
            let error = shared(&[("RELAY_SHARED__URL", url), ("RELAY_SHARED__KEY", KEY)]).expect_err(url);
            assert!(error.starts_with("RELAY_SHARED__URL: ") && !error.contains("secret-inside"), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
        let url = ("RELAY_SHARED__URL", "redis://store.example");
        let without = shared(&[url]).expect_err("no key");
        assert!(without.starts_with("RELAY_SHARED__KEY: is needed with RELAY_SHARED__URL"), "{without}");
        let short = shared(&[url, ("RELAY_SHARED__KEY", &KEY[1..])]).expect_err("a short key");
        assert!(
            short.starts_with("RELAY_SHARED__KEY: has fewer than 32 bytes") && !short.contains(&KEY[1..])
        );
    }
}
