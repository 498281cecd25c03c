//! The settings of the relay beyond its addresses.

use relay_core::settings::{ProviderSettings, SettingsError};

/// What is asked, and what is made of it.
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether DNS resolutions are asked for.
    pub resolve_enabled: bool,
    /// Whether collections are asked for.
    pub linkage_enabled: bool,
    /// Whether both are asked for only where there is a report.
    pub report_first: bool,
    /// How many collections are asked for, 1 to 100.
    pub collections: u64,
    /// Whether addresses of local networks are left out.
    pub skip_private: bool,
    /// Whether families and infrastructure of malware are mapped.
    pub malware_details: bool,
}

impl Options {
    /// Reads them.
    ///
    /// # Errors
    /// A setting is not usable.
    pub fn load(settings: &ProviderSettings) -> Result<Self, SettingsError> {
        Ok(Self {
            resolve_enabled: settings.flag("resolve_enabled")?,
            linkage_enabled: settings.flag("linkage_enabled")?,
            report_first: settings.flag("report_first")?,
            collections: settings.integer("collections", 1, 100)?,
            skip_private: settings.flag("skip_private")?,
            malware_details: settings.flag("malware_details")?,
        })
    }
}
