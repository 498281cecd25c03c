//! DNS resolutions.

use compact_str::CompactString;
use relay_core::lenient;
use serde::Deserialize;

/// `GET /resolve/{name or address}`.
#[derive(Debug, Default, Deserialize)]
pub struct Resolve {
    /// Addresses that the name resolves to now.
    #[serde(default, rename = "A", deserialize_with = "lenient::list")]
    pub a: Vec<String>,
    /// IPv6 addresses that the name resolves to now.
    #[serde(default, rename = "AAAA", deserialize_with = "lenient::list")]
    pub aaaa: Vec<String>,
    /// Names of the address now.
    #[serde(default, rename = "RDNS", deserialize_with = "lenient::list")]
    pub rdns: Vec<String>,
    /// What was seen in the past.
    #[serde(default, rename = "Passive", deserialize_with = "lenient::field")]
    pub passive: Option<Passive>,
}

/// Passive DNS.
#[derive(Debug, Default, Deserialize)]
pub struct Passive {
    /// One record per time it was observed.
    #[serde(default, deserialize_with = "lenient::list")]
    pub records: Vec<PassiveRecord>,
}

/// One observation.
#[derive(Debug, Default, Deserialize)]
pub struct PassiveRecord {
    /// A name or an address.
    #[serde(default, deserialize_with = "lenient::field")]
    pub value: Option<CompactString>,
    /// Type of the DNS record.
    #[serde(default, rename = "recordType", deserialize_with = "lenient::field")]
    pub record_type: Option<CompactString>,
    /// When it was first observed.
    #[serde(default, deserialize_with = "lenient::field")]
    pub first: Option<CompactString>,
    /// When it was last observed.
    #[serde(default, deserialize_with = "lenient::field")]
    pub last: Option<CompactString>,
}

lenient::object!(Resolve, Passive, PassiveRecord);
