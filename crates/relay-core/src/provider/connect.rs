//! The one HTTP client of a process: its pool, its trust and its manners.

use std::path::Path;

use reqwest::Certificate;
use reqwest::redirect::Policy;

use crate::module::Module;
use crate::settings::{ProviderSettings, SettingsError};

/// Idle connections kept per host: enough for a burst of requests, bounded in memory.
const IDLE_PER_HOST: usize = 256;

/// Builds the client that all outgoing calls of a relay share.
///
/// # Errors
/// The file of further certificate authorities cannot be used.
pub(crate) fn http_client(
    module: &Module,
    settings: &ProviderSettings,
) -> Result<reqwest::Client, SettingsError> {
    let authorities = settings.ca_file.as_deref().map(authorities).transpose()?.unwrap_or_default();
    let builder = || {
        reqwest::Client::builder()
            .user_agent(module.user_agent())
            .connect_timeout(settings.connect_timeout)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .tcp_nodelay(true)
            .referer(false)
            // A redirect would carry the call, and perhaps its credentials, to a host nobody chose.
            .redirect(Policy::none())
    };
    builder().tls_certs_merge(authorities.clone()).build().or_else(|error| {
        if !authorities.is_empty() {
            return Err(SettingsError::value("provider.ca_file", format!("cannot be used: {error}")));
        }
        // A container without any certificate authority can still reach a provider by plain http, such as
        // the simulator; https calls say what is wrong when they are made.
        log::warn!("this system has no certificate authorities: every https call will fail");
        builder()
            .tls_certs_only([])
            .build()
            .map_err(|error| SettingsError::value("provider.ca_file", format!("no HTTP client: {error}")))
    })
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, SettingsError> {
    let problem =
        |what: String| SettingsError::value("provider.ca_file", format!("{}: {what}", path.display()));
    let pem = std::fs::read(path).map_err(|error| problem(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| problem(error.to_string()))?;
    if found.is_empty() { Err(problem("holds no certificate".to_owned())) } else { Ok(found) }
}
