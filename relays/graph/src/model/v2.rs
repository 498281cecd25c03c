//! `GET /security/alerts_v2` (<https://learn.microsoft.com/en-us/graph/api/resources/security-alert>).

use compact_str::CompactString;
use relay_core::lenient;
use serde::Deserialize;

use super::evidence::{Evidence, Kind};

/// An alert.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Alert {
    /// Its id.
    #[serde(deserialize_with = "super::text")]
    pub id: Option<CompactString>,
    /// Its id at the product that raised it.
    #[serde(deserialize_with = "super::text")]
    pub provider_alert_id: Option<CompactString>,
    /// The incident that it belongs to.
    #[serde(deserialize_with = "super::text")]
    pub incident_id: Option<CompactString>,
    /// The tenant.
    #[serde(deserialize_with = "super::text")]
    pub tenant_id: Option<CompactString>,
    /// What it is called.
    #[serde(deserialize_with = "super::text")]
    pub title: Option<CompactString>,
    /// What happened.
    #[serde(deserialize_with = "super::text")]
    pub description: Option<CompactString>,
    /// One of a few words.
    #[serde(deserialize_with = "super::text")]
    pub severity: Option<CompactString>,
    /// How far its handling is.
    #[serde(deserialize_with = "super::text")]
    pub status: Option<CompactString>,
    /// What an analyst found it to be.
    #[serde(deserialize_with = "super::text")]
    pub classification: Option<CompactString>,
    /// What an analyst found to have happened.
    #[serde(deserialize_with = "super::text")]
    pub determination: Option<CompactString>,
    /// The stage of an attack.
    #[serde(deserialize_with = "super::text")]
    pub category: Option<CompactString>,
    /// What noticed it.
    #[serde(deserialize_with = "super::text")]
    pub detection_source: Option<CompactString>,
    /// The group behind it.
    #[serde(deserialize_with = "super::text")]
    pub actor_display_name: Option<CompactString>,
    /// The threat.
    #[serde(deserialize_with = "super::text")]
    pub threat_display_name: Option<CompactString>,
    /// The family of malware.
    #[serde(deserialize_with = "super::text")]
    pub threat_family_name: Option<CompactString>,
    /// Which service raised it.
    #[serde(deserialize_with = "super::text")]
    pub service_source: Option<CompactString>,
    /// The product as users know it.
    #[serde(deserialize_with = "super::text")]
    pub product_name: Option<CompactString>,
    /// Its page in the portal.
    #[serde(deserialize_with = "super::text")]
    pub alert_web_url: Option<CompactString>,
    /// The incident's page in the portal.
    #[serde(deserialize_with = "super::text")]
    pub incident_web_url: Option<CompactString>,
    /// MITRE ATT&CK techniques.
    #[serde(deserialize_with = "lenient::list")]
    pub mitre_techniques: Vec<CompactString>,
    /// When the alert was made.
    #[serde(deserialize_with = "super::text")]
    pub created_date_time: Option<CompactString>,
    /// When it was changed last.
    #[serde(deserialize_with = "super::text")]
    pub last_update_date_time: Option<CompactString>,
    /// When its activity began.
    #[serde(deserialize_with = "super::text")]
    pub first_activity_date_time: Option<CompactString>,
    /// When its activity ended.
    #[serde(deserialize_with = "super::text")]
    pub last_activity_date_time: Option<CompactString>,
    /// What it rests on.
    #[serde(deserialize_with = "lenient::list")]
    pub evidence: Vec<Box<Evidence>>,
    /// Whether it is a row of the hunting table, which says less than the alert itself.
    #[serde(skip)]
    pub from_row: bool,
}

lenient::object!(Alert);

impl super::Alert for Alert {
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn created(&self) -> Option<&str> {
        self.created_date_time.as_deref()
    }
}

impl Alert {
    /// The evidence of machines.
    pub fn devices(&self) -> impl Iterator<Item = &Evidence> {
        self.evidence.iter().map(Box::as_ref).filter(|evidence| evidence.kind() == Kind::Device)
    }
}
