//! Who had an address, and when a value was seen.

use std::net::IpAddr;

use relay_core::lenient::{self, required};
use relay_core::observable::ip_address;
use serde::Deserialize;

use super::filled;

/// `POST /v2/entity/tracking/bulk/get/ip`.
#[derive(Debug, Deserialize)]
pub struct TrackingAnswer {
    /// The records.
    #[serde(rename = "entity_tracking_bulk_response", deserialize_with = "required")]
    pub response: Tracking,
}

/// Records about devices.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Tracking {
    /// What DHCP servers handed out.
    #[serde(deserialize_with = "lenient::list")]
    pub dhcp: Vec<Lease>,
}

/// Which machine had an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Lease {
    /// The address.
    #[serde(deserialize_with = "lenient::field")]
    pub ip: Option<String>,
    /// Code of the account that owns the network; networks of several accounts share private addresses.
    #[serde(deserialize_with = "lenient::field")]
    pub account_code: Option<String>,
    /// The machine's name.
    #[serde(deserialize_with = "lenient::field")]
    pub hostname: Option<String>,
    /// The hardware address.
    #[serde(deserialize_with = "lenient::field")]
    pub mac: Option<String>,
}

impl Lease {
    /// The address, where it is one.
    pub fn address(&self) -> Option<IpAddr> {
        ip_address(filled(self.ip.as_deref())?)
    }
}

/// `GET /v1/entity/{value}/summary` and `GET /v1/entity/{hash}/file`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SummaryAnswer {
    #[serde(deserialize_with = "lenient::field")]
    summary: Option<Summary>,
    #[serde(deserialize_with = "lenient::field")]
    file: Option<Summary>,
}

impl SummaryAnswer {
    /// What it says, of whichever kind of value.
    pub fn into_summary(self) -> Option<Summary> {
        self.summary.or(self.file)
    }
}

/// When and how often a value was seen in the network.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// The first time.
    #[serde(deserialize_with = "lenient::field")]
    pub first_seen: Option<String>,
    /// The last time.
    #[serde(deserialize_with = "lenient::field")]
    pub last_seen: Option<String>,
    /// On how many devices.
    #[serde(rename = "prevalence_count_internal", deserialize_with = "lenient::field")]
    pub prevalence: Option<i64>,
}

lenient::object!(TrackingAnswer, Tracking, Lease, SummaryAnswer, Summary);
