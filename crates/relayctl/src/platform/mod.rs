//! The platform's API for registration: its regions, credentials, records. Nothing secret is ever part of an error.

pub(crate) mod diff;
mod secrets;

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::client;
use crate::ui::harmless;
pub(crate) use secrets::Secrets;

/// A region of the platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Region {
    /// North America
    #[default]
    #[value(aliases = ["nam", "na"])]
    Us,
    /// Europe
    Eu,
    /// Asia, Pacific, Japan, China
    Apjc,
}

impl Region {
    /// The host of its API, which also publishes its keys.
    pub(crate) fn host(self) -> &'static str {
        match self {
            Self::Us => "visibility.amp.cisco.com",
            Self::Eu => "visibility.eu.amp.cisco.com",
            Self::Apjc => "visibility.apjc.amp.cisco.com",
        }
    }
}

/// Which platform is called, and as whom.
#[derive(Debug, Args)]
pub(crate) struct Access {
    /// The platform's region
    #[arg(long, value_enum, default_value_t)]
    pub(crate) region: Region,

    /// URL of the platform's API instead of a region's: https, or http on this machine
    #[arg(long, value_name = "URL", env = "XDR_PLATFORM", value_parser = platform_url)]
    pub(crate) platform: Option<Url>,

    /// File with `XDR_CLIENT_ID=…` and `XDR_CLIENT_PASSWORD=…` that only its owner can read. Otherwise the variables of
    /// these names are read
    #[arg(long, value_name = "FILE")]
    credentials: Option<std::path::PathBuf>,
}

fn platform_url(text: &str) -> Result<Url, String> {
    let url = client::relay_url(text)?;
    if url.scheme() == "https" || client::is_local(&url) {
        Ok(url)
    } else {
        Err("the password would be sent unencrypted; use https".to_owned())
    }
}

/// The platform as a client of an organization sees it.
pub(crate) struct Platform {
    base: Url,
    http: reqwest::Client,
    secrets: Secrets,
    token: Option<String>,
}

/// The records that registration is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Records {
    /// Module types.
    Types,
    /// Module instances.
    Instances,
}

impl Records {
    fn path(self) -> &'static str {
        match self {
            Self::Types => "iroh/iroh-int/module-type",
            Self::Instances => "iroh/iroh-int/module-instance",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Types => "module type",
            Self::Instances => "module instance",
        }
    }
}

/// An answer of the platform that is no success. Its text has nothing secret.
#[derive(Debug)]
pub(crate) struct Refused {
    status: StatusCode,
    words: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for Refused {}

/// How many records are asked for at a time.
const PAGE: usize = 100;
/// How many pages: no organization has as many.
const PAGES: usize = 100;
const TIMEOUT: Duration = Duration::from_secs(60);
/// The longest pause that is waited for when the platform asks for one.
const PATIENCE: Duration = Duration::from_secs(10);

impl Platform {
    /// With the credentials of the environment or the file.
    ///
    /// # Errors
    /// There are none, or others can read the file.
    pub(crate) fn new(access: &Access) -> anyhow::Result<Self> {
        let base = match &access.platform {
            Some(url) => url.clone(),
            None => Url::parse(&format!("https://{}", access.region.host()))?,
        };
        let secrets = Secrets::read(access.credentials.as_deref())?;
        Ok(Self { http: client::http(&base, TIMEOUT)?, base, secrets, token: None })
    }

    /// Also keeps this out of everything that is printed.
    pub(crate) fn hide(&mut self, secret: &str) {
        self.secrets.hide(secret);
    }

    /// A text from the platform, safe to show.
    pub(crate) fn shown(&self, text: &str) -> String {
        self.secrets.without(&harmless(text))
    }

    /// All records, those of the platform included. `query` narrows them.
    ///
    /// # Errors
    /// The platform refuses, or does not answer in its form.
    pub(crate) async fn list(
        &mut self,
        records: Records,
        query: &[(&str, &str)],
    ) -> anyhow::Result<Vec<Value>> {
        let mut all = Vec::new();
        for page in 0..PAGES {
            let mut url = self.url(records.path());
            url.query_pairs_mut()
                .extend_pairs(query)
                .append_pair("limit", &PAGE.to_string())
                .append_pair("offset", &(page * PAGE).to_string());
            let Value::Array(page) = self.call(Method::GET, url, None).await? else {
                bail!("the platform's list of {}s is not a list", records.noun());
            };
            let last = page.len() < PAGE;
            all.extend(page);
            if last {
                return Ok(all);
            }
        }
        bail!("the platform lists more than {} {}s", PAGE * PAGES, records.noun())
    }

    /// One record.
    ///
    /// # Errors
    /// As [`Platform::list`].
    pub(crate) async fn get(&mut self, records: Records, id: &str) -> anyhow::Result<Value> {
        let url = self.record_url(records, id)?;
        self.call(Method::GET, url, None).await
    }

    /// Makes a record and returns its id. Never sent again after it may have arrived.
    ///
    /// # Errors
    /// As [`Platform::list`].
    pub(crate) async fn create(&mut self, records: Records, record: &Value) -> anyhow::Result<String> {
        let url = self.url(records.path());
        // A refusal says that nothing was made.
        let made = self.send(&Method::POST, &url, Some(record)).await.with_context(|| {
            format!("the {} may have been made all the same: look before you try again", records.noun())
        })??;
        let id = made["id"].as_str().filter(|id| !id.is_empty());
        id.map(harmless)
            .with_context(|| format!("the platform did not say the id of the new {}", records.noun()))
    }

