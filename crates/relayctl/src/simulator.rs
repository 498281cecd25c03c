//! A client of the simulator's control API.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use url::Url;

use crate::client;
use crate::relays::Known;

/// A running simulator, in this process or elsewhere.
pub(crate) struct Simulator {
    http: reqwest::Client,
    called_at: Url,
    /// The simulator as the relays reach it: the host of the platform's keys.
    jwks_host: String,
}

/// The numbers of the calls to a provider; the simulator drops the oldest beyond a limit.
pub(crate) struct Calls(Vec<u64>);

impl Calls {
    /// The number of calls since `before`.
    pub(crate) fn since(&self, before: &Self) -> usize {
        let last = before.0.iter().max();
        self.0.iter().filter(|number| Some(*number) > last).count()
    }
}

impl Simulator {
    /// The simulator at this address.
    ///
    /// # Errors
    /// The URL is `https` and the system has no certificate authorities.
    pub(crate) fn new(called_at: Url, jwks_host: String) -> anyhow::Result<Self> {
        Ok(Self { http: client::http(&called_at, Duration::from_secs(10))?, called_at, jwks_host })
    }

    /// A token for this relay at this address, signed as by the platform, with credentials that the simulated provider
    /// accepts.
    ///
    /// # Errors
    /// The simulator does not respond.
    pub(crate) async fn token(&self, relay: &Known, audience: &Url) -> anyhow::Result<String> {
        #[derive(Deserialize)]
        struct Signed {
            token: String,
        }
        let credentials = relay.claims.iter().map(|(name, value)| (*name, *value));
        let audience = audience.as_str().trim_end_matches('/');
        let registered = [("aud", audience), ("jwks_host", self.jwks_host.as_str())];
        let claims: Map<String, Value> =
            credentials.chain(registered).map(|(name, value)| (name.to_owned(), json!(value))).collect();
        let url = self.control("token");
        let place = url.to_string();
        let answer = client::post(&self.http, url, None, serde_json::to_string(&claims)?).await?;
        Ok(read::<Signed>(&place, answer)?.token)
    }

    /// The calls to this provider so far.
    ///
    /// # Errors
    /// The simulator does not respond.
    pub(crate) async fn calls_to(&self, provider: &str) -> anyhow::Result<Calls> {
        #[derive(Deserialize)]
        struct Seen {
            calls: Vec<Call>,
        }
        #[derive(Deserialize)]
        struct Call {
            number: u64,
        }
        let mut url = self.control("calls");
        url.query_pairs_mut().append_pair("provider", provider);
        let place = url.to_string();
        let seen: Seen = read(&place, client::get(&self.http, url).await?)?;
        Ok(Calls(seen.calls.into_iter().map(|call| call.number).collect()))
    }

    fn control(&self, call: &str) -> Url {
        let mut url = self.called_at.clone();
        url.set_path(&format!("{}/_control/{call}", self.called_at.path().trim_end_matches('/')));
        url
    }
}

fn read<T: DeserializeOwned>(place: &str, (status, body): (u16, Vec<u8>)) -> anyhow::Result<T> {
    ensure!(status == 200, "{place} answered with status {status}, so it is not the simulator");
    serde_json::from_slice(&body)
        .with_context(|| format!("the response of {place} is not one of the simulator"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_after_the_oldest_were_dropped() {
        let (before, after) = (Calls(vec![1, 2, 5]), Calls(vec![5, 8, 9]));
        assert_eq!(after.since(&before), 2);
        assert_eq!(after.since(&Calls(Vec::new())), 3);
        assert_eq!(before.since(&before), 0);
    }
}
