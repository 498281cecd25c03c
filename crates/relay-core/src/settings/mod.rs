//! Settings: defaults, then an optional file, then the environment. The only module that reads the environment.
//!
//! Every setting is one row of [`SETTINGS`] (or of a relay's [`Module::settings`]): the parser, `--help`, the tables of
//! the documentation and the warning about unknown names all read those rows. A value that cannot be used stops the start with one
//! line that names the setting.

mod clock;
mod connections;
mod environment;
mod forms;
mod load;
mod problems;
mod provider;
mod proxies;
mod recording;
mod shared;
mod table;
mod unknown;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

pub use clock::Clock;
pub use connections::ConnectionSettings;
pub use environment::Environment;
pub use load::Loaded;
pub use provider::ProviderSettings;
pub use proxies::ProxySettings;
pub use recording::RecordSettings;
pub use shared::SharedSettings;
pub use table::{listing, markdown};

pub use crate::module::Setting;
use crate::module::{Module, variable};
use load::Values;

/// The settings that every relay has. A relay's provider adds its own, all under `provider.`.
pub const SETTINGS: &[Setting] = &[
    Setting::new("listen", "0.0.0.0:9090", "platform-facing listener"),
    Setting::new("admin_listen", "0.0.0.0:9091", "listener of probes and metrics, or `off`"),
    Setting::new("workers", "", "threads that serve connections").default_in_words("one per core"),
    Setting::new(
        "trust_proxy",
        "false",
        "take scheme and host of requests from `X-Forwarded-Proto` and `-Host`",
    ),
    Setting::new("max_body", "1048576", "largest request body in bytes"),
    Setting::new(
        "answer_memory",
        "134217728",
        "memory for all provider answers being read or mapped, in bytes. An answer counts five times its \
         size until the platform request is answered",
    ),
    Setting::new("entities_limit", "100", "entities per observable, 1 to 1000, unless the token has a limit")
        .or_from("CTR_ENTITIES_LIMIT"),
    Setting::new("tiles", "true", "serve dashboard tiles"),
    Setting::new(
        "health_quotas",
        "false",
        "report the account's quotas in health answers, where the provider says them",
    ),
    Setting::new(
        "deadline",
        "25s",
        "time limit of a request; results found by then are returned. Beside many others it has up to a \
         sixth less, so that they do not all end together",
    ),
    Setting::new(
        "max_requests",
        "256",
        "platform requests at work; of one tenant at most a quarter while others wait. What is more is \
         answered 503 at once; health is always answered",
    ),
    Setting::new(
        "max_observables",
        "1000",
        "observables of a request that are looked up; a warning says how many were not",
    ),
    Setting::new(
        "max_entities",
        "10000",
        "entities of an answer, shared fairly among its observables; a warning says how many were left \
         out",
    ),
    Setting::new("max_connections", "1000", "connections served at once; further ones wait"),
    Setting::new(
        "body_memory",
        "67108864",
        "bytes of request bodies being received, all connections together",
    ),
    Setting::new("body_timeout", "10s", "time for a client to send a request's head, and its body"),
    Setting::new("write_timeout", "30s", "time for a client to take any part of an answer"),
    Setting::new(
        "write_memory",
        "67108864",
        "bytes of answers waiting to be taken, all connections together",
    ),
    Setting::new("keep_alive", "75s", "how long a connection may wait for its next request"),
    Setting::new("drain_delay", "5s", "time after SIGTERM in which connections and requests are still taken"),
    Setting::new("auth.secret_key", "", "secret of HS256 tokens; without one they are refused")
        .or_from("SECRET_KEY"),
    Setting::new("auth.secret_key_file", "", "file that holds this secret"),
    Setting::new(
        "auth.jwks_hosts",
        "visibility.amp.cisco.com,visibility.eu.amp.cisco.com,visibility.apjc.amp.cisco.com",
        "hosts, or origins such as `http://127.0.0.1:7000`, whose keys may sign RS256 tokens, \
         comma-separated; `off` refuses them",
    )
    .default_in_words("the platform's three regions"),
    Setting::new("auth.audience", "", "accepted audiences, comma-separated: scheme and host of this relay, such as `https://xforce.relays.example`, without \
         quotes or a path")
        .default_in_words("scheme and host of the request"),
    Setting::new("provider.connect_timeout", "5s", "time to open a connection to the provider"),
    Setting::new("provider.read_timeout", "15s", "time for one provider call"),
    Setting::new(
        "provider.max_concurrency",
        "16",
        "provider calls in flight per credential; response actions and health checks have two more",
    ),
    Setting::new(
        "provider.retries",
        "2",
        "retries on 429, 502, 503, 504 and connection errors; together at most a fifth of a tenant's \
         calls, or 3 a second",
    ),
    Setting::new(
        "provider.max_answer",
        "8388608",
        "largest provider answer in bytes, unpacked; twice that for whole listings",
    ),
    Setting::new(
        "provider.ca_file",
        "",
        "additional certificate authorities (PEM); `SSL_CERT_FILE` works too",
    ),
    Setting::new(
        "cache.ttl",
        "60s",
        "how long provider answers are reused for the same credentials; `0s` disables",
    ),
    Setting::new("cache.entries", "10000", "provider answers kept"),
    Setting::new(
        "shared.url",
        "",
        "Valkey or Redis that all replicas of the relay share, such as `redis://store:6379/0` or \
         `rediss://…`",
    )
    .default_in_words("none: in memory"),
    Setting::new("shared.password_file", "", "file with its password, which may stand in the URL too"),
    Setting::new(
        "shared.key",
        "",
        "at least 32 bytes, the same for all replicas: names and seals what is in the store",
    )
    .default_in_words("none; needed with a store"),
    Setting::new("shared.key_file", "", "file that holds this key"),
    Setting::new("shared.ca_file", "", "certificate authorities (PEM) of a `rediss` store")
        .default_in_words("the system's"),
    Setting::new("shared.timeout", "100ms", "time for one exchange with the store"),
    Setting::new(
        "record",
        "",
        "folder to which provider calls and their answers are written, without credentials, for support and for \
         `relayctl replay`",
    )
    .default_in_words("none: nothing is recorded"),
    Setting::new(
        "record_redact_values",
        "false",
        "replace the observables of requests in recordings too",
    ),
    Setting::new("log", "info", "env_logger filter, such as `info` or `info,hyper=warn`"),
    Setting::new("log_format", "text", "`text` or `json` (errors that stop the start too)"),
    Setting::new(
        "log_queue",
        "8192",
        "log lines that may wait for a slow reader; further ones are dropped and counted",
    ),
];

