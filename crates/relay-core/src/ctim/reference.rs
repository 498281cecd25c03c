//! Where else a fact is recorded.

use serde::Serialize;

use super::setters::setters;
use super::{HttpUrl, LongText, MediumText};

/// A record of the same fact outside the platform, mostly at the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExternalReference {
    source_name: MediumText,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<LongText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<HttpUrl>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<LongText>,
}

impl ExternalReference {
    /// A record that `source_name` keeps.
    pub fn new(source_name: MediumText) -> Self {
        Self { source_name, external_id: None, url: None, description: None }
    }

    setters! {
        /// The record's own id there.
        text external_id: 5000 => external_id;
        /// The record's page.
        option url: HttpUrl => url;
        /// What the record is, in Markdown.
        text description: 5000 => description;
    }
}
