//! The tables that can be asked and their columns
//! (<https://learn.microsoft.com/defender-xdr/advanced-hunting-schema-tables>).

use jiff::Timestamp;
use serde_json::{Map, Value};

/// A row: values by column.
pub type Row = Map<std::string::String, Value>;

/// A time as it stands in rows.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A point in time.
    DateTime,
    /// A text.
    String,
    /// A whole number.
    Int32,
    /// A larger whole number.
    Int64,
    /// A list or object, as the text of its JSON.
    Dynamic,
}

impl Kind {
    /// Its name in the schema of an answer.
    pub fn name(self) -> &'static str {
        match self {
            Self::DateTime => "DateTime",
            Self::String => "String",
            Self::Int32 => "Int32",
            Self::Int64 => "Int64",
            Self::Dynamic => "Object",
        }
    }
}

/// A table of advanced hunting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// File creation, modification and other file system events.
    DeviceFileEvents,
    /// Network connections and related events.
    DeviceNetworkEvents,
    /// Other events, such as answers of name servers.
    DeviceEvents,
    /// Processes that were started.
    DeviceProcessEvents,
    /// Libraries that were loaded.
    DeviceImageLoadEvents,
    /// Logons.
    DeviceLogonEvents,
    /// Network adapters of devices.
    DeviceNetworkInfo,
    /// Alerts, with a row for each change of one.
    AlertInfo,
    /// Files, addresses, URLs, users and devices of alerts.
    AlertEvidence,
}

use Kind::{DateTime, Dynamic, Int32, Int64, String};

const DEVICE: [(&str, Kind); 3] = [("Timestamp", DateTime), ("DeviceId", String), ("DeviceName", String)];

const INITIATING_PROCESS: [(&str, Kind); 13] = [
    ("InitiatingProcessSHA1", String),
    ("InitiatingProcessSHA256", String),
    ("InitiatingProcessMD5", String),
    ("InitiatingProcessFileName", String),
    ("InitiatingProcessFolderPath", String),
    ("InitiatingProcessParentFileName", String),
    ("InitiatingProcessCommandLine", String),
    ("InitiatingProcessAccountName", String),
    ("InitiatingProcessAccountDomain", String),
    ("InitiatingProcessAccountUpn", String),
    ("InitiatingProcessId", Int64),
    ("AdditionalFields", Dynamic),
    ("ReportId", Int64),
];

const ACTION: [(&str, Kind); 1] = [("ActionType", String)];

const PROCESS: [(&str, Kind); 10] = [
    ("ActionType", String),
    ("FileName", String),
    ("FolderPath", String),
    ("SHA1", String),
    ("SHA256", String),
    ("MD5", String),
    ("ProcessCommandLine", String),
    ("AccountName", String),
    ("AccountDomain", String),
    ("AccountUpn", String),
];

const IMAGE: [(&str, Kind); 6] = [
    ("ActionType", String),
    ("FileName", String),
    ("FolderPath", String),
    ("SHA1", String),
    ("SHA256", String),
    ("MD5", String),
];

const LOGON: [(&str, Kind); 8] = [
    ("ActionType", String),
    ("LogonType", String),
    ("AccountName", String),
    ("AccountDomain", String),
    ("RemoteIP", String),
    ("RemotePort", Int32),
    ("RemoteDeviceName", String),
    ("FailureReason", String),
];

const FILE: [(&str, Kind); 9] = [
    ("ActionType", String),
    ("FileName", String),
    ("PreviousFileName", String),
    ("FolderPath", String),
    ("SHA1", String),
    ("SHA256", String),
    ("MD5", String),
    ("FileOriginUrl", String),
    ("FileOriginReferrerUrl", String),
];

const NETWORK: [(&str, Kind); 7] = [
    ("ActionType", String),
    ("RemoteIP", String),
    ("RemotePort", Int32),
    ("RemoteUrl", String),
    ("LocalIP", String),
    ("LocalPort", Int32),
    ("Protocol", String),
];

