//! DNS resolutions.

use compact_str::CompactString;
use relay_core::lenient;
use serde::Deserialize;

/// `GET /resolve/{name or address}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Resolve {
    /// Addresses that the name resolves to now.
    #[serde(rename = "A", deserialize_with = "lenient::list")]
    pub a: Vec<String>,
    /// IPv6 addresses that the name resolves to now.
    #[serde(rename = "AAAA", deserialize_with = "lenient::list")]
    pub aaaa: Vec<String>,
    /// Names of the address now.
    #[serde(rename = "RDNS", deserialize_with = "lenient::list")]
    pub rdns: Vec<String>,
    /// What was seen in the past.
    #[serde(rename = "Passive", deserialize_with = "lenient::field")]
    pub passive: Option<Passive>,
}

/// Passive DNS.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Passive {
    /// One record per time it was observed.
    #[serde(deserialize_with = "lenient::list")]
    pub records: Vec<PassiveRecord>,
}

/// One observation.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PassiveRecord {
    /// A name or an address.
    #[serde(deserialize_with = "lenient::field")]
    pub value: Option<CompactString>,
    /// Type of the DNS record.
    #[serde(rename = "recordType", deserialize_with = "lenient::field")]
    pub record_type: Option<CompactString>,
    /// When it was first observed.
    #[serde(deserialize_with = "lenient::field")]
    pub first: Option<CompactString>,
    /// When it was last observed.
    #[serde(deserialize_with = "lenient::field")]
    pub last: Option<CompactString>,
}

lenient::object!(Resolve, Passive, PassiveRecord);
