//! `GET /security/alerts_v2` (<https://learn.microsoft.com/en-us/graph/api/resources/security-alert>).

use relay_core::lenient::{self, LenientValue};
use serde::Deserialize;

use super::told;

/// An alert.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Alert {
    #[serde(deserialize_with = "lenient::field")]
    id: Option<String>,
    /// Its id at the product that raised it.
    #[serde(deserialize_with = "lenient::field")]
    pub provider_alert_id: Option<String>,
    /// The incident that it belongs to.
    #[serde(deserialize_with = "lenient::field")]
    pub incident_id: Option<String>,
    /// The tenant.
    #[serde(deserialize_with = "lenient::field")]
    pub tenant_id: Option<String>,
    /// What it is called.
    #[serde(deserialize_with = "lenient::field")]
    pub title: Option<String>,
    /// What happened.
    #[serde(deserialize_with = "lenient::field")]
    pub description: Option<String>,
    /// One of a few words.
    #[serde(deserialize_with = "lenient::field")]
    pub severity: Option<String>,
    /// Which service raised it.
    #[serde(deserialize_with = "lenient::field")]
    pub service_source: Option<String>,
    /// The product as users know it.
    #[serde(deserialize_with = "lenient::field")]
    pub product_name: Option<String>,
    /// Its page in the portal.
    #[serde(deserialize_with = "lenient::field")]
    pub alert_web_url: Option<String>,
    /// The incident's page in the portal.
    #[serde(deserialize_with = "lenient::field")]
    pub incident_web_url: Option<String>,
    /// MITRE ATT&CK techniques.
    #[serde(deserialize_with = "lenient::list")]
    pub mitre_techniques: Vec<String>,
    /// When the alert was made.
    #[serde(deserialize_with = "lenient::field")]
    pub created_date_time: Option<String>,
    /// When it was changed last.
    #[serde(deserialize_with = "lenient::field")]
    pub last_update_date_time: Option<String>,
    /// When its activity began.
    #[serde(deserialize_with = "lenient::field")]
    pub first_activity_date_time: Option<String>,
    /// When its activity ended.
    #[serde(deserialize_with = "lenient::field")]
    pub last_activity_date_time: Option<String>,
    /// What it rests on.
    #[serde(deserialize_with = "lenient::list")]
    pub evidence: Vec<Evidence>,
}

impl super::Alert for Alert {
    fn id(&self) -> Option<&str> {
        told(self.id.as_deref())
    }
}

/// What sort of evidence it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A machine.
    Device,
    /// An address.
    Ip,
    /// A URL.
    Url,
    /// A file.
    File,
    /// A process with its file and its parent's.
    Process,
    /// A user account.
    User,
    /// A connection between two addresses.
    NetworkConnection,
    /// A name and the addresses that it resolved to.
    Dns,
    /// A hash alone.
    FileHash,
    /// One of the many that are not read.
    #[default]
    Other,
}

impl LenientValue<'_> for Kind {
    fn from_text(text: &str) -> Option<Self> {
        Some(match text.trim_start_matches('#') {
            "microsoft.graph.security.deviceEvidence" => Self::Device,
            "microsoft.graph.security.ipEvidence" => Self::Ip,
            "microsoft.graph.security.urlEvidence" => Self::Url,
            "microsoft.graph.security.fileEvidence" => Self::File,
            "microsoft.graph.security.processEvidence" => Self::Process,
            "microsoft.graph.security.userEvidence" => Self::User,
            "microsoft.graph.security.networkConnectionEvidence" => Self::NetworkConnection,
            "microsoft.graph.security.dnsEvidence" => Self::Dns,
            "microsoft.graph.security.fileHashEvidence" => Self::FileHash,
            _ => Self::Other,
        })
    }
}

/// A piece of evidence: the fields of all kinds that are read, of which those of its kind are filled.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Evidence {
    #[serde(rename = "@odata.type", deserialize_with = "lenient::field")]
    pub(crate) kind: Option<Kind>,
    /// Any kind: whether it is harmful.
    #[serde(deserialize_with = "lenient::field")]
    pub verdict: Option<String>,
    /// Any kind: what was done about it.
    #[serde(deserialize_with = "lenient::field")]
    pub remediation_status: Option<String>,
    /// Any kind: what part it plays.
    #[serde(deserialize_with = "lenient::list")]
    pub roles: Vec<String>,
    /// Device: its id in Defender.
    #[serde(deserialize_with = "lenient::field")]
    pub mde_device_id: Option<String>,
    /// Device: its full name.
    #[serde(deserialize_with = "lenient::field")]
    pub device_dns_name: Option<String>,
    /// Device: its short name.
    #[serde(deserialize_with = "lenient::field")]
    pub host_name: Option<String>,
    /// Device: what it runs on.
    #[serde(deserialize_with = "lenient::field")]
    pub os_platform: Option<String>,
    /// Device: its addresses.
    #[serde(deserialize_with = "lenient::list")]
    pub ip_interfaces: Vec<String>,
    /// Ip: the address.
    #[serde(deserialize_with = "lenient::field")]
    pub ip_address: Option<String>,
    /// Url: the URL.
    #[serde(deserialize_with = "lenient::field")]
    pub url: Option<String>,
    /// File: the file.
    #[serde(deserialize_with = "lenient::field")]
    pub file_details: Option<File>,
    /// Process: its file.
    #[serde(deserialize_with = "lenient::field")]
    pub image_file: Option<File>,
    /// Process: the file of the process that started it.
    #[serde(deserialize_with = "lenient::field")]
    pub parent_process_image_file: Option<File>,
    /// User, process: the account.
    #[serde(deserialize_with = "lenient::field")]
    pub user_account: Option<Account>,
    /// Network connection: where it comes from.
    #[serde(deserialize_with = "lenient::field")]
    pub source_address: Option<Address>,
    /// Network connection: where it goes to.
    #[serde(deserialize_with = "lenient::field")]
    pub destination_address: Option<Address>,
    /// Dns: the name.
    #[serde(deserialize_with = "lenient::field")]
    pub domain_name: Option<String>,
    /// Dns: what it resolved to.
    #[serde(deserialize_with = "lenient::list")]
    pub ip_addresses: Vec<Address>,
    /// Dns: who was asked.
    #[serde(deserialize_with = "lenient::field")]
    pub dns_server_ip: Option<Address>,
    /// Dns: who asked.
    #[serde(deserialize_with = "lenient::field")]
    pub host_ip_address: Option<Address>,
    /// File hash: which algorithm.
    #[serde(deserialize_with = "lenient::field")]
    pub algorithm: Option<String>,
    /// File hash: the digits.
    #[serde(deserialize_with = "lenient::field")]
    pub value: Option<String>,
}

