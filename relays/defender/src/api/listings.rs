//! Listings of the whole tenant, which tiles count.

use relay_core::error::Error;
use relay_core::lenient::{self, List};
use relay_core::provider::Failure;
use serde::Deserialize;

use super::{ALERT_LIST, DefenderApi, failures};

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

/// An answer with alerts.
#[derive(Debug, Default, Deserialize)]
struct Listing {
    #[serde(default = "lenient::missing", deserialize_with = "lenient::field")]
    value: Option<List<ListedAlert>>,
}

lenient::object!(ListedAlert, Listing);

impl DefenderApi<'_> {
    /// The alerts made since a moment, the newest first, at most [`MOST_ALERTS`]. Not kept as an answer: it is
    /// megabytes.
    ///
    /// # Errors
    /// The call failed.
    pub async fn alerts_since(&self, start: &str) -> Result<List<ListedAlert>, Error> {
        let filter = format!("alertCreationTime ge {start}");
        let url = self.url().path("alerts").param("$filter", filter).param("$top", MOST_ALERTS);
        let request = self.get(&ALERT_LIST, url).bulk().absent(&[]);
        let listing: Result<Option<Listing>, Failure> = self.read(&ALERT_LIST, request).await;
        match listing {
            Ok(listing) => Ok(listing.and_then(|listing| listing.value).unwrap_or_default()),
            Err(failure) => Err(failures::error(&ALERT_LIST, &failure)),
        }
    }
}
