//! The HTTP clients of a process: connection pool, TLS roots, and defaults.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::ACCEPT_ENCODING;
use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder, NoProxy, Proxy};

use super::body::ENCODINGS;
use super::resolver::Resolver;
use crate::heavy;
use crate::module::Module;
use crate::settings::{ProviderSettings, ProxySettings, SettingsError};

/// Idle connections kept per host: enough for a burst of requests, bounded in memory.
const IDLE_PER_HOST: usize = 256;
/// How long they are kept: an analyst asks again within a minute or two.
const IDLE: Duration = Duration::from_secs(90);
/// How long those of large requests are kept, which come rarely and open hundreds.
const IDLE_FOR_LARGE: Duration = Duration::from_secs(30);

/// How it is found out that an HTTP/2 connection is dead though its bytes are acknowledged: all calls of a host share
/// one connection, and each would wait for it until its time is up.
#[derive(Clone, Copy)]
struct Liveness {
    /// While calls wait, the other end is asked to answer when nothing came from it for so long.
    ask_after: Duration,
    /// It has so long to answer.
    answer_within: Duration,
}

const LIVENESS: Liveness =
    Liveness { ask_after: Duration::from_secs(10), answer_within: Duration::from_secs(5) };

/// The clients that all outgoing calls of a relay share.
#[derive(Clone)]
pub(crate) struct HttpClients {
    /// For calls.
    pooled: reqwest::Client,
    /// For calls of large requests: these connections run on the threads of large requests.
    pooled_for_large: reqwest::Client,
    /// For a call that a pooled connection refused: each has a connection of its own.
    pub(crate) unpooled: reqwest::Client,
    /// What stands between these and other hosts.
    pub(crate) proxies: Arc<ProxySettings>,
}

impl HttpClients {
    /// Builds the clients.
    ///
    /// # Errors
    /// The file of further certificate authorities cannot be used.
    pub(crate) fn new(module: &Module, settings: &ProviderSettings) -> Result<Self, SettingsError> {
        Self::with(module, settings, LIVENESS)
    }

    /// Without settings, for tests of what calls by itself.
    #[cfg(any(test, feature = "testing"))]
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub(crate) fn for_tests() -> Self {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self {
            pooled: client.clone(),
            pooled_for_large: client.clone(),
            unpooled: client,
            proxies: Arc::default(),
        }
    }

    /// The client for calls from this thread.
    pub(crate) fn pooled(&self) -> &reqwest::Client {
        if heavy::is_for_large_requests() { &self.pooled_for_large } else { &self.pooled }
    }

    /// A client as for calls, that keeps what is known of a connection's certificate.
    ///
    /// # Errors
    /// As [`HttpClients::new`].
    pub(crate) fn inspecting(
        module: &Module,
        settings: &ProviderSettings,
    ) -> Result<reqwest::Client, SettingsError> {
        let authorities = settings.ca_file.as_deref().map(authorities).transpose()?.unwrap_or_default();
        let (resolver, proxies) = (Arc::new(Resolver::new()), proxies(&settings.proxies)?);
        built(|| builder(module, settings, LIVENESS, &resolver, &proxies).tls_info(true), &authorities)
    }

    fn with(module: &Module, settings: &ProviderSettings, liveness: Liveness) -> Result<Self, SettingsError> {
        let authorities = settings.ca_file.as_deref().map(authorities).transpose()?.unwrap_or_default();
        // One for all clients: what asks for a name waits for who asks already.
        let resolver = Arc::new(Resolver::new());
        let proxies = proxies(&settings.proxies)?;
        let build = |idle: usize, idle_timeout: Duration| {
            let make = || {
                builder(module, settings, liveness, &resolver, &proxies)
                    .pool_max_idle_per_host(idle)
                    .pool_idle_timeout(idle_timeout)
            };
            built(make, &authorities)
        };
        Ok(Self {
            pooled: build(IDLE_PER_HOST, IDLE)?,
            pooled_for_large: build(IDLE_PER_HOST, IDLE_FOR_LARGE)?,
            unpooled: build(0, IDLE)?,
            proxies: Arc::new(settings.proxies.clone()),
        })
    }
}

fn builder(
    module: &Module,
    settings: &ProviderSettings,
    liveness: Liveness,
    resolver: &Arc<Resolver>,
    proxies: &[Proxy],
) -> ClientBuilder {
    let direct = reqwest::Client::builder().no_proxy();
    proxies
        .iter()
        .cloned()
        .fold(direct, ClientBuilder::proxy)
        .user_agent(module.user_agent())
        .connect_timeout(settings.connect_timeout)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(liveness.ask_after)
        .http2_keep_alive_timeout(liveness.answer_within)
        .dns_resolver(Arc::clone(resolver))
        // Whether a call is made again is decided in one place, by what it may do twice.
        .retry(reqwest::retry::never())
        .referer(false)
        // Answers are unpacked where their memory is counted.
        .no_gzip()
        .no_brotli()
        .default_headers([(ACCEPT_ENCODING, ENCODINGS)].into_iter().collect())
        // A redirect would carry the call, and perhaps its credentials, to a host nobody chose.
        .redirect(Policy::none())
}

fn built(
    builder: impl Fn() -> ClientBuilder,
    authorities: &[Certificate],
) -> Result<reqwest::Client, SettingsError> {
    builder().tls_certs_merge(authorities.to_vec()).build().or_else(|error| {
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

/// The proxies in reqwest's form.
fn proxies(settings: &ProxySettings) -> Result<Vec<Proxy>, SettingsError> {
    let except = settings.except.as_deref().and_then(NoProxy::from_string);
    let https = settings.https.as_ref().map(|proxy| (proxy, Proxy::https(proxy.url())));
    let http = settings.http.as_ref().map(|proxy| (proxy, Proxy::http(proxy.url())));
    let usable = |(proxy, made): (&_, reqwest::Result<Proxy>)| match made {
        Ok(made) => Ok(made.no_proxy(except.clone())),
        Err(_) => Err(ProxySettings::unusable(proxy)),
    };
    https.into_iter().chain(http).map(usable).collect()
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, SettingsError> {
    let problem =
        |what: String| SettingsError::value("provider.ca_file", format!("{}: {what}", path.display()));
    let pem = std::fs::read(path).map_err(|error| problem(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| problem(error.to_string()))?;
    if found.is_empty() { Err(problem("holds no certificate".to_owned())) } else { Ok(found) }
}

#[cfg(test)]
mod tests;
