//! A relay as it is called: its addresses, its credential, and what it says of itself.

use std::time::Duration;

use anyhow::Context as _;
use relay_core::endpoint::{Endpoint, observe};
use relay_core::module::Module;
use serde::Deserialize;
use url::Url;

use crate::answer::Answer;
use crate::client;
use crate::connections::credential::Credential;
use crate::login::Login;

/// Longer than the deadline of any relay.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// A relay, with what is needed to call it.
#[derive(Clone, Debug)]
pub(crate) struct RelayClient {
    /// What the user calls it.
    pub(crate) name: String,
    /// What it is, where that is known.
    pub(crate) module: Option<&'static Module>,
    /// Its address for users, and the audience of its tokens.
    pub(crate) url: Url,
    /// Where this program calls it, which differs from its address inside a network of containers.
    pub(crate) called_at: Url,
    /// What it is called with.
    pub(crate) credential: Option<Credential>,
    /// How it logs in to the provider.
    pub(crate) login: Login,
    /// What it says of itself.
    pub(crate) about: Option<About>,
}

/// An endpoint, as `GET /` of a relay describes it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Served {
    /// Its path.
    pub(crate) path: String,
    /// The types of observables that it looks up.
    pub(crate) observable_types: Vec<String>,
}

/// What a relay says of itself on `GET /`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct About {
    /// Its provider.
    #[serde(default)]
    pub(crate) title: String,
    /// What it serves.
    pub(crate) endpoints: Vec<Served>,
}

impl RelayClient {
    /// A relay at this address.
    pub(crate) fn at(
        name: &str,
        module: Option<&'static Module>,
        url: Url,
        credential: Option<Credential>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            module,
            called_at: url.clone(),
            url,
            credential,
            login: Login::default(),
            about: None,
        }
    }

    /// Which relay it is, as far as that is known.
    pub(crate) fn kind(&self) -> &'static str {
        self.module.map_or("", |module| module.name)
    }

    /// A token for a call.
    ///
    /// # Errors
    /// It cannot be signed.
    pub(crate) fn token(&self) -> anyhow::Result<Option<String>> {
        self.credential.as_ref().map(|credential| credential.sign(&self.url)).transpose()
    }

    /// A client for calls to it.
    ///
    /// # Errors
    /// The URL is `https` and the system has no certificate authorities.
    pub(crate) fn http(&self) -> anyhow::Result<reqwest::Client> {
        Ok(client::http(&self.called_at, TIMEOUT)?)
    }

    /// Its response.
    ///
    /// # Errors
    /// There is no readable response.
    pub(crate) async fn ask(&self, endpoint: Endpoint, body: String) -> anyhow::Result<Answer> {
        self.ask_with(&self.http()?, endpoint, body).await
    }

    /// Its response to one of many requests.
    ///
    /// # Errors
    /// There is no readable response.
    pub(crate) async fn ask_with(
        &self,
        http: &reqwest::Client,
        endpoint: Endpoint,
        body: String,
    ) -> anyhow::Result<Answer> {
        let url = client::endpoint_url(&self.called_at, endpoint);
        let place = url.to_string();
        let (status, body) = client::post(http, url, self.token()?.as_deref(), body).await?;
        serde_json::from_slice(&body).with_context(|| {
            format!("{place} answered with status {status} and a body that is not the JSON of a relay")
        })
    }

    /// Asks it what its endpoints look up. One that does not say keeps the types of its kind.
    pub(crate) async fn learn(&mut self) {
        self.about = match self.http() {
            Ok(http) => self.described(&http).await.ok(),
            Err(_) => None,
        };
    }

    async fn described(&self, http: &reqwest::Client) -> anyhow::Result<About> {
        let (_, body) = client::get(http, self.called_at.clone()).await?;
        Ok(serde_json::from_slice(&body)?)
    }

    /// Its provider's name.
    pub(crate) fn title(&self) -> &str {
        let said = self.about.as_ref().map(|about| about.title.as_str()).filter(|title| !title.is_empty());
        said.or_else(|| self.module.map(|module| module.title)).unwrap_or("the provider")
    }

    /// The types of observables that an endpoint looks up; `None` where nobody says.
    pub(crate) fn types(&self, endpoint: Endpoint) -> Option<Vec<String>> {
        let said = self.about.as_ref().map(|about| {
            let served = about.endpoints.iter().find(|served| served.path == endpoint.path);
            served.map(|served| served.observable_types.clone()).unwrap_or_default()
        });
        said.or_else(|| {
            let module = self.module?;
            Some(module.observables.iter().map(|kind| kind.as_str().to_owned()).collect())
        })
    }

    /// Whether an endpoint looks up observables of this type. One that does not say is asked.
    pub(crate) fn looks_up(&self, endpoint: Endpoint, kind: &str) -> bool {
        self.types(endpoint).is_none_or(|types| types.iter().any(|one| one.eq_ignore_ascii_case(kind)))
    }

    /// Why it is not asked about a type.
    pub(crate) fn why_not(&self, kind: &str) -> String {
        let about = self.about.as_ref();
        let never =
            about.is_some_and(|about| about.endpoints.iter().all(|one| one.path != observe::ENDPOINT.path));
        if never {
            "this relay looks nothing up".to_owned()
        } else {
            format!("this relay does not look up {kind}")
        }
    }
}

/// Asks all relays at once what they look up.
pub(crate) async fn learn(relays: &mut [RelayClient]) {
    futures::future::join_all(relays.iter_mut().map(RelayClient::learn)).await;
}
