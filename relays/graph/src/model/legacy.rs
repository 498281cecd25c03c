//! `GET /security/alerts` (<https://learn.microsoft.com/en-us/graph/api/resources/alert>).

use relay_core::lenient::{self, LenientValue};
use serde::Deserialize;

/// An alert.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Alert {
    #[serde(deserialize_with = "super::text")]
    id: Option<String>,
    /// What it is called.
    #[serde(deserialize_with = "super::text")]
    pub title: Option<String>,
    /// What happened.
    #[serde(deserialize_with = "super::text")]
    pub description: Option<String>,
    /// One of a few words.
    #[serde(deserialize_with = "super::text")]
    pub severity: Option<String>,
    /// 0 to 100.
    #[serde(deserialize_with = "lenient::field")]
    pub confidence: Option<Percent>,
    /// When it happened.
    #[serde(deserialize_with = "super::text")]
    pub event_date_time: Option<String>,
    /// When the alert was made.
    #[serde(deserialize_with = "super::text")]
    pub created_date_time: Option<String>,
    /// When it was changed last.
    #[serde(deserialize_with = "super::text")]
    pub last_modified_date_time: Option<String>,
    /// Links to the alert at its vendor.
    #[serde(deserialize_with = "lenient::list")]
    pub source_materials: Vec<String>,
    /// Who raised it.
    #[serde(rename = "vendorInformation", deserialize_with = "lenient::field")]
    pub vendor: Option<Vendor>,
    /// Files that it names.
    #[serde(rename = "fileStates", deserialize_with = "lenient::list")]
    pub files: Vec<File>,
    /// Machines that it names.
    #[serde(rename = "hostStates", deserialize_with = "lenient::list")]
    pub hosts: Vec<Host>,
    /// Connections that it names.
    #[serde(rename = "networkConnections", deserialize_with = "lenient::list")]
    pub connections: Vec<Connection>,
}

impl super::Alert for Alert {
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn created(&self) -> Option<&str> {
        self.created_date_time.as_deref()
    }
}

/// A confidence: a whole number, or something else that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Percent {
    /// A whole number.
    Whole(i64),
    /// Not a whole number.
    Odd,
}

impl LenientValue<'_> for Percent {
    fn from_integer(value: i64) -> Option<Self> {
        Some(Self::Whole(value))
    }

    fn from_number(_: f64) -> Option<Self> {
        Some(Self::Odd)
    }

    fn from_text(_: &str) -> Option<Self> {
        Some(Self::Odd)
    }

    fn from_bool(_: bool) -> Option<Self> {
        Some(Self::Odd)
    }
}

/// Who raised an alert.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Vendor {
    /// The product, e.g. `Windows Defender ATP`.
    #[serde(deserialize_with = "super::text")]
    pub provider: Option<String>,
    /// A part of the product.
    #[serde(deserialize_with = "super::text")]
    pub sub_provider: Option<String>,
}

/// A file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct File {
    /// Its name.
    #[serde(deserialize_with = "super::text")]
    pub name: Option<String>,
    /// Where it lies.
    #[serde(deserialize_with = "super::text")]
    pub path: Option<String>,
    /// Its hash.
    #[serde(deserialize_with = "lenient::field")]
    pub file_hash: Option<FileHash>,
}

/// The hash of a file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FileHash {
    /// The algorithm.
    #[serde(deserialize_with = "super::text")]
    pub hash_type: Option<String>,
    /// The digits.
    #[serde(deserialize_with = "super::text")]
    pub hash_value: Option<String>,
}

/// A machine.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Host {
    /// Its full name.
    #[serde(deserialize_with = "super::text")]
    pub fqdn: Option<String>,
    /// Its short name.
    #[serde(deserialize_with = "super::text")]
    pub net_bios_name: Option<String>,
    /// Its address inside.
    #[serde(deserialize_with = "super::text")]
    pub private_ip_address: Option<String>,
    /// Its address outside.
    #[serde(deserialize_with = "super::text")]
    pub public_ip_address: Option<String>,
}

/// A network connection.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Connection {
    /// Where it comes from.
    #[serde(deserialize_with = "super::text")]
    pub source_address: Option<String>,
    /// The name of the host that it goes to.
    #[serde(deserialize_with = "super::text")]
    pub destination_domain: Option<String>,
}

lenient::object!(Alert, Vendor, File, FileHash, Host, Connection);

impl Alert {
    /// When it happened, or the next best time, in the words of the API.
    pub fn times(&self) -> impl Iterator<Item = &str> {
        [&self.event_date_time, &self.created_date_time, &self.last_modified_date_time]
            .into_iter()
            .filter_map(|time| time.as_deref())
    }

    /// The product that raised it.
    pub fn provider(&self) -> Option<&str> {
        self.vendor.as_ref().and_then(|vendor| vendor.provider.as_deref())
    }
}
