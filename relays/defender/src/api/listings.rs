//! Listings of the whole tenant, which tiles count.

use relay_core::error::Error;
use relay_core::escape::UrlBuilder;
use relay_core::lenient::{self, LenientValue, List};
use relay_core::provider::Failure;
use serde::Deserialize;

use super::counts::MOST_LISTED;
use super::{ALERT_LIST, ALL_ACTIONS, ApiKind, DefenderApi, failures};
use crate::model::Collection;

/// The most alerts of one listing: half of what the API allows, about 9 MB.
pub const MOST_ALERTS: usize = 5000;

/// An alert as far as it is counted.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedAlert {
    /// When it was made.
    #[serde(default, deserialize_with = "lenient::field")]
    pub alert_creation_time: Option<String>,
    /// How bad it is.
    #[serde(default, deserialize_with = "lenient::field")]
    pub severity: Option<String>,
    /// What it is about.
    #[serde(default, deserialize_with = "lenient::field")]
    pub category: Option<String>,
    /// `New`, `InProgress` or `Resolved`.
    #[serde(default, deserialize_with = "lenient::field")]
    pub status: Option<String>,
    /// Who works on it.
    #[serde(default, deserialize_with = "lenient::field")]
    pub assigned_to: Option<String>,
}

/// A response action as far as it is counted.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedAction {
    /// When it was asked for.
    #[serde(default, deserialize_with = "lenient::field")]
    pub creation_date_time_utc: Option<String>,
    /// How far it is.
    #[serde(default, deserialize_with = "lenient::field")]
    pub status: Option<String>,
}

lenient::object!(ListedAlert, ListedAction);

impl DefenderApi<'_> {
    /// The alerts made since a moment, the newest first, at most [`MOST_ALERTS`]. Not kept as an answer: it is
    /// megabytes.
    ///
    /// # Errors
    /// The call failed.
    pub async fn alerts_since(&self, start: &str) -> Result<List<ListedAlert>, Error> {
        let filter = format!("alertCreationTime ge {start}");
        let url = self.url().path("alerts").param("$filter", filter).param("$top", MOST_ALERTS);
        self.listing(&ALERT_LIST, url).await.map_err(|failure| failures::error(&ALERT_LIST, &failure))
    }

    /// The response actions on all devices that were asked for since a moment, at most [`MOST_LISTED`].
    ///
    /// # Errors
    /// The call failed.
    pub async fn actions_since(&self, start: &str) -> Result<List<ListedAction>, Error> {
        let filter = format!("creationDateTimeUtc ge {start}");
        let url = self.url().path("machineactions").param("$filter", filter).param("$top", MOST_LISTED);
        self.listing(&ALL_ACTIONS, url).await.map_err(|failure| failures::error(&ALL_ACTIONS, &failure))
    }

    /// The items of a listing.
    pub(super) async fn listing<T: for<'a> LenientValue<'a>>(
        &self,
        kind: &'static ApiKind,
        url: UrlBuilder,
    ) -> Result<List<T>, Failure> {
        let request = self.get(kind, url).bulk().absent(&[]);
        let listing: Option<Collection<T>> = self.read(kind, request).await?;
        Ok(listing.map(|listing| listing.list).unwrap_or_default())
    }
}