/// Typed settings of one relay.
#[derive(Debug)]
pub struct Settings {
    /// Platform-facing listener.
    pub listen: SocketAddr,
    /// Listener for probes and metrics, if any.
    pub admin_listen: Option<SocketAddr>,
    /// Threads that serve connections.
    pub workers: usize,
    /// Whether `X-Forwarded-Proto` and `X-Forwarded-Host` are believed.
    pub trust_proxy: bool,
    /// Largest request body in bytes.
    pub max_body: usize,
    /// Memory for provider answers that are being read or mapped, in bytes.
    pub answer_memory: usize,
    /// Entities limit where the token does not say.
    pub entities_limit: usize,
    /// Whether health answers report quotas.
    pub health_quotas: bool,
    /// Whether tiles are served.
    pub tiles: bool,
    /// Time for a whole platform request.
    pub deadline: Duration,
    /// Platform requests at work.
    pub max_requests: usize,
    /// Observables of a request that are looked up.
    pub max_observables: usize,
    /// Entities of an answer.
    pub max_entities: usize,
    /// What connections may cost.
    pub connections: ConnectionSettings,
    /// Which tokens are accepted.
    pub auth: AuthSettings,
    /// How the provider is called.
    pub provider: ProviderSettings,
    /// How long a provider answer is reused.
    pub cache_ttl: Duration,
    /// How many provider answers are kept.
    pub cache_entries: u64,
    /// The store that several replicas share.
    pub shared: Option<SharedSettings>,
    /// Where provider calls are recorded, if they are.
    pub record: Option<RecordSettings>,
    /// Log filter in `env_logger`'s language.
    pub log: String,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// How many log lines may wait to be written.
    pub log_queue: usize,
    /// A fixed time instead of the clock; tests only.
    pub clock: Clock,
}

/// Which tokens are accepted.
#[derive(Debug)]
pub struct AuthSettings {
    /// Shared secret of HS256 tokens.
    pub secret_key: Option<SecretString>,
    /// Origins whose keys may sign RS256 tokens.
    pub jwks_hosts: Vec<String>,
    /// Accepted audiences; empty: scheme and host of the request.
    pub audience: Vec<String>,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// A setting that cannot be used; the message names it.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The value is not of the setting's kind.
    #[error("{name}: {problem}")]
    Value {
        /// Environment variable of the setting.
        name: String,
        /// What is wrong with it, without a secret.
        problem: String,
    },
    /// The file of settings cannot be read.
    #[error("RELAY_CONFIG: {path} cannot be used: {problem}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it, without its text.
        problem: String,
    },
}

