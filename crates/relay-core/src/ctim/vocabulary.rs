//! CTIM's vocabularies, but for the types of observables.

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use super::vocabulary_macros::{closed_vocabulary, open_vocabulary};

closed_vocabulary! {
    /// How sure a source is. `Unknown`: the provider gave nothing usable.
    Confidence {
        None = "None",
        Info = "Info",
        Low = "Low",
        Medium = "Medium",
        High = "High",
        Unknown = "Unknown",
    }
}

closed_vocabulary! {
    /// How bad it is. `Unknown`: the provider gave nothing usable.
    Severity {
        None = "None",
        Info = "Info",
        Low = "Low",
        Medium = "Medium",
        High = "High",
        Critical = "Critical",
        Unknown = "Unknown",
    }
}

closed_vocabulary! {
    /// With whom an entity may be shared (Traffic Light Protocol).
    Tlp {
        White = "white",
        Green = "green",
        Amber = "amber",
        Red = "red",
    }
}

closed_vocabulary! {
    /// What kind of rule, feed or list an indicator is.
    IndicatorType {
        Anonymization = "Anonymization",
        CommandAndControl = "C2",
        CompromisedCertificate = "Compromised PKI Certificate",
        DomainWatchlist = "Domain Watchlist",
        Exfiltration = "Exfiltration",
        FileHashWatchlist = "File Hash Watchlist",
        HostCharacteristics = "Host Characteristics",
        ImeiWatchlist = "IMEI Watchlist",
        ImsiWatchlist = "IMSI Watchlist",
        IpWatchlist = "IP Watchlist",
        LoginName = "Login Name",
        MaliciousEmail = "Malicious E-mail",
        MalwareArtifacts = "Malware Artifacts",
        PrivateThreatFeed = "Private Threat Feed",
        UrlWatchlist = "URL Watchlist",
    }
}

closed_vocabulary! {
    /// What the cells of a column are.
    ColumnType {
        String = "string",
        Markdown = "markdown",
        Integer = "integer",
        Number = "number",
        Url = "url",
        Observable = "observable",
    }
}

open_vocabulary! {
    /// The kind of device that reported a sighting, or that a target is.
    Sensor {
        ENDPOINT = "endpoint",
        ENDPOINT_LAPTOP = "endpoint.laptop",
        ENDPOINT_SERVER = "endpoint.server",
        ENDPOINT_WORKSTATION = "endpoint.workstation",
        NETWORK = "network",
        NETWORK_FIREWALL = "network.firewall",
        NETWORK_GATEWAY = "network.gateway",
        NETWORK_IDS = "network.ids",
        NETWORK_IPS = "network.ips",
        NETWORK_PROXY = "network.proxy",
        NETWORK_SENSOR = "network.sensor",
        PROCESS = "process",
        PROCESS_AAA_SERVER = "process.aaa-server",
        PROCESS_ANTI_VIRUS_SCANNER = "process.anti-virus-scanner",
        PROCESS_DIRECTORY_SERVICE = "process.directory-service",
        PROCESS_DNS_SERVER = "process.dns-server",
        PROCESS_EMAIL_SERVICE = "process.email-service",
        PROCESS_SANDBOX = "process.sandbox",
        USER = "user",
    }
}

open_vocabulary! {
    /// What became of the activity that was seen.
    Resolution {
        DETECTED = "detected",
        BLOCKED = "blocked",
        ALLOWED = "allowed",
        CONTAINED = "contained",
    }
}

open_vocabulary! {
    /// How one observable relates to another, to be read as a sentence: source, relation, related.
    ///
    /// `Connect_To`, `File_Name_Of`, `File_Path_Of`, `Hosted_On`, `Queried_For`, `SAN_DNS_For` and
    /// `Sent_From` are not among CTIM's published values; the platform shows them all the same.
    RelationType {
        ATTACHED_TO = "Attached_To",
        CHARACTERIZES = "Characterizes",
        CHILD_OF = "Child_Of",
        CONNECTED_FROM = "Connected_From",
        CONNECTED_TO = "Connected_To",
        CONNECT_TO = "Connect_To",
        CONTAINS = "Contains",
        CREATED = "Created",
        DELETED = "Deleted",
        DOWNLOADED_FROM = "Downloaded_From",
        DOWNLOADED_TO = "Downloaded_To",
        FILE_NAME_OF = "File_Name_Of",
        FILE_PATH_OF = "File_Path_Of",
        HOSTED_ON = "Hosted_On",
        INJECTED_INTO = "Injected_Into",
        PARENT_OF = "Parent_Of",
        QUERIED_FOR = "Queried_For",
        RECEIVED_FROM = "Received_From",
        REDIRECTS_TO = "Redirects_To",
        REFERS_TO = "Refers_To",
        RELATED_TO = "Related_To",
        RENAMED = "Renamed",
        RENAMED_TO = "Renamed_To",
        RESOLVED_TO = "Resolved_To",
        SAN_DNS_FOR = "SAN_DNS_For",
        SENT = "Sent",
        SENT_FROM = "Sent_From",
        SENT_TO = "Sent_To",
        SUB_DOMAIN_OF = "Sub-domain_Of",
        SUPRA_DOMAIN_OF = "Supra-domain_Of",
        UPLOADED_FROM = "Uploaded_From",
        UPLOADED_TO = "Uploaded_To",
        USED = "Used",
        WROTE_TO = "Wrote_To",
    }
}

/// What a source thinks of an observable.
///
/// CTIM writes it as a number and as a name; both come from here, so that they cannot disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// Known to be harmless.
    Clean,
    /// Known to be harmful.
    Malicious,
    /// Perhaps harmful.
    Suspicious,
    /// Seen too widely to mean anything.
    Common,
    /// Nothing is known.
    Unknown,
}

impl Disposition {
    /// All values, by number.
    pub const ALL: [Self; 5] = [Self::Clean, Self::Malicious, Self::Suspicious, Self::Common, Self::Unknown];

    /// `disposition` in JSON.
    pub const fn number(self) -> u8 {
        match self {
            Self::Clean => 1,
            Self::Malicious => 2,
            Self::Suspicious => 3,
            Self::Common => 4,
            Self::Unknown => 5,
        }
    }

    /// `disposition_name` in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clean => "Clean",
            Self::Malicious => "Malicious",
            Self::Suspicious => "Suspicious",
            Self::Common => "Common",
            Self::Unknown => "Unknown",
        }
    }
}

impl Serialize for Disposition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Disposition", 2)?;
        fields.serialize_field("disposition", &self.number())?;
        fields.serialize_field("disposition_name", self.name())?;
        fields.end()
    }
}