    /// Changes fields of a record.
    ///
    /// # Errors
    /// As [`Platform::list`].
    pub(crate) async fn change(&mut self, records: Records, id: &str, fields: &Value) -> anyhow::Result<()> {
        let url = self.record_url(records, id)?;
        self.call(Method::PATCH, url, Some(fields)).await.map(drop)
    }

    /// Removes a record; one that is gone already is no failure.
    ///
    /// # Errors
    /// As [`Platform::list`].
    pub(crate) async fn delete(&mut self, records: Records, id: &str) -> anyhow::Result<()> {
        let url = self.record_url(records, id)?;
        match self.send(&Method::DELETE, &url, None).await? {
            Err(refused) if refused.status != StatusCode::NOT_FOUND => Err(refused.into()),
            _ => Ok(()),
        }
    }

    /// What a module says of its health.
    ///
    /// # Errors
    /// As [`Platform::list`].
    pub(crate) async fn health(&mut self, id: &str) -> anyhow::Result<Value> {
        let url = self.below("iroh/iroh-enrich/health", id)?;
        self.call(Method::POST, url, Some(&json!({}))).await
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')));
        url
    }

    fn record_url(&self, records: Records, id: &str) -> anyhow::Result<Url> {
        self.below(records.path(), id)
    }

    fn below(&self, path: &str, id: &str) -> anyhow::Result<Url> {
        let is_id = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        ensure!(is_id, "`{}` is no id of a record", harmless(id));
        Ok(self.url(&format!("{path}/{id}")))
    }

    async fn call(&mut self, method: Method, url: Url, body: Option<&Value>) -> anyhow::Result<Value> {
        Ok(self.send(&method, &url, body).await??)
    }

    /// A token that has ended is replaced once; a refusal for lack of room is waited for, if it is short.
    async fn send(
        &mut self,
        method: &Method,
        url: &Url,
        body: Option<&Value>,
    ) -> anyhow::Result<Result<Value, Refused>> {
        let (mut renewed, mut waited) = (false, false);
        loop {
            let token = match &self.token {
                Some(token) => token.clone(),
                None => self.log_in().await?,
            };
            let mut request = self.http.request(method.clone(), url.clone()).bearer_auth(&token);
            if let Some(body) = body {
                request = request.json(body);
            }
            let (status, pause, bytes) = self.receive(request).await?;
            if status == StatusCode::UNAUTHORIZED && !renewed {
                renewed = true;
                self.token = None;
                continue;
            }
            if status == StatusCode::TOO_MANY_REQUESTS
                && !waited
                && let Some(pause) = pause.as_deref().and_then(seconds).filter(|pause| *pause <= PATIENCE)
            {
                waited = true;
                tokio::time::sleep(pause).await;
                continue;
            }
            if status.is_success() {
                let answer = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
                return Ok(Ok(answer.context("the platform's answer is not JSON")?));
            }
            return Ok(Err(self.refused(status, pause.as_deref(), &bytes)));
        }
    }

    async fn log_in(&mut self) -> anyhow::Result<String> {
        let url = self.url("iroh/oauth2/token");
        let request = self
            .http
            .post(url)
            .basic_auth(self.secrets.id(), Some(self.secrets.password()))
            .header("accept", "application/json")
            .form(&[("grant_type", "client_credentials")]);
        let (status, pause, bytes) = self.receive(request).await?;
        if !status.is_success() {
            return Err(self.refused(status, pause.as_deref(), &bytes)).context("cannot get a token");
        }
        let answer: Value = serde_json::from_slice(&bytes).context("the platform's answer is not JSON")?;
        let token =
            answer["access_token"].as_str().context("the platform's answer has no access_token")?.to_owned();
        self.secrets.hide(&token);
        self.token = Some(token.clone());
        Ok(token)
    }

    async fn receive(
        &self,
        request: reqwest::RequestBuilder,
    ) -> anyhow::Result<(StatusCode, Option<String>, Vec<u8>)> {
        // Errors of the client name the URL, which has no secret, and the address.
        let response = request.send().await.context("the platform does not answer")?;
        let status = response.status();
        let pause =
            response.headers().get("retry-after").and_then(|pause| pause.to_str().ok()).map(str::to_owned);
        let bytes = response.bytes().await.context("the platform's answer broke off")?;
        Ok((status, pause, bytes.to_vec()))
    }

    fn refused(&self, status: StatusCode, pause: Option<&str>, body: &[u8]) -> Refused {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let said: Vec<&str> =
            ["error", "error_description"].iter().filter_map(|name| body[*name].as_str()).collect();
        let mut words = format!("the platform refused this with status {}", status.as_u16());
        if !said.is_empty() {
            words = format!("{words}: {}", harmless(&said.join(": ")));
        }
        if let Some(pause) = pause.and_then(seconds) {
            words = format!("{words}; it answers again in {} s", pause.as_secs());
        }
        if status == StatusCode::FORBIDDEN {
            words.push_str("; the API client needs the scope Integration, and perhaps Admin");
        }
        Refused { status, words: self.secrets.without(&words) }
    }
}

/// A pause as `Retry-After` says it, with or without a unit: `3172s`.
fn seconds(text: &str) -> Option<Duration> {
    text.trim().trim_end_matches('s').parse().ok().map(Duration::from_secs)
}
