//! Custom indicators.

use relay_core::lenient;
use serde::Deserialize;

use super::Cell;

/// A custom indicator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Indicator {
    /// Digits, as a text or as a number.
    #[serde(deserialize_with = "lenient::field")]
    id: Option<Cell>,
    /// What it is about.
    #[serde(deserialize_with = "lenient::field")]
    pub indicator_value: Option<String>,
    /// `FileSha1`, `DomainName` and so on.
    #[serde(deserialize_with = "lenient::field")]
    pub indicator_type: Option<String>,
    /// What happens on a match.
    #[serde(deserialize_with = "lenient::field")]
    pub action: Option<String>,
    /// How bad a match is.
    #[serde(deserialize_with = "lenient::field")]
    pub severity: Option<String>,
    /// Its name.
    #[serde(deserialize_with = "lenient::field")]
    pub title: Option<String>,
    /// When it was made.
    #[serde(deserialize_with = "lenient::field")]
    pub creation_time_date_time_utc: Option<String>,
    /// When it was changed last.
    #[serde(deserialize_with = "lenient::field")]
    pub last_update_time: Option<String>,
    /// When it ends; never, where there is none.
    #[serde(deserialize_with = "lenient::field")]
    pub expiration_time: Option<String>,
    /// The device groups that it is limited to; all, where there is none.
    #[serde(deserialize_with = "lenient::list")]
    pub rbac_group_names: Vec<String>,
}
lenient::object!(Indicator);

impl Indicator {
    /// Its id: digits.
    pub fn id(&self) -> Option<&str> {
        self.id.as_ref().map(|id| id.0.trim()).filter(|id| is_id(id))
    }
}

/// Whether a text can be the id of an indicator.
pub fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit())
}
