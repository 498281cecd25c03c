//! Alerts and their evidence.

use relay_core::lenient;
use serde::Deserialize;

use super::{Hashes, Number, Words};

/// An alert.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Alert {
    /// Its id; an alert without one is of no use.
    #[serde(deserialize_with = "lenient::field")]
    pub id: Option<String>,
    /// Headline.
    #[serde(deserialize_with = "lenient::field")]
    pub title: Option<String>,
    /// What happened.
    #[serde(deserialize_with = "lenient::field")]
    pub description: Option<String>,
    /// `UnSpecified`, `Informational`, `Low`, `Medium` or `High`.
    #[serde(deserialize_with = "lenient::field")]
    pub severity: Option<String>,
    /// `New`, `InProgress`, `Resolved` or `Unknown`.
    #[serde(deserialize_with = "lenient::field")]
    pub status: Option<String>,
    /// What an analyst made of it, such as `FalsePositive`.
    #[serde(deserialize_with = "lenient::field")]
    pub classification: Option<String>,
    /// What it turned out to be, such as `Malware`.
    #[serde(deserialize_with = "lenient::field")]
    pub determination: Option<String>,
    /// The tactic, such as `DefenseEvasion`.
    #[serde(deserialize_with = "lenient::field")]
    pub category: Option<String>,
    /// The incident that it belongs to.
    #[serde(deserialize_with = "lenient::field")]
    pub incident_id: Option<Number>,
    /// What raised it, such as `WindowsDefenderAtp`.
    #[serde(deserialize_with = "lenient::field")]
    pub detection_source: Option<String>,
    /// The malware that was found.
    #[serde(deserialize_with = "lenient::field")]
    pub threat_name: Option<String>,
    /// The family of that malware.
    #[serde(deserialize_with = "lenient::field")]
    pub threat_family_name: Option<String>,
    /// When it was raised.
    #[serde(deserialize_with = "lenient::field")]
    pub alert_creation_time: Option<String>,
    /// When it was changed last.
    #[serde(deserialize_with = "lenient::field")]
    pub last_update_time: Option<String>,
    /// The first event that belongs to it.
    #[serde(deserialize_with = "lenient::field")]
    pub first_event_time: Option<String>,
    /// The last one.
    #[serde(deserialize_with = "lenient::field")]
    pub last_event_time: Option<String>,
    /// The device.
    #[serde(deserialize_with = "lenient::field")]
    pub machine_id: Option<String>,
    /// Its name.
    #[serde(deserialize_with = "lenient::field")]
    pub computer_dns_name: Option<String>,
    /// The tenant, for links.
    #[serde(deserialize_with = "lenient::field")]
    pub aad_tenant_id: Option<String>,
    /// The account that it is about.
    #[serde(deserialize_with = "lenient::field")]
    pub related_user: Option<RelatedUser>,
    /// Techniques of MITRE ATT&CK, such as `T1055.012`.
    #[serde(deserialize_with = "lenient::field")]
    mitre_techniques: Option<Words>,
    /// What it is founded on.
    #[serde(deserialize_with = "lenient::list")]
    pub evidence: Vec<Evidence>,
}

/// The account that an alert is about.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RelatedUser {
    /// Its name, without the domain.
    #[serde(deserialize_with = "lenient::field")]
    pub user_name: Option<String>,
    /// Its domain.
    #[serde(deserialize_with = "lenient::field")]
    pub domain_name: Option<String>,
}

/// A file, process, address, URL or account of an alert.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Evidence {
    /// `Process`, `File`, `Ip`, `Url`, `User`; others are ignored.
    #[serde(deserialize_with = "lenient::field")]
    pub entity_type: Option<String>,
    /// SHA-1 of the file, or of the process's image.
    #[serde(deserialize_with = "lenient::field")]
    pub sha1: Option<String>,
    /// Its SHA-256.
    #[serde(deserialize_with = "lenient::field")]
    pub sha256: Option<String>,
    /// Its MD5.
    #[serde(deserialize_with = "lenient::field")]
    pub md5: Option<String>,
    /// Its name.
    #[serde(deserialize_with = "lenient::field")]
    pub file_name: Option<String>,
    /// Its folder.
    #[serde(deserialize_with = "lenient::field")]
    pub file_path: Option<String>,
    /// Of a process.
    #[serde(deserialize_with = "lenient::field")]
    pub process_id: Option<i64>,
    /// How it was started.
    #[serde(deserialize_with = "lenient::field")]
    pub process_command_line: Option<String>,
    /// When it was started.
    #[serde(deserialize_with = "lenient::field")]
    pub process_creation_time: Option<String>,
    /// Of the process that started it.
    #[serde(deserialize_with = "lenient::field")]
    pub parent_process_id: Option<i64>,
    /// When that one was started.
    #[serde(deserialize_with = "lenient::field")]
    pub parent_process_creation_time: Option<String>,
    /// What that one's image is called.
    #[serde(deserialize_with = "lenient::field")]
    pub parent_process_file_name: Option<String>,
    /// An address.
    #[serde(deserialize_with = "lenient::field")]
    pub ip_address: Option<String>,
    /// A URL or host name.
    #[serde(deserialize_with = "lenient::field")]
    pub url: Option<String>,
    /// An account, without its domain.
    #[serde(deserialize_with = "lenient::field")]
    pub account_name: Option<String>,
    /// Its domain.
    #[serde(deserialize_with = "lenient::field")]
    pub domain_name: Option<String>,
    /// Its name in Microsoft Entra.
    #[serde(deserialize_with = "lenient::field")]
    pub user_principal_name: Option<String>,
}
lenient::object!(Alert, RelatedUser, Evidence);

impl Alert {
    /// Techniques of MITRE ATT&CK, as they came.
    pub fn techniques(&self) -> &[String] {
        self.mitre_techniques.as_ref().map(|words| words.0.as_slice()).unwrap_or_default()
    }

    /// The entries of evidence of a type.
    pub fn of_type<'a>(evidence: &'a [Evidence], kind: &'static str) -> impl Iterator<Item = &'a Evidence> {
        evidence.iter().filter(move |entry| entry.entity_type.as_deref() == Some(kind))
    }
}

impl Evidence {
    /// Its hashes, as far as it has them.
    pub fn hashes(&self) -> Hashes {
        Hashes::new(self.sha1.as_deref(), self.sha256.as_deref(), self.md5.as_deref())
    }
}
