//! `GET /security/alerts_v2` (<https://learn.microsoft.com/en-us/graph/api/resources/security-alert>).

use relay_core::lenient;
use serde::Deserialize;

use super::evidence::{Evidence, Kind};

/// An alert.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Alert {
    /// Its id.
    #[serde(deserialize_with = "super::text")]
    pub id: Option<String>,
    /// Its id at the product that raised it.
    #[serde(deserialize_with = "super::text")]
    pub provider_alert_id: Option<String>,
    /// The incident that it belongs to.
    #[serde(deserialize_with = "super::text")]
    pub incident_id: Option<String>,
    /// The tenant.
    #[serde(deserialize_with = "super::text")]
    pub tenant_id: Option<String>,
    /// What it is called.
    #[serde(deserialize_with = "super::text")]
    pub title: Option<String>,
    /// What happened.
    #[serde(deserialize_with = "super::text")]
    pub description: Option<String>,
    /// One of a few words.
    #[serde(deserialize_with = "super::text")]
    pub severity: Option<String>,
    /// How far its handling is.
    #[serde(deserialize_with = "super::text")]
    pub status: Option<String>,
    /// What an analyst found it to be.
    #[serde(deserialize_with = "super::text")]
    pub classification: Option<String>,
    /// What an analyst found to have happened.
    #[serde(deserialize_with = "super::text")]
    pub determination: Option<String>,
    /// The stage of an attack.
    #[serde(deserialize_with = "super::text")]
    pub category: Option<String>,
    /// What noticed it.
    #[serde(deserialize_with = "super::text")]
    pub detection_source: Option<String>,
    /// The group behind it.
    #[serde(deserialize_with = "super::text")]
    pub actor_display_name: Option<String>,
    /// The threat.
    #[serde(deserialize_with = "super::text")]
    pub threat_display_name: Option<String>,
    /// The family of malware.
    #[serde(deserialize_with = "super::text")]
    pub threat_family_name: Option<String>,
    /// Which service raised it.
    #[serde(deserialize_with = "super::text")]
    pub service_source: Option<String>,
    /// The product as users know it.
    #[serde(deserialize_with = "super::text")]
    pub product_name: Option<String>,
    /// Its page in the portal.
    #[serde(deserialize_with = "super::text")]
    pub alert_web_url: Option<String>,
    /// The incident's page in the portal.
    #[serde(deserialize_with = "super::text")]
    pub incident_web_url: Option<String>,
    /// MITRE ATT&CK techniques.
    #[serde(deserialize_with = "lenient::list")]
    pub mitre_techniques: Vec<String>,
    /// When the alert was made.
    #[serde(deserialize_with = "super::text")]
    pub created_date_time: Option<String>,
    /// When it was changed last.
    #[serde(deserialize_with = "super::text")]
    pub last_update_date_time: Option<String>,
    /// When its activity began.
    #[serde(deserialize_with = "super::text")]
    pub first_activity_date_time: Option<String>,
    /// When its activity ended.
    #[serde(deserialize_with = "super::text")]
    pub last_activity_date_time: Option<String>,
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
