//! Devices and what is done with them.

use relay_core::lenient;
use serde::Deserialize;

use super::Cell;

/// A device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Machine {
    /// Its id.
    #[serde(deserialize_with = "lenient::field")]
    pub id: Option<String>,
    /// Its name.
    #[serde(deserialize_with = "lenient::field")]
    pub computer_dns_name: Option<String>,
    /// When it reported last.
    #[serde(deserialize_with = "lenient::field")]
    pub last_seen: Option<String>,
    /// `Onboarded` where Defender looks after it.
    #[serde(deserialize_with = "lenient::field")]
    pub onboarding_status: Option<String>,
    /// Operating system, such as `Windows11`.
    #[serde(deserialize_with = "lenient::field")]
    pub os_platform: Option<String>,
    /// Its processor, such as `x64`.
    #[serde(deserialize_with = "lenient::field")]
    pub os_processor: Option<String>,
    /// Its version, such as `23H2`.
    #[serde(deserialize_with = "lenient::field")]
    pub version: Option<String>,
    /// Its address in the organization's own network.
    #[serde(deserialize_with = "lenient::field")]
    pub last_ip_address: Option<String>,
    /// Addresses of its network adapters.
    #[serde(deserialize_with = "lenient::list")]
    pub ip_addresses: Vec<MachineAddress>,
}

/// An address of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MachineAddress {
    /// IPv4 or IPv6.
    #[serde(deserialize_with = "lenient::field")]
    pub ip_address: Option<String>,
    /// Of the adapter.
    #[serde(deserialize_with = "lenient::field")]
    pub mac_address: Option<String>,
}

/// Whether an action can be taken on a device.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Availability {
    /// Which action.
    #[serde(deserialize_with = "lenient::field")]
    pub action: Option<String>,
    /// Whether it can.
    #[serde(deserialize_with = "lenient::field")]
    pub is_available: Option<bool>,
}

/// An action that was taken on a device.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MachineAction {
    /// Its id.
    #[serde(deserialize_with = "lenient::field")]
    pub id: Option<Cell>,
    /// `Isolate`, `Unisolate` and so on.
    #[serde(rename = "type", deserialize_with = "lenient::field")]
    pub kind: Option<String>,
    /// `Pending`, `InProgress`, `Succeeded` and so on.
    #[serde(deserialize_with = "lenient::field")]
    pub status: Option<String>,
    /// Who asked for it.
    #[serde(deserialize_with = "lenient::field")]
    pub requestor: Option<String>,
    /// Why.
    #[serde(deserialize_with = "lenient::field")]
    pub requestor_comment: Option<String>,
    /// When.
    #[serde(deserialize_with = "lenient::field")]
    pub creation_date_time_utc: Option<String>,
}
lenient::object!(Machine, MachineAddress, Availability, MachineAction);