const ADAPTER: [(&str, Kind); 6] = [
    ("NetworkAdapterName", String),
    ("MacAddress", String),
    ("NetworkAdapterType", String),
    ("NetworkAdapterStatus", String),
    ("IPAddresses", Dynamic),
    ("ReportId", Int64),
];

const ALERT: [(&str, Kind); 8] = [
    ("Timestamp", DateTime),
    ("AlertId", String),
    ("Title", String),
    ("Category", String),
    ("Severity", String),
    ("ServiceSource", String),
    ("DetectionSource", String),
    ("AttackTechniques", Dynamic),
];

const EVIDENCE: [(&str, Kind); 30] = [
    ("Timestamp", DateTime),
    ("AlertId", String),
    ("Title", String),
    ("Categories", Dynamic),
    ("AttackTechniques", Dynamic),
    ("ServiceSource", String),
    ("DetectionSource", String),
    ("EntityType", String),
    ("EvidenceRole", String),
    ("EvidenceDirection", String),
    ("FileName", String),
    ("FolderPath", String),
    ("SHA1", String),
    ("SHA256", String),
    ("RemoteIP", String),
    ("LocalIP", String),
    ("RemoteUrl", String),
    ("ThreatFamily", String),
    ("AccountName", String),
    ("AccountDomain", String),
    ("AccountSid", String),
    ("AccountUpn", String),
    ("AccountObjectId", String),
    ("DeviceId", String),
    ("DeviceName", String),
    ("NetworkMessageId", String),
    ("EmailSubject", String),
    ("ProcessCommandLine", String),
    ("AdditionalFields", Dynamic),
    ("Severity", String),
];

impl Table {
    /// The table of this name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [
            Self::DeviceFileEvents,
            Self::DeviceNetworkEvents,
            Self::DeviceEvents,
            Self::DeviceProcessEvents,
            Self::DeviceImageLoadEvents,
            Self::DeviceLogonEvents,
            Self::DeviceNetworkInfo,
            Self::AlertInfo,
            Self::AlertEvidence,
        ];
        all.into_iter().find(|table| table.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeviceFileEvents => "DeviceFileEvents",
            Self::DeviceNetworkEvents => "DeviceNetworkEvents",
            Self::DeviceEvents => "DeviceEvents",
            Self::DeviceProcessEvents => "DeviceProcessEvents",
            Self::DeviceImageLoadEvents => "DeviceImageLoadEvents",
            Self::DeviceLogonEvents => "DeviceLogonEvents",
            Self::DeviceNetworkInfo => "DeviceNetworkInfo",
            Self::AlertInfo => "AlertInfo",
            Self::AlertEvidence => "AlertEvidence",
        }
    }

    /// Its columns, as far as they are simulated.
    pub fn columns(self) -> impl Iterator<Item = (&'static str, Kind)> {
        let parts: [&'static [(&'static str, Kind)]; 3] = match self {
            Self::DeviceFileEvents => [&DEVICE, &FILE, &INITIATING_PROCESS],
            Self::DeviceNetworkEvents => [&DEVICE, &NETWORK, &INITIATING_PROCESS],
            Self::DeviceEvents => [&DEVICE, &ACTION, &INITIATING_PROCESS],
            Self::DeviceProcessEvents => [&DEVICE, &PROCESS, &INITIATING_PROCESS],
            Self::DeviceImageLoadEvents => [&DEVICE, &IMAGE, &INITIATING_PROCESS],
            Self::DeviceLogonEvents => [&DEVICE, &LOGON, &INITIATING_PROCESS],
            Self::DeviceNetworkInfo => [&DEVICE, &ADAPTER, &[]],
            Self::AlertInfo => [&ALERT, &[], &[]],
            Self::AlertEvidence => [&EVIDENCE, &[], &[]],
        };
        parts.into_iter().flatten().copied()
    }
}
