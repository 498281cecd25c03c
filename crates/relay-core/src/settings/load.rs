//! Where values come from, and what kinds of values there are.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use config::{Config, ConfigError, File, FileFormat, Value, ValueKind};

use super::environment::Environment;
use super::proxies::{self, Variables};
use super::{SETTINGS, Settings, SettingsError};
use crate::module::{Module, Setting, variable};
use crate::text::{sanitized, yes_or_no};

/// Settings, and what is odd about where they come from.
#[derive(Debug)]
pub struct Loaded {
    /// The typed settings.
    pub settings: Settings,
    /// One line for each name that no setting has: most often a typing mistake.
    pub warnings: Vec<String>,
}

/// All values as texts, by key, with the rows that say what they mean.
#[derive(Clone)]
pub(super) struct Values {
    pub(super) module: &'static Module,
    given: Arc<BTreeMap<String, String>>,
    /// The file, and its keys as they are written there.
    pub(super) file: Option<(String, Arc<Vec<String>>)>,
    proxies: Variables,
}

/// Keys only: a value may be a secret.
impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.given.keys()).finish()
    }
}

impl Values {
    pub(super) fn load(module: &'static Module, environment: &Environment) -> Result<Self, SettingsError> {
        let mut given = BTreeMap::new();
        let mut file = None;
        if let Some(path) = environment.get("RELAY_CONFIG") {
            let problem = |error: &ConfigError| SettingsError::File {
                path: path.to_owned(),
                problem: file_problem(error),
            };
            let read = Config::builder().add_source(File::new(path, FileFormat::Toml)).build();
            flatten("", read.map_err(|error| problem(&error))?.cache, &mut given);
            file = Some((path.to_owned(), Arc::new(given.keys().cloned().collect())));
        }
        // Variable by variable: names that other programs choose must not be read as paths of keys.
        for row in rows(module) {
            if let Some(value) = environment.get(&row.variable()) {
                given.insert(row.key.to_owned(), value.to_owned());
            }
        }
        // Names that others chose, such as those of the original relays, count only where ours are not set.
        for row in rows(module) {
            if let Some(value) = row.instead.and_then(|name| environment.get(name)) {
                given.entry(row.key.to_owned()).or_insert_with(|| value.to_owned());
            }
        }
        Ok(Self { module, given: Arc::new(given), file, proxies: proxies::variables(environment) })
    }

    /// Forgets a value that cannot be used, so that others can be checked. Where a missing one is the problem, those that
    /// need it are forgotten. False where there is nothing to forget.
    pub(super) fn leave_out(&mut self, problem: &SettingsError) -> bool {
        let name = problem.name();
        if self.proxies.remove(name).is_some() {
            return true;
        }
        let given = Arc::make_mut(&mut self.given);
        let before = given.len();
        given.retain(|key, _| variable(key) != name);
        if given.len() == before
            && let Some((section, _)) = name.rsplit_once("__")
        {
            given.retain(|key, _| !variable(key).starts_with(&format!("{section}__")));
        }
        given.len() < before
    }

    pub(super) fn proxies(&self) -> &Variables {
        &self.proxies
    }

    /// Whether the user set it.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.given.contains_key(key)
    }

    /// The value given, else the row's default; nothing where that is empty.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        let default = || rows(self.module).find(|row| row.key == key).map(|row| row.default);
        self.given
            .get(key)
            .map(String::as_str)
            .or_else(default)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    }

    /// The value exactly as it was given: white space may be part of a secret.
    pub(super) fn verbatim(&self, key: &str) -> Option<&str> {
        self.given.get(key).map(String::as_str).filter(|text| !text.trim().is_empty())
    }

    /// Comma-separated values; `off` stands for none.
    pub(super) fn list(&self, key: &str) -> Vec<String> {
        match self.text(key) {
            None | Some("off") => Vec::new(),
            Some(text) => {
                text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
            }
        }
    }

    fn parsed<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Option<T>,
        kind: &str,
    ) -> Result<T, SettingsError> {
        let text = self.text(key).unwrap_or_default();
        parse(text).ok_or_else(|| SettingsError::value(key, format!("`{text}` is not {kind}")))
    }

    pub(super) fn address(&self, key: &str) -> Result<SocketAddr, SettingsError> {
        self.parsed(key, |text| text.parse().ok(), "an address with a port such as 0.0.0.0:9090")
    }

    pub(super) fn flag(&self, key: &str) -> Result<bool, SettingsError> {
        self.parsed(key, yes_or_no, "`true` or `false`")
    }

    pub(super) fn integer<T>(&self, key: &str, least: T, most: T) -> Result<T, SettingsError>
    where
        T: FromStr + PartialOrd + Copy + fmt::Display,
    {
        let in_range = |number: &T| *number >= least && *number <= most;
        let kind = format!("a whole number from {least} to {most}");
        self.parsed(key, |text| text.parse().ok().filter(in_range), &kind)
    }

    /// A time in which something has to be done: nothing can be done in none.
    pub(super) fn patience(&self, key: &str) -> Result<Duration, SettingsError> {
        let duration = self.duration(key)?;
        if duration.is_zero() {
            return Err(SettingsError::value(key, "no time at all is too little"));
        }
        Ok(duration)
    }

    pub(super) fn duration(&self, key: &str) -> Result<Duration, SettingsError> {
        let parse = |text: &str| {
            let span: jiff::SignedDuration = text.parse().ok()?;
            Duration::try_from(span).ok().filter(|duration| *duration <= Duration::from_secs(86_400))
        };
        self.parsed(key, parse, "a time of at most a day such as 250ms, 15s or 5m")
    }

    pub(super) fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<T, SettingsError> {
        let names = choices.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let parse = |text: &str| choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice);
        self.parsed(key, parse, &format!("one of {names}"))
    }
}

pub(super) fn rows(module: &'static Module) -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().chain(module.settings)
}

/// Where it is and what it is, in one line. Lines of the file are left out: they may hold a secret.
fn file_problem(error: &ConfigError) -> String {
    let text = match error {
        ConfigError::FileParse { cause, .. } => cause.to_string(),
        other => other.to_string(),
    };
    let is_of_file = |line: &str| {
        line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start().starts_with('|')
    };
    let said: Vec<&str> = text
        .lines()
        .filter(|line| !is_of_file(line))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    sanitized(&said.join(": "), 300)
}

/// Turns nested tables into dotted keys, and lists into comma-separated texts.
fn flatten(prefix: &str, value: Value, into: &mut BTreeMap<String, String>) {
    match value.kind {
        ValueKind::Table(table) => {
            for (key, value) in table {
                let key = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
                flatten(&key, value, into);
            }
        }
        ValueKind::Array(items) => {
            let items: Vec<String> = items.into_iter().filter_map(|item| item.into_string().ok()).collect();
            into.insert(prefix.to_owned(), items.join(","));
        }
        ValueKind::Nil => {}
        other => {
            into.insert(prefix.to_owned(), other.to_string());
        }
    }
}