/// All settings that cannot be used.
#[derive(Debug)]
pub(crate) struct WrongSettings(pub(crate) Vec<SettingsError>);

impl fmt::Display for WrongSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("; "))
    }
}

impl std::error::Error for WrongSettings {}

impl SettingsError {
    /// A value that cannot be used. `key` is the setting's name, such as `provider.api_url`.
    pub fn value(key: &str, problem: impl Into<String>) -> Self {
        Self::Value { name: variable(key), problem: problem.into() }
    }

    /// The variable that is wrong.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Value { name, .. } => name,
            Self::File { .. } => "RELAY_CONFIG",
        }
    }
}

impl Settings {
    /// Reads the settings for a relay.
    ///
    /// # Errors
    /// The file cannot be read, or a value is not of its setting's kind.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "nobody needs the variables, secrets among them, afterwards"
    )]
    pub fn load(module: &'static Module, environment: Environment) -> Result<Loaded, SettingsError> {
        let values = Values::load(module, &environment)?;
        Ok(Loaded { settings: Self::of(&values)?, warnings: values.unknown(&environment) })
    }

    /// The typed settings.
    fn of(values: &Values) -> Result<Self, SettingsError> {
        Ok(Self {
            listen: values.address("listen")?,
            admin_listen: match values.text("admin_listen") {
                None | Some("off") => None,
                Some(_) => Some(values.address("admin_listen")?),
            },
            workers: match values.text("workers") {
                None => std::thread::available_parallelism().map_or(1, usize::from),
                Some(_) => values.integer("workers", 1, 1024)?,
            },
            trust_proxy: values.flag("trust_proxy")?,
            max_body: values.integer("max_body", 1, 1 << 30)?,
            answer_memory: values.integer("answer_memory", 65_536, 1 << 40)?,
            entities_limit: values.integer("entities_limit", 1, 1000)?,
            tiles: values.flag("tiles")?,
            health_quotas: values.flag("health_quotas")?,
            deadline: values.patience("deadline")?,
            connections: ConnectionSettings::new(values)?,
            auth: AuthSettings {
                secret_key: secret(values, "auth.secret_key")?,
                jwks_hosts: values.list("auth.jwks_hosts"),
                audience: forms::audience(values)?,
            },
            cache_ttl: values.duration("cache.ttl")?,
            cache_entries: values.integer("cache.entries", 0, 10_000_000)?,
            shared: SharedSettings::new(values)?,
            record: RecordSettings::new(values)?,
            log: forms::log_filter(values)?,
            log_format: match values.text("log_format") {
                None | Some("text") => LogFormat::Text,
                Some("json") => LogFormat::Json,
                Some(other) => {
                    return Err(SettingsError::value(
                        "log_format",
                        format!("`{other}` is neither `text` nor `json`"),
                    ));
                }
            },
            log_queue: values.integer("log_queue", 1, 1_000_000)?,
            max_requests: values.integer("max_requests", 1, 1_000_000)?,
            max_observables: values.integer("max_observables", 1, 1_000_000)?,
            max_entities: values.integer("max_entities", 1, 1_000_000)?,
            clock: Clock::System,
            provider: ProviderSettings::new(values.clone())?,
        })
    }
}

/// A secret from the file that `<key>_file` names, else from the setting itself.
fn secret(values: &Values, key: &str) -> Result<Option<SecretString>, SettingsError> {
    match secret_file(values, &format!("{key}_file"))? {
        Some(secret) => Ok(Some(secret)),
        None => Ok(values.verbatim(key).map(SecretString::from)),
    }
}

/// A secret from the file that a setting names.
fn secret_file(values: &Values, key: &str) -> Result<Option<SecretString>, SettingsError> {
    let Some(path) = values.text(key).map(PathBuf::from) else { return Ok(None) };
    let secret = std::fs::read_to_string(&path)
        .map_err(|error| SettingsError::value(key, format!("cannot read {}: {error}", path.display())))?;
    let secret = secret.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(SettingsError::value(key, format!("{} is empty", path.display())));
    }
    Ok(Some(SecretString::from(secret)))
}

#[cfg(test)]
mod tests;
