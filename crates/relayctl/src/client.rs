//! One HTTP call to a relay.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use relay_core::endpoint::Endpoint;
use url::{Host, Url};

/// Largest response that is read, in bytes.
const MAX_ANSWER: usize = 64 << 20;

/// A client for relays at this URL.
///
/// It follows no redirects, which could send the token to another host, and bypasses proxies for this machine.
///
/// # Errors
/// The URL is `https` and the system has no certificate authorities.
pub(crate) fn http(url: &Url, timeout: Duration) -> reqwest::Result<reqwest::Client> {
    builder(url, timeout).build()
}

/// The same client, not built yet.
pub(crate) fn builder(url: &Url, timeout: Duration) -> reqwest::ClientBuilder {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .timeout(timeout);
    if is_local(url) {
        builder = builder.no_proxy();
    }
    if url.scheme() == "http" {
        // Nothing to verify, so this works without certificate authorities too.
        builder = builder.tls_certs_only([]);
    }
    builder
}

/// Whether a URL points to this machine.
pub(crate) fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The URL of an endpoint below a relay's URL.
pub(crate) fn endpoint_url(relay: &Url, endpoint: Endpoint) -> Url {
    let mut url = relay.clone();
    url.set_path(&format!("{}{}", relay.path().trim_end_matches('/'), endpoint.path));
    url
}

/// Parses the URL of a relay.
///
/// # Errors
/// It is not an absolute `http` or `https` URL of a host alone or with a path.
pub(crate) fn relay_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{error}; write it like https://relay.example"))?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if plain { Ok(url) } else { Err("write it like https://relay.example".to_owned()) }
}

/// Status and body of a POST.
///
/// # Errors
/// There is no response, or it is too large.
pub(crate) async fn post(
    http: &reqwest::Client,
    url: Url,
    token: Option<&str>,
    body: String,
) -> anyhow::Result<(u16, Vec<u8>)> {
    let place = url.to_string();
    let mut request = http.post(url).header("content-type", "application/json").body(body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    answered(&place, request).await
}

/// Status and body of a GET.
///
/// # Errors
/// As of [`post`].
pub(crate) async fn get(http: &reqwest::Client, url: Url) -> anyhow::Result<(u16, Vec<u8>)> {
    let place = url.to_string();
    answered(&place, http.get(url)).await
}

async fn answered(place: &str, request: reqwest::RequestBuilder) -> anyhow::Result<(u16, Vec<u8>)> {
    // The context already contains the URL.
    let answer = request.send().await.map_err(reqwest::Error::without_url);
    let mut response = answer.with_context(|| format!("{place} does not respond"))?;
    let status = response.status().as_u16();
    let mut bytes = Vec::new();
    while let Some(chunk) =
        response.chunk().await.with_context(|| format!("{place} closed the connection early"))?
    {
        ensure!(bytes.len() + chunk.len() <= MAX_ANSWER, "the response of {place} is larger than 64 MiB");
        bytes.extend_from_slice(&chunk);
    }
    Ok((status, bytes))
}