/// A file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct File {
    /// SHA-1.
    #[serde(deserialize_with = "lenient::field")]
    pub sha1: Option<String>,
    /// SHA-256.
    #[serde(deserialize_with = "lenient::field")]
    pub sha256: Option<String>,
    /// MD5.
    #[serde(deserialize_with = "lenient::field")]
    pub md5: Option<String>,
    /// Its name.
    #[serde(deserialize_with = "lenient::field")]
    pub file_name: Option<String>,
    /// Its folder, or its whole path.
    #[serde(deserialize_with = "lenient::field")]
    pub file_path: Option<String>,
}

/// A user account.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Account {
    /// Its name.
    #[serde(deserialize_with = "lenient::field")]
    pub account_name: Option<String>,
    /// Its name for logging in, mostly a mail address.
    #[serde(deserialize_with = "lenient::field")]
    pub user_principal_name: Option<String>,
}

/// An address inside other evidence.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Address {
    #[serde(deserialize_with = "lenient::field")]
    ip_address: Option<String>,
}

lenient::object!(Alert, Evidence, File, Account, Address);

impl Evidence {
    /// What sort it is.
    pub fn kind(&self) -> Kind {
        self.kind.unwrap_or_default()
    }

    /// Device: its short name, or the first label of its full one.
    pub fn device_name(&self) -> Option<&str> {
        told(self.host_name.as_deref()).or_else(|| self.first_label())
    }

    /// Device: the first label of its full name.
    pub fn first_label(&self) -> Option<&str> {
        told(self.device_dns_name.as_deref()).and_then(|name| told(name.split('.').next()))
    }

    /// File, process: the files that it is about; of a process its own and its parent's.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        let files = match self.kind() {
            Kind::File => [&self.file_details, &None],
            Kind::Process => [&self.image_file, &self.parent_process_image_file],
            _ => [&None, &None],
        };
        files.into_iter().flatten()
    }
}

impl Address {
    /// The address.
    pub fn text(&self) -> Option<&str> {
        self.ip_address.as_deref()
    }
}

impl File {
    /// Its name.
    pub fn name(&self) -> Option<&str> {
        told(self.file_name.as_deref())
    }

    /// Its path with its name; nothing where either is missing. Some products give the folder as the path, and
    /// some the whole path.
    pub fn full_path(&self) -> Option<String> {
        let (path, name) = (told(self.file_path.as_deref())?, self.name()?);
        let is_separator = |c: char| matches!(c, '\\' | '/');
        let folder = path.strip_suffix(name);
        if folder.is_some_and(|folder| folder.is_empty() || folder.ends_with(is_separator)) {
            return Some(path.to_owned());
        }
        let windows = path.contains('\\') || path.as_bytes().get(1) == Some(&b':');
        let separator = match (path.ends_with(is_separator), windows) {
            (true, _) => "",
            (false, true) => "\\",
            (false, false) => "/",
        };
        Some(format!("{path}{separator}{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_and_name_are_joined_as_their_system_does() {
        for (path, name, expected) in [
            ("C:\\Temp", "drop.exe", Some("C:\\Temp\\drop.exe")),
            ("C:\\Temp\\", "drop.exe", Some("C:\\Temp\\drop.exe")),
            ("C:", "drop.exe", Some("C:\\drop.exe")),
            ("C:\\Temp\\drop.exe", "drop.exe", Some("C:\\Temp\\drop.exe")),
            ("C:\\Temp\\xdrop.exe", "drop.exe", Some("C:\\Temp\\xdrop.exe\\drop.exe")),
            ("/usr/bin", "sh", Some("/usr/bin/sh")),
            ("/", "vmlinuz", Some("/vmlinuz")),
            ("/usr/bin/sh", "sh", Some("/usr/bin/sh")),
            ("drop.exe", "drop.exe", Some("drop.exe")),
            ("é", "x", Some("é/x")),
            ("", "x", None),
            ("/tmp", " ", None),
        ] {
            let file = File { file_path: Some(path.into()), file_name: Some(name.into()), ..File::default() };
            assert_eq!(file.full_path().as_deref(), expected, "{path} {name}");
        }
    }
}
